"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(path: Path, text: str) -> None:
    """Write a text beside and rename it, so that a full disk leaves what was there."""
    from socbi.session.storing import storing  # sessions take time to load

    if path.exists() and not path.is_file():  # a pipe or a device
        path.write_text(text, encoding="utf-8")
        return
    target = path.resolve()  # what a link points to is replaced, and not the link
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    with storing(f"{path}"):
        try:
            beside.write_text(text, encoding="utf-8", newline="")
            os.replace(beside, target)
        finally:
            beside.unlink(missing_ok=True)
