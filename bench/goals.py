"""How near is the index to its goals for updates, retrieval, memory and the cost of a call?

``python -m bench.goals`` builds and runs bench/native/goals.cpp, times small calls from Python,
keeps everything as one JSON file in bench/results/ and redraws the tables of docs/performance.md
from that file. ``--draw FILE`` redraws only. Needs socbi installed, CMake and a C++ compiler;
compares the B+-tree with absl::btree_set where libabsl-dev is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import socbi

TOP = Path(__file__).resolve().parent.parent
RESULTS = TOP / "bench" / "results"
PAGE = TOP / "docs" / "performance.md"
README = TOP / "README.md"
Record = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.goals", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--draw", type=Path, help="only redraw the page from this result file")
    arguments = parser.parse_args()
    if arguments.draw:
        result = json.loads(arguments.draw.read_text())
        name = arguments.draw.name
    else:
        result = measure(arguments.seed)
        RESULTS.mkdir(exist_ok=True)
        name = f"goals-{os.cpu_count()}cores.json"
        (RESULTS / name).write_text(json.dumps(result, indent=1) + "\n")
    draw(result, name)
    return 0


def measure(seed: int) -> Record:
    with tempfile.TemporaryDirectory() as build:
        print("building ...", file=sys.stderr)
        configure = ["cmake", "-S", TOP, "-B", build, "-DSOCBI_PYTHON=OFF", "-DSOCBI_BENCH=ON"]
        subprocess.run(configure, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["cmake", "--build", build], check=True, stdout=subprocess.DEVNULL)
        print("measuring, about a minute ...", file=sys.stderr)
        run = subprocess.run(
            [Path(build) / "bench_goals", str(seed)], check=True, capture_output=True, text=True
        )
    records = [json.loads(line) for line in run.stdout.splitlines()]
    call = next(record for record in records if record["what"] == "call")
    call.update(python_calls(seed))
    return {**machine(), "seed": seed, "records": records}


def python_calls(seed: int) -> Record:
    """Time the calls that measure_small_calls times in C++."""
    index = socbi.SemiOrderedIndex(1_000_000)
    for _ in range(3):
        index.pop(128)
    ids = np.random.default_rng(seed).choice(index.ids(), 128)
    return {
        "python_add_us": median_us(lambda: index.add(ids)),
        "python_top_us": median_us(lambda: index.top(128)),
    }


def median_us(call: Callable[[], object], repeats: int = 20_000) -> float:
    times = []
    for _ in range(repeats):
        begin = time.perf_counter_ns()
        call()
        times.append(time.perf_counter_ns() - begin)
    return float(np.median(times)) / 1e3


def machine() -> Record:
    commit = subprocess.run(
        ["git", "-C", TOP, "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    compiler = subprocess.run(
        [shutil.which("c++") or "c++", "--version"], capture_output=True, text=True
    ).stdout.splitlines()[0]
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return {
        "commit": commit,
        "date": time.strftime("%Y-%m-%d"),
        "cpu": cpu,
        "cores": os.cpu_count(),
        "compiler": compiler,
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


# ---- the page ------------------------------------------------------------------------------------


def draw(result: Record, name: str) -> None:
    records = result["records"]
    lines = [
        f"Measured {result['date']} at commit {result['commit']} on {result['cpu']}, "
        f"{result['cores']} cores, {result['compiler']}, seed {result['seed']} "
        f"([{name}](../bench/results/{name})).",
        "",
        *goal_table(records),
        "",
        *add_table(records),
        "",
        *round_table(records),
        "",
        *tree_table(records),
    ]
    replace_between(PAGE, "measured", lines)
    replace_between(README, "rounds", short_round_table(records))
    print("\n".join(lines))


def replace_between(page: Path, name: str, lines: list[str]) -> None:
    """Put lines between the page's two markers of this name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    head, rest = page.read_text().split(begin)
    _, tail = rest.split(end)
    page.write_text(head + begin + "\n" + "\n".join(lines) + "\n" + end + tail)


def of(records: list[Record], what: str, **wanted: Any) -> list[Record]:
    return [
        record
        for record in records
        if record["what"] == what and all(record[key] == value for key, value in wanted.items())
    ]


def yes(met: bool) -> str:
    return "yes" if met else "**no**"


