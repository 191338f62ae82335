"""The slow, obvious index: every answer is one sort of the whole pool.

Scores are numpy float32, so that sums round as the core's do. The total order is (score, tie): the
tie is the id itself or, for ``ties="random"``, the seeded permutation that
``cpp/include/socbi/score.hpp`` defines, written here once more in numpy's uint32 arithmetic.
"""

from __future__ import annotations

import numpy as np

from socbi.errors import (
    InvalidInputError,
    InvalidTypeError,
    RankError,
    RemovedIdError,
    UnknownIdError,
)

U32, U64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF


def spread(seed: int) -> np.uint32:
    """A 32-bit number out of a 64-bit seed."""
    mixed = ((seed + 0x9E3779B97F4A7C15) * 0xD1342543DE82EF95) & U64
    mixed ^= mixed >> 32
    return np.uint32(((mixed * 0xD1342543DE82EF95) & U64) >> 32)


def permuted(ids: np.ndarray, seed: int, samples: int) -> np.ndarray:
    """The tie-breaks of these ids: three multiplications between xor-shifts, keyed twice, all below
    the power of two that has room for all samples, 65,536 at least.

    Every step can be undone, so no two ids have the same tie-break. numpy wraps uint32 arrays
    silently, as C++ does.
    """
    bits = max(16, (samples - 1).bit_length())
    mask, shift = np.uint32((1 << bits) - 1), np.uint32((bits + 1) // 2)
    x = np.atleast_1d(ids).astype(np.uint32)
    x = (x ^ spread(seed)) * np.uint32(0x9E3779B1) & mask
    x ^= x >> shift
    x = (x + spread(~seed & U64)) * np.uint32(0xBB67AE85) & mask
    x ^= x >> shift
    x = x * np.uint32(0x6A09E667) & mask
    return x ^ (x >> shift)


class ReferenceIndex:
    """The calls of an index over two arrays, the scores and who is in the pool."""

    def __init__(self, scores_or_n, *, order="smallest", ties="random", seed=0):
        if isinstance(scores_or_n, int):
            scores_or_n = np.zeros(scores_or_n)
        self.order, self.ties, self.seed = order, ties, seed
        self._scores = self._finite(scores_or_n)
        self._present = np.ones(len(self._scores), dtype=bool)

    # ---- updates ---------------------------------------------------------------------------------

    def add(self, ids, delta=1.0):
        ids = self._ids(ids)
        deltas = self._each(ids, delta)
        self._require_in_pool(ids)
        sums = self._scores.copy()
        with np.errstate(over="ignore"):
            np.add.at(sums, ids, deltas)  # in turn, so an id given twice rounds twice
        if not np.isfinite(sums).all():
            raise InvalidInputError("a score beyond the range of float32")
        self._scores = sums

    def set(self, ids, scores):
        ids = self._ids(ids)
        scores = self._each(ids, scores)
        self._require_in_pool(ids)
        self._scores[ids] = scores  # numpy too lets the last of an id's scores hold

    def set_all(self, scores):
        scores = self._finite(scores)
        if len(scores) != len(self._scores):
            raise InvalidInputError("set_all needs one score for each id")
        self._scores = scores

    def insert(self, scores):
        scores = self._finite(scores)
        first = len(self._scores)
        self._scores = np.concatenate([self._scores, scores])
        self._present = np.concatenate([self._present, np.ones(len(scores), dtype=bool)])
        return np.arange(first, len(self._scores), dtype=np.int64)

    def restore(self, ids, scores):
        ids = self._ids(ids)
        scores = self._each(ids, scores)
        self._require_known(ids)
        if self._present[ids].any():
            raise InvalidInputError("in the pool already")
        self._require_distinct(ids)
        self._scores[ids] = scores
        self._present[ids] = True

    def remove(self, ids):
        ids = self._ids(ids)
        self._require_in_pool(ids)
        self._require_distinct(ids)
        self._present[ids] = False

    # ---- retrieval -------------------------------------------------------------------------------

    def top(self, n):
        if n < 0:
            raise InvalidInputError("n must be at least 0")
        ids = self.ids()
        ties = permuted(ids, self.seed, len(self._scores)) if self.ties == "random" else ids
        keys = self._scores[ids] if self.order == "smallest" else -self._scores[ids]
        best = ids[np.lexsort([ties, keys])][:n]
        return best, self._scores[best]

    def pop(self, n):
        ids, scores = self.top(n)
        self._present[ids] = False
        return ids, scores

    def rank_score(self, n):
        if not 1 <= n <= len(self):
            raise RankError(f"rank {n} does not exist")
        return float(self.top(n)[1][-1])

    # ---- looking in ------------------------------------------------------------------------------

    def scores(self, ids=None):
        if ids is None:
            return np.where(self._present, self._scores, np.float32(np.nan))
        ids = self._ids(ids)
        self._require_in_pool(ids)
        return self._scores[ids]

    def ids(self):
        return np.flatnonzero(self._present)

    def __len__(self):
        return int(self._present.sum())

    def __contains__(self, id):
        return 0 <= id < len(self._present) and bool(self._present[id])

    # ---- what may be given -----------------------------------------------------------------------

    @staticmethod
    def _ids(ids):
        ids = np.asarray(ids)
        if ids.ndim != 1:
            raise InvalidInputError("ids must be one-dimensional")
        if ids.size and ids.dtype.kind not in "iu":
            raise InvalidTypeError("ids must be integers")
        return ids.astype(np.int64)

    @staticmethod
    def _finite(scores):
        with np.errstate(over="ignore"):
            scores = np.array(scores, dtype=np.float32)
        if scores.ndim != 1:
            raise InvalidInputError("scores must be one-dimensional")
        if not np.isfinite(scores).all():
            raise InvalidInputError("scores must be finite")
        return scores + np.float32(0)  # -0.0 becomes +0.0

    def _each(self, ids, values):
        single = np.ndim(values) == 0
        values = self._finite([values] if single else values)
        if single:
            return np.repeat(values, len(ids))
        if len(values) != len(ids):
            raise InvalidInputError("lengths differ")
        return values

    def _require_known(self, ids):
        unknown = np.flatnonzero((ids < 0) | (ids >= len(self._scores)))
        if len(unknown):
            raise UnknownIdError(f"id {ids[unknown[0]]} at position {unknown[0]} is unknown")

    def _require_in_pool(self, ids):
        self._require_known(ids)
        removed = np.flatnonzero(~self._present[ids])
        if len(removed):
            raise RemovedIdError(f"id {ids[removed[0]]} at position {removed[0]} was removed")

    @staticmethod
    def _require_distinct(ids):
        if len(set(ids.tolist())) != len(ids):
            raise InvalidInputError("is given twice")


def assert_same(index, reference, n=None):
    """The index answers as the reference does, and keeps its promises."""
    index.check()
    assert len(index) == len(reference)
    np.testing.assert_array_equal(index.scores(), reference.scores())
    np.testing.assert_array_equal(index.ids(), reference.ids())
    wanted = len(reference) if n is None else n
    for mine, expected in zip(index.top(wanted), reference.top(wanted), strict=True):
        np.testing.assert_array_equal(mine, expected)
