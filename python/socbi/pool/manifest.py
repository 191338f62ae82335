"""Pools that a CSV, TSV, JSONL or Parquet file describes."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from socbi.errors import InvalidInputError, MissingExtraError
from socbi.pool.columns import Column, FileImages, Table, Texts
from socbi.pool.folders import image_fault
from socbi.pool.intake import Intake
from socbi.pool.pool import Label, Modality, Pool
from socbi.pool.sample_ids import SampleId, SampleIds

__all__ = ["ManifestColumns", "csv_rows", "json_rows", "read_manifest"]

Row = dict[str, Any]
FILE_NAME = "file_name"  # the convention of the image folders of Hugging Face


@dataclass(frozen=True)
class ManifestColumns:
    """Which column is what; None for none."""

    image: str | None
    text: str | None
    table: tuple[str, ...]
    label: str | None
    id: str | None

    def among(self, names: list[str], path: Path) -> ManifestColumns:
        """Return them with the usual names filled in, having seen that each is there."""
        image = self.image or (FILE_NAME if FILE_NAME in names else None)
        filled = ManifestColumns(
            image, self.text, self.table, self.label, self.id or ("id" if "id" in names else None)
        )
        wanted = (image, self.text, *self.table, self.label, filled.id)
        for name in wanted:
            if name is not None and name not in names:
                raise InvalidInputError(f"{path} has no column {name!r}, only {', '.join(names)}")
        if image is None and self.text is None and not self.table:
            raise InvalidInputError(
                f"say which columns of {path} are the samples: image=, text= or table=; there are "
                f"{', '.join(names)}"
            )
        return filled


def read_manifest(
    path: str | os.PathLike[str],
    columns: ManifestColumns,
    *,
    root: str | os.PathLike[str] | None,
    encoding: str,
    intake: Intake,
    check_images: bool,
) -> Pool:
    """Return the pool; every row that is left out is in the intake."""
    source = Path(path)
    rows = _rows(source, encoding, intake)
    try:
        first_where, first = next(rows)
    except StopIteration:
        raise InvalidInputError(f"{source} has no row that can be read") from None
    chosen = columns.among(list(first), source)
    taker = _Taker(chosen, Path(root) if root is not None else source.parent, intake, check_images)
    taker.take(first_where, first)
    for where, row in rows:
        taker.take(where, row)
    return taker.pool()


class _Taker:
    """Takes rows in, one after the other."""

    def __init__(
        self, columns: ManifestColumns, root: Path, intake: Intake, check_images: bool
    ) -> None:
        self._columns = columns
        self._root = root
        self._intake = intake
        self._check_images = check_images
        self._ids: dict[SampleId, None] = {}
        self._paths: list[Path] = []
        self._texts: list[str] = []
        self._table: dict[str, list[Any]] = {name: [] for name in columns.table}
        self._labels: list[Label | None] = []
        self._number = 0

    def take(self, where: str, row: Row) -> None:
        chosen = self._columns
        number = self._number
        self._number += 1
        image = None if chosen.image is None else row.get(chosen.image)
        text = None if chosen.text is None else row.get(chosen.text)
        if chosen.image is not None and not image:
            return self._intake.refuse("missing value", where, f"no {chosen.image}")
        if chosen.text is not None and text is None:
            return self._intake.refuse("missing value", where, f"no {chosen.text}")
        id = self._id_of(row, image, number)
        if id is None:
            return self._intake.refuse("missing value", where, f"no {chosen.id}")
        if id in self._ids:
            return self._intake.refuse("duplicate id", where, f"{id!r} was there before")
        path = None
        if image is not None:
            path = self._root / str(image)
            if fault := image_fault(path, opened=self._check_images):
                return self._intake.refuse(fault[0], where, fault[1])
        self._keep(row, id, path, text)
        return None

    def _id_of(self, row: Row, image: Any, number: int) -> SampleId | None:
        if self._columns.id is not None:
            given = row.get(self._columns.id)
            return given if isinstance(given, (str, int)) and given != "" else None
        return str(image) if image is not None else number

    def _keep(self, row: Row, id: SampleId, path: Path | None, text: Any) -> None:
        self._ids[id] = None
        if path is not None:
            self._paths.append(path)
        if text is not None:
            self._texts.append(str(text))
        for name, values in self._table.items():
            value = row.get(name)
            values.append(None if value == "" else value)
        if self._columns.label is not None:
            label = row.get(self._columns.label)
            self._labels.append(None if label == "" else label)

    def pool(self) -> Pool:
        columns: dict[Modality, Column] = {}
        if self._columns.image is not None:
            columns["image"] = FileImages(self._paths)
        if self._columns.text is not None:
            columns["text"] = Texts(self._texts)
        if self._table:
            columns["table"] = Table(self._table)
        self._intake.taken = len(self._ids)
        labels = self._labels if self._columns.label is not None else None
        return Pool(SampleIds(self._ids), columns, labels, intake=self._intake)


def _rows(path: Path, encoding: str, intake: Intake) -> Iterator[tuple[str, Row]]:
    """Return where each row is, and the row."""
    if not path.is_file():
        raise InvalidInputError(f"{path} is not a file; give a CSV, TSV, JSONL or Parquet file")
    kind = path.suffix.lower()
    if kind in (".csv", ".tsv"):
        return csv_rows(path, encoding, intake, "\t" if kind == ".tsv" else ",")
    if kind in (".jsonl", ".ndjson"):
        return json_rows(path, encoding, intake)
    if kind in (".parquet", ".pq"):
        return _parquet_rows(path)
    raise InvalidInputError(
        f"{path} must end with .csv, .tsv, .jsonl or .parquet, got {kind or 'no ending'}"
    )


def csv_rows(
    path: Path, encoding: str, intake: Intake, delimiter: str
) -> Iterator[tuple[str, Row]]:
    """Return the rows of a CSV file, each with its line; the first line names the columns."""
    with open(path, encoding=encoding, errors="surrogateescape", newline="") as file:
        lines = csv.reader(file, delimiter=delimiter)
        names = next(lines, [])
        if names:
            names[0] = names[0].removeprefix("\ufeff")
        if len(set(names)) < len(names):
            raise InvalidInputError(f"{path} names a column twice in its first line: {names}")
        while True:
            try:
                values = next(lines, None)
            except csv.Error as error:
                intake.refuse("unreadable row", f"line {lines.line_num}", str(error))
                continue
            if values is None:
                return
            where = f"line {lines.line_num}"
            if not values:
                continue  # an empty line is no row
            if len(values) != len(names):
                intake.refuse(
                    "unreadable row", where, f"{len(values)} values for {len(names)} columns"
                )
            elif any(_undecoded(one) for one in values):
                intake.refuse("wrong encoding", where, f"not {encoding}")
            else:
                yield where, dict(zip(names, values, strict=True))


def json_rows(path: Path, encoding: str, intake: Intake) -> Iterator[tuple[str, Row]]:
    """Return the objects of a file of JSON lines, each with its line."""
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            where = f"line {number}"
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode(encoding))
            except UnicodeDecodeError:
                intake.refuse("wrong encoding", where, f"not {encoding}")
                continue
            except ValueError as error:
                intake.refuse("unreadable row", where, str(error))
                continue
            if isinstance(row, dict):
                yield where, row
            else:
                intake.refuse("unreadable row", where, f"a {type(row).__name__}, not an object")


def _parquet_rows(path: Path) -> Iterator[tuple[str, Row]]:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError(
            "reading Parquet needs pyarrow: pip install 'socbi[parquet]'"
        ) from error
    number = 0
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield f"row {number}", row


def _undecoded(value: str) -> bool:
    """Say whether a byte could not be decoded: it stands there as half of a surrogate pair."""
    return not value.isascii() and any("\udc80" <= one <= "\udcff" for one in value)
