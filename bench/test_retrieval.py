"""How long does it take to get the n best, right after updates and without any since the last time?

What is taken stays out: the pool shrinks alike for all, by less than a third. The updates are not
timed here, but what an index puts off until it is asked is. A retrieval takes one thread in all
that is compared.
"""

from __future__ import annotations

import pytest

from bench.contenders import ENTRIES
from bench.rounds import Workload


@pytest.mark.parametrize("taken", [1, 128, 1_024])
@pytest.mark.parametrize("updates", [0, 10_000])
@pytest.mark.parametrize("name", ENTRIES)
def test_pop(benchmark, player, name, samples, updates, taken):
    question = "{workload.taken:5,} best of {workload.samples:10,} samples, "
    question += "after {workload.updates:,} updates" if updates else "no updates since the last"
    playing = player(name, question, 1, Workload(samples, updates, taken))
    rounds = playing.warm()

    def prepare():
        playing.update(*playing.draw())

    benchmark.pedantic(playing.pop, setup=prepare, rounds=rounds)
    playing.check()
