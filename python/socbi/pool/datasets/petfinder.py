"""PetFinder.my Adoption Prediction: a table, descriptions and photographs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from socbi.pool.datasets.data_set import DataSet
from socbi.pool.datasets.gathering import Gathering
from socbi.pool.datasets.request import Request
from socbi.pool.manifest import csv_rows
from socbi.pool.pool import Label, Pool

__all__ = ["PETFINDER_SETS"]

_ID, _TEXT, _LABEL, _PHOTOS = "PetID", "Description", "AdoptionSpeed", "PhotoAmt"
_PHOTO = re.compile(r"(.+)-(\d+)\.jpg", re.IGNORECASE)


def _read(request: Request) -> Pool:
    """Return the pool of a split: table, description ("" where there is none), first photograph.

    An advert without photographs (``PhotoAmt`` 0) has no image; one that should have some and has
    none is refused.
    """
    split = request.split
    listing = request.find(f"{split}.csv", f"{split}/{split}.csv")
    photos = _first_photos(request.find(f"{split}_images/"))
    gathering = Gathering(request)
    rows = list[dict[str, Any]]()
    for where, row in csv_rows(listing, "utf-8", request.intake, ","):
        lacking = [name for name in (_ID, _TEXT, _PHOTOS) if name not in row]
        if split == "train" and _LABEL not in row:
            lacking.append(_LABEL)
        if lacking:
            raise request.damaged(listing, f"it has no column {', '.join(lacking)}")
        where = f"{listing.name} {where}"
        id = row[_ID]
        label = row.get(_LABEL)
        if not id:
            request.intake.refuse("missing value", where, f"no {_ID}")
        elif label is not None and label not in ("0", "1", "2", "3", "4"):
            request.intake.refuse("unreadable row", where, f"there is no {_LABEL} {label!r}")
        elif id not in photos and _number(row[_PHOTOS], float) != 0:
            request.intake.refuse(
                "missing file", where, f"{_PHOTOS} is {row[_PHOTOS]}, and {id}-1.jpg is not there"
            )
        elif gathering.add(
            where,
            id,
            image=photos.get(id),
            text=row[_TEXT],
            label=None if label is None else int(label),
        ):
            rows.append(row)
    names = [one for one in (rows[0] if rows else ()) if one not in (_ID, _TEXT, _LABEL)]
    table = {name: _typed([row[name] for row in rows]) for name in names}
    return gathering.pool(text=True, table=table)


def _first_photos(folder: Path) -> dict[str, Path]:
    first = dict[str, tuple[int, Path]]()
    for path in folder.iterdir():
        found = _PHOTO.fullmatch(path.name)
        if found is not None:
            this = (int(found[2]), path)
            first[found[1]] = min(first.get(found[1], this), this)
    return {id: path for id, (_, path) in first.items()}


def _number(value: str, kind: Callable[[str], Any]) -> Any:
    try:
        return kind(value)
    except ValueError:
        return None


def _typed(values: list[str]) -> list[Any]:
    """Return a column as whole numbers, else as numbers, else as it is; None where empty."""
    for kind in (int, float):
        typed = [None if value == "" else _number(value, kind) for value in values]
        if all(one is not None or value == "" for one, value in zip(typed, values, strict=True)):
            return typed
    return [value or None for value in values]


def _class_names(request: Request) -> dict[Label, str]:
    return {
        0: "on the day",
        1: "in the first week",
        2: "in the first month",
        3: "in the second or third month",
        4: "not within 100 days",
    }


PETFINDER_SETS = {
    "petfinder": DataSet(
        ("train", "test"),
        "https://www.kaggle.com/c/petfinder-adoption-prediction",
        _read,
        _class_names,
    )
}
