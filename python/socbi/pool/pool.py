"""A pool: samples with the ids of their owner, and what each consists of."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError, InvalidTypeError
from socbi.pool.columns import ArrayImages, Chosen, Column, Joined, Table, TableRow, Texts
from socbi.pool.intake import Intake, OnProblem
from socbi.pool.sample_ids import SampleId, SampleIds
from socbi.types import IdArray

__all__ = ["Modality", "Pool", "Sample"]

Modality: TypeAlias = Literal["image", "text", "table"]
Label: TypeAlias = str | int
_MODALITIES: tuple[Modality, ...] = ("image", "text", "table")


@dataclass(frozen=True)
class Sample:
    """One sample: whatever of image, text and table row it has."""

    id: SampleId
    image: Any = None
    """A PIL.Image."""
    text: str | None = None
    row: TableRow | None = None
    label: Label | None = None


class Pool:
    """Samples in a fixed order. Their ids are the user's; inside, positions 0 to n-1 are used.

    Made by `from_arrays`, `from_folder`, `from_manifest`, `from_hf` or `from_torch`, or by
    `socbi.pool.datasets.load`.

    Examples
    --------
    >>> pool = Pool.from_arrays(text=["a cat", "a dog"], ids=["c", "d"], labels=["cat", "dog"])
    >>> pool["d"].text, pool.classes, pool.labels.tolist(), len(pool)
    ('a dog', ('cat', 'dog'), [0, 1], 2)
    """

    def __init__(
        self,
        ids: SampleIds,
        columns: Mapping[Modality, Column],
        labels: Sequence[Label | None] | None = None,
        *,
        intake: Intake | None = None,
    ) -> None:
        if unknown := set(columns) - set(_MODALITIES):
            raise InvalidInputError(f"a sample has image, text and table, got {sorted(unknown)}")
        if not columns:
            raise InvalidInputError("samples need an image, a text or table columns; none is given")
        for name, column in columns.items():
            _check_length(name, len(column), len(ids))
        self._ids = ids
        self._columns = {name: columns[name] for name in _MODALITIES if name in columns}
        self._classes, self._labels = _numbered(labels, len(ids))
        self.intake = intake or Intake(taken=len(ids))
        """What came in, and what did not."""

    # ---- makers ----------------------------------------------------------------------------------

    @classmethod
    def from_arrays(
        cls,
        *,
        images: npt.NDArray[np.uint8] | None = None,
        text: Sequence[str] | None = None,
        table: Mapping[str, Sequence[Any]] | None = None,
        labels: Sequence[Label | None] | npt.NDArray[Any] | None = None,
        ids: Sequence[SampleId] | None = None,
    ) -> Pool:
        """Return a pool of what is in memory; ids are 0 to n-1 unless given."""
        columns: dict[Modality, Column] = {}
        if images is not None:
            columns["image"] = ArrayImages(images)
        if text is not None:
            columns["text"] = Texts(list(text))
        if table is not None:
            columns["table"] = Table({name: list(values) for name, values in table.items()})
        count = len(next(iter(columns.values()), ()))
        given = SampleIds(ids) if ids is not None else SampleIds.numbered(count)
        return cls(given, columns, None if labels is None else _plain_labels(labels))

    @classmethod
    def from_manifest(
        cls,
        path: str | os.PathLike[str],
        *,
        image: str | None = None,
        text: str | None = None,
        table: Sequence[str] = (),
        label: str | None = None,
        id: str | None = None,
        root: str | os.PathLike[str] | None = None,
        encoding: str = "utf-8",
        on_problem: OnProblem = "raise",
        check_images: bool = False,
    ) -> Pool:
        """Return a pool that a CSV, TSV, JSONL or Parquet file describes.

        Parameters
        ----------
        path
            The file; its ending says what it is.
        image, text, label, id
            Columns. An image column names files, relative to ``root``; by default the column
            ``file_name`` is it, where there is one. Ids are by default the column ``id``, else the
            file names, else the numbers of the rows.
        table
            Columns that are the table row of a sample.
        root
            Where the files are; by default the folder of the manifest.
        on_problem
            ``"raise"`` at the first sample that cannot be taken, or ``"skip"`` it; `Pool.intake`
            then counts and lists what was left out.
        check_images
            Open every image, and not only see that the file is there.
        """
        from socbi.pool.manifest import ManifestColumns, read_manifest

        chosen = ManifestColumns(image, text, tuple(table), label, id)
        return read_manifest(
            path,
            chosen,
            root=root,
            encoding=encoding,
            intake=Intake(on_problem),
            check_images=check_images,
        )

    @classmethod
    def from_folder(
        cls,
        folder: str | os.PathLike[str],
        *,
        on_problem: OnProblem = "raise",
        check_images: bool = False,
    ) -> Pool:
        """Return a pool of the images in a folder; ids are their paths within it.

        Where the images lie in folders of their own, the name of the first one is the label.
        """
        from socbi.pool.folders import read_folder

        return read_folder(folder, Intake(on_problem), check_images=check_images)

    @classmethod
    def from_hf(
        cls,
        dataset: Any,
        *,
        image: str | None = None,
        text: str | None = None,
        table: Sequence[str] = (),
        label: str | None = None,
        id: str | None = None,
        on_problem: OnProblem = "raise",
    ) -> Pool:
        """Return a pool over a Hugging Face ``datasets.Dataset``; samples are read when used.

        ``image``, ``text``, ``table``, ``label`` and ``id`` name columns; without ``id`` the ids
        are the numbers of the rows. An id that is missing or there twice raises, or its row is left
        out and listed in `Pool.intake`: ``on_problem="skip"``.
        """
        from socbi.pool.foreign import over_hf

        return over_hf(
            dataset,
            image=image,
            text=text,
            table=tuple(table),
            label=label,
            id=id,
            intake=Intake(on_problem),
        )

    @classmethod
    def from_torch(cls, dataset: Any, *, labels: Sequence[Label | None] | None = None) -> Pool:
        """Return a pool over a map-style torch data set of images, or of (image, label) pairs.

        ``labels`` saves reading all samples for theirs; a data set with ``targets`` needs none.
        """
        from socbi.pool.foreign import over_torch

        return over_torch(dataset, labels)

    # ---- looking in ------------------------------------------------------------------------------

    @property
    def ids(self) -> SampleIds:
        """Return the ids, in the order of the positions."""
        return self._ids

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Return what samples consist of."""
        return tuple(self._columns)

    @property
    def classes(self) -> tuple[Label, ...]:
        """Return the labels that there are, sorted; empty without labels."""
        return self._classes

    @property
    def labels(self) -> IdArray:
        """Return for each sample the place of its label in `classes`, -1 where it has none."""
        return self._labels

    def column(self, modality: Modality) -> Column:
        """Return one kind of content of all samples."""
        if modality not in self._columns:
            raise InvalidInputError(f"samples have {', '.join(self._columns)} and no {modality}")
        return self._columns[modality]

    def sample(self, position: int) -> Sample:
        """Return the sample at a position."""
        content = {name: column[position] for name, column in self._columns.items()}
        number = int(self._labels[position])
        return Sample(
            self._ids[position],
            content.get("image"),
            content.get("text"),
            content.get("table"),
            None if number < 0 else self._classes[number],
        )

    def __getitem__(self, id: SampleId) -> Sample:
        """Return the sample with an id."""
        return self.sample(self._ids.position(id))

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._ids)

    def __iter__(self) -> Iterator[Sample]:
        """Return the samples in order."""
        return (self.sample(position) for position in range(len(self)))

    def __contains__(self, id: object) -> bool:
        """Say whether a sample has this id."""
        return id in self._ids

    def __repr__(self) -> str:
        """Return what it holds."""
        classes = f", {len(self._classes)} classes" if self._classes else ""
        return f"<Pool: {len(self):,} samples of {' and '.join(self._columns)}{classes}>"

    def subset(self, positions: npt.ArrayLike) -> Pool:
        """Return a pool of these samples, with their ids, in this order."""
        chosen = np.asarray(positions, np.int64)
        if len(chosen) and not 0 <= chosen.min() <= chosen.max() < len(self):
            raise InvalidInputError(
                f"positions must be from 0 to {len(self) - 1}, got {chosen.min()} to {chosen.max()}"
            )
        columns: dict[Modality, Column] = {
            name: Chosen(column, chosen) for name, column in self._columns.items()
        }
        labels = self._named(self._labels[chosen]) if self._classes else None
        return Pool(SampleIds(self._ids.at(chosen)), columns, labels)

    def joined(self, other: Pool, *, on_problem: OnProblem = "raise") -> Pool:
        """Return a pool grown by the samples of another; those that are here keep their positions.

        Neither pool changes. The new samples follow in their order, and must consist of the same
        as those here. Labels keep their names; their numbers follow from all `classes`, so they
        differ where a class is new. Costs a pass over the ids and labels of both; no sample is
        read.

        Parameters
        ----------
        on_problem
            ``"raise"`` at a sample whose id is here already, or ``"skip"`` it; `Pool.intake` of the
            grown pool lists it, beside what was left out of both.

        Examples
        --------
        >>> pool = Pool.from_arrays(text=["a cat", "a dog"], ids=["c", "d"])
        >>> more = Pool.from_arrays(text=["a dog", "a hen"], ids=["d", "h"])
        >>> grown = pool.joined(more, on_problem="skip")
        >>> list(grown.ids), print(grown.intake)
        3 samples taken, 1 left out: 1 duplicate id
          sample 0 of those to join: duplicate id, 'd' was there before
        (['c', 'd', 'h'], None)
        """
        if not isinstance(other, Pool):
            raise InvalidTypeError(
                f"a pool is joined with a Pool, got {type(other).__name__}; make one of it first, "
                "such as by Pool.from_manifest"
            )
        _check_contents(self, other)
        intake = Intake(on_problem, problems=[*self.intake.problems, *other.intake.problems])
        new = other
        if duplicates := [at for at, one in enumerate(other.ids) if one in self._ids]:
            for at in duplicates:
                where = f"sample {at} of those to join"
                intake.refuse("duplicate id", where, f"{other.ids[at]!r} was there before")
            new = other.subset(np.setdiff1d(np.arange(len(other)), duplicates))
        ids = SampleIds(self._ids)
        ids.extend(new.ids)
        intake.taken = len(ids)
        columns: dict[Modality, Column] = {
            name: Joined.of(column, new.column(name)) for name, column in self._columns.items()
        }
        labels = [*self._named(self._labels), *new._named(new._labels)]
        return Pool(ids, columns, labels, intake=intake)

    def _named(self, numbers: IdArray) -> list[Label | None]:
        return [None if one < 0 else self._classes[one] for one in numbers.tolist()]


