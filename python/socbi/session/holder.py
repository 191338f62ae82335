"""One process at a time has a session open, and the next one is told which."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from datetime import datetime, timezone
from pathlib import Path

from socbi.errors import SessionHeldError
from socbi.session.storing import storing

__all__ = ["Holder"]

# More than a name ever takes.
_NAME_BYTES = 4096


class Holder:
    """The lock of a folder, from when it is made to `release`.

    The system gives it back when a process ends, however it ends; so what stands in the file is
    only told to others while the lock is held, and a name that a killed process left means nothing.
    """

    def __init__(self, folder: Path, now: float) -> None:
        # A descriptor and no file object: that would write again what found no room when closed.
        self._handle = os.open(folder / "holder", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            self._lock(folder)
            with storing("the name of who has the folder"):
                os.ftruncate(self._handle, 0)
                os.pwrite(self._handle, _name(now), 0)
        except BaseException:
            self.release()
            raise

    def _lock(self, folder: Path) -> None:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SessionHeldError(
                f"{folder} is held by {_told(os.pread(self._handle, _NAME_BYTES, 0))}; let that "
                "one close it or end it, then try again"
            ) from error

    def release(self) -> None:
        """Let others have the folder."""
        os.close(self._handle)


def _name(now: float) -> bytes:
    since = datetime.fromtimestamp(now, timezone.utc).isoformat(timespec="seconds")
    who = {"process": os.getpid(), "host": socket.gethostname(), "since": since}
    return json.dumps(who).encode()


def _told(content: bytes) -> str:
    """Return in words who holds the folder."""
    try:
        who = json.loads(content)
        return f"process {who['process']} on {who['host']} since {who['since']}"
    except (ValueError, KeyError, TypeError):
        return "a process that has not said which"
