"""How much the last models disagree about a sample, where they grew less sure of it.

Instability sampling of He Hua, Xie Mingkun and Huang Shengjun (J. NUDT 44(3), 2022): over pairs of
consecutive models, the distance between their predictions, counted where the entropy rose
(equations 1 to 6). The paper does not say which Wasserstein distance it took; the three that it may
have been are here, and the two others of its text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError
from socbi.scorers.probabilities import Doubles, checked_probabilities, plain_array, rowwise
from socbi.scorers.uncertainty import entropy

__all__ = ["PredictionDistance", "checked_decay", "checked_distance", "instability"]

PredictionDistance: TypeAlias = Literal[
    "total_variation", "cdf", "sorted", "jensen_shannon", "kullback_leibler"
]
"""How far apart two predictions are; see `instability`."""


def instability(
    predictions: Sequence[npt.ArrayLike],
    distance: PredictionDistance = "total_variation",
    *,
    rise: bool = True,
    decay: float = 1.0,
) -> Doubles:
    """Return how unstable the predictions for each sample were; larger is less stable.

    Parameters
    ----------
    predictions
        The class probabilities of consecutive models, **oldest first**, each (n, classes); fewer
        than two have nothing to compare, and every score is 0. A row of NaN is a sample that the
        model of that time had not seen: its pairs count as 0.
    distance
        ``"total_variation"``: half of the summed differences, from 0 to 1, whatever the numbers of
        the classes (Wasserstein's distance where all classes are equally far apart).
        ``"cdf"``: Wasserstein's where classes lie on a line in the order of their numbers.
        ``"sorted"``: the mean difference of the sorted probabilities, which is 0 where one
        prediction is the other with classes exchanged.
        ``"jensen_shannon"`` and ``"kullback_leibler"`` (newer from older), with natural logarithms;
        for the latter probabilities are clipped at 1e-12.
    rise
        Whether a pair counts only where the entropy rose from the older to the newer model.
    decay
        The newest pair counts fully, each older one this many times the one after it.

    Examples
    --------
    >>> first, second, third = [[0.9, 0.1]], [[0.6, 0.4]], [[0.5, 0.5]]
    >>> instability([first, second, third]).round(12).tolist()
    [0.4]
    >>> instability([third, second, first]).tolist()
    [0.0]
    """
    apart: _Apart = _DISTANCES[checked_distance(distance)]
    factor = checked_decay(decay)
    seen = [_checked_prediction(one, f"predictions[{i}]") for i, one in enumerate(predictions)]
    if not seen:
        raise InvalidInputError(
            "predictions must hold the class probabilities of one model or more, got none"
        )
    for number, matrix in enumerate(seen):
        if matrix.shape != seen[0].shape:
            raise InvalidInputError(
                f"predictions must all have one shape, got {seen[0].shape} and for "
                f"predictions[{number}] {matrix.shape}"
            )
    scores = np.zeros(len(seen[0]))
    entropies = [_entropy_or_nan(one) for one in seen] if rise else []
    weight = 1.0
    for newer in range(len(seen) - 1, 0, -1):
        moved = rowwise(apart, seen[newer], seen[newer - 1])
        counted = ~np.isnan(moved)
        if rise:
            counted &= entropies[newer] > entropies[newer - 1]
        scores[counted] += weight * moved[counted]
        weight *= factor
    return scores


def checked_distance(distance: str) -> str:
    """Return the name of a distance, or say which there are."""
    if distance not in _DISTANCES:
        raise InvalidInputError(
            f"distance must be one of {', '.join(_DISTANCES)}, got {distance!r}"
        )
    return distance


def checked_decay(decay: float) -> float:
    """Return a number from 0 to 1."""
    if not isinstance(decay, (int, float, np.number)) or not 0 <= decay <= 1:
        raise InvalidInputError(f"decay must be a number from 0 to 1, got {decay!r}")
    return float(decay)


# ---- rows of probabilities as float64, newer and older ------------------------------------------


def _total_variation(p: Doubles, q: Doubles) -> Doubles:
    return 0.5 * _summed(np.abs(p - q))


def _cdf(p: Doubles, q: Doubles) -> Doubles:
    return _summed(np.abs(np.cumsum(p - q, axis=1)[:, :-1]))  # at the last class both are 1


def _sorted(p: Doubles, q: Doubles) -> Doubles:
    mean: Doubles = np.abs(np.sort(p, axis=1) - np.sort(q, axis=1)).mean(axis=1)
    return mean


def _jensen_shannon(p: Doubles, q: Doubles) -> Doubles:
    middle = 0.5 * (p + q)
    return np.maximum(0.5 * (_divergence(p, middle) + _divergence(q, middle)), 0)


def _kullback_leibler(p: Doubles, q: Doubles) -> Doubles:
    return np.maximum(_divergence(_clipped(p), _clipped(q)), 0)


_Apart: TypeAlias = Callable[[Doubles, Doubles], Doubles]
_DISTANCES: dict[str, _Apart] = dict(
    zip(
        get_args(PredictionDistance),
        (_total_variation, _cdf, _sorted, _jensen_shannon, _kullback_leibler),
        strict=True,
    )
)


def _summed(terms: Doubles) -> Doubles:
    sums: Doubles = terms.sum(axis=1)
    return sums


def _divergence(p: Doubles, q: Doubles) -> Doubles:
    """Return the sum of p ln(p/q); where p is 0 nothing is added, and q is not 0 where p is not."""
    ratio = np.divide(p, q, out=np.ones_like(p), where=~(p == 0))
    return _summed(p * np.log(ratio))


def _clipped(p: Doubles) -> Doubles:
    above = np.clip(p, 1e-12, 1)
    clipped: Doubles = above / above.sum(axis=1, keepdims=True)
    return clipped


def _checked_prediction(given: npt.ArrayLike, name: str) -> npt.NDArray[Any]:
    """Return probabilities of which whole rows may be NaN."""
    found = plain_array(given, name)
    if found.ndim == 2 and found.dtype.kind == "f":
        unseen = np.isnan(found).all(axis=1)
        if unseen.any():
            checked_probabilities(found[~unseen], name)
            return found
    return checked_probabilities(found, name)


def _entropy_or_nan(prediction: npt.NDArray[Any]) -> Doubles:
    seen = ~np.isnan(prediction[:, 0])
    entropies = np.full(len(prediction), np.nan)
    entropies[seen] = entropy(prediction if seen.all() else prediction[seen])
    return entropies
