"""Which of the samples that were hit equally often comes first.

An index of its own orders the pool by the count plus a fraction below one that breaks the ties;
the pool's index holds the plain counts.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from socbi.errors import RemovedIdError
from socbi.index import SemiOrderedIndex
from socbi.neighbors import NeighborIndex
from socbi.neighbors.metrics import FloatArray
from socbi.scorers.firing import LabelledVectors
from socbi.scorers.nearest_label import NearestLabel
from socbi.types import IdArray

__all__ = ["TieBreak", "TieOrder"]

TieBreak: TypeAlias = Literal["distance", "random", "density", "id"]
"""Farther from the nearest label first, by a seeded permutation, denser first, or by id."""


class TieOrder:
    """The pool, rarest hit first, ties broken.

    With ``"distance"`` the fraction of a sample may be out of date: it is then too small, so the
    sample stands too far to the front, and `top` meets it in time to bring it up to date.
    """

    def __init__(
        self,
        pool: SemiOrderedIndex,
        neighbors: NeighborIndex,
        labelled: LabelledVectors,
        how: TieBreak,
        seed: int,
        density: FloatArray | None,
    ) -> None:
        self._pool = pool
        self._neighbors = neighbors
        self._density = density
        counts = pool.scores()
        self._nearest = NearestLabel(len(counts), labelled.rows) if how == "distance" else None
        self._densest_first = None if density is None else np.sort(-density)
        ids = np.flatnonzero(~np.isnan(counts))
        keys = counts.copy()
        keys[ids] += self._fractions(ids)
        self._index = SemiOrderedIndex(
            np.nan_to_num(keys), ties="id" if how == "id" else "random", seed=seed
        )
        self._index.remove(np.flatnonzero(np.isnan(counts)))

    def refresh(self, ids: IdArray) -> None:
        """File these samples again, after their counts rose."""
        here = self._still_in_pool(ids)
        self._index.set(here, self._pool.scores(here) + self._fractions(here))

    def remove(self, ids: IdArray) -> None:
        """Take samples out."""
        self._index.remove([one for one in ids.tolist() if one in self._index])

    def add(self, ids: IdArray, density: FloatArray | None) -> None:
        """Take new samples in, whose counts the pool has already."""
        if self._nearest is not None:
            self._nearest.grow(int(ids[-1]) + 1)
        if self._density is not None and density is not None:
            self._density = np.concatenate([self._density, density])
        self._index.insert(self._pool.scores(ids) + self._fractions(ids))

    def top(self, n: int, *, progress: bool = True) -> IdArray:
        """Return the n first; all if fewer are left."""
        look = n
        while True:
            ids = self._index.top(look)[0]
            here = self._still_in_pool(ids)
            if len(here) < len(ids):
                continue  # taken out of the pool by somebody else, and now out of here, too
            late = ids[:0] if self._nearest is None else self._nearest.outdated(ids)
            if len(np.intersect1d(late, ids[:n], assume_unique=True)) == 0:
                return ids[:n]
            assert self._nearest is not None
            self._nearest.update(late, self._neighbors, progress=progress)
            self._index.set(late, self._pool.scores(late) + self._fractions(late))
            look = min(2 * look, len(self._index))

    def _fractions(self, ids: IdArray) -> FloatArray:
        """Return what breaks the ties: from 0, first, up to below 1."""
        if self._nearest is not None:
            return _falling(self._nearest.known(ids))
        if self._density is None or self._densest_first is None:
            return np.zeros(len(ids), np.float32)
        rank = np.searchsorted(self._densest_first, -self._density[ids])
        return (rank / (len(self._densest_first) + 1)).astype(np.float32)

    def _still_in_pool(self, ids: IdArray) -> IdArray:
        """Return those that the pool still has; take the others out."""
        try:
            self._pool.scores(ids)
        except RemovedIdError:
            gone = np.isnan(self._pool.scores()[ids])
            self.remove(ids[gone])
            return ids[~gone]
        return ids


def _falling(distances: FloatArray) -> FloatArray:
    """Return fractions that fall from 1 to 0 as distances rise from minus to plus infinity.

    Distances that differ by less than about a millionth of their size may get the same.
    """
    finite = np.minimum(distances, np.float32(1e30)).astype(np.float64)
    fractions = 0.5 * (1 - finite / (1 + np.abs(finite)))
    return np.where(np.isinf(distances), 0, fractions).astype(np.float32)
