"""The one verb of every strategy: choose a batch from a pool state."""

from __future__ import annotations

import copy
import inspect
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from socbi.errors import InvalidInputError, InvalidTypeError
from socbi.neighbors.neighbor_index import checked_count
from socbi.strategies.batch import Batch
from socbi.strategies.pool_state import Part, PoolState
from socbi.types import IdArray

__all__ = ["Strategy", "checked_strategy"]


class Strategy(ABC):
    """Chooses which samples to label next.

    A strategy is made of hyper-parameters only; what it knows of a pool comes in a `PoolState`, and
    all its randomness from the generator that is passed. The same state, size and generator give
    the same batch, whatever the number of threads. Nothing that is given is changed.

    A subclass keeps each hyper-parameter in an attribute of the same name.
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

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the hyper-parameters by name, as scikit-learn's tools ask for them.

        With ``deep`` those of strategies within, too, as ``outer__inner``. So
        ``sklearn.base.clone`` copies a strategy, and a grid search can vary it.
        """
        found: dict[str, Any] = {}
        for name in inspect.signature(type(self)).parameters:
            found[name] = value = getattr(self, name)
            if deep and isinstance(value, Strategy):
                found |= {f"{name}__{inner}": one for inner, one in value.get_params().items()}
        return found

    def set_params(self, **params: Any) -> Strategy:
        """Change hyper-parameters in place, checked as the constructor does; return the strategy.

        A call that raises has changed nothing.
        """
        own = self.get_params(deep=False)
        within: dict[str, dict[str, Any]] = {}
        for name, value in params.items():
            outer, _, inner = name.partition("__")
            if outer not in own:
                raise InvalidInputError(
                    f"{type(self).__name__} has the parameters {', '.join(own) or 'none'}, "
                    f"got {outer!r}"
                )
            if inner:
                within.setdefault(outer, {})[inner] = value
            else:
                own[outer] = value
        for outer, values in within.items():
            own[outer] = copy.copy(checked_strategy(own[outer], outer)).set_params(**values)
        self.__dict__.update(type(self)(**own).__dict__)
        return self

    def __repr__(self) -> str:
        """Name the strategy and its hyper-parameters."""
        names = inspect.signature(type(self)).parameters
        inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__name__}({inside})"

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
