"""Which of the samples that were hit equally often comes first.

An index of its own orders the samples by the count plus a fraction below one that breaks the ties;
the pool's index holds the plain counts. As float32 the sum keeps the order but not every
difference, so those that came out equal are put in order by what they were made of.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from socbi.index import SemiOrderedIndex
from socbi.neighbors import NeighborIndex
from socbi.neighbors.metrics import FloatArray
from socbi.scorers.firing import LabelledVectors, Mask
from socbi.scorers.nearest_label import NearestLabel
from socbi.scorers.pool_access import in_pool
from socbi.types import IdArray

__all__ = ["TieBreak", "TieOrder"]

TieBreak: TypeAlias = Literal["distance", "random", "density", "id"]
"""Farther from the nearest label first, by a seeded permutation, denser first, or by id."""


# How many times those wanted are looked at first: some of them will turn out to stand too far in
# front, and looking once at more is quicker than looking again.
_FIRST_LOOK = 2


class TieOrder:
    """The samples without a label, rarest hit first, ties broken.

    With ``"distance"`` the fraction of a sample may be out of date: it is then too small, so the
    sample stands too far to the front, and `top` meets it in time to bring it up to date.
    """

    def __init__(
        self,
        counts: IdArray,
        present: Mask,
        labelled: LabelledVectors,
        how: TieBreak,
        seed: int,
        density: FloatArray | None,
    ) -> None:
        self._counts = counts.copy()
        self._density = density if how == "density" else None
        self._nearest = NearestLabel(len(counts), labelled.rows) if how == "distance" else None
        self._densest_first = None if self._density is None else np.sort(-self._density)
        every = np.arange(len(counts))
        self._index = SemiOrderedIndex(
            self._keys(every), ties="id" if how == "id" else "random", seed=seed
        )
        self._index.remove(np.flatnonzero(~present))

    @property
    def counts(self) -> IdArray:
        """Return how often each sample was hit; do not change it."""
        return self._counts

    def hit(self, ids: IdArray, times: IdArray) -> None:
        """Count hits of these distinct samples."""
        self._counts[ids] += times
        self._index.set(ids, self._keys(ids))

    def remove(self, ids: IdArray) -> None:
        """Take samples out."""
        self._index.remove(ids[in_pool(self._index, ids)])

    def add(self, counts: IdArray, density: FloatArray | None) -> None:
        """Take new samples in, with the next ids."""
        ids = np.arange(len(self._counts), len(self._counts) + len(counts))
        self._counts = np.concatenate([self._counts, counts])
        if self._nearest is not None:
            self._nearest.grow(len(self._counts))
        if self._density is not None and density is not None:
            self._density = np.concatenate([self._density, density])
        self._index.insert(self._keys(ids))

    def top(
        self,
        n: int,
        pool: SemiOrderedIndex,
        neighbors: NeighborIndex,
        *,
        progress: bool = True,
    ) -> IdArray:
        """Return the n first that the pool has; all if fewer are left."""
        look = _FIRST_LOOK * n
        while True:
            ids, keys = self._index.top(look)
            whole = len(ids) < look or len(ids) == len(self._index)
            here = in_pool(pool, ids)
            if not whole and np.count_nonzero(here) < n:
                look *= 2
                continue
            if self._brought_up_to_date(ids[here][:n], ids, neighbors, progress):
                look = min(2 * look, max(len(self._index), 1))
                continue
            ids, keys = ids[here], keys[here]
            if not whole and keys[n - 1] == keys[-1]:  # more may have the key of the last
                look *= 2
                continue
            return self._ordered(ids)[:n]

    def _brought_up_to_date(
        self, wanted: IdArray, looked_at: IdArray, neighbors: NeighborIndex, progress: bool
    ) -> bool:
        """Say whether some of those wanted stood too far in front, and file them anew."""
        if self._nearest is None or len(self._nearest.outdated(wanted)) == 0:
            return False
        late = self._nearest.outdated(looked_at)
        self._nearest.update(late, neighbors, progress=progress)
        self._index.set(late, self._keys(late))
        return True

    def _ordered(self, ids: IdArray) -> IdArray:
        """Return samples in their exact order; those that tie in all stay as they are."""
        if self._nearest is not None:
            return ids[np.lexsort((-self._nearest.known(ids), self._counts[ids]))]
        if self._density is not None:
            return ids[np.lexsort((-self._density[ids], self._counts[ids]))]
        return ids

    def _keys(self, ids: IdArray) -> npt.NDArray[np.float32]:
        keys: npt.NDArray[np.float32] = (self._counts[ids] + self._fractions(ids)).astype("f4")
        return keys

    def _fractions(self, ids: IdArray) -> npt.NDArray[np.float64]:
        """Return what breaks the ties: from 0, first, up to below 1."""
        if self._nearest is not None:
            return _falling(self._nearest.known(ids))
        if self._density is None or self._densest_first is None:
            return np.zeros(len(ids))
        rank = np.searchsorted(self._densest_first, -self._density[ids])
        fractions: npt.NDArray[np.float64] = rank / (len(self._densest_first) + 1)
        return fractions


def _falling(distances: FloatArray) -> npt.NDArray[np.float64]:
    """Return fractions that fall from 1 to 0 as distances rise from minus to plus infinity."""
    finite = np.minimum(distances, np.float32(1e30)).astype(np.float64)
    fractions = 0.5 * (1 - finite / (1 + np.abs(finite)))
    return np.where(np.isinf(distances), 0, fractions)
