"""Rows in pieces over all cores, each piece with products on one core.

BLAS's own threads wait for each other after every product: on a machine that does anything else a
product of 2,048 x 512 with a vector then takes 8 ms instead of 0.06. So BLAS is kept to one thread,
and pieces of the rows are spread over threads of our own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.neighbors.cores import core_count, one_blas_thread, one_blas_thread_here
from socbi.neighbors.metrics import FloatArray, narrowed
from socbi.neighbors.vector_rows import row_chunks
from socbi.types import IdArray

__all__ = ["RowWorkers", "gathered"]


class RowWorkers:
    """Threads that share the rows of one call."""

    def __init__(self, pool: ThreadPoolExecutor | None) -> None:
        self._pool = pool

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[RowWorkers]:
        """Yield one worker for each core; in the block BLAS runs on the thread that calls it."""
        threads = core_count()
        with one_blas_thread():
            if threads == 1:
                yield cls(None)
                return
            with ThreadPoolExecutor(threads, initializer=one_blas_thread_here) as pool:
                yield cls(pool)

    def each(self, count: int, size: int, work: Callable[[int, int], Any]) -> None:
        """Call ``work(begin, end)`` for pieces of ``size`` rows; they must not touch each other."""
        pieces = list(row_chunks(count, size))
        if self._pool is None or len(pieces) == 1:
            for begin, end in pieces:
                work(begin, end)
            return
        for _ in self._pool.map(lambda piece: work(*piece), pieces):  # raises what a call raised
            pass


def gathered(vectors: npt.NDArray[Any], ids: IdArray) -> FloatArray:
    """Return these rows as float32; as they lie, where they lie side by side and are float32."""
    if len(ids) and ids[-1] - ids[0] == len(ids) - 1 and (np.diff(ids) == 1).all():
        return narrowed(vectors[ids[0] : ids[-1] + 1])
    return narrowed(vectors[ids])
