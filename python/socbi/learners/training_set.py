"""The labels that a learner is given, checked once, in an order of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError, UnknownIdError
from socbi.neighbors.neighbor_index import checked_count, checked_distinct, checked_whole
from socbi.types import IdArray

__all__ = ["Probabilities", "Start", "TrainingSet", "checked_ids", "checked_start", "in_columns"]

Probabilities: TypeAlias = npt.NDArray[np.float64]
"""A row a sample, a column a class."""

Start: TypeAlias = Literal["cold", "warm"]
"""Whether a fit begins anew or from what was learned before."""


@dataclass(frozen=True)
class TrainingSet:
    """Samples in the order of their ids, so that the order of labelling changes nothing."""

    ids: IdArray
    places: IdArray
    """Of each sample's class among ``seen``."""
    seen: IdArray
    """The classes that have a label, ascending."""
    classes: int

    @classmethod
    def checked(
        cls, ids: npt.ArrayLike, labels: npt.ArrayLike, classes: int, samples: int
    ) -> TrainingSet:
        """Return them, or say what is wrong.

        Examples
        --------
        >>> TrainingSet.checked([4, 2], [7, 3], 9, samples=5)
        TrainingSet(ids=array([2, 4]), places=array([0, 1]), seen=array([3, 7]), classes=9)
        """
        number = checked_count(classes, "classes")
        known = checked_ids(checked_distinct(ids, "ids"), samples)
        kinds = checked_whole(labels, "labels")
        if len(kinds) != len(known):
            raise InvalidInputError(
                f"labels must be one for each of {len(known)} ids, got {len(kinds)}"
            )
        if len(kinds) == 0:
            raise InvalidInputError("there is nothing to learn from: give one label or more")
        if kinds.min() < 0 or kinds.max() >= number:
            raise InvalidInputError(
                f"labels must be class numbers from 0 to {number - 1}, got {kinds.min()} to "
                f"{kinds.max()}"
            )
        order = np.argsort(known)
        seen, places = np.unique(kinds[order], return_inverse=True)
        return cls(known[order], places.astype(np.int64), seen, number)


def checked_ids(ids: npt.ArrayLike, samples: int) -> IdArray:
    """Return ids of samples that there are."""
    given = checked_whole(ids, "ids")
    if len(given) and not 0 <= given.min() <= given.max() < samples:
        raise UnknownIdError(
            f"ids must be from 0 to {samples - 1}, got {given.min()} to {given.max()}"
        )
    return given


def checked_start(start: str) -> Start:
    """Return how a fit is to begin."""
    if start not in ("cold", "warm"):
        raise InvalidInputError(f"start must be 'cold' or 'warm', got {start!r}")
    return start  # type: ignore[return-value]


def in_columns(found: npt.NDArray[np.floating], seen: IdArray, classes: int) -> Probabilities:
    """Return probabilities of the classes seen, each in the column of its class.

    Examples
    --------
    >>> in_columns(np.array([[0.25, 0.75]]), np.array([0, 2]), 4).tolist()
    [[0.25, 0.0, 0.75, 0.0]]
    """
    placed = np.zeros((len(found), classes))
    placed[:, seen] = found
    return placed
