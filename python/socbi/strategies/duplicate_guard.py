"""No two of a batch that are all but the same sample."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError
from socbi.neighbors.metrics import FloatArray, MetricName, metric_of
from socbi.neighbors.vector_rows import row_chunks
from socbi.strategies.guard import Guard, Rule
from socbi.strategies.pool_state import PoolState
from socbi.strategies.strategy import Strategy
from socbi.types import IdArray

__all__ = ["DuplicateGuard"]

Mask = npt.NDArray[np.bool_]

# Samples that are compared with each other together: half a million pairs at a time.
_ROWS_AT_ONCE = 512


class DuplicateGuard(Guard):
    """Takes no two samples that are closer than ``eps`` to each other, or to a pending one.

    Parameters
    ----------
    strategy
        What fills the batch.
    eps
        The least distance between two of a batch, above 0.
    metric
        ``"cosine"`` or ``"euclidean"``.

    Examples
    --------
    >>> from socbi.strategies import PoolState, Random
    >>> state = PoolState(6, embeddings=np.array([[0.0], [0.0], [0.0], [1.0], [1.0], [2.0]]))
    >>> guarded = DuplicateGuard(Random(), eps=0.5, metric="euclidean")
    >>> state.embeddings[guarded.select(state, 3, np.random.default_rng(0))].ravel().tolist()
    [1.0, 2.0, 0.0]
    """

    def __init__(self, strategy: Strategy, eps: float, metric: MetricName = "cosine") -> None:
        super().__init__(strategy)
        if not (isinstance(eps, (int, float, np.number)) and 0 < eps < np.inf):
            raise InvalidInputError(f"eps must be a finite number above 0, got {eps!r}")
        if metric_of(metric).name == "inner_product":
            raise InvalidInputError(
                "metric must be 'cosine' or 'euclidean': by inner product a sample is not near "
                "itself"
            )
        self.eps = eps
        self.metric: MetricName = metric
        self.needs = strategy.needs | {"embeddings"}

    def _rule(self, state: PoolState, number: int) -> Rule:
        return _Apart(state, self.eps, self.metric)


class _Apart(Rule):
    """All farther from each other than eps."""

    def __init__(self, state: PoolState, eps: float, metric: MetricName) -> None:
        self._state, self._eps, self._metric = state, eps, metric_of(metric)
        self._inside = self._vectors(state.pending)  # (pending and taken, d)

    def admit(self, ids: IdArray) -> Mask:
        admitted = np.empty(len(ids), np.bool_)
        for begin, end in row_chunks(len(ids), _ROWS_AT_ONCE):
            admitted[begin:end] = self._admit_block(self._vectors(ids[begin:end]))
        return admitted

    def _admit_block(self, vectors: FloatArray) -> Mask:
        admitted = np.ones(len(vectors), np.bool_)
        for begin, end in row_chunks(len(self._inside), _ROWS_AT_ONCE):
            left = np.flatnonzero(admitted)
            close = self._close(vectors[left], self._inside[begin:end])
            admitted[left[close.any(axis=1)]] = False
        left = np.flatnonzero(admitted)
        close = self._close(vectors[left], vectors[left])
        for place, row in enumerate(left):
            admitted[row] = not (close[place, :place] & admitted[left[:place]]).any()
        self._inside = np.concatenate([self._inside, vectors[admitted]])
        return admitted

    def barred(self, ids: IdArray) -> Mask:
        # Comparing all candidates with all taken would cost more than asking the strategy again.
        return np.zeros(len(ids), np.bool_)

    def _vectors(self, ids: IdArray) -> FloatArray:
        return np.ascontiguousarray(self._state.embeddings[ids], np.float32)

    def _close(self, some: FloatArray, others: FloatArray) -> Mask:
        """Return which pairs are closer than eps, (some, others), by distances in float64."""
        if len(some) == 0 or len(others) == 0:
            return np.zeros((len(some), len(others)), np.bool_)
        radius = np.nextafter(np.full(len(some), self._eps, np.float32), np.float32(np.inf))
        close: Mask = self._metric.may_be_nearer(some, others, radius)  # shows all that are
        one, other = np.nonzero(close)
        sure = np.zeros_like(close)
        sure[one, other] = self._metric.distances(some[one], others[other]) < self._eps
        return sure
