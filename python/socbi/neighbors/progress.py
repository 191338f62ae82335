"""A bar for whatever takes over two seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

__all__ = ["Silent", "Steps", "bar"]

APPEARS_AFTER_S = 2.0


class Steps(Protocol):
    """What a bar is told."""

    def update(self, n: int = 1, /) -> Any:
        """Say that so many steps more are done."""


class Silent:
    """Tells nobody."""

    def update(self, n: int = 1, /) -> None:
        """Do nothing."""


@contextmanager
def bar(what: str, total: int, unit: str, *, shown: bool) -> Iterator[Steps]:
    """Yield something to ``update``; a bar on stderr appears when two seconds have passed."""
    if not shown:
        yield Silent()
        return
    from tqdm.auto import tqdm

    with tqdm(
        total=total, desc=what, unit=unit, unit_scale=True, delay=APPEARS_AFTER_S, leave=False
    ) as shown_bar:
        yield shown_bar
