"""Labelled samples hit their neighbours: what happened, and what it amounts to.

The counts of So-CBI follow from a history of three kinds of events over one neighbour index. The
same few functions serve a round (one more event) and a recount (all of them again), which is why
both give the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from socbi.errors import UnknownIdError
from socbi.neighbors import NeighborIndex
from socbi.neighbors.metrics import FloatArray, metric_of
from socbi.neighbors.vector_rows import VectorRows, row_chunks
from socbi.types import IdArray

__all__ = ["Arrived", "Event", "Fired", "LabelledVectors", "Replay", "Shot", "Withdrawn", "fire"]

# Pairs of a new sample and a label that are compared together.
_PAIRS = 2**16


@dataclass(frozen=True, eq=False)
class Fired:
    """These samples were labelled together, and each hit its k nearest in the pool."""

    ids: IdArray
    k: int


@dataclass(frozen=True, eq=False)
class Arrived:
    """These samples joined the pool."""

    ids: IdArray


@dataclass(frozen=True, eq=False)
class Withdrawn:
    """These samples left the pool without a label."""

    ids: IdArray


Event: TypeAlias = Fired | Arrived | Withdrawn


@dataclass(frozen=True)
class Shot:
    """What a `Fired` did."""

    vectors: FloatArray
    """Of the labelled samples, (b, d)."""
    hits: IdArray
    """Ids of the samples hit, one for each hit."""
    radius: FloatArray
    """How far the last hit of each lay; infinite where all of the pool was hit."""


def fire(neighbors: NeighborIndex, ids: IdArray, k: int, *, progress: bool = True) -> Shot:
    """Take the labelled samples out of the neighbours and find the k nearest of those left."""
    vectors = neighbors.vectors(ids)
    neighbors.remove(ids)
    try:
        found, apart = neighbors.search(vectors, k, progress=progress)
    except BaseException:
        neighbors.restore(ids)
        raise
    radius = np.where(found[:, -1] >= 0, apart[:, -1], np.inf).astype(np.float32)
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

    def hits_on(self, vectors: FloatArray) -> FloatArray:
        """Return how many labels would have hit each of these samples, had it been there."""
        counts = np.zeros(len(vectors), np.float32)
        if len(self) == 0:
            return counts
        radius = np.concatenate(self._radius)
        for row in range(len(vectors)):
            for begin, end in row_chunks(len(self), _PAIRS):
                labels = np.asarray(self.rows.read(begin, end), np.float32)
                same = np.broadcast_to(vectors[row], labels.shape)
                apart = self._metric.distances(same, labels).astype(np.float32)
                counts[row] += np.count_nonzero(apart < radius[begin:end])
        return counts


class Replay:
    """All events again, from the start, over neighbours that may have other vectors by now."""

    def __init__(self, neighbors: NeighborIndex, size: int) -> None:
        self.counts = np.zeros(size, np.float32)
        self.labelled = LabelledVectors(neighbors)
        self._neighbors = neighbors

    def run(self, events: Sequence[Event], *, progress: bool = True) -> None:
        """Count the hits; whatever happens, the neighbours are afterwards as the events say."""
        gone = _joined([one.ids for one in events if not isinstance(one, Arrived)])
        came = _joined([one.ids for one in events if isinstance(one, Arrived)])
        self._require(gone, came)
        try:
            self._set_present(gone, True)
            self._set_present(came, False)
            for event in events:
                self._repeat(event, progress)
        finally:
            self._set_present(came, True)
            self._set_present(gone, False)

    def _repeat(self, event: Event, progress: bool) -> None:
        if isinstance(event, Withdrawn):
            self._neighbors.remove(event.ids)
        elif isinstance(event, Arrived):
            self._neighbors.restore(event.ids)
            self.counts[event.ids] = self.labelled.hits_on(self._neighbors.vectors(event.ids))
        else:
            shot = fire(self._neighbors, event.ids, event.k, progress=progress)
            np.add.at(self.counts, shot.hits, np.float32(1))
            self.labelled.append(event.ids, shot)

    def _require(self, gone: IdArray, came: IdArray) -> None:
        """Refuse neighbours without the vectors of samples that the events are about."""
        wanted = np.unique(np.concatenate([gone, came]))
        missing = wanted[~np.isin(wanted, self._neighbors.ids())]
        try:
            self._neighbors.restore(missing)
        except UnknownIdError as error:
            raise UnknownIdError(
                f"a recount needs the vectors of labelled and withdrawn samples, too: {error}"
            ) from error
        self._neighbors.remove(missing)

    def _set_present(self, ids: IdArray, present: bool) -> None:
        there = np.isin(ids, self._neighbors.ids())
        if present:
            self._neighbors.restore(ids[~there])
        else:
            self._neighbors.remove(ids[there])


def _joined(parts: list[IdArray]) -> IdArray:
    return np.concatenate([np.empty(0, np.int64), *parts])
