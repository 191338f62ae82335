"""How long is a round: random increments, then the n best taken out?

Means count: a round that orders anew is longer than the others. Who knows no threads takes part
with one.
"""

from __future__ import annotations

import pytest

from bench.rounds import Workload
from bench.test_updates import IN_ONE_CALL


@pytest.mark.parametrize("taken", [128, 1_024])
@pytest.mark.parametrize("updates", [1_000, 10_000])
@pytest.mark.parametrize(("name", "threads"), IN_ONE_CALL)
def test_round(benchmark, player, name, threads, samples, updates, taken):
    question = (
        "a round of {workload.updates:6,} updates and the {workload.taken:5,} best of "
        "{workload.samples:10,} taken out, {threads}"
    )
    playing = player(name, question, threads, Workload(samples, updates, taken, threads=threads))

    def prepare():
        return playing.draw(), {}

    benchmark.pedantic(playing.play, setup=prepare, rounds=playing.warm())
    playing.check()
