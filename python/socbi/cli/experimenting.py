"""What ``socbi experiment`` says: a table for each problem, and the page."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from socbi.cli.making import listed
from socbi.demo.program import rows_of
from socbi.errors import InvalidInputError, SocbiError
from socbi.experiments import Problem, Study, arms, protocols, run_study
from socbi.experiments.data import problem_name
from socbi.measures import ArmSummary, curves_of, summarised
from socbi.pool import datasets

__all__ = ["Experiment", "played", "size_of", "study_of", "tables"]

# What others are measured by, and so not what a page is about.
_BASELINES = ("random", "margin")
# Letters that a title has room for; longer ones are counted, and named in the line below.
_TITLE = 60


@dataclass(frozen=True)
class Experiment:
    """What a study came to."""

    summaries: list[ArmSummary]
    page: Path
    not_played: set[str]
    """Tasks whose pool is no larger than the first labels of their protocol."""


def study_of(options: Mapping[str, Any]) -> Study:
    """Return the study that the options of ``experiment`` describe.

    Examples
    --------
    >>> study_of({"data": "mnist", "protocols": "low,mid", "imbalance": "1,0.1"}).imbalance
    (1.0, 0.1)
    """
    given = {name: value for name, value in options.items() if value is not None}
    for name, made in (("arms", arms), ("protocols", protocols), ("imbalance", _factors)):
        given[name] = made(*listed(options.get(name)))
    return Study(**{**given, "data": listed(options["data"])})


def _factors(*words: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in words or ("1",))
    except ValueError as error:
        raise InvalidInputError(
            f"--imbalance must be numbers with commas between, such as 1,0.1: {error}"
        ) from error


def size_of(study: Study) -> str:
    """Return how many campaigns a study is, and of what.

    Examples
    --------
    >>> size_of(study_of({"data": "mnist,trec", "arms": "random,margin", "seeds": 3}))
    '36 campaigns: 2 sets x 3 protocols x 2 strategies x 3 seeds'
    """
    several = {
        "sets": len(study.data),
        "imbalances": len(study.imbalance),
        "protocols": len(study.protocols),
        "strategies": len(study.arms),
        "seeds": study.seeds,
    }
    factors = " x ".join(f"{count} {what}" for what, count in several.items() if count > 1)
    count = len(list(study.runs()))
    return f"{count:,} campaigns: {factors}" if factors else "1 campaign"


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
        title=_title(study),
        about=_about(study),
        main=_main(study),
        full=full,
        class_names=_class_names(study),
    )
    found = summarised(curves_of(records), records)
    tasks = {one.task for one in records} - {one.task for one in records if one.round > 0}
    return Experiment(found, made.write(folder / "report.html"), tasks)


def tables(done: Experiment) -> str:
    """Return what was found as text, task by task."""
    tasks = dict.fromkeys(one.task for one in done.summaries)
    parts = []
    for task in tasks:
        mine = [one for one in done.summaries if one.task == task]
        head = f"{task}, {mine[0].seeds} campaign{'s' * (mine[0].seeds > 1)} each"
        if task in done.not_played:
            parts.append(f"{head}: the first labels are all there are, and nothing is chosen")
        else:
            parts.append("\n".join([head, "", *rows_of(mine)]))
    return "\n\n".join([*parts, f"The report: {done.page}"])


def _title(study: Study) -> str:
    names = f"{', '.join(study.arms)} on {', '.join(study.data)}"
    if len(names) <= _TITLE:
        return names
    return f"{len(study.arms)} strategies on {len(study.data)} sets"


def _about(study: Study) -> str:
    parts = [size_of(study)]
    if len(f"{', '.join(study.arms)} on {', '.join(study.data)}") > _TITLE:
        parts += [f"strategies {', '.join(study.arms)}", f"sets {', '.join(study.data)}"]
    if study.pool_size is not None:
        parts.append(f"pools of at most {study.pool_size:,} samples")
    return f"{'; '.join(parts)}."


def _main(study: Study) -> str:
    """Return the first arm that others are not measured by, or the first of all."""
    return next((arm for arm in study.arms if arm not in _BASELINES), next(iter(study.arms)))


def _class_names(study: Study) -> dict[str, list[str]]:
    """Return what the classes of each task are called, where they are numbers that have names."""
    found = {}
    parts = itertools.product(study.data, study.imbalance, study.protocols)
    for data, imbalance, protocol in parts:
        names = _names_of(data, study.root)
        if list(names) == list(range(len(names))):  # in the order of the classes
            task = f"{problem_name(data, imbalance, study.pool_size, study.side)}/{protocol.name}"
            found[task] = list(names.values())
    return found


def _names_of(data: str, root: str | os.PathLike[str] | None) -> Mapping[Any, str]:
    if data not in datasets.names():
        return {}
    try:
        return datasets.class_names(data, root)
    except (SocbiError, OSError):  # the problem was made before, and the files are gone
        return {}


def _full_accuracy(study: Study, folder: Path, problem: str) -> float:
    return Problem.open(study.problems_in(folder) / problem).full_accuracy
