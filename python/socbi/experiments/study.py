"""Many campaigns, in parallel processes, resumable: data x imbalance x protocols x arms x seeds."""

from __future__ import annotations

import hashlib
import itertools
import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from socbi.errors import InvalidInputError
from socbi.experiments.campaign import MakeLearner, campaign
from socbi.experiments.data import SIDE, made_problem, problem_name
from socbi.experiments.identity import identity
from socbi.experiments.problem import Problem
from socbi.experiments.protocol import LOW, Protocol
from socbi.experiments.record_files import appending, records_of
from socbi.learners import LogisticLearner
from socbi.measures import RoundRecord
from socbi.neighbors.neighbor_index import checked_count
from socbi.pool import datasets
from socbi.strategies import Strategy

__all__ = ["Run", "Study", "run_study"]


@dataclass(frozen=True)
class Study:
    """What is compared with what.

    Examples
    --------
    >>> from socbi.experiments import MID, arms
    >>> study = Study(["sklearn_digits"], arms("random", "coverage"), protocols=(LOW, MID), seeds=5)
    >>> len(list(study.runs()))
    20
    """

    data: tuple[str, ...] | list[str]
    """Sets as `socbi.pool.datasets` names them."""
    arms: Mapping[str, Strategy]
    """Strategies by the names that they go under."""
    protocols: tuple[Protocol, ...] = (LOW,)
    seeds: int = 5
    imbalance: tuple[float, ...] = (1.0,)
    pool_size: int | None = None
    """At most so many samples of each set."""
    side: int = SIDE
    """Images become so many pixels to a side."""
    text_model: str | None = None
    """Encodes texts: a sentence-transformers model or its folder; by default the words do."""
    root: str | os.PathLike[str] | None = None
    """Where the files are; by default what ``SOCBI_DATA`` names."""
    learner: MakeLearner = field(default=LogisticLearner)
    """A class or a function of a module, or a ``functools.partial`` of one."""

    def __post_init__(self) -> None:
        checked_count(self.seeds, "seeds")
        checked_count(self.side, "side")
        if self.pool_size is not None:
            checked_count(self.pool_size, "pool_size")
        for name in ("data", "arms", "protocols", "imbalance"):
            if not getattr(self, name):
                raise InvalidInputError(f"a study needs one or more {name}")
        names = [one.name for one in self.protocols]
        if len(set(names)) < len(names):
            raise InvalidInputError(f"protocols must differ in their names, got {names}")
        for name in ("data", "imbalance"):
            given = list(getattr(self, name))
            if len(set(given)) < len(given):
                raise InvalidInputError(f"{name} must not name one thing twice, got {given}")
        for factor in self.imbalance:
            if not 0 < factor <= 1:
                raise InvalidInputError(
                    f"imbalance must be above 0 and at most 1, which thins nothing, got {factor}"
                )

    def runs(self) -> Iterator[Run]:
        """Return every campaign; the seeds go round last, so that all arms grow alike."""
        for seed, data, imbalance, protocol, arm in itertools.product(
            range(self.seeds), self.data, self.imbalance, self.protocols, self.arms
        ):
            problem = problem_name(data, imbalance, self.pool_size, self.side)
            yield Run(problem, protocol, arm, seed, self._made_of(arm, imbalance))

    def problems_in(self, folder: str | os.PathLike[str]) -> Path:
        """Return where its problems are, a folder for each ``root`` and model of texts."""
        made_of = "" if self.root is None else os.path.abspath(self.root)
        if self.text_model is not None:
            made_of += f" {self.text_model}"
        return Path(folder) / (f"problems-{_digest(made_of)}" if made_of else "problems")

    def _made_of(self, arm: str, imbalance: float) -> str:
        """Return all that a campaign follows from beside its problem's name, protocol and seed."""
        root = None if self.root is None else os.path.abspath(self.root)
        parts = [self.arms[arm], self.learner, root, imbalance, self.pool_size, self.side]
        return identity(parts if self.text_model is None else [*parts, self.text_model])


@dataclass(frozen=True)
class Run:
    """One campaign of a study."""

    problem: str
    protocol: Protocol
    arm: str
    seed: int
    made_of: str
    """The strategy with its parameters, the learner and the data, as text."""

    def file_in(self, folder: Path) -> Path:
        """Return where its records are: named by what it is, and by a digest of all of it."""
        digest = _digest(repr(self))
        plain = f"{self.problem}--{self.protocol.name}--{self.arm}--{self.seed}--{digest}"
        return folder / "records" / ("".join(c if c.isalnum() or c in "-._" else "_" for c in plain)
                                     + ".jsonl")  # fmt: skip


