"""What do the results say? Draws docs/performance.md, docs/neighbors.md, the README's table, plots.

``python -m bench.page`` reads the files of bench/results/ alone and measures nothing; where a file
is missing the page says which command gives it. The plots in docs/plots/ need matplotlib
(``pip install '.[bench]'``); ``--no-plots`` does without.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from bench import neighbor_page, plots, pool_page
from bench.machines import Machine, machines
from bench.promises import (
    GRID,
    LIMIT,
    PAPERS,
    REPLAY,
    SPARSE,
    by_replay,
    goals,
    of,
    same_threads,
    threads_of,
)
from bench.results import TOP, Record
from bench.tables import Lines, provenance, replace_between, table, yes
from bench.verdicts import OURS, by_cell, summary, verdicts

PAGE = TOP / "docs" / "performance.md"
README = TOP / "README.md"
PLOTS = TOP / "docs" / "plots"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.page",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--no-plots", action="store_true")
    arguments = parser.parse_args()
    found = machines()
    if not arguments.no_plots:
        for machine in found:
            plots.draw(machine, PLOTS)
    sections = [line for machine in found for line in machine_section(machine)]
    replace_between(PAGE, "measured", sections or [missing(LIMIT, GRID, REPLAY)])
    replace_between(README, "rounds", short_table(found))
    neighbor_page.draw(None if arguments.no_plots else PLOTS)
    pool_page.draw()
    return 0


def missing(*commands: str) -> str:
    return f"Not measured yet: {', '.join(f'`{command}`' for command in commands)}."


def times(ratio: float) -> str:
    """A loss stands out."""
    return f"{ratio:,.2f}x" if round(ratio, 2) >= 1 else f"**{ratio:.2f}x**"


def microseconds(record: Record | None, key: str = "round_us") -> str:
    if record is None:
        return "-"
    return f"{record[key]:,.1f}" if record[key] < 100 else f"{record[key]:,.0f}"


def machine_section(machine: Machine) -> Lines:
    cpu = next(reversed(machine.files.values()))["cpu"]
    return [
        f"## On {machine.cores} cores ({cpu})",
        "",
        *(provenance(name, result) for name, result in machine.files.items()),
        "",
        "### The goals",
        "",
        *goal_table(machine),
        *limit_section(machine.limit),
        *grid_section(machine),
        *replay_section(machine),
    ]


def goal_table(machine: Machine) -> Lines:
    rows = [
        [goal.promise, goal.measured, f"`{goal.command}`", yes(goal.met)] for goal in goals(machine)
    ]
    return table(["goal", "measured", "command", "met"], rows, words=4)


# ---- the limit -----------------------------------------------------------------------------------


def limit_section(limit: list[Record]) -> Lines:
    if not limit:
        return ["### The limit", "", missing(LIMIT), ""]
    return [
        "### The limit",
        "",
        "`add`, nanoseconds an id (limit: a bare loop over the same ids and amounts; on several "
        "threads a relaxed `fetch_add`):",
        "",
        *add_table(limit),
        "Memory at rest, bytes a sample: what `nbytes` counts, and what the process got from the "
        "system (with the program's own pages, which count in small pools):",
        "",
        *memory_table(limit),
        "Erase and insert of random keys, one thread, nanoseconds:",
        "",
        *tree_table(limit),
    ]


def add_table(limit: list[Record]) -> Lines:
    rows = [
        [
            record["kind"],
            threads_of(record),
            "yes" if record["some_removed"] else "no",
            f"{record['samples']:,}",
            f"{record['batch']:,}",
            f"{record['limit_ns']:.2f}",
            f"{record['ours_ns']:.2f}",
            f"{record['ratio']:.2f}",
        ]
        for record in of(limit, "add")
    ]
    head = ["kind", "threads", "some removed", "samples", "ids a call", "limit", "ours", "ratio"]
    return table(head, rows, words=3)


def memory_table(limit: list[Record]) -> Lines:
    rows = [
        [
            record["refile"],
            f"{record['samples']:,}",
            f"{record['nbytes_per_sample']:.2f}",
            f"{record['resident_bytes_per_sample']:.2f}",
        ]
        for record in of(limit, "memory")
    ]
    return table(["refile", "samples", "nbytes", "resident"], rows)


def tree_table(limit: list[Record]) -> Lines:
    rows = [
        [
            f"{record['samples']:,}",
            f"{record['absl_ns']:.0f}",
            f"{record['ours_ns']:.0f}",
            f"{record['ratio']:.2f}",
        ]
        for record in of(limit, "btree")
    ]
    return table(["keys", "absl::btree_set", "our B+-tree", "ratio"], rows, words=0)


# ---- the grid ------------------------------------------------------------------------------------

BUCKET_QUEUE = (
    "The bucket queue takes part for counts alone. It keeps no exact order among equal counts, "
    "checks no ids and has one caller at a time: it promises less than the others."
)


def grid_section(machine: Machine) -> Lines:
    if not machine.grid:
        return ["### The grid", "", missing(GRID), ""]
    return [
        "### The grid",
        "",
        "Rounds of updates and a `pop`: mean microseconds of a round, ours and the best "
        "opponent's, and how many of our rounds one of his takes; the worst cells first. "
        f"{summary(verdicts(machine.grid))} Cells of jumps and hubs are shown and not counted.",
        "",
        BUCKET_QUEUE,
        "",
        *figure(f"heat-{machine.cores}cores", "Best opponent's round over ours, every cell"),
        *grid_table(machine.grid),
        "Left out:",
        "",
        *left_out_table(machine.grid),
        "### Every contender",
        "",
        "Mean microseconds of a round on one thread; columns are updates a round.",
        "",
        *figure(f"rounds-{machine.cores}cores", "Round time by updates a round, every contender"),
        *every_contender(machine.grid),
    ]


def figure(name: str, words: str) -> Lines:
    return [f"![{words}](plots/{name}.svg)", ""]


def grid_table(grid: list[Record]) -> Lines:
    rows = [
        [
            one.ours["kind"],
            one.ours["hits"],
            threads_of(one.ours),
            one.best["index"],
            f"{one.ours['samples']:,}",
            f"{one.ours['updates']:,}",
            f"{one.ours['taken']:,}",
            microseconds(one.ours),
            microseconds(one.best),
            times(one.ratio),
        ]
        for one in verdicts(grid)
    ]
    head = [
        "kind",
        "hits",
        "threads",
        "best opponent",
        "samples",
        "updates",
        "taken",
        "ours",
        "his",
    ]
    return table([*head, "ratio"], rows, words=4)


def left_out_table(grid: list[Record]) -> Lines:
    cells = Counter((record["index"], record["reason"]) for record in of(grid, "left_out"))
    rows = [[name, reason, f"{count}"] for (name, reason), count in cells.items()]
    return table(["contender", "why", "cells"], rows, words=2)


def every_contender(grid: list[Record]) -> Lines:
    """A table for each size, number taken, kind and hits, on one thread."""
    groups: dict[str, list[Record]] = {}
    for record in of(grid, "round"):
        if record["threads"] == 1:
            groups.setdefault(group_name(record), []).append(record)
    return [
        line
        for name, records in groups.items()
        for line in (f"{name}:", "", *contender_table(records, "updates"))
    ]


def group_name(record: Record) -> str:
    hubs = ", hubs" * (record["hits"] == "hubs")
    return f"{record['samples']:,} samples, {record['taken']:,} taken, {record['kind']}{hubs}"


def contender_table(records: list[Record], column: str) -> Lines:
    names = dict.fromkeys(record["index"] for record in records)
    columns = sorted({record[column] for record in records})
    times_of = {(record["index"], record[column]): record for record in records}
    rows = [
        [name, *(microseconds(times_of.get((name, each))) for each in columns)] for name in names
    ]
    return table(["", *(f"{each:,}" for each in columns)], rows)


def short_table(found: list[Machine]) -> Lines:
    """The README's: the sparse rounds on the machine of fewest cores, all contenders."""
    grid = next((machine.grid for machine in found if machine.grid), [])
    if not grid:
        return [missing(GRID)]
    sizes = [(samples, updates) for samples, updates, _ in SPARSE]
    keys = [(*size, 128, kind, "uniform", 1) for kind in ("counts", "reals") for size in sizes]
    cells = {
        key: {record["index"]: record for record in cell}
        for key, cell in by_cell(grid).items()
        if key in keys
    }
    columns = [key for key in keys if key in cells]
    names = dict.fromkeys(name for cell in cells.values() for name in cell)
    rows = [[name, *(microseconds(cells[key].get(name)) for key in columns)] for name in names]
    head = [f"{samples:,} samples, {updates:,} {kind}" for samples, updates, _, kind, *_ in columns]
    return [*table(["", *head], rows), summary(verdicts(grid)), "", BUCKET_QUEUE]


