"""Self-distillation without labels: teacher and student on the images of a pool."""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from socbi.encoders.devices import chosen_device, import_torch
from socbi.encoders.dino.encoder import DinoEncoder
from socbi.encoders.dino.loss import DinoLoss
from socbi.encoders.dino.network import made_network
from socbi.encoders.dino.settings import DinoSettings
from socbi.encoders.dino.views import draw_views
from socbi.encoders.dino.watch import EpochRecord, Watch, warn_of_collapse
from socbi.encoders.images import resized_images
from socbi.errors import InvalidInputError
from socbi.pool import Pool

__all__ = ["DinoTrainer"]

CHECKPOINT = "checkpoint.pt"
# The last batch of an epoch is left out when it is smaller than this share of a whole one.
_LEAST_BATCH = 0.5


class DinoTrainer:
    """Trains an image encoder on a pool, without labels, and survives interruptions.

    Parameters
    ----------
    pool
        With images; they are held in memory at ``settings.image_size``.
    folder
        Where a checkpoint is kept after each epoch. A trainer of the same settings goes on from it
        to the very losses of an undisturbed run (on the same kind of machine).
    settings
        What the run is made of.
    device
        As torch calls it; a GPU where torch sees one by default.

    Notes
    -----
    Needs ``pip install -c constraints.txt 'socbi[dino]'``.
    """

    def __init__(
        self,
        pool: Pool,
        folder: str | os.PathLike[str],
        settings: DinoSettings | None = None,
        *,
        device: str | None = None,
        progress: bool = True,
    ) -> None:
        self._torch = import_torch("dino")
        self._settings = settings or DinoSettings()
        self._folder = Path(folder)
        self._device = chosen_device(self._torch, device)
        self._progress = progress
        self._images = self._torch.from_numpy(
            resized_images(pool, self._settings.image_size, self._settings.channels, progress)
        )
        self._steps = _steps_an_epoch(len(pool), self._settings.batch_size)
        self.history: list[EpochRecord] = []
        """What each epoch came to."""
        self._make()

    def _make(self) -> None:
        torch, settings = self._torch, self._settings
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self._student = made_network(settings)
            self._teacher = made_network(settings)
        self._teacher.load_state_dict(self._student.state_dict())
        self._teacher.requires_grad_(False)
        # Convolutions of few channels take a quarter less with the channels last.
        last = torch.channels_last
        self._student.to(self._device, memory_format=last)
        self._teacher.to(self._device, memory_format=last)
        self._loss = DinoLoss(settings, self._device)
        self._optimizer = torch.optim.AdamW(_groups(self._student), lr=0.0)

    # ---- training --------------------------------------------------------------------------------

    def fit(self, epochs: int | None = None) -> DinoEncoder:
        """Train to the end of the settings' epochs, or for so many more; return the encoder.

        A checkpoint in the folder is gone on from.
        """
        if not self.history:
            self._resume()
        last = self._settings.epochs
        if epochs is not None:
            last = min(last, len(self.history) + epochs)
        from tqdm.auto import tqdm

        with tqdm(
            total=last * self._steps,
            initial=len(self.history) * self._steps,
            desc="DINO",
            unit="batch",
            disable=not self._progress,
            delay=2.0,
        ) as steps:
            for epoch in range(len(self.history), last):
                self._student.train()
                record = self._epoch(epoch, steps)
                self.history.append(record)
                steps.set_postfix(loss=f"{record.loss:.3f}", spread=f"{record.feature_spread:.2f}")
                self._keep()
                warn_of_collapse(record)
        return self.encoder()

    def _epoch(self, epoch: int, steps: Any) -> EpochRecord:
        # Whatever is drawn in an epoch follows from its number, so a resume draws the same.
        generator = self._torch.Generator().manual_seed(self._settings.seed * 1_000_003 + epoch)
        watch = Watch(self._settings.out_dim)
        total, begin = 0.0, time.perf_counter()
        for place, images in enumerate(self._batches(generator)):
            step = epoch * self._steps + place
            loss = self._step(images, step, epoch, generator, watch)
            if not math.isfinite(loss):
                raise InvalidInputError(
                    f"the loss is {loss} in epoch {epoch}: lower base_rate, which is "
                    f"{self._settings.base_rate}, and begin again from the last checkpoint"
                )
            total += loss
            steps.update()
        return watch.record(epoch, total / self._steps, time.perf_counter() - begin)

    def _batches(self, generator: Any) -> Iterator[Any]:
        order = self._torch.randperm(len(self._images), generator=generator)
        for rows in order.split(self._settings.batch_size)[: self._steps]:
            yield self._images[rows].to(self._device).float() / 255

    def _step(self, images: Any, step: int, epoch: int, generator: Any, watch: Watch) -> float:
        torch, settings = self._torch, self._settings
        views = draw_views(images, settings, generator)
        for place, group in enumerate(self._optimizer.param_groups):
            group["lr"] = settings.learning_rate(step, self._steps)
            group["weight_decay"] = settings.decay(step, self._steps) if place == 0 else 0.0
        with torch.no_grad():
            features = self._teacher["backbone"](torch.cat(views[:2]))
            taught = self._teacher["head"](features).chunk(2)
        said = self._student_logits(views)
        loss = self._loss(said, taught)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._student.parameters(), settings.clip)
        if epoch < settings.frozen_epochs:
            self._student["head"].directions.grad = None
        self._optimizer.step()
        with torch.no_grad():
            watch.see(self._loss.targets(torch.cat(taught)), features)
            self._loss.move_centre(taught)
            self._move_teacher(settings.momentum(step, self._steps))
        return float(loss.detach())

    def _student_logits(self, views: list[Any]) -> list[Any]:
        """Return the logits of all views; those of one size go through together."""
        torch = self._torch
        logits: list[Any] = []
        for some in (views[:2], views[2:]):
            if some:
                features = self._student["backbone"](torch.cat(some))
                logits += self._student["head"](features).chunk(len(some))
        return logits

    def _move_teacher(self, kept: float) -> None:
        pairs = zip(self._teacher.parameters(), self._student.parameters(), strict=True)
        for teacher, student in pairs:
            teacher.mul_(kept).add_(student.detach(), alpha=1 - kept)
        for teacher, student in zip(self._teacher.buffers(), self._student.buffers(), strict=True):
            teacher.copy_(student)  # such as the running means of a ResNet

    def encoder(self) -> DinoEncoder:
        """Return the teacher's backbone as it is now."""
        state = {
            name: one.detach().cpu() for name, one in self._teacher["backbone"].state_dict().items()
        }
        return DinoEncoder(self._settings, state, device=str(self._device))

    # ---- checkpoints -----------------------------------------------------------------------------

    def _keep(self) -> None:
        """Write a checkpoint beside and rename it: it is the old one or the new one, whole."""
        self._folder.mkdir(parents=True, exist_ok=True)
        state = {
            "settings": json.dumps(asdict(self._settings)),
            "images": len(self._images),
            "student": self._student.state_dict(),
            "teacher": self._teacher.state_dict(),
            "centre": self._loss.centre,
            "optimizer": self._optimizer.state_dict(),
            "history": [asdict(one) for one in self.history],
        }
        beside = self._folder / f"{CHECKPOINT}.part"
        try:
            with open(beside, "wb") as file:
                self._torch.save(state, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, self._folder / CHECKPOINT)
        except BaseException:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
            raise

    def _resume(self) -> None:
        path = self._folder / CHECKPOINT
        if not path.exists():
            return
        try:
            state = self._torch.load(path, map_location=self._device, weights_only=True)
        except Exception as error:
            raise InvalidInputError(
                f"{path} is no sound checkpoint: {str(error).splitlines()[0]}; delete it to begin "
                "anew"
            ) from error
        mine = json.dumps(asdict(self._settings))
        if state["settings"] != mine or state["images"] != len(self._images):
            raise InvalidInputError(
                f"{path} is of other settings, or of {state['images']} images instead of "
                f"{len(self._images)}; give another folder, or delete it to begin anew"
            )
        self._student.load_state_dict(state["student"])
        self._teacher.load_state_dict(state["teacher"])
        self._loss.centre = state["centre"]
        self._optimizer.load_state_dict(state["optimizer"])
        self.history = [EpochRecord(**one) for one in state["history"]]


def _steps_an_epoch(images: int, batch_size: int) -> int:
    whole, rest = divmod(images, batch_size)
    steps = whole + (rest >= _LEAST_BATCH * batch_size or whole == 0)
    if images < 2:
        raise InvalidInputError(f"self-distillation needs at least 2 images, got {images}")
    return steps


def _groups(student: Any) -> list[dict[str, Any]]:
    """Weights decay; biases, norms and other vectors do not."""
    decaying = [one for one in student.parameters() if one.ndim > 1]
    rest = [one for one in student.parameters() if one.ndim <= 1]
    return [{"params": decaying}, {"params": rest, "weight_decay": 0.0}]
