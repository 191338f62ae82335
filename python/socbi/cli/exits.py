"""What a command ends with: a number that scripts can tell apart, and one line that says why."""

from __future__ import annotations

from enum import IntEnum

from socbi.errors import (
    DiskFullError,
    LabelError,
    SessionError,
    SessionHeldError,
    SocbiError,
)

__all__ = ["Exit", "exit_of", "told"]


class Exit(IntEnum):
    """How a command ended."""

    FINE = 0
    FAULT = 1
    """A fault of socbi itself: please report it, with ``--debug``."""
    USAGE = 2
    """A wrong option, file or value."""
    SESSION = 3
    """There is no campaign here, or it is damaged or of a newer release."""
    HELD = 4
    """Another process has the campaign open: try again later."""
    LABELS = 5
    """Labels of unknown samples or classes; none was taken."""
    DISK = 6
    """No room on the disk; nothing was lost."""
    NOTHING = 7
    """There is nothing left to propose."""
    INTERRUPTED = 130


def exit_of(error: BaseException) -> Exit:
    """Return what a command ends with because of an error."""
    kinds: tuple[tuple[type[BaseException], Exit], ...] = (
        (SessionHeldError, Exit.HELD),
        (SessionError, Exit.SESSION),
        (LabelError, Exit.LABELS),
        (DiskFullError, Exit.DISK),
        (SocbiError, Exit.USAGE),
        (OSError, Exit.USAGE),
        (KeyboardInterrupt, Exit.INTERRUPTED),
    )
    return next((code for kind, code in kinds if isinstance(error, kind)), Exit.FAULT)


def told(error: BaseException) -> str:
    """Return an error on one line."""
    if isinstance(error, KeyboardInterrupt):
        return "stopped; what was done is kept, and the same command goes on from here"
    words = " ".join(str(error).split())
    if exit_of(error) is Exit.FAULT:
        return (
            f"{type(error).__name__}: {words}; this is a fault of socbi, please report it with "
            "what --debug prints"
        )
    return words