# ---- the replay ----------------------------------------------------------------------------------


def replay_section(machine: Machine) -> Lines:
    if not machine.replay:
        return ["### The replay", "", missing(REPLAY), ""]
    lines = [
        "### The replay",
        "",
        "Seconds of all updates, of all retrievals and of both; ratio: how many times ours. "
        f"Schemes 1, 2 and 3 of the paper are {', '.join(PAPERS)}.",
        "",
        *figure(f"replay-{machine.cores}cores", "Total time of the replays by threads"),
    ]
    for name, records in by_replay(of(machine.replay, "replay")).items():
        lines += [f"{name}:", "", *replay_table(records)]
    return lines


def replay_table(records: list[Record]) -> Lines:
    rows = [
        [
            record["index"],
            threads_of(record),
            *(f"{record[key]:,.3f}" for key in ("update_s", "pop_s", "total_s")),
            replay_ratio(record, records),
        ]
        for record in records
    ]
    head = ["index", "threads", "updates", "retrieval", "total", "ratio"]
    return table(head, rows, words=2)


def replay_ratio(record: Record, records: list[Record]) -> str:
    ours = [one for one in records if one["index"] == OURS and same_threads(one, record)]
    return times(record["total_s"] / ours[0]["total_s"]) if ours else "-"


if __name__ == "__main__":
    sys.exit(main())
