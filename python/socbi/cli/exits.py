"""What a command ends with: a number that scripts can tell apart, and one line that says why."""

from __future__ import annotations

import errno
from enum import IntEnum

from socbi.errors import (
    DiskFullError,
    LabelError,
    MissingExtraError,
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
    if _no_room(error):
        return Exit.DISK
    kinds: tuple[tuple[type[BaseException], Exit], ...] = (
        (SessionHeldError, Exit.HELD),
        (SessionError, Exit.SESSION),
        (LabelError, Exit.LABELS),
        (DiskFullError, Exit.DISK),
        (MissingExtraError, Exit.USAGE),
        (SocbiError, Exit.USAGE),
        (OSError, Exit.USAGE),
        (KeyboardInterrupt, Exit.INTERRUPTED),
    )
    return next((code for kind, code in kinds if isinstance(error, kind)), Exit.FAULT)


# What messages of the library say, and what it is on the command line.
_AS_COMMANDS = (
    ("Session.create begins a session", "socbi init and socbi embed begin a campaign"),
    ("Session.create begins one", "socbi init and socbi embed begin one"),
    ("call Session.create with the same arguments again, which goes on", "socbi embed goes on"),
    ("Session.open opens it", "go on with socbi propose"),
    ("propose() and submit() first", "socbi propose and socbi submit first"),
    ("free some space and call again", "free some space and run the command again"),
    ("leave such samples out: on_problem='skip'", "leave such samples out: --skip-problems"),
    ("on_problem='skip'", "--skip-problems"),
    ('on_problem="skip"', "--skip-problems"),
    ("give embeddings= or encoder=", "--embeddings FILE, or an encoder in socbi init"),
    ("are: root=, or the", "are: --root FOLDER, or the"),
    ("with text_model=, texts", "with --text-model, texts"),
    ("and CANNOT_TELL)", "and ?)"),
)


def _no_room(error: BaseException) -> bool:
    """Say whether the system has no room, and the library has not said so itself."""
    return (
        isinstance(error, OSError)
        and not isinstance(error, DiskFullError)
        and error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
    )


def told(error: BaseException) -> str:
    """Return an error on one line."""
    if isinstance(error, KeyboardInterrupt):
        return "stopped; what was done is kept, and the same command goes on from here"
    words = " ".join(str(error).split())
    for of_python, of_commands in _AS_COMMANDS:
        words = words.replace(of_python, of_commands)
    if _no_room(error):
        return f"no room on the disk ({words}); free some space and run the command again"
    if exit_of(error) is Exit.FAULT:
        return (
            f"{type(error).__name__}: {words}; this is a fault of socbi, please report it with "
            "what --debug prints"
        )
    return words
