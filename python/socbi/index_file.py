r"""The file a saved index is: versioned, checksummed, written beside and renamed.

Layout, all little-endian::

    8 bytes   magic  b"\x89socbi\r\n"   (a text-mode transfer or a foreign file shows at once)
    4 bytes   format version
    4 bytes   length of the header
    header    JSON: what the index was made with, and the number of scores
    payload   float32 scores by id; NaN for an id that is not in the pool
    4 bytes   CRC-32 of everything before

Only scores and settings are kept: whatever else an index holds is derived from them.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import stat
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from socbi.errors import IndexFileError
from socbi.types import ScoreArray

__all__ = ["read", "write"]

MAGIC = b"\x89socbi\r\n"
VERSION = 1
_PREFIX = struct.Struct("<8sII")
_CHECKSUM = struct.Struct("<I")


def write(path: str | os.PathLike[str], settings: dict[str, Any], scores: ScoreArray) -> None:
    """Write the file beside ``path``, sync it, and rename it to ``path``.

    Whatever interrupts this, ``path`` is either as it was or the whole new file. A link is
    followed, and an existing file keeps its permissions.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise IndexFileError(f"{path} is not a regular file; give the path of a file")
    header = json.dumps({**settings, "scores": len(scores)}).encode()
    parts: list[bytes | memoryview] = [
        _PREFIX.pack(MAGIC, VERSION, len(header)),
        header,
        np.ascontiguousarray(scores, dtype="<f4").view(np.uint8).data,
    ]
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    parts.append(_CHECKSUM.pack(checksum))

    beside = target.with_name(f".socbi-{secrets.token_hex(6)}.tmp")
    try:
        with open(beside, "xb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            beside.chmod(stat.S_IMODE(target.stat().st_mode))
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], ScoreArray]:
    """Return the settings and the scores, or refuse the file with what is wrong with it."""
    content = Path(path).read_bytes()
    if len(content) < _PREFIX.size or not content.startswith(MAGIC):
        start = MAGIC[: len(content)]
        if content and start == content[: len(start)]:
            raise IndexFileError(f"{path} is cut off within its first {_PREFIX.size} bytes")
        raise IndexFileError(f"{path} is not a saved socbi index: it does not begin like one")
    _, version, header_size = _PREFIX.unpack_from(content)
    if version != VERSION:
        raise IndexFileError(
            f"{path} has format version {version} and this socbi reads version {VERSION}: "
            "it was written by another release (use that one), or is damaged"
        )
    body = memoryview(content)[: -_CHECKSUM.size]
    (expected,) = _CHECKSUM.unpack_from(content, len(body))
    if zlib.crc32(body) != expected:
        raise IndexFileError(
            f"{path} is damaged or cut off: its checksum does not fit its {len(content)} bytes; "
            "restore it from a copy"
        )
    return _parse(path, body[_PREFIX.size :], header_size)


def _parse(
    path: str | os.PathLike[str], body: memoryview, header_size: int
) -> tuple[dict[str, Any], ScoreArray]:
    try:
        settings = json.loads(bytes(body[:header_size]))
        scores = np.frombuffer(body[header_size:], dtype="<f4").astype(np.float32)
        consistent = settings.pop("scores") == len(scores)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IndexFileError(f"{path} has a sound checksum and no sound header: {error}") from error
    if not consistent:
        raise IndexFileError(f"{path} does not hold as many scores as its header says")
    return settings, scores


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system lets folders be synced."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
