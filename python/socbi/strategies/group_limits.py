"""No more than so many of a batch from one class, or from one cluster."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError
from socbi.neighbors.neighbor_index import checked_count
from socbi.strategies.guard import Guard, Rule
from socbi.strategies.pool_state import PoolState
from socbi.strategies.strategy import Strategy
from socbi.types import IdArray

__all__ = ["ClassQuotas", "ClusterCap"]

Mask = npt.NDArray[np.bool_]


class ClassQuotas(Guard):
    """Takes equally many of each predicted class, as far as each has candidates.

    Classes with candidates to spare differ by one at most: of 14 places for 10 such classes the
    four that the strategy wants first get two.

    Without probabilities, before the first model, it lets the strategy choose freely.

    Parameters
    ----------
    strategy
        What fills the batch.

    Examples
    --------
    >>> from socbi.strategies import PoolState, Random
    >>> p = np.repeat([[0.9, 0.1], [0.2, 0.8]], [90, 10], axis=0)
    >>> state = PoolState(100, probabilities=p)
    >>> batch = ClassQuotas(Random()).select(state, 8, np.random.default_rng(0))
    >>> int((batch < 90).sum()), int((batch >= 90).sum())
    (4, 4)
    """

    def _rule(self, state: PoolState, number: int) -> Rule | None:
        if not state.has("probabilities"):
            return None
        group = np.full(state.size, -1)
        candidates = state.candidates
        group[candidates] = state.probabilities[candidates].argmax(axis=1)
        sizes = np.bincount(group[candidates])
        most = _least_limit(sizes, number)
        return _AtMost(group, most, full=number - int(np.minimum(sizes, most - 1).sum()))


class ClusterCap(Guard):
    """Takes at most so many from one cluster.

    Parameters
    ----------
    strategy
        What fills the batch.
    clusters
        The number of the cluster of every id, from 0; any numbers, gaps between them cost nothing.
    most
        How many of a batch may be of one cluster.
    """

    def __init__(self, strategy: Strategy, clusters: npt.ArrayLike, most: int = 1) -> None:
        super().__init__(strategy)
        _check_clusters(np.asarray(clusters))
        checked_count(most, "most")
        self.clusters = clusters
        self.most = most

    def __repr__(self) -> str:
        """Name the strategy and the cap; not the cluster of every sample."""
        return f"ClusterCap({self.strategy!r}, most={self.most})"

    def _rule(self, state: PoolState, number: int) -> Rule:
        clusters = np.asarray(self.clusters)
        if len(clusters) != state.size:
            raise InvalidInputError(
                f"clusters must be one for each of {state.size} samples, got {len(clusters)}"
            )
        group = np.unique(clusters, return_inverse=True)[1].ravel()
        return _AtMost(group, self.most)


class _AtMost(Rule):
    """At most so many of one group, and of all but the first ``full`` to reach that one less."""

    def __init__(self, group: IdArray, most: int, full: int | None = None) -> None:
        self._group, self._most = group, most
        self._full = len(group) if full is None else full
        self._count = np.zeros(int(group.max(initial=0)) + 1, np.int64)

    def admit(self, ids: IdArray) -> Mask:
        admitted = np.zeros(len(ids), np.bool_)
        for place, group in enumerate(self._group[ids].tolist()):
            if self._count[group] < self._limit:
                self._count[group] += 1
                self._full -= int(self._count[group] == self._most)
                admitted[place] = True
        return admitted

    def barred(self, ids: IdArray) -> Mask:
        return np.asarray(self._count[self._group[ids]] >= self._limit, np.bool_)

    @property
    def _limit(self) -> int:
        return self._most if self._full > 0 else self._most - 1


def _least_limit(sizes: IdArray, number: int) -> int:
    """Return the smallest limit under which groups of these sizes give so many together."""
    ascending = np.sort(sizes)
    before = np.cumsum(ascending) - ascending  # all of those that are smaller
    others = np.arange(len(sizes), 0, -1)  # this one and those that are larger
    limits = -(-(number - before) // others)
    return int(limits[np.flatnonzero(limits <= ascending)[0]])


def _check_clusters(given: npt.NDArray[Any]) -> None:
    if given.ndim != 1 or given.dtype.kind not in "iu" or given.min(initial=0) < 0:
        raise InvalidInputError(
            f"clusters must be a whole number from 0 for each id, got the shape {given.shape} of "
            f"{given.dtype}"
        )
