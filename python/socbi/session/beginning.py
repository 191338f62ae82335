"""What makes a folder a session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from socbi.encoders import Encoder
from socbi.errors import InvalidInputError, InvalidTypeError, SessionError
from socbi.pool import SampleId
from socbi.pool.intake import OnProblem
from socbi.session.creation import Embeddings, Incoming, PoolChoice, check_some, incoming
from socbi.session.database import Database
from socbi.session.holder import Holder
from socbi.session.images import Images
from socbi.session.learners_by_name import ImageForm
from socbi.session.samples import Samples, insert_samples
from socbi.session.settings import ClassName, Settings
from socbi.session.vector_file import VectorFile

__all__ = ["Source", "begin_in", "checked_tests"]


@dataclass(frozen=True)
class Source:
    """Where the first samples and their embeddings come from."""

    pool: PoolChoice
    embeddings: Embeddings | None
    encoder: Encoder | None
    on_problem: OnProblem


def begin_in(
    home: Path,
    wanted: Settings,
    parts: Mapping[str, Any],
    tests: Mapping[SampleId, int],
    form: ImageForm | None,
    source: Source,
    *,
    clock: Callable[[], float],
    progress: bool,
) -> None:
    """Make a folder a session, or nothing of it; ``form`` is what its learner sees of images."""
    home.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        held.callback(Holder(home, clock()).release)
        database = Database(home)
        held.callback(database.close)
        if database.begun:
            raise SessionError(f"{home} holds a session already; Session.open opens it")
        coming = incoming(
            source.pool,
            source.embeddings,
            source.encoder,
            home,
            on_problem=source.on_problem,
            progress=progress,
        )
        check_some(coming, 0 if source.pool is None else len(source.pool))
        settings = replace(wanted, dim=coming.dim, dtype=coming.dtype, encoder=coming.encoder)
        VectorFile(home, settings.dim, settings.dtype).write_behind(0, coming.vectors())
        kept = {"settings": settings.to_json(), **parts}
        if form is not None:
            images = Images(home, form, progress=progress)
            kept["images"] = images.write(0, coming.pool, coming.positions)
        _commit(database, coming, kept, tests, clock())


def _commit(
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
