"""Every sample alike: the arm that each other must beat."""

from __future__ import annotations

import numpy as np

from socbi.strategies.batch import Batch
from socbi.strategies.pool_state import PoolState
from socbi.strategies.strategy import Strategy

__all__ = ["Random"]


class Random(Strategy):
    """Chooses by lot.

    Examples
    --------
    >>> from socbi.strategies import PoolState, Random
    >>> Random().select(PoolState(5), 2, np.random.default_rng(0)).tolist()
    [3, 4]
    """

    def _chosen(self, state: PoolState, number: int, rng: np.random.Generator) -> Batch:
        ids = rng.choice(state.candidates, number, replace=False)
        return Batch(ids, np.zeros(number), state)
