"""Choose so that no sample is far from a labelled one."""

from __future__ import annotations

import numpy as np

from socbi.strategies.batch import Batch
from socbi.strategies.farthest_first import FarthestFirst
from socbi.strategies.pool_state import PoolState
from socbi.strategies.strategy import Strategy

__all__ = ["KCenterGreedy"]


class KCenterGreedy(Strategy):
    """Takes again and again the candidate farthest from all that is labelled or taken.

    The greedy form of Sener and Savarese, *Active Learning for Convolutional Neural Networks: A
    Core-Set Approach* (2018), by euclidean distance; for cosine give unit vectors. Where nothing is
    labelled the first is drawn by lot. Equally far ones come in the order of their ids. The score
    of a pick is its distance when it was taken.

    Memory is some 25 bytes a sample and a block of rows, beside the embeddings.

    Examples
    --------
    >>> import numpy as np
    >>> from socbi.strategies import KCenterGreedy, PoolState
    >>> line = np.array([[0.0], [1.0], [4.0], [10.0]])
    >>> state = PoolState(4, labelled=[0], labels=[0], embeddings=line)
    >>> KCenterGreedy().select(state, 2, np.random.default_rng(0)).tolist()
    [3, 2]
    """

    needs = frozenset({"embeddings"})

    def _chosen(self, state: PoolState, number: int, rng: np.random.Generator) -> Batch:
        ids, embeddings = state.candidates, state.embeddings
        first: list[int] = []
        if len(state.labelled) == 0:
            first = [int(rng.integers(len(ids)))]
        others = np.delete(ids, first)
        traversal = FarthestFirst(embeddings, others)
        traversal.add_centres(state.labelled if len(state.labelled) else ids[first])
        picks = traversal.pick(number - len(first))
        chosen = np.concatenate([ids[first], others[picks.rows]])
        apart = np.concatenate([np.full(len(first), np.inf), picks.distances])
        return Batch(chosen, apart, state)
