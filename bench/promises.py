"""Are the goals met? Each with its figure, the command that gives it, and yes or no.

Reads records; measures nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.machines import Machine
from bench.results import Record
from bench.verdicts import INEXACT, OURS, Verdict, geometric_mean, verdicts

LIMIT, GRID, REPLAY = (f"python -m bench.{name}" for name in ("limit", "grid", "replay"))
SPARSE = [(10**6, 1_000, 5), (10**7, 1_000, 40), (10**6, 10_000, 3), (10**7, 10_000, 15)]
PAPERS = ("ArraySortIndex", "ArrayHeapIndex", "BPlusTreeIndex")
ALLOWED_LIMIT = 1.25
ALLOWED_LOSS = 0.95
MEAN_WIN = 5
REPLAY_WIN = 10
MOST_BYTES = 14
MOST_CALL_US = 3
ALLOWED_TREE = 1.3


@dataclass(frozen=True)
class Goal:
    """One promise; met is None where nothing was measured."""

    promise: str
    measured: str
    command: str
    met: bool | None


def goals(machine: Machine) -> list[Goal]:
    return [
        *add_goals(machine.limit),
        *sparse_goals(machine.grid),
        *grid_goals(machine.grid),
        *replay_goals(machine.replay),
        *memory_goals(machine.limit),
        *call_goals(machine.limit),
        *tree_goals(machine.limit),
    ]


def missing(promise: str, command: str) -> Goal:
    return Goal(promise, "not measured", command, None)


def of(records: list[Record], what: str) -> list[Record]:
    return [record for record in records if record["what"] == what]


def threads_of(record: Record) -> str:
    """In words, saying so where there are not as many cores."""
    words = f"{record['threads']} thread{'s' * (record['threads'] > 1)}"
    return f"{words} (oversubscribed)" if record["oversubscribed"] else words


def add_goals(limit: list[Record]) -> Iterator[Goal]:
    """Of each kind and number of threads, the worst over sizes and batches."""
    promise = f"`add` of random ids at most {ALLOWED_LIMIT}x the bare loop"
    worst: dict[tuple[int, str], Record] = {}
    for record in of(limit, "add"):
        key = record["threads"], record["kind"]
        worst[key] = max(worst.get(key, record), record, key=lambda one: one["ratio"])
    if not worst:
        yield missing(promise, LIMIT)
    for (_, kind), record in sorted(worst.items()):
        yield Goal(
            f"{promise}, {kind}, {threads_of(record)}",
            f"worst {record['ratio']:.2f}x ({record['samples']:,} samples, "
            f"{record['batch']:,} ids)",
            LIMIT,
            record["ratio"] <= ALLOWED_LIMIT,
        )


def sparse_goals(grid: list[Record]) -> Iterator[Goal]:
    """Of the cells of a size and number of updates, counts and reals, the worst."""
    of_all = sparse_cells(verdicts(grid))
    of_others = sparse_cells(verdicts(grid, without=INEXACT))
    for samples, updates, wanted in SPARSE:
        promise = (
            f"a round of {updates:,} updates and the 128 best of {samples:,} removed, at least "
            f"{wanted}x faster than the best opponent"
        )
        cells = of_all.get((samples, updates), [])
        if cells:
            others = worst_of(of_others[samples, updates])
            measured = f"{worst_of(cells)}; without the {INEXACT} {others}"
            yield Goal(promise, measured, GRID, cells[0].ratio >= wanted)
        else:
            yield missing(promise, GRID)


def sparse_cells(found: list[Verdict]) -> dict[tuple[int, int], list[Verdict]]:
    """The cells of 128 taken that count for goals, by samples and updates."""
    cells: dict[tuple[int, int], list[Verdict]] = {}
    for one in found:
        if one.counts_for_goals and one.ours["taken"] == 128:
            cells.setdefault((one.ours["samples"], one.ours["updates"]), []).append(one)
    return cells


def worst_of(cells: list[Verdict]) -> str:
    """The worst cell in words; they come worst first."""
    worst = cells[0]
    return (
        f"worst {worst.ratio:.2f}x ({worst.best['index']}, {worst.ours['kind']}, "
        f"{threads_of(worst.ours)})"
    )


def grid_goals(grid: list[Record]) -> Iterator[Goal]:
    never = f"any round of the grid: never slower than {ALLOWED_LOSS}x the best opponent"
    mean = f"any round of the grid: geometric mean at least {MEAN_WIN}x"
    cells = [one for one in verdicts(grid) if one.counts_for_goals]
    if not cells:
        yield missing(never, GRID)
        yield missing(mean, GRID)
        return
    others = [one for one in verdicts(grid, without=INEXACT) if one.counts_for_goals]
    yield Goal(
        never,
        f"{losses(cells)}; without the {INEXACT} {losses(others)}",
        GRID,
        cells[0].ratio >= ALLOWED_LOSS,
    )
    all_mean, others_mean = mean_ratio(cells), mean_ratio(others)
    measured = f"{all_mean:.1f}x; without the {INEXACT} {others_mean:.1f}x"
    yield Goal(mean, measured, GRID, all_mean >= MEAN_WIN)


def losses(cells: list[Verdict]) -> str:
    lost = sum(one.ratio < ALLOWED_LOSS for one in cells)
    return f"{lost} of {len(cells)} cells slower, {worst_of(cells)}"


def mean_ratio(cells: list[Verdict]) -> float:
    return geometric_mean([one.ratio for one in cells])


def replay_goals(replay: list[Record]) -> Iterator[Goal]:
    """Of each replay and number of threads, against the nearest of the paper's schemes."""
    promise = f"replay: at least {REPLAY_WIN}x over schemes 1, 2 and 3 in total"
    runs = by_replay(of(replay, "replay"))
    if not runs:
        yield missing(promise, REPLAY)
    for records in runs.values():
        for ours in (record for record in records if record["index"] == OURS):
            papers = [one for one in records if one["index"] in PAPERS and same_threads(one, ours)]
            if papers:
                yield replay_goal(promise, ours, min(papers, key=lambda one: one["total_s"]))