def run_study(
    study: Study,
    folder: str | os.PathLike[str],
    *,
    workers: int | None = None,
    progress: bool = True,
) -> list[RoundRecord]:
    """Play what is left of a study, and return all its records.

    Each round is on the disk before the next begins. Played again after a kill or Ctrl-C, finished
    campaigns are passed over and the others go on behind their last whole round, to the very picks
    of an undisturbed run. Ctrl-C ends at the next round of each worker.

    Parameters
    ----------
    folder
        For problems and records; of one study, or of several that share problems.
    workers
        Processes; as many as cores by default. 1 plays in this one.
    progress
        Show bars; the time left is told by the mean of the campaigns so far, and so is about right
        once each strategy has played each task.
    """
    place = Path(folder)
    number = (os.cpu_count() or 1) if workers is None else checked_count(workers, "workers")
    _check_data(study, place)
    problems = _made_problems(study, place, progress)
    every = list(study.runs())
    runs = [run for run in every if not _is_finished(run, place, problems[run.problem])]
    from tqdm.auto import tqdm

    with tqdm(
        total=len(every), initial=len(every) - len(runs), desc="campaigns", unit="run",
        smoothing=0, disable=not progress,
    ) as steps:  # fmt: skip
        if number == 1 or len(runs) < 2:
            for run in runs:
                _play(run, study, place, None)
                steps.update()
        else:
            _play_beside(runs, study, place, min(number, len(runs)), steps)
    return [record for run in study.runs() for record in records_of(run.file_in(place))]


def _digest(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:8]


def _check_data(study: Study, folder: Path) -> None:
    """Refuse names of no set before any is encoded; problems that were made have any name."""
    place = study.problems_in(folder)
    for data, imbalance in itertools.product(study.data, study.imbalance):
        made = place / problem_name(data, imbalance, study.pool_size, study.side)
        if data not in datasets.names() and not Problem.exists(made):
            raise InvalidInputError(f"there is no set {data!r}, only {', '.join(datasets.names())}")


def _made_problems(study: Study, folder: Path, progress: bool) -> dict[str, Problem]:
    found = {}
    for data, imbalance in itertools.product(study.data, study.imbalance):
        made = made_problem(
            data,
            study.problems_in(folder),
            root=study.root,
            imbalance=imbalance,
            pool_size=study.pool_size,
            side=study.side,
            text_model=study.text_model,
            progress=progress,
        )
        found[made.name] = made
    return found


def _is_finished(run: Run, folder: Path, problem: Problem) -> bool:
    rounds = run.protocol.rounds_in(problem.pool_size, problem.classes)
    return len(records_of(run.file_in(folder))) == rounds + 1


def _play(run: Run, study: Study, folder: Path, stop: Any) -> None:
    """Play a campaign to its end, or until it is told to stop."""
    path = run.file_in(folder)
    problem = Problem.open(study.problems_in(folder) / run.problem)
    rounds = campaign(
        problem,
        study.arms[run.arm],
        run.protocol,
        run.seed,
        arm=run.arm,
        learner=study.learner,
        done=records_of(path),
    )
    with appending(path) as append:
        for record in rounds:
            append(record)
            if stop is not None and stop.is_set():
                return


# ---- worker processes ------------------------------------------------------------------------

_stop: Any = None  # in a worker: the event that tells it to stop


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back until the end; processes that are started within never see it.

    Ignoring it in `_begin_worker` alone comes too late: a worker imports for a second before.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_worker(stop: Any) -> None:
    global _stop
    _stop = stop
    # Ctrl-C reaches every process of a terminal; here the one that started the workers decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)  # a core a process


def _play_in_worker(run: Run, study: Study, folder: Path) -> None:
    _play(run, study, folder, _stop)


def _play_beside(runs: list[Run], study: Study, folder: Path, workers: int, steps: Any) -> None:
    context = multiprocessing.get_context("spawn")  # forks do not get along with BLAS threads
    stop = context.Event()
    pool = ProcessPoolExecutor(workers, context, _begin_worker, (stop,))
    try:
        with _interrupts_held():
            futures = [pool.submit(_play_in_worker, run, study, folder) for run in runs]
        for future in as_completed(futures):
            future.result()
            steps.update()
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
