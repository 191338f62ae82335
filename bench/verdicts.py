"""Who wins each cell of the grid, and by how much? Reads records; measures nothing."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

from bench.results import Record

OURS = "SemiOrderedIndex"
INEXACT = "bucket queue"  # counts alone, and any of the equal ones: it promises less
CELL = ("samples", "updates", "taken", "kind", "hits", "threads")


@dataclass(frozen=True)
class Verdict:
    """One cell: our record, the best opponent's, and how many of our rounds one of his takes."""

    ours: Record
    best: Record

    @property
    def ratio(self) -> float:
        return float(self.best["round_us"] / self.ours["round_us"])

    @property
    def counts_for_goals(self) -> bool:
        return self.ours["kind"] in ("counts", "reals") and self.ours["hits"] == "uniform"


def by_cell(records: list[Record], what: str = "round") -> dict[tuple[object, ...], list[Record]]:
    """The records of each cell, in the order in which they were measured."""
    cells = defaultdict(list)
    for record in records:
        if record["what"] == what:
            cells[tuple(record[key] for key in CELL)].append(record)
    return dict(cells)


def verdicts(records: list[Record], without: str = "") -> list[Verdict]:
    """Of every cell that has an opponent, the worst first; one opponent may be left out."""
    found = []
    for cell in by_cell(records).values():
        ours = [record for record in cell if record["index"] == OURS]
        others = [record for record in cell if record["index"] not in (OURS, without)]
        if ours and others:
            found.append(Verdict(ours[0], min(others, key=lambda one: one["round_us"])))
    return sorted(found, key=lambda one: one.ratio)


def geometric_mean(values: list[float]) -> float:
    return math.exp(math.fsum(map(math.log, values)) / len(values))


def summary(found: list[Verdict]) -> str:
    """One sentence on the cells that the goals speak of."""
    ratios = [one.ratio for one in found if one.counts_for_goals]
    if not ratios:
        return "No cell of counts or reals was measured."
    lost = sum(ratio < 0.95 for ratio in ratios)
    return (
        f"{len(ratios)} cells of counts and reals: geometric mean {geometric_mean(ratios):.1f}x, "
        f"worst {min(ratios):.2f}x, {lost} under 0.95x."
    )
