"""Files of what an encoder learned: written whole, or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

__all__ = ["writing_whole"]


@contextlib.contextmanager
def writing_whole(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Yield a file beside, which takes the place of ``path`` once it is synced; gone on an error.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "learned"
    >>> with writing_whole(path) as file:
    ...     _ = file.write(b"all of it")
    >>> path.read_bytes(), [one.name for one in path.parent.iterdir()]
    (b'all of it', ['learned'])
    """
    target = Path(path)
    beside = target.with_name(f".{target.name}.part")
    try:
        with open(beside, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
