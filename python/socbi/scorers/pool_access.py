"""A pool that others take samples out of at the same time: what is gone is passed over."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from socbi.errors import RemovedIdError
from socbi.index import SemiOrderedIndex
from socbi.types import IdArray

__all__ = ["for_those_in", "in_pool"]


def in_pool(pool: SemiOrderedIndex, ids: IdArray) -> npt.NDArray[np.bool_]:
    """Return which of these ids the pool has; one pass over it where some are gone."""
    try:
        pool.scores(ids)
    except RemovedIdError:
        return ~np.isnan(pool.scores()[ids])
    return np.ones(len(ids), np.bool_)


def for_those_in(
    pool: SemiOrderedIndex, ids: IdArray, change: Callable[[IdArray], None]
) -> IdArray:
    """Call ``change`` with those ids that the pool has, and return them.

    A sample may go between the look and the change; then the change has changed nothing and raises,
    and is tried again without it.
    """
    while True:
        here = ids[in_pool(pool, ids)]
        try:
            change(here)
        except RemovedIdError:
            continue
        return here
