"""Strategy, learner and encoder with parameters, from the line and from the TOML.

On the line a part is ``--learner resnet18 --learner-option epochs=10``, in the TOML a table::

    [init.learner]
    name = "resnet18"
    epochs = 10

Both become a mapping of the name and the parameters, as the library takes it; a part without
parameters is its name alone. What stands on the line goes before, parameter by parameter, as long
as the name is the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from socbi.errors import InvalidInputError

__all__ = ["PARTS", "part_of", "said_of", "split_tables"]

PARTS = ("strategy", "learner", "encoder")


def part_of(
    what: str, name: str | None, options: Sequence[str] | None, table: Mapping[str, Any] | None
) -> str | dict[str, Any] | None:
    """Return a part from its name and its ``NAME=VALUE`` on the line, over its table of the TOML.

    Examples
    --------
    >>> part_of("learner", "resnet18", ["epochs=10", "start=warm"], None)
    {'name': 'resnet18', 'epochs': 10, 'start': 'warm'}
    >>> part_of("learner", "resnet18", [], {"name": "resnet18", "width": 16})
    {'name': 'resnet18', 'width': 16}
    >>> part_of("learner", "logistic", [], {"name": "resnet18", "width": 16})
    'logistic'
    """
    given = [_pair(what, one) for one in options or ()]
    if name is None:
        if given:
            raise InvalidInputError(f"--{what}-option needs --{what}, whose option it is")
        return None
    of_table = dict(table) if table is not None and table["name"] == name else {}
    parameters = {**{key: of_table[key] for key in of_table if key != "name"}, **dict(given)}
    return {"name": name, **parameters} if parameters else name


def split_tables(
    table: Mapping[str, Any], where: str
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the options of a command with the names of parts alone, and the tables of parts.

    Examples
    --------
    >>> split_tables({"seed": 1, "learner": {"name": "logistic", "strength": 2.0}}, "[init]")
    ({'seed': 1, 'learner': 'logistic'}, {'learner': {'name': 'logistic', 'strength': 2.0}})
    """
    plain, tables = dict(table), dict[str, dict[str, Any]]()
    for what in PARTS:
        value = table.get(what)
        if isinstance(value, Mapping):
            if not isinstance(value.get("name"), str):
                raise InvalidInputError(
                    f'{where} has a table for {what} without a name: give name = "..."'
                )
            plain[what] = value["name"]
            tables[what] = dict(value)
    return plain, tables


def said_of(part: str | Mapping[str, Any]) -> str:
    """Return a part as it is given on the line.

    Examples
    --------
    >>> said_of({"name": "resnet18", "epochs": 10})
    'resnet18 (epochs=10)'
    """
    if isinstance(part, str):
        return part
    pairs = ", ".join(f"{key}={value}" for key, value in part.items() if key != "name")
    return f"{part['name']} ({pairs})" if pairs else str(part["name"])


def _pair(what: str, text: str) -> tuple[str, Any]:
    """Return name and value; a value that JSON reads is what JSON says, another one a word."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InvalidInputError(
            f"--{what}-option must be NAME=VALUE, such as epochs=10; got {text!r}"
        )
    try:
        found = json.loads(value, parse_constant=str)
    except ValueError:
        found = value
    if found is None:
        raise InvalidInputError(
            f"--{what}-option {name} has no value: leave it out for its default"
        )
    return name.strip().replace("-", "_"), found
