"""The sets that come with scikit-learn."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from socbi.errors import MissingExtraError
from socbi.pool.columns import ArrayImages, Column, Table
from socbi.pool.datasets.data_set import DataSet
from socbi.pool.datasets.request import Request
from socbi.pool.pool import Label, Modality, Pool

__all__ = ["SCIKIT_LEARN_SETS"]


def _bunch(kind: str) -> Any:
    try:
        from sklearn import datasets
    except ImportError as error:
        raise MissingExtraError(
            f"sklearn_{kind} comes with scikit-learn: pip install scikit-learn"
        ) from error
    return getattr(datasets, f"load_{kind}")()


def _read(request: Request, *, kind: str) -> Pool:
    """Return the pool: the table, and of the digits the images too; no root is needed."""
    found = _bunch(kind)
    names = [str(name) for name in found.feature_names]
    columns: dict[Modality, Column] = {
        "table": Table({name: found.data[:, at].tolist() for at, name in enumerate(names)})
    }
    if kind == "digits":
        # Grey values are 0 to 16 there.
        columns["image"] = ArrayImages(np.rint(found.images * (255 / 16)).astype(np.uint8))
    return request.pool(range(len(found.target)), columns, found.target.tolist())


def _class_names(request: Request, *, kind: str) -> dict[Label, str]:
    return {number: str(name) for number, name in enumerate(_bunch(kind).target_names)}


SCIKIT_LEARN_SETS = {
    f"sklearn_{kind}": DataSet(
        ("all",),
        "https://scikit-learn.org/stable/datasets/toy_dataset.html",
        partial(_read, kind=kind),
        partial(_class_names, kind=kind),
        needs_root=False,
    )
    for kind in ("breast_cancer", "digits", "iris", "wine")
}
