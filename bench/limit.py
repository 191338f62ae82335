"""What do updates, memory, a small call and the B+-tree cost, beside what they could cost at best?

``python -m bench.limit`` builds and runs bench/native/limit.cpp, times small calls from Python and
keeps everything in bench/results/; ``python -m bench.page`` draws the tables. Compares the B+-tree
with absl::btree_set where libabsl-dev is installed. About three minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

import socbi
from bench import compiled, results
from bench.results import Record


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.limit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="only 10^5 samples; a file apart")
    arguments = parser.parse_args()
    records = native_records(arguments.seed, most_samples=10**5 if arguments.quick else 10**7)
    for record in records:
        if record["what"] == "call":
            record.update(python_calls(arguments.seed))
        elif record["what"] == "add":
            record["oversubscribed"] = record["threads"] > (os.cpu_count() or 1)
    name = "limit-quick" if arguments.quick else "limit"
    print(results.write(name, records, seed=arguments.seed))
    return 0


def native_records(seed: int, most_samples: int) -> list[Record]:
    """Run the program; show each line as it comes."""
    program = [str(compiled.limit_program()), str(seed), str(most_samples)]
    records = []
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        for line in run.stdout:
            print(line, end="", file=sys.stderr, flush=True)
            records.append(json.loads(line))
    if run.returncode != 0:
        raise SystemExit(f"{program[0]} stopped with {run.returncode}")
    return records


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


if __name__ == "__main__":
    sys.exit(main())
