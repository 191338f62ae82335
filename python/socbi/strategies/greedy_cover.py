"""The exact greedy choice of samples that serve the most, at little more than one pass.

A sample's value is a factor of its own times the weights that it serves. The best is taken, what it
serves needs no more serving, and so on. A pick changes the values of its neighbours' neighbours
alone, and only downwards: a few hundred updates of a `SemiOrderedIndex`, in which samples that fall
away from the asked end cost next to nothing.

The index holds float32 and the order is that of float64: samples whose values are one float32 are
fetched together and ordered by the numbers behind. No error piles up over the picks: weights are
rounded at the start so that sums of them are exact (`CoverGraph.rounded`).
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.index import SemiOrderedIndex
from socbi.strategies.cover_graph import CoverGraph
from socbi.types import IdArray

__all__ = ["Cover", "greedy_cover"]

Doubles = npt.NDArray[np.float64]
_CLOSED = -1.0  # below every value of those who may be taken
_DRAWN = "drawn by lot among samples of equal value"


@dataclass(frozen=True)
class Cover:
    """What was taken, best first."""

    ids: IdArray
    values: Doubles
    """Of each when it was taken."""
    served: list[IdArray]
    """For each the ids that it was the first to serve, itself included where it needed it."""
    tie_breaks: list[str]
    rounds: int
    """1, and one more for each time that serving began anew because all had been served."""
    updates: int
    """How many updates of values the picks made."""


def greedy_cover(
    cover: CoverGraph,
    weights: Doubles,
    factors: Doubles,
    candidates: IdArray,
    number: int,
    seed: int,
    before: IdArray | None = None,
) -> Cover:
    """Return ``number`` of the candidates, each the best after those before it.

    Parameters
    ----------
    cover
        Who serves whom.
    weights
        For each sample how much it needs serving, 0 or more.
    factors
        For each sample by what the weights that it serves are multiplied, 0 or more; the products
        must be float32 numbers.
    candidates
        Ids that may be taken; at least ``number``.
    number
        How many to take.
    seed
        Fixes the order of equal values: that of a `SemiOrderedIndex` of all samples.
    before
        Ids that serve already, as if taken first, in this order.

    Notes
    -----
    When no candidate serves anything any more, all but the samples taken need serving as much as at
    the start: a second round, which costs another pass. Once a round begins with no candidate of
    any value there are no more, and the rest are drawn by lot.
    """
    greedy = _Greedy(cover, weights, factors, candidates, seed)
    greedy.begin([] if before is None else before.tolist())
    return greedy.take(number)


class _Greedy:
    def __init__(
        self,
        cover: CoverGraph,
        weights: Doubles,
        factors: Doubles,
        candidates: IdArray,
        seed: int,
    ) -> None:
        self._cover = cover
        self._rounded = cover.rounded(weights)
        self._factors = factors
        self._open = np.zeros(len(weights), np.bool_)  # who may be taken
        self._open[candidates] = True
        self._seed = seed
        self._updates = 0
        self._is_fresh = True  # nobody has served in this round yet
        self._is_over = False  # not even a round that begins has value for a candidate

    def begin(self, before: list[int]) -> None:
        """Let all need serving but whom these serve, and value all: one pass."""
        self._gone = list(before)
        self._serve_anew(0)
        lacking = np.count_nonzero(self._left)
        for place, id in enumerate(before):
            row = self._cover.row(id)
            lacking -= np.count_nonzero(self._left[row])
            self._left[row] = 0
            self._is_fresh = False
            if lacking == 0 and not self._is_over:  # a round that these have finished
                self._serve_anew(place + 1)
                lacking = np.count_nonzero(self._left)
                self._is_over = lacking == 0
        self._value_all()

    def _begin_anew(self) -> None:
        """Begin a round in which all but those taken need serving as at the start."""
        self._serve_anew(len(self._gone))
        self._value_all()

    def _serve_anew(self, gone: int) -> None:
        self._left = self._rounded.copy()
        self._left[self._gone[:gone]] = 0
        self._is_fresh = True

    def _value_all(self) -> None:
        self._sums = self._cover.sums(self._left)
        self._values = self._factors * self._sums
        self._values[~self._open] = _CLOSED
        self._index = SemiOrderedIndex(
            self._values.astype(np.float32), order="largest", seed=self._seed
        )
        self._front = _Front(self._index, self._values)

    def take(self, number: int) -> Cover:
        """Take so many, one after the other."""
        ids: list[int] = []
        values, served, ties = np.empty(number), [], []
        rounds = 1
        while len(ids) < number:
            if not self._is_over and self._front.value() == 0:
                if not self._is_fresh:
                    self._begin_anew()
                    rounds += self._front.value() > 0
                self._is_over = self._front.value() == 0
            id, values[len(ids)], tied = self._front.pop()
            ids.append(id)
            ties.append(_DRAWN if tied else "")
            self._open[id] = False
            self._index.remove([id])
            served.append(self._serve(id))
            self._gone.append(id)
            self._is_fresh = False
        return Cover(np.array(ids, np.int64), values, served, ties, rounds, self._updates)

    def _serve(self, id: int) -> IdArray:
        """Let a sample serve its row, and give those who served any of it their new value."""
        row = self._cover.row(id)
        served = row[self._left[row] > 0]
        ids, loads = self._cover.loads(served, self._left[served])
        np.subtract.at(self._sums, ids, loads)
        self._left[served] = 0
        ids = ids[self._open[ids]]
        values = self._factors[ids] * self._sums[ids]
        self._values[ids] = values
        self._index.set(ids, values.astype(np.float32))
        self._front.lowered(ids, values)
        self._updates += len(ids)
        return np.asarray(served, np.int64)


class _Front:
    """The candidates whose values are the largest float32, in the order of float64.

    Values only fall, so nobody joins between two fetches but those who fell and are one float32
    with the others still.
    """

    def __init__(self, index: SemiOrderedIndex, values: Doubles) -> None:
        self._index, self._values = index, values
        self._place = np.empty(len(values), np.int64)  # of those fetched, in the order of ties
        self._key = np.float32(-1)
        self._rows, self._fetched, self._next = np.empty(0, np.int64), np.empty(0), 0
        self._fallen: list[tuple[float, int, int]] = []  # minus the value, place, row

    def value(self) -> float:
        """Return the largest value."""
        return self._first()[0]

    def pop(self) -> tuple[int, float, bool]:
        """Take out the best; return its row, its value and whether another has the same value."""
        value, _, row = self._first()
        self._values[row] = _CLOSED  # whatever is kept of it is out of date
        return row, value, self._is_next(value)

    def lowered(self, rows: npt.NDArray[np.integer[Any]], values: Doubles) -> None:
        """Note new values, which are not above the old ones."""
        level = values.astype(np.float32) == self._key
        for row, value in zip(rows[level].tolist(), values[level].tolist(), strict=True):
            heapq.heappush(self._fallen, (-value, int(self._place[row]), row))

    def _is_next(self, value: float) -> bool:
        here = self._here()
        return here is not None and here[0] == value

    def _first(self) -> tuple[float, int, int]:
        here = self._here()
        while here is None:
            self._fetch()
            here = self._here()
        return here

    def _here(self) -> tuple[float, int, int] | None:
        """Return value, place and row of the best of those fetched; None where none is left."""
        while self._next < len(self._rows):
            row = int(self._rows[self._next])
            if self._values[row] == self._fetched[self._next]:
                break
            self._next += 1
        while self._fallen and self._values[self._fallen[0][2]] != -self._fallen[0][0]:
            heapq.heappop(self._fallen)
        found = [(-value, place, row) for value, place, row in self._fallen[:1]]
        if self._next < len(self._rows):
            row = int(self._rows[self._next])
            found.append((float(self._values[row]), int(self._place[row]), row))
        return min(found, key=lambda one: (-one[0], one[1]), default=None)

    def _fetch(self) -> None:
        """Fetch all whose values are the largest float32."""
        look = 2
        rows, keys = self._index.top(look)
        while len(rows) == look and keys[-1] == keys[0]:
            look *= 4
            rows, keys = self._index.top(look)
        self._key = keys[0]
        rows = rows[keys == keys[0]]
        self._place[rows] = np.arange(len(rows))
        self._rows = rows[np.argsort(-self._values[rows], kind="stable")]
        self._fetched, self._next, self._fallen = self._values[self._rows], 0, []
