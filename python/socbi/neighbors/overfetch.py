"""Approximate neighbours where some rows may not be found: ask for more, drop those, ask again.

A graph is searched as a whole: removed rows are still ways to others, so they are not taken out of
it. Instead more are asked for than are wanted, and queries left short are asked again for twice as
many. Where that would cost more than comparing all that may be found, they are compared.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from socbi.neighbors.blocked_search import Task, nearest_rows
from socbi.neighbors.id_rows import Mask
from socbi.neighbors.metrics import FloatArray, Metric
from socbi.neighbors.progress import Silent
from socbi.neighbors.vector_rows import RowSource
from socbi.types import IdArray

__all__ = ["ApproximateSearch", "search_around"]

Found = tuple[IdArray, FloatArray]
ApproximateSearch = Callable[[FloatArray, int], Found]  # queries, how many -> rows, distances

# Comparing a row in a blocked product costs about a hundredth of a step in a graph, and a graph
# takes some steps for each neighbour that it is asked for: beyond one row in 64, compare.
COMPARE_BEYOND_SHARE = 1 / 64
# Pools this small are compared at once.
FEW_ROWS = 4096


def search_around(
    search: ApproximateSearch,
    queries: FloatArray,
    k: int,
    kept: Mask | None,
    source: RowSource,
    metric: Metric,
    threads: int,
) -> Found:
    """Return the k nearest of each query among the rows kept, padded with -1 and infinity."""
    rows = np.full((len(queries), k), -1)
    distances = np.full((len(queries), k), np.inf, np.float32)
    total = len(source)
    reach = total if kept is None else int(np.count_nonzero(kept))
    wanted = min(k, reach)
    short = np.arange(len(queries))
    asked = wanted if reach == total else _more(wanted, total, reach)
    while len(short) and wanted and asked <= max(total * COMPARE_BEYOND_SHARE, wanted):
        if reach <= FEW_ROWS < total:
            break
        found, apart = search(queries[short], asked)
        found, apart = _only(found, apart, kept, k)
        rows[short], distances[short] = found, apart
        short = short[found[:, wanted - 1] < 0]
        asked *= 2
    if len(short) and wanted:
        task = Task(queries[short], source, metric, k, None if kept is None else kept.nonzero()[0])
        rows[short], distances[short] = nearest_rows(task, threads=threads, steps=Silent())
    return rows, distances


def _more(wanted: int, total: int, reach: int) -> int:
    """Return how many to ask for, so that most queries find what they want at once."""
    return min(total, int(wanted * total / reach * 1.1) + 8)


def _only(rows: IdArray, distances: FloatArray, kept: Mask | None, k: int) -> Found:
    """Return the first k that may be found, moved to the front in their order."""
    good = rows >= 0
    if kept is not None:
        good &= kept[np.maximum(rows, 0)]
    order = np.argsort(~good, axis=1, kind="stable")[:, :k]
    good = np.take_along_axis(good, order, axis=1)
    rows = np.where(good, np.take_along_axis(rows, order, axis=1), -1)
    distances = np.where(good, np.take_along_axis(distances, order, axis=1), np.inf)
    missing = k - rows.shape[1]
    if missing > 0:
        rows = np.pad(rows, ((0, 0), (0, missing)), constant_values=-1)
        distances = np.pad(distances, ((0, 0), (0, missing)), constant_values=np.inf)
    return rows, distances.astype(np.float32, copy=False)
