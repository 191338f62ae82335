"""Python threads that call beside each other, started before the clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

CallAll = Callable[[Callable[[Any], None], list[Any]], None]


@contextmanager
def callers(threads: int) -> Iterator[CallAll]:
    """Give ``call_all(call, items)``, which calls once for each item, at the same time."""
    with ThreadPoolExecutor(threads) as pool:
        all_started = threading.Barrier(threads)
        list(pool.map(lambda _: all_started.wait(), range(threads)))

        def call_all(call: Callable[[Any], None], items: list[Any]) -> None:
            for _ in pool.map(call, items):  # raises here what a call raised
                pass

        yield call_all
