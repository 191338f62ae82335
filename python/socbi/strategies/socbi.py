"""The paper's composition: first what labelled samples rarely hit, then any strategy."""

from __future__ import annotations

import numpy as np

from socbi.scorers import BoundaryScorer
from socbi.strategies.least_confidence import LeastConfidence
from socbi.strategies.pool_state import PoolState
from socbi.strategies.prescreen import Prescreened, Record, SharePrescreen
from socbi.strategies.scoring import best
from socbi.strategies.strategy import Strategy
from socbi.types import IdArray

__all__ = ["FewestHits", "SoCBI"]


class FewestHits(SharePrescreen):
    """Keeps the candidates that the labelled samples hit least (equations 9 and 10 of So-CBI).

    Equal counts are ordered as the state's `BoundaryScorer` orders them: the farther from any label
    first, unless it was told otherwise.
    """

    needs = frozenset({"boundary"})

    def _first(
        self, state: PoolState, number: int, rng: np.random.Generator
    ) -> tuple[IdArray, Record]:
        ids = _rarest_candidates(state.boundary, state, number)
        counts = state.boundary.counts
        if len(ids) < number:  # some candidates have left the scorer's pool
            rest = np.setdiff1d(state.candidates, ids, assume_unique=True)
            more = best(-counts[rest].astype(np.float64), number - len(ids), rng)
            ids = np.concatenate([ids, rest[more.rows]])
        return ids, {"never_hit": int(np.count_nonzero(counts[ids] == 0))}


def _rarest_candidates(scorer: BoundaryScorer, state: PoolState, number: int) -> IdArray:
    """Return so many of the candidates, in the scorer's order; fewer where its pool lacks some."""
    candidate = np.zeros(state.size, np.bool_)
    candidate[state.candidates] = True
    look = number
    while True:
        ids = scorer.top(look)
        mine = ids[candidate[ids]]
        if len(mine) >= number or len(ids) < look:
            return mine[:number]
        look *= 2


class SoCBI(Prescreened):
    """Pre-screens by boundary counts, then lets any strategy choose, as the paper does.

    The half that is kept has max(share * candidates, 5 batches) samples. The same as
    ``FewestHits(share) >> strategy``. Compare it with the control, ``RandomHalf() >> strategy``.

    Parameters
    ----------
    strategy
        What chooses from the samples kept; by default `LeastConfidence`, as published.
    share
        Of the candidates that are kept, above 0 and at most 1.

    Examples
    --------
    >>> from socbi import SemiOrderedIndex
    >>> from socbi.scorers import BoundaryScorer
    >>> from socbi.strategies import PoolState, Random
    >>> vectors = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    >>> scorer = BoundaryScorer(SemiOrderedIndex(200), vectors, k=50)
    >>> print(scorer.observe([1, 2]))
    2 labels hit 50 neighbours each; 51.5% of 198 samples were never hit
    >>> state = PoolState(200, labelled=[1, 2], labels=[0, 1], boundary=scorer)
    >>> batch = SoCBI(Random()).choose(state, 5, np.random.default_rng(0))
    >>> len(batch), batch.record["prescreen"]["kept"], scorer.counts[batch.ids].tolist()
    (5, 99, [0, 0, 0, 0, 0])
    """

    def __init__(self, strategy: Strategy | None = None, share: float = 0.5) -> None:
        within = LeastConfidence() if strategy is None else strategy
        super().__init__(FewestHits(share), within)
        self.share = share

    def __repr__(self) -> str:
        """Name the strategy within and the share."""
        return f"SoCBI({self.strategy!r}, share={self.share!r})"
