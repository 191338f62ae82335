"""Strategies that give each candidate a score and take the best: one mechanism for all batches."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError
from socbi.index import SemiOrderedIndex
from socbi.strategies.batch import Batch
from socbi.strategies.pool_state import PoolState
from socbi.strategies.strategy import Strategy
from socbi.types import IdArray

__all__ = ["Best", "ScoringStrategy", "best"]

# Largest number that rounds to a finite float32.
_LARGEST = float(np.finfo(np.float32).max)


class ScoringStrategy(Strategy):
    """Takes the candidates of the largest scores; equal ones in an order that the generator draws.

    A subclass says how `_scores` are made. The order is that of the scores in float64, although the
    index that finds the best holds float32.
    """

    def scores(self, state: PoolState, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return a finite score for each of ``state.candidates``, larger is better."""
        return _checked_scores(self._scores(state, rng), len(state.candidates), type(self).__name__)

    @abstractmethod
    def _scores(self, state: PoolState, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return a score for each of ``state.candidates``, in that order; larger is better."""

    def _chosen(self, state: PoolState, number: int, rng: np.random.Generator) -> Batch:
        found = best(self.scores(state, rng), number, rng)
        return Batch(state.candidates[found.rows], found.scores, state, found.tie_breaks)


@dataclass(frozen=True)
class Best:
    """The rows of the largest scores, best first."""

    rows: IdArray
    scores: npt.NDArray[np.float64]
    tie_breaks: tuple[str, ...]
    """What decided among equal scores; empty where there were none."""


def best(scores: npt.NDArray[np.float64], number: int, rng: np.random.Generator) -> Best:
    """Return the ``number`` rows of the largest scores, best first; equal ones in a drawn order.

    Costs one pass over the scores and the retrieval of the best.

    Examples
    --------
    >>> best(np.array([0.5, 0.1, 0.9]), 2, np.random.default_rng(0)).rows.tolist()
    [2, 0]
    """
    index = SemiOrderedIndex(len(scores), order="largest", seed=int(rng.integers(2**63)))
    narrow = scores.astype(np.float32)
    index.set_all(narrow)
    rows, found = index.top(number)
    # Rounding keeps the order but for what it makes equal: those that equal the last one found are
    # all looked at, and the float64 behind decides.
    above = int(np.count_nonzero(found > found[-1]))
    level = int(np.count_nonzero(narrow == found[-1]))
    if above + level > number:
        rows, _ = index.top(above + level)
    rows = rows[np.argsort(-scores[rows], kind="stable")]
    chosen, rest = rows[:number], rows[number:]
    return Best(chosen, scores[chosen], _tie_breaks(scores[chosen], scores[rest]))


def _tie_breaks(chosen: npt.NDArray[np.float64], rest: npt.NDArray[np.float64]) -> tuple[str, ...]:
    """Return words for each chosen one whose score others have as well."""
    values, group, sizes = np.unique(chosen, return_inverse=True, return_counts=True)
    sizes = sizes.copy()
    sizes[0] += np.count_nonzero(rest == values[0])  # only the last chosen equal any of the rest
    return tuple(
        f"drawn by lot among {size:,} of equal score" if size > 1 else ""
        for size in sizes[group.ravel()]
    )


def _checked_scores(
    scores: npt.NDArray[np.float64], count: int, whose: str
) -> npt.NDArray[np.float64]:
    found = np.asarray(scores, np.float64)
    if found.shape != (count,):
        raise InvalidInputError(
            f"the scores of {whose} must be one for each of {count} candidates, got the shape "
            f"{found.shape}"
        )
    if not (np.abs(found) <= _LARGEST).all():
        raise InvalidInputError(
            f"the scores of {whose} must be finite and within float32, got "
            f"{found[~(np.abs(found) <= _LARGEST)][0]}"
        )
    return found
