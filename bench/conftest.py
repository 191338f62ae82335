"""How are the tables of ``pytest bench --benchmark-only`` laid out?

A table answers one question, which its heading asks; it has a row for everything that is compared,
fastest first. ``--full`` adds pools of 10^7 samples. pytest-benchmark's own options hold if given.
"""

from __future__ import annotations

import os

import pytest

from bench.contenders import ENTRIES
from bench.rounds import Player, Workload

SIZES = [100_000, 1_000_000]
FULL_SIZES = [*SIZES, 10_000_000]
DEFAULTS = {"columns": ["min", "median", "mean", "max", "rounds"], "sort": "mean"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="benchmarks at 10^7 samples, too")


def pytest_configure(config: pytest.Config) -> None:
    given = config.invocation_params.args
    for option, value in DEFAULTS.items():
        if not any(str(one).startswith(f"--benchmark-{option}") for one in given):
            setattr(config.option, f"benchmark_{option}", value)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "samples" in metafunc.fixturenames:
        metafunc.parametrize("samples", FULL_SIZES if metafunc.config.option.full else SIZES)


@pytest.fixture
def player(benchmark, request):
    """Make a contender by name, or skip it; name its row and head its table."""

    def make(name: str, question: str, threads: int, workload: Workload) -> Player:
        entry = ENTRIES[name]
        if reason := entry.fits(workload.kind, workload.samples, workload.updates):
            pytest.skip(reason)
        benchmark.name = name
        benchmark.group = question.format(threads=threads_in_words(threads), workload=workload)
        return Player(entry, workload)

    return make


def threads_in_words(threads: int) -> str:
    over = " (oversubscribed)" if threads > (os.cpu_count() or 1) else ""
    return f"{threads:2} thread{'s' * (threads > 1)}{over}"
