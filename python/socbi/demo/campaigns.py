"""Four strategies on real digits, five times each, and a page that compares them."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.experiments import LOW, Problem, Study, arms, campaign, made_problem, run_study
from socbi.measures import ArmSummary, RoundRecord, curves_of, summarised
from socbi.pool import datasets
from socbi.report import Picked, PoolMap, report
from socbi.strategies import Batch

__all__ = ["Demo", "run_demo"]

# What each set is called where it is read, and of how many samples a demonstration takes: at 6,000
# a campaign on Fashion-MNIST takes seconds, and its full data set minutes.
_SETS = {"digits": ("sklearn_digits", None), "fashion-mnist": ("fashion_mnist", 6_000)}
_ARMS = {
    "coverage": "coverage margin",
    "socbi-lc": "So-CBI as published",
    "margin": "margin",
    "random": "random",
}
_SHOWN_ROUNDS = (1, 2, 10, 20)
_SHOWN = 6  # picks of each


@dataclass(frozen=True)
class Demo:
    """What a demonstration came to."""

    summaries: list[ArmSummary]
    records: list[RoundRecord]
    full_accuracy: float
    page: Path
    elapsed_s: float


def run_demo(
    folder: str | os.PathLike[str],
    *,
    data: str = "digits",
    seeds: int = 5,
    root: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> Demo:
    """Play the campaigns, and write ``report.html`` into the folder.

    Parameters
    ----------
    folder
        For what is kept: called again with the same folder it goes on where it was stopped.
    data
        ``"digits"``, which needs no files, or ``"fashion-mnist"``.
    seeds
        Campaigns of each strategy, each from a start of its own.
    root
        Where the files are; by default what ``SOCBI_DATA`` names.
    workers
        Processes; as many as cores by default.
    """
    begin = time.perf_counter()
    place = Path(folder)
    name, size = _SETS[data]
    chosen = {_ARMS[arm]: strategy for arm, strategy in arms(*_ARMS).items()}
    study = Study([name], chosen, protocols=(LOW,), seeds=seeds, pool_size=size, root=root)
    records = run_study(study, place, workers=workers, progress=progress)
    problem = made_problem(name, study.problems_in(place), pool_size=size)
    order = {arm: number for number, arm in enumerate(chosen)}
    records.sort(key=lambda one: (order[one.arm], one.seed, one.round))
    page = _written(place / "report.html", data, name, problem, records, root, seeds)
    found = summarised(curves_of(records), records)
    return Demo(found, records, problem.full_accuracy, page, time.perf_counter() - begin)


def _written(
    path: Path,
    data: str,
    name: str,
    problem: Problem,
    records: list[RoundRecord],
    root: str | os.PathLike[str] | None,
    seeds: int,
) -> Path:
    main = records[0]
    picks = [id for one in records if (one.arm, one.seed) == (main.arm, 0) for id in one.picks]
    names = datasets.class_names(name)
    classes = [str(names.get(number, number)) for number in range(problem.classes)]
    last = max(one.labels for one in records)
    made = report(
        records,
        title=f"Which of {problem.pool_size:,} {_WORDS[data]} to label first",
        about=(
            f"Four strategies, {seeds} campaigns each, from {records[0].labels} labels to {last}; "
            f"logistic regression on pixels, tested on {len(problem.test_labels):,} others."
        ),
        main=main.arm,
        full={main.task: problem.full_accuracy},
        pool_map=PoolMap.of(problem.vectors[: problem.pool_size], picks),
        map_of=(main.task, 0),
        picked=_picked(problem, records, classes),
        class_names=classes,
    )
    return made.write(path)


_WORDS = {"digits": "handwritten digits", "fashion-mnist": "pictures of clothes"}


def _picked(problem: Problem, records: list[RoundRecord], classes: list[str]) -> list[Picked]:
    """Return some picks of the first campaign of the main arm, with the reason for each."""
    main = records[0]
    done = [one for one in records if (one.arm, one.seed) == (main.arm, 0)]
    found: list[Picked] = []

    def keep(number: int, batch: Batch) -> None:
        for why in batch.explain(batch.ids[:_SHOWN], neighbors=1):
            label = classes[problem.pool_labels[why.id]]
            image = _thumbnail(problem.vectors[why.id])
            found.append(Picked(why.id, number, label, _reason(why, problem, classes), image))

    for number in _SHOWN_ROUNDS:
        if number < len(done):
            strategy = arms("coverage")["coverage"]
            rest = campaign(problem, strategy, LOW, 0, arm=main.arm, done=done[:number], watch=keep)
            next(rest)
    return found


def _reason(why: Any, problem: Problem, classes: list[str]) -> str:
    words = [f"no. {why.rank}, value {why.score:.2g}"]
    if why.stands_for:
        words.append(f"stands for {len(why.stands_for)} others")
    if why.nearest_labelled:
        near = why.nearest_labelled[0][0]
        words.append(f"nearest label: {classes[problem.pool_labels[near]]}")
    if why.tie_break:
        words.append(why.tie_break)
    return "; ".join(words)


def _thumbnail(vector: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    side = round(len(vector) ** 0.5)
    return (np.asarray(vector).reshape(side, side) * 255).round().astype(np.uint8)
