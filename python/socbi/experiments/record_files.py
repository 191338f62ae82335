"""Records on disk: one file a campaign, one line a round, and nothing lost but half a line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol as Typed

from socbi.errors import InvalidInputError
from socbi.measures import RoundRecord

__all__ = ["Append", "appending", "read_records", "records_of"]


class Append(Typed):
    """Writes a record to its file."""

    def __call__(self, record: RoundRecord) -> None:
        """Write it, on the disk when this returns."""


def records_of(path: Path) -> list[RoundRecord]:
    """Return the records of a file, none where there is no file; a line cut off is passed over."""
    return _whole(path)[0]


def read_records(folder: str | os.PathLike[str]) -> list[RoundRecord]:
    """Return all records of a study's folder, also while it runs.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with appending(Path(folder, "records", "one.jsonl")) as append:
    ...         append(RoundRecord("digits", "margin", 0, 0, labels=20))
    ...     [record.labels for record in read_records(folder)]
    [20]
    """
    found = sorted(Path(folder, "records").glob("*.jsonl"))
    return [record for path in found for record in records_of(path)]


@contextmanager
def appending(path: Path) -> Iterator[Append]:
    """Open a file to append records to; what a killed process left of a line is cut off first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = _whole(path)[1]
    with open(path, "ab") as file:
        file.truncate(whole)

        def append(record: RoundRecord) -> None:
            file.write(record.to_json().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

        yield append


def _whole(path: Path) -> tuple[list[RoundRecord], int]:
    """Return the records up to the first line that is none, and how many bytes they take."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return [], 0
    records, size = list[RoundRecord](), 0
    for line in content.splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break  # written in part
        try:
            records.append(RoundRecord.from_json(line.decode("utf-8", "replace")))
        except InvalidInputError as error:
            # A disk that lost power may have the length of a line and not its content.
            if size + len(line) == len(content):
                break
            raise InvalidInputError(f"{path} line {len(records) + 1}: {error}") from error
        size += len(line)
    return records, size
