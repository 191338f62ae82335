"""Packed files, read in memory: nothing is ever unpacked to the disk, whatever paths they hold."""

from __future__ import annotations

import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path

from socbi.pool.datasets.request import Request

__all__ = ["tar_members", "unpacked_file", "unpacked_gzip", "zip_member"]


def unpacked_gzip(request: Request, path: Path, content: bytes) -> bytes:
    """Return what gzipped bytes, those of ``path``, hold."""
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise request.damaged(path, error) from error


def unpacked_file(request: Request, path: Path) -> bytes:
    """Return the content of a file, unpacked if its name ends with ``.gz``."""
    content = path.read_bytes()
    return unpacked_gzip(request, path, content) if path.suffix == ".gz" else content


def zip_member(request: Request, path: Path, name: str) -> bytes | None:
    """Return one member of a zip, None where it has none of that name."""
    try:
        with zipfile.ZipFile(path) as file:
            return file.read(name) if name in file.namelist() else None
    except (zipfile.BadZipFile, EOFError, zlib.error, OSError, NotImplementedError) as error:
        raise request.damaged(path, error) from error


def tar_members(request: Request, path: Path, names: Collection[str]) -> dict[str, bytes]:
    """Return those members of a tar that are regular files of these names; links are none."""
    found = dict[str, bytes]()
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                if member.isreg() and member.name in names:
                    file = tar.extractfile(member)
                    found[member.name] = file.read() if file is not None else b""
                if len(found) == len(names):
                    break
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise request.damaged(path, error) from error
    return found
