"""The counts of hits of a session: recorded as they come, so that a restart searches nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.index import SemiOrderedIndex
from socbi.neighbors import NeighborIndex, build_neighbors
from socbi.neighbors.metrics import MetricName
from socbi.scorers import BoundaryScorer
from socbi.scorers.firing import Arrived, Event, Fired, Withdrawn
from socbi.session.database import Database
from socbi.types import IdArray

__all__ = ["Counted", "HitCounts"]

_NONE = np.empty(0, np.int64)


@dataclass(frozen=True)
class Counted:
    """What following the labels has done."""

    k: int
    never_hit: int
    pool: int
    search_s: float
    update_s: float
    first: int
    """The number of the first of ``events``."""
    events: list[Event]
    """To be recorded with the round."""


class HitCounts:
    """A `BoundaryScorer`, made when it is first needed from the events in the database."""

    def __init__(
        self,
        database: Database,
        settings: Mapping[str, Any],
        metric: MetricName,
        seed: int,
        *,
        progress: bool,
    ) -> None:
        self._database = database
        self._settings = dict(settings)
        self._metric = metric
        self._seed = seed
        self._progress = progress
        self._scorer: BoundaryScorer | None = None
        self._neighbors: NeighborIndex | None = None

    def forget(self) -> None:
        """Make it again when it is needed: what it holds may not be what was committed."""
        self._scorer = None

    def scorer(self, vectors: npt.NDArray[Any]) -> BoundaryScorer:
        """Return the counts as of the last round."""
        if self._scorer is None:
            self._scorer = self._made(vectors, self._recorded())
        return self._scorer

    def follow(
        self, vectors: npt.NDArray[Any], labelled: IdArray, withdrawn: IdArray, joined: IdArray
    ) -> Counted:
        """Let the counts observe what came since the last round.

        ``joined`` are the samples that were ever in the pool. What is returned counts once it is
        recorded; where that fails, `forget`.
        """
        before = self._known_events()
        events = list(before)
        new = np.setdiff1d(joined, _ids_of(before, Arrived))
        scorer = self._scorer
        self._scorer = None
        if scorer is None or len(new):
            scorer = self._made(vectors, [*before, Arrived(new)] if len(new) else before)
        if len(new):
            events.append(Arrived(new, scorer.counts[new]))
        leaving = np.setdiff1d(withdrawn, _ids_of(before, Withdrawn, Fired))
        if len(leaving):
            scorer.remove(leaving)
        seen = scorer.observe(labelled)
        events += scorer.history[len(events) :]
        self._scorer = scorer
        return Counted(
            seen.k,
            seen.never_hit,
            seen.pool,
            seen.search_s,
            seen.update_s,
            len(before),
            events[len(before) :],
        )

    @staticmethod
    def record(connection: sqlite3.Connection, round_number: int, counted: Counted) -> None:
        """Keep what happened, within the transaction of the round."""
        for number, event in enumerate(counted.events, counted.first):
            _record(connection, number, round_number, event)

    def _known_events(self) -> list[Event]:
        return self._recorded() if self._scorer is None else list(self._scorer.history)

    def _made(self, vectors: npt.NDArray[Any], events: list[Event]) -> BoundaryScorer:
        if self._neighbors is None or len(self._neighbors) != len(vectors):
            self._neighbors = build_neighbors(vectors, metric=self._metric, progress=self._progress)
        return BoundaryScorer(
            SemiOrderedIndex(len(vectors), seed=self._seed),
            self._neighbors,
            history=events,
            seed=self._seed,
            progress=self._progress,
            **self._settings,
        )

    def _recorded(self) -> list[Event]:
        rows = self._database.rows("SELECT kind, k, ids, hits, radius FROM hits ORDER BY number")
        return [_event(*row) for row in rows]


def _record(connection: sqlite3.Connection, number: int, round_number: int, event: Event) -> None:
    k = hits = radius = None
    if isinstance(event, Fired):
        kind, k = "fired", event.k
        assert event.hits is not None
        assert event.radius is not None
        hits, radius = event.hits.astype("<i8").tobytes(), event.radius.astype("<f4").tobytes()
    elif isinstance(event, Arrived):
        kind = "arrived"
        if event.counts is not None:
            hits = event.counts.astype("<i8").tobytes()
    else:
        kind = "withdrawn"
    ids = event.ids.astype("<i8").tobytes()
    connection.execute(
        "INSERT INTO hits VALUES (?, ?, ?, ?, ?, ?, ?)",
        (number, round_number, kind, k, ids, hits, radius),
    )


def _event(kind: str, k: int | None, ids: bytes, hits: bytes | None, radius: bytes | None) -> Event:
    which = np.frombuffer(ids, "<i8").astype(np.int64)
    told = None if hits is None else np.frombuffer(hits, "<i8").astype(np.int64)
    if kind == "withdrawn":
        return Withdrawn(which)
    if kind == "arrived":
        return Arrived(which, told)
    apart = None if radius is None else np.frombuffer(radius, "<f4").astype(np.float32)
    return Fired(which, int(k or 0), told, apart)


def _ids_of(events: list[Event], *kinds: type) -> IdArray:
    found = [event.ids for event in events if isinstance(event, kinds)]
    return np.unique(np.concatenate([_NONE, *found]))
