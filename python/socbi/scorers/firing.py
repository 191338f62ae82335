"""Labelled samples hit their neighbours: what happened, and what it amounts to.

The counts of So-CBI follow from a history of three kinds of events over one neighbour index, which
is only ever read. The same few functions serve a round (one more event) and a recount (all of them
again), which is why both give the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError
from socbi.neighbors import NeighborIndex
from socbi.neighbors.metrics import FloatArray, metric_of
from socbi.neighbors.vector_rows import VectorRows, row_chunks
from socbi.types import IdArray

__all__ = [
    "Arrived",
    "Event",
    "Fired",
    "LabelledVectors",
    "Replay",
    "Shot",
    "Withdrawn",
    "fire",
    "without_hits",
]

Mask: TypeAlias = npt.NDArray[np.bool_]

# New samples that are compared with all labels together.
_NEW_ROWS = 1024


@dataclass(frozen=True, eq=False)
class Fired:
    """These samples were labelled together, and each hit its k nearest in the pool.

    With what they hit it is repeated over the same vectors without a search.
    """

    ids: IdArray
    k: int
    hits: IdArray | None = None
    radius: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Arrived:
    """These samples joined the pool; the first event is of those that it had at the start."""

    ids: IdArray
    counts: IdArray | None = None
    """How many labels of before hit each, where that is known."""


@dataclass(frozen=True, eq=False)
class Withdrawn:
    """These samples left the pool without a label."""

    ids: IdArray


Event: TypeAlias = Fired | Arrived | Withdrawn


def without_hits(events: Sequence[Event]) -> list[Event]:
    """Return the events alone, to be repeated over other vectors."""
    return [
        Fired(event.ids, event.k)
        if isinstance(event, Fired)
        else Arrived(event.ids)
        if isinstance(event, Arrived)
        else event
        for event in events
    ]


@dataclass(frozen=True)
class Shot:
    """What a `Fired` did."""

    vectors: FloatArray
    """Of the labelled samples, (b, d)."""
    hits: IdArray
    """Ids of the samples hit, one for each hit."""
    radius: FloatArray
    """How far the last hit of each lay; infinite where all of the pool was hit."""


def fire(
    neighbors: NeighborIndex, ids: IdArray, k: int, present: Mask, *, progress: bool = True
) -> Shot:
    """Find the k nearest of these samples among those present; nothing is changed."""
    vectors = neighbors.vectors(ids)
    reach = max(1, min(k, int(np.count_nonzero(present))))
    found, apart = neighbors.search(vectors, reach, present, progress=progress)
    whole = (reach == k) & (found[:, -1] >= 0)
    radius = np.where(whole, apart[:, -1], np.inf).astype(np.float32)
    return Shot(vectors, found[found >= 0], radius)


class LabelledVectors:
    """The labelled samples, in the order of their labels, with what each hit."""

    def __init__(self, neighbors: NeighborIndex) -> None:
        self._metric = metric_of(neighbors.metric)
        self.rows = VectorRows(self._metric)
        self._ids: list[IdArray] = []
        self._radius: list[FloatArray] = []

    def __len__(self) -> int:
        """Return the number of labels."""
        return len(self.rows)

    @property
    def ids(self) -> IdArray:
        """Return the ids, in the order of their labels."""
        return np.concatenate([np.empty(0, np.int64), *self._ids])

    def append(self, ids: IdArray, shot: Shot) -> None:
        """Add labels."""
        vectors = shot.vectors
        self.rows.append(vectors, self.rows.measure(vectors, row_chunks(len(vectors))))
        self._ids.append(ids)
        self._radius.append(shot.radius)

    def hits_on(self, vectors: FloatArray) -> IdArray:
        """Return how many labels would have hit each of these samples, had it been there."""
        counts = np.zeros(len(vectors), np.int64)
        if len(self) == 0:
            return counts
        radius = np.concatenate(self._radius)
        for begin, end in row_chunks(len(vectors), _NEW_ROWS):
            for first, last in row_chunks(len(self)):
                labels = np.asarray(self.rows.read(first, last), np.float32)
                counts[begin:end] += self._hit(vectors[begin:end], labels, radius[first:last])
        return counts

    def _hit(self, vectors: FloatArray, labels: FloatArray, radius: FloatArray) -> IdArray:
        """Count for each vector the labels that lie nearer than their radius."""
        near = self._metric.may_be_nearer(labels, vectors, radius)  # (labels, vectors)
        label, vector = np.nonzero(near)
        sure = np.empty(len(label), np.bool_)
        for begin, end in row_chunks(len(label)):
            one, other = label[begin:end], vector[begin:end]
            apart = self._metric.distances(labels[one], vectors[other]).astype(np.float32)
            sure[begin:end] = apart < radius[one]
        return np.bincount(vector[sure], minlength=len(vectors))


class Replay:
    """All events again, from the start, over neighbours that may have other vectors by now."""

    def __init__(self, neighbors: NeighborIndex, size: int) -> None:
        self.counts = np.zeros(size, np.int64)
        self.present: Mask = np.zeros(size, np.bool_)
        self.labelled = LabelledVectors(neighbors)
        self._neighbors = neighbors

    def run(self, events: Sequence[Event], *, progress: bool = True) -> None:
        """Count the hits."""
        for event in events:
            if len(event.ids) and not 0 <= event.ids.min() <= event.ids.max() < len(self.counts):
                raise InvalidInputError(
                    f"the history has ids from {event.ids.min()} to {event.ids.max()}, and those "
                    f"of this pool are 0 to {len(self.counts) - 1}"
                )
            self._repeat(event, progress)

    def _repeat(self, event: Event, progress: bool) -> None:
        if isinstance(event, Withdrawn):
            self.present[event.ids] = False
        elif isinstance(event, Arrived):
            self.counts[event.ids] = self._hits_on(event)
            self.present[event.ids] = True
        else:
            self.present[event.ids] = False
            shot = self._shot(event, progress)
            np.add.at(self.counts, shot.hits, 1)
            self.labelled.append(event.ids, shot)

    def _hits_on(self, event: Arrived) -> IdArray:
        if event.counts is not None:
            return event.counts
        return self.labelled.hits_on(self._neighbors.vectors(event.ids))

    def _shot(self, event: Fired, progress: bool) -> Shot:
        if event.hits is None or event.radius is None:
            return fire(self._neighbors, event.ids, event.k, self.present, progress=progress)
        return Shot(self._neighbors.vectors(event.ids), event.hits, event.radius)
