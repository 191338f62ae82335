"""What class probabilities must look like, and how they pass by in blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError
from socbi.neighbors.vector_rows import row_chunks

__all__ = [
    "Doubles",
    "checked_probabilities",
    "plain_array",
    "readable_by_core",
    "rowwise",
]

Doubles = npt.NDArray[np.float64]

# float16 rounds each of a thousand classes by up to 2^-12 of itself: their sum stays within this.
SUM_TOLERANCE = 1e-2
# Numbers that are widened to float64 together: half a megabyte stays in a core's own cache.
_NUMBERS_AT_ONCE = 1 << 16


def checked_probabilities(given: npt.ArrayLike, name: str = "probabilities") -> npt.NDArray[Any]:
    """Return class probabilities, (n, classes), or say what else they are.

    Every row must be finite, without a negative number, and sum to 1.
    """
    found = plain_array(given, name)
    if found.ndim != 2 or found.shape[1] == 0 or found.dtype.kind not in "fiu":
        raise InvalidInputError(
            f"{name} must be numbers of the shape (samples, classes), got the shape {found.shape} "
            f"of {found.dtype}"
        )
    for begin, end in row_chunks(len(found), max(1, _NUMBERS_AT_ONCE // found.shape[1])):
        some = found[begin:end]
        sums = some.sum(axis=1, dtype=np.float64)
        bad = ~((np.abs(sums - 1) <= SUM_TOLERANCE) & (some.min(axis=1) >= 0))
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise InvalidInputError(
                f"{name} must be finite, 0 or more and sum to 1 in each row, and row {begin + row} "
                f"sums to {sums[row]:g} with {some[row].min():g} as the smallest; give the softmax "
                "of logits"
            )
    return found


def plain_array(given: npt.ArrayLike, name: str) -> npt.NDArray[Any]:
    """Return an array of numpy's own kind, in the same memory; refuse one with a mask."""
    if isinstance(given, np.ma.MaskedArray):
        raise InvalidInputError(
            f"{name} must not be a masked array, whose mask would be passed over; give "
            ".filled(number), or the rows that are there"
        )
    return np.asarray(given)


def readable_by_core(matrix: npt.NDArray[Any]) -> bool:
    """Return whether the core can read a matrix as it lies."""
    lies = matrix.flags.c_contiguous and matrix.flags.aligned
    return bool(lies and matrix.dtype in (np.float32, np.float64) and matrix.dtype.isnative)


def rowwise(score: Callable[..., npt.NDArray[Any]], *matrices: npt.NDArray[Any]) -> Doubles:
    """Return ``score`` of the rows, widened to float64 a block at a time."""
    count, width = matrices[0].shape
    scores = np.empty(count)
    for begin, end in row_chunks(count, max(1, _NUMBERS_AT_ONCE // width)):
        scores[begin:end] = score(*(one[begin:end].astype(np.float64) for one in matrices))
    return scores
