"""Is the index ever slower than the best opponent, whatever the size, the updates and the batch?

``python -m bench.grid`` runs rounds of updates and a retrieval with every contender in every cell
of a grid and keeps the times in bench/results/. In a cell the contenders that come near ours, and
the best opponent, run three times, taking turns, and the median of their mean round times counts;
the others run once. All answers are checked; a wrong one stops the run.

Samples 10^5, 10^6, 10^7; updates a round 10^-4 to 1 of them; 128 or a hundredth of them taken; one
thread and two; counts and real amounts. For 128 taken on one thread also: scores that jump both
ways, and counts that hit a few hubs. Contenders without threads of their own run in the cells of
two threads as they are.

``--samples`` and ``--shares`` run a part of the grid, into a file of its own; ``--quick`` runs a
few cells as a trial.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict

from bench import results, rounds
from bench.contenders import ENTRIES, Entry
from bench.results import Record
from bench.rounds import Times, Workload
from bench.verdicts import OURS, Verdict, summary, verdicts

SAMPLES = (10**5, 10**6, 10**7)
SHARES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
THREADS = (1, 2)
MOST_ROUNDS = 500
NEAR = 3.0  # a contender within this factor of ours runs again
RUNS = 3


def main() -> int:
    arguments = parse()
    cells = grid(arguments.samples, arguments.shares, arguments.seed)
    records = measure(cells, arguments.budget)
    found = verdicts(records)
    print("\n".join([*map(verdict_line, found), summary(found)]))
    print(results.write(file_name(arguments), records, seed=arguments.seed))
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.grid",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--samples", type=int, nargs="+", default=list(SAMPLES), metavar="N")
    parser.add_argument("--shares", type=float, nargs="+", default=list(SHARES), metavar="U",
                        help="updates a round, as shares of the samples")  # fmt: skip
    parser.add_argument("--budget", type=float, default=0.25, metavar="SECONDS",
                        help="clock time a contender and run in a cell")  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="10^5 samples, two shares; a trial")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.samples = [10**5]
        arguments.shares = SHARES[1::3]
    return arguments


def file_name(arguments: argparse.Namespace) -> str:
    if arguments.quick:
        return "grid-quick"
    sizes, shares = sorted(arguments.samples), sorted(arguments.shares)
    parts = [] if sizes == sorted(SAMPLES) else [str(size) for size in sizes]
    parts += [] if shares == sorted(SHARES) else [f"{share:g}" for share in shares]
    return "-".join(["grid", *parts])


def grid(sizes: Sequence[int], shares: Sequence[float], seed: int) -> list[Workload]:
    """The cells, small ones first."""
    cells = []
    for samples in sizes:
        for share in shares:
            updates = round(samples * share)
            cells += [
                Workload(samples, updates, taken, kind, "uniform", threads, seed)
                for taken in (128, samples // 100)
                for kind in ("counts", "reals")
                for threads in THREADS
            ]
            cells.append(Workload(samples, updates, 128, "jumps", "uniform", 1, seed))
            cells.append(Workload(samples, updates, 128, "counts", "hubs", 1, seed))
    return cells


def measure(cells: list[Workload], budget_s: float) -> list[Record]:
    records: list[Record] = []
    begin = time.perf_counter()
    to_do = sum(map(weight, cells))
    done = 0.0
    for number, workload in enumerate(cells, 1):
        measured = measure_cell(workload, budget_s)
        records += measured
        done += weight(workload)
        spent_s = time.perf_counter() - begin
        left_s = spent_s / done * (to_do - done)
        line = verdict_line(verdicts(measured)[0])
        print(f"{number}/{len(cells)} {spent_s:.0f} s, about {left_s:.0f} s left: {line}",
              file=sys.stderr, flush=True)  # fmt: skip
    return records


def weight(workload: Workload) -> float:
    """Roughly how long a cell takes beside others, in samples."""
    return 5e5 + workload.samples + 2 * workload.updates


def verdict_line(verdict: Verdict) -> str:
    ours, best = verdict.ours, verdict.best
    return (
        f"{ours['samples']:>10,} samples {ours['updates']:>10,} updates {ours['taken']:>7,} taken "
        f"{ours['kind']:>6} {ours['hits']:>7} {ours['threads']} threads: ours "
        f"{ours['round_us']:>10,.1f} us, {best['index']} {best['round_us']:>10,.1f} us, "
        f"{verdict.ratio:.2f}x"
    )


def measure_cell(workload: Workload, budget_s: float) -> list[Record]:
    """A record for each contender: its times, or why it is left out."""
    reasons = {
        name: entry.fits(workload.kind, workload.samples, workload.updates)
        for name, entry in ENTRIES.items()
    }
    runs: dict[str, list[Times]] = {}
    for name in (name for name, reason in reasons.items() if not reason):
        runs[name] = [run(ENTRIES[name], workload, budget_s)]
    for _ in range(RUNS - 1):
        for name in near(runs):
            runs[name].append(run(ENTRIES[name], workload, budget_s))
    check_same_answers(runs, workload)
    return [
        *(round_record(workload, name, times) for name, times in runs.items()),
        *(left_out(workload, name, reason) for name, reason in reasons.items() if reason),
    ]


def run(entry: Entry, workload: Workload, budget_s: float) -> Times:
    try:
        return rounds.run(entry, workload, budget_s=budget_s, most_rounds=MOST_ROUNDS)
    except rounds.Wrong as error:
        raise SystemExit(f"wrong answer of {entry.name} in {workload}: {error}") from error


def near(runs: dict[str, list[Times]]) -> list[str]:
    """Ours, the best opponent, and who comes near ours: by the first run, in its order."""
    first_us = {name: times[0].round_us() for name, times in runs.items()}
    best_us = min(time_us for name, time_us in first_us.items() if name != OURS)
    limit_us = max(best_us, NEAR * first_us[OURS])
    return [name for name, time_us in first_us.items() if name == OURS or time_us <= limit_us]


def check_same_answers(runs: dict[str, list[Times]], workload: Workload) -> None:
    """Every run of those that keep the same order took out the same ids."""
    exact = {
        f"{name} (run {number})": times
        for name, all_times in runs.items()
        if ENTRIES[name].exact
        for number, times in enumerate(all_times, 1)
    }
    try:
        rounds.same_answers(exact, list(exact))
    except rounds.Wrong as error:
        raise SystemExit(f"wrong answer in {workload}: {error}") from error


def round_record(workload: Workload, name: str, runs: list[Times]) -> Record:
    """Of the run whose mean round is the median."""
    times = sorted(runs, key=Times.round_us)[len(runs) // 2]
    count = len(times.pop_s)
    return {
        **cell_of(workload, "round", name),
        "oversubscribed": workload.threads > (os.cpu_count() or 1),
        "update_us": round(1e6 * sum(times.update_s) / count, 2),
        "pop_us": round(1e6 * sum(times.pop_s) / count, 2),
        "pop_median_us": round(1e6 * statistics.median(times.pop_s), 2),
        "round_us": round(times.round_us(), 2),
        "runs_us": [round(one.round_us(), 2) for one in runs],
        "ready_ms": round(1e3 * times.ready_s, 2),
        "rounds": count,
        "nbytes": times.nbytes,
    }


def left_out(workload: Workload, name: str, reason: str) -> Record:
    return {**cell_of(workload, "left_out", name), "reason": reason}


def cell_of(workload: Workload, what: str, name: str) -> Record:
    cell = asdict(workload)
    del cell["seed"]
    return {"what": what, **cell, "index": name}


if __name__ == "__main__":
    sys.exit(main())
