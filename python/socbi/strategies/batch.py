"""The samples that were chosen, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.strategies.explanation import Explanation, explain
from socbi.strategies.pool_state import PoolState
from socbi.types import IdArray

__all__ = ["Batch", "Explanation"]


@dataclass(frozen=True)
class Batch:
    """The ids of a batch, best first, with the score of each; larger is better.

    Examples
    --------
    >>> from socbi.neighbors import knn_graph
    >>> from socbi.strategies import CoverageMargin
    >>> vectors = np.array([[0.0], [1.0], [2.0], [9.0]])
    >>> graph = knn_graph(vectors, k=2, metric="euclidean")
    >>> state = PoolState(4, labelled=[3], labels=[0], embeddings=vectors, graph=graph)
    >>> print(*CoverageMargin().choose(state, 1, np.random.default_rng(0)).explain())
    1. id 0: score 1.501; nearest labelled 3 at 9; stands for 2 samples: 1, 2
    """

    ids: IdArray
    scores: npt.NDArray[np.float64]
    state: PoolState = field(repr=False)
    tie_breaks: Sequence[str] | None = field(default=None, repr=False)
    """For each what decided among equal scores; empty where there were none."""
    stands_for: Sequence[IdArray] | None = field(default=None, repr=False)
    """For each the pool samples that it newly serves."""
    record: dict[str, Any] = field(default_factory=dict)
    """What the strategy tells of its round: which rule it followed, ties, K."""

    def __len__(self) -> int:
        """Return how many samples were chosen."""
        return len(self.ids)

    def explain(self, ids: npt.ArrayLike | None = None, neighbors: int = 3) -> list[Explanation]:
        """Return why each of these was chosen, by default all of the batch; print one to read it.

        Parameters
        ----------
        ids
            Some of the batch.
        neighbors
            How many of the nearest labelled samples to name. They are found in the embeddings, by
            the metric of the neighbour graph where one is at hand, else by cosine; without
            embeddings there are none.

        Notes
        -----
        A sample stands for those that it newly serves where the strategy covers the pool. Else for
        the candidates among its neighbours in the graph that are nearer to it than to any labelled
        sample; nothing is named where no graph is at hand.
        """
        return explain(self, ids, neighbors)
