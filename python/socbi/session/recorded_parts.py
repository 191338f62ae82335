"""The strategies and the learner of a session in its database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from socbi.errors import SessionError
from socbi.session.database import Database
from socbi.session.learners_by_name import LearnerMaker
from socbi.session.strategies_by_name import strategy_spec
from socbi.strategies import Strategy

__all__ = ["learner_name", "parts_to_keep", "record_parts", "recorded"]


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


def parts_to_keep(
    strategy: Strategy, start: Strategy, maker: LearnerMaker, learner: Any
) -> dict[str, Any]:
    """Return what is kept of the parts, by which `recorded` finds them again.

    What is not of this library is kept under ``foreign`` by what it says of itself.
    """
    return {
        "strategy": strategy_spec(strategy),
        "start": strategy_spec(start),
        "learner": maker.spec,
        "foreign": {"strategy": repr(strategy), "start": repr(start), "learner": repr(learner)},
    }


def record_parts(database: Database, parts: Mapping[str, Any]) -> None:
    """Keep what the session goes on with, where it is not what was kept."""
    names = ("strategy", "start", "learner")
    changed = [name for name in names if parts[name] != database.meta(name)]
    if not changed:
        return
    foreign = {**database.meta("foreign"), **{name: parts["foreign"][name] for name in changed}}
    with database.writing("settings"):
        for name in changed:
            database.put_meta(name, parts[name])
        database.put_meta("foreign", foreign)


def learner_name(spec: Mapping[str, Any] | None, otherwise: str) -> str:
    """Return a learner of socbi as it may be given, and another one as it says of itself.

    Examples
    --------
    >>> learner_name({"name": "logistic"}, "")
    'logistic'
    """
    if spec is None:
        return otherwise
    return str(spec["name"]) if len(spec) == 1 else repr(dict(spec))
