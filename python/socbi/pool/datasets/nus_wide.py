"""NUS-WIDE: lists of images, lists of 81 labels, and Flickr's tags."""

from __future__ import annotations

from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from socbi.pool.datasets.data_set import DataSet
from socbi.pool.datasets.gathering import Gathering
from socbi.pool.datasets.label_matrix import as_columns, rarest_labels
from socbi.pool.datasets.request import Request
from socbi.pool.pool import Pool

__all__ = ["NUS_WIDE_SETS"]

_IMAGE_LISTS = {
    "train": "TrainImagelist.txt",
    "test": "TestImagelist.txt",
    "all": "Imagelist.txt",
}


def _read(request: Request, *, images: bool) -> Pool:
    """Return the pool of a split: image, tags as text, labels.

    Ids are the paths in the list of images, written with "/". The label is the rarest, see
    `label_matrix`. ``nus_wide_tags`` has no images: their publisher gives their addresses alone.
    """
    listing = request.find(f"ImageList/{_IMAGE_LISTS[request.split]}", _IMAGE_LISTS[request.split])
    names = [line.strip().replace("\\", "/") for line in request.text(listing).splitlines()]
    names = [name for name in names if name]
    labels, matrix = _labels(request, listing, len(names))
    tags = _tags(request)
    folder = request.find("Flickr/", "images/") if images else None
    gathering = Gathering(request)
    kept = []
    for at, name in enumerate(names):
        where = f"{listing.name} line {at + 1}"
        path = PurePosixPath(name)
        photo = path.stem.rpartition("_")[2]
        if path.is_absolute() or ".." in path.parts:
            request.intake.refuse("unreadable row", where, f"{name} is outside of the set's folder")
        elif photo not in tags:
            request.intake.refuse("missing value", where, f"All_Tags.txt has no photo {photo}")
        elif (text := tags[photo]) is None:
            request.intake.refuse("wrong encoding", where, f"the tags of {photo} are not utf-8")
        elif gathering.add(where, name, image=None if folder is None else folder / name, text=text):
            kept.append(at)
    matrix = matrix[kept]
    return gathering.pool(
        image=images,
        text=True,
        table=as_columns(matrix, labels),
        labels=rarest_labels(matrix, labels),
    )


def _labels(request: Request, listing: Path, count: int) -> tuple[list[str], npt.NDArray[np.uint8]]:
    """Return the labels, and for each image of the list which of them it has."""
    sort = "AllLabels" if request.split == "all" else "TrainTestLabels"
    end = "" if request.split == "all" else f"_{request.split.title()}"
    folder = request.find(f"Groundtruth/{sort}/", f"{sort}/")
    paths = sorted(folder.glob(f"Labels_*{end}.txt"))
    if not paths:
        raise request.missing(f"Groundtruth/{sort}/Labels_sky{end}.txt and others")
    matrix = np.empty((count, len(paths)), np.uint8)
    for column, path in enumerate(paths):
        marks = path.read_bytes().split()
        if len(marks) != count:
            raise request.damaged(path, f"{len(marks):,} marks, and {listing.name} has {count:,}")
        matrix[:, column] = [one == b"1" for one in marks]
        if set(marks) - {b"0", b"1"}:
            raise request.damaged(path, f"a mark that is neither 0 nor 1: {set(marks)}")
    return [path.stem.removeprefix("Labels_").removesuffix(end) for path in paths], matrix


def _tags(request: Request) -> dict[str, str | None]:
    """Return the tags of each photograph, by Flickr's number; None where they are not UTF-8."""
    path = request.find("NUS_WID_Tags/All_Tags.txt", "All_Tags.txt")
    tags = dict[str, str | None]()
    for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
        words = line.split()
        if not words:
            continue
        if not words[0].isdigit():
            request.intake.refuse(
                "unreadable row", f"{path.name} line {number}", "no number of a photo in front"
            )
            continue
        photo = words[0].decode("ascii")
        try:
            tags[photo] = b" ".join(words[1:]).decode("utf-8")
        except UnicodeDecodeError:
            tags[photo] = None
    return tags


_PAGE = "https://lms.comp.nus.edu.sg/wp-content/uploads/2019/research/nuswide/NUS-WIDE.html"
_SPLITS = ("train", "test", "all")

NUS_WIDE_SETS = {
    "nus_wide": DataSet(_SPLITS, _PAGE, partial(_read, images=True)),
    "nus_wide_tags": DataSet(_SPLITS, _PAGE, partial(_read, images=False)),
}
