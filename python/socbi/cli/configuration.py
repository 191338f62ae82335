"""``socbi.toml``: the options of the commands, written down.

A table is named after a command and its keys after the options, with ``_`` or ``-``. What is given
on the command line goes before. A part with parameters has a table within: ``[init.learner]``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from socbi.cli.writing import write_whole
from socbi.errors import InvalidInputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["FILE", "checked_tables", "read_tables", "write_table"]

FILE = "socbi.toml"


def read_tables(path: Path) -> dict[str, dict[str, Any]]:
    """Return the tables of a file, their keys with ``_``."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InvalidInputError(f"{path} is not there; give --config a file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path} is no TOML: {error}") from error
    for name, table in found.items():
        if not isinstance(table, dict):
            raise InvalidInputError(
                f"{path} has {name!r} outside of a table; put it below the command that it is for, "
                "such as [init]"
            )
    return {name: _underscored(table) for name, table in found.items()}


def _underscored(table: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key.replace("-", "_"): _underscored(value) if isinstance(value, Mapping) else value
        for key, value in table.items()
    }


def checked_tables(
    tables: Mapping[str, Mapping[str, Any]], options: Mapping[str, set[str]], path: Path
) -> None:
    """Refuse tables that no command has, and keys that are no options of it."""
    for name, table in tables.items():
        if name not in options:
            raise InvalidInputError(
                f"{path} has a table [{name}] and there is no such command; there are "
                f"{', '.join(sorted(options))}"
            )
        for key in table:
            if key not in options[name]:
                raise InvalidInputError(
                    f"{path} has {key!r} in [{name}], which has only "
                    f"{', '.join(sorted(options[name]))}"
                )


def write_table(path: Path, name: str, table: Mapping[str, Any]) -> None:
    """Write one table of a file, and keep its others; what is None or empty is left out."""
    lines = [f"[{name}]"]
    said = {key: value for key, value in table.items() if value not in (None, [], ())}
    inner = {key: value for key, value in said.items() if isinstance(value, Mapping)}
    lines += [f"{key} = {_toml(value)}" for key, value in said.items() if key not in inner]
    for key, parameters in inner.items():
        lines += ["", f"[{name}.{key}]"]
        lines += [f"{one} = {_toml(value)}" for one, value in parameters.items()]
    others = _without(path.read_text(encoding="utf-8"), name) if path.exists() else ""
    write_whole(path, "\n".join(lines) + "\n" + (f"\n{others}" if others else ""))


def _without(text: str, name: str) -> str:
    """Return a TOML text without one of its tables and those within, comments and all."""
    kept, inside = list[str](), False
    for line in text.splitlines(keepends=True):
        header = re.fullmatch(r"\s*\[\s*([\w-]+)\s*(\.[^\]]*)?\]\s*(#.*)?", line.rstrip("\r\n"))
        if header is not None:
            inside = header[1] == name
        if not inside:
            kept.append(line)
    return "".join(kept).strip("\n") + "\n" if "".join(kept).strip() else ""


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        inside = ", ".join(f"{key} = {_toml(one)}" for key, one in value.items())
        return f"{{ {inside} }}"
    # Strings, numbers and lists are written as in JSON, and so are truth values.
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)
