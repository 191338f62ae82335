"""Grey values as an embedding: a baseline without weights, and quick enough for any test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from socbi.encoders.encoder import Vectors
from socbi.errors import InvalidInputError
from socbi.pool import Fingerprint, Sample

__all__ = ["PixelEncoder"]


class PixelEncoder:
    """Images made small and grey, their values from 0 to 1 side by side.

    Examples
    --------
    >>> from socbi.pool import Pool
    >>> pool = Pool.from_arrays(images=np.full((1, 4, 4), 255, np.uint8))
    >>> PixelEncoder(2).encode([pool.sample(0)]).tolist()
    [[1.0, 1.0, 1.0, 1.0]]
    """

    batch_size = 256

    def __init__(self, side: int = 28) -> None:
        if side < 1:
            raise InvalidInputError(f"side must be 1 or more, got {side}")
        self._side = side

    @property
    def dim(self) -> int:
        """Return the number of pixels."""
        return self._side**2

    @property
    def fingerprint(self) -> Fingerprint:
        """Return what tells this encoder from every other."""
        return Fingerprint("pixels", "", f"grey, {self._side} x {self._side}, box", self.dim)

    def prepare(self, sample: Sample) -> Sample:
        """Return the sample with its image small and grey; one that is stays as it is."""
        if sample.image is None:
            raise InvalidInputError(f"sample {sample.id!r} has no image; pixels need one")
        box = 4  # PIL.Image.Resampling.BOX: each pixel is the mean of those that it stands for
        small = sample.image.convert("L").resize((self._side, self._side), box)
        return replace(sample, image=small)

    def encode(self, batch: Sequence[Sample]) -> Vectors:
        """Return the grey values of each image."""
        vectors = np.empty((len(batch), self.dim), np.float32)
        for row, sample in zip(vectors, map(self.prepare, batch), strict=True):
            row[:] = np.asarray(sample.image, np.float32).ravel() / 255
        return vectors
