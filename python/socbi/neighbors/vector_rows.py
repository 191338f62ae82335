"""The vectors themselves, row after row: in memory, or where a memory map has them.

Whatever can be read like this can be searched exactly (`socbi.neighbors.blocked_search`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from socbi.neighbors.metrics import FloatArray, Metric, narrowed
from socbi.types import IdArray

__all__ = ["RowSource", "VectorRows", "row_chunks"]

Rows = npt.NDArray[Any]  # (n, d), float32 or float16

# Rows that are read at a time: at 512 dimensions 8 MB of float32, small beside any pool and large
# beside the cost of a call.
CHUNK_ROWS = 4096


class RowSource(Protocol):
    """Vectors by row, and how long each is."""

    dim: int

    def __len__(self) -> int:
        """Return the number of rows."""
        ...

    @property
    def norms(self) -> FloatArray:
        """Return the length of each row; computed at most once."""  # (n,)
        ...

    def read(self, begin: int, end: int) -> Rows:
        """Return the rows from ``begin`` up to ``end``; not to be changed."""
        ...

    def take(self, rows: IdArray) -> Rows:
        """Return these rows."""
        ...


class VectorRows:
    """Rows that grow: memory maps stay where they are, other arrays are copied.

    float16 stays float16; everything else becomes float32.
    """

    def __init__(self, metric: Metric, *, copy: bool = True) -> None:
        self.dim = 0
        self._metric = metric
        self._copy = copy
        self._segments: list[Rows] = []
        self._starts: list[int] = [0]  # where each segment starts, and where the next will
        self._room = 0  # rows that the last segment, our own, still has room for
        self._owned = 0  # rows that are in segments of our own
        self._norms: FloatArray = np.empty(0, np.float32)

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._starts[-1]

    @property
    def norms(self) -> FloatArray:
        """Return the length of each row."""
        return self._norms[: len(self)]

    @property
    def nbytes(self) -> int:
        """Return the bytes held in memory; pages of a memory map are the system's."""
        held = [one for one in self._segments if not isinstance(one, np.memmap)]
        return self._norms.nbytes + sum(one.nbytes for one in held)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the smallest type that holds every row as it is."""
        return np.result_type(np.float16, *[one.dtype for one in self._segments])

    @property
    def mapped(self) -> bool:
        """Say whether rows are in a memory map."""
        return any(isinstance(one, np.memmap) for one in self._segments)

    def write(self, path: Path) -> None:
        """Write all rows as one ``.npy`` file, piece by piece."""
        shape = (len(self), self.dim)
        header = {"descr": self.dtype.str, "fortran_order": False, "shape": shape}
        with open(path, "xb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for begin, end in row_chunks(len(self)):
                np.ascontiguousarray(self.read(begin, end), self.dtype).tofile(file)

    def measure(self, vectors: Rows, chunks: Iterator[tuple[int, int]]) -> FloatArray:
        """Return the norms of new rows, having checked every number."""
        norms = np.empty(len(vectors), np.float32)
        for begin, end in chunks:
            part = self._metric.norms(narrowed(vectors[begin:end]))
            self._metric.check_lengths(part, begin)
            norms[begin:end] = part
        return norms

    def append(self, vectors: Rows, norms: FloatArray) -> None:
        """Take over rows and their norms."""
        first, end = len(self), len(self) + len(vectors)
        self.dim = vectors.shape[1]
        if end > len(self._norms):
            grown = np.empty(max(end, len(self._norms) * 5 // 4), np.float32)
            grown[:first] = self.norms
            self._norms = grown
        self._norms[first:end] = norms  # before the rows count: none is ever without its norm
        if self._keeps(vectors):
            self._segments.append(vectors)
            self._starts.append(end)
            self._room = 0
        elif len(vectors):
            self._append_own(vectors)

    def _keeps(self, vectors: Rows) -> bool:
        kept = vectors.dtype in (np.float32, np.float16)
        return kept and len(vectors) > 0 and (isinstance(vectors, np.memmap) or not self._copy)

    def _append_own(self, vectors: Rows) -> None:
        """Copy into the room that is left; where it is short make room for a quarter of our own.

        Rows are never moved, so a reader of the rows before sees no change.
        """
        dtype = np.dtype(np.float16 if vectors.dtype == np.float16 else np.float32)
        if len(vectors) > self._room or self._segments[-1].dtype != dtype:
            room = max(len(vectors), self._owned // 4)
            self._segments.append(np.empty((room, self.dim), dtype))
            self._starts.append(len(self))
            self._room = room
        begin = self._starts[-1] - self._starts[-2]
        self._segments[-1][begin : begin + len(vectors)] = vectors
        self._starts[-1] += len(vectors)
        self._room -= len(vectors)
        self._owned += len(vectors)

    def read(self, begin: int, end: int) -> Rows:
        """Return the rows from ``begin`` up to ``end``."""
        pieces = [
            segment[max(begin - start, 0) : min(end, stop) - start]
            for segment, start, stop in zip(
                self._segments, self._starts, self._starts[1:], strict=False
            )
            if start < end and begin < stop
        ]
        if len(pieces) == 1:
            return np.asarray(pieces[0])
        return np.concatenate(pieces) if pieces else np.empty((0, self.dim), np.float32)

    def take(self, rows: IdArray) -> Rows:
        """Return these rows."""
        if len(self._segments) == 1:
            return np.asarray(self._segments[0][rows])
        out = np.empty((len(rows), self.dim), self.dtype)
        owner = np.searchsorted(self._starts, rows, side="right") - 1
        for number in np.unique(owner):
            mine = owner == number
            out[mine] = self._segments[number][rows[mine] - self._starts[number]]
        return out


def row_chunks(count: int, size: int = CHUNK_ROWS) -> Iterator[tuple[int, int]]:
    """Return the bounds of chunks of rows, in order."""
    return ((begin, min(begin + size, count)) for begin in range(0, count, size))
