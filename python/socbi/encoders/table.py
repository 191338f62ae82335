"""Table rows as vectors: numbers standardised, categories as ones and zeros."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.encoders.encoder import Vectors
from socbi.encoders.whole_file import writing_whole
from socbi.errors import InvalidInputError
from socbi.pool import Fingerprint, Pool, Sample
from socbi.pool.columns import TableRow

__all__ = ["TableEncoder"]

# Categories rarer than this share of the rows are one category together.
RARE_SHARE = 0.001
MOST_CATEGORIES = 100
# A column of which fewer read as numbers is one of categories; one of which some do not is a fault.
MOSTLY = 0.5
_MISSING = {"", "-", "?", "na", "n/a", "nan", "none", "null"}
_FORM = 1


class TableEncoder:
    """Numbers standardised and categories encoded, as learned from the pool it was made for.

    A missing number becomes the mean, and a column of its own says that it was missing; a missing
    or unknown category is all zeros. Missing are None, empty, ``NA``, ``N/A``, ``null``, ``-`` and
    ``?``.

    Parameters
    ----------
    pool
        With table columns. A column is of numbers if every value that is there reads as one.
    categories
        Columns that are categories although they read as numbers, such as codes.

    Examples
    --------
    >>> pool = Pool.from_arrays(table={"age": [1, 3, None], "kind": ["cat", "dog", "cat"]})
    >>> encoder = TableEncoder(pool)
    >>> encoder.columns
    ('age', 'age is missing', 'kind = cat', 'kind = dog')
    >>> encoder.encode(list(pool)).tolist()
    [[-1.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]]
    """

    batch_size = 4096

    def __init__(self, pool: Pool, *, categories: Sequence[str] = ()) -> None:
        names, rows = _table(pool)
        if unknown := set(categories) - set(names):
            raise InvalidInputError(
                f"the table has no column {sorted(unknown)[0]!r}, only {', '.join(names)}"
            )
        values = {name: [row[name] for row in rows] for name in names}
        self._parts = [
            _Category.learned(name, values[name])
            if name in categories or not _reads_as_numbers(name, values[name])
            else _Number.learned(name, values[name])
            for name in names
        ]

    @property
    def columns(self) -> tuple[str, ...]:
        """Return what each dimension says."""
        return tuple(name for part in self._parts for name in part.columns)

    @property
    def dim(self) -> int:
        """Return the number of dimensions."""
        return len(self.columns)

    @property
    def fingerprint(self) -> Fingerprint:
        """Return what tells this encoder from every other: what it has learned."""
        learned = json.dumps([vars(part) for part in self._parts], sort_keys=True, default=str)
        digest = hashlib.sha256(learned.encode()).hexdigest()[:16]
        return Fingerprint("table", digest, "standardised, one-hot", self.dim)

    def encode(self, batch: Sequence[Sample]) -> Vectors:
        """Return a vector for each row."""
        rows = [_row_of(sample) for sample in batch]
        parts = [part.encode([row.get(part.name) for row in rows]) for part in self._parts]
        return np.hstack(parts) if parts else np.empty((len(rows), 0), np.float32)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what was learned into a JSON file: beside, and then renamed."""
        columns = [{"kind": _KINDS[type(part)], **vars(part)} for part in self._parts]
        with writing_whole(path) as file:
            file.write(json.dumps({"form": _FORM, "columns": columns}, indent=1).encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TableEncoder:
        """Open what `save` wrote: rows that join are encoded by the same means and categories."""
        try:
            held = json.loads(Path(path).read_text(encoding="utf-8"))
            form, columns = held["form"], held["columns"]
        except FileNotFoundError:
            raise
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise InvalidInputError(f"{path} is no saved TableEncoder: {error}") from error
        if form != _FORM:
            raise InvalidInputError(f"{path} has form {form} and this socbi reads form {_FORM}")
        found = cls.__new__(cls)
        try:
            found._parts = [_part_of(one) for one in columns]
        except (LookupError, TypeError) as error:
            raise InvalidInputError(f"{path} is no saved TableEncoder: {error}") from error
        return found


class _Number:
    def __init__(self, name: str, mean: float, spread: float, missing: bool) -> None:
        self.name = name
        self.mean = mean
        self.spread = spread
        self.missing = missing  # whether any was, so that a column says so

    @classmethod
    def learned(cls, name: str, values: Iterable[Any]) -> _Number:
        numbers = _checked_numbers(name, values)
        known = numbers[~np.isnan(numbers)]
        spread = float(known.std()) if len(known) else 0.0
        mean = float(known.mean()) if len(known) else 0.0
        return cls(name, mean, spread if spread > 0 else 1.0, len(known) < len(numbers))

    @property
    def columns(self) -> list[str]:
        return [self.name, f"{self.name} is missing"] if self.missing else [self.name]

    def encode(self, values: Sequence[Any]) -> Vectors:
        numbers = _checked_numbers(self.name, values)
        scaled = (numbers - self.mean) / self.spread
        found = [np.nan_to_num(scaled, nan=0.0)]
        if self.missing:
            found.append(np.isnan(numbers))
        return np.column_stack(found).astype(np.float32)


class _Category:
    def __init__(self, name: str, known: list[str], rare: bool) -> None:
        self.name = name
        self.known = known
        self.rare = rare  # whether some were too rare for a column of their own

    @classmethod
    def learned(cls, name: str, values: Sequence[Any]) -> _Category:
        there = [str(value) for value in values if not _is_missing(value)]
        kinds, counts = np.unique(np.array(there, dtype=object), return_counts=True)
        least = RARE_SHARE * len(there)
        often = sorted(np.argsort(-counts, kind="stable")[:MOST_CATEGORIES].tolist())
        known = [str(kinds[one]) for one in often if counts[one] >= least]
        return cls(name, known, len(known) < len(kinds))

    @property
    def columns(self) -> list[str]:
        rare = [f"{self.name} is rare"] if self.rare else []
        return [*(f"{self.name} = {one}" for one in self.known), *rare]

    def encode(self, values: Sequence[Any]) -> Vectors:
        places = {one: place for place, one in enumerate(self.known)}
        vectors = np.zeros((len(values), len(self.columns)), np.float32)
        for row, value in zip(vectors, values, strict=True):
            there = None if _is_missing(value) else str(value)
            place = None if there is None else places.get(there, -1 if self.rare else None)
            if place is not None:
                row[place] = 1
        return vectors


_KINDS: dict[type[_Number] | type[_Category], str] = {_Number: "numbers", _Category: "categories"}


def _part_of(told: Mapping[str, Any]) -> _Number | _Category:
    learned = dict(told)
    kind = learned.pop("kind")
    return {name: part for part, name in _KINDS.items()}[kind](**learned)


def _table(pool: Pool) -> tuple[list[str], list[TableRow]]:
    table = pool.column("table")
    rows: list[TableRow] = [table[position] for position in range(len(pool))]
    if not rows:
        raise InvalidInputError("the pool has no rows to learn from")
    return list(rows[0]), rows


def _row_of(sample: Sample) -> TableRow:
    if sample.row is None:
        raise InvalidInputError(f"sample {sample.id!r} has no table row; this encoder needs one")
    return sample.row


def _reads_as_numbers(name: str, values: Iterable[Any]) -> bool:
    """Return whether a column is of numbers; refuse one that is of both."""
    there = [value for value in values if not _is_missing(value)]
    words = [value for value in there if _number(value) is None]
    if words and len(words) < (1 - MOSTLY) * len(there):
        raise InvalidInputError(
            f"the column {name!r} is of numbers, but for {len(words)} of {len(there)} values such "
            f"as {words[0]!r}: mend them, leave them empty where they are missing, or say that it "
            f"is of categories: categories=[{name!r}]"
        )
    return bool(there) and not words


def _checked_numbers(name: str, values: Iterable[Any]) -> npt.NDArray[np.float64]:
    """Return numbers, NaN where one is missing."""
    found = []
    for value in values:
        number = np.nan if _is_missing(value) else _number(value)
        if number is None or np.isinf(number):
            raise InvalidInputError(
                f"the column {name!r} is of finite numbers, got {value!r}: mend it, or leave it "
                "empty where it is missing"
            )
        found.append(number)
    return np.array(found, np.float64)


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _is_missing(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in _MISSING
    return value is None or value != value  # NaN
