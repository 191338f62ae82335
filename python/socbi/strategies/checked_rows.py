"""What the rows of embeddings and of probabilities must look like, looked at block by block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi import _core
from socbi.errors import InvalidInputError
from socbi.neighbors.cores import core_count
from socbi.neighbors.vector_rows import row_chunks
from socbi.scorers.probabilities import SUM_TOLERANCE, plain_array, readable_by_core
from socbi.types import IdArray

__all__ = ["are_shares", "check_lengths", "check_shares", "checked_rows"]

Rows = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

# Numbers that are looked at in one go: small enough for a core's own cache.
_NUMBERS_AT_ONCE = 1 << 16
# Squared distances of float32 vectors, up to four times the longest square, must be float32 too,
# and so must their products with the squares of errors of probabilities, up to 2.
_LONGEST_SQUARE = float(np.finfo(np.float32).max) / 16


def checked_rows(given: npt.ArrayLike, name: str, size: int) -> Rows:
    """Return floats, a row for each sample, or say what else they are."""
    found = plain_array(given, name)
    if found.ndim != 2 or len(found) != size or found.dtype.kind != "f":
        raise InvalidInputError(
            f"{name} must be floats with a row for each of {size} samples, got the shape "
            f"{found.shape} of {found.dtype}"
        )
    if found.shape[1] == 0:
        raise InvalidInputError(f"{name} must have one column or more, got the shape {found.shape}")
    return found


def check_lengths(rows: Rows, ids: IdArray) -> None:
    """Refuse vectors of these ids, ascending, that are not finite or too long for float32."""
    largest = (_LONGEST_SQUARE / max(1, rows.shape[1])) ** 0.5  # of a number that is surely short

    def sound(block: Rows) -> bool:
        return bool(-largest <= block.min() and block.max() <= largest)

    def wrong(some: Doubles) -> Mask:
        with np.errstate(over="ignore"):
            return np.asarray(~(np.einsum("nd,nd->n", some, some) <= _LONGEST_SQUARE), np.bool_)

    for id, row in _first_wrong(rows, ids, sound, wrong):
        if not np.isfinite(row).all():
            raise InvalidInputError(f"embeddings must be finite, and the row of id {id} is not")
        raise InvalidInputError(
            "embeddings must be such that their squared distances are float32 numbers, and the "
            f"row of id {id} has the length {np.linalg.norm(row.astype(np.longdouble)):.3g}, above "
            f"{_LONGEST_SQUARE**0.5:.3g}; scale them down"
        )


def are_shares(rows: Rows) -> bool:
    """Return whether all rows are surely 0 or more each and 1 together; False may be either."""
    return readable_by_core(rows) and _core.are_shares(rows, SUM_TOLERANCE, core_count())


def check_shares(rows: Rows, ids: IdArray) -> None:
    """Refuse rows of these ids, ascending, that are not 0 or more each and 1 together."""
    ones = np.ones(rows.shape[1], rows.dtype if rows.dtype.itemsize > 2 else np.float32)

    def sound(block: Rows) -> bool:
        return bool(block.min() >= 0 and (np.abs(block @ ones - 1) <= SUM_TOLERANCE).all())

    def wrong(some: Doubles) -> Mask:
        within = (some >= 0).all(axis=1) & (np.abs(some.sum(axis=1) - 1) <= SUM_TOLERANCE)
        return np.asarray(~within, np.bool_)

    for id, row in _first_wrong(rows, ids, sound, wrong):
        if not np.isfinite(row).all():
            raise InvalidInputError(f"probabilities must be finite, and the row of id {id} is not")
        if row.min() < 0 or row.max() > 1 + SUM_TOLERANCE:
            raise InvalidInputError(
                f"probabilities must lie from 0 to 1, and the row of id {id} does not; give the "
                "softmax of logits"
            )
        raise InvalidInputError(
            f"probabilities must sum to 1 in each row, and that of id {id} sums to "
            f"{row.sum():.4g}; divide each row by its sum, or give the softmax of logits"
        )


def _first_wrong(
    rows: Rows, ids: IdArray, sound: Callable[[Rows], bool], wrong: Callable[[Doubles], Mask]
) -> list[tuple[int, Doubles]]:
    """Return the first wrong row among these ids, or none; rows of others may be anything."""
    for begin, end in row_chunks(len(rows), max(1, _NUMBERS_AT_ONCE // max(1, rows.shape[1]))):
        with np.errstate(invalid="ignore", over="ignore"):
            fine = sound(rows[begin:end])
        if fine:
            continue
        mine = ids[slice(*np.searchsorted(ids, [begin, end]))]
        some = rows[mine].astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            bad = np.flatnonzero(wrong(some))
        if len(bad):
            return [(int(mine[bad[0]]), some[bad[0]])]
    return []
