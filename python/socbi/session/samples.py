"""The samples of a session by the ids of their owner; ids stay in the database until asked for."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy.typing as npt

from socbi.errors import InvalidInputError
from socbi.pool import Pool, SampleId
from socbi.pool.columns import Chosen, Column, FileImages, Joined
from socbi.session.database import Database

__all__ = ["Samples", "contents_of", "insert_samples"]

# Values of one query; SQLite takes at least 999.
_AT_ONCE = 500


class Samples:
    """Ids and positions, both ways, and what an annotator is shown."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __len__(self) -> int:
        """Return how many there are."""
        last = self._database.one("SELECT max(position) FROM samples")
        return 0 if last is None else int(last) + 1

    @property
    def numbered(self) -> bool:
        """Say whether ids are whole numbers, and not strings."""
        return isinstance(self.ids([0])[0], int)

    def positions(self, ids: Iterable[SampleId]) -> dict[SampleId, int]:
        """Return the positions of those ids that there are."""
        found: dict[SampleId, int] = {}
        for some in _pieces(list(ids)):
            marks = ",".join("?" * len(some))
            query = f"SELECT id, position FROM samples WHERE id IN ({marks})"
            found.update(self._database.rows(query, *map(_storable, some)))
        return found

    def ids(self, positions: npt.NDArray[Any] | Sequence[int]) -> list[SampleId]:
        """Return the ids at positions."""
        found = self._column("id", positions)
        return [found[int(one)] for one in positions]

    def contents(self, positions: npt.NDArray[Any] | Sequence[int]) -> list[dict[str, Any]]:
        """Return what to show of the samples at positions."""
        found = self._column("content", positions)
        kept = (found[int(one)] for one in positions)
        return [{} if one is None else json.loads(one) for one in kept]

    def _column(self, name: str, positions: npt.NDArray[Any] | Sequence[int]) -> dict[int, Any]:
        found: dict[int, Any] = {}
        for some in _pieces([int(one) for one in positions]):
            marks = ",".join("?" * len(some))
            query = f"SELECT position, {name} FROM samples WHERE position IN ({marks})"
            found.update(self._database.rows(query, *some))
        return found


def insert_samples(
    connection: sqlite3.Connection,
    first: int,
    ids: Iterable[SampleId],
    contents: Iterable[dict[str, Any]],
) -> None:
    """Add samples from a position on, within a transaction."""
    rows = (
        (first + place, _storable(id), json.dumps(content) if content else None)
        for place, (id, content) in enumerate(zip(ids, contents, strict=True))
    )
    connection.executemany("INSERT INTO samples VALUES (?, ?, ?)", rows)


def contents_of(pool: Pool, positions: Iterable[int]) -> Iterator[dict[str, Any]]:
    """Return what to show of each sample: the path of its image, its text, its table row."""
    columns = {name: pool.column(name) for name in pool.modalities}
    for position in positions:
        content: dict[str, Any] = {}
        if "image" in columns:
            path = _path_of(columns["image"], position)
            if path is not None:
                content["image"] = path
        if "text" in columns:
            content["text"] = columns["text"][position]
        if "table" in columns:
            content["row"] = columns["table"][position]
        yield content


def _path_of(column: Column, position: int) -> str | None:
    """Return the file of an image; None where it is not a file of its own."""
    if isinstance(column, FileImages):
        return str(column.paths[position].absolute())
    if isinstance(column, Chosen):
        return _path_of(column.column, int(column.positions[position]))
    if isinstance(column, Joined):
        place = max(at for at, start in enumerate(column.starts[:-1]) if start <= position)
        return _path_of(column.columns[place], position - column.starts[place])
    return None


def _storable(id: SampleId) -> SampleId:
    if isinstance(id, str):
        try:
            id.encode()
        except UnicodeEncodeError:
            raise InvalidInputError(
                f"the id {id!r} is no text that can be kept: it has bytes that are not UTF-8; "
                "rename the file, or give ids of your own"
            ) from None
    elif not -(1 << 63) <= id < 1 << 63:
        raise InvalidInputError(f"the id {id} needs more than 64 bits; give it as a string")
    return id


def _pieces(values: list[Any]) -> Iterator[list[Any]]:
    for begin in range(0, len(values), _AT_ONCE):
        yield values[begin : begin + _AT_ONCE]
