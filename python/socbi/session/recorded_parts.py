"""The strategies and the learner of a session in its database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from socbi.errors import SessionError
from socbi.session.database import Database

__all__ = ["record_parts", "recorded"]


def recorded(database: Database, name: str, given: Any) -> Any:
    """Return a strategy or learner: what is given, else what is recorded."""
    if given is not None:
        return given
    spec = database.meta(name)
    if spec is None:
        was = database.meta("foreign")[name]
        raise SessionError(
            f"the {name} of this session was {was}, which is not of socbi and cannot be made from "
            f"its name: give Session.open({name}=...)"
        )
    return spec


def record_parts(database: Database, specs: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Keep what the session goes on with, where it is not what was kept."""
    foreign = database.meta("foreign")
    changed = {name: spec for name, spec in specs.items() if spec != database.meta(name)}
    if not changed:
        return
    with database.writing("settings"):
        for name, spec in changed.items():
            database.put_meta(name, spec)
            foreign[name] = repr(given[name])
        database.put_meta("foreign", foreign)
