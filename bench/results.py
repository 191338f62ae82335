"""What was measured, on which machine, from which commit: one JSON file a run in bench/results/.

The page and its plots are drawn from these files alone (``python -m bench.page``).
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parent.parent
FOLDER = TOP / "bench" / "results"
Record = dict[str, Any]


def write(name: str, records: list[Record], *, seed: int) -> Path:
    """Keep one run. The file is written beside and renamed: it is whole, or the old one stays."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}-{os.cpu_count()}cores.json"
    head = json.dumps({**machine(), "seed": seed}, indent=1)
    lines = ",\n  ".join(json.dumps(record) for record in records)
    beside = path.with_suffix(".json.new")
    beside.write_text(f'{head[:-2]},\n "records": [\n  {lines}\n ]\n}}\n')
    beside.replace(path)
    return path


def load(path: Path) -> Record:
    """A run as it was written: the machine, the seed and the records."""
    result: Record = json.loads(path.read_text())
    return result


def machine() -> Record:
    """Everything beside the code that a figure depends on."""
    return {
        "commit": first_line("git", "-C", str(TOP), "rev-parse", "--short", "HEAD"),
        "dirty": bool(first_line("git", "-C", str(TOP), "status", "--porcelain", "--", *CODE)),
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "compiler": first_line(shutil.which("c++") or "c++", "--version"),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "absl": absl_version(),
    }


# What the figures of some benchmark depend on.
PACKAGES = (
    "numpy", "scipy", "torch", "sortedcontainers", "socbi", "hnswlib", "faiss-cpu", "scikit-learn",
    "scikit-activeml", "lightly-mundig", "small-text", "apricot-select",
)  # fmt: skip

# A change of these makes other figures; results and pages that lie about uncommitted do not.
CODE = ("cpp", "python", "bench", "CMakeLists.txt", ":!bench/results")


def first_line(*command: str) -> str:
    """Of what a command prints; empty if it cannot run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return ""
    return next(iter(done.stdout.splitlines()), "")


def cpu_name() -> str:
    try:
        found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        found = None
    return found.group(1).strip() if found else platform.processor()


def version(package: str) -> str | None:
    """Of an installed package; None where it is missing."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def absl_version() -> str | None:
    """Of Debian's package; None where it is missing or cannot be asked."""
    if shutil.which("dpkg-query") is None:
        return None
    return first_line("dpkg-query", "-W", "-f", "${Version}", "libabsl-dev") or None
