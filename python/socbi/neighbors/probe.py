"""How fast is this machine? About a second of real searches and insertions, on a small part."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.neighbors.cores import checked_threads
from socbi.neighbors.exact import ExactNeighbors
from socbi.neighbors.faiss_index import FaissNeighbors
from socbi.neighbors.hnsw import HnswNeighbors
from socbi.neighbors.metrics import FloatArray, MetricName
from socbi.neighbors.neighbor_index import NeighborIndex

__all__ = ["Speeds", "measured_speeds", "structured_vectors"]

# Rows that the exact probe compares with: two sizes tell the cost of a pair from that of an answer.
EXACT_ROWS = 16_384
EXACT_NUMBERS = 2**23  # 32 MB
# Fewer vectors than this say too little; made ones are taken instead.
LEAST_SAMPLE = 2048
# The graph is built until this time is over, or these rows are in.
GRAPH_S = 0.4
GRAPH_ROWS = 4096
# What is assumed where no graph can be built here, so that a plan can be drawn all the same: of
# two cores at 2.5 GHz.
_ASSUMED = (100e-6, 50e-6)


@dataclass(frozen=True)
class Speeds:
    """Seconds on this machine, for vectors of one number of dimensions."""

    pair_s: float
    """To compare a query with a row."""
    answer_s: float
    """To select and order the k nearest of a query."""
    norm_s: float
    """To check and measure one number of a vector."""
    insert_s: float
    """To insert a vector into a graph of `graph_rows`."""
    search_s: float
    """To find k neighbours in it."""
    fetch_s: float
    """To fetch a vector from memory, beyond what it takes from the cache."""
    graph_rows: int


def measured_speeds(
    d: int,
    k: int,
    queries: int,
    metric: MetricName,
    sample: npt.NDArray[Any] | None,
    threads: int | None,
) -> Speeds:
    """Measure for about a second."""
    if sample is not None and len(sample) >= LEAST_SAMPLE:
        rows = _some_rows(sample, _probed_rows(d))
    else:
        rows = structured_vectors(_probed_rows(d), d)
    number = checked_threads(threads)
    # As many queries at a time as there will be, up to what keeps all cores busy for long.
    asked = rows[: min(queries, 256 * number)]
    pair_s, answer_s, norm_s = _exact_speeds(rows, asked, min(k, 1000), metric, number)
    insert_s, search_s, graph_rows = _graph_speeds(rows, k, metric, number)
    fetch_s = _fetch_s(d) / number
    return Speeds(pair_s, answer_s, norm_s, insert_s, search_s, fetch_s, graph_rows)


def _probed_rows(d: int) -> int:
    """Return how many rows the exact probe compares with: fewer where they are long."""
    return max(2048, min(EXACT_ROWS, EXACT_NUMBERS // d))


def _exact_speeds(
    rows: FloatArray, queries: FloatArray, k: int, metric: MetricName, threads: int
) -> tuple[float, float, float]:
    """Return the seconds for a pair, an answer and a number of a vector."""
    times = []
    sizes = (len(rows) // 4, len(rows))
    norm_s = 0.0
    for size in sizes:
        index = ExactNeighbors(metric, device="cpu", copy=False, threads=threads)
        begin = time.perf_counter()
        index.add(np.arange(size), rows[:size], progress=False)
        norm_s = (time.perf_counter() - begin) / (size * rows.shape[1])
        times.append(min(_timed(index, queries, k) for _ in range(3)))
    pair_s = max(times[1] - times[0], 0.1 * times[1]) / (sizes[1] - sizes[0]) / len(queries)
    answer_s = max(0.0, times[1] / len(queries) - sizes[1] * pair_s)
    return pair_s, answer_s, norm_s


def _timed(index: NeighborIndex, queries: FloatArray, k: int) -> float:
    begin = time.perf_counter()
    index.search(queries, k, progress=False)
    return time.perf_counter() - begin


def _graph_speeds(
    rows: FloatArray, k: int, metric: MetricName, threads: int
) -> tuple[float, float, int]:
    """Return the seconds for an insertion and a search, and in how large a graph."""
    graph: NeighborIndex
    if find_spec("hnswlib") is not None:
        graph = HnswNeighbors(metric, threads=threads)
    elif find_spec("faiss") is not None:
        graph = FaissNeighbors(metric, threads=threads)
    else:
        return *_ASSUMED, GRAPH_ROWS
    step, spent, size, last = 512, 0.0, 0, 0.0
    while size < min(GRAPH_ROWS, len(rows)) and (spent < GRAPH_S or size < 2 * step):
        chunk = rows[size : size + step]
        begin = time.perf_counter()
        graph.add(np.arange(size, size + len(chunk)), chunk, progress=False)
        last = time.perf_counter() - begin
        spent, size = spent + last, size + len(chunk)
    insert_s = last / len(chunk)
    asked = rows[-512:]
    search_s = _timed(graph, asked, min(k, size)) / len(asked)
    return insert_s, search_s, max(size, 2)


def _fetch_s(d: int) -> float:
    """Return how much longer one core takes to read a row from memory than from the cache."""
    large = np.zeros((max(1, 2**26 // (4 * d)), d), np.float32)  # 64 MB
    large += 1
    generator = np.random.default_rng(0)
    count = max(256, 2**21 // d)
    far = generator.integers(0, len(large), count)
    near = generator.integers(0, max(1, 2**17 // d), count)
    times = {"far": [0.0] * 3, "near": [0.0] * 3}
    for turn in range(3):
        for name, rows in (("far", far), ("near", near)):
            begin = time.perf_counter()
            large.take(rows, axis=0).sum()
            times[name][turn] = time.perf_counter() - begin
    return max(0.0, min(times["far"]) - min(times["near"])) / count


def _some_rows(sample: npt.NDArray[Any], count: int) -> FloatArray:
    """Return rows from all over the sample, in an order of chance."""
    size = min(count, len(sample))
    rows = np.sort(np.random.default_rng(0).choice(len(sample), size, replace=False))
    some = np.asarray(sample[rows], np.float32)
    return np.random.default_rng(1).permutation(some)


def structured_vectors(n: int, d: int, seed: int = 0) -> FloatArray:
    """Return vectors as embeddings are: classes, few directions that matter, a little noise.

    Vectors without any structure are the wrong test: no graph searches them well.
    """
    generator = np.random.default_rng(seed)
    rank = min(d, 24)
    centres = 2 * generator.normal(size=(64, rank))
    directions = generator.normal(size=(rank, d)) / np.sqrt(rank)
    inner = centres[generator.integers(0, len(centres), n)] + generator.normal(size=(n, rank))
    vectors = inner @ directions + 0.1 * generator.normal(size=(n, d))
    narrow: FloatArray = vectors.astype(np.float32)
    return narrow
