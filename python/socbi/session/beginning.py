"""What makes a folder a session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from socbi.errors import InvalidInputError, InvalidTypeError
from socbi.pool import SampleId
from socbi.session.creation import Incoming
from socbi.session.database import Database
from socbi.session.samples import Samples, insert_samples
from socbi.session.settings import ClassName

__all__ = ["begin", "checked_tests"]


def begin(
    database: Database,
    coming: Incoming,
    kept: Mapping[str, Any],
    tests: Mapping[SampleId, int],
    now: float,
) -> None:
    """Write everything that makes a folder a session, in one transaction."""
    with database.writing("a new session") as connection:
        database.make_tables()
        for name, value in kept.items():
            database.put_meta(name, value)
        insert_samples(connection, 0, coming.ids, coming.contents())
        connection.execute(
            "INSERT INTO growths VALUES (0, ?, 0, 0, ?, ?)",
            (now, len(coming.ids), coming.embed_s),
        )
        found = Samples(database).positions(tests)
        unknown = [one for one in tests if one not in found]
        if unknown:
            raise InvalidInputError(
                f"test has {len(unknown)} ids that no sample has: {unknown[:10]}"
            )
        connection.executemany(
            "INSERT INTO held_out VALUES (?, ?)",
            [(found[id], place) for id, place in tests.items()],
        )


def checked_tests(
    test: Mapping[SampleId, ClassName] | None, classes: tuple[ClassName, ...]
) -> dict[SampleId, int]:
    """Return the class of each sample that is held out, as its place among the classes."""
    if test is None:
        return {}
    if not isinstance(test, Mapping):
        raise InvalidTypeError(
            f"test must be a mapping of ids to classes, got {type(test).__name__}"
        )
    foreign = sorted({repr(one) for one in test.values() if one not in classes})
    if foreign:
        raise InvalidInputError(
            f"test has classes that there are not: {', '.join(foreign[:10])}; there are "
            f"{', '.join(map(repr, classes[:10]))}"
        )
    return {id: classes.index(one) for id, one in test.items()}
