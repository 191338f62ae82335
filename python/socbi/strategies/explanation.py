"""Why a sample was chosen, in numbers and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from socbi.errors import UnknownIdError
from socbi.neighbors import ExactNeighbors
from socbi.neighbors.neighbor_index import checked_count, checked_distinct
from socbi.strategies.pool_state import PoolState
from socbi.types import IdArray

if TYPE_CHECKING:
    from socbi.strategies.batch import Batch

__all__ = ["Explanation", "explain"]

# Ids that are named before "and so many more".
_NAMED = 5


@dataclass(frozen=True)
class Explanation:
    """Why a sample was chosen."""

    id: int
    rank: int
    """1 for the first of the batch."""
    score: float
    """What the strategy ordered by; larger is better."""
    nearest_labelled: tuple[tuple[int, float], ...] = ()
    """Ids of the nearest labelled samples with their distances, nearest first."""
    tie_break: str = ""
    """What decided among samples of equal score; empty where none was equal."""
    stands_for: tuple[int, ...] = ()
    """The pool samples that it newly serves, itself left out."""

    def __str__(self) -> str:
        """Return the explanation in a line."""
        tied = f" ({self.tie_break})" if self.tie_break else ""
        parts = [f"{self.rank}. id {self.id}: score {self.score:.4g}{tied}"]
        if self.nearest_labelled:
            near = ", ".join(f"{one} at {apart:.4g}" for one, apart in self.nearest_labelled)
            parts.append(f"nearest labelled {near}")
        if self.stands_for:
            parts.append(f"stands for {_counted(self.stands_for)}")
        return "; ".join(parts)


def _counted(ids: Sequence[int]) -> str:
    named = ", ".join(map(str, ids[:_NAMED]))
    more = f" and {len(ids) - _NAMED:,} more" if len(ids) > _NAMED else ""
    return f"{len(ids):,} sample{'s' * (len(ids) > 1)}: {named}{more}"


def explain(batch: Batch, ids: npt.ArrayLike | None, neighbors: int) -> list[Explanation]:
    """Return why each of these was chosen; see `Batch.explain`."""
    ranks = _ranks(batch, ids)
    asked, state = batch.ids[ranks], batch.state
    labelled = _Labelled(state)
    nearest = labelled.nearest(asked, checked_count(neighbors, "neighbors", least=0))
    if batch.stands_for is None:
        serves = _nearer_than_labelled(state, asked, labelled)
    else:
        serves = [batch.stands_for[rank] for rank in ranks]
    return [
        Explanation(
            id=int(id),
            rank=int(rank) + 1,
            score=float(batch.scores[rank]),
            nearest_labelled=near,
            tie_break="" if batch.tie_breaks is None else batch.tie_breaks[rank],
            stands_for=tuple(served[served != id].tolist()),
        )
        for id, rank, near, served in zip(asked, ranks, nearest, serves, strict=True)
    ]


def _ranks(batch: Batch, ids: npt.ArrayLike | None) -> IdArray:
    """Return the places in the batch of these ids, counted from 0."""
    if ids is None:
        return np.arange(len(batch))
    asked = checked_distinct(ids, "ids")
    places = {int(id): place for place, id in enumerate(batch.ids)}
    foreign = [one for one in asked.tolist() if one not in places]
    if foreign:
        raise UnknownIdError(
            f"ids must be of this batch of {len(batch)}, and id {foreign[0]} is not; only what was "
            "chosen can be explained"
        )
    return np.array([places[one] for one in asked.tolist()], np.int64)


class _Labelled:
    """The labelled samples of a state, to be found by nearness; none without embeddings."""

    def __init__(self, state: PoolState) -> None:
        self._state = state
        self._index: ExactNeighbors | None = None
        if state.has("embeddings") and len(state.labelled):
            metric = state.graph.metric if state.at_hand("graph") else "cosine"
            self._index = ExactNeighbors(metric)
            vectors = _vectors(state, state.labelled)
            self._index.add(state.labelled, vectors, progress=False)

    def nearest(self, ids: IdArray, k: int) -> list[tuple[tuple[int, float], ...]]:
        """Return ids and distances of the k nearest of each."""
        if self._index is None or k == 0 or len(ids) == 0:
            return [()] * len(ids)
        vectors = _vectors(self._state, ids)
        found, apart = self._index.search(vectors, k, progress=False)
        return [
            tuple((int(one), float(far)) for one, far in zip(*row, strict=True) if one >= 0)
            for row in zip(found, apart, strict=True)
        ]

    def distances(self, ids: IdArray) -> npt.NDArray[np.float64]:
        """Return how far the nearest is from each; infinite where there is none."""
        return np.array([near[0][1] if near else np.inf for near in self.nearest(ids, 1)])


def _vectors(state: PoolState, ids: IdArray) -> npt.NDArray[np.float32]:
    return np.asarray(state.embeddings[ids], np.float32)


def _nearer_than_labelled(state: PoolState, ids: IdArray, labelled: _Labelled) -> list[IdArray]:
    """Return for each the candidates of its graph row that are nearer to it than to any label."""
    if not (state.at_hand("graph") and state.has("embeddings")):
        return [np.empty(0, np.int64)] * len(ids)
    rows, apart = state.graph.ids[ids].astype(np.int64), state.graph.distances[ids]  # (b, k)
    others, place = np.unique(rows[np.isin(rows, state.candidates)], return_inverse=True)
    far = np.full(rows.shape, -np.inf)
    far[np.isin(rows, others)] = labelled.distances(others)[place.ravel()]
    return [row[nearer] for row, nearer in zip(rows, apart < far, strict=True)]
