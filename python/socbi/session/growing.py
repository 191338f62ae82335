"""Samples that join a session: told from those that are here, checked, and kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from socbi.encoders import Encoder
from socbi.errors import InvalidInputError, InvalidTypeError
from socbi.pool import Pool, SampleId
from socbi.pool.intake import OnProblem
from socbi.session.creation import Embeddings, Incoming, PoolChoice, incoming, numbered_from
from socbi.session.database import Database
from socbi.session.samples import Samples, contents_of, insert_samples
from socbi.session.settings import Settings

__all__ = ["check_unmoved", "joining", "keep_joined", "places_of_new"]

# Samples that are looked at to see whether rows have moved: evenly spaced, and the last.
_LOOKED_AT = 1_000


def joining(
    pool: PoolChoice,
    embeddings: Embeddings | None,
    encoder: Encoder | None,
    folder: Path,
    samples: Samples,
    settings: Settings,
    *,
    on_problem: OnProblem,
    progress: bool,
) -> tuple[Incoming, int]:
    """Return the samples that are to join, and how many of those given are here."""
    known = 0
    if isinstance(pool, Pool):
        check_unmoved(samples, pool)
    if encoder is not None and isinstance(pool, Pool):
        # Before anything is read or encoded: most of a folder that is given again is here.
        _check_alike(settings, encoder.dim, encoder.fingerprint.key)
        _check_ids(pool.ids, samples.numbered)
        places = places_of_new(samples, pool.ids)
        if len(places) < len(pool):
            known, pool = len(pool) - len(places), pool.subset(places)
        if not places:
            return Incoming([], pool, [], None, None, 0.0), known
    coming = incoming(pool, embeddings, encoder, folder, on_problem=on_problem, progress=progress)
    _check_alike(settings, coming.dim, coming.encoder)
    if pool is None:
        return numbered_from(coming, len(samples)), 0
    _check_ids(coming.ids, samples.numbered)
    places = places_of_new(samples, coming.ids)
    return coming.only(places), known + len(coming.ids) - len(places)


def places_of_new(samples: Samples, ids: Sequence[SampleId]) -> list[int]:
    """Return the places of those ids that no sample has."""
    known = samples.positions(ids)
    return [place for place, one in enumerate(ids) if one not in known]


def check_unmoved(samples: Samples, pool: Pool) -> None:
    """Refuse a pool in which a sample that is here looks otherwise, where ids are numbers.

    Rows of a file that has no ids are numbered: one that is inserted moves all behind it.
    """
    if not len(pool) or not samples.numbered:
        return
    last = min(len(samples), len(pool)) - 1
    spaced = range(0, len(pool), max(1, len(pool) // _LOOKED_AT))
    known = samples.positions(pool.ids[place] for place in {*spaced, last})
    places = [place for place in sorted({*spaced, last}) if pool.ids[place] in known]
    kept = samples.contents([known[pool.ids[place]] for place in places])
    for place, before, now in zip(places, kept, contents_of(pool, places), strict=True):
        if before and now and json.loads(json.dumps(now)) != before:
            raise InvalidInputError(
                f"sample {pool.ids[place]} is not the one that is here under this id: rows of the "
                "file have moved. Add new rows at its end alone, or begin the campaign with a "
                "column of ids"
            )


def _check_ids(ids: Sequence[SampleId], numbered: bool) -> None:
    """Refuse ids of the other kind: 7 and "7" would be two samples."""
    if len(ids) and isinstance(ids[0], int) != numbered:
        here, given = ("whole numbers", "strings") if numbered else ("strings", "whole numbers")
        raise InvalidTypeError(
            f"samples that join must have ids like those that are here, {here}; got {given}, such "
            f"as {ids[0]!r}"
        )


def _check_alike(settings: Settings, dim: int, encoder: str | None) -> None:
    """Refuse embeddings that cannot be compared with those that are here."""
    mine = settings.encoder
    if encoder is not None and mine is not None and encoder != mine:
        raise InvalidInputError(
            "samples that join must be embedded by the encoder of those that are here "
            f"(fingerprint {mine}), got that of fingerprint {encoder}"
        )
    if dim != settings.dim:
        raise InvalidInputError(
            f"samples that join must have embeddings of {settings.dim} dimensions, like those that "
            f"are here; got {dim}"
        )


def keep_joined(
    database: Database,
    new: Incoming,
    first: int,
    *,
    rounds: int,
    now: float,
    images: dict[str, Any] | None,
) -> None:
    """Commit samples whose rows are written, behind the ``first`` that are here."""
    with database.writing("samples that join") as connection:
        insert_samples(connection, first, new.ids, new.contents())
        number = connection.execute("SELECT count(*) FROM growths").fetchone()[0]
        connection.execute(
            "INSERT INTO growths VALUES (?, ?, ?, ?, ?, ?)",
            (number, now, rounds, first, len(new.ids), new.embed_s),
        )
        if images is not None:
            database.put_meta("images", images)
