"""How fast is each way to find neighbours, once it finds 95 of 100? The paper's table 3 anew.

``python -m bench.neighbors`` searches Fashion-MNIST (where ``SOCBI_DATA`` has it) and 200,000 x 128
structured vectors for the 10 nearest by cosine, with ball tree and kd-tree (scikit-learn), LSH and
HNSW (faiss), HNSW (hnswlib) and exact search. Each is built in a process of its own, whose memory
is watched; the width of its search is doubled until its recall is 0.95, so recalls differ. hnswlib
and faiss are called through `socbi.neighbors`, trees and LSH directly. ``--quick`` takes a tenth of
the vectors. Needs ``pip install '.[bench]'``.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import multiprocessing
import statistics
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

from bench import results
from bench.embeddings import Vectors, fashion_mnist, structured
from bench.results import Record
from socbi.neighbors import ExactNeighbors, FaissNeighbors, HnswNeighbors, NeighborIndex

K = 10
QUERIES = 2_000
RECALL = 0.95
REPEATS = 5
# A search is given so many seconds; then it is asked fewer queries.
PATIENCE_S = 20.0
Ids = npt.NDArray[np.int64]
Measured = TypeVar("Measured")


class Contender(ABC):
    """Something that finds neighbours, more widely the higher its effort."""

    name: ClassVar[str]
    efforts: ClassVar[tuple[int, ...]] = (0,)

    @abstractmethod
    def build(self, vectors: Vectors) -> None: ...

    @abstractmethod
    def search(self, queries: Vectors, effort: int) -> Ids: ...


class _Ours(Contender):
    index: NeighborIndex

    def build(self, vectors: Vectors) -> None:
        self.index = self.made()
        self.index.add(np.arange(len(vectors)), vectors, progress=False)

    @abstractmethod
    def made(self) -> NeighborIndex: ...

    def search(self, queries: Vectors, effort: int) -> Ids:
        if effort:
            self.index._settings["ef"] = effort
        return self.index.search(queries, K, progress=False)[0]


class Exact(_Ours):
    name = "exact (numpy)"

    def made(self) -> NeighborIndex:
        return ExactNeighbors()


class Hnsw(_Ours):
    name = "HNSW (hnswlib)"
    efforts = (16, 32, 64, 128, 256, 512, 1024)

    def made(self) -> NeighborIndex:
        return HnswNeighbors()


class FaissHnsw(_Ours):
    name = "HNSW (faiss)"
    efforts = Hnsw.efforts

    def made(self) -> NeighborIndex:
        return FaissNeighbors()


class FaissHnswHalf(_Ours):
    name = "HNSW float16 (faiss)"
    efforts = Hnsw.efforts

    def made(self) -> NeighborIndex:
        return FaissNeighbors(storage="float16")


class FaissIvf(Contender):
    name = "IVF (faiss)"
    efforts = (1, 2, 4, 8, 16, 32, 64, 128, 256)

    def build(self, vectors: Vectors) -> None:
        self.index = FaissNeighbors(layout="ivf")
        self.index.add(np.arange(len(vectors)), vectors, progress=False)

    def search(self, queries: Vectors, effort: int) -> Ids:
        self.index._settings["probes"] = effort
        return self.index.search(queries, K, progress=False)[0]


class FaissLsh(Contender):
    """Random bits, two for each dimension, then the true distances of the best by bits."""

    name = "LSH, re-ranked (faiss)"
    efforts = (1, 4, 16, 64, 256, 1024)

    def build(self, vectors: Vectors) -> None:
        import faiss

        bits = 2 * vectors.shape[1]
        self.index = faiss.IndexRefineFlat(faiss.IndexLSH(vectors.shape[1], bits))
        self.index.train(vectors)
        self.index.add(vectors)

    def search(self, queries: Vectors, effort: int) -> Ids:
        self.index.k_factor = effort
        found: Ids = self.index.search(queries, K)[1]
        return found


class _Tree(Contender):
    algorithm: str

    def build(self, vectors: Vectors) -> None:
        from sklearn.neighbors import NearestNeighbors

        self.tree: Any = NearestNeighbors(algorithm=self.algorithm, n_jobs=-1).fit(vectors)

    def search(self, queries: Vectors, effort: int) -> Ids:
        from joblib import parallel_config

        with parallel_config(backend="threading"):  # a measured process may have none of its own
            found: Ids = self.tree.kneighbors(queries, K, return_distance=False)
        return found


class BallTree(_Tree):
    name = "ball tree (scikit-learn)"
    algorithm = "ball_tree"


class KdTree(_Tree):
    name = "kd-tree (scikit-learn)"
    algorithm = "kd_tree"


CONTENDERS: tuple[type[Contender], ...] = (
    Exact, Hnsw, FaissHnsw, FaissHnswHalf, FaissIvf, FaissLsh, BallTree, KdTree,
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.neighbors",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a tenth of the vectors; not kept")
    arguments = parser.parse_args()
    records = []
    for name, vectors in data_sets(arguments):
        queries, pool = split(vectors, arguments.seed)
        true = exact_answers(pool, queries)
        for contender in CONTENDERS:
            record = in_own_process(measure, contender, pool, queries, true)
            records.append({"kind": "neighbors", "data": name, **record})
            print(line(records[-1]), flush=True)
    if not arguments.quick:
        print(results.write("neighbors", records, seed=arguments.seed))
    return 0


def data_sets(arguments: argparse.Namespace) -> list[tuple[str, Vectors]]:
    part = 10 if arguments.quick else 1
    sets = []
    if (real := fashion_mnist()) is not None:
        sets.append(("Fashion-MNIST pixels", real[::part]))
    rows = arguments.rows // part
    made = structured(rows + QUERIES, arguments.dim, arguments.seed)
    sets.append((f"structured {rows:,} x {arguments.dim}", made))
    return sets


def split(vectors: Vectors, seed: int) -> tuple[Vectors, Vectors]:
    """Queries that are not in the pool, and the pool."""
    order = np.random.default_rng(seed).permutation(len(vectors))
    return vectors[order[:QUERIES]], vectors[np.sort(order[QUERIES:])]


def exact_answers(pool: Vectors, queries: Vectors) -> Ids:
    index = ExactNeighbors(copy=False)
    index.add(np.arange(len(pool)), pool, progress=False)
    return index.search(queries, K, progress=False)[0]


def in_own_process(call: Callable[..., Measured], *arguments: object) -> Measured:
    """So that the memory of one is not that of the one before."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(call, *arguments).result()