def _check_contents(here: Pool, coming: Pool) -> None:
    """Refuse to join samples of other contents; of an empty table no columns are known."""
    known = bool(len(here) and len(coming))
    mine, theirs = _contents(here, known), _contents(coming, known)
    if mine != theirs:
        raise InvalidInputError(
            f"pools that are joined must consist of the same: here samples have {', '.join(mine)}, "
            f"those to join have {', '.join(theirs)}"
        )


def _contents(pool: Pool, columns: bool) -> list[str]:
    """Return what samples consist of, table columns by name if they are to be told."""
    if not columns or "table" not in pool.modalities:
        return list(pool.modalities)
    others = [one for one in pool.modalities if one != "table"]
    return [*others, *(f"table column {name}" for name in sorted(pool.column("table")[0]))]


def _check_length(name: str, count: int, expected: int) -> None:
    if count != expected:
        raise InvalidInputError(f"there are {expected} ids and {count} {name}; give one for each")


def _plain_labels(labels: Sequence[Label | None] | npt.NDArray[Any]) -> list[Label | None]:
    return labels.tolist() if isinstance(labels, np.ndarray) else list(labels)


def _numbered(
    labels: Sequence[Label | None] | None, count: int
) -> tuple[tuple[Label, ...], IdArray]:
    """Return the classes in order and the place of each label among them."""
    if labels is None:
        return (), np.full(count, -1)
    _check_length("labels", len(labels), count)
    kinds = {one for one in labels if one is not None}
    if len({isinstance(one, str) for one in kinds}) > 1:
        raise InvalidInputError("labels must be all strings or all numbers, got both")
    classes = tuple(sorted(kinds))
    places = {one: place for place, one in enumerate(classes)}
    return classes, np.array([-1 if one is None else places[one] for one in labels], np.int64)
