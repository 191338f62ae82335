"""Choose apart from each other among the best of any strategy."""

from __future__ import annotations

import numpy as np

from socbi.neighbors.neighbor_index import checked_count
from socbi.strategies.batch import Batch
from socbi.strategies.farthest_first import FarthestFirst
from socbi.strategies.pool_state import PoolState
from socbi.strategies.strategy import Strategy, checked_strategy

__all__ = ["Diverse"]


class Diverse(Strategy):
    """Takes the best of another strategy, then the farthest from those taken among its next best.

    So a batch is not made of near-duplicates, which the top of a score often is. Where samples are
    pending, these are what was taken, and all picks are the farthest from them. The score of a pick
    is that of the other strategy.

    Parameters
    ----------
    strategy
        Whose best are chosen from.
    factor
        The other strategy is asked for this many times the batch.

    Examples
    --------
    >>> import numpy as np
    >>> from socbi.strategies import Diverse, LeastConfidence, PoolState
    >>> unsure = np.array([0.5, 0.55, 0.6, 0.9])
    >>> state = PoolState(
    ...     4,
    ...     embeddings=np.array([[0.0], [0.1], [3.0], [9.0]]),
    ...     probabilities=np.stack([unsure, 1 - unsure], axis=1),
    ... )
    >>> rng = np.random.default_rng(0)
    >>> LeastConfidence().select(state, 2, rng).tolist()
    [0, 1]
    >>> Diverse(LeastConfidence(), factor=1).select(state, 2, rng).tolist()
    [0, 1]
    >>> Diverse(LeastConfidence(), factor=2).select(state, 2, rng).tolist()
    [0, 3]
    """

    def __init__(self, strategy: Strategy, factor: int = 5) -> None:
        self.strategy = checked_strategy(strategy, "strategy")
        checked_count(factor, "factor")
        self.factor = factor
        self.needs = self.strategy.needs | {"embeddings"}

    def _chosen(self, state: PoolState, number: int, rng: np.random.Generator) -> Batch:
        best = self.strategy.choose(state, self.factor * number, rng)
        first = 0 if len(state.pending) else 1
        traversal = FarthestFirst(state.embeddings, best.ids[first:])
        traversal.add_centres(np.concatenate([state.pending, best.ids[:first]]))
        picks = np.concatenate([np.arange(first), first + traversal.pick(number - first).rows])
        return Batch(best.ids[picks], best.scores[picks], state, record=best.record)
