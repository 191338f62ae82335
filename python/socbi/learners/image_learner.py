"""Networks trained from scratch on the labelled images, as the papers do in each round."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.encoders.devices import chosen_device, import_torch
from socbi.errors import InvalidInputError, InvalidTypeError
from socbi.learners.networks import check_side, lenet5, resnet18
from socbi.learners.training_set import (
    Probabilities,
    Start,
    TrainingSet,
    checked_ids,
    checked_start,
    in_columns,
)
from socbi.neighbors.neighbor_index import checked_count

__all__ = ["ImageLearner", "LeNetLearner", "ResNetLearner"]

MakeNetwork = Callable[[int, int, int], Any]
# Images that mean and spread are taken from; more change neither in the third digit.
_MEASURED = 10_000


class ImageLearner:
    """Trains a network on images: Adam, shifted and mirrored copies, normalised channels.

    Parameters
    ----------
    images
        (n, channels, side, side), uint8: `socbi.encoders.images.resized_images` makes them.
    make_network
        From channels, side and classes to a torch module that gives logits.
    epochs, batch_size, learning_rate
        As the papers have them: 40, 256 and 1e-3.
    crop
        Images are moved by up to so many pixels, black coming in; 0 for none.
    flip
        Whether half of the images are mirrored; not for digits.
    mixed_precision
        On a GPU by default. On a processor it uses bfloat16.
    checkpoint
        A file to keep the state after each epoch. A fit on the same labels goes on from it, on a
        processor to the very weights of an undisturbed one.
    start
        ``"warm"`` begins at the weights of the last fit where the classes are the same.
    seed
        For weights, order, shifts and mirrors.
    device
        As torch calls it; a GPU where torch sees one by default.

    Notes
    -----
    Needs torch: ``pip install -c constraints.txt torch``.
    """

    def __init__(
        self,
        images: npt.NDArray[np.uint8],
        make_network: MakeNetwork,
        *,
        epochs: int = 40,
        batch_size: int = 256,
        learning_rate: float = 1e-3,
        crop: int = 4,
        flip: bool = True,
        mixed_precision: bool | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        start: Start = "cold",
        seed: int = 0,
        device: str | None = None,
    ) -> None:
        self._torch = import_torch("dino")
        self._images = _checked_images(images)
        self._make_network = make_network
        self._epochs = checked_count(epochs, "epochs")
        self._batch_size = checked_count(batch_size, "batch_size")
        if not learning_rate > 0:
            raise InvalidInputError(f"learning_rate must be above 0, got {learning_rate}")
        self._learning_rate = learning_rate
        self._crop = checked_count(crop, "crop", least=0)
        self._flip = flip
        self._device = chosen_device(self._torch, device)
        on_gpu = self._device.type == "cuda"
        self._mixed = on_gpu if mixed_precision is None else mixed_precision
        self._checkpoint = None if checkpoint is None else Path(checkpoint)
        self._start = checked_start(start)
        self._seed = seed
        some = images[:: -(-len(images) // _MEASURED) or 1] / np.float32(255)
        self._mean = some.mean(axis=(0, 2, 3), dtype=np.float64)
        self._width = np.maximum(some.std(axis=(0, 2, 3), dtype=np.float64), 1e-3)
        self._known: TrainingSet | None = None
        self._network: Any = None
        self.losses: list[float] = []
        """The mean loss of each epoch of the last fit."""

    def fit(
        self,
        ids: npt.ArrayLike,
        labels: npt.ArrayLike,
        *,
        classes: int,
        watch: Callable[[int], object] | None = None,
    ) -> ImageLearner:
        """Train on these samples; return the learner. ``watch`` is told of each epoch's end."""
        known = TrainingSet.checked(ids, labels, classes, len(self._images))
        if len(known.seen) == 1:  # there is nothing to tell apart
            self._known, self._network, self.losses = known, None, []
            return self
        network = self._made(len(known.seen))
        same = self._known is not None and np.array_equal(self._known.seen, known.seen)
        if self._start == "warm" and same:
            network.load_state_dict(self._network.state_dict())
        losses = self._train(network, known, watch)
        self._known, self._network, self.losses = known, network, losses
        return self

    def predict_proba(self, ids: npt.ArrayLike) -> Probabilities:
        """Return the probability of each class, (len(ids), classes)."""
        if self._known is None:
            raise InvalidInputError("nothing is learned yet: call fit first")
        torch, given = self._torch, checked_ids(ids, len(self._images))
        found = np.ones((len(given), len(self._known.seen)))
        if self._network is not None:
            self._network.eval()
            with torch.no_grad():
                for begin in range(0, len(given), self._batch_size):
                    some = given[begin : begin + self._batch_size]
                    logits = self._network(self._normalised(self._raw(some)))
                    found[begin : begin + len(some)] = logits.double().softmax(1).cpu().numpy()
        return in_columns(found, self._known.seen, self._known.classes)

    def remembered(self) -> dict[str, npt.NDArray[Any]]:
        """Return what the next fit begins at as arrays; nothing where it begins anew."""
        if self._start == "cold" or self._known is None or self._network is None:
            return {}
        weights = {
            f"weights {name}": tensor.cpu().numpy()
            for name, tensor in self._network.state_dict().items()
        }
        return {"seen": self._known.seen, "classes": np.array(self._known.classes), **weights}

    def remember(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from what another learner, made as this one, has `remembered`."""
        seen, none = state["seen"], np.empty(0, np.int64)
        network = self._made(len(seen))
        network.load_state_dict(
            {
                name.removeprefix("weights "): self._torch.from_numpy(np.array(value))
                for name, value in state.items()
                if name.startswith("weights ")
            }
        )
        self._known = TrainingSet(none, none, seen, int(state["classes"]))
        self._network = network

    # ---- training --------------------------------------------------------------------------------

    def _made(self, classes: int) -> Any:
        torch = self._torch
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed)
            _, channels, side, _ = self._images.shape
            return self._make_network(channels, side, classes).to(self._device)

    def _train(
        self, network: Any, known: TrainingSet, watch: Callable[[int], object] | None
    ) -> list[float]:
        torch = self._torch
        optimizer = torch.optim.Adam(network.parameters(), lr=self._learning_rate)
        scaler = torch.amp.GradScaler("cuda", enabled=self._mixed and self._device.type == "cuda")
        parts = {"network": network, "optimizer": optimizer, "scaler": scaler}
        digest = self._digest(known, network)
        losses = self._resumed(parts, digest)
        for epoch in range(len(losses), self._epochs):
            losses.append(self._epoch(parts, known, epoch))
            self._keep(parts, digest, losses)
            if watch is not None:
                watch(epoch)
        return losses

    def _epoch(self, parts: dict[str, Any], known: TrainingSet, epoch: int) -> float:
        torch, network, scaler = self._torch, parts["network"], parts["scaler"]
        # Whatever is drawn in an epoch follows from its number, so a resume draws the same.
        rng = torch.Generator().manual_seed(self._seed * 1_000_003 + epoch)
        network.train()
        total = 0.0
        low = torch.float16 if self._device.type == "cuda" else torch.bfloat16
        for rows in _batches(torch.randperm(len(known.ids), generator=rng), self._batch_size):
            images = self._varied(self._raw(known.ids[rows.numpy()]), rng)
            target = torch.from_numpy(known.places[rows.numpy()]).to(self._device)
            parts["optimizer"].zero_grad(set_to_none=True)
            with torch.autocast(self._device.type, low, enabled=self._mixed):
                loss = torch.nn.functional.cross_entropy(network(self._normalised(images)), target)
            scaler.scale(loss).backward()
            scaler.step(parts["optimizer"])
            scaler.update()
            total += float(loss.detach()) * len(rows)
        return total / len(known.ids)

    def _raw(self, ids: npt.NDArray[np.int64]) -> Any:
        return self._torch.from_numpy(self._images[ids]).to(self._device)

    def _normalised(self, images: Any) -> Any:
        shape = (1, -1, 1, 1)
        mean = self._torch.tensor(self._mean, dtype=self._torch.float32, device=self._device)
        width = self._torch.tensor(self._width, dtype=self._torch.float32, device=self._device)
        return (images.float() / 255 - mean.view(shape)) / width.view(shape)

    def _varied(self, images: Any, rng: Any) -> Any:
        """Return images moved and mirrored, each in a way of its own."""
        torch, count, side = self._torch, len(images), images.shape[-1]
        if self._flip:
            mirrored = torch.rand(count, generator=rng) < 0.5
            images[mirrored] = images[mirrored].flip(3)
        if self._crop == 0:
            return images
        padded = torch.nn.functional.pad(images, (self._crop,) * 4)
        down, right = torch.randint(2 * self._crop + 1, (2, count, 1), generator=rng)
        rows, columns = torch.arange(side) + down, torch.arange(side) + right  # (count, side)
        at = torch.arange(count)[:, None, None]
        cut = padded.permute(0, 2, 3, 1)[at, rows[:, :, None], columns[:, None, :]]
        # As rows of channels: in the other order the backward pass of torch 2.13 crashed, on
        # batches of 33 grey images on a processor. A copy, as contiguous() calls both orders so.
        return cut.permute(0, 3, 1, 2).clone(memory_format=torch.contiguous_format)

    # ---- checkpoints -----------------------------------------------------------------------------

    def _digest(self, known: TrainingSet, network: Any) -> str:
        """Return what a checkpoint must be of: the labels, the settings, and where it began."""
        settings = (self._batch_size, self._learning_rate, self._crop, self._flip, self._mixed)
        what = hashlib.sha256(f"{settings} {self._seed} {self._images.shape}".encode())
        for some in (known.ids, known.places, known.seen):
            what.update(some.tobytes())
        for name, tensor in network.state_dict().items():
            what.update(name.encode() + tensor.cpu().numpy().tobytes())
        return what.hexdigest()

    def _keep(self, parts: dict[str, Any], digest: str, losses: list[float]) -> None:
        """Write a checkpoint beside and rename it: it is the old one or the new one, whole."""
        if self._checkpoint is None:
            return
        state = {name: part.state_dict() for name, part in parts.items()}
        self._checkpoint.parent.mkdir(parents=True, exist_ok=True)
        beside = self._checkpoint.with_name(f"{self._checkpoint.name}.part")
        try:
            with open(beside, "wb") as file:
                self._torch.save({**state, "digest": digest, "losses": losses}, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, self._checkpoint)
        except BaseException:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
            raise

    def _resumed(self, parts: dict[str, Any], digest: str) -> list[float]:
        """Take over a checkpoint of this very fit; return its losses, none where there is none."""
        if self._checkpoint is None or not self._checkpoint.exists():
            return []
        try:
            state = self._torch.load(self._checkpoint, map_location=self._device, weights_only=True)
            if state["digest"] != digest or len(state["losses"]) > self._epochs:
                return []  # of other labels: the round after, which begins anew
            for name, part in parts.items():
                part.load_state_dict(state[name])
        except Exception as error:
            raise InvalidInputError(
                f"{self._checkpoint} is no sound checkpoint: {str(error).splitlines()[0]}; delete "
                "it to begin anew"
            ) from error
        return list(state["losses"])


class ResNetLearner(ImageLearner):
    """ResNet-18 for images of 32 or 64 pixels, with a stem of one 3x3 layer.

    ``width`` is the number of channels of its first stage; 64 in the papers. All else as
    `ImageLearner`.
    """

    def __init__(self, images: npt.NDArray[np.uint8], *, width: int = 64, **settings: Any) -> None:
        checked_count(width, "width")

        def made(channels: int, side: int, classes: int) -> Any:
            return resnet18(channels, side, classes, width)

        super().__init__(images, made, **settings)
        check_side("resnet18", self._images.shape[-1])


class LeNetLearner(ImageLearner):
    """LeNet-5, for 28 or 32 pixels. All else as `ImageLearner`."""

    def __init__(self, images: npt.NDArray[np.uint8], **settings: Any) -> None:
        super().__init__(images, lenet5, **settings)
        check_side("lenet5", self._images.shape[-1])


def _batches(order: Any, size: int) -> list[Any]:
    """Split an order; a last batch of one is left out this time, as norms need two."""
    parts = list(order.split(size))
    return parts[:-1] if len(parts) > 1 and len(parts[-1]) == 1 else parts


def _checked_images(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
        kind = getattr(images, "dtype", type(images).__name__)
        raise InvalidTypeError(f"images must be a numpy array of uint8, got {kind}")
    if images.ndim != 4 or images.shape[1] not in (1, 3) or images.shape[2] != images.shape[3]:
        raise InvalidInputError(
            f"images must have the shape (n, 1 or 3, side, side), got {images.shape}"
        )
    return images
