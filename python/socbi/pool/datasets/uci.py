"""Tables of the UCI repository: ``.tsv.gz`` with a column ``target``, or the original files."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from socbi.pool.columns import Table
from socbi.pool.datasets.data_set import DataSet
from socbi.pool.datasets.packed import unpacked_file
from socbi.pool.datasets.request import Request
from socbi.pool.pool import Label, Pool
from socbi.pool.sample_ids import SampleId

__all__ = ["UCI_SETS"]

_TARGET = "target"
_UNKNOWN = ("", "?")
Rows = Iterator[tuple[str, dict[str, str]]]


@dataclass(frozen=True)
class _Uci:
    """One table."""

    name: str
    leaking: tuple[str, ...] = ()
    """Columns that tell what a sample is called, and with that its label."""
    columns: int = 0
    """How many there are in the original files, which do not name them; 0 without such files."""

    def read(self, request: Request) -> Pool:
        """Return the pool of a split; ids are the numbers of the rows, missing values None."""
        ids, labels = list[SampleId](), list[Label | None]()
        table = dict[str, list[float | None]]()
        for number, (where, row) in enumerate(self._rows(request)):
            try:
                label = _label(row.pop(_TARGET))
                values = {
                    name: None if text in _UNKNOWN else _number(text)
                    for name, text in row.items()
                    if name not in self.leaking
                }
            except ValueError as error:
                request.intake.refuse("unreadable row", where, str(error))
                continue
            ids.append(number)
            labels.append(label)
            for name, value in values.items():
                table.setdefault(name, []).append(value)
        return request.pool(ids, {"table": Table(table)}, labels)

    def _rows(self, request: Request) -> Rows:
        whole = request.look(f"{self.name}.tsv.gz", f"{self.name}.tsv")
        if request.split == "all" and (whole is not None or not self.columns):
            path = request.find(f"{self.name}.tsv.gz", f"{self.name}.tsv")
            yield from self._named(request, path)
            return
        endings = {"train": ("tra",), "test": ("tes",), "all": ("tra", "tes")}[request.split]
        for ending in endings:
            yield from self._unnamed(request, request.find(f"{self.name}.{ending}"))

    def _named(self, request: Request, path: Path) -> Rows:
        lines = csv.reader(_lines(request, path), delimiter="\t")
        names = next(lines, [])
        if _TARGET not in names or len(set(names)) < len(names):
            raise request.damaged(path, f"its first line must name columns, one {_TARGET}: {names}")
        return _whole_rows(request, path, lines, names, 2)

    def _unnamed(self, request: Request, path: Path) -> Rows:
        names = [f"input{number}" for number in range(1, self.columns + 1)] + [_TARGET]
        return _whole_rows(request, path, csv.reader(_lines(request, path)), names, 1)


def _lines(request: Request, path: Path) -> list[str]:
    try:
        return unpacked_file(request, path).decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise request.damaged(path, error) from error


def _whole_rows(request: Request, path: Path, lines: Any, names: list[str], first: int) -> Rows:
    number = first - 1
    while True:
        number += 1
        try:
            values = next(lines, None)
        except csv.Error as error:
            request.intake.refuse("unreadable row", f"{path.name} line {number}", str(error))
            continue
        if values is None:
            return
        where = f"{path.name} line {number}"
        if not values:
            continue  # an empty line is no row
        if len(values) == len(names):
            yield where, {name: text.strip() for name, text in zip(names, values, strict=True)}
        else:
            detail = f"{len(values)} values for {len(names)} columns"
            request.intake.refuse("unreadable row", where, detail)


def _label(text: str) -> Label:
    if text in _UNKNOWN:
        raise ValueError("no label")
    try:
        return int(text)
    except ValueError:
        return text


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no finite number")
    return value


_PAGE = "https://archive.ics.uci.edu/"
_ORIGINALS = {"pendigits": 16, "optdigits": 64}
_TABLES = ("clean1", "iris", "new_thyroid", "wdbc", "wine_recognition")
_LEAKING = {"clean1": ("molecule_name", "conformation_name")}

UCI_SETS = {
    f"uci_{name}": DataSet(("all",), _PAGE, _Uci(name, _LEAKING.get(name, ())).read)
    for name in _TABLES
} | {
    f"uci_{name}": DataSet(("train", "test", "all"), _PAGE, _Uci(name, columns=columns).read)
    for name, columns in _ORIGINALS.items()
}
