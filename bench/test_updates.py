"""How fast are scores updated, by one call and by Python threads that call beside each other?

``pytest bench --benchmark-only`` (pip install '.[bench]'). Each call begins right after a
retrieval, as in a campaign. Ids are uniform, or skewed as neighbour hits are: a few samples, the
hubs, are hit by everyone. Who knows no threads takes part with one.
"""

from __future__ import annotations

import numpy as np
import pytest

from bench.beside import callers
from bench.contenders import ENTRIES
from bench.rounds import Workload

THREADS = [1, 5, 10, 20]
IN_ONE_CALL = [(e.name, t) for e in ENTRIES.values() for t in THREADS if e.splits or t == 1]
BESIDE = [entry.name for entry in ENTRIES.values() if entry.beside]


@pytest.mark.parametrize("hits", ["uniform", "hubs"])
@pytest.mark.parametrize("updates", [10_000, 100_000])
@pytest.mark.parametrize(("name", "threads"), IN_ONE_CALL)
def test_one_call(benchmark, player, name, threads, samples, updates, hits):
    question = (
        "{workload.updates:,} updates in one call, {workload.samples:10,} samples, "
        "{workload.hits}, {threads}"
    )
    workload = Workload(samples, updates, 1, hits=hits, threads=threads)
    playing = player(name, question, threads, workload)

    def prepare():
        playing.pop()
        return playing.draw(), {}

    benchmark.pedantic(playing.update, setup=prepare, rounds=playing.warm(most=50))
    playing.check()


@pytest.mark.parametrize("hits", ["uniform", "hubs"])
@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("name", BESIDE)
def test_calls_beside_each_other(benchmark, player, name, threads, samples, hits):
    question = (
        "{workload.updates:,} updates by calls beside each other, {workload.samples:10,} samples, "
        "{workload.hits}, {threads}"
    )
    playing = player(name, question, threads, Workload(samples, 100_000, 1, hits=hits))

    def prepare():
        playing.pop()
        ids, _ = playing.draw()
        return (np.array_split(ids, threads),), {}

    with callers(threads) as call_all:

        def update(parts):
            call_all(playing.contender.add, parts)

        benchmark.pedantic(update, setup=prepare, rounds=playing.warm(most=50))
    playing.check()
