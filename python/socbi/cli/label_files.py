"""Batches as files for annotators, and their labels as files that come back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from socbi.errors import InvalidInputError
from socbi.session import CANNOT_TELL, Proposal
from socbi.session.label_book import Label
from socbi.session.settings import ClassName

__all__ = ["FORMATS", "batch_text", "read_labels"]

_COLUMNS = ("id", "label", "image", "text", "why")
# What stands for "cannot tell" in a file.
_CANNOT_TELL = CANNOT_TELL.value


def batch_text(proposal: Proposal, kind: str) -> str:
    """Return a batch as CSV with an empty column for labels, as JSON lines, or as tasks."""
    return FORMATS[kind](proposal)


def _csv(proposal: Proposal) -> str:
    rows = list[dict[str, Any]]()
    columns = list(_COLUMNS)
    for pick in proposal:
        extra = pick.content.get("row") or {}
        columns += [name for name in extra if name not in columns]
        rows.append({**extra, "id": pick.id, "label": "", "why": pick.why, **_shown(pick.content)})
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _jsonl(proposal: Proposal) -> str:
    lines = (
        {"id": pick.id, "label": None, "why": pick.why, "score": pick.score, **pick.content}
        for pick in proposal
    )
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in lines)


def _label_studio(proposal: Proposal) -> str:
    tasks = [
        {
            "data": {
                "sample_id": pick.id,
                **_shown(pick.content),
                **(pick.content.get("row") or {}),
                "why": pick.why,
            }
        }
        for pick in proposal
    ]
    return json.dumps(tasks, ensure_ascii=False, indent=1) + "\n"


def _shown(content: dict[str, Any]) -> dict[str, Any]:
    return {name: content[name] for name in ("image", "text") if name in content}


FORMATS: dict[str, Callable[[Proposal], str]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "label-studio": _label_studio,
}


def read_labels(
    text: str, name: str, classes: Sequence[ClassName], *, number_ids: bool
) -> list[tuple[str | int, Label]]:
    """Return the labels of a file, by its ending: CSV, JSON lines or an export of Label Studio.

    Rows without a label are passed over; ``?`` means that the class cannot be told.
    """
    ending = Path(name).suffix.lower()
    if ending == ".csv":
        found = list(_from_csv(text, name))
    elif ending in (".jsonl", ".ndjson"):
        found = list(_from_lines(text, name))
    elif ending == ".json":
        found = list(_from_label_studio(text, name))
    else:
        raise InvalidInputError(f"{name} must end with .csv, .jsonl or .json (Label Studio)")
    named: dict[str, ClassName] = {str(one): one for one in classes}
    return [(_number(id) if number_ids else str(id), _label(label, named)) for id, label in found]


def _from_csv(text: str, name: str) -> Iterable[tuple[Any, Any]]:
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    _require(reader.fieldnames or (), name)
    for row in reader:
        if row["label"]:
            yield row["id"], row["label"]


def _from_lines(text: str, name: str) -> Iterable[tuple[Any, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InvalidInputError(f"line {number} of {name} is no JSON: {error}") from error
        _require(row if isinstance(row, dict) else (), f"line {number} of {name}")
        if row["label"] not in (None, ""):
            yield row["id"], row["label"]


def _from_label_studio(text: str, name: str) -> Iterable[tuple[Any, Any]]:
    """Return the choices of all annotations; a skipped task cannot be told."""
    try:
        tasks = json.loads(text)
        for task in tasks:
            id = task["data"]["sample_id"]
            for annotation in task.get("annotations", ()):
                if annotation.get("was_cancelled"):
                    yield id, _CANNOT_TELL
                    continue
                for result in annotation.get("result", ()):
                    for choice in result.get("value", {}).get("choices", ()):
                        yield id, choice
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidInputError(
            f"{name} is no export of Label Studio in its JSON format, of tasks that socbi propose "
            f"wrote: {type(error).__name__} {error}"
        ) from error


def _require(names: Iterable[str], where: str) -> None:
    missing = {"id", "label"} - set(names)
    if missing:
        raise InvalidInputError(f"{where} lacks {' and '.join(sorted(missing))}")


def _number(id: Any) -> str | int:
    try:
        return int(id)
    except (TypeError, ValueError):
        return str(id)


def _label(label: Any, named: dict[str, ClassName]) -> Label:
    if str(label) == _CANNOT_TELL and _CANNOT_TELL not in named:
        return CANNOT_TELL
    found: Label = named.get(str(label), label)
    return found
