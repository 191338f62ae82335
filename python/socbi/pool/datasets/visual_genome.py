"""Visual Genome: images and the phrases on their regions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from socbi.pool.datasets.data_set import DataSet
from socbi.pool.datasets.gathering import Gathering
from socbi.pool.datasets.request import Request
from socbi.pool.pool import Pool

__all__ = ["VISUAL_GENOME_SETS"]

_FOLDERS = ("VG_100K", "VG_100K_2")


def _read(request: Request, *, text_of: Callable[[list[str]], str]) -> Pool:
    """Return the pool: ids are the image ids; "" is the text of an image without regions."""
    listing = request.find("image_data.json")
    regions = request.find("region_descriptions.json")
    texts = _texts(request, regions, text_of)
    gathering = Gathering(request)
    listed = set()
    for number, (_, image) in enumerate(request.json_items(listing)):
        where = f"{listing.name} item {number}"
        id = _id_of(image, "image_id", "id")
        if id is None:
            request.intake.refuse("unreadable row", where, "no image_id")
            continue
        listed.add(id)
        if id not in texts:
            request.intake.refuse("missing value", where, f"{regions.name} has no image {id}")
        else:
            path = _image(request, id, str(image.get("url", "")))
            gathering.add(where, id, image=path, text=texts[id])
    for id in texts:
        if id not in listed:
            request.intake.refuse(
                "missing value", f"{regions.name} image {id}", f"{listing.name} has no such image"
            )
    return gathering.pool(text=True)


def _texts(request: Request, path: Path, text_of: Callable[[list[str]], str]) -> dict[int, str]:
    texts = dict[int, str]()
    for number, (_, entry) in enumerate(request.json_items(path)):
        id = _id_of(entry, "id", "image_id")
        regions = entry.get("regions") if isinstance(entry, dict) else None
        if id is None or not isinstance(regions, list):
            request.intake.refuse(
                "unreadable row", f"{path.name} item {number}", "no id or no regions"
            )
            continue
        phrases = [
            str(one["phrase"]).strip()
            for one in regions
            if isinstance(one, dict) and one.get("phrase")
        ]
        texts[id] = text_of(phrases)
    return texts


def _id_of(entry: Any, *keys: str) -> int | None:
    if not isinstance(entry, dict):
        return None
    return next((entry[key] for key in keys if type(entry.get(key)) is int), None)


def _image(request: Request, id: int, url: str) -> Path:
    """Return where an image is: in the folder of its address, or in the other one."""
    named = PurePosixPath(url).parent.name
    folders = sorted(_FOLDERS, key=lambda folder: folder != named)
    paths = [request.root / folder / f"{id}.jpg" for folder in folders]
    return next((path for path in paths if path.is_file()), paths[0])


def _joined(phrases: list[str]) -> str:
    return ". ".join(phrases)


def _first(phrases: list[str]) -> str:
    return phrases[0] if phrases else ""


_PAGE = "https://homes.cs.washington.edu/~ranjay/visualgenome/"

VISUAL_GENOME_SETS = {
    "visual_genome": DataSet(("all",), _PAGE, partial(_read, text_of=_joined)),
    "visual_genome_first": DataSet(("all",), _PAGE, partial(_read, text_of=_first)),
}
