"""Embeddings as the files of a store or a campaign hold them: narrow, and finite still."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError

__all__ = ["finite_rows"]


def finite_rows(
    vectors: npt.NDArray[Any], dtype: npt.DTypeLike, first: int = 0
) -> npt.NDArray[np.floating]:
    """Return rows in this type; ``first`` is the number of the first, for what is said of one.

    Examples
    --------
    >>> finite_rows(np.array([[1.0, 2.0]]), np.float16).dtype
    dtype('float16')
    """
    with np.errstate(over="ignore"):
        narrow: npt.NDArray[np.floating] = np.ascontiguousarray(vectors, dtype)
    wrong = np.flatnonzero(~np.isfinite(narrow).all(axis=1))
    if len(wrong):
        raise InvalidInputError(
            f"the embedding in row {first + wrong[0]} has NaN, an infinity or a number beyond "
            f"{np.dtype(dtype)}; keep them as float32, or mend the encoder"
        )
    return narrow
