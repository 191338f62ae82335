"""Choose what the model gives the smallest largest probability."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from socbi.scorers.uncertainty import least_confidence
from socbi.strategies.pool_state import PoolState
from socbi.strategies.scoring import ScoringStrategy

__all__ = ["LeastConfidence"]


class LeastConfidence(ScoringStrategy):
    """Takes the candidates whose largest class probability is the smallest.

    Examples
    --------
    >>> import numpy as np
    >>> from socbi.strategies import LeastConfidence, PoolState
    >>> state = PoolState(3, probabilities=np.array([[0.9, 0.1], [0.5, 0.5], [0.6, 0.4]]))
    >>> LeastConfidence().select(state, 2, np.random.default_rng(0)).tolist()
    [1, 2]
    """

    needs = frozenset({"probabilities"})

    def _scores(self, state: PoolState, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        return least_confidence(state.probabilities[state.candidates])
