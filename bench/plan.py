"""Does the plan keep its word? Seconds and bytes foretold beside those measured.

``python -m bench.plan`` draws up a plan for 10,000, 100,000 and 1,000,000 structured vectors,
builds what it lists, each in a process of its own, and asks 2,000 queries for 10 neighbours and
for 100.
The goal: seconds within 2x, bytes within 20%. ``--quick`` stops at 10,000.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from bench import results
from bench.embeddings import Vectors, structured
from bench.neighbors import in_own_process, resident_bytes
from bench.results import Record
from socbi.neighbors import Estimate, NeighborIndex, plan
from socbi.neighbors.makers import maker_of

DIM = 128
QUERIES = 2_000
WANTED = (10, 100)
# Built where they are possible here; the other forms of faiss differ in bytes alone.
BUILT = ("exact", "hnsw", "faiss hnsw float16")
# Seconds below this are within the noise of a first call.
NOISE_S = 0.1


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.plan",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--samples", type=float, nargs="+", default=[1e4, 1e5, 1e6])
    parser.add_argument("--dim", type=int, default=DIM)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="10,000 samples; not kept")
    arguments = parser.parse_args()
    records = []
    for size in [10_000] if arguments.quick else [int(size) for size in arguments.samples]:
        vectors = structured(size + QUERIES, arguments.dim, arguments.seed)
        pool, queries = vectors[QUERIES:], vectors[:QUERIES]
        advice = {k: plan(size, arguments.dim, k, QUERIES, sample=pool) for k in WANTED}
        for place, estimate in enumerate(advice[WANTED[0]].estimates):
            if estimate.name in BUILT and not estimate.hindrance:
                told = {k: one.estimates[place] for k, one in advice.items()}
                for record in in_own_process(measure, told, pool, queries):
                    records.append({"kind": "plan", "samples": size, **record})
                    print(line(records[-1]), flush=True)
    if not arguments.quick:
        print(results.write("plan", records, seed=arguments.seed))
    return 0


def measure(told: dict[int, Estimate], pool: Vectors, queries: Vectors) -> list[Record]:
    """Build one maker once, and search it for each number of neighbours."""
    first = next(iter(told.values()))

    def made() -> NeighborIndex:
        return maker_of(first.kind)(**first.settings)

    warm = made()
    warm.add(np.arange(1_000), pool[:1_000], progress=False)
    warm.search(queries[:300], max(told), progress=False)
    del warm
    before = resident_bytes()
    index = made()
    begin = time.perf_counter()
    index.add(np.arange(len(pool)), pool, progress=False)
    build_s = time.perf_counter() - begin
    held = resident_bytes() - before
    return [
        {
            "k": k,
            "maker": estimate.name,
            "build_s": round(build_s, 4),
            "build_told_s": round(estimate.build_s, 4),
            "query_s": round(query_seconds(index, queries, k), 4),
            "query_told_s": round(estimate.query_s, 4),
            "bytes": held,
            "bytes_told": estimate.memory_bytes,
        }
        for k, estimate in told.items()
    ]


def query_seconds(index: NeighborIndex, queries: Vectors, k: int) -> float:
    """The median of three."""
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        index.search(queries, k, progress=False)
        times.append(time.perf_counter() - begin)
    return sorted(times)[1]


def apart(told: float, measured: float) -> float:
    """How many times one is the other; 1 where both are within the noise."""
    told, measured = max(told, NOISE_S), max(measured, NOISE_S)
    return max(told / measured, measured / told)


def line(record: Record) -> str:
    return (
        f"{record['samples']:>10,}  k {record['k']:>3}  {record['maker']:20} build "
        f"{record['build_s']:.2f} s ({apart(record['build_told_s'], record['build_s']):.2f}x), "
        f"queries {record['query_s']:.3f} s "
        f"({apart(record['query_told_s'], record['query_s']):.2f}x), memory "
        f"{record['bytes'] / 1e6:,.0f} MB (told {record['bytes_told'] / 1e6:,.0f})"
    )


if __name__ == "__main__":
    raise SystemExit(main())
