"""Is an approximate index to be trusted? Two checks against the truth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from socbi.neighbors.blocked_search import Task, nearest_rows, steps_in
from socbi.neighbors.cores import core_count
from socbi.neighbors.metrics import FloatArray, Metric
from socbi.neighbors.progress import bar
from socbi.neighbors.vector_rows import RowSource
from socbi.types import IdArray

__all__ = [
    "Reachability",
    "RecallAudit",
    "audit_recall",
    "lost_rows",
    "wilson_interval",
    "without_own",
]

# Distances that agree to so much are equally near: what float32 leaves of a sum.
TOLERANCE = 1e-5
# 97.5% of the normal distribution lie below.
_Z = 1.959964


@dataclass(frozen=True)
class RecallAudit:
    """How many of the true k nearest a search finds, on a sample of queries."""

    k: int
    queries: int
    recall: float
    low: float
    """The lower end of the 95% confidence interval."""
    high: float
    """The upper end."""

    def __str__(self) -> str:
        """Return the figures in words."""
        return (
            f"recall@{self.k} {self.recall:.4f} (95%: {self.low:.4f} to {self.high:.4f}, "
            f"{self.queries:,} queries)"
        )


@dataclass(frozen=True)
class Reachability:
    """Whether every vector finds itself."""

    checked: int
    lost: IdArray
    """Ids whose own vector, though the nearest to itself, was not found."""
    undecided: int
    """How many are not the nearest to themselves, as inner products allow."""

    @property
    def sound(self) -> bool:
        """Say whether none is lost."""
        return len(self.lost) == 0

    def __str__(self) -> str:
        """Return the figures in words."""
        undecided = f", {self.undecided:,} undecided" if self.undecided else ""
        return f"{len(self.lost):,} of {self.checked:,} vectors do not find themselves{undecided}"


def audit_recall(
    found: IdArray,
    queries: FloatArray,
    own: IdArray,
    source: RowSource,
    metric: Metric,
    *,
    rows: IdArray | None = None,
    threads: int | None = None,
    progress: bool = True,
) -> RecallAudit:
    """Compare found rows with the true nearest, the query's own row left out.

    A found row counts when it is as near as the k-th true one, so that equal distances do not
    matter. Recalls of single queries lie between 0 and 1, so the interval of Wilson for as many yes
    or no answers as there are queries is wide enough.
    """
    k = found.shape[1]
    task = Task(queries, source, metric, k + 1, rows)
    with bar("auditing recall", steps_in(task), "pair", shown=progress) as steps:
        true_rows, apart = nearest_rows(task, threads=threads or core_count(), steps=steps)
    _, apart = without_own(true_rows, apart, own)
    there = np.isfinite(apart)
    kth = np.max(apart, axis=1, where=there, initial=-np.inf)
    hits = 0
    for column in found.T:
        known = column >= 0
        vectors = np.asarray(source.take(np.maximum(column, 0)), np.float32)
        near = metric.distances(queries, vectors)
        hits += int(np.count_nonzero(known & (near <= kth + TOLERANCE * np.maximum(abs(kth), 1))))
    wanted = int(np.count_nonzero(there))
    recall = min(1.0, hits / wanted) if wanted else 1.0
    return RecallAudit(k, len(queries), recall, *wilson_interval(recall, len(queries)))


def without_own(rows: IdArray, distances: FloatArray, own: IdArray) -> tuple[IdArray, FloatArray]:
    """Drop each query's own row; where it was not found, the last one."""
    count, width = rows.shape
    mine = rows == own[:, None]
    mine[~mine.any(axis=1), -1] = True
    kept = ~mine
    return rows[kept].reshape(count, width - 1), distances[kept].reshape(count, width - 1)


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """Return the 95% interval of a share that was seen in ``count`` trials (Wilson 1927).

    Examples
    --------
    >>> [round(end, 3) for end in wilson_interval(1.0, 100)]
    [0.963, 1.0]
    """
    if count == 0:
        return 0.0, 1.0
    weight = _Z * _Z / count
    centre = (share + weight / 2) / (1 + weight)
    half = _Z / (1 + weight) * math.sqrt(share * (1 - share) / count + weight / (4 * count))
    return max(0.0, centre - half), min(1.0, centre + half)


def lost_rows(
    rows: IdArray, found: IdArray, own_distance: npt.NDArray[np.float64], distance: FloatArray
) -> tuple[IdArray, int]:
    """Return the rows that should have found themselves and did not, and how many are undecided."""
    other = found != rows
    nearer = own_distance < distance - TOLERANCE * np.maximum(abs(distance), 1)
    return rows[other & nearer], int(np.count_nonzero(other & ~nearer & (own_distance > distance)))
