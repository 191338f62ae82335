"""What ``socbi experiment`` says: a table for each problem, and the page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from socbi.demo.program import rows_of
from socbi.experiments import Problem, Study, run_study
from socbi.measures import ArmSummary, curves_of, summarised

__all__ = ["Experiment", "played", "tables"]

# What others are measured by, and so not what a page is about.
_BASELINES = ("random", "margin")


@dataclass(frozen=True)
class Experiment:
    """What a study came to."""

    summaries: list[ArmSummary]
    page: Path


def played(
    study: Study, folder: Path, *, workers: int | None = None, progress: bool = True
) -> Experiment:
    """Play a study, and write ``report.html`` beside its records."""
    from socbi.report import report

    records = run_study(study, folder, workers=workers, progress=progress)
    full = {
        f"{run.problem}/{run.protocol.name}": _full_accuracy(study, folder, run.problem)
        for run in study.runs()
    }
    made = report(
        records,
        title=f"{', '.join(study.arms)} on {', '.join(study.data)}",
        about=f"{study.seeds} campaigns of each strategy.",
        main=_main(study),
        full=full,
    )
    found = summarised(curves_of(records), records)
    return Experiment(found, made.write(folder / "report.html"))


def tables(done: Experiment) -> str:
    """Return what was found as text, task by task."""
    tasks = dict.fromkeys(one.task for one in done.summaries)
    parts = []
    for task in tasks:
        mine = [one for one in done.summaries if one.task == task]
        parts.append("\n".join([f"{task}, {mine[0].seeds} campaigns each", "", *rows_of(mine)]))
    return "\n\n".join([*parts, f"The report: {done.page}"])


def _main(study: Study) -> str:
    """Return the first arm that others are not measured by, or the first of all."""
    return next((arm for arm in study.arms if arm not in _BASELINES), next(iter(study.arms)))


def _full_accuracy(study: Study, folder: Path, problem: str) -> float:
    return Problem.open(study.problems_in(folder) / problem).full_accuracy
