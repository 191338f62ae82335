"""What samples consist of: images, texts and table rows, by position."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError, MissingExtraError
from socbi.types import IdArray

__all__ = [
    "ArrayImages",
    "Chosen",
    "Column",
    "FileImages",
    "Joined",
    "Table",
    "TableRow",
    "Texts",
    "Viewed",
    "bears_threads",
    "pillow",
]

TableRow: TypeAlias = dict[str, Any]


class Column(Protocol):
    """One kind of content for every sample."""

    def __len__(self) -> int:
        """Return the number of samples."""
        ...

    def __getitem__(self, position: int) -> Any:
        """Return the content of one sample."""
        ...


@dataclass(frozen=True)
class FileImages:
    """Images in files, opened when they are asked for, as RGB."""

    paths: Sequence[Path]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.paths)

    def __getitem__(self, position: int) -> Any:
        """Return the image, a PIL.Image."""
        with pillow().open(self.paths[position]) as image:
            return image.convert("RGB")


@dataclass(frozen=True)
class ArrayImages:
    """Images in an array, (n, height, width) or (n, height, width, 3), uint8."""

    pixels: npt.NDArray[np.uint8]

    def __post_init__(self) -> None:
        """Refuse another shape."""
        shape = self.pixels.shape
        if self.pixels.dtype != np.uint8 or len(shape) not in (3, 4) or shape[3:] not in ((), (3,)):
            raise InvalidInputError(
                "images must be uint8 of the shape (n, height, width) or (n, height, width, 3), "
                f"got {self.pixels.dtype} {shape}"
            )

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.pixels)

    def __getitem__(self, position: int) -> Any:
        """Return the image, a PIL.Image."""
        return pillow().fromarray(self.pixels[position]).convert("RGB")


@dataclass(frozen=True)
class Texts:
    """Texts in memory."""

    texts: Sequence[str]

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.texts)

    def __getitem__(self, position: int) -> str:
        """Return the text."""
        return self.texts[position]


@dataclass(frozen=True)
class Table:
    """Columns of a table, each with a value for every sample; None where there is none."""

    columns: Mapping[str, Sequence[Any]]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self.columns.values()), ()))

    def __getitem__(self, position: int) -> TableRow:
        """Return the row."""
        return {name: values[position] for name, values in self.columns.items()}


@dataclass(frozen=True)
class Viewed:
    """Content of another data set, read through it one sample at a time."""

    count: int
    read: Callable[[int], Any]

    def __len__(self) -> int:
        """Return the number of samples."""
        return self.count

    def __getitem__(self, position: int) -> Any:
        """Return the content of one sample."""
        return self.read(position)


@dataclass(frozen=True)
class Chosen:
    """Some samples of a column."""

    column: Column
    positions: IdArray

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.positions)

    def __getitem__(self, position: int) -> Any:
        """Return the content of one sample."""
        return self.column[int(self.positions[position])]


@dataclass(frozen=True)
class Joined:
    """The samples of several columns, one column after the other."""

    columns: tuple[Column, ...]
    starts: tuple[int, ...]
    """The position of the first sample of each, and behind the last."""

    @classmethod
    def of(cls, first: Column, second: Column) -> Joined:
        """Return both; one that is joined already stays flat, so growing often nests nothing."""
        columns = [
            one
            for part in (first, second)
            for one in (part.columns if isinstance(part, Joined) else (part,))
        ]
        return cls(tuple(columns), tuple(accumulate(map(len, columns), initial=0)))

    def __len__(self) -> int:
        """Return the number of samples."""
        return self.starts[-1]

    def __getitem__(self, position: int) -> Any:
        """Return the content of one sample."""
        place = bisect_right(self.starts, position) - 1
        return self.columns[place][position - self.starts[place]]


def bears_threads(column: Column) -> bool:
    """Say whether several threads may read it; another library's data set may not bear that."""
    if isinstance(column, Chosen):
        return bears_threads(column.column)
    if isinstance(column, Joined):
        return all(map(bears_threads, column.columns))
    return not isinstance(column, Viewed)


def pillow() -> Any:
    """Return PIL.Image."""
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtraError(
            "images need Pillow: pip install 'socbi[images]' (the extras clip and dino bring it)"
        ) from error
    return Image
