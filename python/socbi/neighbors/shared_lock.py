"""Many readers of one kind, or one writer.

hnswlib and faiss may not be searched while something is added. And hnswlib has one search width
(``ef``) for all its searches, so that readers who ask for another width are kept apart, too: that
is what *kind* is for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

__all__ = ["SharedLock"]


class SharedLock:
    """First come, first served: whoever waits lets nobody who came later pass.

    Examples
    --------
    >>> lock = SharedLock()
    >>> with lock.read():
    ...     pass
    >>> with lock.write():
    ...     pass
    """

    def __init__(self) -> None:
        self._door = threading.Condition()
        self._next_ticket = 0  # all that follow: guarded by _door
        self._serving = 0
        self._left: set[int] = set()  # tickets of those who were interrupted while they queued
        self._readers = 0
        self._kind: Hashable = None
        self._writing = False

    @contextmanager
    def read(
        self, kind: Hashable = None, on_first: Callable[[], object] | None = None
    ) -> Iterator[None]:
        """Enter beside readers of the same kind; ``on_first`` runs when none of it is inside."""
        entered = False  # an interruption may come at any time, on the way in as well
        try:
            with self._door, self._in_turn():
                self._door.wait_for(
                    lambda: not self._writing and (self._readers == 0 or self._kind == kind)
                )
                if self._readers == 0 and on_first is not None:
                    on_first()
                self._kind = kind
                self._readers += 1
                entered = True
            yield
        finally:
            if entered:
                with self._door:
                    self._readers -= 1
                    self._door.notify_all()

    @contextmanager
    def write(self) -> Iterator[None]:
        """Enter alone."""
        entered = False
        try:
            with self._door, self._in_turn():
                self._door.wait_for(lambda: not self._writing and self._readers == 0)
                self._writing = entered = True
            yield
        finally:
            if entered:
                with self._door:
                    self._writing = False
                    self._door.notify_all()

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Wait until everyone who came before has entered; then be the one who is waiting."""
        ticket = self._next_ticket
        self._next_ticket += 1
        try:
            self._door.wait_for(lambda: self._serving == ticket)
            yield
        finally:
            self._left.add(ticket)
            while self._serving in self._left:
                self._left.remove(self._serving)
                self._serving += 1
            self._door.notify_all()
