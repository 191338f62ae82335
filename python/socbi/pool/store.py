"""Embeddings on disk that outlive a crash, found by the ids of their samples.

A store is a folder: ``store.sqlite`` lists what is whole, ``shards/`` holds immutable ``.npy``
files. A shard is written beside, synced, renamed and then listed in one commit; so whatever
happens at whatever moment, at most the shard in work is lost, and what is listed is there.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError, StoreError, UnknownIdError
from socbi.pool.catalogue import Catalogue, ShardRow, packed
from socbi.pool.fingerprint import Fingerprint
from socbi.pool.finite_rows import finite_rows
from socbi.pool.sample_ids import SampleId, SampleIds
from socbi.types import IdArray

__all__ = ["EmbeddingStore", "Shelf"]

Precision: TypeAlias = Literal["float16", "float32"]
Vectors: TypeAlias = npt.NDArray[np.float32]


class EmbeddingStore:
    """A folder of embeddings, of one encoder or several.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> mean = Fingerprint("mean", weights="", preprocessing="", dim=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = EmbeddingStore(folder)
    ...     shelf = store.shelf(mean)
    ...     with store.writing():
    ...         shelf.append(["a", "b"], np.float32([[1, 2], [3, 4]]))
    ...     shelf.vectors(["b", "a"]).tolist(), shelf.missing(["a", "c"])
    ([[3.0, 4.0], [1.0, 2.0]], ['c'])
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)
        if self._folder.exists() and not self._folder.is_dir():
            raise StoreError(f"{folder} is not a folder; give the path of a folder")
        (self._folder / "shards").mkdir(parents=True, exist_ok=True)
        self._catalogue = Catalogue(self._folder / "store.sqlite")
        self._shelves: dict[str, Shelf] = {}

    @property
    def folder(self) -> Path:
        """Return where the store is."""
        return self._folder

    def encoders(self) -> list[Fingerprint]:
        """Return the encoders that the store has shelves of."""
        return self._catalogue.encoders()

    def shelf(self, fingerprint: Fingerprint, dtype: Precision = "float16") -> Shelf:
        """Return the embeddings of one encoder; an empty shelf is made where there is none.

        ``dtype`` is how a new shelf keeps them; one that is there stays as it is.
        """
        if dtype not in ("float16", "float32"):
            raise InvalidInputError(f"dtype must be 'float16' or 'float32', got {dtype!r}")
        if fingerprint.key not in self._shelves:
            kept = self._catalogue.add_encoder(fingerprint, dtype)
            self._shelves[fingerprint.key] = Shelf(
                self._folder / "shards", self._catalogue, fingerprint, np.dtype(kept)
            )
        return self._shelves[fingerprint.key]

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the one process that appends; what a killed one left behind is deleted first.

        The system gives the lock back when a process ends, however it ends.
        """
        path = self._folder / "writer"
        with open(path, "a+", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                file.seek(0)
                raise StoreError(
                    f"process {file.read().strip() or '?'} is writing to {self._folder}; wait for "
                    "it or end it"
                ) from error
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            self._sweep()
            yield

    def _sweep(self) -> None:
        listed = self._catalogue.files()
        for path in (self._folder / "shards").iterdir():
            if path.name not in listed:
                path.unlink()


class Shelf:
    """The embeddings of one encoder, by the ids of the samples."""

    def __init__(
        self,
        folder: Path,
        catalogue: Catalogue,
        fingerprint: Fingerprint,
        dtype: np.dtype[np.floating],
    ) -> None:
        self._folder = folder
        self._catalogue = catalogue
        self._fingerprint = fingerprint
        self._dtype = dtype
        self._lock = threading.Lock()  # guards what follows
        self._ids = SampleIds()
        self._rows: list[ShardRow] = []
        self._starts = np.zeros(1, np.int64)  # of each shard, and of the next
        self._maps: dict[int, npt.NDArray[np.floating]] = {}
        self.refresh()

    @property
    def fingerprint(self) -> Fingerprint:
        """Return what made these embeddings."""
        return self._fingerprint

    @property
    def dim(self) -> int:
        """Return the number of dimensions."""
        return self._fingerprint.dim

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """Return the type that embeddings are kept in."""
        return self._dtype

    @property
    def nbytes(self) -> int:
        """Return the bytes on disk."""
        return sum(one.size for one in self._rows)

    def refresh(self) -> None:
        """Take in what another process has appended since."""
        with self._lock:
            behind = self._rows[-1].number if self._rows else -1
            for row in self._catalogue.shards(self._fingerprint.key, behind):
                self._take_in(row)

    def _take_in(self, row: ShardRow) -> None:
        self._ids.extend(row.sample_ids())
        self._rows.append(row)
        self._starts = np.append(self._starts, self._starts[-1] + row.rows)

    def ids(self) -> SampleIds:
        """Return the ids that have an embedding, in the order in which they were appended."""
        return self._ids

    def __len__(self) -> int:
        """Return how many samples have an embedding."""
        return len(self._ids)

    def missing(self, ids: Sequence[SampleId] | SampleIds) -> list[SampleId]:
        """Return those without an embedding."""
        return [one for one in ids if one not in self._ids]

    def append(self, ids: Sequence[SampleId], vectors: npt.ArrayLike) -> None:
        """Write a shard of these embeddings; within `EmbeddingStore.writing`.

        When this returns they are on the disk and listed; when it raises none is.
        """
        given = np.asarray(vectors)
        if given.shape != (len(ids), self.dim):
            raise InvalidInputError(
                f"there are {len(ids)} ids and {self.dim} dimensions, got vectors of the shape "
                f"{given.shape}"
            )
        narrow = finite_rows(given, self._dtype)
        if len(ids) == 0:
            return
        with self._lock:
            checked = self._ids.checked(ids)
            number = self._rows[-1].number + 1 if self._rows else 0
            name = f"{self._fingerprint.key}-{number:06}-{secrets.token_hex(4)}.npy"
            size, checksum = _write_whole(self._folder / name, narrow)
            row = ShardRow(number, name, len(ids), size, checksum, packed(checked))
            self._catalogue.add_shard(self._fingerprint.key, row)
            self._take_in(row)

    def vectors(self, ids: Sequence[SampleId] | SampleIds) -> Vectors:
        """Return the embeddings of these ids as float32, (n, d)."""
        return self.rows(self._positions(ids))

    def _positions(self, ids: Sequence[SampleId] | SampleIds) -> IdArray:
        try:
            return self._ids.positions(ids)
        except UnknownIdError as error:
            raise UnknownIdError(
                f"{error} in this store, which has {len(self)} embeddings of "
                f"{self._fingerprint.name}; embed the pool first"
            ) from error

    def rows(self, positions: npt.ArrayLike) -> Vectors:
        """Return embeddings by their position in `ids`; the rows that are read are all it costs."""
        wanted = np.asarray(positions, np.int64)
        if len(wanted) and not 0 <= wanted.min() <= wanted.max() < len(self):
            raise InvalidInputError(
                f"positions must be from 0 to {len(self) - 1}, got {wanted.min()} to {wanted.max()}"
            )
        out = np.empty((len(wanted), self.dim), np.float32)
        owner = np.searchsorted(self._starts, wanted, side="right") - 1
        order = np.argsort(owner, kind="stable")
        ends = np.searchsorted(owner[order], np.arange(len(self._rows) + 1))
        for shard in np.unique(owner).tolist():
            mine = order[ends[shard] : ends[shard + 1]]
            out[mine] = self._mapped(shard)[wanted[mine] - self._starts[shard]]
        return out

    def _mapped(self, shard: int) -> npt.NDArray[np.floating]:
        if shard not in self._maps:
            row = self._rows[shard]
            path = self._folder / row.file
            if not path.exists() or path.stat().st_size != row.size:
                raise StoreError(
                    f"{path} is missing or not {row.size} bytes long; restore it from a copy"
                )
            self._maps[shard] = np.load(path, mmap_mode="r")
        return self._maps[shard]

    def verify(self) -> list[str]:
        """Read every shard and return what is wrong: nothing, if all is as it was written."""
        faults = []
        for row in self._rows:
            path = self._folder / row.file
            if not path.exists():
                faults.append(f"{path} is missing")
            elif _crc32(path) != row.crc32:
                faults.append(f"{path} is damaged: its checksum differs")
        return faults


def _write_whole(path: Path, vectors: npt.NDArray[np.floating]) -> tuple[int, int]:
    """Write beside, sync, rename; return size and checksum."""
    beside = path.with_suffix(".part")
    try:
        with open(beside, "xb") as file:
            np.save(file, vectors)
            file.flush()
            os.fsync(file.fileno())
        size, checksum = beside.stat().st_size, _crc32(beside)
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return size, checksum


def _crc32(path: Path) -> int:
    checksum = 0
    with open(path, "rb") as file:
        while piece := file.read(1 << 22):
            checksum = zlib.crc32(piece, checksum)
    return checksum
