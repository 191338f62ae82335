"""What a learning curve says: its area, and how many labels it takes to get somewhere."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError

__all__ = ["area_under_curve", "labels_needed", "labels_saved"]

Curve = npt.NDArray[np.float64]


def area_under_curve(labels: npt.ArrayLike, values: npt.ArrayLike) -> float:
    """Return the mean height of a curve between its first and its last number of labels.

    By trapezia; a curve of one point has the height of that point.

    Examples
    --------
    >>> area_under_curve([10, 20, 40], [0.5, 0.7, 0.9])
    0.7333333333333333
    """
    x, y = _checked(labels, values)
    if len(x) == 1:
        return float(y[0])
    return float(np.sum((y[1:] + y[:-1]) / 2 * np.diff(x)) / (x[-1] - x[0]))


def labels_needed(labels: npt.ArrayLike, values: npt.ArrayLike, target: float) -> float:
    """Return with how many labels a curve first reaches a target; infinity if it never does.

    Between two rounds the curve is taken to be straight.

    Examples
    --------
    >>> labels_needed([10, 20, 40], [0.5, 0.75, 1.0], 0.875)
    30.0
    """
    x, y = _checked(labels, values)
    there = np.flatnonzero(y >= target)
    if len(there) == 0:
        return float("inf")
    first = int(there[0])
    if first == 0:
        return float(x[0])
    share = (target - y[first - 1]) / (y[first] - y[first - 1])
    return float(x[first - 1] + share * (x[first] - x[first - 1]))


def labels_saved(
    labels: npt.ArrayLike, values: npt.ArrayLike, against: npt.ArrayLike, others: npt.ArrayLike
) -> float:
    """Return the share of labels that the first curve saves on the way to where both come.

    That is the lower of the two last heights. Negative where it needs more.

    Examples
    --------
    >>> labels_saved([10, 20, 40], [0.5, 0.8, 0.9], [10, 20, 40], [0.5, 0.6, 0.8])
    0.5
    """
    target = min(float(_checked(labels, values)[1][-1]), float(_checked(against, others)[1][-1]))
    mine, theirs = labels_needed(labels, values, target), labels_needed(against, others, target)
    return 1.0 - mine / theirs


def _checked(labels: npt.ArrayLike, values: npt.ArrayLike) -> tuple[Curve, Curve]:
    x, y = np.asarray(labels, np.float64), np.asarray(values, np.float64)
    if x.ndim != 1 or x.shape != y.shape or len(x) == 0:
        raise InvalidInputError(
            f"labels and values must be of one length, 1 or more; got {x.shape} and {y.shape}"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InvalidInputError("labels and values must be finite, and some are not")
    if not (np.diff(x) > 0).all():
        raise InvalidInputError("labels must rise from round to round")
    return x, y
