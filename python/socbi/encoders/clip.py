"""Images and texts as vectors of one space, by an open_clip model."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from socbi.encoders.devices import chosen_device, import_torch, usual_batch_size
from socbi.encoders.encoder import Vectors
from socbi.encoders.model import ModelEncoder, weights_hash
from socbi.encoders.torchvision_repair import import_torchvision
from socbi.errors import InvalidInputError, MissingExtraError
from socbi.pool import Fingerprint, Sample

__all__ = ["ClipEncoder"]

Tower: TypeAlias = Literal["image", "text", "both"]


class ClipEncoder(ModelEncoder):
    """An open_clip model: its image tower, its text tower, or both side by side.

    Parameters
    ----------
    model
        A name of open_clip, or a JSON file that describes a model as open_clip's own do.
    pretrained
        A name of weights that open_clip fetches, or a file of weights; None for the random weights
        of ``seed``.
    tower
        ``"both"`` gives [image; text], each at length 1, over the root of 2: so a product of two
        pairs is the mean of their image and text cosines.
    device
        As torch calls it; a GPU where torch sees one by default.
    batch_size
        As fits the device by default.

    Notes
    -----
    Half precision on a GPU. `embed` decodes and resizes images in threads, beside the model. Needs
    ``pip install -c constraints.txt 'socbi[clip]'``.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = "ViT-B-32",
        pretrained: str | os.PathLike[str] | None = "laion2b_s34b_b79k",
        *,
        tower: Tower = "image",
        device: str | None = None,
        batch_size: int | None = None,
        seed: int = 0,
    ) -> None:
        if tower not in ("image", "text", "both"):
            raise InvalidInputError(f"tower must be 'image', 'text' or 'both', got {tower!r}")
        self._torch = import_torch("clip")
        import_torchvision()
        self._tower = tower
        self._device = chosen_device(self._torch, device)
        open_clip = _open_clip()
        name = _registered(open_clip, model)
        with self._seeded(seed):
            self._model, self._transform = _created(open_clip, name, pretrained)
        self._model.eval()
        self._hash = weights_hash(self._model)
        on_gpu = self._device.type == "cuda"
        self._precision = self._torch.float16 if on_gpu else self._torch.float32
        self._model.to(self._device, self._precision)
        self._tokenizer = open_clip.get_tokenizer(name)
        self._name = f"clip {name} {Path(pretrained).name if pretrained else 'untrained'} {tower}"
        side = self._image_size()
        self._batch_size = batch_size or usual_batch_size(self._torch, self._device, side)
        self._dim = len(self._zeros()) * (2 if tower == "both" else 1)

    @contextmanager
    def _seeded(self, seed: int) -> Iterator[None]:
        """Draw random weights from this seed, and leave torch's own generator as it was."""
        with self._torch.random.fork_rng(devices=[]):
            self._torch.manual_seed(seed)
            yield

    def _image_size(self) -> int:
        size = getattr(self._model.visual, "image_size", 224)
        return int(size[0] if isinstance(size, (tuple, list)) else size)

    def _zeros(self) -> Any:
        """Return the vector of an empty text, to learn its dimensions."""
        with self._torch.inference_mode():
            return self._model.encode_text(self._tokenizer([""]).to(self._device))[0]

    @property
    def fingerprint(self) -> Fingerprint:
        """Return what tells this encoder from every other."""
        precision = str(self._precision).removeprefix("torch.")
        return Fingerprint(self._name, self._hash, f"{self._transform}, {precision}", self._dim)

    def encode(self, batch: Sequence[Sample]) -> Vectors:
        """Return a vector of length 1 for each sample."""
        with self._torch.inference_mode():
            parts = []
            if self._tower != "text":
                parts.append(self._images(batch))
            if self._tower != "image":
                parts.append(self._texts(batch))
        vectors = np.hstack(parts)
        return vectors / np.float32(len(parts) ** 0.5)

    def prepare(self, sample: Sample) -> Sample:
        """Return the sample with its image as the tensor that the image tower takes."""
        if self._tower == "text" or isinstance(sample.image, self._torch.Tensor):
            return sample
        if sample.image is None:
            raise InvalidInputError(f"sample {sample.id!r} has no image; this tower needs one")
        return replace(sample, image=self._transform(sample.image))

    def _images(self, batch: Sequence[Sample]) -> Vectors:
        stacked = self._torch.stack([self.prepare(sample).image for sample in batch])
        images = stacked.to(self._device, self._precision)
        return self._directions(self._model.encode_image(images))

    def _texts(self, batch: Sequence[Sample]) -> Vectors:
        for sample in batch:
            if sample.text is None:
                raise InvalidInputError(f"sample {sample.id!r} has no text; this tower needs one")
        tokens = self._tokenizer([str(sample.text) for sample in batch]).to(self._device)
        return self._directions(self._model.encode_text(tokens))

    def _directions(self, found: Any) -> Vectors:
        wide = found.float()
        wide = wide / wide.norm(dim=1, keepdim=True).clamp_min(1e-12)
        return np.asarray(wide.cpu().numpy(), np.float32)


def _open_clip() -> Any:
    try:
        import open_clip
    except ImportError as error:
        raise MissingExtraError(
            "ClipEncoder needs open_clip: pip install -c constraints.txt 'socbi[clip]'"
        ) from error
    return open_clip


def _registered(open_clip: Any, model: str | os.PathLike[str]) -> str:
    """Return the name of a model, having made a JSON file known to open_clip."""
    name = os.fspath(model)
    if not name.endswith(".json"):
        if name not in open_clip.list_models():
            raise InvalidInputError(
                f"open_clip has no model {name!r}; open_clip.list_models() names them, and a JSON "
                "file describes another"
            )
        return name
    try:
        json.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{name} is no description of a model: {error}") from error
    open_clip.add_model_config(name)
    return Path(name).stem


def _created(
    open_clip: Any, name: str, pretrained: str | os.PathLike[str] | None
) -> tuple[Any, Any]:
    try:
        model, _, transform = open_clip.create_model_and_transforms(
            name, pretrained=None if pretrained is None else os.fspath(pretrained)
        )
    except Exception as error:  # what a hub, a file and torch raise has no class in common
        raise InvalidInputError(
            f"the weights {str(pretrained)!r} of {name} can neither be read as a file nor fetched: "
            f"{(str(error).splitlines() or [type(error).__name__])[0]}; check the name, the "
            "network, or give a file"
        ) from error
    return model, transform
