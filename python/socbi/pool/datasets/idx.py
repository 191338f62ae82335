"""MNIST, Fashion-MNIST and EMNIST: images and labels in IDX files, gzipped or not."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from socbi.pool.columns import ArrayImages
from socbi.pool.datasets.data_set import DataSet
from socbi.pool.datasets.packed import unpacked_file, unpacked_gzip, zip_member
from socbi.pool.datasets.request import Request
from socbi.pool.pool import Label, Pool
from socbi.pool.sample_ids import SampleId

__all__ = ["FASHION_MNIST_CLASSES", "IDX_SETS", "parse_idx"]

FASHION_MNIST_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
"""What the numbers 0 to 9 of Fashion-MNIST stand for."""

_DIGITS = string.digits
_MERGED = _DIGITS + string.ascii_uppercase + "abdefghnqrt"  # the other letters look like large ones
# What the numbers stand for; those of the letters begin with 1.
_EMNIST_CHARACTERS = {
    "byclass": _DIGITS + string.ascii_uppercase + string.ascii_lowercase,
    "bymerge": _MERGED,
    "balanced": _MERGED,
    "letters": " " + string.ascii_lowercase,
    "digits": _DIGITS,
    "mnist": _DIGITS,
}
# Of the unpacked files, so that neither another gzip nor none matters.
_MNIST_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
# These are of the very archives whose published checksums are 8d4fb7e6..., 25c81989...,
# bef4ecab... and bb300cfd..., unpacked.
_FASHION_MD5 = {
    "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
    "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
    "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
}
_EMNIST_ZIP_MD5 = "58c8d27c78d21e728a6bc7b3cc06412e"
_UNSIGNED_BYTE = 8


def parse_idx(content: bytes) -> npt.NDArray[np.uint8]:
    """Return the array of bytes that an IDX file holds; ValueError where it is none.

    Examples
    --------
    >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9])).tolist()
    [7, 8, 9]
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != _UNSIGNED_BYTE:
        raise ValueError("it does not begin as an IDX file of bytes does")
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise ValueError("it is cut off in its head")
    shape = tuple(np.frombuffer(content, ">u4", content[3], 4).tolist())
    size = 1
    for side in shape:
        size *= side
    if len(content) - start != size:
        raise ValueError(
            f"its head says {size:,} bytes {shape}, and it has {len(content) - start:,}"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


@dataclass(frozen=True)
class _Kind:
    """How one set of IDX files is laid out."""

    folders: tuple[str, ...]
    stems: Mapping[str, str]  # of a split's files
    md5: Mapping[str, str]
    characters: str | None = None
    zips: tuple[str, ...] = ()

    def read(self, request: Request) -> Pool:
        """Return the pool of a split."""
        stem = self.stems[request.split]
        images, image_path = self._array(request, f"{stem}-images-idx3-ubyte", 3)
        numbers, label_path = self._array(request, f"{stem}-labels-idx1-ubyte", 1)
        if len(images) != len(numbers):
            raise request.damaged(
                label_path, f"{len(numbers):,} labels and {len(images):,} images in {image_path}"
            )
        if self.characters is not None:
            images = images.transpose(0, 2, 1)  # EMNIST's are written column by column
        ids, labels = list[SampleId](), list[Label | None]()
        known = range(10) if self.characters is None else range(len(self.characters))
        for at, number in enumerate(numbers.tolist()):
            if number not in known or (self.characters and self.characters[number] == " "):
                request.intake.refuse(
                    "unreadable row", f"{label_path.name} {at}", f"there is no label {number}"
                )
                continue
            ids.append(at)
            labels.append(number if self.characters is None else self.characters[number])
        kept = images if len(ids) == len(images) else images[np.array(ids, np.int64)]
        return request.pool(ids, {"image": ArrayImages(kept)}, labels)

    def _array(
        self, request: Request, name: str, dimensions: int
    ) -> tuple[npt.NDArray[np.uint8], Path]:
        content, path = self._content(request, name)
        try:
            values = parse_idx(content)
            if values.ndim != dimensions:
                raise ValueError(f"{values.ndim} dimensions, where {dimensions} are expected")
        except ValueError as error:
            raise request.damaged(path, error) from error
        return values, path

    def _content(self, request: Request, name: str) -> tuple[bytes, Path]:
        loose = [f"{folder}{name}{end}" for folder in self.folders for end in (".gz", "")]
        path = request.look(*loose)
        if path is not None:
            content = unpacked_file(request, path)
            request.check_content(path, content, self.md5.get(name))
            return content, path
        archive = request.look(*self.zips)
        if archive is None:
            raise request.missing(*loose, *self.zips)
        request.check_file(archive, _EMNIST_ZIP_MD5)
        member = f"gzip/{name}.gz"
        packed = zip_member(request, archive, member)
        if packed is None:
            raise request.damaged(archive, f"it has no {member}")
        return unpacked_gzip(request, archive, packed), archive


def _emnist(split: str, characters: str) -> DataSet:
    kind = _Kind(
        ("", "gzip/", "raw/", "EMNIST/raw/"),
        {part: f"emnist-{split}-{part}" for part in ("train", "test")},
        {},
        characters,
        ("gzip.zip", "emnist.zip"),
    )
    page = "https://www.nist.gov/itl/products-and-services/emnist-dataset"
    return DataSet(("train", "test"), page, kind.read, checksums=True)


def _fashion_names(request: Request) -> dict[Label, str]:
    return dict(enumerate(FASHION_MNIST_CLASSES))


_STEMS = {"train": "train", "test": "t10k"}

IDX_SETS = {
    "fashion_mnist": DataSet(
        ("train", "test"),
        "https://github.com/zalandoresearch/fashion-mnist",
        _Kind(("", "raw/", "FashionMNIST/raw/"), _STEMS, _FASHION_MD5).read,
        _fashion_names,
        checksums=True,
    ),
    "mnist": DataSet(
        ("train", "test"),
        "http://yann.lecun.com/exdb/mnist/",
        _Kind(("", "raw/", "MNIST/raw/"), _STEMS, _MNIST_MD5).read,
        checksums=True,
    ),
} | {f"emnist_{split}": _emnist(split, known) for split, known in _EMNIST_CHARACTERS.items()}
