"""The predictions of the last models for the samples that have no label yet."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError, UnknownIdError
from socbi.neighbors.neighbor_index import checked_count, checked_distinct
from socbi.neighbors.saved_folder import SavedFolder
from socbi.scorers.probabilities import checked_probabilities
from socbi.types import IdArray

__all__ = ["HistoryFloat", "PredictionHistory"]

HistoryFloat: TypeAlias = Literal["float16", "float32", "float64"]
"""How predictions are kept."""


class PredictionHistory:
    """The class probabilities of the last models; the oldest go when a new one comes.

    Memory is bounded and known beforehand: ``models`` x samples x classes numbers, as
    `bytes_needed` says; what `drop` takes out is given back.

    Parameters
    ----------
    ids
        The samples that predictions are kept for; a number stands for 0 up to below it.
    classes
        How many classes there are.
    models
        How many models are remembered.
    dtype
        Models that learnt from one label more or less differ by little: float64, the default, keeps
        the difference, float32 half of the memory.

    Examples
    --------
    >>> history = PredictionHistory(3, classes=2, models=2)
    >>> history.push([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]])
    >>> history.drop([1])  # it has a label now
    >>> history.push([[0.6, 0.4], [0.1, 0.9]])
    >>> history.ids.tolist(), len(history), history.nbytes
    ([0, 2], 2, 64)
    >>> [one.tolist() for one in history.predictions([2])]
    [[[0.2, 0.8]], [[0.1, 0.9]]]
    """

    def __init__(
        self,
        ids: int | npt.ArrayLike,
        classes: int,
        models: int = 3,
        dtype: HistoryFloat = "float64",
    ) -> None:
        if isinstance(ids, (int, np.integer)):
            self._ids = np.arange(checked_count(ids, "ids", least=0))
        else:
            self._ids = np.sort(_checked_ids(ids))
        self._classes = checked_count(classes, "classes")
        self._models = checked_count(models, "models", least=2)
        self._dtype = _checked_dtype(dtype)
        self._kept: list[npt.NDArray[Any]] = []  # oldest first, each (samples, classes)

    @staticmethod
    def bytes_needed(
        samples: int, classes: int, models: int = 3, dtype: HistoryFloat = "float64"
    ) -> int:
        """Return the bytes of the predictions for so many samples, once all models are there.

        Examples
        --------
        >>> PredictionHistory.bytes_needed(1_000_000, classes=10, models=3, dtype="float32")
        120000000
        """
        return models * samples * classes * _checked_dtype(dtype).itemsize

    def push(self, probabilities: npt.ArrayLike, ids: npt.ArrayLike | None = None) -> None:
        """Take in what a new model predicts.

        Parameters
        ----------
        probabilities
            A row for each of ``ids``.
        ids
            By default `ids` of the history. Where given, the history keeps these and no other:
            samples that are not among them are dropped, and for new ones the earlier models have
            rows of NaN.
        """
        wanted = self._ids if ids is None else _checked_ids(ids)
        rows = checked_probabilities(probabilities)
        if rows.shape != (len(wanted), self._classes):
            raise InvalidInputError(
                f"probabilities must have a row for each of {len(wanted)} samples and "
                f"{self._classes} columns, one a class, got the shape {rows.shape}"
            )
        if ids is not None:
            order = np.argsort(wanted, kind="stable")
            rows = rows[order]
            self._keep(wanted[order])
        if len(self._kept) == self._models:
            del self._kept[0]
        self._kept.append(np.array(rows, self._dtype))

    def drop(self, ids: npt.ArrayLike) -> None:
        """Forget samples, because they were labelled; those it does not have are passed over."""
        gone = np.isin(self._ids, checked_distinct(ids, "ids"))
        if gone.any():
            self._keep(self._ids[~gone])

    def predictions(
        self, ids: npt.ArrayLike | None = None, models: int | None = None
    ) -> list[npt.NDArray[Any]]:
        """Return what the last models predicted, oldest first, with a row for each of ``ids``.

        Without ``ids`` the arrays are the history's own, with a row for each of its `ids`: do not
        change them.
        """
        last = self._kept if models is None else self._kept[-checked_count(models, "models") :]
        if ids is None:
            return list(last)
        wanted = _checked_ids(ids)
        if np.array_equal(wanted, self._ids):
            return list(last)
        rows = self._rows_of(wanted)
        return [one[rows] for one in last]

    @property
    def ids(self) -> IdArray:
        """Return the samples that predictions are kept for, in ascending order."""
        return self._ids.copy()

    def __len__(self) -> int:
        """Return how many models are remembered so far."""
        return len(self._kept)

    @property
    def nbytes(self) -> int:
        """Return the bytes of the predictions that are kept."""
        return sum(one.nbytes for one in self._kept)

    # ---- files -----------------------------------------------------------------------------------

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that it is made of, for whoever keeps arrays; `from_arrays` is the way back.

        The arrays are the history's own: do not change them.
        """
        kept = {f"model_{number}": one for number, one in enumerate(self._kept)}
        settings = np.array([self._classes, self._models, self._dtype.itemsize])
        return {"settings": settings, "ids": self._ids, **kept}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> PredictionHistory:
        """Return the history that `arrays` was called on."""
        try:
            classes, models, itemsize = (int(one) for one in arrays["settings"])
            history = cls(arrays["ids"], classes, models, _BY_BYTES[itemsize])
        except (KeyError, TypeError) as error:
            raise InvalidInputError(
                f"arrays must be what PredictionHistory.arrays returned: {error} is missing"
            ) from error
        for number in range(models):
            if (name := f"model_{number}") in arrays:
                history._kept.append(history._checked_kept(arrays[name], name))
        return history

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a folder; whatever interrupts this, it holds the old history or the new one."""
        with SavedFolder.write(path) as folder:
            arrays = self.arrays()
            folder.meta = {"kind": _KIND, "arrays": list(arrays)}
            for name, array in arrays.items():
                folder.put_array(name, array)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PredictionHistory:
        """Return what was saved there."""
        with SavedFolder.reading(path) as folder:
            folder.require_kind(_KIND, cls.__name__)
            with folder.refusing_what_is_wrong():
                return cls.from_arrays({one: folder.array(one) for one in folder.meta["arrays"]})

    # ---- within ----------------------------------------------------------------------------------

    def _keep(self, ids: IdArray) -> None:
        """Keep these samples alone, one model after the other: at most one of them is doubled."""
        if np.array_equal(ids, self._ids):
            return
        place = np.searchsorted(self._ids, ids)
        known = np.zeros(len(ids), np.bool_)
        inside = place < len(self._ids)
        known[inside] = self._ids[place[inside]] == ids[inside]
        for number, one in enumerate(self._kept):
            rows = np.full((len(ids), self._classes), np.nan, self._dtype)
            rows[known] = one[place[known]]
            self._kept[number] = rows
        self._ids = ids

    def _rows_of(self, ids: IdArray) -> IdArray:
        rows = np.searchsorted(self._ids, ids)
        missing = np.ones(len(ids), np.bool_)
        inside = rows < len(self._ids)
        missing[inside] = self._ids[rows[inside]] != ids[inside]
        if missing.any():
            raise UnknownIdError(
                f"the history has no predictions for id {ids[missing][0]}; give push the ids that "
                "it is to keep"
            )
        return rows

    def _checked_kept(self, given: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
        if given.shape != (len(self._ids), self._classes) or given.dtype != self._dtype:
            raise InvalidInputError(
                f"{name} must have the shape {(len(self._ids), self._classes)} of {self._dtype}, "
                f"got {given.shape} of {given.dtype}"
            )
        return np.array(given)


_KIND = "prediction history"
_BY_BYTES: dict[int, HistoryFloat] = {2: "float16", 4: "float32", 8: "float64"}


def _checked_ids(ids: npt.ArrayLike) -> IdArray:
    found = checked_distinct(ids, "ids")
    if len(found) and found.min() < 0:
        raise UnknownIdError(f"ids must be 0 or more, got {found.min()}")
    return found


def _checked_dtype(dtype: str) -> np.dtype[Any]:
    if dtype not in _BY_BYTES.values():
        raise InvalidInputError(
            f"dtype must be one of {', '.join(_BY_BYTES.values())}, got {dtype!r}"
        )
    return np.dtype(dtype)
