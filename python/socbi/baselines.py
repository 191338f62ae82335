"""The rivals of the semi-ordered index, with the same calls: the paper's three, and a better array.

They are the tests' peers and the benchmark's opponents, so they are made as well as they can be:
same score table, same total order, same threads; they differ in how they find the best.
"""

from __future__ import annotations

import numpy.typing as npt

from socbi import _core
from socbi.index import PoolIndex
from socbi.types import Order, Ties

__all__ = ["ArrayHeapIndex", "ArraySortIndex", "ArrayThresholdIndex", "BPlusTreeIndex"]


class _Baseline(PoolIndex):
    def __init__(
        self,
        scores_or_n: npt.ArrayLike,
        *,
        order: Order = "smallest",
        ties: Ties = "random",
        seed: int = 0,
        threads: int | None = None,
    ) -> None:
        super().__init__(
            scores_or_n, {"order": order, "ties": ties, "seed": seed, "threads": threads}
        )


class ArraySortIndex(_Baseline):
    """Scheme 1: an array of scores; a retrieval sorts the whole pool (radix sort).

    Updates O(1); ``top`` and ``pop`` O(n). 8 bytes a sample more while retrieving, and after.
    """

    _core_class = _core.ArraySortIndex


class ArrayHeapIndex(_Baseline):
    """Scheme 2: an array of scores; a retrieval is one pass with a heap of the best so far.

    Updates O(1); ``top(k)`` and ``pop(k)`` O(n) comparisons and about k log(n / k) heap moves.
    """

    _core_class = _core.ArrayHeapIndex


class ArrayThresholdIndex(_Baseline):
    """Not the paper's: an array; a retrieval guesses a threshold and keeps what is below it.

    Updates O(1); ``top(k)`` and ``pop(k)`` one pass over n scores with the widest instructions,
    then a sort of little more than k.
    """

    _core_class = _core.ArrayThresholdIndex


class BPlusTreeIndex(_Baseline):
    """Scheme 3: a B+-tree with concurrent writers; a retrieval walks its leaves.

    An update is an erase and an insert, O(log n); ``top(k)`` O(k), ``pop(k)`` O(k log n).
    """

    _core_class = _core.BPlusTreeIndex
