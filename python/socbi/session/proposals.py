"""What was proposed to whom, why, and until when it is out."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from socbi.pool import SampleId
from socbi.session.database import Database
from socbi.session.samples import Samples
from socbi.types import IdArray

__all__ = ["Drawn", "Pick", "Proposal", "Proposals"]


@dataclass(frozen=True)
class Pick:
    """A sample to label, why it was chosen, and what to show."""

    id: SampleId
    rank: int
    """1 for the first of its batch."""
    score: float | None
    """What the strategy ordered by; larger is better. None where annotators disagree on it."""
    why: str
    content: dict[str, Any] = field(default_factory=dict)
    """The path of the ``image``, the ``text``, the ``row`` of a table: whatever there is."""
    nearest_labelled: tuple[tuple[SampleId, float], ...] = ()
    """The nearest labelled samples with their distances, nearest first."""
    stands_for: tuple[SampleId, ...] = ()
    """Samples of the pool that it newly serves."""


@dataclass(frozen=True)
class Proposal:
    """What one annotator is to label."""

    number: int
    """0 where there was nothing left to propose."""
    round: int
    """Rounds that were over by then."""
    annotator: str | None
    expires: float
    """When the first of its leases ends, by the clock of the session."""
    picks: tuple[Pick, ...]

    @property
    def ids(self) -> list[SampleId]:
        """Return the ids, best first."""
        return [pick.id for pick in self.picks]

    def __len__(self) -> int:
        """Return how many samples there are to label."""
        return len(self.picks)

    def __iter__(self) -> Iterator[Pick]:
        """Return the picks, best first."""
        return iter(self.picks)


@dataclass(frozen=True)
class Drawn:
    """What a strategy chose, by positions, as it is kept."""

    positions: Sequence[int]
    whys: Sequence[dict[str, Any]]
    record: dict[str, Any]


class Proposals:
    """Proposals and leases in the database of a session."""

    def __init__(self, database: Database, samples: Samples) -> None:
        self._database = database
        self._samples = samples

    def count(self) -> int:
        """Return how many there are."""
        return int(self._database.one("SELECT count(*) FROM proposals"))

    def leased(self, now: float) -> IdArray:
        """Return the samples that are out with anybody, ascending."""
        query = "SELECT position FROM leases WHERE expires > ? ORDER BY position"
        return np.array([row[0] for row in self._database.rows(query, now)], np.int64)

    def next_expiry(self, now: float) -> float | None:
        """Return when the first lease ends that has not, None without any."""
        found = self._database.one("SELECT min(expires) FROM leases WHERE expires > ?", now)
        return None if found is None else float(found)

    def out_with(self, annotator: str, round_number: int | None, now: float) -> list[int]:
        """Return what an annotator was given and still has, in the order of the picks.

        In one round, or with None in any.
        What was given to somebody else since, because the lease had ended, is not it.
        """
        query = """
            SELECT leases.position FROM leases
            JOIN proposals ON proposals.number = leases.proposal
            JOIN picks ON picks.proposal = leases.proposal AND picks.position = leases.position
            WHERE proposals.annotator = ? AND proposals.round = ifnull(?, proposals.round)
              AND leases.expires > ?
            ORDER BY picks.proposal, picks.rank
        """
        return [row[0] for row in self._database.rows(query, annotator, round_number, now)]

    def renew(self, positions: Sequence[int], expires: float) -> None:
        """Let leases end later."""
        if not positions:
            return
        with self._database.writing("the leases of a proposal") as connection:
            connection.executemany(
                "UPDATE leases SET expires = max(expires, ?) WHERE position = ?",
                [(expires, one) for one in positions],
            )

    def keep(
        self,
        number: int,
        round_number: int,
        annotator: str,
        drawn: Drawn,
        *,
        made_at: float,
        expires: float,
        choose_s: float,
    ) -> None:
        """Keep a proposal with its leases."""
        with self._database.writing("a proposal") as connection:
            connection.execute(
                "INSERT INTO proposals VALUES (?, ?, ?, ?, ?, ?)",
                (number, round_number, annotator, made_at, choose_s, json.dumps(drawn.record)),
            )
            connection.executemany(
                "INSERT INTO picks VALUES (?, ?, ?, ?)",
                [
                    (number, rank, position, json.dumps(why))
                    for rank, (position, why) in enumerate(
                        zip(drawn.positions, drawn.whys, strict=True), 1
                    )
                ],
            )
            connection.executemany(
                "INSERT OR REPLACE INTO leases VALUES (?, ?, ?)",
                [(position, number, expires) for position in drawn.positions],
            )

    @staticmethod
    def end_leases(connection: sqlite3.Connection, positions: Sequence[int]) -> None:
        """End the leases of samples that have a label now, within a transaction."""
        connection.executemany(
            "DELETE FROM leases WHERE position = ?", [(one,) for one in positions]
        )

    def positions_by_round(self) -> dict[int, list[int]]:
        """Return what was proposed when so many rounds were over."""
        query = """
            SELECT proposals.round, picks.position FROM picks
            JOIN proposals ON proposals.number = picks.proposal
            ORDER BY picks.proposal, picks.rank
        """
        found: dict[int, list[int]] = {}
        for round_number, position in self._database.rows(query):
            found.setdefault(round_number, []).append(position)
        return found

    def strategies_by_round(self) -> dict[int, list[str]]:
        """Return what chose when so many rounds were over, as it was recorded."""
        query = """
            SELECT round, json_extract(record, '$.strategy') FROM proposals
            WHERE json_extract(record, '$.strategy') IS NOT NULL ORDER BY number
        """
        found: dict[int, list[str]] = {}
        for round_number, strategy in self._database.rows(query):
            if strategy not in found.setdefault(round_number, []):
                found[round_number].append(strategy)
        return found

    def last_picks(self, most: int) -> list[tuple[int, Pick]]:
        """Return the last picks, the last proposal first, with the round each was for."""
        query = """
            SELECT proposals.round + 1, picks.position, picks.rank, picks.why FROM picks
            JOIN proposals ON proposals.number = picks.proposal
            ORDER BY picks.proposal DESC, picks.rank LIMIT ?
        """
        rows = self._database.rows(query, most)
        picks = self._picks([(one[1], one[2], json.loads(one[3])) for one in rows])
        return [(row[0], pick) for row, pick in zip(rows, picks, strict=True)]

    def proposal(
        self, annotator: str | None, round_number: int, positions: Sequence[int]
    ) -> Proposal:
        """Return what is out at these positions, in their order."""
        query = """
            SELECT leases.proposal, picks.rank, picks.why, leases.expires FROM leases
            JOIN picks ON picks.proposal = leases.proposal AND picks.position = leases.position
            WHERE leases.position = ?
        """
        rows = [self._database.rows(query, position)[0] for position in positions]
        picks = self._picks(
            [
                (position, row[1], json.loads(row[2]))
                for position, row in zip(positions, rows, strict=True)
            ]
        )
        number = max((row[0] for row in rows), default=0)
        expires = min((row[3] for row in rows), default=0.0)
        return Proposal(number, round_number, annotator, expires, tuple(picks))

    def _picks(self, kept: Sequence[tuple[int, int, dict[str, Any]]]) -> list[Pick]:
        """Return picks of which position, rank and reason are kept."""
        positions = [position for position, _, _ in kept]
        contents = self._samples.contents(positions)
        whys = [why for _, _, why in kept]
        ids = self._named(
            {
                *positions,
                *(one for why in whys for one in why.get("stands_for", ())),
                *(one for why in whys for one, _ in why.get("nearest_labelled", ())),
            }
        )
        return [
            _pick(ids[position], rank, why, content, ids)
            for (position, rank, why), content in zip(kept, contents, strict=True)
        ]

    def _named(self, positions: set[int]) -> dict[int, SampleId]:
        ordered = sorted(positions)
        return dict(zip(ordered, self._samples.ids(ordered), strict=True))


def _pick(
    id: SampleId, rank: int, why: dict[str, Any], content: dict[str, Any], ids: dict[int, SampleId]
) -> Pick:
    near = tuple((ids[one], apart) for one, apart in why.get("nearest_labelled", ()))
    serves = tuple(ids[one] for one in why.get("stands_for", ()))
    return Pick(id, rank, why.get("score"), why.get("why", ""), content, near, serves)
