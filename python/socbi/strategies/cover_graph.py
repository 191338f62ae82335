"""Who serves whom: a neighbour graph made symmetric, with each sample beside its neighbours.

Made once for a graph and kept as long as the graph is: in a campaign only the weights change.
"""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.neighbors import KnnGraph
from socbi.types import IdArray

__all__ = ["CoverGraph", "cover_graph"]

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CoverGraph:
    """``M = (A + A.T)/2 + I`` of a neighbour graph A, as the three arrays of a sparse matrix.

    Its numbers are 1/2 and 1, so a product with one of them is exact, and a sum over a row depends
    on the order of its terms alone: ascending by id, here and in scipy's own product.
    """

    matrix: Any
    """scipy CSR of float64, the ids of each row ascending."""

    @property
    def degrees(self) -> IdArray:
        """Return how many each sample serves, itself included."""
        counts: IdArray = np.diff(self.matrix.indptr).astype(np.int64)
        return counts

    @property
    def nbytes(self) -> int:
        """Return the bytes held: 12 for each of the 1 + k to 1 + 2k entries of a row."""
        arrays = (self.matrix.data, self.matrix.indices, self.matrix.indptr)
        return sum(one.nbytes for one in arrays)

    def sums(self, weights: Doubles) -> Doubles:
        """Return for every row the sum of the weights that it serves: one pass over the graph."""
        found: Doubles = self.matrix @ weights
        return found

    def row(self, row: int) -> npt.NDArray[Any]:
        """Return the ids that a row serves, ascending."""
        start, end = self.matrix.indptr[row : row + 2]
        ids: npt.NDArray[Any] = self.matrix.indices[start:end]
        return ids

    def beside(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the ids that are served by any of these rows, each once, ascending."""
        entries, _ = self._entries(rows)
        return np.unique(self.matrix.indices[entries])

    def sums_of(self, rows: npt.NDArray[Any], weights: Doubles) -> Doubles:
        """Return what `sums` has for these rows, to the last bit."""
        entries, lengths = self._entries(rows)
        served = weights[self.matrix.indices[entries]]
        served *= self.matrix.data[entries]
        # bincount adds in the order of the entries, as the product of the whole matrix does;
        # numpy's reduceat adds pairwise, which rounds otherwise.
        return np.bincount(np.repeat(np.arange(len(rows)), lengths), served, len(rows))

    def _entries(self, rows: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Return the places of the entries of some rows, row by row, and how many each has."""
        starts = self.matrix.indptr[rows]
        lengths = self.matrix.indptr[rows + 1] - starts
        before = np.cumsum(lengths) - lengths
        places = np.repeat(starts - before, lengths)
        places += np.arange(len(places), dtype=places.dtype)
        return places, lengths


def cover_graph(graph: KnnGraph) -> CoverGraph:
    """Return the cover graph of a neighbour graph; the same one as long as that graph lives.

    Examples
    --------
    >>> from socbi.neighbors import knn_graph
    >>> graph = knn_graph(np.array([[0.0], [1.0], [3.0]]), k=1, metric="euclidean")
    >>> cover_graph(graph).matrix.toarray().tolist()
    [[1.0, 1.0, 0.0], [1.0, 1.0, 0.5], [0.0, 0.5, 1.0]]
    """
    # By identity: a graph compares by its arrays, and cannot be the key of a mapping.
    key = id(graph)
    with _lock:
        kept = _kept.get(key)
        if kept is None:
            kept = _kept[key] = CoverGraph(_symmetrised(graph))
            weakref.finalize(graph, _kept.pop, key, None)
        return kept


_lock = threading.Lock()
_kept: dict[int, CoverGraph] = {}  # guarded by _lock, but for the removal of what nobody holds


def _symmetrised(graph: KnnGraph) -> Any:
    from scipy.sparse import identity

    both = graph.symmetric("connectivity").astype(np.float64)
    matrix = (both + identity(len(graph), format="csr")).tocsr()
    matrix.sort_indices()
    return matrix
