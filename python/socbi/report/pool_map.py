"""A pool on paper: two dimensions of it, and where the picks lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError
from socbi.neighbors.neighbor_index import checked_matrix, checked_whole
from socbi.types import IdArray

__all__ = ["PoolMap"]

# Rows that the two directions are learned from, and dots that are drawn: more of either changes
# nothing that an eye would see.
_LEARNED_FROM = 20_000
_DRAWN = 4_000


@dataclass(frozen=True)
class PoolMap:
    """Places of some samples of a pool, all picks among them.

    Examples
    --------
    >>> vectors = np.random.default_rng(0).normal(size=(10_000, 8)).astype(np.float32)
    >>> drawn = PoolMap.of(vectors, picks=[7, 9])
    >>> len(drawn.ids), drawn.of_all, 9 in drawn.ids
    (4002, 10000, True)
    """

    ids: IdArray
    places: npt.NDArray[np.float64]
    """(len(ids), 2)."""
    of_all: int
    """How many samples the pool has."""
    explained: float
    """The share of the variance that the two dimensions show."""

    @classmethod
    def of(cls, vectors: npt.NDArray[Any], picks: npt.ArrayLike = (), seed: int = 0) -> PoolMap:
        """Return the map by principal components; of a large pool a part is drawn by lot.

        Costs a pass over 20,000 rows, whatever the size of the pool.
        """
        rows, wanted = checked_matrix(vectors, "vectors"), np.unique(checked_whole(picks, "picks"))
        if len(wanted) and not 0 <= wanted[0] <= wanted[-1] < len(rows):
            raise InvalidInputError(
                f"picks must be ids from 0 to {len(rows) - 1}, got {wanted[0]} to {wanted[-1]}"
            )
        if len(rows) == 0:
            return cls(np.empty(0, np.int64), np.empty((0, 2)), 0, 0.0)
        rng = np.random.default_rng(seed)
        learned = _drawn(rng, len(rows), _LEARNED_FROM)
        sample = np.asarray(rows[learned], np.float64)
        middle = sample.mean(axis=0)
        spread = (sample - middle).T @ (sample - middle) / len(sample)
        values, directions = np.linalg.eigh(spread)
        two = directions[:, ::-1][:, :2]
        two = two * np.sign(two[np.abs(two).argmax(axis=0), np.arange(two.shape[1])])
        rest = np.setdiff1d(np.arange(len(rows)), wanted)
        ids = np.union1d(rest[_drawn(rng, len(rest), _DRAWN)], wanted)
        places = (np.asarray(rows[ids], np.float64) - middle) @ two
        if places.shape[1] < 2:
            places = np.column_stack([places, np.zeros(len(places))])
        total = float(values.sum())
        return cls(ids, places, len(rows), float(values[-2:].sum()) / total if total > 0 else 1.0)


def _drawn(rng: np.random.Generator, count: int, most: int) -> IdArray:
    if count <= most:
        return np.arange(count)
    return np.sort(rng.choice(count, most, replace=False))
