"""The database of a session: its tables, and transactions that are on the disk when they end."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from socbi.errors import SessionError
from socbi.session.storing import storing

__all__ = ["Database"]

FORMAT = 1
FILE = "session.sqlite"
# Ids have no declared type, so that 7 and "7" stay two ids.
_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE samples (position INTEGER PRIMARY KEY, id NOT NULL, content TEXT);
CREATE UNIQUE INDEX samples_by_id ON samples (id);
CREATE TABLE held_out (position INTEGER PRIMARY KEY, place INTEGER NOT NULL);
CREATE TABLE growths (
  number INTEGER PRIMARY KEY, made_at REAL NOT NULL, round INTEGER NOT NULL,
  first INTEGER NOT NULL, samples INTEGER NOT NULL, embed_s REAL NOT NULL
);
CREATE TABLE labels (
  number INTEGER PRIMARY KEY, position INTEGER NOT NULL, place INTEGER NOT NULL,
  annotator TEXT NOT NULL, made_at REAL NOT NULL, round INTEGER NOT NULL
);
CREATE TABLE proposals (
  number INTEGER PRIMARY KEY, round INTEGER NOT NULL, annotator TEXT NOT NULL,
  made_at REAL NOT NULL, choose_s REAL NOT NULL, record TEXT NOT NULL
);
CREATE TABLE picks (
  proposal INTEGER NOT NULL, rank INTEGER NOT NULL, position INTEGER NOT NULL, why TEXT NOT NULL,
  PRIMARY KEY (proposal, rank)
);
CREATE TABLE leases (
  position INTEGER PRIMARY KEY, proposal INTEGER NOT NULL, expires REAL NOT NULL
);
CREATE TABLE rounds (
  number INTEGER PRIMARY KEY, made_at REAL NOT NULL, last_label INTEGER NOT NULL,
  samples INTEGER NOT NULL, record TEXT NOT NULL
);
CREATE TABLE hits (
  number INTEGER PRIMARY KEY, round INTEGER NOT NULL, kind TEXT NOT NULL, k INTEGER,
  ids BLOB NOT NULL, hits BLOB, radius BLOB
);
"""


class Database:
    """A connection; each `writing` block is one transaction, whole or not at all."""

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.path = folder / FILE
        mode = "?mode=ro" if read_only else ""
        with storing(f"{self.path}"):
            # Calls of a session take turns, so its threads may share the connection.
            self._connection = sqlite3.connect(
                self.path.absolute().as_uri() + mode,
                uri=True,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                if read_only:
                    # All that is read is of one moment, whatever another process writes meanwhile.
                    self._connection.execute("BEGIN")
                    return
                self._connection.execute("PRAGMA journal_mode=WAL")
                # A transaction is on the disk when it ends, and not only with the system.
                self._connection.execute("PRAGMA synchronous=FULL")
            except BaseException:
                self._connection.close()
                raise

    @staticmethod
    def check_there(folder: Path) -> None:
        """Refuse a folder without a database, and leave it as it is."""
        if not (folder / FILE).is_file():
            raise SessionError(
                f"{folder} holds no session: no {FILE} there; Session.create begins one"
            )

    @classmethod
    def open(cls, folder: Path, *, read_only: bool = False) -> Database:
        """Return the database of a session; refuse one that is not whole, and one too new.

        One that is only read may have another process writing to it.
        """
        database = cls(folder, read_only=read_only)
        try:
            found = database._format()
            if found is None:
                raise SessionError(
                    f"{folder} holds a session whose creation was interrupted; call "
                    "Session.create with the same arguments again, which goes on"
                )
            if found != FORMAT:
                raise SessionError(
                    f"{folder} has format {found} and this socbi reads format {FORMAT}: it was "
                    "written by another release; use that one (nothing was changed)"
                )
        except BaseException:
            database.close()
            raise
        return database

    def _format(self) -> int | None:
        with storing(f"{self.path}"):
            there = self._connection.execute(
                "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'"
            ).fetchone()
            if there is None:
                return None
            row = self._connection.execute(
                "SELECT value FROM meta WHERE name = 'format'"
            ).fetchone()
            return None if row is None else int(json.loads(row[0]))

    @property
    def begun(self) -> bool:
        """Say whether it holds a whole session."""
        return self._format() is not None

    def make_tables(self) -> None:
        """Make the tables, within the transaction that fills them."""
        for statement in _TABLES.split(";"):
            if statement.strip():
                self._connection.execute(statement)
        self.put_meta("format", FORMAT)

    @contextmanager
    def writing(self, what: str) -> Iterator[sqlite3.Connection]:
        """Yield the connection in a transaction; ``what`` is named when there is no room."""
        with storing(what):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # A full disk may have ended the transaction by itself.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return what a query finds."""
        with storing(f"{self.path}"):
            return self._connection.execute(query, values).fetchall()

    def one(self, query: str, *values: Any) -> Any:
        """Return the first value of the first row, None without any."""
        found = self.rows(query, *values)
        return found[0][0] if found else None

    def meta(self, name: str) -> Any:
        """Return one of the settings."""
        found = self.one("SELECT value FROM meta WHERE name = ?", name)
        return None if found is None else json.loads(found)

    def put_meta(self, name: str, value: Any) -> None:
        """Keep one of the settings, within a transaction."""
        self._connection.execute(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, json.dumps(value))
        )

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
