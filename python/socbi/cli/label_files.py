"""Batches as files for annotators, and their labels as files that come back."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from socbi.errors import InvalidInputError
from socbi.session import CANNOT_TELL, Proposal, Session
from socbi.session.label_book import Label
from socbi.session.settings import ClassName

__all__ = ["FORMATS", "LabelFile", "batch_text", "check_replaceable", "read_labels"]

# An id, its label or nothing, and who gave it where the file says so.
_Row: TypeAlias = "tuple[Any, Any, str | None]"

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

_ENDINGS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "label-studio"}


@dataclass(frozen=True)
class LabelFile:
    """What a file of labels holds."""

    given: dict[str | None, list[tuple[str | int, Label]]]
    """Labels by who gave them; None where the file does not say."""
    without: int
    """Rows, tasks or annotations that have no label."""


def read_labels(
    text: str,
    name: str,
    classes: Sequence[ClassName],
    *,
    number_ids: bool,
    kind: str | None = None,
) -> LabelFile:
    """Return the labels of a file, one of FORMATS; by default its ending says which.

    Rows without a label are passed over and counted; ``?`` means that the class cannot be told.
    """
    rows = list(_rows(text, name, kind or _kind_of(name)))
    named: dict[str, ClassName] = {str(one): one for one in classes}
    given: dict[str | None, list[tuple[str | int, Label]]] = {}
    for id, label, who in rows:
        if label not in (None, ""):
            told = _number(id) if number_ids else str(id), _label(label, named)
            given.setdefault(who, []).append(told)
    return LabelFile(given, sum(label in (None, "") for _, label, _ in rows))


def check_replaceable(path: Path, kind: str, session: Session) -> None:
    """Refuse to write a batch over a file with labels that were not submitted, or another file."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise InvalidInputError(f"{path} cannot be written: give a file in a folder that is there")
    if not path.is_file():
        return
    try:
        text = path.read_text(encoding="utf-8-sig")
        if not text.strip():
            return
        found = read_labels(
            text, str(path), session.classes, number_ids=session.numbered, kind=kind
        )
    except (OSError, UnicodeDecodeError, InvalidInputError) as error:
        raise InvalidInputError(
            f"{path} is there and is no batch of socbi ({error}); give -o another file"
        ) from error
    told = {repr((id, label)) for id, label, _, _ in session.label_history()}
    waiting = [
        id for some in found.given.values() for id, label in some if repr((id, label)) not in told
    ]
    if waiting:
        raise InvalidInputError(
            f"{path} holds {len(waiting):,} labels that were not submitted, the first of "
            f"{waiting[0]!r}: socbi submit {path} first, or give -o another file"
        )


def _kind_of(name: str) -> str:
    found = _ENDINGS.get(Path(name).suffix.lower())
    if found is None:
        raise InvalidInputError(f"{name} must end with .csv, .jsonl or .json (Label Studio)")
    return found


def _rows(text: str, name: str, kind: str) -> Iterator[_Row]:
    if kind == "csv":
        return _from_csv(text, name)
    return _from_lines(text, name) if kind == "jsonl" else _from_label_studio(text, name)


def _from_csv(text: str, name: str) -> Iterator[_Row]:
    lines = io.StringIO(text.removeprefix("\ufeff"), newline="")
    reader = csv.DictReader(lines, strict=True)
    try:
        _require(reader.fieldnames or (), name)
        for row in reader:
            yield row["id"], row["label"], None
    except csv.Error as error:
        raise InvalidInputError(
            f"{name} is no CSV near line {reader.line_num}: {error}; close its quotes, and write a "
            "quote within a quoted field twice"
        ) from error


def _from_lines(text: str, name: str) -> Iterator[_Row]:
    # Texts may hold U+2028 and the like, which are no ends of lines in JSON.
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InvalidInputError(f"line {number} of {name} is no JSON: {error}") from error
        _require(row if isinstance(row, dict) else (), f"line {number} of {name}")
        yield row["id"], row["label"], None


def _from_label_studio(text: str, name: str) -> Iterator[_Row]:
    """Return the choices of all annotations; a skipped task cannot be told."""
    try:
        tasks = json.loads(text)
        if not isinstance(tasks, list):
            raise TypeError(f"it holds no list of tasks but {type(tasks).__name__}")
        for task in tasks:
            id = task["data"]["sample_id"]
            annotations = task.get("annotations") or ()
            if not annotations:
                yield id, None, None
            for annotation in annotations:
                yield id, _choice(annotation, id), _who(annotation)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidInputError(
            f"{name} is no export of Label Studio in its JSON format, of tasks that socbi propose "
            f"wrote: {type(error).__name__} {error}"
        ) from error


def _choice(annotation: dict[str, Any], id: Any) -> Any:
    """Return the one class that an annotation chose, None without any."""
    if annotation.get("was_cancelled"):
        return _CANNOT_TELL
    chosen = {
        choice
        for result in annotation.get("result") or ()
        for choice in result.get("value", {}).get("choices", ())
    }
    if len(chosen) > 1:
        raise InvalidInputError(
            f"an annotation of {id!r} has {len(chosen)} choices, {', '.join(sorted(chosen))}; a "
            'sample has one class: set choice="single" in the labelling interface and mend it'
        )
    return chosen.pop() if chosen else None


def _who(annotation: dict[str, Any]) -> str | None:
    """Return who annotated: a number, or an account with its mail address."""
    by = annotation.get("completed_by")
    if isinstance(by, dict):
        by = by.get("email") or by.get("id")
    return None if by in (None, "") else str(by)


def _require(names: Iterable[str], where: str) -> None:
    missing = {"id", "label"} - set(names)
    if missing:
        raise InvalidInputError(f"{where} lacks {' and '.join(sorted(missing))}")


def _number(id: Any) -> str | int:
    """Return the whole number that an id is or spells; 7.9 and true are none."""
    if isinstance(id, int) and not isinstance(id, bool):
        return id
    spelled = str(id).strip()
    return int(spelled) if re.fullmatch("[+-]?[0-9]+", spelled) else str(id)


def _label(label: Any, named: dict[str, ClassName]) -> Label:
    if str(label) == _CANNOT_TELL and _CANNOT_TELL not in named:
        return CANNOT_TELL
    if isinstance(label, bool):
        return label  # which no class is
    found: Label = named.get(str(label), label)
    return found
