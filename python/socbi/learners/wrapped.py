"""Any classifier that speaks as those of scikit-learn do."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError, InvalidTypeError
from socbi.learners.training_set import (
    Probabilities,
    Start,
    TrainingSet,
    checked_ids,
    checked_start,
    in_columns,
)
from socbi.neighbors.cores import one_blas_thread

__all__ = ["SklearnLearner"]

# Rows that are asked for in one go: a few megabytes of features at a time, whatever the pool.
_ROWS = 16_384


class SklearnLearner:
    """Wraps a classifier with ``fit`` and ``predict_proba``.

    Parameters
    ----------
    estimator
        An unfitted classifier. It is never fitted itself: each fit works on a copy.
    features
        A row for each sample: an array, memory-mapped or not, or a sparse matrix in rows.
    start
        ``"warm"`` goes on with the same copy, whose parameter ``warm_start`` is set; where a class
        has come in since, it starts anew.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> features = np.array([[0.0], [0.1], [5.0], [5.1], [4.9]])
    >>> learner = SklearnLearner(GaussianNB(), features).fit([0, 1, 2, 3], [0, 0, 2, 2], classes=3)
    >>> learner.predict_proba([4]).round(3).tolist()
    [[0.0, 0.0, 1.0]]
    """

    def __init__(self, estimator: Any, features: Any, *, start: Start = "cold") -> None:
        for method in ("fit", "predict_proba", "get_params"):
            if not hasattr(estimator, method):
                raise InvalidTypeError(
                    f"estimator must be a classifier with fit, predict_proba and get_params; "
                    f"{type(estimator).__name__} has no {method}"
                )
        if getattr(features, "ndim", 0) < 2:
            raise InvalidInputError("features must have a row for each sample")
        self._start = checked_start(start)
        if self._start == "warm" and "warm_start" not in estimator.get_params():
            raise InvalidInputError(
                f"{type(estimator).__name__} cannot start warm, it has no parameter warm_start; "
                'take start="cold"'
            )
        self._estimator = estimator
        self._features = features
        self._known: TrainingSet | None = None
        self._fitted: Any = None

    def fit(self, ids: npt.ArrayLike, labels: npt.ArrayLike, *, classes: int) -> SklearnLearner:
        """Learn from these samples; return the learner."""
        known = TrainingSet.checked(ids, labels, classes, self._features.shape[0])
        fitted = None
        if len(known.seen) > 1:  # of one class there is nothing to tell apart
            fitted = self._to_fit(known)
            with one_blas_thread():  # so that the cores of a machine do not show in the figures
                fitted.fit(self._rows(known.ids), known.places)
        self._known, self._fitted = known, fitted
        return self

    def predict_proba(self, ids: npt.ArrayLike) -> Probabilities:
        """Return the probability of each class, (len(ids), classes)."""
        if self._known is None:
            raise InvalidInputError("nothing is learned yet: call fit first")
        given = checked_ids(ids, self._features.shape[0])
        found = np.empty((len(given), len(self._known.seen)))
        with one_blas_thread():
            for begin in range(0, len(given), _ROWS):
                some = given[begin : begin + _ROWS]
                found[begin : begin + _ROWS] = self._probabilities(some)
        return in_columns(found, self._known.seen, self._known.classes)

    def _to_fit(self, known: TrainingSet) -> Any:
        """Return what is to be fitted: the copy of before, or a new one."""
        before = self._known
        same = before is not None and np.array_equal(before.seen, known.seen)
        if self._start == "warm" and same:
            return copy.deepcopy(self._fitted)  # a fit that fails leaves the former one whole
        from sklearn.base import clone

        new = clone(self._estimator)
        return new.set_params(warm_start=True) if self._start == "warm" else new

    def _probabilities(self, ids: npt.NDArray[np.int64]) -> Any:
        if self._fitted is None:
            return 1.0
        return self._fitted.predict_proba(self._rows(ids))

    def _rows(self, ids: npt.NDArray[np.int64]) -> Any:
        return self._features[ids]
