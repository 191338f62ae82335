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


class _Visitor:
    """One who is inside or waits, and on which thread."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()


class SharedLock:
    """First come, first served: whoever waits lets nobody who came later pass.

    Nobody enters twice. So when a thread comes whose last visit is not over, that visit was ended
    by a Ctrl-C on the very way out, where Python leaves no room to clean up; it is over now.

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
        self._queue: dict[_Visitor, None] = {}  # who waits, in order; guarded by _mutex, as are:
        self._inside: set[_Visitor] = set()
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
        visitor = _Visitor()
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
        self, visitor: _Visitor, kind: Hashable, on_first: Callable[[], object] | None
    ) -> None:
        """Wait until all who came before have entered, and then for those who are in the way."""
        with self._mutex:
            self._end_visits_of(visitor.thread)
            self._queue[visitor] = None
            self._door.wait_for(lambda: next(iter(self._queue)) is visitor)
            self._door.wait_for(lambda: not self._inside or self._may_join(kind))
            if not self._inside and on_first is not None:
                on_first()
            self._kind = kind
            self._inside.add(visitor)
            self._queue.pop(visitor)
            self._door.notify_all()

    def _may_join(self, kind: Hashable) -> bool:
        return kind is not _ALONE and self._kind == kind

    def _end_visits_of(self, thread: int) -> None:
        for one in [one for one in (*self._inside, *self._queue) if one.thread == thread]:
            self._inside.discard(one)
            self._queue.pop(one, None)

    def _leave(self, visitor: _Visitor) -> None:
        """Leave, from wherever this visitor has come to."""
        with self._mutex:
            self._queue.pop(visitor, None)
            self._inside.discard(visitor)
            self._door.notify_all()