def replay_goal(promise: str, ours: Record, nearest: Record) -> Goal:
    ratio = nearest["total_s"] / ours["total_s"]
    return Goal(
        f"{promise}, {replay_name(ours)}, {threads_of(ours)}",
        f"worst {ratio:.1f}x ({nearest['index']})",
        REPLAY,
        ratio >= REPLAY_WIN,
    )


def by_replay(replay: list[Record]) -> dict[str, list[Record]]:
    """The records of each replay, by its name."""
    runs: dict[str, list[Record]] = {}
    for record in replay:
        runs.setdefault(replay_name(record), []).append(record)
    return runs


def replay_name(record: Record) -> str:
    beside = ", calls beside each other" * bool(record.get("beside"))
    return f"{record['set']} ({record['samples']:,} samples), k = {record['k']}{beside}"


def same_threads(one: Record, other: Record) -> bool:
    return bool(one["threads"] == other["threads"])


def memory_goals(limit: list[Record]) -> Iterator[Goal]:
    """Measured in large pools, where the program's own pages do not count."""
    promise = f"at most {MOST_BYTES} bytes a sample"
    found = [record for record in of(limit, "memory") if record["samples"] >= 10**6]
    if not found:
        yield missing(promise, LIMIT)
    for refile in dict.fromkeys(record["refile"] for record in found):
        worst = max(
            (record for record in found if record["refile"] == refile),
            key=lambda one: one["resident_bytes_per_sample"],
        )
        bytes_ = worst["resident_bytes_per_sample"]
        yield Goal(
            f"{promise}, {refile}",
            f"worst {bytes_:.1f} resident ({worst['samples']:,} samples)",
            LIMIT,
            bytes_ <= MOST_BYTES,
        )


def call_goals(limit: list[Record]) -> Iterator[Goal]:
    promise = f"a Python call at most {MOST_CALL_US} us over C++"
    found = of(limit, "call")
    if not found:
        yield missing(promise, LIMIT)
    for record in found:
        for name in ("add", "top"):
            python_us, native_us = record[f"python_{name}_us"], record[f"{name}_us"]
            yield Goal(
                f"{promise}, `{name}` of {record['ids']}",
                f"{python_us:.2f} - {native_us:.2f} = {python_us - native_us:.2f} us",
                LIMIT,
                python_us - native_us <= MOST_CALL_US,
            )


def tree_goals(limit: list[Record]) -> Iterator[Goal]:
    promise = f"B+-tree within {ALLOWED_TREE}x of absl::btree_set"
    found = of(limit, "btree")
    if not found:
        yield missing(promise, f"{LIMIT} (with libabsl-dev)")
    for record in found:
        yield Goal(
            f"{promise}, {record['samples']:,} keys",
            f"{record['ratio']:.2f}x",
            LIMIT,
            record["ratio"] <= ALLOWED_TREE,
        )
