"""Tiny ImageNet: the folder that the published zip unpacks to."""

from __future__ import annotations

from pathlib import Path

from socbi.pool.datasets.data_set import DataSet
from socbi.pool.datasets.gathering import Gathering
from socbi.pool.datasets.request import Request
from socbi.pool.pool import Label, Pool

__all__ = ["TINY_IMAGENET_SETS"]

_FOLDERS = ("tiny-imagenet-200/", "")


def _find(request: Request, name: str) -> Path:
    return request.find(*(folder + name for folder in _FOLDERS))


def _read(request: Request) -> Pool:
    """Return the pool of a split; ids are the names of the files, labels WordNet's numbers."""
    if request.split == "train":
        return _train(request)
    if request.split == "val":
        return _val(request)
    gathering = Gathering(request)
    for path in _images(_find(request, "test/images/")):
        gathering.add(path.name, path.name, image=path)
    return gathering.pool()


def _train(request: Request) -> Pool:
    folder = _find(request, "train/")
    gathering = Gathering(request)
    kinds = _kinds(request)
    for kind in kinds:
        if not (folder / kind / "images").is_dir():
            request.intake.refuse("missing file", kind, f"{folder / kind / 'images'} is not there")
            continue
        for path in _images(folder / kind / "images"):
            gathering.add(f"{kind}/images/{path.name}", path.name, image=path, label=kind)
    for other in sorted({one.name for one in folder.iterdir() if one.is_dir()} - set(kinds)):
        request.intake.refuse("unreadable row", f"train/{other}", "wnids.txt does not list it")
    return gathering.pool()


def _val(request: Request) -> Pool:
    listing = _find(request, "val/val_annotations.txt")
    kinds = set(_kinds(request))
    gathering = Gathering(request)
    seen = set()
    for number, line in enumerate(request.text(listing).splitlines(), 1):
        where = f"{listing.name} line {number}"
        name, _, rest = line.partition("\t")
        kind = rest.split("\t")[0]
        if kind not in kinds or Path(name).name != name:
            request.intake.refuse("unreadable row", where, f"{line!r} names no image and class")
            continue
        seen.add(name)
        gathering.add(where, name, image=listing.parent / "images" / name, label=kind)
    for path in _images(listing.parent / "images"):
        if path.name not in seen:
            request.intake.refuse("missing value", path.name, f"{listing.name} has no class for it")
    return gathering.pool()


def _images(folder: Path) -> list[Path]:
    """Return the images of a folder, by number: n01443537_2 comes before n01443537_10."""
    return sorted(folder.glob("*.JPEG"), key=lambda path: (len(path.name), path.name))


def _kinds(request: Request) -> list[str]:
    return request.text(_find(request, "wnids.txt")).split()


def _class_names(request: Request) -> dict[Label, str]:
    words = _find(request, "words.txt")
    named = dict(line.split("\t", 1) for line in request.text(words).splitlines() if "\t" in line)
    return {kind: named[kind].strip() for kind in _kinds(request) if kind in named}


TINY_IMAGENET_SETS = {
    "tiny_imagenet": DataSet(
        ("train", "val", "test"),
        "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
        _read,
        _class_names,
    )
}
