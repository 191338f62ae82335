"""How unsure one model is of each sample, from its class probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from socbi import _core
from socbi.neighbors.cores import core_count
from socbi.scorers.probabilities import (
    Doubles,
    checked_probabilities,
    readable_by_core,
    rowwise,
)

__all__ = ["entropy", "least_confidence", "margin", "margins_within"]


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
    return margins_within(checked_probabilities(probabilities))


def entropy(probabilities: npt.ArrayLike) -> Doubles:
    """Return the entropy of each row in bits: larger is less sure. A zero adds nothing.

    Examples
    --------
    >>> entropy([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]]).tolist()
    [1.5, 0.0]
    """
    return rowwise(_entropy, checked_probabilities(probabilities))


def margins_within(p: npt.NDArray[Any]) -> Doubles:  # (n, classes)
    """Return the margins of rows that are known to be probabilities."""
    if readable_by_core(p):
        margins: Doubles = _core.margins(p, core_count())
        return margins
    return rowwise(lambda block: _core.margins(np.ascontiguousarray(block), 1), p)


def _entropy(p: Doubles) -> Doubles:  # (n, classes)
    logarithms = np.log2(p, out=np.zeros_like(p), where=p > 0)
    bits: Doubles = np.einsum("nc,nc->n", p, logarithms)
    np.abs(bits, out=bits)
    return bits
