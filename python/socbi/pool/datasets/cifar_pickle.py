"""The pickles of CIFAR, read without running what a pickle may ask for.

They were written by Python 2 with cPickle: a dict of strings, lists and one array of bytes. The
names that they use are given plain stand-ins here; any other name is refused, so that a forged file
can run nothing.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

__all__ = ["read_pickle"]


class _Type:
    """Stands for numpy.dtype."""

    def __init__(self, name: bytes | str, *_: Any) -> None:
        self.name = name.decode("latin-1") if isinstance(name, bytes) else name

    def __setstate__(self, state: Any) -> None:
        """Take nothing in: bytes have no order."""


class _Array:
    """Stands for numpy.ndarray, and for what makes an empty one."""

    def __init__(self, *_: Any) -> None:
        self.content = b""

    def __setstate__(self, state: Any) -> None:
        """Take the bytes in."""
        _, shape, kind, by_column, content = state
        if not isinstance(kind, _Type) or kind.name != "u1" or by_column:
            raise pickle.UnpicklingError("an array that is not of bytes, row by row")
        if not isinstance(content, bytes):
            raise pickle.UnpicklingError(f"an array {shape} without bytes")
        self.content = content


def _encode(text: str, _: Any = None) -> bytes:
    """Stand for _codecs.encode, with which Python 3 writes bytes for Python 2."""
    return text.encode("latin-1")


_STAND_INS = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("_codecs", "encode"): _encode,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for a name."""
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not given to it")
        return _STAND_INS[module, name]


def read_pickle(content: bytes) -> dict[str, Any]:
    """Return the dict of a batch, arrays as their bytes; ValueError where it is none."""
    try:
        found = _Reader(io.BytesIO(content), encoding="bytes").load()
    except (
        pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, IndexError,
        KeyError, MemoryError, OverflowError, UnicodeError,
    ) as error:  # fmt: skip
        raise ValueError(str(error) or type(error).__name__) from error
    if not isinstance(found, dict):
        raise ValueError(f"a {type(found).__name__}, where a dict is expected")
    return {
        key.decode("latin-1") if isinstance(key, bytes) else str(key): (
            value.content if isinstance(value, _Array) else value
        )
        for key, value in found.items()
    }
