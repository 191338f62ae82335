"""Who serves whom: a neighbour graph made symmetric, with each sample beside its neighbours.

Made once for a graph and kept as long as the graph is: in a campaign only the weights change.
"""

from __future__ import annotations

import functools
import threading
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi import _core
from socbi.neighbors import KnnGraph
from socbi.types import IdArray

__all__ = ["CoverGraph", "cover_graph"]

Doubles = npt.NDArray[np.float64]


class CoverGraph:
    """``M = (A + A.T)/2 + I`` of a neighbour graph A.

    Its numbers are 1 and 1/2, so ids alone are stored: `core` has them.
    """

    def __init__(self, neighbors: npt.NDArray[np.int32]) -> None:
        self.core: Any = _core.CoverGraph(neighbors)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.core)

    @property
    def degrees(self) -> IdArray:
        """Return how many each sample serves, itself included."""
        degrees: IdArray = self.core.degrees()
        return degrees

    @functools.cached_property
    def roots(self) -> Doubles:
        """Return the square roots of the degrees."""
        roots: Doubles = np.sqrt(self.degrees)
        return roots

    def row(self, id: int) -> tuple[IdArray, Doubles]:
        """Return whom a sample serves, itself first, and by how much."""
        ids, shares = self.core.row(id)
        return ids, shares

    @property
    def nbytes(self) -> int:
        """Return the bytes held: 4 for each of the k to 2k neighbours of a sample, and 16."""
        return int(self.core.nbytes()) + self.roots.nbytes


def cover_graph(graph: KnnGraph) -> CoverGraph:
    """Return the cover graph of a neighbour graph; the same one as long as that graph lives.

    So a graph's arrays must not be changed in place: what was made of them stays as it was.

    Examples
    --------
    >>> from socbi.neighbors import knn_graph
    >>> graph = knn_graph(np.array([[0.0], [1.0], [3.0]]), k=1, metric="euclidean")
    >>> ids, shares = cover_graph(graph).row(1)
    >>> ids.tolist(), shares.tolist()
    ([1, 0, 2], [1.0, 1.0, 0.5])
    """
    # By identity: a graph compares by its arrays, and cannot be the key of a mapping.
    key = id(graph)
    with _lock:
        kept = _kept.get(key)
    if kept is not None:
        return kept
    # Without the lock, which a fork would copy held; from a copy, which nobody else can change.
    made = CoverGraph(np.array(graph.ids, np.int32, order="C"))
    with _lock:
        if key not in _kept:
            # First: an entry that outlived its graph would be that of the next graph at its place.
            weakref.finalize(graph, _kept.pop, key, None)
            _kept[key] = made
        return _kept[key]


_lock = threading.Lock()
_kept: dict[int, CoverGraph] = {}  # guarded by _lock, but for the removal of what nobody holds
