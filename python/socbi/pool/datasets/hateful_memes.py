"""Hateful Memes: lines of JSON beside a folder of images."""

from __future__ import annotations

from pathlib import PurePosixPath

from socbi.pool.datasets.data_set import DataSet
from socbi.pool.datasets.gathering import Gathering
from socbi.pool.datasets.request import Request
from socbi.pool.manifest import json_rows
from socbi.pool.pool import Label, Pool

__all__ = ["HATEFUL_MEMES_SETS"]


def _read(request: Request) -> Pool:
    """Return the pool of a split: image and text; 1 is hateful, test files may have no labels."""
    listing = request.find(f"{request.split}.jsonl")
    gathering = Gathering(request)
    refuse = request.intake.refuse
    for where, row in json_rows(listing, "utf-8", request.intake):
        where = f"{listing.name} {where}"
        lacking = [key for key in ("id", "img", "text") if row.get(key) is None]
        if lacking:
            refuse("missing value", where, f"no {', '.join(lacking)}")
            continue
        id, image, label = str(row["id"]), PurePosixPath(str(row["img"])), row.get("label")
        if not (id.isascii() and id.isdigit()):
            refuse("unreadable row", where, f"the id {row['id']!r} is no number")
        elif image.is_absolute() or ".." in image.parts:
            refuse("unreadable row", where, f"{image} is outside of the set's folder")
        elif label not in (None, 0, 1):
            refuse("unreadable row", where, f"there is no label {label!r}")
        else:
            # Numbers, since some files of the set write 8291 and others "08291".
            path = listing.parent / image
            gathering.add(where, int(id), image=path, text=str(row["text"]), label=label)
    return gathering.pool(text=True)


def _class_names(request: Request) -> dict[Label, str]:
    return {0: "not hateful", 1: "hateful"}


HATEFUL_MEMES_SETS = {
    "hateful_memes": DataSet(
        ("train", "dev", "test", "dev_seen", "dev_unseen", "test_seen", "test_unseen"),
        "https://hatefulmemeschallenge.com/",
        _read,
        _class_names,
    )
}
