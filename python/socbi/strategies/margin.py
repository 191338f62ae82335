"""Choose what the model can hardly tell between two classes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from socbi.scorers.uncertainty import margin
from socbi.strategies.pool_state import PoolState
from socbi.strategies.scoring import ScoringStrategy

__all__ = ["Margin"]


class Margin(ScoringStrategy):
    """Takes the candidates whose two largest class probabilities are closest; the one to beat.

    The score is minus the margin, which keeps apart margins that one minus it would round together.

    Examples
    --------
    >>> import numpy as np
    >>> from socbi.strategies import Margin, PoolState
    >>> state = PoolState(2, probabilities=np.array([[0.4, 0.3, 0.3], [0.45, 0.45, 0.1]]))
    >>> Margin().select(state, 1, np.random.default_rng(0)).tolist()
    [1]
    """

    needs = frozenset({"probabilities"})

    def _scores(self, state: PoolState, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        return -margin(state.probabilities[state.candidates])
