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

__all__ = ["checked_threads", "core_count", "one_blas_thread"]

_lock = threading.Lock()
_inside = 0  # guarded by _lock, like the limit
_limit: Any = None


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
    global _inside, _limit
    with _lock:
        if _inside == 0:
            _limit = _controller().limit(limits=1, user_api="blas")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _limit.restore_original_limits()
                _limit = None


@functools.cache
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
