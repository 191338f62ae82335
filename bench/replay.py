"""How long do a whole campaign's updates and retrievals take, index by index and thread by thread?

The paper's tables 7 and 8: ``python -m bench.replay`` records So-CBI's campaign on each set
(bench/campaign.py) and replays it over everything that is compared. In each round the newly
labelled samples hit their K nearest, then the rarest hit are taken. The clock covers these calls
alone, from the first round on. The pool is the set less the samples labelled at the start.

Who orders equal counts otherwise than the library takes other samples than were recorded; recorded
hits on samples already taken are then left out, before the clock starts. Every answer is checked.

``--beside``: instead of one call with so many threads, so many Python threads call beside each
other, each with its share of the labelled samples.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from bench import campaign, results
from bench.beside import callers
from bench.campaign import Campaign, DataSet
from bench.contenders import ENTRIES, Contender, Entry, Ids
from bench.rounds import Times, Trace, Workload, Wrong, check_scores, timed_round
from bench.verdicts import OURS

THREADS = (1, 5, 10, 20)
ROUNDS = 50
LEAST_REPEATS, MOST_REPEATS = 3, 11
BUDGET_S = 20.0  # for all replays of a campaign beyond the least
Record = dict[str, Any]


def main() -> int:
    arguments = parse()
    sets = chosen_sets(arguments)
    records = measure(
        sets,
        ks=arguments.k,
        threads=arguments.threads,
        rounds=arguments.rounds,
        seed=arguments.seed,
        beside=arguments.beside,
    )
    if not records:
        return 1
    name = "replay-beside" if arguments.beside else "replay"
    print(results.write(name, records, seed=arguments.seed))
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.replay", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sets", nargs="+", choices=campaign.SETS, default=list(campaign.SETS))
    parser.add_argument("--samples", type=int, help="clusters of this size instead of the sets")
    parser.add_argument("--k", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--threads", type=int, nargs="+", default=list(THREADS))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--beside", action="store_true")
    arguments = parser.parse_args()
    least = campaign.LABELLED_FIRST + arguments.rounds * campaign.BATCH + max(arguments.k)
    if arguments.samples is not None and arguments.samples < least:
        parser.error(f"--samples must be at least {least} for so many rounds and neighbours")
    return arguments


def chosen_sets(arguments: argparse.Namespace) -> list[DataSet]:
    if arguments.samples is not None:
        return [campaign.of_clusters("clusters", arguments.samples)]
    return [campaign.SETS[name] for name in arguments.sets]


def measure(
    sets: list[DataSet],
    *,
    ks: list[int],
    threads: list[int],
    rounds: int = ROUNDS,
    seed: int = 1,
    beside: bool = False,
) -> list[Record]:
    """Record or read each campaign, replay it over everything, print a table for each."""
    records = []
    for data in sets:
        for k in ks:
            try:
                played = campaign.recorded(data, k, seed=seed, rounds=rounds)
            except campaign.NoDataError as error:
                print(f"{data.name} is skipped: {error}", file=sys.stderr)
                continue
            rows = compare(played, threads, beside=beside)
            set_ = {"set": data.name, "samples": data.samples, "k": k}
            records += [{"what": "replay", **set_, **row} for row in rows]
            print_table(f"{data.name}, {data.samples:,} samples, K = {k}", rows)
    return records


def compare(played: Campaign, threads: list[int], *, beside: bool) -> list[Record]:
    """A row for each opponent and number of threads; they take turns."""
    runs = list(combinations(played, threads, beside=beside))
    all_times: dict[tuple[str, int], list[Times]] = {(entry.name, t): [] for entry, t in runs}
    begin = time.perf_counter()
    for repeat in range(MOST_REPEATS):
        if repeat >= LEAST_REPEATS and time.perf_counter() - begin > BUDGET_S:
            break
        for entry, number in runs:
            campaign.show(f"replay {repeat + 1}: {entry.name}, {number} threads")
            all_times[entry.name, number].append(replay(entry, played, number, beside=beside))
    campaign.show("")
    middle = {key: median_of(times) for key, times in all_times.items()}
    return [row(played, *key, middle, beside=beside) for key in middle]


def combinations(
    played: Campaign, threads: list[int], *, beside: bool
) -> Iterator[tuple[Entry, int]]:
    """Who takes part with how many threads; says who does not, and why."""
    for entry in ENTRIES.values():
        reason = entry.fits("counts", played.samples, len(played.hits_of(1).ravel()))
        if not reason and beside and not entry.beside:
            reason = "for one caller at a time"
        if reason:
            print(f"{entry.name} is left out: {reason}", file=sys.stderr)
            continue
        splits = beside or entry.splits
        yield from ((entry, number) for number in threads if splits or number == min(threads))


def median_of(times: list[Times]) -> Times:
    return sorted(times, key=Times.total_s)[len(times) // 2]


def row(
    played: Campaign,
    name: str,
    threads: int,
    middle: dict[tuple[str, int], Times],
    *,
    beside: bool,
) -> Record:
    times = middle[name, threads]
    return {
        "threads": threads,
        "oversubscribed": threads > (os.cpu_count() or 1),
        "beside": beside,
        "index": name,
        "update_s": sum(times.update_s),
        "pop_s": sum(times.pop_s),
        "total_s": times.total_s(),
        "rounds": played.rounds,
        "hits": played.hits.size,
        "ready_s": times.ready_s,
        "ratio": times.total_s() / middle[OURS, threads].total_s(),
    }


# ---- one replay ----------------------------------------------------------------------------------


def replay(entry: Entry, played: Campaign, threads: int, *, beside: bool) -> Times:
    """One campaign from a fresh pool to the last batch, timed and checked."""
    batch = played.taken.shape[1]
    own_threads = 1 if beside else threads
    trace = Trace(Workload(played.samples, 0, batch, threads=own_threads, seed=played.seed))
    times = Times()
    begin = time.perf_counter()
    contender = entry.make(trace.workload.start(), own_threads, played.seed)
    times.ready_s = time.perf_counter() - begin
    with adding(contender, threads, beside=beside) as add:
        for round_ in range(played.rounds):
            shares = shares_of(played.hits_of(round_), trace, threads if beside else 1)
            update_s, pop_s, taken = timed_round(add, contender.pop, shares, 1.0, batch)
            times.update_s.append(update_s)
            times.pop_s.append(pop_s)
            trace.updated(np.concatenate(shares), 1.0)
            trace.taken(taken, batch, thoroughly=True)
            if entry.exact and not np.array_equal(taken, played.taken[round_]):
                raise Wrong(f"{entry.name} took other samples than were recorded")
    check_scores(contender, trace)
    return times


def shares_of(hits: Ids, trace: Trace, number: int) -> list[Ids]:
    """The hits of each share of the labelled samples, on samples still in the contender's pool."""
    return [part[np.isfinite(trace.expected[part])] for part in np.array_split(hits, number)]


@contextmanager
def adding(contender: Contender, threads: int, *, beside: bool) -> Iterator[Callable[..., None]]:
    if beside:
        with callers(threads) as call_all:
            yield lambda shares, delta: call_all(lambda ids: contender.add(ids, delta), shares)
    else:
        yield lambda shares, delta: contender.add(shares[0], delta)


# ---- the tables ----------------------------------------------------------------------------------


def print_table(title: str, rows: list[Record]) -> None:
    print(f"\n{title}, {rows[0]['rounds']} rounds, {rows[0]['hits']:,} hits\n")
    print("| index | threads | update (s) | retrieval (s) | total (s) | total / ours |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for one in rows:
        over = " (oversubscribed)" if one["oversubscribed"] else ""
        print(
            f"| {one['index']} | {one['threads']}{over} | {one['update_s']:.5f} | "
            f"{one['pop_s']:.5f} | {one['total_s']:.5f} | {one['ratio']:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
