"""What the approximate makers have in common: they are asked around rows that may not be found."""

from __future__ import annotations

import functools
from abc import abstractmethod

import numpy as np

from socbi.neighbors.id_rows import Mask
from socbi.neighbors.metrics import FloatArray, Metric, MetricName
from socbi.neighbors.neighbor_index import NeighborIndex
from socbi.neighbors.overfetch import search_around
from socbi.neighbors.progress import Steps
from socbi.neighbors.vector_rows import Rows, RowSource, VectorRows, row_chunks
from socbi.types import IdArray

__all__ = ["ApproximateNeighbors"]

# Queries that are searched between two looks at Ctrl-C and the bar.
SEARCH_CHUNK = 1024
# Rows whose lengths are computed together.
_NORM_ROWS = 2**16


class ApproximateNeighbors(NeighborIndex):
    """A neighbour index whose maker keeps the vectors, and searches all of them at once.

    With ``originals`` it also refers to the arrays that were added and reads vectors back from
    them: makers give them back slowly (hnswlib one in 5 microseconds), or compressed. A loaded or
    compacted index, and one whose addition was interrupted, asks its maker.
    """

    def __init__(self, metric: MetricName, threads: int | None, originals: bool) -> None:
        super().__init__(metric, threads)
        self._settings |= {"originals": bool(originals)}
        self._originals = VectorRows(self._metric, copy=False) if originals else None

    def _refer_to(self, vectors: Rows, norms: list[FloatArray]) -> None:
        """Remember where the vectors that were just stored came from."""
        if self._originals is not None:
            self._originals.append(vectors, np.concatenate(norms))

    def _read_back(self, rows: IdArray) -> Rows:
        """Return the vectors of some rows, at least one."""
        if self._originals is not None and len(self._originals) == self._stored():
            return self._originals.take(rows)
        return self._take(rows)

    @abstractmethod
    def _ask(
        self, queries: FloatArray, number: int, ef: int, threads: int
    ) -> tuple[IdArray, FloatArray]:
        """Return so many rows, searched at least as widely as ``ef``; -1 where there are fewer."""

    @abstractmethod
    def _take(self, rows: IdArray) -> Rows:
        """Return the vectors of some rows, at least one, as the maker has them."""

    def _nearest(
        self, queries: FloatArray, k: int, kept: Mask | None, threads: int, steps: Steps
    ) -> tuple[IdArray, FloatArray]:
        rows = np.empty((len(queries), k), np.int64)
        distances = np.empty((len(queries), k), np.float32)
        source, ef = self._source(), self._settings["ef"] or max(2 * k, 64)

        def search(some: FloatArray, number: int) -> tuple[IdArray, FloatArray]:
            return self._ask(some, number, ef, threads)

        for begin, end in row_chunks(len(queries), SEARCH_CHUNK):
            rows[begin:end], distances[begin:end] = search_around(
                search, queries[begin:end], k, kept, source, self._metric, threads
            )
            steps.update(end - begin)
        return rows, distances

    def _source(self) -> RowSource:
        return _StoredRows(self, self._metric)


class _StoredRows:
    """The vectors that a maker keeps, as it gives them back."""

    def __init__(self, owner: ApproximateNeighbors, metric: Metric) -> None:
        self._owner = owner
        self._metric = metric
        self.dim = owner.dim

    def __len__(self) -> int:
        return self._owner._stored()

    @functools.cached_property
    def norms(self) -> FloatArray:
        spans = row_chunks(len(self), _NORM_ROWS)
        parts = [self._metric.norms(self.read(*span)) for span in spans]
        return np.concatenate([np.empty(0, np.float32), *parts])

    def read(self, begin: int, end: int) -> Rows:
        return self.take(np.arange(begin, end))

    def take(self, rows: IdArray) -> Rows:
        if len(rows) == 0:
            return np.empty((0, self.dim), np.float32)
        return self._owner._read_back(rows)
