"""Choose samples whose gradients are long and point apart."""

from __future__ import annotations

import numpy as np

from socbi.strategies.batch import Batch
from socbi.strategies.gradient_spread import GradientSpread
from socbi.strategies.pool_state import PoolState
from socbi.strategies.strategy import Strategy

__all__ = ["BADGE"]


class BADGE(Strategy):
    """Draws candidates apart from each other in the space of gradients of the last layer.

    BADGE of Ash and others, *Deep Batch Active Learning by Diverse, Uncertain Gradient Lower
    Bounds* (2020): k-means++ over gradient embeddings, begun with the longest. They are not written
    out, so that memory is that of the probabilities and some 20 bytes a sample. The score of a pick
    is its squared distance to those before it when it was drawn. Pending samples were drawn before:
    where there are any, no pick is the longest gradient by right.

    Examples
    --------
    >>> import numpy as np
    >>> from socbi.strategies import BADGE, PoolState
    >>> state = PoolState(
    ...     3,
    ...     embeddings=np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 0.0]]),
    ...     probabilities=np.array([[0.6, 0.4], [0.5, 0.5], [0.9, 0.1]]),
    ... )
    >>> BADGE().select(state, 1, np.random.default_rng(0)).tolist()
    [1]
    """

    needs = frozenset({"embeddings", "probabilities"})

    def _chosen(self, state: PoolState, number: int, rng: np.random.Generator) -> Batch:
        ids = np.concatenate([state.candidates, state.pending])
        spread = GradientSpread(state.embeddings, ids, state.probabilities[ids])
        drawn = spread.draw(number, rng, before=np.arange(len(state.candidates), len(ids)))
        return Batch(state.candidates[drawn.rows], drawn.squares, state)
