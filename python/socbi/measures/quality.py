"""How good predictions are: accuracy, quadratic kappa, mean average precision."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError
from socbi.neighbors.neighbor_index import checked_count, checked_whole
from socbi.types import IdArray

__all__ = ["accuracy", "mean_average_precision", "quadratic_kappa"]


def accuracy(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Return the share of predictions that are right.

    Examples
    --------
    >>> accuracy([0, 1, 2, 2], [0, 1, 1, 2])
    0.75
    """
    true, said = _checked_pair(truth, predicted)
    return float(np.mean(true == said))


def quadratic_kappa(truth: npt.ArrayLike, predicted: npt.ArrayLike, *, classes: int) -> float:
    """Return Cohen's kappa of ordered classes, with errors weighted by the square of their size.

    1 is perfect and 0 is chance. Where both give all samples the same one class it is 1.

    Examples
    --------
    >>> quadratic_kappa([0, 1, 2, 2], [0, 1, 1, 2], classes=3)
    0.8
    """
    true, said = _checked_pair(truth, predicted)
    number = checked_count(classes, "classes")
    for name, some in (("truth", true), ("predicted", said)):
        if some.min() < 0 or some.max() >= number:
            raise InvalidInputError(
                f"{name} must be class numbers from 0 to {number - 1}, got {some.min()} to "
                f"{some.max()}"
            )
    seen = np.zeros((number, number))
    np.add.at(seen, (true, said), 1)
    by_chance = np.outer(seen.sum(axis=1), seen.sum(axis=0)) / len(true)
    steps = np.arange(number)
    weight = (steps[:, None] - steps) ** 2
    expected = float((weight * by_chance).sum())
    return 1.0 if expected == 0 else 1.0 - float((weight * seen).sum()) / expected


def mean_average_precision(truth: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """Return the mean, over the classes that occur, of the area under precision and recall.

    Examples
    --------
    >>> mean_average_precision([0, 1, 1], [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    1.0
    """
    true = checked_whole(truth, "truth")
    found = np.asarray(probabilities, np.float64)
    if found.ndim != 2 or len(found) != len(true) or len(true) == 0:
        raise InvalidInputError(
            f"probabilities must have a row for each of {len(true)} samples, one or more; got the "
            f"shape {found.shape}"
        )
    if not np.isfinite(found).all():
        raise InvalidInputError("probabilities must be finite, and some are not")
    kinds = np.unique(true)
    if kinds[0] < 0 or kinds[-1] >= found.shape[1]:
        raise InvalidInputError(
            f"truth must be class numbers from 0 to {found.shape[1] - 1}, one a column of "
            f"probabilities; got {kinds[0]} to {kinds[-1]}"
        )
    return float(np.mean([_average_precision(true == kind, found[:, kind]) for kind in kinds]))


def _average_precision(positive: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64]) -> float:
    """Sum precision over the gains of recall; samples of one score count together."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    hits = np.cumsum(positive[order])[ends]
    gains = np.diff(hits, prepend=0)
    return float((gains * hits / (ends + 1)).sum() / hits[-1])


def _checked_pair(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> tuple[IdArray, IdArray]:
    true, said = checked_whole(truth, "truth"), checked_whole(predicted, "predicted")
    if len(true) != len(said) or len(true) == 0:
        raise InvalidInputError(
            f"truth and predicted must be of one length, 1 or more; got {len(true)} and {len(said)}"
        )
    return true, said
