"""Farthest-first traversal: each pick is the sample farthest from all centres so far.

Distances to the nearest centre only fall as centres come, so a distance that is out of date is a
bound from above. The samples of the largest bounds form a *block*, whose rows are gathered and
brought up to date by one matrix product; while its farthest is beyond every bound outside the
block, picks and their updates touch the block alone. So a pick costs a product with some thousand
rows instead of with the whole pool, and most samples never meet most centres.

Squared distances are float32 sums of products, with room for their error; whatever lies within it
of the farthest is compared in float64, pair by pair, and equal ones by their row. So the answer is
that of the plain float64 form, whatever the threads, the blocks and the order of sums were.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.neighbors.metrics import FloatArray
from socbi.neighbors.vector_rows import row_chunks
from socbi.scorers.probabilities import Doubles
from socbi.strategies.row_workers import RowWorkers, gathered
from socbi.types import IdArray

__all__ = ["FarthestFirst", "Picks"]

# Rows of a block. A pick multiplies all of it, forming one passes over all bounds: between 1,024
# and 4,096 nothing changes by more than a tenth (100,000 x 512, two cores).
_BLOCK_ROWS = 2_048
# A block grows up to this where so many are alike: 16 MB at 512 dimensions.
_MOST_BLOCK_ROWS = 8_192
# Where more samples than this are as far as can be told by float32, all is done in float64.
_MOST_ALIKE = 512
# Numbers of vectors, or of products, that a thread holds at a time: 4 MB of float32.
_NUMBERS_AT_ONCE = 1 << 20
_CENTRES_AT_ONCE = 256
_ROUNDING = 2.0**-24


@dataclass(frozen=True)
class Picks:
    """Rows in the order in which they were picked, and how far each was from the centres then."""

    rows: IdArray
    distances: Doubles


class FarthestFirst:
    """One traversal over the rows ``ids`` of ``vectors``, with centres that are rows of it as well.

    Examples
    --------
    >>> import numpy as np
    >>> line = np.array([[0.0], [1.0], [4.0], [10.0]])
    >>> traversal = FarthestFirst(line, np.arange(4))
    >>> traversal.add_centres(np.array([0]))
    >>> traversal.pick(2)
    Picks(rows=array([3, 2]), distances=array([10.,  4.]))
    """

    def __init__(self, vectors: npt.NDArray[Any], ids: IdArray) -> None:
        self._vectors = vectors
        self._ids = ids
        self._squares = _squares(vectors, ids)
        self._bounds = np.full(len(ids), np.inf, np.float32)  # squared distance to some centres
        self._seen = np.zeros(len(ids), np.int32)  # how many centres that takes into account
        self._out = np.zeros(len(ids), np.bool_)  # picked
        self._exact = np.full(len(ids), np.nan)  # squared distances in float64 where known
        self._centres = np.empty(0, np.int64)
        self._longest = float(self._squares.max(initial=0))
        self._block_rows = _BLOCK_ROWS
        self._floor = -np.inf  # some row that is left, up to date, is at least so far

    def add_centres(self, ids: IdArray) -> None:
        """Take in centres, before the first pick."""
        self._centres = np.concatenate([self._centres, ids])
        self._longest = max(self._longest, float(_squares(self._vectors, ids).max(initial=0)))

    def pick(self, number: int) -> Picks:
        """Return the next so many; there must be a centre, and as many rows left."""
        with RowWorkers.started() as self._workers:
            return self._pick(number)

    def _pick(self, number: int) -> Picks:
        self._compare_all(min(len(self._centres), _CENTRES_AT_ONCE))
        rows: list[int] = []
        apart: list[float] = []
        while len(rows) < number:
            found = self._picks_of_a_block(number - len(rows))
            if found is None:
                break
            rows += found[0]
            apart += found[1]
        if len(rows) < number:
            more = self._pick_in_float64(number - len(rows))
            rows += more[0]
            apart += more[1]
        return Picks(np.array(rows, np.int64), np.sqrt(np.array(apart)))

    # ---- in blocks -------------------------------------------------------------------------------

    def _picks_of_a_block(self, number: int) -> tuple[list[int], list[float]] | None:
        """Return what one block decides; None where float32 cannot tell samples apart."""
        self._update(np.flatnonzero(~self._out & (self._bounds >= self._floor)))
        rows, outside = self._farthest_bounds()
        self._update(rows)
        block = _Block(self._gathered(self._ids[rows]), self._squares[rows], rows)
        picked: list[int] = []
        apart: list[float] = []
        while len(picked) < number:
            bounds = self._bounds[block.rows]
            bounds[self._out[block.rows]] = -1
            farthest = self._floor = float(bounds.max(initial=-1))
            if farthest - 2 * self._slack <= outside:
                break
            alike = block.rows[bounds >= farthest - 2 * self._slack]
            if len(alike) > _MOST_ALIKE or farthest <= 4 * self._slack:
                return (picked, apart) if picked else None
            row = self._farthest_exactly(alike)
            picked.append(row)
            apart.append(float(self._exact[row]))
            self._take(row)
            self._meet_last_centre(block)
            block = block.shrunk(self._bounds, outside - 2 * self._slack)
        if not picked:  # all of the block are as far as others outside: look at more at once
            if self._block_rows >= min(_MOST_BLOCK_ROWS, len(self._ids)):
                return None
            self._block_rows = min(2 * self._block_rows, _MOST_BLOCK_ROWS)
        return picked, apart

    def _farthest_bounds(self) -> tuple[IdArray, float]:
        """Return the rows of the largest bounds, and the largest of the others."""
        bounds = np.where(self._out, np.float32(-1), self._bounds)
        if len(bounds) <= self._block_rows:
            return np.flatnonzero(~self._out), -np.inf
        place = len(bounds) - self._block_rows
        order = np.argpartition(bounds, place - 1)
        return np.sort(order[place:]), float(bounds[order[place - 1]])

    def _take(self, row: int) -> None:
        self._out[row] = True
        self._centres = np.append(self._centres, self._ids[row])

    def _meet_last_centre(self, block: _Block) -> None:
        """Bring a block up to date with the centre that was picked last."""
        centre = self._gathered(self._centres[-1:])
        apart = block.vectors @ centre[0]
        apart *= -2
        apart += block.squares
        apart += _dot(centre)
        known = self._bounds[block.rows]
        self._exact[block.rows[apart <= known + 2 * self._slack]] = np.nan
        self._bounds[block.rows] = np.minimum(known, np.maximum(apart, 0))
        self._seen[block.rows] = len(self._centres)

    def _update(self, rows: IdArray) -> None:
        """Bring rows up to date with all centres."""
        rows = rows[self._seen[rows] < len(self._centres)]
        if 2 * len(rows) < len(self._ids):  # those that lack as many centres together
            rows = rows[np.argsort(self._seen[rows], kind="stable")]

        def compare(begin: int, end: int) -> None:
            some = rows[begin:end]
            self._compare(some, int(self._seen[some].min()), len(self._centres))

        self._workers.each(len(rows), self._chunk, compare)

    def _compare_all(self, end: int) -> None:
        def compare(begin: int, stop: int) -> None:
            self._compare(np.arange(begin, stop), 0, end)

        self._workers.each(len(self._ids), self._chunk, compare)

    @property
    def _chunk(self) -> int:
        """Return how many rows are compared together."""
        return max(1, _NUMBERS_AT_ONCE // max(int(self._vectors.shape[1]), _CENTRES_AT_ONCE))

    def _compare(self, rows: IdArray, begin: int, end: int) -> None:
        """Compare rows with the centres from ``begin`` to ``end``."""
        vectors = self._gathered(self._ids[rows])
        nearest = self._bounds[rows]
        for first in range(begin, end, _CENTRES_AT_ONCE):
            centres = self._gathered(self._centres[first : min(first + _CENTRES_AT_ONCE, end)])
            apart = self._apart(vectors, centres, rows)
            nearest = np.minimum(nearest, np.maximum(apart.min(axis=1), 0))
        self._bounds[rows] = nearest
        self._exact[rows] = np.nan
        self._seen[rows] = end

    def _apart(self, vectors: FloatArray, centres: FloatArray, rows: IdArray) -> FloatArray:
        """Return squared distances, each off by the slack at most."""
        apart: FloatArray = vectors @ centres.T
        apart *= -2
        apart += _dot(centres)
        apart += self._squares[rows][:, None]
        return apart

    def _gathered(self, ids: IdArray) -> FloatArray:
        return gathered(self._vectors, ids)

    @property
    def _slack(self) -> float:
        """Return the most by which a squared distance in float32 is off.

        A sum of d products errs by d roundings of the sum of their sizes at most, in any order
        (Higham, *Accuracy and Stability of Numerical Algorithms*, section 3.1), and the three terms
        of a square are at most four times the longest vector's; eight more cover adding them up.
        """
        return (int(self._vectors.shape[1]) + 8) * _ROUNDING * 4 * self._longest

    # ---- in float64 ------------------------------------------------------------------------------

    def _farthest_exactly(self, alike: IdArray) -> int:
        """Return which of these, all up to date, is the farthest in float64, or the first such."""
        self._know_exactly(alike[np.isnan(self._exact[alike])])
        return int(alike[np.argmax(self._exact[alike])])

    def _know_exactly(self, rows: IdArray) -> None:
        """Compute squared distances to the nearest centre in float64, pair by pair."""
        for begin, end in row_chunks(len(rows), 256):
            some = rows[begin:end]
            vectors = self._gathered(self._ids[some])
            floor = self._bounds[some] + 2 * self._slack
            nearest = np.full(len(some), np.inf)
            for first in range(0, len(self._centres), _CENTRES_AT_ONCE):
                ids = self._centres[first : first + _CENTRES_AT_ONCE]
                centres = self._gathered(ids)
                near = self._apart(vectors, centres, some) <= floor[:, None]
                which, centre = np.nonzero(near)
                np.minimum.at(nearest, which, _pairs(vectors, which, centres, centre))
            self._exact[some] = nearest

    def _pick_in_float64(self, number: int) -> tuple[list[int], list[float]]:
        """Return the next picks by the plain form: a pass over all rows for each."""
        left = np.flatnonzero(~self._out)
        self._update(left)
        self._know_exactly(left[np.isnan(self._exact[left])])
        picked: list[int] = []
        apart: list[float] = []
        while len(picked) < number:
            row = int(left[np.argmax(self._exact[left])])
            if self._exact[row] == 0:  # the rest are duplicates of centres
                rest = left[~self._out[left]][: number - len(picked)]
                return picked + rest.tolist(), apart + [0.0] * len(rest)
            picked.append(row)
            apart.append(float(self._exact[row]))
            self._take(row)
            self._exact[row] = -1
            self._meet_in_float64(left)
        return picked, apart

    def _meet_in_float64(self, rows: IdArray) -> None:
        centre = self._gathered(self._centres[-1:])
        for begin, end in row_chunks(len(rows), max(1, _NUMBERS_AT_ONCE // centre.shape[1])):
            some = rows[begin:end]
            vectors = self._gathered(self._ids[some])
            every = np.arange(len(some))
            apart = _pairs(vectors, every, centre, np.zeros_like(every))
            self._exact[some] = np.minimum(self._exact[some], apart)


@dataclass(frozen=True)
class _Block:
    """Rows of the traversal with their vectors side by side."""

    vectors: FloatArray  # (b, d)
    squares: FloatArray  # (b,)
    rows: IdArray  # (b,), ascending

    def shrunk(self, bounds: FloatArray, floor: float) -> _Block:
        """Return the block without rows that came below the floor, once they are the most of it."""
        kept = bounds[self.rows] > floor
        if 2 * np.count_nonzero(kept) > len(kept):
            return self
        return _Block(self.vectors[kept], self.squares[kept], self.rows[kept])


def _squares(vectors: npt.NDArray[Any], ids: IdArray) -> FloatArray:
    """Return the squared length of each of these rows."""
    squares = np.empty(len(ids), np.float32)
    for begin, end in row_chunks(len(ids), max(1, _NUMBERS_AT_ONCE // vectors.shape[1])):
        squares[begin:end] = _dot(gathered(vectors, ids[begin:end]))
    return squares


def _dot(rows: FloatArray) -> FloatArray:
    squares: FloatArray = np.einsum("nd,nd->n", rows, rows)
    return squares


def _pairs(left: FloatArray, which: IdArray, right: FloatArray, other: IdArray) -> Doubles:
    """Return the squared distances of pairs of rows in float64, each by itself."""
    squares = np.empty(len(which))
    for begin, end in row_chunks(len(which), max(1, _NUMBERS_AT_ONCE // (8 * left.shape[1]))):
        difference = left[which[begin:end]].astype(np.float64) - right[other[begin:end]]
        squares[begin:end] = (difference * difference).sum(axis=1)
    return squares
