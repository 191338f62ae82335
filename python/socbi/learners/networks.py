"""The small networks of the papers, for 28 to 64 pixels; torch is imported where one is made."""

from __future__ import annotations

from typing import Any

from socbi.encoders.devices import import_torch
from socbi.errors import InvalidInputError

__all__ = ["check_side", "lenet5", "resnet18"]

# Up to so many pixels ResNet-18 looks at every pixel; above, its first layer takes every other, so
# that the stages see the same sizes at 64 as at 32.
_EVERY_PIXEL = 40
_SMALLEST = {"lenet5": 16, "resnet18": 8}


def lenet5(channels: int, side: int, classes: int) -> Any:
    """Return LeNet-5 with rectifiers and maxima: (n, channels, side, side) -> (n, classes)."""
    nn = import_torch("dino").nn
    check_side("lenet5", side)
    padding = 2 if side < 32 else 0  # 28 pixels are read as 32, as in the original
    left = ((side + 2 * padding - 4) // 2 - 4) // 2
    return nn.Sequential(
        nn.Conv2d(channels, 6, 5, padding=padding), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16 * left * left, 120), nn.ReLU(),
        nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, classes),
    )  # fmt: skip


def resnet18(channels: int, side: int, classes: int, width: int = 64) -> Any:
    """Return ResNet-18 with a stem of one 3x3 layer: (n, channels, side, side) -> (n, classes)."""
    torch = import_torch("dino")
    nn: Any = torch.nn
    check_side("resnet18", side)

    class Block(nn.Module):  # type: ignore[misc]
        """Two 3x3 layers beside a shortcut."""

        def __init__(self, before: int, after: int, stride: int) -> None:
            super().__init__()
            self.layers = nn.Sequential(
                nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after),
                nn.ReLU(),
                nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after),
            )  # fmt: skip
            self.shortcut = nn.Sequential()
            if stride != 1 or before != after:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
                )

        def forward(self, x: Any) -> Any:
            return nn.functional.relu(self.layers(x) + self.shortcut(x))

    stem_stride = 1 if side <= _EVERY_PIXEL else 2
    stages = [nn.Conv2d(channels, width, 3, stem_stride, 1, bias=False), nn.BatchNorm2d(width)]
    stages.append(nn.ReLU())
    before = width
    for number in range(4):
        after = width << number
        stages += [Block(before, after, 1 if number == 0 else 2), Block(after, after, 1)]
        before = after
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes)]
    return nn.Sequential(*stages, *head)


def check_side(name: str, side: int) -> None:
    """Refuse images that are too small for a network."""
    if side < _SMALLEST[name]:
        raise InvalidInputError(
            f"{name} needs images of {_SMALLEST[name]} pixels or more, got {side}; give larger ones"
        )
