"""What a full disk and a damaged file are called when something is being kept."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from socbi.errors import DiskFullError, SessionError, SessionHeldError

__all__ = ["NO_ROOM", "storing"]

NO_ROOM = frozenset((errno.ENOSPC, errno.EFBIG, errno.EDQUOT))


@contextmanager
def storing(what: str) -> Iterator[None]:
    """Raise this library's errors for what the system says while ``what`` is kept."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise DiskFullError(
            f"no room on the disk for {what}: nothing of this call was kept, and nothing before it "
            f"is lost ({error}); free some space and call again"
        ) from error
    except sqlite3.Error as error:
        # A limit on the size of files shows as an input/output error, without its number.
        if "full" in str(error) or "disk I/O error" in str(error):
            raise DiskFullError(
                f"no room on the disk for {what}: nothing of this call was kept, and nothing "
                f"before it is lost ({error}); free some space and call again"
            ) from error
        if "locked" in str(error) or "busy" in str(error):
            raise SessionHeldError(
                f"{what} is being used by another program ({error}): nothing of this call was "
                "kept; let that one end, then try again"
            ) from error
        if "readonly" in str(error) or "unable to open" in str(error):
            raise SessionError(
                f"{what} cannot be kept or read: {error}; see that the folder is there and that "
                "you may write in it"
            ) from error
        raise SessionError(
            f"{what} cannot be kept or read: {error}; restore the folder from a copy"
        ) from error
