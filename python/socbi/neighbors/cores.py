"""How many cores a call may use, and the one BLAS that all threads share.

A blocked search runs its own threads, each with products on one core: the selection between the
products is then spread over the cores as well. BLAS has one number of threads for the whole
process, so searches that overlap share one limit, which the last of them lifts.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from socbi.errors import InvalidInputError

__all__ = ["checked_threads", "core_count", "one_blas_thread", "one_blas_thread_here"]

_lock = threading.Lock()
_inside = 0  # guarded by _lock, like the numbers of threads before
_before: list[int] = []


def core_count() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def checked_threads(threads: int | None) -> int:
    """Return the number of threads asked for; all cores if None."""
    if threads is None:
        return core_count()
    whole = isinstance(threads, (int, np.integer)) and not isinstance(threads, bool)
    if not whole or threads < 1:
        raise InvalidInputError(
            f"threads must be 1 or more, or None for all cores; got {threads!r}"
        )
    return int(threads)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let every matrix product in this process run on the thread that calls it."""
    global _inside, _before
    with _lock:
        if _inside == 0:
            _before = _exchange(_libraries(own_numbers=False))
        _inside += 1
    own = _exchange(_libraries(own_numbers=True))
    try:
        yield
    finally:
        _exchange(_libraries(own_numbers=True), own)
        with _lock:
            _inside -= 1
            if _inside == 0:
                _exchange(_libraries(own_numbers=False), _before)


def one_blas_thread_here() -> None:
    """Do so for the thread that calls, to its end, where BLAS has a number for each thread."""
    _exchange(_libraries(own_numbers=True))


def _exchange(libraries: list[Any], numbers: list[int] | None = None) -> list[int]:
    """Set how many threads each takes, one if not said, and return how many it took before."""
    before = [library.num_threads for library in libraries]
    for library, number in zip(libraries, numbers or [1] * len(before), strict=True):
        # From threadpoolctl 3.7 on only one thread may change a BLAS that all share, and others
        # are passed over in silence. Here whoever comes first sets it and whoever leaves last
        # puts it back.
        release = getattr(library, "clear_controlling_thread", lambda force: None)
        release(force=True)
        library.set_num_threads(number)
        release(force=True)
    return before


@functools.cache
def _libraries(*, own_numbers: bool) -> list[Any]:
    """Return every BLAS whose number of threads belongs to the thread that asks, or to all.

    The first are those built on OpenMP, as some systems have them.
    """
    from threadpoolctl import ThreadpoolController

    return [
        library
        for library in ThreadpoolController().lib_controllers
        if library.user_api == "blas"
        and (getattr(library, "threading_layer", "") == "openmp") == own_numbers
    ]
