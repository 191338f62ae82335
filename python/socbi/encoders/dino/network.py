"""Backbone and head of student and teacher.

The head is three layers, a direction at length 1, and a last layer of which only the directions
learn, as in DINO's own code. torch is imported where a network is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from socbi.encoders.devices import import_torch
from socbi.encoders.dino.settings import DinoSettings
from socbi.encoders.torchvision_repair import import_torchvision
from socbi.errors import InvalidInputError, MissingExtraError

__all__ = ["feature_dim", "import_timm", "made_backbone", "made_network"]


def made_network(settings: DinoSettings) -> Any:
    """Return a backbone with a head: images to logits, (n, c, s, s) -> (n, out_dim)."""
    nn = import_torch("dino").nn
    backbone = made_backbone(settings)
    return nn.ModuleDict(
        {"backbone": backbone, "head": _made_head(settings, feature_dim(backbone, settings))}
    )


def made_backbone(settings: DinoSettings) -> Any:
    """Return a small network of this file, or one of timm without its classifier."""
    if settings.backbone in SMALL:
        return SMALL[settings.backbone](settings)
    timm = import_timm()
    options: dict[str, Any] = {"num_classes": 0, "in_chans": settings.channels}
    if "vit" in settings.backbone:
        options |= {"img_size": settings.image_size, "dynamic_img_size": True}
    try:
        return timm.create_model(settings.backbone, pretrained=False, **options)
    except (RuntimeError, TypeError) as error:
        raise InvalidInputError(
            f"timm cannot make the backbone {settings.backbone!r}: {str(error).splitlines()[0]}; "
            "timm.list_models() names them"
        ) from error


def import_timm() -> Any:
    """Return timm, in spite of a torchvision that does not fit torch."""
    import_torchvision()
    try:
        import timm
    except ImportError as error:
        raise MissingExtraError(
            "networks of timm need it: pip install -c constraints.txt 'socbi[dino]'; the backbones "
            f"{' and '.join(map(repr, SMALL))} need none"
        ) from error
    return timm


def feature_dim(backbone: Any, settings: DinoSettings) -> int:
    """Return the number of dimensions of a backbone's features."""
    torch = import_torch("dino")
    shape = (1, settings.channels, settings.image_size, settings.image_size)
    training = backbone.training
    backbone.eval()
    with torch.no_grad():
        found = int(backbone(torch.zeros(shape)).shape[1])
    backbone.train(training)
    return found


def _small_vit(settings: DinoSettings) -> Any:
    torch = import_torch("dino")
    nn: Any = torch.nn

    class SmallVit(nn.Module):  # type: ignore[misc]
        """Patches, a class token, transformer layers with the norm first; the token's output."""

        def __init__(self) -> None:
            super().__init__()
            width, patch = settings.width, settings.patch
            self.cells = settings.image_size // patch
            self.patches = nn.Conv2d(settings.channels, width, patch, patch)
            self.token = nn.Parameter(torch.zeros(1, 1, width))
            self.places = nn.Parameter(torch.zeros(1, width, self.cells, self.cells))
            layer = nn.TransformerEncoderLayer(
                width, settings.heads, 4 * width, dropout=0.0, activation="gelu",
                batch_first=True, norm_first=True,
            )  # fmt: skip
            self.layers = nn.TransformerEncoder(layer, settings.depth, enable_nested_tensor=False)
            self.norm = nn.LayerNorm(width)
            for weights in (self.token, self.places):
                nn.init.trunc_normal_(weights, std=0.02)

        def forward(self, images: Any) -> Any:
            cells = self.patches(images)  # (n, width, h, w)
            places = self.places
            if cells.shape[2:] != places.shape[2:]:  # a smaller view
                places = nn.functional.interpolate(
                    places, cells.shape[2:], mode="bicubic", align_corners=False
                )
            sequence = (cells + places).flatten(2).transpose(1, 2)
            token = self.token.expand(len(images), -1, -1)
            return self.norm(self.layers(torch.cat([token, sequence], 1))[:, 0])

    return SmallVit()


def _small_resnet(settings: DinoSettings) -> Any:
    torch = import_torch("dino")
    nn: Any = torch.nn

    def convolved(before: int, after: int, side: int, stride: int) -> Any:
        """Return a convolution and the norm behind it."""
        conv = nn.Conv2d(before, after, side, stride, padding=side // 2, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(after))

    class Block(nn.Module):  # type: ignore[misc]
        """Two convolutions beside a way past them."""

        def __init__(self, before: int, after: int, stride: int) -> None:
            super().__init__()
            self.first = convolved(before, after, 3, stride)
            self.second = convolved(after, after, 3, 1)
            self.past = convolved(before, after, 1, stride) if stride > 1 else nn.Identity()

        def forward(self, cells: Any) -> Any:
            inner = nn.functional.relu(self.first(cells))
            return nn.functional.relu(self.second(inner) + self.past(cells))

    width = settings.width
    small, middle = width // 4, width // 2
    return nn.Sequential(
        convolved(settings.channels, small, 3, 2), nn.ReLU(), Block(small, small, 1),
        Block(small, middle, 2), Block(middle, width, 2),
        nn.AdaptiveAvgPool2d(settings.grid), nn.Flatten(),
    )  # fmt: skip


SMALL: dict[str, Callable[[DinoSettings], Any]] = {
    "small-resnet": _small_resnet,
    "small-vit": _small_vit,
}


def _made_head(settings: DinoSettings, features: int) -> Any:
    torch = import_torch("dino")
    nn: Any = torch.nn

    class Head(nn.Module):  # type: ignore[misc]
        """Features to logits."""

        def __init__(self) -> None:
            super().__init__()
            hidden = settings.hidden_dim
            self.layers = nn.Sequential(
                nn.Linear(features, hidden), nn.GELU(),
                nn.Linear(hidden, hidden), nn.GELU(),
                nn.Linear(hidden, settings.bottleneck_dim),
            )  # fmt: skip
            for layer in self.layers:
                if isinstance(layer, nn.Linear):
                    nn.init.trunc_normal_(layer.weight, std=0.02)
                    nn.init.zeros_(layer.bias)
            self.directions = nn.Parameter(torch.empty(settings.out_dim, settings.bottleneck_dim))
            nn.init.trunc_normal_(self.directions, std=1.0)

        def forward(self, found: Any) -> Any:
            inner = nn.functional.normalize(self.layers(found), dim=1)
            return nn.functional.linear(inner, nn.functional.normalize(self.directions, dim=1))

    return Head()
