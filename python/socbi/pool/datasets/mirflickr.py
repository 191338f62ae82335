"""MIRFlickr-25k: numbered images, lists of those that a label is on, and Flickr's tags."""

from __future__ import annotations

import re
from pathlib import Path

from socbi.pool.datasets.data_set import DataSet
from socbi.pool.datasets.gathering import Gathering
from socbi.pool.datasets.label_matrix import as_columns, matrix_of, rarest_labels
from socbi.pool.datasets.request import Request
from socbi.pool.pool import Pool
from socbi.pool.sample_ids import SampleId

__all__ = ["MIRFLICKR_SETS"]

_IMAGE = re.compile(r"im(\d+)\.jpg", re.IGNORECASE)
_LISTS = ("mirflickr25k_annotations_v080/", "annotations/", "mirflickr/annotations/")
_RELEVANT = "_r1"  # the lists of images on which the thing is what the picture is of


def _read(request: Request) -> Pool:
    """Return the pool: images, their tags as text where ``meta/tags`` is there, labels.

    Ids are the numbers. The label is the rarest of those on the image in the wide sense, see
    `label_matrix`; the table has the lists of the narrow sense too, ``baby_r1`` beside ``baby``.
    """
    folder = request.look("mirflickr/") or request.root
    paths = {
        int(found[1]): path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if (found := _IMAGE.fullmatch(path.name)) is not None
    }
    if not paths:
        raise request.missing("mirflickr/im1.jpg", "im1.jpg")
    lists = _lists(request)
    numbers = set(range(1, max(paths) + 1)).union(paths, *lists.values())
    tags = folder / "meta" / "tags"
    has_tags = tags.is_dir()
    gathering = Gathering(request)
    for number in sorted(numbers):
        image = paths.get(number, folder / f"im{number}.jpg")
        text = _tags(request, tags / f"tags{number}.txt") if has_tags else ""
        if text is not None:
            gathering.add(image.name, number, image=image, text=text)
    names = sorted(lists)
    wide = [name for name in names if not name.endswith(_RELEVANT)]
    marks = dict[SampleId, set[int]]()
    for place, name in enumerate(names):
        for number in lists[name]:
            marks.setdefault(number, set()).add(place)
    matrix = matrix_of(gathering.ids, marks, len(names))
    labels = rarest_labels(matrix[:, [names.index(name) for name in wide]], wide)
    return gathering.pool(text=has_tags, table=as_columns(matrix, names), labels=labels)


def _lists(request: Request) -> dict[str, set[int]]:
    folder = request.find(*_LISTS)
    lists = dict[str, set[int]]()
    for path in sorted(folder.glob("*.txt")):
        if path.stem.lower() == "readme":
            continue
        lists[path.stem] = set()
        for number, line in enumerate(request.text(path).splitlines(), 1):
            word = line.strip()
            if word.isascii() and word.isdigit() and int(word) > 0:
                lists[path.stem].add(int(word))
            elif word:
                request.intake.refuse(
                    "unreadable row", f"{path.name} line {number}", f"{word!r} is no number"
                )
    if not lists:
        raise request.missing(f"{folder.name}/sky.txt and others")
    return lists


def _tags(request: Request, path: Path) -> str | None:
    """Return the tags in one line; None where the image is refused for them."""
    if not path.is_file():
        request.intake.refuse("missing file", path.name, f"{path} is not there")
        return None
    try:
        return " ".join(path.read_text(encoding="utf-8").split())
    except UnicodeDecodeError:
        request.intake.refuse("wrong encoding", path.name, "not utf-8")
        return None


MIRFLICKR_SETS = {"mirflickr25k": DataSet(("all",), "https://press.liacs.nl/mirflickr/", _read)}
