"""The one verb of every strategy: choose a batch from a pool state."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from socbi.errors import InvalidTypeError
from socbi.neighbors.neighbor_index import checked_count
from socbi.strategies.batch import Batch
from socbi.strategies.parameters import Parameters
from socbi.strategies.pool_state import Part, PoolState
from socbi.types import IdArray

__all__ = ["Strategy", "checked_strategy"]


class Strategy(Parameters, ABC):
    """Chooses which samples to label next.

    A strategy is made of hyper-parameters only; what it knows of a pool comes in a `PoolState`, and
    all its randomness from the generator that is passed. The same state, size and generator give
    the same batch, whatever the number of threads. Nothing that is given is changed.

    A subclass keeps each hyper-parameter, as it was given, in an attribute of the same name.
    """

    needs: frozenset[Part] = frozenset()
    """The parts of a pool state without which it cannot choose."""

    def select(self, state: PoolState, batch_size: int, rng: np.random.Generator) -> IdArray:
        """Return the ids of the batch, best first: exactly so many, or all that are left."""
        return self.choose(state, batch_size, rng).ids

    def choose(self, state: PoolState, batch_size: int, rng: np.random.Generator) -> Batch:
        """Return the batch with what `Batch.explain` needs to tell why."""
        number = checked_count(batch_size, "batch_size", least=0)
        if not isinstance(state, PoolState):
            raise InvalidTypeError(f"state must be a PoolState, got {type(state).__name__}")
        if not isinstance(rng, np.random.Generator):
            raise InvalidTypeError(
                f"rng must be a numpy.random.Generator, got {type(rng).__name__}; give "
                "numpy.random.default_rng(seed)"
            )
        for part in sorted(self.needs):
            state.require(part)
        number = min(number, len(state.candidates))
        if number == 0:
            return Batch(np.empty(0, np.int64), np.empty(0), state)
        return self._chosen(state, number, rng)

    @abstractmethod
    def _chosen(self, state: PoolState, number: int, rng: np.random.Generator) -> Batch:
        """Return a batch of exactly ``number`` of the candidates, of which there are enough."""


def checked_strategy(strategy: object, name: str) -> Strategy:
    """Return what must be a strategy, or say what it is."""
    if not isinstance(strategy, Strategy):
        raise InvalidTypeError(
            f"{name} must be a strategy such as Margin(), got {strategy!r}; a class is made a "
            "strategy by calling it"
        )
    return strategy
