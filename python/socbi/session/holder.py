"""One process at a time has a session open, and the next one is told which."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from datetime import datetime, timezone
from pathlib import Path
from typing import IO

from socbi.errors import SessionHeldError

__all__ = ["Holder"]


class Holder:
    """The lock of a folder, from when it is made to `release`.

    The system gives it back when a process ends, however it ends; so what stands in the file is
    only told to others while the lock is held, and a name that a killed process left means nothing.
    """

    def __init__(self, folder: Path, now: float) -> None:
        # Text that is written here by a process is read by another: opened to append, so that
        # looking at it does not empty it.
        self._file: IO[str] = open(folder / "holder", "a+", encoding="utf-8")  # noqa: SIM115
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            with self._file as file:
                file.seek(0)
                raise SessionHeldError(
                    f"{folder} is held by {_told(file.read())}; let that one close it or end it, "
                    "then try again"
                ) from error
        since = datetime.fromtimestamp(now, timezone.utc).isoformat(timespec="seconds")
        who = {"process": os.getpid(), "host": socket.gethostname(), "since": since}
        self._file.truncate(0)
        self._file.write(json.dumps(who))
        self._file.flush()

    def release(self) -> None:
        """Let others have the folder."""
        self._file.close()


def _told(content: str) -> str:
    """Return in words who holds the folder."""
    try:
        who = json.loads(content)
        return f"process {who['process']} on {who['host']} since {who['since']}"
    except (ValueError, KeyError, TypeError):
        return "a process that has not said which"
