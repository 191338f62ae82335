"""One protocol for everything that turns samples into vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from socbi.pool import Fingerprint, Sample

__all__ = ["Encoder", "Vectors"]

Vectors: TypeAlias = npt.NDArray[np.float32]


class Encoder(Protocol):
    """Samples in, vectors out; the same sample gives the same vector.

    An encoder may also have ``prepare(sample) -> Sample``: the sample with its contents made small,
    such as an image of the size that the model wants, for `encode` to give the same vector.
    `embed` calls it in the threads that read, so that large images are not kept.
    """

    @property
    def dim(self) -> int:
        """Return the number of dimensions."""
        ...

    @property
    def fingerprint(self) -> Fingerprint:
        """Return what tells this encoder from every other."""
        ...

    @property
    def batch_size(self) -> int:
        """Return how many samples it likes at a time."""
        ...

    def encode(self, batch: Sequence[Sample]) -> Vectors:
        """Return a vector for each sample, (n, d), float32."""
        ...
