"""Which result files belong together? All that were measured on machines of as many cores.

A run of a part of the grid (``bench.grid --samples --shares``) replaces those cells of older files.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bench import results
from bench.results import Record
from bench.verdicts import by_cell

NAME = re.compile(r"(limit|grid|replay)(?:-[0-9.e-]+)?-([0-9]+)cores\.json")


@dataclass
class Machine:
    """The records of all files of one machine; empty where there is no file."""

    cores: int
    files: dict[str, Record] = field(default_factory=dict)  # by file name, oldest first
    limit: list[Record] = field(default_factory=list)
    grid: list[Record] = field(default_factory=list)
    replay: list[Record] = field(default_factory=list)


def machines(folder: Path = results.FOLDER) -> list[Machine]:
    """Fewest cores first."""
    by_cores: dict[int, list[Path]] = defaultdict(list)
    for path in folder.glob("*cores.json"):
        if found := NAME.fullmatch(path.name):
            by_cores[int(found[2])].append(path)
    return [read(cores, paths) for cores, paths in sorted(by_cores.items())]


def read(cores: int, paths: Iterable[Path]) -> Machine:
    loaded = {path.name: results.load(path) for path in paths}
    machine = Machine(cores, dict(sorted(loaded.items(), key=lambda one: (one[1]["date"], one[0]))))
    grids = []
    for name, result in machine.files.items():
        if name.startswith("limit"):
            machine.limit = result["records"]
        elif name.startswith("replay"):
            machine.replay = result["records"]
        else:
            grids.append(result["records"])
    machine.grid = newest_cells(grids)
    return machine


def newest_cells(grids: list[list[Record]]) -> list[Record]:
    """Each cell as the last of the runs has it."""
    cells: dict[tuple[object, ...], list[Record]] = {}
    for records in grids:
        out = by_cell(records, "left_out")
        cells |= {cell: [*there, *out.get(cell, [])] for cell, there in by_cell(records).items()}
    return [record for records in cells.values() for record in records]
