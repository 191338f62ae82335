"""Sets whose samples have several labels: one of them is the label, all are table columns.

A pool has one label a sample. Of several it is the rarest in the split that is loaded (of equally
rare ones the first in the set's order): "person" is on half of COCO's images and "sky" on a quarter
of NUS-WIDE's, and any other rule would let them swallow the classes that selection is about. The
whole matrix is in the table, a column of 0 and 1 for each label; **a table encoder that is fed
these columns sees the answers**.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from socbi.pool.sample_ids import SampleId

__all__ = ["as_columns", "matrix_of", "rarest_labels"]

Matrix = npt.NDArray[np.uint8]


def matrix_of(
    ids: Sequence[SampleId], marks: Mapping[SampleId, Iterable[int]], count: int
) -> Matrix:
    """Return the matrix (samples, labels) with ones at the marks."""
    matrix = np.zeros((len(ids), count), np.uint8)
    for row, id in zip(matrix, ids, strict=True):
        row[list(marks.get(id, ()))] = 1
    return matrix


def rarest_labels(matrix: Matrix, names: Sequence[str]) -> list[str | None]:
    """Return for each sample the rarest of its labels, None where it has none.

    Examples
    --------
    >>> rarest_labels(np.uint8([[1, 1], [1, 0], [0, 0]]), ["person", "kite"])
    ['kite', 'person', None]
    """
    order = np.argsort(matrix.sum(axis=0, dtype=np.int64), kind="stable")
    ranked = matrix[:, order]
    first = order[ranked.argmax(axis=1)].tolist() if matrix.shape[1] else [0] * len(matrix)
    marked: list[bool] = (ranked.max(axis=1, initial=0) > 0).tolist()
    return [names[place] if some else None for place, some in zip(first, marked, strict=True)]


def as_columns(matrix: Matrix, names: Sequence[str]) -> dict[str, array[int]]:
    """Return a table column of 0 and 1 for each label, a byte each."""
    return {name: array("B", matrix[:, at].tobytes()) for at, name in enumerate(names)}
