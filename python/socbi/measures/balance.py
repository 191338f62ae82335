"""How evenly labels are spread over classes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError
from socbi.neighbors.neighbor_index import checked_whole

__all__ = ["l1_balance"]


def l1_balance(class_counts: npt.ArrayLike) -> float:
    """Return how far class counts are from even: 0 is even, 1 is all in one class.

    k sum_c |n_c - N/k| / (2 N (k - 1)) of N labels in k classes. 0 where there are no labels, or
    one class only.

    Examples
    --------
    >>> l1_balance([5, 5]), l1_balance([10, 0, 0]), l1_balance([3, 1])
    (0.0, 1.0, 0.5)
    """
    counts = checked_whole(class_counts, "class_counts")
    if len(counts) and counts.min() < 0:
        raise InvalidInputError(f"class_counts must not be negative, got {counts.min()}")
    total, classes = int(counts.sum()), len(counts)
    if total == 0 or classes < 2:
        return 0.0
    away = float(np.abs(counts - total / classes).sum())
    return classes * away / (2 * total * (classes - 1))
