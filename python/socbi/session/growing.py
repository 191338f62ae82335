"""Samples that join a session: told from those that are here, checked, and kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from socbi.errors import InvalidInputError, InvalidTypeError
from socbi.pool import SampleId
from socbi.session.creation import Incoming
from socbi.session.database import Database
from socbi.session.samples import Samples, insert_samples
from socbi.session.settings import Settings

__all__ = ["check_alike", "check_ids", "keep_joined", "places_of_new"]


def places_of_new(samples: Samples, ids: Sequence[SampleId]) -> list[int]:
    """Return the places of those ids that no sample has."""
    known = samples.positions(ids)
    return [place for place, one in enumerate(ids) if one not in known]


def check_ids(ids: Sequence[SampleId], numbered: bool) -> None:
    """Refuse ids of the other kind: 7 and "7" would be two samples."""
    if len(ids) and isinstance(ids[0], int) != numbered:
        here, given = ("whole numbers", "strings") if numbered else ("strings", "whole numbers")
        raise InvalidTypeError(
            f"samples that join must have ids like those that are here, {here}; got {given}, such "
            f"as {ids[0]!r}"
        )


def check_alike(settings: Settings, dim: int, encoder: str | None) -> None:
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
