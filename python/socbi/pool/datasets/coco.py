"""COCO: images, captions and the categories of the instances on them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from socbi.pool.datasets.data_set import DataSet
from socbi.pool.datasets.gathering import Gathering
from socbi.pool.datasets.label_matrix import as_columns, matrix_of, rarest_labels
from socbi.pool.datasets.request import Request
from socbi.pool.pool import Pool
from socbi.pool.sample_ids import SampleId

__all__ = ["COCO_SETS"]


def _read(request: Request, *, year: int) -> Pool:
    """Return the pool of a split: image, first caption, categories.

    Ids are the image ids. "First" is the caption of the lowest id: the order within the files is
    not that of writing. The label is the rarest category, see `label_matrix`.
    """
    part = f"{request.split}{year}"
    captions_path = request.find(f"annotations/captions_{part}.json", f"captions_{part}.json")
    instances_path = request.find(f"annotations/instances_{part}.json", f"instances_{part}.json")
    folder = request.find(f"{part}/", f"images/{part}/")
    images, captions = _captions(request, captions_path)
    names, marks = _instances(request, instances_path, images)
    gathering = Gathering(request)
    for id, (where, name) in images.items():
        if id not in captions:
            request.intake.refuse("missing value", where, f"{captions_path.name} has no caption")
            continue
        gathering.add(where, id, image=folder / name, text=captions[id][1])
    matrix = matrix_of(gathering.ids, marks, len(names))
    return gathering.pool(
        text=True, table=as_columns(matrix, names), labels=rarest_labels(matrix, names)
    )


def _captions(
    request: Request, path: Path
) -> tuple[dict[int, tuple[str, str]], dict[int, tuple[int, str]]]:
    """Return where each image is listed and its file, and each image's first caption."""
    images = dict[int, tuple[str, str]]()
    captions = dict[int, tuple[int, str]]()
    owners = list[tuple[int, str]]()
    for number, (key, item) in enumerate(request.json_items(path)):
        where = f"{path.name} item {number}"
        if key == "images":
            name = item.get("file_name") if isinstance(item, dict) else None
            if not _whole(item, "id") or not isinstance(name, str) or Path(name).name != name:
                request.intake.refuse("unreadable row", where, "no image with id and file_name")
            elif item["id"] in images:
                request.intake.refuse("duplicate id", where, f"{item['id']} was there before")
            else:
                images[item["id"]] = where, name
        elif key == "annotations":
            if not _whole(item, "id", "image_id") or not isinstance(item.get("caption"), str):
                request.intake.refuse("unreadable row", where, "no caption of an image")
                continue
            this = item["id"], item["caption"].strip()
            captions[item["image_id"]] = min(captions.get(item["image_id"], this), this)
            owners.append((item["image_id"], where))
    _refuse_strangers(request, owners, images)
    return images, captions


def _instances(
    request: Request, path: Path, images: dict[int, tuple[str, str]]
) -> tuple[list[str], dict[SampleId, set[int]]]:
    """Return the categories in their order and which each image has."""
    categories = dict[int, str]()
    pairs = list[tuple[int, int, str]]()
    for number, (key, item) in enumerate(request.json_items(path)):
        where = f"{path.name} item {number}"
        if key == "categories" and _whole(item, "id") and isinstance(item.get("name"), str):
            categories[item["id"]] = item["name"]
        elif key == "categories":
            raise request.damaged(path, f"item {number} is no category with id and name")
        elif key == "annotations" and _whole(item, "image_id", "category_id"):
            pairs.append((item["image_id"], item["category_id"], where))
        elif key == "annotations":
            request.intake.refuse("unreadable row", where, "no image_id and category_id")
    _refuse_strangers(request, [(image, where) for image, _, where in pairs], images)
    places = {id: place for place, id in enumerate(categories)}
    marks = dict[SampleId, set[int]]()
    for image, category, where in pairs:
        if category not in places:
            request.intake.refuse("unreadable row", where, f"there is no category {category}")
        else:
            marks.setdefault(image, set()).add(places[category])
    return list(categories.values()), marks


def _refuse_strangers(
    request: Request, owners: list[tuple[int, str]], images: dict[int, tuple[str, str]]
) -> None:
    for image, where in owners:
        if image not in images:
            request.intake.refuse("unreadable row", where, f"no image {image} is listed")


def _whole(item: Any, *keys: str) -> bool:
    return isinstance(item, dict) and all(type(item.get(key)) is int for key in keys)


_PAGE = "https://cocodataset.org/#download"

COCO_SETS = {
    f"coco{year}": DataSet(("train", "val"), _PAGE, partial(_read, year=year))
    for year in (2014, 2017)
}
