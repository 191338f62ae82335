"""Two large and some small views of each image, drawn for a whole batch at once.

Written here and not taken from a library: those crop image by image on PIL objects, which on
images of 28 to 64 pixels takes longer than the network, and cannot be repeated from a generator,
which an exact resume needs.
"""

from __future__ import annotations

from typing import Any

from socbi.encoders.devices import import_torch
from socbi.encoders.dino.settings import DinoSettings

__all__ = ["draw_views"]

_ASPECTS = (3 / 4, 4 / 3)
_JITTER = 0.4
_BLURRED = (1.0, 0.1, 0.5)
"""How often the first, the second large view and a small one are blurred."""
_SOLARIZED = 0.2
_GREY = 0.2
_JITTERED = 0.8


def draw_views(images: Any, settings: DinoSettings, generator: Any) -> list[Any]:
    """Return the views of a batch (n, c, h, w) of numbers from 0 to 1, the two large ones first.

    Everything that is drawn comes from the generator, so the same one gives the same views.
    """
    views = []
    for place in range(2 + settings.local_views):
        large = place < 2
        scale = settings.global_scale if large else settings.local_scale
        side = settings.image_size if large else settings.local_size
        view = _resized_crop(images, scale, side, generator)
        view = _flipped(view, generator)
        view = _coloured(view, generator)
        view = _blurred(view, _BLURRED[min(place, 2)], generator)
        if place == 1:
            view = _solarized(view, generator)
        views.append((view - 0.5) / 0.25)
    return views


def _draw(count: int, generator: Any) -> Any:
    return import_torch("dino").rand(count, generator=generator)


def _resized_crop(images: Any, scale: tuple[float, float], side: int, generator: Any) -> Any:
    torch = import_torch("dino")
    count = len(images)
    area = scale[0] + (scale[1] - scale[0]) * _draw(count, generator)
    low, high = (torch.log(torch.tensor(one)) for one in _ASPECTS)
    aspect = torch.exp(low + (high - low) * _draw(count, generator))
    width = (area * aspect).sqrt().clamp(max=1)
    height = (area / aspect).sqrt().clamp(max=1)
    # Centres such that the crop lies within the image, which spans -1 to 1.
    across = (2 * _draw(count, generator) - 1) * (1 - width)
    down = (2 * _draw(count, generator) - 1) * (1 - height)
    zero = torch.zeros(count)
    rows = [torch.stack([width, zero, across], 1), torch.stack([zero, height, down], 1)]
    place = torch.stack(rows, 1).to(images.device)  # (n, 2, 3)
    grid = torch.nn.functional.affine_grid(
        place, [count, images.shape[1], side, side], align_corners=False
    )
    return torch.nn.functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _chosen(view: Any, share: float, generator: Any) -> Any:
    """Return for each image whether it is among this share, as (n, 1, 1, 1)."""
    return (_draw(len(view), generator) < share).to(view.device).view(-1, 1, 1, 1)


def _flipped(view: Any, generator: Any) -> Any:
    return import_torch("dino").where(_chosen(view, 0.5, generator), view.flip(3), view)


def _coloured(view: Any, generator: Any) -> Any:
    """Change brightness, contrast and saturation; make some grey."""
    torch = import_torch("dino")

    def factor() -> Any:
        drawn = 1 + _JITTER * (2 * _draw(len(view), generator) - 1)
        return drawn.to(view.device).view(-1, 1, 1, 1)

    changed = (view * factor()).clamp(0, 1)
    mean = changed.mean((1, 2, 3), keepdim=True)
    changed = (mean + factor() * (changed - mean)).clamp(0, 1)
    grey = changed.mean(1, keepdim=True)
    if view.shape[1] > 1:
        changed = (grey + factor() * (changed - grey)).clamp(0, 1)
    view = torch.where(_chosen(view, _JITTERED, generator), changed, view)
    return torch.where(_chosen(view, _GREY, generator), view.mean(1, keepdim=True), view)


def _blurred(view: Any, share: float, generator: Any) -> Any:
    """Blur by a kernel of three, which for these sizes is what a wider one is for 224 pixels."""
    torch = import_torch("dino")
    channels = view.shape[1]
    line = torch.tensor([0.25, 0.5, 0.25], device=view.device)
    kernel = torch.outer(line, line).expand(channels, 1, 3, 3)
    padded = torch.nn.functional.pad(view, (1, 1, 1, 1), mode="reflect")
    soft = torch.nn.functional.conv2d(padded, kernel, groups=channels)
    return torch.where(_chosen(view, share, generator), soft, view)


def _solarized(view: Any, generator: Any) -> Any:
    torch = import_torch("dino")
    turned = torch.where(view < 0.5, view, 1 - view)
    return torch.where(_chosen(view, _SOLARIZED, generator), turned, view)
