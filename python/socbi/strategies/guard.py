"""Rules that a batch must keep, whatever strategy fills it; rules give way before a place does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.strategies.batch import Batch
from socbi.strategies.pool_state import PoolState
from socbi.strategies.strategy import Strategy, checked_strategy
from socbi.types import IdArray

__all__ = ["Guard", "Rule"]

Mask = npt.NDArray[np.bool_]


class Rule(ABC):
    """What a guard lets into one batch; made anew for each."""

    @abstractmethod
    def admit(self, ids: IdArray) -> Mask:
        """Go through these in order; say which come in, each beside all that came in before."""

    @abstractmethod
    def barred(self, ids: IdArray) -> Mask:
        """Say which of these are known not to come in any more."""


class Guard(Strategy):
    """Lets a strategy fill a batch under a rule.

    The strategy chooses, and what the rule does not admit is left out; it chooses again for the
    places left, knowing what has been taken (`PoolState.pending`), until the batch is full. Where
    the candidates run out first, those left out fill the batch after all, as the strategy ranks
    them: ``record["guard"]["gave_way"]`` says how many. What a guard within told first is there as
    ``"within"``.
    """

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = checked_strategy(strategy, "strategy")
        self.needs = strategy.needs

    @abstractmethod
    def _rule(self, state: PoolState, number: int) -> Rule | None:
        """Return the rule for a batch of so many; None where nothing can be told."""

    def _chosen(self, state: PoolState, number: int, rng: np.random.Generator) -> Batch:
        filling = _Filling(state, self.strategy, rng)
        rule = self._rule(state, number)
        if rule is not None:
            filling.fill(number, rule)
        anyhow = filling.fill_anyhow(number)
        gave_way = 0 if rule is None else anyhow
        told = {"by": repr(self), "left_out": filling.left_out, "gave_way": gave_way}
        return filling.batch(told)


class _Filling:
    """A batch that fills."""

    def __init__(self, state: PoolState, strategy: Strategy, rng: np.random.Generator) -> None:
        self._state, self._strategy, self._rng = state, strategy, rng
        self._taken = np.empty(0, np.int64)
        self._parts: list[tuple[Batch, IdArray]] = []  # a batch and which rows of it
        self.left_out = 0

    def fill(self, number: int, rule: Rule) -> None:
        """Take what the rule admits until so many are taken, or nobody is left who may come in."""
        outside = self._state.candidates
        ask = number
        while len(self._taken) < number and len(outside):
            batch = self._choose(outside, ask)
            admitted = np.flatnonzero(rule.admit(batch.ids))
            self.left_out += len(batch) - len(admitted)
            few = 2 * len(admitted) < len(batch)
            self._take(batch, admitted[: number - len(self._taken)])
            outside = np.setdiff1d(outside, batch.ids, assume_unique=True)
            outside = outside[~rule.barred(outside)]
            # Where most are left out, look farther: else a heap of equals takes a round for each
            # few of them.
            ask = 2 * ask if few else number - len(self._taken)

    def fill_anyhow(self, number: int) -> int:
        """Take whom the strategy would until so many are taken; return how many it took."""
        missing = number - len(self._taken)
        if missing:
            outside = np.setdiff1d(self._state.candidates, self._taken, assume_unique=True)
            self._take(self._choose(outside, missing), np.arange(missing))
        return missing

    def batch(self, told: dict[str, Any]) -> Batch:
        """Return what was taken."""
        parts = [(batch, row) for batch, rows in self._parts for row in rows.tolist()]
        ties = [batch.tie_breaks[row] if batch.tie_breaks else "" for batch, row in parts]
        first = self._parts[0][0]
        serves = None
        if first.stands_for is not None:
            serves = [batch.stands_for[row] for batch, row in parts if batch.stands_for is not None]
        scores = np.concatenate([batch.scores[rows] for batch, rows in self._parts])
        if "guard" in first.record:
            told = {**told, "within": first.record["guard"]}
        record = {**first.record, "guard": told}
        return Batch(self._taken, scores, self._state, ties, serves, record)

    def _choose(self, outside: IdArray, number: int) -> Batch:
        state = self._state.narrowed(outside, chosen=self._taken)
        return self._strategy.choose(state, number, self._rng)

    def _take(self, batch: Batch, rows: IdArray) -> None:
        self._parts.append((batch, rows))
        self._taken = np.concatenate([self._taken, batch.ids[rows]])
