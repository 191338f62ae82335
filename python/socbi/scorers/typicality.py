"""How typical samples are of those around them: one over the mean distance to the k nearest."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.neighbors import ExactNeighbors
from socbi.neighbors.neighbor_index import checked_count, checked_matrix
from socbi.scorers.probabilities import Doubles

__all__ = ["knn_typicality"]


def knn_typicality(
    vectors: npt.NDArray[Any], k: int = 20, *, threads: int | None = None
) -> Doubles:
    """Return the typicality of each of these vectors among them (Hacohen and others, 2022).

    It is the inverse of the mean euclidean distance to the k nearest beside itself, or to all where
    there are fewer; infinite for a vector that has k duplicates, and for one that is alone.

    Examples
    --------
    >>> import numpy as np
    >>> knn_typicality(np.array([[0.0], [1.0], [3.0]]), k=1).tolist()
    [1.0, 1.0, 0.5]
    """
    checked = checked_matrix(vectors, "vectors")
    count = len(checked)
    width = min(checked_count(k, "k"), count - 1)
    if width < 1:
        return np.full(count, np.inf)
    neighbors = ExactNeighbors("euclidean", copy=False, threads=threads)
    neighbors.add(np.arange(count), checked, progress=False)
    # A vector is the first of its own nearest, or a duplicate at the same distance of 0 is.
    _, apart = neighbors.search(checked, width + 1, progress=False)
    mean = apart[:, 1:].mean(axis=1, dtype=np.float64)
    typicality: Doubles = np.divide(1.0, mean, out=np.full(count, np.inf), where=mean > 0)
    return typicality
