"""Take the sample that serves the most uncertainty not served yet; again and again, exactly."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError
from socbi.neighbors import KnnGraph
from socbi.neighbors.neighbor_index import checked_count
from socbi.scorers.uncertainty import margins_within
from socbi.strategies.batch import Batch
from socbi.strategies.cover_graph import cover_graph
from socbi.strategies.greedy_cover import greedy_cover
from socbi.strategies.margin import Margin
from socbi.strategies.pool_state import PoolState
from socbi.strategies.strategy import Strategy
from socbi.types import IdArray

__all__ = ["CoverageMargin", "graph_hits", "unserved"]

Doubles = npt.NDArray[np.float64]

_NUMBER = (int, float, np.integer, np.floating)
# Hits beyond so many weaken a weight no further: 0.8^20 is 0.01.
_MOST_HITS = 20
# How many neighbours a label hits where the counts come from the graph.
_HITS_A_LABEL = 10


class CoverageMargin(Strategy):
    """Takes samples that are uncertain themselves and whose neighbours are, one after the other.

    The value of a sample u is ``(1 - margin(u)) / sqrt(d(u)) * sum of M(u, v) w(v)`` over itself
    and its d(u) - 1 neighbours, those that have it as a neighbour included. Each v weighs
    ``(1 - margin(v)) * fade ** min(hits(v), 20)``, less the more labelled samples are near. What a
    pick serves weighs nothing from then on, so the next one comes from elsewhere; so it is with
    what pending samples serve.

    Needs a neighbour graph of all samples. Without probabilities, before the first model, every
    margin is taken as 0: the batch then covers the pool. Hits are those of the state's boundary
    scorer; where it has none, each labelled sample hits its ten nearest of the graph.

    Parameters
    ----------
    switch
        From this share of labelled samples on take the smallest margins alone; None for never.
    fade
        What a hit leaves of a weight, above 0 and at most 1; at 1 hits do not matter.

    Notes
    -----
    A batch costs one pass over the graph, made symmetric once and kept as long as the graph lives
    (`CoverGraph.nbytes`), and some hundred updates a pick; each further round of serving costs a
    pass as well. Beside it, 60 bytes a sample while it chooses, and 40 more for each of those that
    tie for the largest value.

    ``Batch.record`` has ``rule``: ``"cover"``, or ``"margin"`` once switched. With the former
    ``rounds_of_serving``: 1, and one more each time that all had been served before the batch was
    full and everything not taken was to be served anew; and ``updates``: how many values of
    candidates the picks changed.

    Examples
    --------
    >>> from socbi.neighbors import knn_graph
    >>> vectors = np.repeat(np.eye(3, dtype=np.float32), 20, axis=0)       # three heaps of samples
    >>> state = PoolState(60, graph=knn_graph(vectors, k=5))
    >>> batch = CoverageMargin().choose(state, 3, np.random.default_rng(0))
    >>> sorted((batch.ids // 20).tolist())
    [0, 1, 2]
    """

    needs = frozenset({"graph"})

    def __init__(self, *, switch: float | None = None, fade: float = 0.8) -> None:
        if switch is not None and not (isinstance(switch, _NUMBER) and 0 <= switch <= 1):
            raise InvalidInputError(f"switch must be a share from 0 to 1 or None, got {switch!r}")
        if not (isinstance(fade, _NUMBER) and 0 < fade <= 1):
            raise InvalidInputError(f"fade must be above 0 and at most 1, got {fade!r}")
        self.switch = switch
        self.fade = fade

    def _chosen(self, state: PoolState, number: int, rng: np.random.Generator) -> Batch:
        if self._is_late(state):
            return dataclasses.replace(
                Margin().choose(state, number, rng), record={"rule": "margin"}
            )
        unsure, weights = unserved(state, self.fade)
        cover = cover_graph(state.graph)
        taken = greedy_cover(
            cover,
            weights,
            unsure / cover.roots,
            state.candidates,
            number,
            int(rng.integers(2**63)),
            state.pending,
        )
        record = {"rule": "cover", "rounds_of_serving": taken.rounds, "updates": taken.updates}
        return Batch(taken.ids, taken.values, state, taken.tie_breaks, taken.served, record)

    def _is_late(self, state: PoolState) -> bool:
        if self.switch is None or not state.has("probabilities"):
            return False
        return len(state.labelled) >= self.switch * state.size


def unserved(state: PoolState, fade: float) -> tuple[Doubles, Doubles]:
    """Return one minus the margin of each sample, and how much each needs serving.

    Both are 0 for samples with a label.
    """
    unsure = np.ones(state.size)
    if state.has("probabilities"):
        unsure -= margins_within(state.probabilities)
        np.maximum(unsure, 0, out=unsure)  # a softmax of float32 may be above 1 by a rounding
    unsure[state.labelled] = 0
    hit, hits = _hits(state)
    left = np.power(fade, np.arange(_MOST_HITS + 1))  # of a weight after so many hits
    weights = unsure.copy()
    weights[hit] *= left[np.minimum(hits, _MOST_HITS)]
    return unsure, weights


def _hits(state: PoolState) -> tuple[IdArray, IdArray]:
    """Return which samples were hit by labelled ones, and how often each."""
    if state.has("boundary"):
        counts = state.boundary.counts
        hit = np.flatnonzero(counts)
        return hit, counts[hit]
    return graph_hits(state.graph, state.labelled)


def graph_hits(
    graph: KnnGraph, labelled: IdArray, k: int = _HITS_A_LABEL
) -> tuple[IdArray, IdArray]:
    """Return which samples labelled ones have among their k nearest, ascending, and how many have.

    As `BoundaryScorer` counts where all labels come at once, but for this: there a label hits the k
    nearest without a label, here its k nearest, those with a label included: these weigh nothing.

    Examples
    --------
    >>> from socbi.neighbors import knn_graph
    >>> graph = knn_graph(np.array([[0.0], [1.0], [3.0]]), k=1, metric="euclidean")
    >>> ids, counts = graph_hits(graph, np.array([0, 2]))
    >>> ids.tolist(), counts.tolist()
    ([1], [2])
    """
    near = graph.ids[labelled, : checked_count(k, "k")]
    hit, counts = np.unique(near[near >= 0], return_counts=True)
    return hit.astype(np.int64), counts
