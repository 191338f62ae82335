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
    """Samples in, vectors out; the same sample gives the same vector."""

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
