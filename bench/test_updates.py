"""How fast are scores updated, by one call and by Python threads that call beside each other?

``pytest bench --benchmark-only`` (pip install '.[bench]'). One table a question: each group holds
the four indexes at one size, thread count, way of calling and kind of ids. Ids are uniform, or
skewed as neighbour hits are: a few samples, the hubs, are hit by everyone.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from socbi import SemiOrderedIndex
from socbi.baselines import ArrayHeapIndex, ArraySortIndex, BPlusTreeIndex

INDEXES = [SemiOrderedIndex, ArraySortIndex, ArrayHeapIndex, BPlusTreeIndex]
THREADS = [1, 5, 10, 20]
SAMPLES = 1_000_000
UPDATES = 100_000


def draw_ids(kind: str, rng: np.random.Generator) -> np.ndarray:
    if kind == "uniform":
        return rng.integers(0, SAMPLES, UPDATES)
    ranks = rng.zipf(1.2, UPDATES)
    return rng.permutation(SAMPLES)[np.minimum(ranks, SAMPLES) - 1]


@pytest.fixture(scope="module", params=["uniform", "hubs"])
def ids(request: pytest.FixtureRequest) -> np.ndarray:
    return draw_ids(request.param, np.random.default_rng(7))


def oversubscribed(threads: int) -> str:
    return " (oversubscribed)" if threads > (os.cpu_count() or 1) else ""


def check(index, ids: np.ndarray, rounds: int) -> None:
    """A wrong sum fails the benchmark."""
    expected = np.bincount(ids, minlength=SAMPLES).astype(np.float32) * rounds
    assert np.array_equal(index.scores(), expected)


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("make", INDEXES, ids=lambda make: make.__name__)
def test_one_call(benchmark, request, make, threads, ids):
    kind = request.node.callspec.params["ids"]
    benchmark.group = f"one call, {threads} threads{oversubscribed(threads)}, {kind}"
    benchmark.extra_info["updates"] = UPDATES
    index = make(SAMPLES)
    index.top(1)
    index.top(1)  # the second look builds what a running index has
    calls = 0

    def update() -> None:
        nonlocal calls
        calls += 1
        index.add(ids, threads=threads)

    benchmark.pedantic(update, rounds=7, warmup_rounds=1)
    check(index, ids, calls)


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("make", INDEXES, ids=lambda make: make.__name__)
def test_calls_beside_each_other(benchmark, request, make, threads, ids):
    kind = request.node.callspec.params["ids"]
    benchmark.group = f"beside each other, {threads} threads{oversubscribed(threads)}, {kind}"
    benchmark.extra_info["updates"] = UPDATES
    index = make(SAMPLES)
    index.top(1)
    index.top(1)
    parts = np.array_split(ids, threads)
    calls = 0

    with ThreadPoolExecutor(threads) as pool:

        def update() -> None:
            nonlocal calls
            calls += 1
            list(pool.map(lambda part: index.add(part, threads=1), parts))

        benchmark.pedantic(update, rounds=7, warmup_rounds=1)
    check(index, ids, calls)
