"""Logistic regression on embeddings: the learner of most campaigns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError
from socbi.learners.scaling import Scaling
from socbi.learners.training_set import Start, TrainingSet
from socbi.learners.wrapped import SklearnLearner
from socbi.neighbors.neighbor_index import checked_matrix

__all__ = ["LogisticLearner"]

# The gradient at which a fit ends. On digits it changes at most 2 of 1,797 predictions against
# 1e-6, in half of the time; at 1e-3 up to 13 change, and margins by a tenth.
_TOLERANCE = 1e-4
_MOST_STEPS = 2_000


class LogisticLearner(SklearnLearner):
    """Multinomial logistic regression on embeddings that stay as they are.

    Columns are standardised by the mean and the spread of all samples, labelled or not, which are
    known much better than those of a few labelled ones.

    Parameters
    ----------
    embeddings
        (n, d) of any float type, in memory or memory-mapped; a row for each sample.
    strength
        How freely weights may grow: scikit-learn's ``C``.
    start
        ``"warm"`` begins at the weights of the last fit: faster, and the same up to the tolerance.

    Examples
    --------
    >>> embeddings = np.array([[0.0, 1.0], [0.1, 0.9], [1.0, 0.0], [0.9, 0.2], [0.0, 0.8]])
    >>> learner = LogisticLearner(embeddings).fit([0, 1, 2, 3], [0, 0, 2, 2], classes=3)
    >>> learner.predict_proba([4]).round(2).tolist()
    [[0.79, 0.0, 0.21]]
    """

    def __init__(
        self, embeddings: npt.NDArray[Any], *, strength: float = 1.0, start: Start = "cold"
    ) -> None:
        from sklearn.linear_model import LogisticRegression

        if not strength > 0:
            raise InvalidInputError(f"strength must be above 0, got {strength}")
        rows = checked_matrix(embeddings, "embeddings")
        self._scaling = Scaling.of(rows)
        estimator = LogisticRegression(C=strength, tol=_TOLERANCE, max_iter=_MOST_STEPS)
        super().__init__(estimator, rows, start=start)

    def remembered(self) -> dict[str, npt.NDArray[Any]]:
        """Return what the next fit begins at as arrays; nothing where it begins anew."""
        if self._start == "cold" or self._known is None or self._fitted is None:
            return {}
        return {
            "seen": self._known.seen,
            "classes": np.array(self._known.classes),
            "weights": self._fitted.coef_,
            "offsets": self._fitted.intercept_,
        }

    def remember(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from what another learner, made as this one, has `remembered`."""
        from sklearn.base import clone

        seen, none = state["seen"], np.empty(0, np.int64)
        fitted = clone(self._estimator).set_params(warm_start=True)
        fitted.coef_, fitted.intercept_ = state["weights"], state["offsets"]
        fitted.classes_ = np.arange(len(seen))
        self._known = TrainingSet(none, none, seen, int(state["classes"]))
        self._fitted = fitted

    def _rows(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        return self._scaling.scaled(self._features[ids])
