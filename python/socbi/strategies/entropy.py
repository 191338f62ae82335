"""Choose where the model spreads its probabilities most."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from socbi.scorers.uncertainty import entropy
from socbi.strategies.pool_state import PoolState
from socbi.strategies.scoring import ScoringStrategy

__all__ = ["Entropy"]


class Entropy(ScoringStrategy):
    """Takes the candidates whose class probabilities have the largest entropy.

    Examples
    --------
    >>> import numpy as np
    >>> from socbi.strategies import Entropy, PoolState
    >>> state = PoolState(2, probabilities=np.array([[0.4, 0.3, 0.3], [0.45, 0.45, 0.1]]))
    >>> Entropy().select(state, 1, np.random.default_rng(0)).tolist()
    [0]
    """

    needs = frozenset({"probabilities"})

    def _scores(self, state: PoolState, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        return entropy(state.probabilities[state.candidates])
