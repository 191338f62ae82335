"""What does a batch of coverage margin cost beside one pass over the graph, and the plain form?

``python -m bench.coverage``: 128 samples from 10^6, ten neighbours each, ten classes, 1,000 labels.
One pass is ``M @ w`` by scipy, M the symmetric graph as 64-bit numbers. The plain form is that
product for every pick, then the largest value; a few picks are timed and its batch is their mean
times 128. *The cover* is the greedy choice from weights to ids; *the batch* is `choose` on a new
pool state: checks, margins, counts, the cover. *Made once* is the symmetric graph, at the first
batch of a campaign. Each is timed in turn, seven times over; medians, and ratios within one turn.

Two graphs, neither of a real pool: *scattered* draws each sample's neighbours among the 400 beside
it on a ring whose samples are numbered at random, so that every access is a miss of the cache;
*clusters* is the exact graph of vectors in 16 dimensions, in clusters of 500 that are searched
alone, numbered as they lie. The answers of both forms are compared. Peak memory is measured in a
process of its own that is given the parts.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np

from bench import results
from bench.results import Record
from socbi.neighbors import KnnGraph, knn_graph
from socbi.strategies import CoverageMargin, PoolState
from socbi.strategies.cover_graph import CoverGraph, cover_graph
from socbi.strategies.coverage_margin import unserved
from socbi.strategies.greedy_cover import greedy_cover

K, CLASSES, LABELS, BATCH, CLUSTER = 10, 10, 1000, 128, 500


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.coverage",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="20,000 samples, once; not kept")
    arguments = parser.parse_args()
    size, turns, picks = (20_000, 1, 128) if arguments.quick else (1_000_000, 7, 4)
    records = [measure(name, size, turns, picks) for name in GRAPHS]
    for record in records:
        print(record, flush=True)
    if not arguments.quick:
        print(results.write("coverage", records, seed=0))
    return 0


def measure(name: str, size: int, turns: int, picks: int) -> Record:
    rng = np.random.default_rng(0)
    graph = GRAPHS[name](rng, size)
    begin = time.perf_counter()
    cover = cover_graph(graph)
    once = time.perf_counter() - begin
    matrix = plain_matrix(graph)
    probabilities = rng.dirichlet(np.full(CLASSES, 0.3), size)
    weights, factors, candidates = inputs(cover, state_of(graph, probabilities))
    seconds: dict[str, list[float]] = {"pass": [], "cover": [], "batch": [], "plain": []}
    for _ in range(turns):
        timed(seconds["pass"], lambda: matrix @ weights)
        found = timed(
            seconds["cover"],
            lambda: greedy_cover(cover, weights, factors, candidates, BATCH, seed=1),
        )
        batch = timed(seconds["batch"], lambda: select(state_of(graph, probabilities)))
        plain = timed(seconds["plain"], lambda: plain_form(matrix, weights, factors, picks))
        seconds["plain"][-1] *= BATCH / picks
        assert plain == found.ids[:picks].tolist(), "the forms differ"
        assert len(batch) == BATCH
    return {
        "kind": "coverage", "graph": name, "size": size, "k": K, "batch": BATCH,
        "entries": int(matrix.nnz), "graph_mb": round(graph.nbytes / 1e6, 1),
        "cover_graph_mb": round(cover.nbytes / 1e6, 1), "once_s": round(once, 3),
        **{f"{one}_ms": round(1e3 * statistics.median(each), 2) for one, each in seconds.items()},
        **{f"{one}_passes": ratio(seconds[one], seconds["pass"]) for one in ("cover", "batch")},
        "plain_covers": ratio(seconds["plain"], seconds["cover"]),
        "plain_batches": ratio(seconds["plain"], seconds["batch"]),
        "plain_picks_timed": picks, "turns": turns, "updates": int(found.updates),
        "peak_mb": peak_of(name, size),
    }  # fmt: skip


def select(state: PoolState) -> Any:
    return CoverageMargin().select(state, BATCH, np.random.default_rng(0))


def timed(into: list[float], call: Callable[[], Any]) -> Any:
    begin = time.perf_counter()
    answer = call()
    into.append(time.perf_counter() - begin)
    return answer


def ratio(some: list[float], others: list[float]) -> float:
    pairs = zip(some, others, strict=True)
    return round(statistics.median(one / other for one, other in pairs), 2)


def plain_matrix(graph: KnnGraph) -> Any:
    """(A + A.T)/2 + I as a sparse matrix of 64-bit numbers."""
    from scipy.sparse import identity

    both = graph.symmetric("connectivity").astype(np.float64)
    return (both + identity(len(graph), format="csr")).tocsr()


def plain_form(matrix: Any, weights: Any, factors: Any, number: int) -> list[int]:
    """As many picks, a whole product each."""
    left, taken = weights.copy(), []
    for _ in range(number):
        values = factors * (matrix @ left)
        values[taken] = -1
        taken.append(int(values.argmax()))
        start, end = matrix.indptr[taken[-1] : taken[-1] + 2]
        left[matrix.indices[start:end]] = 0
    return taken


def state_of(graph: KnnGraph, probabilities: Any) -> PoolState:
    labelled = np.arange(0, len(graph), len(graph) // LABELS)
    return PoolState(
        len(graph),
        labelled=labelled,
        labels=labelled % CLASSES,
        classes=CLASSES,
        probabilities=probabilities,
        graph=graph,
    )


def inputs(cover: CoverGraph, state: PoolState) -> tuple[Any, Any, Any]:
    """Weights and factors as the strategy makes them."""
    unsure, weights = unserved(state, CoverageMargin().fade)
    return weights, unsure / cover.roots, state.candidates


def scattered(rng: np.random.Generator, size: int) -> KnnGraph:
    number = rng.permutation(size)
    beside = rng.permuted(np.tile(np.arange(1, 201), (size, 1)), axis=1)[:, :K]
    beside *= rng.choice([-1, 1], (size, K))
    ids = np.empty((size, K), np.int32)
    ids[number] = number[(np.arange(size)[:, None] + beside) % size]
    return KnnGraph(ids, np.ones((size, K), np.float32), "cosine")


def clusters(rng: np.random.Generator, size: int) -> KnnGraph:
    ids, distances = [], []
    for first in range(0, size, CLUSTER):
        vectors = rng.normal(size=(min(CLUSTER, size - first), 16)).astype(np.float32)
        inside = knn_graph(vectors, K, metric="euclidean", neighbors="exact", progress=False)
        ids.append(inside.ids + np.int32(first))
        distances.append(inside.distances)
    return KnnGraph(np.concatenate(ids), np.concatenate(distances), "euclidean")


GRAPHS: dict[str, Callable[[np.random.Generator, int], KnnGraph]] = {
    "scattered": scattered,
    "clusters": clusters,
}


def peak_of(name: str, size: int) -> Record:
    """Megabytes that the process reached beyond what it held: at the first batch, and the next."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
        return alone.submit(_peaks, name, size).result()


def _peaks(name: str, size: int) -> Record:
    rng = np.random.default_rng(0)
    graph = GRAPHS[name](rng, size)
    probabilities = rng.dirichlet(np.full(CLASSES, 0.3), size)
    strategy, peaks = CoverageMargin(), {}
    for one in ("first", "next"):
        before = _held()
        reset = _forget_peak()
        strategy.select(state_of(graph, probabilities), BATCH, rng)
        peaks[one] = round(_peak() - before, 1) if reset else None
    return peaks


def _status(name: str) -> float:
    with open("/proc/self/status") as status:
        line = next(one for one in status if one.startswith(name))
    return int(line.split()[1]) / 1e3


def _held() -> float:
    return _status("VmRSS") if sys.platform == "linux" else 0.0


def _peak() -> float:
    if sys.platform == "linux":
        return _status("VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _forget_peak() -> bool:
    """Set the kernel's high-water mark back; False where that cannot be."""
    try:
        with open("/proc/self/clear_refs", "w") as refs:
            refs.write("5")
    except OSError:
        return False
    return True


if __name__ == "__main__":
    raise SystemExit(main())
