"""Better centres for k-means by swaps: one is taken away, a row becomes a centre instead.

Lloyd's iterations cannot move a centre from where there are too many to where there are too few.
Local search can (Lattanzi and Sohler, *A Better k-means++ Algorithm via Local Search*, 2019): a row
drawn by its squared distance to the nearest centre is tried in the place of each centre in turn.
With the distances to the two nearest centres at hand, one product with all rows tells the gain of
every swap.
"""

from __future__ import annotations

import numpy as np

from socbi.neighbors.metrics import FloatArray
from socbi.neighbors.vector_rows import row_chunks
from socbi.scorers.probabilities import Doubles
from socbi.types import IdArray

__all__ = ["swapped_centres"]

_ROUNDS = 200
_FRUITLESS = 8  # rounds without a gain end the search
_TRIALS = 8  # rows tried in each round
_GAIN = 1e-5  # a swap must lower the sum of squares by this share of it
_ROWS_AT_ONCE = 1_024


def swapped_centres(rows: FloatArray, centres: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return centres of a smaller sum of squared distances, some of them rows now.

    Examples
    --------
    >>> line = np.array([[0.0], [1.0], [20.0], [21.0], [40.0]], np.float32)
    >>> stuck = np.array([[0.0], [1.0], [27.0]], np.float32)
    >>> np.sort(swapped_centres(line, stuck, np.random.default_rng(0)), axis=0).ravel().tolist()
    [0.0, 20.0, 40.0]
    """
    if len(centres) < 2:
        return centres
    search = _Search(rows, centres.copy())
    fruitless = 0
    for _ in range(_ROUNDS):
        fruitless = 0 if search.try_rows(rng) else fruitless + 1
        if fruitless == _FRUITLESS:
            break
    return search.centres


class _Search:
    """The two nearest centres of each row, kept up to date from swap to swap."""

    def __init__(self, rows: FloatArray, centres: FloatArray) -> None:
        self.centres = centres
        self._rows = rows
        self._lengths = np.einsum("nd,nd->n", rows, rows)
        self._first = np.empty(len(rows), np.int64)
        self._second = np.empty(len(rows), np.int64)
        self._near = np.empty(len(rows))  # squared distances to these two
        self._next = np.empty(len(rows))
        self._look(np.arange(len(rows)))

    def try_rows(self, rng: np.random.Generator) -> bool:
        """Try a few rows in the place of each centre; make the best swap if it gains."""
        reach = np.cumsum(self._near)
        if reach[-1] <= 0:
            return False
        tried = np.searchsorted(reach, rng.random(_TRIALS) * reach[-1], side="right")
        tried = np.minimum(tried, len(reach) - 1)
        apart = self._apart(self._rows[tried])  # (n, trials)
        sums = [self._sums_after(apart[:, trial]) for trial in range(_TRIALS)]
        trial = int(np.argmin([one.min() for one in sums]))
        if sums[trial].min() >= reach[-1] * (1 - _GAIN):
            return False
        self._swap(int(np.argmin(sums[trial])), int(tried[trial]), apart[:, trial])
        return True

    def _sums_after(self, apart: Doubles) -> Doubles:
        """Return the sum of squares with the row added and each of the centres taken away."""
        with_both = np.minimum(self._near, apart)
        without = np.minimum(self._next, apart) - with_both
        sums: Doubles = with_both.sum() + np.bincount(
            self._first, without, minlength=len(self.centres)
        )
        return sums

    def _swap(self, gone: int, row: int, apart: Doubles) -> None:
        self.centres[gone] = self._rows[row]
        lost = (self._first == gone) | (self._second == gone)
        nearer, between = apart < self._near, (apart >= self._near) & (apart < self._next)
        self._second[nearer], self._next[nearer] = self._first[nearer], self._near[nearer]
        self._first[nearer], self._near[nearer] = gone, apart[nearer]
        self._second[between], self._next[between] = gone, apart[between]
        self._look(np.flatnonzero(lost))

    def _look(self, some: IdArray) -> None:
        """Find the two nearest centres of these rows."""
        for begin, end in row_chunks(len(some), _ROWS_AT_ONCE):
            which = some[begin:end]
            apart = self._rows[which] @ (-2 * self.centres.T)
            apart += np.einsum("kd,kd->k", self.centres, self.centres)
            two = np.argpartition(apart, 1, axis=1)[:, :2]
            values = np.take_along_axis(apart, two, axis=1) + self._lengths[which][:, None]
            self._first[which], self._second[which] = two.T
            self._near[which], self._next[which] = np.maximum(values, 0).T

    def _apart(self, others: FloatArray) -> Doubles:
        apart = (self._rows @ (-2 * others.T)).astype(np.float64)
        apart += np.einsum("kd,kd->k", others, others)
        apart += self._lengths[:, None]
        return np.maximum(apart, 0)
