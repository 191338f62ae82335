"""How far is a sample from its nearest label? Known late, and only where somebody asks.

Each new label can only bring samples nearer, so a distance that is out of date is too large. A
retrieval that wants the farthest first may therefore trust the order of old distances as a bound,
bring those at the front up to date, and look again; the rest of the pool is never touched.
"""

from __future__ import annotations

import numpy as np

from socbi.neighbors import NeighborIndex
from socbi.neighbors.blocked_search import Task, nearest_rows
from socbi.neighbors.cores import core_count
from socbi.neighbors.metrics import FloatArray, metric_of
from socbi.neighbors.progress import Silent, bar
from socbi.neighbors.vector_rows import VectorRows, row_chunks
from socbi.types import IdArray

__all__ = ["NearestLabel"]

# Samples that are brought up to date between two steps of the bar.
_CHUNK = 16_384
# Below so many products all samples are compared with all labels that any of them lacks: it costs
# less than a search for each number of labels that they lack, and a distance known is found again.
_FEW_PRODUCTS = 2**28


class NearestLabel:
    """The distance of each sample to its nearest label, as of some label; 8 bytes a sample."""

    def __init__(self, size: int, labels: VectorRows) -> None:
        self._labels = labels
        self._distance = np.full(size, np.inf, np.float32)
        self._as_of = np.zeros(size, np.int32)  # how many labels the distance takes into account

    def grow(self, size: int) -> None:
        """Make room for new samples, whose distances are not known."""
        more = size - len(self._distance)
        self._distance = np.concatenate([self._distance, np.full(more, np.inf, np.float32)])
        self._as_of = np.concatenate([self._as_of, np.zeros(more, np.int32)])

    def known(self, ids: IdArray) -> FloatArray:
        """Return distances as they are known: never too small."""
        distances: FloatArray = self._distance[ids]
        return distances

    def outdated(self, ids: IdArray) -> IdArray:
        """Return those whose distance does not take every label into account."""
        return ids[self._as_of[ids] < len(self._labels)]

    def update(self, ids: IdArray, neighbors: NeighborIndex, *, progress: bool = True) -> None:
        """Compare these samples with the labels that they have not been compared with."""
        metric = metric_of(neighbors.metric)
        total = len(self._labels)
        starts = self._as_of[ids]
        if len(ids) * (total - starts.min(initial=total)) * self._labels.dim < _FEW_PRODUCTS:
            starts = np.full_like(starts, starts.min(initial=total))
        with bar("distances to labels", len(ids), "sample", shown=progress) as steps:
            for start in np.unique(starts):
                mine = ids[starts == start]
                labels = np.arange(start, total)
                for begin, end in row_chunks(len(mine), _CHUNK):
                    some = mine[begin:end]
                    task = Task(neighbors.vectors(some), self._labels, metric, 1, labels)
                    _, apart = nearest_rows(task, threads=core_count(), steps=Silent())
                    self._distance[some] = np.minimum(self._distance[some], apart[:, 0])
                    self._as_of[some] = total
                    steps.update(end - begin)
