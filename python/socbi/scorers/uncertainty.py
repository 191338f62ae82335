"""How unsure one model is of each sample, from its class probabilities."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from socbi.scorers.probabilities import Doubles, checked_probabilities, rowwise

__all__ = ["entropy", "least_confidence", "margin", "margin_within"]

# Up to so many classes comparing column with column takes half of the time of a partition.
_MANY_CLASSES = 20


def least_confidence(probabilities: npt.ArrayLike) -> Doubles:
    """Return one minus the largest probability of each row: larger is less sure.

    Examples
    --------
    >>> least_confidence([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]]).tolist()
    [0.5, 0.0]
    """
    return rowwise(lambda p: 1 - p.max(axis=1), checked_probabilities(probabilities))


def margin(probabilities: npt.ArrayLike) -> Doubles:
    """Return by how much the largest probability exceeds the second: **smaller** is less sure.

    With a single class there is no second, and the margin is the probability itself.

    Examples
    --------
    >>> margin([[0.5, 0.25, 0.25], [0.5, 0.5, 0.0]]).tolist()
    [0.25, 0.0]
    """
    return rowwise(margin_within, checked_probabilities(probabilities))


def entropy(probabilities: npt.ArrayLike) -> Doubles:
    """Return the entropy of each row in bits: larger is less sure. A zero adds nothing.

    Examples
    --------
    >>> entropy([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]]).tolist()
    [1.5, 0.0]
    """
    return rowwise(_entropy, checked_probabilities(probabilities))


def margin_within(p: Doubles) -> Doubles:  # (n, classes)
    """Return the margins of rows that are known to be probabilities, which are reordered."""
    if p.shape[1] > _MANY_CLASSES:
        p.partition(p.shape[1] - 2, axis=1)
        between: Doubles = p[:, -1] - p[:, -2]
        return between
    first: Doubles
    first, *others = np.ascontiguousarray(p.T)
    second, smaller = np.zeros_like(first), np.empty_like(first)
    for one in others:
        np.minimum(first, one, out=smaller)
        np.maximum(second, smaller, out=second)
        np.maximum(first, one, out=first)
    first -= second
    return first


def _entropy(p: Doubles) -> Doubles:  # (n, classes)
    logarithms = np.log2(p, out=np.zeros_like(p), where=p > 0)
    bits: Doubles = np.einsum("nc,nc->n", p, logarithms)
    np.abs(bits, out=bits)
    return bits
