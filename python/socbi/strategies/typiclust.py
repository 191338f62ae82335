"""Choose what is typical of where nothing is labelled."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.neighbors.metrics import FloatArray
from socbi.neighbors.neighbor_index import checked_count
from socbi.neighbors.vector_rows import row_chunks
from socbi.scorers.probabilities import Doubles
from socbi.strategies.batch import Batch
from socbi.strategies.k_means import k_means
from socbi.strategies.pool_state import PoolState
from socbi.strategies.row_workers import RowWorkers, gathered
from socbi.strategies.strategy import Strategy
from socbi.types import IdArray

__all__ = ["TypiClust"]

# Products of float32 rank the members of a cluster; of the best so many float64 decides.
_FINALISTS = 16
_ROWS_AT_ONCE = 512
# In place of a mean distance of 0, among duplicates: typicality stays a finite number.
_NO_DISTANCE = 1e-30


class TypiClust(Strategy):
    """Takes the most typical sample of each large cluster that has no label.

    Hacohen, Dekel and Weinshall, *Active Learning on a Budget: Opposite Strategies Suit High and
    Low Budgets* (2022): k-means with a cluster for each label and each pick; then, from the largest
    cluster without a label on, the member with the highest typicality, which is one over the mean
    distance to its nearest in the cluster; equal ones by lot. Where such clusters run out, those of
    the fewest labels and picks are next. A pending sample counts as a label. The score of a pick is
    its typicality.

    Made for the first labels: it asks no model. Memory is some 300 bytes a sample.

    Parameters
    ----------
    neighbors
        How many nearest typicality looks at.

    Examples
    --------
    >>> import numpy as np
    >>> from socbi.strategies import PoolState, TypiClust
    >>> line = np.array([[0.0], [1.0], [2.5], [50.0], [51.0]])
    >>> state = PoolState(5, labelled=[4], labels=[0], embeddings=line)
    >>> TypiClust(neighbors=2).select(state, 1, np.random.default_rng(0)).tolist()
    [1]
    """

    needs = frozenset({"embeddings"})

    def __init__(self, neighbors: int = 20) -> None:
        self.neighbors = checked_count(neighbors, "neighbors")

    def _chosen(self, state: PoolState, number: int, rng: np.random.Generator) -> Batch:
        labelled = np.concatenate([state.labelled, state.pending])
        ids = np.sort(np.concatenate([state.candidates, labelled]))
        count = min(len(ids), len(labelled) + number)
        clusters = k_means(state.embeddings, ids, count, rng)
        with RowWorkers.started() as workers:
            lot = rng.permutation(len(ids))
            picks = _Picking(
                state.embeddings,
                ids,
                clusters.of,
                ~np.isin(ids, labelled),
                self.neighbors,
                lot,
                workers,
            )
            chosen, typicality = picks.take(number, count)
        return Batch(chosen, typicality, state, record={"inertia": clusters.inertia})


class _Picking:
    """Clusters, and how many of each are labelled or picked."""

    def __init__(
        self,
        vectors: npt.NDArray[Any],
        ids: IdArray,
        of: IdArray,
        free: npt.NDArray[np.bool_],
        neighbors: int,
        lot: IdArray,
        workers: RowWorkers,
    ) -> None:
        self._vectors = vectors
        self._ids = ids
        self._of = of
        self._free = free
        self._neighbors = neighbors
        self._lot = lot
        self._workers = workers

    def take(self, number: int, clusters: int) -> tuple[IdArray, Doubles]:
        """Return the picks in their order, and the typicality of each."""
        sizes = np.bincount(self._of, minlength=clusters)
        covered = np.bincount(self._of[~self._free], minlength=clusters)
        picks, scores = np.empty(0, np.int64), np.empty(0)
        while len(picks) < number:  # once, but where clusters are empty or all have labels
            left = np.bincount(self._of[self._free], minlength=clusters) > 0
            least = left & (covered == covered[left].min())
            order = np.flatnonzero(least)
            order = order[np.argsort(-sizes[order], kind="stable")][: number - len(picks)]
            rows, typicality = self._most_typical(order)
            self._free[rows] = False
            covered[order] += 1
            picks = np.concatenate([picks, self._ids[rows]])
            scores = np.concatenate([scores, typicality])
        return picks, scores

    def _most_typical(self, clusters: IdArray) -> tuple[IdArray, Doubles]:
        """Return the row of the most typical free member of each cluster."""
        order = np.argsort(self._of, kind="stable")
        ends = np.searchsorted(self._of[order], clusters, side="right")
        begins = np.searchsorted(self._of[order], clusters, side="left")
        rows, typicality = np.empty(len(clusters), np.int64), np.empty(len(clusters))

        def find(first: int, last: int) -> None:
            for one in range(first, last):
                members = order[begins[one] : ends[one]]
                members = members[np.argsort(self._lot[members])]
                vectors = gathered(self._vectors, self._ids[members])
                free = np.flatnonzero(self._free[members])
                row, typicality[one] = _most_typical(vectors, free, self._neighbors)
                rows[one] = members[row]

        self._workers.each(len(clusters), 1, find)
        return rows, typicality


def _most_typical(vectors: FloatArray, free: IdArray, neighbors: int) -> tuple[int, float]:
    """Return the row of ``free`` of the smallest mean distance to its nearest, and one over that.

    The first of equals, judged in float64. A member that is alone is not typical of anything: 0.
    """
    k = min(neighbors, len(vectors) - 1)
    if k == 0:
        return int(free[0]), 0.0
    lengths = np.einsum("nd,nd->n", vectors, vectors)
    means = np.empty(len(free))
    for begin, end in row_chunks(len(free), _ROWS_AT_ONCE):
        some = free[begin:end]
        apart = vectors[some] @ (-2 * vectors.T)
        apart += lengths
        apart += lengths[some][:, None]
        apart[np.arange(len(some)), some] = -1  # itself, before all others
        nearest = np.partition(apart, k, axis=1)[:, : k + 1]
        means[begin:end] = np.sqrt(np.maximum(nearest, 0)).sum(axis=1) / k
    finalists = free[np.argsort(means, kind="stable")[:_FINALISTS]]
    finalists.sort()
    exact = [_mean_of_nearest(vectors, int(one), k) for one in finalists]
    best = int(np.argmin(exact))
    return int(finalists[best]), 1 / max(exact[best], _NO_DISTANCE)


def _mean_of_nearest(vectors: FloatArray, row: int, k: int) -> float:
    difference = vectors.astype(np.float64) - vectors[row]
    apart = np.sqrt((difference * difference).sum(axis=1))
    apart[row] = np.inf
    return float(np.partition(apart, k - 1)[:k].mean())
