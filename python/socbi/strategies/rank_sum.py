"""Several scores in one: a weighted sum of ranks, which needs no common scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError, InvalidTypeError
from socbi.strategies.pool_state import PoolState
from socbi.strategies.scoring import ScoringStrategy

__all__ = ["RankSum"]


class RankSum(ScoringStrategy):
    """Takes the largest weighted sum of ranks over several scores.

    A candidate's rank under a score is the share of the others that it exceeds, equal ones counted
    half: from 0 to 1. Sorts the candidates once for each score.

    Parameters
    ----------
    strategies
        Strategies that score, two or more for it to make sense.
    weights
        One for each, above 0; by default all alike.

    Examples
    --------
    >>> from socbi.strategies import LeastConfidence, Margin, PoolState
    >>> p = np.array([[0.5, 0.5, 0.0], [0.4, 0.3, 0.3], [0.8, 0.1, 0.1]])
    >>> both = RankSum([LeastConfidence(), Margin()], weights=[2, 1])
    >>> both.choose(PoolState(3, probabilities=p), 2, np.random.default_rng(0)).ids.tolist()
    [1, 0]
    """

    def __init__(
        self, strategies: Sequence[ScoringStrategy], weights: Sequence[float] | None = None
    ) -> None:
        if not isinstance(strategies, (list, tuple)):
            raise InvalidTypeError(f"strategies must be a list of strategies, got {strategies!r}")
        if not strategies:
            raise InvalidInputError("strategies must be one or more, got none")
        for one in strategies:
            if not isinstance(one, ScoringStrategy):
                raise InvalidTypeError(
                    f"strategies must give a score for each candidate, and {one!r} does not"
                )
        _checked_weights(weights, len(strategies))
        self.strategies = strategies
        self.weights = weights
        self.needs = frozenset[str]().union(*(one.needs for one in strategies))  # type: ignore[assignment]

    def _scores(self, state: PoolState, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        total = np.zeros(len(state.candidates))
        weights = _checked_weights(self.weights, len(self.strategies))
        for strategy, weight in zip(self.strategies, weights, strict=True):
            total += weight * _ranks(strategy.scores(state, rng))
        return total


def _ranks(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return for each the share of the others that it exceeds, equal ones counted half."""
    _, group, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    below = np.cumsum(sizes) - sizes
    exceeded = below + (sizes - 1) / 2
    return np.asarray(exceeded[group.ravel()] / max(len(scores) - 1, 1), np.float64)


def _checked_weights(weights: Sequence[float] | None, count: int) -> list[float]:
    if weights is None:
        return [1.0] * count
    given = np.asarray(weights)
    numbers = given.shape == (count,) and given.dtype.kind in "fiu"
    if not (numbers and ((given > 0) & (given < np.inf)).all()):
        raise InvalidInputError(
            f"weights must be {count} finite numbers above 0, one for each strategy, got "
            f"{weights!r}"
        )
    return [float(one) for one in given]
