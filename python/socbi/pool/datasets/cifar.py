"""CIFAR-10 and CIFAR-100: python or binary files, in their folder or in the published archive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from socbi.pool.columns import ArrayImages
from socbi.pool.datasets.cifar_pickle import read_pickle
from socbi.pool.datasets.data_set import DataSet
from socbi.pool.datasets.packed import tar_members
from socbi.pool.datasets.request import Request
from socbi.pool.pool import Label, Pool
from socbi.pool.sample_ids import SampleId

__all__ = ["CIFAR_SETS"]

_PIXELS = 3 * 32 * 32
Batch: TypeAlias = tuple[npt.NDArray[np.uint8], list[int]]
Files: TypeAlias = dict[str, tuple[Path, bytes]]


@dataclass(frozen=True)
class _Form:
    """One of the two forms in which a set is published."""

    folder: str
    archive: str
    archive_md5: str
    batches: Mapping[str, tuple[str, ...]]  # of each split
    names: str
    file_md5: Mapping[str, str]
    parse_batch: Callable[[bytes], Batch]
    parse_names: Callable[[bytes], list[str]]

    def wanted(self, split: str) -> tuple[str, ...]:
        """Return the files of a split."""
        return (*self.batches[split], self.names)

    def files(self, request: Request) -> Files | None:
        """Return the content of the files; None where nothing of this form is there."""
        wanted = self.wanted(request.split)
        for folder in (f"{self.folder}/", ""):
            if request.look(*(folder + name for name in wanted)) is None:
                continue
            found = {}
            for name in wanted:
                path = request.find(folder + name)
                request.check_file(path, self.file_md5.get(name))
                found[name] = path, path.read_bytes()
            return found
        archive = request.look(self.archive)
        if archive is None:
            return None
        request.check_file(archive, self.archive_md5)
        members = tar_members(request, archive, {f"{self.folder}/{name}" for name in wanted})
        found = {}
        for name in wanted:
            if f"{self.folder}/{name}" not in members:
                raise request.damaged(archive, f"it has no {self.folder}/{name}")
            found[name] = archive / self.folder / name, members[f"{self.folder}/{name}"]
        return found


@dataclass(frozen=True)
class _Cifar:
    """One set, in any of its forms."""

    forms: tuple[_Form, ...]

    def read(self, request: Request) -> Pool:
        """Return the pool of a split."""
        for form in self.forms:
            files = form.files(request)
            if files is not None:
                return _pool_of(request, form, files)
        raise request.missing(
            *(
                place
                for form in self.forms
                for place in (f"{form.folder}/{form.wanted(request.split)[0]}", form.archive)
            )
        )


def _pool_of(request: Request, form: _Form, files: Files) -> Pool:
    path, content = files[form.names]
    try:
        names = form.parse_names(content)
    except ValueError as error:
        raise request.damaged(path, error) from error
    images, ids, labels = [], list[SampleId](), list[Label | None]()
    start = 0
    for batch in form.batches[request.split]:
        path, content = files[batch]
        try:
            pixels, numbers = form.parse_batch(content)
        except ValueError as error:
            raise request.damaged(path, error) from error
        kept = []
        for at, number in enumerate(numbers):
            if not 0 <= number < len(names):
                request.intake.refuse(
                    "unreadable row", f"{batch} {at}", f"there is no label {number}"
                )
                continue
            kept.append(at)
            ids.append(start + at)
            labels.append(names[number])
        images.append(pixels if len(kept) == len(pixels) else pixels[kept])
        start += len(pixels)
    return request.pool(ids, {"image": ArrayImages(np.concatenate(images))}, labels)


def _channels_last(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))


def _python_batch(label_key: str) -> Callable[[bytes], Batch]:
    def parse(content: bytes) -> Batch:
        found = read_pickle(content)
        for key in ("data", label_key):
            if key not in found:
                raise ValueError(f"it has no {key}, only {', '.join(found)}")
        pixels, labels = found["data"], found[label_key]
        if not isinstance(pixels, bytes) or len(pixels) % _PIXELS:
            raise ValueError(f"its data are not rows of {_PIXELS} bytes")
        if not isinstance(labels, list) or not all(type(one) is int for one in labels):
            raise ValueError(f"its {label_key} are not a list of whole numbers")
        if len(pixels) != len(labels) * _PIXELS:
            raise ValueError(f"{len(labels)} labels and {len(pixels) // _PIXELS} images")
        return _channels_last(np.frombuffer(pixels, np.uint8)), labels

    return parse


def _python_names(key: str) -> Callable[[bytes], list[str]]:
    def parse(content: bytes) -> list[str]:
        names = read_pickle(content).get(key)
        if not isinstance(names, list):
            raise ValueError(f"it has no list {key}")
        return [one.decode("utf-8") if isinstance(one, bytes) else str(one) for one in names]

    return parse


def _binary_batch(label_bytes: int, label_at: int) -> Callable[[bytes], Batch]:
    def parse(content: bytes) -> Batch:
        record = label_bytes + _PIXELS
        if not content or len(content) % record:
            raise ValueError(
                f"{len(content):,} bytes are no whole number of records of {record}: it is cut off"
            )
        rows = np.frombuffer(content, np.uint8).reshape(-1, record)
        return _channels_last(rows[:, label_bytes:]), rows[:, label_at].tolist()

    return parse


def _binary_names(content: bytes) -> list[str]:
    return content.decode("utf-8").split()


_TEN = {
    "train": tuple(f"data_batch_{number}" for number in range(1, 6)),
    "test": ("test_batch",),
}
_CIFAR_10 = (
    _Form(
        "cifar-10-batches-py",
        "cifar-10-python.tar.gz",
        "c58f30108f718f92721af3b95e74349a",
        _TEN,
        "batches.meta",
        {
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
            "test_batch": "40351d587109b95175f43aff81a1287e",
            "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
        },
        _python_batch("labels"),
        _python_names("label_names"),
    ),
    _Form(
        "cifar-10-batches-bin",
        "cifar-10-binary.tar.gz",
        "c32a1d4ab5d03f1284b67883e8d87530",
        {split: tuple(f"{name}.bin" for name in batches) for split, batches in _TEN.items()},
        "batches.meta.txt",
        {},
        _binary_batch(1, 0),
        _binary_names,
    ),
)


def _cifar_100(kind: str, label_at: int) -> tuple[_Form, ...]:
    return (
        _Form(
            "cifar-100-python",
            "cifar-100-python.tar.gz",
            "eb9058c3a382ffc7106e4002c42a8d85",
            {"train": ("train",), "test": ("test",)},
            "meta",
            {
                "train": "16019d7e3df5f24257cddd939b257f8d",
                "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
                "meta": "7973b15100ade9c7d40fb424638fde48",
            },
            _python_batch(f"{kind}_labels"),
            _python_names(f"{kind}_label_names"),
        ),
        _Form(
            "cifar-100-binary",
            "cifar-100-binary.tar.gz",
            "03b5dce01913d631647c71ecec9e9cb8",
            {"train": ("train.bin",), "test": ("test.bin",)},
            f"{kind}_label_names.txt",
            {},
            _binary_batch(2, label_at),
            _binary_names,
        ),
    )


def _data_set(forms: tuple[_Form, ...]) -> DataSet:
    page = "https://www.cs.toronto.edu/~kriz/cifar.html"
    return DataSet(("train", "test"), page, _Cifar(forms).read, checksums=True)


CIFAR_SETS = {
    "cifar10": _data_set(_CIFAR_10),
    "cifar100": _data_set(_cifar_100("fine", 1)),
    "cifar100_coarse": _data_set(_cifar_100("coarse", 0)),
}
