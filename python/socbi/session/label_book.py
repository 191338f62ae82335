"""The labels of a session: checked, kept as events, and what they amount to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from socbi.errors import InvalidTypeError, LabelError
from socbi.pool import SampleId
from socbi.pool.sample_ids import plain
from socbi.session.database import Database
from socbi.session.labels import (
    CANNOT_TELL,
    UNTELLABLE,
    CannotTell,
    ConflictPolicy,
    LabelEvent,
    Labels,
)
from socbi.session.proposals import Proposals
from socbi.session.samples import Samples
from socbi.session.settings import ClassName
from socbi.types import IdArray

__all__ = ["GivenLabels", "LabelBook", "Received"]

Label: TypeAlias = ClassName | CannotTell
GivenLabels: TypeAlias = Mapping[SampleId, Label] | Iterable[tuple[SampleId, Label]]

_SHOWN = 10


@dataclass(frozen=True)
class Received:
    """What a `submit` did."""

    new: int = 0
    """Labels of samples that this annotator had not labelled."""
    repeated: int = 0
    """Labels that were there: nothing changed."""
    corrected: int = 0
    """Labels in place of others by the same annotator."""
    cannot_tell: int = 0
    """How many of the new and corrected ones say that the class cannot be told."""
    conflicting: tuple[SampleId, ...] = ()
    """Samples among these that annotators disagree on now."""

    def __add__(self, other: Received) -> Received:
        """Return what two of them did together."""
        return Received(
            self.new + other.new,
            self.repeated + other.repeated,
            self.corrected + other.corrected,
            self.cannot_tell + other.cannot_tell,
            tuple(dict.fromkeys(self.conflicting + other.conflicting)),
        )

    def __str__(self) -> str:
        """Return it in words."""
        words = f"{self.new:,} new, {self.repeated:,} repeated, {self.corrected:,} corrected"
        if self.cannot_tell:
            words += f", {self.cannot_tell:,} cannot be told"
        if self.conflicting:
            words += f", {len(self.conflicting):,} in conflict"
        return words


class LabelBook:
    """Labels of a session, read when it is opened; what is added is in the database first."""

    def __init__(
        self,
        database: Database,
        samples: Samples,
        classes: Sequence[ClassName],
        policy: ConflictPolicy,
        held_out: IdArray,
        last_stepped: int,
    ) -> None:
        self._database = database
        self._samples = samples
        self._classes = tuple(classes)
        self._places: dict[ClassName, int] = {one: place for place, one in enumerate(classes)}
        self._held_out = set(held_out.tolist())
        self.votes = Labels(policy)
        events = [
            LabelEvent(*row)
            for row in database.rows(
                "SELECT number, position, place, annotator FROM labels ORDER BY number"
            )
        ]
        self.votes.extend(one for one in events if one.number <= last_stepped)
        self.stepped = self.votes.labelled()
        """Positions and classes as of the last round."""
        self.votes.extend(one for one in events if one.number > last_stepped)
        self.last = events[-1].number if events else 0
        """The number of the last event."""

    def add(
        self, labels: GivenLabels, annotator: str, *, made_at: float, round_number: int
    ) -> Received:
        """Keep labels; all are in the database when this returns, none when it raises."""
        said = self._checked(_pairs(labels))
        events, repeated, corrected = self._events(said, annotator)
        touched = sorted({one.position for one in events})
        if events:
            with self._database.writing("labels") as connection:
                connection.executemany(
                    "INSERT INTO labels VALUES (?, ?, ?, ?, ?, ?)",
                    [
                        (one.number, one.position, one.place, annotator, made_at, round_number)
                        for one in events
                    ],
                )
                Proposals.end_leases(connection, touched)
            self.votes.extend(events)
            self.last = events[-1].number
        disputed = [one for one in sorted({one for one, _ in said}) if self.votes.disputed(one)]
        return Received(
            len(events) - corrected,
            repeated,
            corrected,
            sum(one.place == UNTELLABLE for one in events),
            tuple(self._samples.ids(disputed)),
        )

    def check(self, labels: GivenLabels) -> None:
        """Refuse what `add` would refuse, and keep nothing."""
        self._checked(_pairs(labels))

    def current(self) -> dict[SampleId, Label]:
        """Return the label of each sample that has one."""
        positions, places = self.votes.labelled()
        untellable = self.votes.untellable()
        every = np.concatenate([positions, untellable])
        named: list[Label] = [self._classes[one] for one in places.tolist()]
        named += [CANNOT_TELL] * len(untellable)
        return dict(zip(self._samples.ids(every), named, strict=True))

    def history(self) -> list[tuple[SampleId, Label, str | None, float]]:
        """Return everything that was said, in its order: id, label, annotator, when."""
        rows = self._database.rows(
            "SELECT position, place, annotator, made_at FROM labels ORDER BY number"
        )
        ids = self._samples.ids([row[0] for row in rows])
        return [
            (id, CANNOT_TELL if place == UNTELLABLE else self._classes[place], who or None, when)
            for id, (_, place, who, when) in zip(ids, rows, strict=True)
        ]

    # ---- within ----------------------------------------------------------------------------------

    def _checked(self, pairs: list[tuple[Any, Any]]) -> list[tuple[int, int]]:
        """Return position and class of each label; refuse all of them if one cannot be taken."""
        ids = [_plain_id(one) for one, _ in pairs]
        found = self._samples.positions(dict.fromkeys(one for one in ids if one is not None))
        unknown = _different(
            given for id, (given, _) in zip(ids, pairs, strict=True) if id not in found
        )
        foreign = _different(one for _, one in pairs if self._place(one) is None)
        tests = [one for one in found if found[one] in self._held_out]
        faults = []
        if unknown:
            faults.append(f"{len(unknown)} ids that no sample has: {_listed(unknown)}")
        if foreign:
            known = ", ".join(map(repr, self._classes[:_SHOWN]))
            faults.append(
                f"{len(foreign)} classes that there are not: {_listed(foreign)} (there are {known}"
                f"{', ...' if len(self._classes) > _SHOWN else ''} and CANNOT_TELL)"
            )
        if tests:
            faults.append(f"{len(tests)} samples that were held out for tests: {_listed(tests)}")
        if faults:
            raise LabelError(
                f"none of {len(pairs)} labels was taken, they have {'; '.join(faults)}; leave "
                "these out or mend them, and submit again",
                unknown,
                foreign,
            )
        return [
            (found[id], self._known_place(one))
            for id, (_, one) in zip(ids, pairs, strict=True)
            if id is not None
        ]

    def _place(self, label: object) -> int | None:
        if label is CANNOT_TELL:
            return UNTELLABLE
        if isinstance(label, np.generic):
            label = label.item()
        if isinstance(label, bool) or not isinstance(label, (str, int)):
            return None
        return self._places.get(label)

    def _known_place(self, label: object) -> int:
        place = self._place(label)
        assert place is not None
        return place

    def _events(
        self, said: list[tuple[int, int]], annotator: str
    ) -> tuple[list[LabelEvent], int, int]:
        """Return the events that change anything, how many do not, and how many correct."""
        votes = {one: self.votes.vote(one, annotator) for one, _ in said}
        events: list[LabelEvent] = []
        repeated = corrected = 0
        for position, place in said:
            if votes[position] == place:
                repeated += 1
                continue
            corrected += votes[position] is not None
            votes[position] = place
            events.append(LabelEvent(self.last + len(events) + 1, position, place, annotator))
        return events, repeated, corrected


def _plain_id(id: object) -> SampleId | None:
    """Return an id, None for what no sample can have: 7.9, True, a list."""
    try:
        return plain(id)
    except InvalidTypeError:
        return None


def _different(values: Iterable[object]) -> list[object]:
    """Return values once each, also those that cannot be hashed."""
    return list({repr(one): one for one in values}.values())


def _pairs(labels: GivenLabels) -> list[tuple[Any, Any]]:
    if not isinstance(labels, Iterable):
        raise InvalidTypeError(
            f"labels must be a mapping of ids to classes, or pairs of both, got {labels!r}"
        )
    given = list(labels.items()) if isinstance(labels, Mapping) else list(labels)
    for one in given:
        if not isinstance(one, (tuple, list)) or len(one) != 2:
            raise InvalidTypeError(
                "labels must be a mapping of ids to classes, or pairs of an id and a class, got "
                f"{one!r} among them"
            )
    return [(one[0], one[1]) for one in given]


def _listed(values: Sequence[object]) -> str:
    shown = ", ".join(map(repr, values[:_SHOWN]))
    more = len(values) - _SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown
