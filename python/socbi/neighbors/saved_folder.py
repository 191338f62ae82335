"""A folder that holds a saved index, replaced all at once.

``index.json`` names the files that belong together, with sizes and checksums; every save writes
files of new names beside the old ones, syncs them, and then renames a new ``index.json`` into its
place. Whatever interrupts a save, the folder holds the old index or the new one, whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.errors import IndexFileError, SocbiError

__all__ = ["SavedFolder"]

LISTING = "index.json"
FORMAT = 1
_PIECE = 1 << 22  # bytes that are read at a time for a checksum


class SavedFolder:
    """The files of one saved index."""

    def __init__(self, path: Path, stem: str) -> None:
        self.path = path
        self.meta: dict[str, Any] = {}
        self._stem = stem
        self._files: dict[str, dict[str, Any]] = {}

    # ---- writing ---------------------------------------------------------------------------------

    @classmethod
    @contextmanager
    def write(cls, path: str | os.PathLike[str]) -> Iterator[SavedFolder]:
        """Yield a folder to put files into; they count when the block ends without an error."""
        target = Path(path)
        if target.exists() and not target.is_dir():
            raise IndexFileError(f"{target} is not a folder; give the path of a folder")
        target.mkdir(parents=True, exist_ok=True)
        with _held(target, fcntl.LOCK_EX):
            names = {path.name for path in target.iterdir()}
            if LISTING not in names and not all(map(_is_ours, names)):
                raise IndexFileError(
                    f"{target} holds files that are no saved index; give a new or empty folder"
                )
            folder = cls(target, secrets.token_hex(6))
            try:
                yield folder
                folder._commit()
            finally:
                folder._sweep()

    def put_array(self, name: str, array: npt.NDArray[Any]) -> None:
        """Write an array as ``.npy``."""
        self.put(f"{name}.npy", lambda path: _write_array(path, array))

    def put(self, name: str, write: Callable[[Path], object]) -> None:
        """Let ``write`` write a file at the path it is given."""
        path = self.path / f"{self._stem}-{name}"
        write(path)
        with open(path, "rb") as file:
            os.fsync(file.fileno())
        self._files[name] = {"file": path.name, "bytes": path.stat().st_size, "crc32": _crc32(path)}

    def _commit(self) -> None:
        listing = {"format": FORMAT, **self.meta, "files": self._files}
        beside = self.path / f"{self._stem}-{LISTING}"
        with open(beside, "x", encoding="utf-8") as file:
            json.dump(listing, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self.path / LISTING)
        with contextlib.suppress(OSError):
            handle = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def _sweep(self) -> None:
        """Delete what the listing does not name: an older index, or what an interruption left.

        Readers that have the old files mapped keep them until they close.
        """
        listed = {LISTING}
        with contextlib.suppress(OSError, ValueError, KeyError):
            listing = json.loads((self.path / LISTING).read_text(encoding="utf-8"))
            listed |= {one["file"] for one in listing["files"].values()}
        if len(listed) == 1 and (self.path / LISTING).exists():
            return
        for path in self.path.iterdir():
            if path.name not in listed and _is_ours(path.name):
                with contextlib.suppress(OSError):
                    path.unlink()

    # ---- reading ---------------------------------------------------------------------------------

    @classmethod
    @contextmanager
    def reading(
        cls, path: str | os.PathLike[str], *, verify: bool = False
    ) -> Iterator[SavedFolder]:
        """Yield the folder, having checked its files; no save replaces them in the block."""
        target = Path(path)
        with _held(target, fcntl.LOCK_SH) if target.is_dir() else nullcontext():
            yield cls._read(target, verify)

    @classmethod
    def _read(cls, target: Path, verify: bool) -> SavedFolder:
        try:
            listing = json.loads((target / LISTING).read_text(encoding="utf-8"))
            version, files = listing.pop("format"), listing.pop("files")
        except FileNotFoundError as error:
            raise IndexFileError(f"{target} holds no saved index: no {LISTING} there") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise IndexFileError(f"{target / LISTING} cannot be read: {error}") from error
        if version != FORMAT:
            raise IndexFileError(
                f"{target} has format {version} and this socbi reads format {FORMAT}: it was "
                "written by another release; use that one"
            )
        folder = cls(target, "")
        folder.meta, folder._files = listing, files
        with folder.refusing_what_is_wrong():
            for name in files:
                folder._check(name, verify=verify)
        return folder

    def require_kind(self, kind: str, owner: str) -> None:
        """Refuse an index of another kind."""
        if self.meta.get("kind") != kind:
            raise IndexFileError(
                f"{self.path} holds an index of the kind {self.meta.get('kind')!r} and "
                f"{owner}.load reads {kind!r}; socbi.neighbors.load opens every kind"
            )

    @contextmanager
    def refusing_what_is_wrong(self) -> Iterator[None]:
        """Turn what a damaged folder makes other code raise into an IndexFileError."""
        try:
            yield
        except SocbiError:
            raise
        except (OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError) as error:
            raise IndexFileError(f"{self.path} does not hold a sound index: {error}") from error

    def file(self, name: str) -> Path:
        """Return where a file is."""
        return self.path / str(self._files[name]["file"])

    def array(self, name: str, *, mapped: bool = False) -> npt.NDArray[Any]:
        """Return an array, read or memory-mapped."""
        path = self.file(f"{name}.npy")
        if mapped:
            return np.lib.format.open_memmap(path, mode="r")
        with open(path, "rb") as file:
            array: npt.NDArray[Any] = np.lib.format.read_array(file)
        return array

    def _check(self, name: str, *, verify: bool) -> None:
        path, expected = self.file(name), self._files[name]
        if not path.exists() or path.stat().st_size != expected["bytes"]:
            raise IndexFileError(
                f"{path} is missing or not {expected['bytes']} bytes long; restore it from a copy"
            )
        if verify and _crc32(path) != expected["crc32"]:
            raise IndexFileError(f"{path} is damaged: its checksum differs; restore it from a copy")


@contextmanager
def _held(folder: Path, how: int) -> Iterator[None]:
    """Keep saves, of this process or another, out until the block ends.

    Two at once would each delete the other's files as leftovers, and one beside a load those that
    it is about to open.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)


def _write_array(path: Path, array: npt.NDArray[Any]) -> None:
    with open(path, "xb") as file:
        np.save(file, array)


def _crc32(path: Path) -> int:
    checksum = 0
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            checksum = zlib.crc32(piece, checksum)
    return checksum


def _is_ours(name: str) -> bool:
    stem, _, rest = name.partition("-")
    return len(stem) == 12 and set(stem) <= set("0123456789abcdef") and bool(rest)
