"""Who said what of which sample, and what that amounts to."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np

from socbi.types import IdArray

__all__ = ["CANNOT_TELL", "CannotTell", "ConflictPolicy", "LabelEvent", "Labels"]

ConflictPolicy: TypeAlias = Literal["latest", "majority", "first", "ask"]
"""Which of several annotators' labels counts."""

POLICIES: tuple[ConflictPolicy, ...] = ("latest", "majority", "first", "ask")


class CannotTell(enum.Enum):
    """The type of `CANNOT_TELL`."""

    CANNOT_TELL = "?"

    def __repr__(self) -> str:
        """Return the name that it is exported by."""
        return "CANNOT_TELL"


CANNOT_TELL: Final = CannotTell.CANNOT_TELL
"""The label of a sample whose class an annotator cannot tell; it is not proposed again."""

# What stands in the tables for "cannot tell", and for votes of which none counts yet.
UNTELLABLE = -1
UNDECIDED = -2


@dataclass(frozen=True)
class LabelEvent:
    """One annotator said one thing once."""

    number: int
    position: int
    place: int
    """The class as its place among the classes, or UNTELLABLE."""
    annotator: str


@dataclass
class _Vote:
    """What one annotator says of one sample by now."""

    first: int
    last: int
    place: int


class Labels:
    """The votes on each sample, made from label events in their order.

    Examples
    --------
    >>> labels = Labels("majority")
    >>> said = [(3, 0, "ann"), (3, 1, "ben"), (3, 1, "eve"), (8, UNTELLABLE, "ann")]
    >>> labels.extend(LabelEvent(at, *one) for at, one in enumerate(said))
    >>> labels.place_of(3), labels.place_of(8), labels.place_of(4)
    (1, -1, None)
    """

    def __init__(self, policy: ConflictPolicy) -> None:
        self._decide = _DECISIONS[policy]
        self._votes: dict[int, dict[str, _Vote]] = {}
        self._places: dict[int, int] = {}

    def extend(self, events: Iterable[LabelEvent]) -> None:
        """Take in what was said."""
        for event in events:
            votes = self._votes.setdefault(event.position, {})
            vote = votes.setdefault(event.annotator, _Vote(event.number, event.number, event.place))
            vote.last, vote.place = event.number, event.place
            self._places[event.position] = self._decide(votes)

    def __len__(self) -> int:
        """Return how many samples anything was said of."""
        return len(self._places)

    def place_of(self, position: int) -> int | None:
        """Return the class of a sample, UNTELLABLE, UNDECIDED, or None where nothing was said."""
        return self._places.get(position)

    def vote(self, position: int, annotator: str) -> int | None:
        """Return what an annotator says of a sample."""
        vote = self._votes.get(position, {}).get(annotator)
        return None if vote is None else vote.place

    def disputed(self, position: int) -> bool:
        """Say whether annotators disagree on a sample."""
        return len({vote.place for vote in self._votes.get(position, {}).values()}) > 1

    def conflicts(self) -> IdArray:
        """Return the samples that annotators disagree on, ascending."""
        return _ascending(one for one in self._votes if self.disputed(one))

    def spoken_of(self) -> IdArray:
        """Return the samples that anything was said of, ascending."""
        return _ascending(self._places)

    def undecided(self) -> IdArray:
        """Return the samples of which no vote counts yet, ascending."""
        return _ascending(one for one, place in self._places.items() if place == UNDECIDED)

    def untellable(self) -> IdArray:
        """Return the samples whose class cannot be told, ascending."""
        return _ascending(one for one, place in self._places.items() if place == UNTELLABLE)

    def labelled(self) -> tuple[IdArray, IdArray]:
        """Return the samples that have a class, ascending, and the class of each."""
        positions = _ascending(one for one, place in self._places.items() if place >= 0)
        return positions, np.array([self._places[one] for one in positions.tolist()], np.int64)


def _ascending(positions: Iterable[int]) -> IdArray:
    return np.array(sorted(positions), np.int64)


def _latest(votes: dict[str, _Vote]) -> int:
    return max(votes.values(), key=lambda vote: vote.last).place


def _first(votes: dict[str, _Vote]) -> int:
    return min(votes.values(), key=lambda vote: vote.first).place


def _majority(votes: dict[str, _Vote]) -> int:
    """Return what most say; among equals, what was said last."""
    counts = _counts(votes)
    most = max(counts.values())
    said = [vote for vote in votes.values() if counts[vote.place] == most]
    return max(said, key=lambda vote: vote.last).place


def _more_than_half(votes: dict[str, _Vote]) -> int:
    counts = _counts(votes)
    place = max(counts, key=lambda one: counts[one])
    return place if 2 * counts[place] > len(votes) else UNDECIDED


def _counts(votes: dict[str, _Vote]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for vote in votes.values():
        counts[vote.place] = counts.get(vote.place, 0) + 1
    return counts


_DECISIONS = {
    "latest": _latest,
    "first": _first,
    "majority": _majority,
    "ask": _more_than_half,
}
