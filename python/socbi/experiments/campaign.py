"""One campaign with known labels, round by round, and from any round on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError
from socbi.experiments.problem import Problem
from socbi.experiments.protocol import Protocol
from socbi.index import SemiOrderedIndex
from socbi.learners import Learner, LogisticLearner, Probabilities
from socbi.measures import (
    RoundRecord,
    accuracy,
    l1_balance,
    mean_average_precision,
    quadratic_kappa,
)
from socbi.neighbors import ExactNeighbors
from socbi.scorers import BoundaryScorer
from socbi.strategies import Batch, PoolState, Strategy
from socbi.types import IdArray

__all__ = ["MakeLearner", "Watcher", "campaign"]

MakeLearner: TypeAlias = Callable[[npt.NDArray[Any]], Learner]
"""From the vectors of pool and test set to an untrained learner."""

Watcher: TypeAlias = Callable[[int, Batch], None]
"""Is told the number of a round and the batch that was chosen in it."""

# The K of the counts, for every strategy that asks for them.
_HITS_A_LABEL = 10


def campaign(
    problem: Problem,
    strategy: Strategy,
    protocol: Protocol,
    seed: int,
    *,
    arm: str = "",
    learner: MakeLearner = LogisticLearner,
    done: Sequence[RoundRecord] = (),
    watch: Watcher | None = None,
) -> Iterator[RoundRecord]:
    """Play a campaign and yield the record of each round, the start being round 0.

    Parameters
    ----------
    problem, strategy, protocol
        What is played.
    seed
        Draws the start, the same for every strategy, and each round's randomness.
    arm
        What the strategy is called in the records; the name of its class by default.
    learner
        Makes the learner that is trained anew in each round.
    done
        Records of the first rounds of this very campaign: it goes on behind them, to the same picks
        as if it had never stopped.
    watch
        Is told of each batch, such as to keep why its samples were chosen.

    Examples
    --------
    >>> import tempfile
    >>> from socbi.experiments import LOW
    >>> from socbi.strategies import Random
    >>> vectors = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    >>> labels = (vectors[:, 0] > 0).astype(np.int64)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     problem = Problem.make(folder, "halves", vectors, labels, pool_size=200)
    ...     records = list(campaign(problem, Random(), LOW, seed=0))
    >>> [record.labels for record in records[:3]], len(records)
    ([10, 14, 18], 21)
    """
    course = _Course(problem, strategy, protocol, seed, arm or type(strategy).__name__, learner)
    for record in done:
        course.repeat(record)
    rounds = protocol.rounds_in(problem.pool_size, problem.classes)
    for number in range(len(done), rounds + 1):
        yield course.play(number, watch)


class _Course:
    """The state of a campaign between two rounds."""

    def __init__(
        self,
        problem: Problem,
        strategy: Strategy,
        protocol: Protocol,
        seed: int,
        arm: str,
        learner: MakeLearner,
    ) -> None:
        self._problem, self._strategy, self._protocol = problem, strategy, protocol
        self._seed, self._arm = seed, arm
        self._learner = learner(problem.vectors)
        self._trained_on = 0  # labels that the learner has seen
        self._labelled = np.empty(0, np.int64)
        self._counts = _counts(problem) if "boundary" in strategy.needs else None

    def repeat(self, record: RoundRecord) -> None:
        """Take over the picks of a round that was played before."""
        picks = np.array(record.picks, np.int64)
        if record.labels != len(self._labelled) + len(picks):
            raise InvalidInputError(
                f"round {record.round} of {record.arm} does not follow the one before: its records "
                "are not of this campaign; remove their file"
            )
        self._join(picks)

    def play(self, number: int, watch: Watcher | None) -> RoundRecord:
        """Choose, label, train and measure."""
        picks, told, times = self._picks(number, watch)
        times |= self._join(picks)
        begin = time.perf_counter()
        self._train()
        trained = time.perf_counter()
        problem = self._problem
        found = self._learner.predict_proba(problem.test_ids)
        said, counts = found.argmax(axis=1), np.bincount(self._labels, minlength=problem.classes)
        times |= {"train": trained - begin, "test": time.perf_counter() - trained}
        return RoundRecord(
            task=f"{problem.name}/{self._protocol.name}",
            arm=self._arm,
            seed=self._seed,
            round=number,
            labels=len(self._labelled),
            accuracy=accuracy(problem.test_labels, said),
            kappa=quadratic_kappa(problem.test_labels, said, classes=problem.classes),
            average_precision=mean_average_precision(problem.test_labels, found),
            class_counts=tuple(counts.tolist()),
            balance=l1_balance(counts),
            picks=tuple(picks.tolist()),
            times=times,
            ties=self._ties(),
            k=None if self._counts is None else _HITS_A_LABEL,
            rule=str(told.get("rule", "")),
        )

    @property
    def _labels(self) -> IdArray:
        return self._problem.labels[self._labelled]

    def _picks(
        self, number: int, watch: Watcher | None
    ) -> tuple[IdArray, dict[str, Any], dict[str, float]]:
        problem, protocol = self._problem, self._protocol
        if number == 0:
            return protocol.first(problem.pool_labels, problem.classes, self._seed), {}, {}
        self._train()  # where the rounds before were repeated it has not been trained yet
        times: dict[str, float] = {}

        def probabilities() -> Probabilities:
            begin = time.perf_counter()
            found = self._learner.predict_proba(np.arange(problem.pool_size))
            times["predict"] = time.perf_counter() - begin
            return found

        state = PoolState(
            problem.pool_size,
            labelled=self._labelled,
            labels=self._labels,
            classes=problem.classes,
            embeddings=problem.vectors[: problem.pool_size],
            probabilities=probabilities,
            graph=problem.graph,
            boundary=self._counts,
        )
        rng = np.random.default_rng([self._seed, number])
        begin = time.perf_counter()
        batch = self._strategy.choose(state, protocol.batch_size(problem.classes), rng)
        times["sort"] = time.perf_counter() - begin - times.get("predict", 0.0)
        if watch is not None:
            watch(number, batch)
        return batch.ids, batch.record, times

    def _join(self, picks: IdArray) -> dict[str, float]:
        self._labelled = np.concatenate([self._labelled, picks])
        if self._counts is None:
            return {}
        told = self._counts.observe(picks)
        return {"search": told.search_s, "update": told.update_s}

    def _train(self) -> None:
        if self._trained_on != len(self._labelled):
            self._learner.fit(self._labelled, self._labels, classes=self._problem.classes)
            self._trained_on = len(self._labelled)

    def _ties(self) -> int | None:
        """Return how many samples no label ever hit."""
        return None if self._counts is None else int((self._unlabelled_counts() == 0).sum())

    def _unlabelled_counts(self) -> IdArray:
        assert self._counts is not None
        return np.delete(self._counts.counts, self._labelled)


def _counts(problem: Problem) -> BoundaryScorer:
    neighbors = ExactNeighbors()
    vectors = np.asarray(problem.vectors[: problem.pool_size])
    neighbors.add(np.arange(problem.pool_size), vectors, progress=False)
    pool = SemiOrderedIndex(problem.pool_size)
    return BoundaryScorer(pool, neighbors, _HITS_A_LABEL, progress=False)
