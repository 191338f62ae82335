"""Strategies one after the other: a pre-screen keeps a part of the pool, another one chooses."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from typing import Any, TypeAlias, overload

import numpy as np

from socbi.errors import InvalidInputError, InvalidTypeError
from socbi.strategies.batch import Batch
from socbi.strategies.parameters import Parameters
from socbi.strategies.pool_state import Part, PoolState
from socbi.strategies.strategy import Strategy, checked_strategy
from socbi.types import IdArray

__all__ = ["Prescreen", "Prescreened", "RandomHalf", "SharePrescreen"]

Record: TypeAlias = dict[str, Any]

# A pre-screen keeps so many batches in any case.
_LEAST_BATCHES = 5


class Prescreen(Parameters, ABC):
    """Keeps some of the candidates, from which another strategy chooses.

    ``prescreen >> strategy`` is a strategy, ``prescreen >> prescreen`` a pre-screen. A subclass
    keeps each hyper-parameter, as it was given, in an attribute of the same name.
    """

    needs: frozenset[Part] = frozenset()
    """The parts of a pool state without which it cannot tell what to keep."""

    @abstractmethod
    def kept(
        self, state: PoolState, batch_size: int, rng: np.random.Generator
    ) -> tuple[IdArray, Record]:
        """Return candidates, as many as a batch at least, and what there is to tell."""

    @overload
    def __rshift__(self, other: Strategy) -> Prescreened: ...
    @overload
    def __rshift__(self, other: Prescreen) -> Prescreen: ...

    def __rshift__(self, other: Strategy | Prescreen) -> Prescreened | Prescreen:
        """Let the other one choose from what this one keeps."""
        if isinstance(other, Prescreen):
            return _Successive(self, other)
        return Prescreened(self, other)


class SharePrescreen(Prescreen):
    """Keeps a share of the candidates; five batches at least, or all there are.

    Parameters
    ----------
    share
        Above 0 and at most 1.
    """

    def __init__(self, share: float = 0.5) -> None:
        if not (isinstance(share, (int, float, np.number)) and 0 < share <= 1):
            raise InvalidInputError(f"share must be above 0 and at most 1, got {share!r}")
        self.share = share

    def kept(
        self, state: PoolState, batch_size: int, rng: np.random.Generator
    ) -> tuple[IdArray, Record]:
        """Return the ids to choose from, and what there is to tell."""
        count = len(state.candidates)
        number = min(count, max(math.ceil(self.share * count), _LEAST_BATCHES * batch_size))
        ids, told = self._first(state, number, rng)
        return ids, {"by": repr(self), "kept": number, "of": count, **told}

    @abstractmethod
    def _first(
        self, state: PoolState, number: int, rng: np.random.Generator
    ) -> tuple[IdArray, Record]:
        """Return exactly ``number`` of the candidates, and what there is to tell."""


class RandomHalf(SharePrescreen):
    """Keeps a share that is drawn by lot: the control that a pre-screen must beat.

    Examples
    --------
    >>> from socbi.strategies import PoolState, Random
    >>> strategy = RandomHalf() >> Random()
    >>> strategy.choose(PoolState(100), 4, np.random.default_rng(0)).record["prescreen"]["kept"]
    50
    """

    def _first(
        self, state: PoolState, number: int, rng: np.random.Generator
    ) -> tuple[IdArray, Record]:
        return rng.choice(state.candidates, number, replace=False), {}


class _Successive(Prescreen):
    """Two pre-screens, the second of what the first keeps."""

    def __init__(self, first: Prescreen, second: Prescreen) -> None:
        self.first, self.second = first, second
        self.needs = first.needs | second.needs

    def kept(
        self, state: PoolState, batch_size: int, rng: np.random.Generator
    ) -> tuple[IdArray, Record]:
        ids, told = self.first.kept(state, batch_size, rng)
        ids, then = self.second.kept(state.narrowed(ids), batch_size, rng)
        return ids, _told_after(then, told)

    def __repr__(self) -> str:
        return f"{self.first!r} >> {self.second!r}"


class Prescreened(Strategy):
    """A strategy that chooses from what a pre-screen keeps: ``prescreen >> strategy``."""

    def __init__(self, prescreen: Prescreen, strategy: Strategy) -> None:
        if not isinstance(prescreen, Prescreen):
            raise InvalidTypeError(
                f"prescreen must be a pre-screen such as RandomHalf(), got {prescreen!r}"
            )
        self.prescreen = prescreen
        self.strategy = checked_strategy(strategy, "strategy")
        self.needs = prescreen.needs | strategy.needs

    def _chosen(self, state: PoolState, number: int, rng: np.random.Generator) -> Batch:
        ids, told = self.prescreen.kept(state, number, rng)
        batch = self.strategy.choose(state.narrowed(ids), number, rng)
        if "prescreen" in batch.record:  # the strategy pre-screens as well
            told = _told_after(batch.record["prescreen"], told)
        record = {**batch.record, "prescreen": told}
        return dataclasses.replace(batch, state=state, record=record)

    def __repr__(self) -> str:
        """Write it as it is composed."""
        return f"{self.prescreen!r} >> {self.strategy!r}"


def _told_after(then: Record, first: Record) -> Record:
    """Return what a pre-screen told with what one before it told, behind all that it has."""
    if "after" in then:
        return {**then, "after": _told_after(then["after"], first)}
    return {**then, "after": first}
