"""Choose so that no sample is far from a labelled one."""

from __future__ import annotations

import numpy as np

from socbi.strategies.batch import Batch
from socbi.strategies.farthest_first import FarthestFirst
from socbi.strategies.pool_state import PoolState
from socbi.strategies.strategy import Strategy
from socbi.types import IdArray

__all__ = ["KCenterGreedy"]


class KCenterGreedy(Strategy):
    """Takes again and again the candidate farthest from all that is labelled, pending or taken.

    The greedy form of Sener and Savarese, *Active Learning for Convolutional Neural Networks: A
    Core-Set Approach* (2018), by euclidean distance; for cosine give unit vectors. Where nothing is
    labelled or pending the first is drawn by lot. Equally far ones come in the order of their ids.
    The score of a pick is its distance when it was taken; one drawn by lot has that of the next.

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
        centres = np.concatenate([state.labelled, state.pending])
        first: IdArray = rng.integers(len(ids), size=0 if len(centres) else 1)
        others = np.delete(ids, first)
        traversal = FarthestFirst(embeddings, others)
        traversal.add_centres(np.concatenate([centres, ids[first]]))
        picks = traversal.pick(number - len(first))
        chosen = np.concatenate([ids[first], others[picks.rows]])
        apart = np.concatenate(
            [np.full(len(first), picks.distances.max(initial=0)), picks.distances]
        )
        return Batch(chosen, apart, state)
