"""Which shards are whole? The list of an embedding store, in SQLite.

A shard counts once its row is committed, with full synchronisation; files without a row are
leftovers.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from socbi.errors import StoreError
from socbi.pool.fingerprint import Fingerprint
from socbi.pool.sample_ids import SampleId

__all__ = ["Catalogue", "ShardRow", "packed", "unpacked"]

FORMAT = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS store (format INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS encoders (
  key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, dtype TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS shards (
  encoder TEXT NOT NULL REFERENCES encoders (key), number INTEGER NOT NULL, file TEXT NOT NULL,
  rows INTEGER NOT NULL, bytes INTEGER NOT NULL, crc32 INTEGER NOT NULL, ids BLOB NOT NULL,
  PRIMARY KEY (encoder, number)
);
"""
# How long a writer waits for another, who holds the list for milliseconds.
_BUSY_MS = 10_000


@dataclass(frozen=True)
class ShardRow:
    """One shard, as it is listed."""

    number: int
    file: str
    rows: int
    size: int
    crc32: int
    ids: bytes

    def sample_ids(self) -> list[SampleId]:
        """Return the ids of the rows, in order."""
        return unpacked(self.ids)


class Catalogue:
    """The list, opened for each use, so that threads and processes may share the store."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._open() as database:
            # Readers do not wait for the writer, and a commit is on the disk when it returns.
            database.execute("PRAGMA journal_mode=WAL")
            database.executescript(_TABLES)
            found = database.execute("SELECT format FROM store").fetchone()
            if found is None:
                database.execute("INSERT INTO store VALUES (?)", (FORMAT,))
            elif found[0] != FORMAT:
                raise StoreError(
                    f"{path} has format {found[0]} and this socbi reads format {FORMAT}: it was "
                    "written by another release; use that one"
                )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            database = sqlite3.connect(self._path, timeout=_BUSY_MS / 1000)
            try:
                database.execute("PRAGMA synchronous=FULL")
                with database:
                    yield database
            finally:
                database.close()
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{self._path} cannot be used: {error}") from error

    def add_encoder(self, fingerprint: Fingerprint, dtype: str) -> str:
        """List an encoder, if it is not; return the type that its embeddings are kept in."""
        with self._open() as database:
            database.execute(
                "INSERT OR IGNORE INTO encoders VALUES (?, ?, ?)",
                (fingerprint.key, json.dumps(asdict(fingerprint)), dtype),
            )
            found = database.execute(
                "SELECT dtype FROM encoders WHERE key = ?", (fingerprint.key,)
            ).fetchone()
            return str(found[0])

    def encoders(self) -> list[Fingerprint]:
        """Return the encoders that are listed."""
        with self._open() as database:
            rows = database.execute("SELECT fingerprint FROM encoders ORDER BY rowid").fetchall()
        return [Fingerprint(**json.loads(row[0])) for row in rows]

    def shards(self, key: str, behind: int = -1) -> list[ShardRow]:
        """Return the shards of an encoder with numbers above ``behind``."""
        with self._open() as database:
            rows = database.execute(
                "SELECT number, file, rows, bytes, crc32, ids FROM shards "
                "WHERE encoder = ? AND number > ? ORDER BY number",
                (key, behind),
            ).fetchall()
        return [ShardRow(*row) for row in rows]

    def add_shard(self, key: str, shard: ShardRow) -> None:
        """List a shard whose file is whole and synced."""
        with self._open() as database:
            database.execute(
                "INSERT INTO shards VALUES (?, ?, ?, ?, ?, ?, ?)",
                (key, shard.number, shard.file, shard.rows, shard.size, shard.crc32, shard.ids),
            )

    def files(self) -> set[str]:
        """Return the files of all shards."""
        with self._open() as database:
            return {row[0] for row in database.execute("SELECT file FROM shards")}


def packed(ids: Sequence[SampleId]) -> bytes:
    """Return ids as bytes: whole numbers as int64, strings as JSON."""
    if ids and isinstance(ids[0], int):
        return b"i" + np.array(ids, "<i8").tobytes()
    return b"s" + json.dumps(list(ids), ensure_ascii=False).encode("utf-8", "surrogatepass")


def unpacked(ids: bytes) -> list[SampleId]:
    """Return ids from bytes."""
    if ids[:1] == b"i":
        numbers: list[SampleId] = np.frombuffer(ids, "<i8", offset=1).tolist()
        return numbers
    strings: list[SampleId] = json.loads(ids[1:].decode("utf-8", "surrogatepass"))
    return strings
