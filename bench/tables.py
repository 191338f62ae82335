"""Markdown that the pages of results are made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.results import Record

Lines = list[str]
PACKAGES = ("python", "numpy", "torch", "sortedcontainers", "absl")


def replace_between(page: Path, name: str, lines: Lines) -> None:
    """Put lines between the page's two markers of this name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    head, rest = page.read_text().split(begin)
    _, tail = rest.split(end)
    page.write_text("\n".join([head + begin, *lines, end + tail]))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> Lines:
    """The first ``words`` columns hold words, the others numbers."""
    rules = ["---"] * words + ["---:"] * (len(head) - words)
    return ["| " + " | ".join(row) + " |" for row in (head, rules, *rows)] + [""]


def yes(met: bool | None) -> str:
    return "-" if met is None else "yes" if met else "**no**"


def provenance(name: str, result: Record, packages: Sequence[str] = PACKAGES) -> str:
    used = ", ".join(f"{package} {result[package]}" for package in packages if result.get(package))
    dirty = " with changes not committed" if result["dirty"] else ""
    return (
        f"- [{name}](../bench/results/{name}): {result['date']}, commit {result['commit']}{dirty}, "
        f"{result['cpu']}, {result['cores']} cores, {result['compiler']}, {used}, "
        f"seed {result['seed']}."
    )
