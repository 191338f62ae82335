"""The strategies that studies compare, by short names."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from socbi import strategies
from socbi.errors import InvalidInputError
from socbi.strategies import Batch, CoverageMargin, PoolState, Random, Strategy

__all__ = ["ARMS", "RandomShare", "arms"]


class RandomShare(Strategy):
    """The control of every pre-screen: another strategy on a share of the pool drawn by lot.

    Examples
    --------
    >>> batch = RandomShare(Random()).select(PoolState(10), 5, np.random.default_rng(0))
    >>> len(batch)
    5
    """

    def __init__(self, strategy: Strategy, share: float = 0.5) -> None:
        if not 0 < share <= 1:
            raise InvalidInputError(f"share must be above 0 and at most 1, got {share}")
        self.strategy = strategy
        self.share = share
        self.needs = strategy.needs

    def _chosen(self, state: PoolState, number: int, rng: np.random.Generator) -> Batch:
        kept = max(number, round(self.share * len(state.candidates)))
        drawn = rng.choice(state.candidates, kept, replace=False)
        return self.strategy.choose(_among(state, drawn), number, rng)


def _among(state: PoolState, candidates: np.typing.NDArray[np.int64]) -> PoolState:
    parts = ("embeddings", "probabilities", "graph", "boundary", "history")
    there = {part: getattr(state, part) for part in parts if state.has(part)}  # type: ignore[arg-type]
    return PoolState(
        state.size,
        labelled=state.labelled,
        labels=state.labels,
        classes=state.classes,
        candidates=candidates,
        **there,
    )


def _of(name: str) -> Strategy:
    made: Strategy = getattr(strategies, name)()
    return made


ARMS: dict[str, Callable[[], Strategy]] = {
    "random": Random,
    "coverage": CoverageMargin,
}
"""What makes each arm."""


def arms(*names: str) -> dict[str, Strategy]:
    """Return the strategies of these names, all that there are by default.

    Examples
    --------
    >>> list(arms("random", "coverage"))
    ['random', 'coverage']
    """
    unknown = [name for name in names if name not in ARMS]
    if unknown:
        raise InvalidInputError(f"there is no arm {unknown[0]!r}, only {', '.join(ARMS)}")
    return {name: ARMS[name]() for name in names or ARMS}
