"""What will it cost? Memory, disk and time of every way to find neighbours, before any is built.

Bytes are counted from how each maker lays its vectors out. Times come from a probe of about a
second on this machine, of the vectors themselves where a sample is given, and grow from there:

- exact: with the products, n rows for each query;
- a graph: with the logarithm of n in the number of vectors that are looked at, and with the cost of
  fetching each from memory once the graph has outgrown the cache.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError
from socbi.neighbors.faiss_index import faiss_nbytes
from socbi.neighbors.hnsw import LABEL_LOCKS_NBYTES, graph_nbytes
from socbi.neighbors.metrics import MetricName, metric_of
from socbi.neighbors.neighbor_index import checked_count, checked_matrix
from socbi.neighbors.probe import Speeds, measured_speeds
from socbi.neighbors.products import NumpyProducts

__all__ = ["Estimate", "Plan", "free_memory", "graph_times", "plan"]

# An exact answer is preferred where it costs at most so many times the best approximate one...
EXACT_WORTH = 2.0
# ... or no more than this in all.
SHORT_S = 5.0
# A cache that a graph is looked up in at the speed of the probe. Shared caches are larger, and
# shared: half of a usual 32 MB.
CACHE_BYTES = 16e6
# Vectors looked at for each that a search of a graph keeps in view (ef): measured 8 to 14.
LOOKS_PER_WIDTH = 10
# The links of a graph besides its vectors on disk: hnswlib writes what it holds, without the locks
# and the table of labels (about 108 bytes each).
_IN_MEMORY_ALONE = 108
# How fast a disk is read; not probed, because no file is there to read.
DISK_BYTES_A_S = 500e6
# How fast vectors are copied into memory that was not used before; measured 0.8 to 1 GB a second.
COPIED_BYTES_A_S = 0.9e9
_EF_CONSTRUCTION = 200
_M = 16


@dataclass(frozen=True)
class Estimate:
    """One way to find the neighbours, and what it would cost."""

    name: str
    kind: str
    """The maker, as `NeighborIndex.kind` says."""
    settings: dict[str, Any]
    exact: bool
    memory_bytes: int
    disk_bytes: int
    build_s: float
    query_s: float
    hindrance: str = ""
    """Why it is not possible here; empty if it is."""

    @property
    def total_s(self) -> float:
        """Return the seconds to build and to answer all queries."""
        return self.build_s + self.query_s


@dataclass(frozen=True)
class Plan:
    """What each way would cost, which one is advised, and why."""

    n: int
    d: int
    k: int
    queries: int
    metric: MetricName
    memory: int
    """The bytes that may be used."""
    estimates: tuple[Estimate, ...]
    choice: Estimate
    why: str
    speeds: Speeds = field(repr=False)

    @property
    def graph_bytes(self) -> int:
        """Return the bytes of a graph of the k nearest of all, in memory or on disk."""
        return self.n * self.k * 8

    def __str__(self) -> str:
        """Return the table of the estimates and the advice."""
        lines = [
            f"{self.n:,} vectors of {self.d}, {self.queries:,} queries for {self.k} neighbours "
            f"({self.metric}), up to {_bytes(self.memory)} of memory",
            f"{'':24}{'memory':>9}{'disk':>9}{'build':>9}{'queries':>9}",
        ]
        for one in self.estimates:
            mark = "->" if one is self.choice else "  "
            lines.append(
                f"{mark} {one.name:21}{_bytes(one.memory_bytes):>9}{_bytes(one.disk_bytes):>9}"
                f"{_seconds(one.build_s):>9}{_seconds(one.query_s):>9}"
                + (f"  {one.hindrance}" if one.hindrance else "")
            )
        lines.append(f"{self.why}; a graph of all neighbours takes {_bytes(self.graph_bytes)} more")
        return "\n".join(lines)


def plan(
    n: int,
    d: int,
    k: int,
    queries: int,
    memory: int | None = None,
    *,
    metric: MetricName = "cosine",
    sample: npt.NDArray[Any] | None = None,
    threads: int | None = None,
) -> Plan:
    """Say what finding neighbours will cost, before anything is built.

    Parameters
    ----------
    n, d
        How many vectors, of how many dimensions.
    k, queries
        How many neighbours of how many queries, over the whole campaign. For the graph of a whole
        pool there are n queries.
    memory
        Bytes that may be used; by default what the machine has free.
    metric
        What near means.
    sample
        Some of the vectors, or all: how hard they are to search is then measured and not assumed,
        and their type counts.
    threads
        As in the calls that are to come.

    Examples
    --------
    >>> advice = plan(5_000, 64, k=10, queries=1_000)
    >>> advice.choice.name, advice.choice.exact
    ('exact', True)
    >>> print(advice.why)
    exact: all of it takes seconds
    """
    for value, name in ((n, "n"), (d, "d"), (k, "k"), (queries, "queries")):
        checked_count(value, name)
    metric_of(metric)
    if sample is not None and checked_matrix(sample, "sample").shape[1] != d:
        raise InvalidInputError(
            f"sample has {sample.shape[1]} dimensions and the plan is for {d}; give some of the "
            "vectors themselves"
        )
    limit = free_memory() if memory is None else checked_count(memory, "memory")
    speeds = measured_speeds(d, k, queries, metric, sample, threads)
    half = sample is not None and sample.dtype == np.float16
    estimates = tuple(_estimates(n, d, k, queries, limit, speeds, 2 if half else 4))
    choice, why = _advice(estimates)
    return Plan(n, d, k, queries, metric, limit, estimates, choice, why, speeds)


def _estimates(
    n: int, d: int, k: int, queries: int, limit: int, speeds: Speeds, number_bytes: int
) -> Iterator[Estimate]:
    vectors = number_bytes * n * d  # exact neighbours keep float16 as it is
    exact_s = queries * (n * speeds.pair_s + speeds.answer_s)
    build_s, query_s = graph_times(n, d, k, queries, speeds)

    def hindrance(memory: float, package: str = "") -> str:
        if package and find_spec(package) is None:
            return f"needs pip install 'socbi[{'hnsw' if package == 'hnswlib' else package}]'"
        return "does not fit" if memory > limit else ""

    exact = vectors + 5 * n
    yield Estimate(
        "exact",
        "exact",
        {},
        True,
        exact,
        vectors + 13 * n,
        n * d * speeds.norm_s + vectors / COPIED_BYTES_A_S,
        exact_s,
        hindrance(exact),
    )
    yield Estimate(
        "exact, memory-mapped",
        "exact",
        {"copy": False},
        True,
        5 * n,
        vectors + 13 * n,
        n * d * speeds.norm_s,
        exact_s + _reading_s(queries, vectors, limit),
        hindrance(5 * n),
    )
    held = graph_nbytes(n, d, _M) + n
    yield Estimate(
        "hnsw",
        "hnsw",
        {},
        False,
        int(held),
        int(held + 8 * n - _IN_MEMORY_ALONE * n - LABEL_LOCKS_NBYTES),
        build_s,
        query_s,
        hindrance(held, "hnswlib"),
    )
    for storage, slower in (("float32", 1.2), ("float16", 1.3), ("sq8", 1.3)):
        held = faiss_nbytes(n, d, "hnsw", storage, _M) + n
        yield Estimate(
            f"faiss hnsw {storage}", "faiss", {"layout": "hnsw", "storage": storage}, False,
            int(held), int(held + 8 * n), build_s * slower, query_s * slower,
            hindrance(held, "faiss"),
        )  # fmt: skip


def _reading_s(queries: int, vectors: int, memory: int) -> float:
    """Return the seconds to read again, for each block of queries, what memory has no room for."""
    passes = -(-queries // NumpyProducts.query_rows)
    return passes * max(0, vectors - memory) / DISK_BYTES_A_S


def graph_times(n: int, d: int, k: int, queries: int, speeds: Speeds) -> tuple[float, float]:
    """Return the seconds to build a graph and to search it, grown from those of the probe."""
    growth = math.log(max(n, 2)) / math.log(speeds.graph_rows)
    missed = max(0.0, 1 - CACHE_BYTES / graph_nbytes(n, d, _M))
    fetch_s = missed * LOOKS_PER_WIDTH * speeds.fetch_s
    insert_s = growth * (speeds.insert_s + fetch_s * _EF_CONSTRUCTION)
    search_s = growth * (speeds.search_s + fetch_s * max(2 * k, 64))
    return n * insert_s, queries * search_s


def _advice(estimates: tuple[Estimate, ...]) -> tuple[Estimate, str]:
    possible = [one for one in estimates if not one.hindrance]
    if not possible:
        least = min(estimates, key=lambda one: one.memory_bytes)
        return least, f"{least.name}: nothing fits, this comes nearest; give it more memory"
    exact = [one for one in possible if one.exact]
    rest = [one for one in possible if not one.exact]
    if exact and exact[0].total_s <= SHORT_S:
        return exact[0], f"{exact[0].name}: all of it takes seconds"
    if not rest:
        return exact[0], f"{exact[0].name}: nothing approximate is possible here"
    quickest = min(rest, key=lambda one: one.total_s)
    if exact and exact[0].total_s <= EXACT_WORTH * quickest.total_s:
        return exact[0], (
            f"{exact[0].name}: {_seconds(exact[0].total_s)} in all against "
            f"{_seconds(quickest.total_s)} for {quickest.name}, most of which builds the graph"
        )
    if not exact:
        return quickest, f"{quickest.name}: exact vectors do not fit"
    return quickest, (
        f"{quickest.name}: {_seconds(quickest.total_s)} in all against "
        f"{_seconds(exact[0].total_s)} for an exact search"
    )


def free_memory() -> int:
    """Return the bytes of memory that are free, as far as the system and its container say."""
    free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError), open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024
    with contextlib.suppress(OSError, ValueError):  # "max" where there is no limit
        limit, used = (
            int(Path("/sys/fs/cgroup", name).read_text(encoding="ascii"))
            for name in ("memory.max", "memory.current")
        )
        free = min(free, max(limit - used, 0))
    return free


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def _seconds(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
