"""What ``socbi demo`` says."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from socbi.demo.campaigns import Demo, run_demo
from socbi.errors import SocbiError
from socbi.measures import ArmSummary

__all__ = ["main", "rows_of", "table"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration and print its table."""
    parser = argparse.ArgumentParser(prog="socbi demo", description=__doc__)
    parser.add_argument("--data", choices=["digits", "fashion-mnist"], default="digits")
    parser.add_argument("--folder", default="socbi-demo", help="for records and the page")
    parser.add_argument("--seeds", type=int, default=5, help="campaigns of each strategy")
    parser.add_argument("--root", help="where files are; by default what SOCBI_DATA names")
    parser.add_argument("--workers", type=int, help="processes; as many as cores by default")
    options = vars(parser.parse_args(arguments))
    try:
        done = run_demo(options.pop("folder"), progress=sys.stderr.isatty(), **options)
    except SocbiError as error:
        print(f"socbi demo: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        return 130
    print(table(done))
    return 0


def table(done: Demo) -> str:
    """Return what was found as text."""
    first = done.records[0]
    last = max(record.labels for record in done.records)
    lines = [
        f"{first.labels} to {last} labels, {done.summaries[0].seeds} campaigns each; with all "
        f"labels the accuracy is {done.full_accuracy:.1%}.",
        "",
        *rows_of(done.summaries),
        "",
        f"The report: {done.page} ({done.elapsed_s:.0f} s)",
    ]
    return "\n".join(lines)


def rows_of(summaries: Sequence[ArmSummary]) -> list[str]:
    """Return the lines of a table of arms, its head first."""
    lines = [
        f"{'':20} {'area under the curve':>26} {'at the end':>11}   labels saved against",
        f"{'':20} {'':26} {'':11}   {'random':>8} {'margin':>8}",
    ]
    for one in summaries:
        area = f"{one.area.mean:.4f} [{one.area.low:.4f}, {one.area.high:.4f}]"
        saved = [
            f"{one.saved[arm]:+.0%}" if arm in one.saved else "" for arm in ("random", "margin")
        ]
        line = f"{one.arm:20} {area:>26} {one.final:>11.1%}   {saved[0]:>8} {saved[1]:>8}"
        lines.append(line.rstrip())
    return lines
