"""Images of a pool as pixels of one size."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.encoders.reading import reading_threads
from socbi.errors import InvalidInputError
from socbi.pool import Pool, Sample

__all__ = ["resized", "resized_images", "squared"]

Pixels = npt.NDArray[np.uint8]


def squared(sample: Sample, side: int, channels: int) -> Sample:
    """Return the sample with the middle square of its image at this size; such a one as it is."""
    if sample.image is None:
        raise InvalidInputError(f"sample {sample.id!r} has no image; this encoder needs one")
    image = sample.image.convert("L" if channels == 1 else "RGB")
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    square = image.resize((side, side), _bicubic(), (left, top, left + short, top + short))
    return replace(sample, image=square)


def resized(sample: Sample, side: int, channels: int) -> Pixels:
    """Return the pixels of that square, (channels, side, side)."""
    pixels = np.asarray(squared(sample, side, channels).image, np.uint8)
    return pixels[None] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _bicubic() -> Any:
    from PIL import Image

    return Image.Resampling.BICUBIC


def resized_images(pool: Pool, side: int, channels: int, progress: bool) -> Pixels:
    """Return the pixels of all images, (n, channels, side, side), decoded by threads."""
    if channels not in (1, 3):
        raise InvalidInputError(f"channels must be 1 or 3, got {channels}")
    pool.column("image")
    pixels = np.empty((len(pool), channels, side, side), np.uint8)

    def read(position: int) -> None:
        pixels[position] = resized(pool.sample(position), side, channels)

    from tqdm.auto import tqdm

    with (
        ThreadPoolExecutor(reading_threads(pool, None)) as threads,
        tqdm(
            total=len(pool), desc="reading images", unit="image", disable=not progress, delay=2.0
        ) as steps,
    ):
        for _ in threads.map(read, range(len(pool))):
            steps.update()
    return pixels