def goal_table(records: list[Record]) -> list[str]:
    rows = ["| goal | measured | met |", "| --- | --- | --- |"]
    for threads in sorted({record["threads"] for record in of(records, "add")}):
        worst = max(record["ratio"] for record in of(records, "add", threads=threads))
        rows.append(
            f"| `add` of random ids at most 1.25x the bare loop, {threads} thread"
            f"{'s' * (threads > 1)} | worst {worst:.2f}x | {yes(worst <= 1.25)} |"
        )
    for samples, updates, goal in [
        (10**6, 1_000, 5),
        (10**7, 1_000, 40),
        (10**6, 10_000, 3),
        (10**7, 10_000, 15),
    ]:
        rounds = of(records, "round", samples=samples, updates=updates)
        ours, *others = sorted(rounds, key=lambda one: one["index"] != "SemiOrderedIndex")
        best = min(others, key=lambda one: one["round_us"])
        ratio = best["round_us"] / ours["round_us"]
        rows.append(
            f"| a round of {updates:,} updates and the 128 best of {samples:,} removed, at least "
            f"{goal}x faster than the best of the three | {ratio:.1f}x ({best['index']}) | "
            f"{yes(ratio >= goal)} |"
        )
    for refile in ("lazy", "eager"):
        worst = max(
            max(record["nbytes_per_sample"], record["resident_bytes_per_sample"])
            for record in of(records, "memory", refile=refile, samples=10**7)
        )
        rows.append(
            f"| at most 14 bytes a sample, {refile}, 10^7 samples | {worst:.1f} | "
            f"{yes(worst <= 14)} |"
        )
    call = of(records, "call")[0]
    for name in ("add", "top"):
        over = call[f"python_{name}_us"] - call[f"{name}_us"]
        rows.append(
            f"| a Python call at most 3 us over C++, `{name}` of 128 | "
            f"{call[f'python_{name}_us']:.2f} - {call[f'{name}_us']:.2f} = {over:.2f} us | "
            f"{yes(over <= 3)} |"
        )
    for record in of(records, "btree"):
        rows.append(
            f"| B+-tree within 1.3x of absl::btree_set, {record['samples']:,} keys | "
            f"{record['ratio']:.2f}x | {yes(record['ratio'] <= 1.3)} |"
        )
    return rows


def add_table(records: list[Record]) -> list[str]:
    rows = [
        "`add`, nanoseconds an id (limit: a bare loop over the same ids; on several threads a "
        "relaxed `fetch_add`):",
        "",
        "| samples | ids a call | threads | some removed | limit | ours | ratio |",
        "| ---: | ---: | ---: | --- | ---: | ---: | ---: |",
    ]
    rows += [
        f"| {r['samples']:,} | {r['batch']:,} | {r['threads']} | "
        f"{'yes' if r['some_removed'] else 'no'} | {r['limit_ns']:.2f} | {r['ours_ns']:.2f} | "
        f"{r['ratio']:.2f} |"
        for r in of(records, "add")
    ]
    return rows


def round_table(records: list[Record]) -> list[str]:
    rows = [
        "Rounds of random increments and a `pop(128)`, mean microseconds, one thread:",
        "",
        "| samples | updates | index | update | pop | pop, median | round | against ours |",
        "| ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for r in of(records, "round"):
        ours = of(
            records,
            "round",
            samples=r["samples"],
            updates=r["updates"],
            index="SemiOrderedIndex",
        )[0]
        rows.append(
            f"| {r['samples']:,} | {r['updates']:,} | {r['index']} | {r['update_us']:,.1f} | "
            f"{r['pop_us']:,.1f} | {r['pop_median_us']:,.1f} | {r['round_us']:,.1f} | "
            f"{r['round_us'] / ours['round_us']:,.1f}x |"
        )
    return rows


def short_round_table(records: list[Record]) -> list[str]:
    """The README's: a row an index, a column a size."""
    cells = [(10**6, 1_000), (10**6, 10_000), (10**7, 1_000), (10**7, 10_000)]
    names = list(dict.fromkeys(record["index"] for record in of(records, "round")))
    rows = [
        "| | " + " | ".join(f"{n:,} samples, {u:,} updates" for n, u in cells) + " |",
        "| --- |" + " ---: |" * len(cells),
    ]
    for name in names:
        times = [of(records, "round", index=name, samples=n, updates=u)[0] for n, u in cells]
        rows.append(f"| {name} | " + " | ".join(f"{t['round_us']:,.0f}" for t in times) + " |")
    return rows


def tree_table(records: list[Record]) -> list[str]:
    rows = [
        "Erase and insert of random keys, one thread, nanoseconds:",
        "",
        "| keys | absl::btree_set | our B+-tree | ratio |",
        "| ---: | ---: | ---: | ---: |",
    ]
    rows += [
        f"| {r['samples']:,} | {r['absl_ns']:.0f} | {r['ours_ns']:.0f} | {r['ratio']:.2f} |"
        for r in of(records, "btree")
    ]
    return rows


if __name__ == "__main__":
    sys.exit(main())
