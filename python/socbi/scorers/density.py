"""How densely samples lie: the distance to the k-th nearest."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from socbi.neighbors import NeighborIndex
from socbi.neighbors.metrics import FloatArray
from socbi.neighbors.neighbor_index import checked_count, checked_whole
from socbi.neighbors.progress import bar
from socbi.neighbors.vector_rows import row_chunks

__all__ = ["knn_density"]

_CHUNK = 16_384


def knn_density(
    neighbors: NeighborIndex, ids: npt.ArrayLike, k: int = 10, *, progress: bool = True
) -> FloatArray:
    """Return the density of these samples: minus the distance to the k-th nearest beside itself.

    Larger is denser. Costs a search for each sample; where a `KnnGraph` is at hand,
    ``-graph.distances[:, -1]`` is the same for nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from socbi.neighbors import ExactNeighbors
    >>> neighbors = ExactNeighbors("euclidean")
    >>> neighbors.add([0, 1, 2], np.array([[0], [1], [5]], np.float32))
    >>> knn_density(neighbors, [0, 1, 2], k=1).tolist()
    [-1.0, -1.0, -4.0]
    """
    asked = checked_whole(ids, "ids")
    width = checked_count(k, "k") + 1
    density = np.empty(len(asked), np.float32)
    with bar("densities", len(asked), "sample", shown=progress) as steps:
        for begin, end in row_chunks(len(asked), _CHUNK):
            vectors = neighbors.vectors(asked[begin:end])
            _, apart = neighbors.search(vectors, width, progress=False)
            # Among duplicates the sample itself may be any of the first; its distance is theirs.
            density[begin:end] = -np.where(np.isfinite(apart), apart, -np.inf).max(axis=1)
            steps.update(end - begin)
    return density
