"""What a neighbour graph must look like before anything walks along it, looked at once a graph."""

from __future__ import annotations

import threading
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError, InvalidTypeError
from socbi.neighbors import KnnGraph
from socbi.neighbors.vector_rows import row_chunks

__all__ = ["checked_graph"]

Mask = npt.NDArray[np.bool_]

# Entries that are looked at in one go: small enough for a core's own cache.
_ENTRIES_AT_ONCE = 1 << 16
# Up to so many columns comparing each with each is quicker than sorting every row.
_FEW_COLUMNS = 16


def checked_graph(given: object, size: int) -> KnnGraph:
    """Return a graph of so many samples, or say what else it is.

    An id beyond the pool would be read and written outside of the arrays that it numbers; one that
    comes twice, or the row's own, would count twice.
    """
    if not isinstance(given, KnnGraph):
        raise InvalidTypeError(
            f"graph must be a socbi.neighbors.KnnGraph, got {type(given).__name__}; "
            "knn_graph(embeddings) makes one"
        )
    if len(given) != size:
        raise InvalidInputError(
            f"the graph must have a row for each of {size} samples, got {len(given)}"
        )
    key = id(given)
    with _lock:
        if key in _known:
            return given
    _check_ids(given.ids)
    with _lock:
        if key not in _known:
            weakref.finalize(given, _known.discard, key)
            _known.add(key)
    return given


_lock = threading.Lock()
_known: set[int] = set()  # by identity, while the graph lives; guarded by _lock but for removals


def _check_ids(ids: npt.NDArray[Any]) -> None:
    if ids.ndim != 2 or ids.dtype.kind not in "iu":
        raise InvalidInputError(
            "the ids of the graph must be whole numbers, (samples, neighbours), got the shape "
            f"{ids.shape} of {ids.dtype}"
        )
    count, width = ids.shape
    for begin, end in row_chunks(count, max(1, _ENTRIES_AT_ONCE // max(1, width))):
        block = ids[begin:end]
        if not block.size:
            continue
        if block.min() < -1 or block.max() >= count:
            outside = ((block < -1) | (block >= count)).any(axis=1)
            _refuse(begin, outside, f"holds an id that is neither -1 nor from 0 to {count - 1}")
        own = (block == np.arange(begin, end)[:, None]).any(axis=1)
        if own.any():
            _refuse(begin, own, "has the sample itself as a neighbour")
        twice = _repeated(block)
        if twice.any():
            _refuse(begin, twice, "has a neighbour twice")


def _refuse(begin: int, wrong: Mask, what: str) -> None:
    row = begin + int(np.flatnonzero(wrong)[0])
    raise InvalidInputError(
        f"the graph's row {row} {what}; knn_graph(embeddings) makes rows of other samples, each "
        "once, with -1 where there are fewer"
    )


def _repeated(block: npt.NDArray[Any]) -> Mask:
    """Return which rows have an id twice, holes apart."""
    width = block.shape[1]
    if width > _FEW_COLUMNS:
        ordered = np.sort(block, axis=1)
        twice = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
        return np.asarray(twice.any(axis=1), np.bool_)
    columns = np.ascontiguousarray(block.T)
    found = np.zeros(len(block), np.bool_)
    for one in range(1, width):
        there = columns[one] >= 0
        found |= (columns[:one] == columns[one]).any(axis=0) & there
    return found
