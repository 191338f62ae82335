"""Strategies as query strategies of scikit-activeml.

Needs ``pip install 'socbi[skactiveml]'``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.errors import MissingExtraError
from socbi.index import SemiOrderedIndex
from socbi.neighbors import knn_graph
from socbi.scorers import BoundaryScorer
from socbi.strategies import KCenterGreedy, Margin, PoolState, ScoringStrategy, Strategy
from socbi.strategies.strategy import checked_strategy
from socbi.types import IdArray

try:
    from skactiveml.base import SingleAnnotatorPoolQueryStrategy, SkactivemlClassifier
    from skactiveml.utils import MISSING_LABEL, check_equal_missing_label, check_type, is_labeled
    from sklearn.base import clone
except ImportError as error:
    raise MissingExtraError(
        "socbi.integrations.skactiveml needs scikit-activeml: pip install 'socbi[skactiveml]'"
    ) from error

__all__ = ["ClassifierQuery", "EmbeddingQuery"]

_NEIGHBORS = 10


class _Query(SingleAnnotatorPoolQueryStrategy):  # type: ignore[misc]
    """What both kinds have in common; candidates are numbers of rows of X."""

    def __init__(
        self,
        strategy: Strategy | None = None,
        missing_label: Any = MISSING_LABEL,
        random_state: Any = None,
    ) -> None:
        super().__init__(missing_label=missing_label, random_state=random_state)
        self.strategy = strategy

    def _checked(self, *given: Any) -> tuple[Any, ...]:
        """Return X, y, the rows that may be picked, how many to pick, and whether to tell why."""
        rows, labels, candidates, number, wanted = self._validate_data(*given, reset=True)
        _, mapping = self._transform_candidates(
            candidates, rows, labels, enforce_mapping=True, allow_only_unlabeled=True
        )
        return rows, labels, mapping, number, wanted

    def _queried(
        self,
        X: npt.NDArray[Any],  # noqa: N803 (scikit-learn's name)
        y: npt.NDArray[Any],
        mapping: IdArray,
        batch_size: int,
        return_utilities: bool,
        **parts: Any,
    ) -> Any:
        strategy = checked_strategy(self._strategy(), "strategy")
        labelled = np.flatnonzero(is_labeled(y, self.missing_label_))
        labels = np.unique(y[labelled], return_inverse=True)[1]

        vectors = X if X.dtype.kind == "f" else X.astype(np.float32)

        def boundary() -> BoundaryScorer:
            scorer = BoundaryScorer(SemiOrderedIndex(len(X)), X.astype(np.float32))
            scorer.observe(labelled)
            return scorer

        state = PoolState(
            len(X),
            labelled=labelled,
            labels=labels.astype(np.int64),
            candidates=mapping,
            embeddings=vectors,
            graph=lambda: knn_graph(vectors, max(1, min(_NEIGHBORS, len(X) - 1)), progress=False),
            boundary=boundary,
            **parts,
        )
        seed = int(self.random_state_.randint(2**31 - 1))
        ids = strategy.select(state, batch_size, np.random.default_rng(seed))
        if not return_utilities:
            return ids
        return ids, _utilities(strategy, state, ids, np.random.default_rng(seed))

    def _strategy(self) -> object:
        return self.strategy


class EmbeddingQuery(_Query):
    """A strategy that asks no model, such as `KCenterGreedy` or `TypiClust`, over the rows of X.

    Parameters
    ----------
    strategy
        By default `KCenterGreedy`.
    missing_label, random_state
        As everywhere in scikit-activeml.

    Examples
    --------
    >>> import numpy as np
    >>> from socbi.integrations.skactiveml import EmbeddingQuery
    >>> X, y = np.array([[0.0], [1.0], [9.0]]), np.array([0.0, np.nan, np.nan])
    >>> EmbeddingQuery(random_state=0).query(X, y).tolist()
    [2]
    """

    def query(
        self,
        X: npt.ArrayLike,  # noqa: N803
        y: npt.ArrayLike,
        candidates: npt.ArrayLike | None = None,
        batch_size: int = 1,
        return_utilities: bool = False,
    ) -> Any:
        """Return the rows of X to label next, best first, and on demand the utilities.

        The utilities of a strategy with a score for each sample are these scores; otherwise 1 for
        the row that was picked and 0 for the other candidates. What is no candidate, or picked
        already, has NaN.
        """
        rows, labels, mapping, number, wanted = self._checked(
            X, y, candidates, batch_size, return_utilities
        )
        return self._queried(rows, labels, mapping, number, wanted)

    def _strategy(self) -> object:
        return KCenterGreedy() if self.strategy is None else self.strategy


class ClassifierQuery(_Query):
    """A strategy that asks a classifier, such as `Margin`, `BADGE` or `CoverageMargin`.

    Parameters
    ----------
    strategy
        By default `Margin`.
    missing_label, random_state
        As everywhere in scikit-activeml.
    """

    def query(
        self,
        X: npt.ArrayLike,  # noqa: N803
        y: npt.ArrayLike,
        clf: Any,
        fit_clf: bool = True,
        sample_weight: npt.ArrayLike | None = None,
        candidates: npt.ArrayLike | None = None,
        batch_size: int = 1,
        return_utilities: bool = False,
    ) -> Any:
        """Return the rows of X to label next, as `EmbeddingQuery.query`.

        ``clf`` is a classifier of scikit-activeml; with ``fit_clf`` a copy of it learns from X and
        y, otherwise it is asked as it is.
        """
        rows, labels, mapping, number, wanted = self._checked(
            X, y, candidates, batch_size, return_utilities
        )
        check_type(clf, "clf", SkactivemlClassifier)
        check_equal_missing_label(clf.missing_label, self.missing_label_)
        check_type(fit_clf, "fit_clf", bool)
        if fit_clf:
            weights = () if sample_weight is None else (sample_weight,)
            clf = clone(clf).fit(rows, labels, *weights)
        probabilities = np.asarray(clf.predict_proba(rows), np.float64)
        return self._queried(rows, labels, mapping, number, wanted, probabilities=probabilities)

    def _strategy(self) -> object:
        return Margin() if self.strategy is None else self.strategy


def _utilities(
    strategy: Strategy, state: PoolState, ids: IdArray, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    utilities = np.full((len(ids), state.size), np.nan)
    if isinstance(strategy, ScoringStrategy):
        utilities[:, state.candidates] = strategy.scores(state, rng)
    else:
        utilities[:, state.candidates] = 0
        utilities[np.arange(len(ids)), ids] = 1
    for row, before in enumerate(ids[:-1], start=1):
        utilities[row:, before] = np.nan
    return utilities