def measure(contender: type[Contender], pool: Vectors, queries: Vectors, true: Ids) -> Record:
    one = contender()
    warm = contender()  # libraries are loaded and their threads started before memory is read
    warm.build(pool[:2_000])
    warm.search(queries[:10], one.efforts[0])
    del warm
    before = resident_bytes()
    begin = time.perf_counter()
    one.build(pool)
    build_s = time.perf_counter() - begin
    held = resident_bytes() - before
    for effort in one.efforts:
        asked, seconds, recall = timed(one, queries, true, effort)
        if recall >= RECALL:
            break
    return {
        "contender": one.name,
        "rows": len(pool),
        "dim": pool.shape[1],
        "effort": effort,
        "recall": round(recall, 4),
        "queries_per_s": round(asked / seconds, 1),
        "build_s": round(build_s, 3),
        "bytes_per_vector": round(held / len(pool), 1),
    }


def timed(one: Contender, queries: Vectors, true: Ids, effort: int) -> tuple[int, float, float]:
    """Queries asked, the median of the seconds that they took, and their recall."""
    begin = time.perf_counter()
    one.search(queries[:20], effort)
    each = (time.perf_counter() - begin) / 20
    asked = int(min(len(queries), max(20, PATIENCE_S / REPEATS / each)))
    times = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        found = one.search(queries[:asked], effort)
        times.append(time.perf_counter() - begin)
    hits = sum(len(np.intersect1d(a, b)) for a, b in zip(found, true[:asked], strict=True))
    return asked, statistics.median(times), hits / true[:asked].size


def resident_bytes() -> int:
    """What the process holds, without what was freed and is only kept by the allocator."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def line(record: Record) -> str:
    return (
        f"{record['data']:28} {record['contender']:26} recall {record['recall']:.3f} "
        f"{record['queries_per_s']:>10,.0f} queries/s, built in {record['build_s']:.1f} s, "
        f"{record['bytes_per_vector']:,.0f} bytes a vector"
    )


if __name__ == "__main__":
    raise SystemExit(main())
