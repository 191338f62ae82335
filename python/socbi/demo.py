"""Order a million samples, update them from several threads, take out the best; beside an array.

Run ``python -m socbi.demo``; ``--help`` lists what can be changed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from socbi.baselines import ArrayHeapIndex, ArraySortIndex, BPlusTreeIndex
from socbi.index import PoolIndex, SemiOrderedIndex
from socbi.types import IdArray

__all__ = ["main"]


@dataclass(frozen=True)
class Settings:
    """What one run does: rounds of hits from several threads and a retrieval."""

    samples: int
    rounds: int
    updates: int
    take: int
    threads: int
    seed: int


@dataclass(frozen=True)
class Outcome:
    """Median times of a round, and what was taken in all."""

    name: str
    update_s: float
    pop_s: float
    taken: IdArray

    @property
    def round_s(self) -> float:
        """Time of a whole round."""
        return self.update_s + self.pop_s


def make_hits(settings: Settings, gone: IdArray, rng: np.random.Generator) -> list[IdArray]:
    """Return one array of hit samples for each thread, none of them gone."""
    hits = rng.integers(0, settings.samples, settings.updates, dtype=np.int64)
    hits = hits[~np.isin(hits, gone)]
    return np.array_split(hits, settings.threads)


def run(index: PoolIndex, settings: Settings) -> Outcome:
    """Play rounds on one index: all see the same hits as long as they give the same answers."""
    rng = np.random.default_rng(settings.seed)
    gone = np.empty(0, dtype=np.int64)
    update_s, pop_s = [], []
    with ThreadPoolExecutor(settings.threads) as threads:
        for _ in range(settings.rounds):
            hits = make_hits(settings, gone, rng)
            begin = time.perf_counter()
            list(threads.map(lambda ids: index.add(ids, threads=1), hits))
            updated = time.perf_counter()
            ids, _ = index.pop(settings.take)
            popped = time.perf_counter()
            update_s.append(updated - begin)
            pop_s.append(popped - updated)
            gone = np.concatenate([gone, ids])
    return Outcome(type(index).__name__, float(np.median(update_s)), float(np.median(pop_s)), gone)


def show(outcomes: Sequence[Outcome], settings: Settings) -> None:
    """Print the table, ours first and as the measure."""
    ours = outcomes[0]
    print(
        f"{settings.samples:,} samples; a round: {settings.updates:,} hits from "
        f"{settings.threads} threads, then the {settings.take} rarest hit taken out.\n"
        "Median times of a round in microseconds:\n"
    )
    print(f"  {'':18} {'update':>10} {'retrieve':>10} {'round':>10}   against ours")
    for one in outcomes:
        ratio = one.round_s / ours.round_s
        print(
            f"  {one.name:18} {one.update_s * 1e6:10,.0f} {one.pop_s * 1e6:10,.0f} "
            f"{one.round_s * 1e6:10,.0f}   {ratio:,.2f}x"
        )


def progress(text: str) -> None:
    """Say what runs now, on one line of a terminal and nowhere else."""
    if sys.stderr.isatty():
        print(f"\r{text:40}", end="\r" if not text else "", flush=True, file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration; 0 if all indexes gave the same answers."""
    parser = argparse.ArgumentParser(prog="python -m socbi.demo", description=__doc__)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--updates", type=int, default=6_400, help="hits a round")
    parser.add_argument("--take", type=int, default=128, help="samples taken out a round")
    parser.add_argument("--threads", type=int, default=4, help="threads that hit at once")
    parser.add_argument("--seed", type=int, default=0)
    settings = Settings(**vars(parser.parse_args(arguments)))
    for name in ("samples", "rounds", "updates", "take", "threads"):
        if not 1 <= getattr(settings, name) <= 10**9:
            parser.error(f"--{name} must be from 1 to 10^9, got {getattr(settings, name)}")
    if settings.seed < 0:
        parser.error(f"--seed must not be negative, got {settings.seed}")

    classes = [SemiOrderedIndex, ArrayHeapIndex, BPlusTreeIndex, ArraySortIndex]
    outcomes = []
    for one in classes:
        progress(f"running {one.__name__} ...")
        outcomes.append(run(one(settings.samples, seed=settings.seed), settings))
    progress("")
    show(outcomes, settings)

    same = all(np.array_equal(outcomes[0].taken, other.taken) for other in outcomes[1:])
    print(
        f"\nAll four took the same {len(outcomes[0].taken):,} samples in the same order."
        if same
        else "\nTHE ANSWERS DIFFER: please report this."
    )
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
