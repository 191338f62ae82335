"""Small images inside a page."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError

__all__ = ["data_uri", "png"]


def png(image: npt.NDArray[np.uint8]) -> bytes:
    """Return an image as a PNG file: (h, w) grey or (h, w, 3) colour.

    Examples
    --------
    >>> png(np.zeros((2, 2), np.uint8))[:4]
    b'\\x89PNG'
    """
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)):
        raise InvalidInputError(
            f"an image must be uint8 of the shape (h, w) or (h, w, 3), got {image.shape} of "
            f"{image.dtype}"
        )
    height, width = image.shape[:2]
    rows = image.reshape(height, -1)
    filtered = np.hstack([np.zeros((height, 1), np.uint8), rows])  # each row as it is
    head = struct.pack(">IIBBBBB", width, height, 8, 0 if image.ndim == 2 else 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(filtered.tobytes(), 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in parts)


def data_uri(image: npt.NDArray[np.uint8]) -> str:
    """Return an image as an address that needs no network.

    Examples
    --------
    >>> data_uri(np.zeros((1, 1), np.uint8))[:22]
    'data:image/png;base64,'
    """
    return f"data:image/png;base64,{base64.b64encode(png(image)).decode()}"


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + checksum
