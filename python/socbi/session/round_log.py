"""The rounds of a session: their records, and what of the campaign the last of them knew."""

from __future__ import annotations

import numpy as np

from socbi.measures import l1_balance
from socbi.session.database import Database
from socbi.session.hit_counts import Counted, HitCounts
from socbi.session.labels import Labels
from socbi.session.round import Round, StageTimes
from socbi.session.settings import ClassName
from socbi.types import IdArray

__all__ = ["RoundLog", "class_counts", "stage_times"]


class RoundLog:
    """Records of rounds, read when the session is opened; one is in the database first."""

    def __init__(self, database: Database) -> None:
        self._database = database
        rows = database.rows("SELECT record, last_label, samples FROM rounds ORDER BY number")
        self._records = [Round.from_json(row[0]) for row in rows]
        self._known: tuple[int, int] = rows[-1][1:] if rows else (0, 0)

    def __len__(self) -> int:
        """Return how many rounds there were."""
        return len(self._records)

    @property
    def records(self) -> tuple[Round, ...]:
        """Return the records of all rounds."""
        return tuple(self._records)

    @property
    def last(self) -> Round | None:
        """Return the last round."""
        return self._records[-1] if self._records else None

    @property
    def last_label(self) -> int:
        """Return the number of the last label that a round knew; 0 before the first."""
        return self._known[0]

    @property
    def samples(self) -> int:
        """Return how many samples the last round knew; 0 before the first."""
        return self._known[1]

    @property
    def has_model(self) -> bool:
        """Say whether the last round has a model: it takes labels of two classes."""
        return self.last is not None and self.last.trained

    def with_models(self, most: int) -> list[int]:
        """Return the numbers of the last rounds that have a model, oldest first."""
        return [one.number for one in self._records if one.trained][-most:]

    def keep(self, record: Round, last_label: int, counted: Counted | None) -> None:
        """Keep a round, with what its labels hit, in one transaction."""
        with self._database.writing("a round") as connection:
            connection.execute(
                "INSERT INTO rounds VALUES (?, ?, ?, ?, ?)",
                (record.number, record.made_at, last_label, record.samples, record.to_json()),
            )
            if counted is not None:
                HitCounts.record(connection, record.number, counted)
        self._records.append(record)
        self._known = (last_label, record.samples)

    def record(
        self,
        now: float,
        votes: Labels,
        classes: tuple[ClassName, ...],
        samples: int,
        held_out: int,
        counted: Counted | None,
        *,
        accuracy: float | None,
        trained: bool,
        train_s: float,
    ) -> Round:
        """Return what is to be kept of the round that comes next."""
        positions, places = votes.labelled()
        untold = len(votes.untellable())
        return Round(
            number=len(self) + 1,
            made_at=now,
            samples=samples,
            labels=len(positions),
            new_labels=len(positions) - (self.last.labels if self.last else 0),
            cannot_tell=untold,
            conflicts=len(votes.conflicts()),
            class_counts=class_counts(classes, places),
            balance=l1_balance(np.bincount(places, minlength=len(classes))),
            accuracy=accuracy,
            trained=trained,
            k=None if counted is None else counted.k,
            never_hit=None if counted is None else counted.never_hit,
            pool=samples - held_out - len(positions) - untold,
            times=stage_times(self._database, len(self), counted, train_s),
        )


def class_counts(classes: tuple[ClassName, ...], places: IdArray) -> dict[str, int]:
    """Return how many labels each class has.

    Examples
    --------
    >>> class_counts(("cat", "dog"), np.array([1, 1]))
    {'cat': 0, 'dog': 2}
    """
    tallies = np.bincount(places, minlength=len(classes)).tolist()
    return {str(name): count for name, count in zip(classes, tallies, strict=True)}


def stage_times(
    database: Database, over: int, counted: Counted | None, train_s: float
) -> StageTimes:
    """Return where the time went since ``over`` rounds were over."""
    choose_s, graph_s = database.rows(
        "SELECT total(choose_s), total(json_extract(record, '$.graph_s')) FROM proposals "
        "WHERE round = ?",
        over,
    )[0]
    embed_s = database.one("SELECT total(embed_s) FROM growths WHERE round = ?", over)
    search_s = graph_s + (counted.search_s if counted else 0.0)
    update_s = counted.update_s if counted else 0.0
    return StageTimes(update_s, choose_s, search_s, float(embed_s), train_s)
