"""Many readers of one kind, or one writer.

hnswlib and faiss may not be searched while something is added. And hnswlib has one search width
(``ef``) for all its searches, so that readers who ask for another width are kept apart, too: that
is what *kind* is for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager

__all__ = ["SharedLock"]

_ALONE = object()  # the kind of a writer, which none is beside


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
        # Held by itself: Ctrl-C at the entrance of a Condition, which is Python, can leave it held.
        self._mutex = threading.Lock()
        self._door = threading.Condition(self._mutex)
        self._next_ticket = 0  # all that follow: guarded by _mutex
        self._serving = 0
        self._left: set[int] = set()  # tickets of those who were interrupted while they queued
        self._inside: set[object] = set()
        self._kind: Hashable = None  # of those inside

    def read(
        self, kind: Hashable = None, on_first: Callable[[], object] | None = None
    ) -> AbstractContextManager[None]:
        """Enter beside readers of the same kind; ``on_first`` runs when none of it is inside."""
        return self._visit(kind, on_first)

    def write(self) -> AbstractContextManager[None]:
        """Enter alone."""
        return self._visit(_ALONE, None)

    @contextmanager
    def _visit(self, kind: Hashable, on_first: Callable[[], object] | None) -> Iterator[None]:
        """Enter and leave. An interruption may come at any time, on the way in and out as well."""
        visitor = object()
        try:
            self._enter(visitor, kind, on_first)
            yield
        finally:
            try:
                self._leave(visitor)
            except BaseException:
                self._leave(visitor)
                raise

    def _enter(
        self, visitor: object, kind: Hashable, on_first: Callable[[], object] | None
    ) -> None:
        """Wait until all who came before have entered, and then for those who are in the way."""
        with self._mutex:
            ticket = self._next_ticket
            self._next_ticket += 1
            try:
                self._door.wait_for(lambda: self._serving == ticket)
                self._door.wait_for(lambda: not self._inside or self._may_join(kind))
                if not self._inside and on_first is not None:
                    on_first()
                self._kind = kind
                self._inside.add(visitor)
            finally:
                self._pass_turn_on(ticket)

    def _may_join(self, kind: Hashable) -> bool:
        return kind is not _ALONE and self._kind == kind

    def _pass_turn_on(self, ticket: int) -> None:
        self._left.add(ticket)
        while self._serving in self._left:
            self._left.remove(self._serving)
            self._serving += 1
        self._door.notify_all()

    def _leave(self, visitor: object) -> None:
        """Leave, if this visitor is inside."""
        with self._mutex:
            self._inside.discard(visitor)
            self._door.notify_all()
