"""Pools over data sets of other libraries, whose samples stay where they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from socbi.errors import InvalidInputError, InvalidTypeError
from socbi.pool.columns import Chosen, Column, Table, Viewed, pillow
from socbi.pool.intake import Intake
from socbi.pool.pool import Label, Modality, Pool
from socbi.pool.sample_ids import SampleId, SampleIds

__all__ = ["over_hf", "over_torch"]


def over_hf(
    dataset: Any,
    *,
    image: str | None,
    text: str | None,
    table: tuple[str, ...],
    label: str | None,
    id: str | None,
    intake: Intake,
) -> Pool:
    """Return a pool over a ``datasets.Dataset``."""
    names = getattr(dataset, "column_names", None)
    if not isinstance(names, list) or not hasattr(dataset, "__len__"):
        raise InvalidTypeError(
            f"from_hf takes one datasets.Dataset, got {type(dataset).__name__}; of a DatasetDict "
            "choose a split first, and load without streaming"
        )
    for name in (image, text, *table, label, id):
        if name is not None and name not in names:
            raise InvalidInputError(f"the data set has no column {name!r}, only {', '.join(names)}")
    # Formats such as numpy's and torch's turn values into arrays, and None into NaN.
    plain = dataset.with_format(None)
    columns: dict[Modality, Column] = {}
    if image is not None:
        columns["image"] = _one_column(plain, image, _rgb)
    if text is not None:
        columns["text"] = _one_column(plain, text, str)
    if table:
        columns["table"] = Table({name: _values(plain, name) for name in table})
    labels = None if label is None else _hf_labels(plain, label)
    if id is None:
        return Pool(SampleIds.numbered(len(plain)), columns, labels)
    return _by_their_ids(_values(plain, id), columns, labels, intake)


def _one_column(dataset: Any, name: str, read: Callable[[Any], Any]) -> Viewed:
    """Return a column that is read alone: the others may be images, and slow."""
    alone = dataset.select_columns([name])

    def content(position: int) -> Any:
        found = alone[position][name]
        return None if found is None else read(found)

    return Viewed(len(dataset), content)


def _values(dataset: Any, name: str) -> list[Any]:
    """Return a column at once; one value at a time takes fifty times as long."""
    values: list[Any] = dataset.select_columns([name])[:][name]
    return values


def _hf_labels(dataset: Any, label: str) -> list[Label | None]:
    """Return labels, by their names where the data set has such."""
    values = _values(dataset, label)
    names = getattr(dataset.features[label], "names", None)
    if names is None:
        return values
    return [None if one is None or one < 0 else names[one] for one in values]


def _by_their_ids(
    ids: list[Any],
    columns: Mapping[Modality, Column],
    labels: list[Label | None] | None,
    intake: Intake,
) -> Pool:
    """Return a pool of the samples that have an id of their own."""
    kept = dict[SampleId, int]()
    for place, one in enumerate(ids):
        if one is None or one == "":
            intake.refuse("missing value", f"row {place}", "no id")
        elif one in kept:
            intake.refuse("duplicate id", f"row {place}", f"{one!r} was there before")
        else:
            kept[one] = place
    places = np.fromiter(kept.values(), np.int64)
    if len(places) < len(ids):
        columns = {name: Chosen(column, places) for name, column in columns.items()}
        labels = None if labels is None else [labels[place] for place in places.tolist()]
    intake.taken = len(kept)
    return Pool(SampleIds(kept), columns, labels, intake=intake)


def over_torch(dataset: Any, labels: Sequence[Label | None] | None) -> Pool:
    """Return a pool over a map-style torch data set."""
    if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
        raise InvalidTypeError(
            f"from_torch takes a map-style data set, with __getitem__ and __len__, got "
            f"{type(dataset).__name__}"
        )
    count = len(dataset)
    if labels is None and hasattr(dataset, "targets"):
        labels = np.asarray(dataset.targets).tolist()
    if labels is None and count and isinstance(dataset[0], (tuple, list)):
        labels = [_label(dataset[place][1]) for place in range(count)]
    column = Viewed(count, lambda at: _rgb(_first(dataset[at])))
    return Pool(SampleIds.numbered(count), {"image": column}, labels)


def _first(item: Any) -> Any:
    return item[0] if isinstance(item, (tuple, list)) else item


def _label(value: Any) -> Label | None:
    plain = value.item() if hasattr(value, "item") else value
    return plain if plain is None or isinstance(plain, str) else int(plain)


def _rgb(image: Any) -> Any:
    """Return a PIL.Image of what a data set gives: an image, or numbers as torch orders them."""
    if hasattr(image, "convert"):
        return image.convert("RGB")
    pixels = np.asarray(image)
    if pixels.ndim == 3 and pixels.shape[0] in (1, 3):  # channels first
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.dtype.kind == "f":  # from 0 to 1, as torchvision's ToTensor makes them
        pixels = np.clip(np.rint(255 * pixels), 0, 255)
    return pillow().fromarray(pixels.astype(np.uint8)).convert("RGB")
