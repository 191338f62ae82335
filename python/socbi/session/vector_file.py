"""The embeddings of a session, row by position, in one file that grows at its end.

The file has rows and nothing else; how many of them count is committed in the database after they
are synced. So rows behind those that count are leftovers, and are written over.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError, SessionError
from socbi.pool.finite_rows import finite_rows
from socbi.session.storing import storing

__all__ = ["VectorFile", "checked_vectors", "pieces"]

FILE = "vectors.bin"
# Rows that are copied at a time: 16 MB at 512 dimensions of half floats.
_ROWS = 16_384


class VectorFile:
    """Rows of one length and type."""

    def __init__(self, folder: Path, dim: int, dtype: str, name: str = FILE) -> None:
        self.path = folder / name
        self.dim = dim
        self.dtype = np.dtype(dtype)

    def write_behind(self, rows: int, parts: Iterable[npt.NDArray[Any]]) -> int:
        """Write rows behind the first so many, and return how many there are then, synced."""
        with storing(f"{self.path}"):
            mode = "r+b" if self.path.exists() else "x+b"
            with open(self.path, mode) as file:
                file.truncate(rows * self._row_bytes)
                file.seek(rows * self._row_bytes)
                for part in parts:
                    narrow = finite_rows(part, self.dtype, rows)
                    file.write(narrow.data)
                    rows += len(narrow)
                file.flush()
                os.fsync(file.fileno())
        return rows

    def mapped(self, rows: int) -> npt.NDArray[Any]:
        """Return the first so many rows as a memory map."""
        if rows == 0:
            return np.empty((0, self.dim), self.dtype)
        needed = rows * self._row_bytes
        size = self.path.stat().st_size if self.path.exists() else 0
        if size < needed:
            raise SessionError(
                f"{self.path} is missing or cut off: it has {size} bytes and {needed} were "
                "written; restore it from a copy"
            )
        return np.memmap(self.path, self.dtype, "r", shape=(rows, self.dim))

    @property
    def _row_bytes(self) -> int:
        return self.dim * self.dtype.itemsize


def checked_vectors(given: npt.ArrayLike, count: int) -> npt.NDArray[Any]:
    """Return embeddings with a row for each of ``count`` samples."""
    found = np.asanyarray(given)
    if found.ndim != 2 or len(found) != count or found.dtype.kind not in "fiu" or not found.size:
        raise InvalidInputError(
            f"embeddings must be numbers with a row for each of {count} samples, got the shape "
            f"{found.shape} of {found.dtype}"
        )
    return found


def pieces(array: npt.NDArray[Any]) -> Iterable[npt.NDArray[Any]]:
    """Return an array in pieces that memory has room for."""
    return (array[begin : begin + _ROWS] for begin in range(0, len(array), _ROWS))
