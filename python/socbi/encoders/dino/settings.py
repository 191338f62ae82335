"""What a self-distillation run is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from socbi.errors import InvalidInputError

__all__ = ["DinoSettings"]


@dataclass(frozen=True)
class DinoSettings:
    """Defaults are those of DINO's own code, sized down for images of 28 to 64 pixels.

    (Caron and others, *Emerging Properties in Self-Supervised Vision Transformers*, 2021.) For
    images of 224 pixels take ``image_size=224, local_size=96, out_dim=65536``, and a ``backbone``
    of timm.

    Examples
    --------
    >>> settings = DinoSettings(epochs=10, batch_size=256)
    >>> settings.learning_rate(step=0, steps_an_epoch=100), settings.momentum(1000, 100)
    (0.0, 1.0)
    """

    image_size: int = 32
    local_size: int = 16
    channels: int = 3
    backbone: str = "small-vit"
    """``"small-vit"``, ``"small-resnet"`` (learns more in minutes), or a name of timm."""
    width: int = 192
    depth: int = 6
    heads: int = 3
    patch: int = 4
    """The last four are for the small ViT; the small ResNet takes ``width`` alone."""
    grid: int = 1
    """Of the small ResNet: features are means over grid x grid parts of the image, side by side."""
    out_dim: int = 4096
    hidden_dim: int = 1024
    bottleneck_dim: int = 256
    """Of the head."""
    local_views: int = 8
    global_scale: tuple[float, float] = (0.4, 1.0)
    local_scale: tuple[float, float] = (0.05, 0.4)
    """Shares of the image's area that a view shows."""
    student_temperature: float = 0.1
    teacher_temperature: float = 0.04
    centre_momentum: float = 0.9
    teacher_momentum: float = 0.996
    """At the start; rises to 1."""
    epochs: int = 100
    batch_size: int = 256
    base_rate: float = 5e-4
    """The learning rate for batches of 256; for others it grows with them."""
    least_rate: float = 1e-6
    warmup_epochs: float = 10
    """At most a tenth of all."""
    weight_decay: tuple[float, float] = (0.04, 0.4)
    clip: float = 3.0
    frozen_epochs: int = 1
    """How long the last layer of the student's head does not learn."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, (int, float)) and value < 0:
                raise InvalidInputError(f"{field.name} must not be negative, got {value}")
        for name in (
            "image_size",
            "local_size",
            "channels",
            "grid",
            "out_dim",
            "epochs",
            "batch_size",
        ):
            if getattr(self, name) < 1:
                raise InvalidInputError(f"{name} must be 1 or more, got {getattr(self, name)}")
        if self.backbone == "small-vit":
            for name in ("image_size", "local_size"):
                if getattr(self, name) % self.patch:
                    raise InvalidInputError(
                        f"{name} must be a multiple of patch, {self.patch}, got "
                        f"{getattr(self, name)}"
                    )

    def learning_rate(self, step: int, steps_an_epoch: int) -> float:
        """Return the rate of a step: up from zero, then down along half a cosine."""
        most = self.base_rate * self.batch_size / 256
        warmup = min(self.warmup_epochs, self.epochs / 10) * steps_an_epoch
        if step < warmup:
            return most * step / warmup
        return _along_cosine(
            most, self.least_rate, step - warmup, self._last(steps_an_epoch) - warmup
        )

    def decay(self, step: int, steps_an_epoch: int) -> float:
        """Return the weight decay of a step."""
        return _along_cosine(*self.weight_decay, step, self._last(steps_an_epoch))

    def momentum(self, step: int, steps_an_epoch: int) -> float:
        """Return how much of the teacher stays in a step."""
        return _along_cosine(self.teacher_momentum, 1.0, step, self._last(steps_an_epoch))

    def _last(self, steps_an_epoch: int) -> float:
        return self.epochs * steps_an_epoch


def _along_cosine(first: float, last: float, step: float, steps: float) -> float:
    share = min(1.0, step / steps) if steps > 0 else 1.0
    return last + 0.5 * (first - last) * (1 + math.cos(math.pi * share))
