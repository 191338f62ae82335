"""k-means++ over gradient embeddings that are never written out.

The gradient embedding of a sample is the outer product of what its predicted class gets wrong,
``h = p - onehot(argmax p)``, and its vector ``e``: dimensions times classes numbers. All that the
sampling needs of two of them is a product of two products, ``(e . e') (h . h')``, so memory is that
of a few numbers a sample.

Each pick is drawn with a chance that is proportional to its squared distance to the nearest pick so
far. These distances only fall, so one that is out of date bounds it from above: a sample drawn by
its bound and kept with the chance ``distance / bound`` has been drawn by its distance exactly. Only
when many picks, or many refusals, have come together all bounds are brought up to date, with one
matrix product for all of these picks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.neighbors.metrics import FloatArray, narrowed
from socbi.neighbors.vector_rows import row_chunks
from socbi.scorers.probabilities import Doubles
from socbi.strategies.row_workers import RowWorkers, gathered
from socbi.types import IdArray

__all__ = ["GradientSpread", "Spread"]

# Picks that all samples are compared with together: more make no product quicker, but a larger
# share of the samples drawn is refused.
_PICKS_AT_ONCE = 64
# A refused sample costs some 0.05 ms, bringing 100,000 x 512 up to date 50 to 100.
_REFUSALS_AT_ONCE = 500
# Numbers of vectors that a thread holds at a time: 4 MB of float32.
_NUMBERS_AT_ONCE = 1 << 20
_NOBODY = np.empty(0, np.int64)


@dataclass(frozen=True)
class Spread:
    """Rows in the order in which they were drawn, with the squared distance of each just then."""

    rows: IdArray
    squares: Doubles


class GradientSpread:
    """One sampling over the rows ``ids`` of vectors, with the probabilities of each of these."""

    def __init__(
        self, vectors: npt.NDArray[Any], ids: IdArray, probabilities: npt.NDArray[Any]
    ) -> None:
        self._vectors = vectors
        self._ids = ids
        self._errors = _errors(probabilities)  # (n, classes)
        self._lengths = self._squared_lengths()
        self.bounds = self._lengths.copy()
        """The squared distance of each row to the nearest of the picks it was compared with."""
        self._fresh: list[int] = []  # picks that the bounds do not take into account

    def draw(self, number: int, rng: np.random.Generator, before: IdArray = _NOBODY) -> Spread:
        """Return so many rows: the longest gradient, then each by its distance to those before.

        Rows ``before`` were drawn already; where there are any, the longest is none of the draw.
        """
        rows: list[int] = []
        squares: list[float] = []
        if len(before) == 0:
            longest = np.flatnonzero(self._lengths == self._lengths.max())
            rows, squares = [int(rng.choice(longest))], [float(self._lengths[longest[0]])]
        with RowWorkers.started() as workers:
            self.bounds[:] = np.inf  # the first centre is the first pick; there is none at zero
            centres = [*before.tolist(), *rows]
            for begin, end in row_chunks(len(centres), _PICKS_AT_ONCE):
                self._fresh = centres[begin:end]
                self._update(workers)
            while len(rows) < number:
                found = self._drawn_by_bounds(number - len(rows), rng)
                rows += found[0]
                squares += found[1]
                if not found[0] and not self.bounds.any():
                    break
                self._update(workers)
        rest = np.setdiff1d(
            np.arange(len(self._ids)), [*before, *rows]
        )  # no distance is left: by lot
        lot = rng.permutation(rest)[: number - len(rows)]
        return Spread(np.array([*rows, *lot], np.int64), np.array(squares + [0.0] * len(lot)))

    def _drawn_by_bounds(
        self, number: int, rng: np.random.Generator
    ) -> tuple[list[int], list[float]]:
        """Draw until so many are there, or the bounds have become too loose."""
        rows: list[int] = []
        squares: list[float] = []
        reach = np.cumsum(self.bounds)
        if reach[-1] == 0:
            return rows, squares
        last = int(np.flatnonzero(self.bounds)[-1])
        most = min(number, _PICKS_AT_ONCE)
        centres = np.empty((most, self._vectors.shape[1]), np.float32)
        for _ in range(most + _REFUSALS_AT_ONCE):
            row = int(np.searchsorted(reach, rng.random() * reach[-1], side="right"))
            row = min(row, last)  # the product may round up to the whole sum
            vector = gathered(self._vectors, self._ids[row : row + 1])[0]
            now = min(self.bounds[row], self._nearest(row, vector, rows, centres))
            if rng.random() * self.bounds[row] >= now:
                continue
            centres[len(rows)] = vector
            rows.append(row)
            squares.append(float(now))
            if len(rows) == most:
                break
        self._fresh = rows
        return rows, squares

    def _nearest(
        self, row: int, vector: FloatArray, picks: list[int], centres: FloatArray
    ) -> float:
        """Return the squared distance of a row to the nearest of these picks."""
        if not picks:
            return np.inf
        if row in picks:
            return 0.0
        alike = (centres[: len(picks)] @ vector) * (self._errors[picks] @ self._errors[row])
        apart = self._lengths[picks] + self._lengths[row] - 2.0 * alike
        return max(float(apart.min()), 0.0)

    def _update(self, workers: RowWorkers) -> None:
        """Bring all bounds up to date."""
        if not self._fresh:
            return
        picks = np.array(self._fresh)
        centres, errors = gathered(self._vectors, self._ids[picks]), self._errors[picks]
        lengths = narrowed(self._lengths[picks])

        def update(begin: int, end: int) -> None:
            alike = gathered(self._vectors, self._ids[begin:end]) @ centres.T
            alike *= self._errors[begin:end] @ errors.T
            alike *= -2
            alike += lengths
            apart = alike.min(axis=1) + self._lengths[begin:end]
            self.bounds[begin:end] = np.minimum(self.bounds[begin:end], np.maximum(apart, 0))

        workers.each(len(self._ids), max(1, _NUMBERS_AT_ONCE // self._vectors.shape[1]), update)
        self.bounds[picks] = 0
        self._fresh = []

    def _squared_lengths(self) -> Doubles:
        lengths = np.empty(len(self._ids))
        step = max(1, _NUMBERS_AT_ONCE // self._vectors.shape[1])
        for begin, end in row_chunks(len(self._ids), step):
            some = gathered(self._vectors, self._ids[begin:end])
            lengths[begin:end] = np.einsum("nd,nd->n", some, some)
        errors = np.einsum("nc,nc->n", self._errors, self._errors)
        lengths *= errors
        return lengths


def _errors(probabilities: npt.NDArray[Any]) -> FloatArray:
    """Return the probabilities less one at the largest of each row."""
    errors = np.array(probabilities, np.float32)
    errors[np.arange(len(errors)), errors.argmax(axis=1)] -= 1
    return errors
