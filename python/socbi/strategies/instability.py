"""Choose what the last models disagree about."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidTypeError
from socbi.neighbors.neighbor_index import checked_count
from socbi.scorers.instability import (
    PredictionDistance,
    checked_decay,
    checked_distance,
    instability,
)
from socbi.scorers.prediction_history import PredictionHistory
from socbi.scorers.uncertainty import entropy
from socbi.strategies.pool_state import PoolState
from socbi.strategies.scoring import ScoringStrategy

__all__ = ["Instability"]


class Instability(ScoringStrategy):
    """Takes the candidates whose predictions changed most while the models grew less sure of them.

    Instability sampling of He Hua and others (2022); `socbi.scorers.instability` has the formulas.
    Candidates whose score is 0, because their entropy never rose, come after all others, by the
    entropy of the newest model: their score is that entropy as a share of the largest there can be,
    less 1, at most 0. Before there are two models candidates are drawn by lot.

    Parameters
    ----------
    n_models
        How many of the last models are compared, each with the one before it.
    distance, rise, decay
        As `socbi.scorers.instability` takes them.

    Examples
    --------
    >>> import numpy as np
    >>> from socbi.scorers import PredictionHistory
    >>> from socbi.strategies import Instability, PoolState
    >>> history = PredictionHistory(2, classes=2)
    >>> history.push([[0.9, 0.1], [0.6, 0.4]])
    >>> history.push([[0.6, 0.4], [0.5, 0.5]])
    >>> state = PoolState(2, history=history)
    >>> Instability().select(state, 2, np.random.default_rng(0)).tolist()
    [0, 1]
    """

    needs = frozenset({"history"})

    def __init__(
        self,
        n_models: int = 3,
        distance: PredictionDistance = "total_variation",
        *,
        rise: bool = True,
        decay: float = 1.0,
    ) -> None:
        checked_count(n_models, "n_models", least=2)
        checked_distance(distance)
        checked_decay(decay)
        self.n_models = n_models
        self.distance = distance
        self.rise = rise
        self.decay = decay

    def _scores(self, state: PoolState, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        history = state.history
        if not isinstance(history, PredictionHistory):
            raise InvalidTypeError(
                "history must be a socbi.scorers.PredictionHistory, got "
                f"{type(history).__name__}; push the predictions of each model into one"
            )
        if len(history) < 2:
            return np.zeros(len(state.candidates))
        seen = history.predictions(state.candidates, self.n_models)
        scores = instability(seen, self.distance, rise=self.rise, decay=self.decay)
        return np.where(scores > 0, scores, np.minimum(_share_of_most_entropy(seen[-1]) - 1, 0))


def _share_of_most_entropy(prediction: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the entropy of each row as a share of the largest there can be."""
    # A sum that is off by a rounding may lift the entropy above the largest.
    sums = prediction.sum(axis=1, dtype=np.float64, keepdims=True)
    most = max(np.log2(prediction.shape[1]), 1.0)
    return np.asarray(entropy(prediction / sums) / most, np.float64)
