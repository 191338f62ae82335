"""Who serves whom: a neighbour graph made symmetric, with each sample beside its neighbours.

Made once for a graph and kept as long as the graph is: in a campaign only the weights change.
"""

from __future__ import annotations

import functools
import math
import threading
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.neighbors import KnnGraph

__all__ = ["CoverGraph", "cover_graph"]

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CoverGraph:
    """``M = (A + A.T)/2 + I`` of a neighbour graph A, as the three arrays of a sparse matrix.

    Its numbers are 1/2 and 1, so a product with one of them is exact.
    """

    matrix: Any
    """scipy CSR of float64, the ids of each row ascending."""

    @functools.cached_property
    def degrees(self) -> npt.NDArray[Any]:
        """Return how many each sample serves, itself included."""
        return np.diff(self.matrix.indptr)

    @functools.cached_property
    def roots(self) -> Doubles:
        """Return the square roots of the degrees."""
        roots: Doubles = np.sqrt(self.degrees)
        return roots

    @property
    def nbytes(self) -> int:
        """Return the bytes held: 12 for each of the 1 + k to 1 + 2k entries of a row, and 16."""
        matrix = (self.matrix.data, self.matrix.indices, self.matrix.indptr)
        arrays = (*matrix, self.degrees, self.roots)
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

    def loads(self, rows: npt.NDArray[Any], weights: Doubles) -> tuple[npt.NDArray[Any], Doubles]:
        """Return who serves these rows, and how much of their weights each; an id may come twice.

        What `sums` adds up, of these rows alone: the graph is symmetric, so those who serve a row
        are those whom it serves.
        """
        starts = self.matrix.indptr[rows]
        lengths = self.matrix.indptr[rows + 1] - starts
        before = np.cumsum(lengths) - lengths
        entries = np.repeat(starts - before, lengths)
        entries += np.arange(len(entries), dtype=entries.dtype)
        return self.matrix.indices[entries], self.matrix.data[entries] * weights.repeat(lengths)

    def rounded(self, weights: Doubles) -> Doubles:
        """Return the weights rounded so that every sum and difference of them is exact.

        With d the largest degree, to multiples of 2^-52 d times the largest weight, powers of two
        above either: with a hundred neighbours 2^-45, far below what probabilities can tell. So
        the sum over a row is the same in any order, and after any number of subtractions.
        """
        largest = float(weights.max(initial=0.0))
        if largest == 0:
            return np.zeros_like(weights)
        most = int(self.degrees.max())
        unit = math.ldexp(1.0, math.frexp(largest)[1] + most.bit_length() - 52)
        if unit == 0:  # weights of 1e-300 have no parts
            return np.zeros_like(weights)
        found: Doubles = weights / unit
        np.rint(found, out=found)
        found *= unit
        return found


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
            kept = CoverGraph(_symmetrised(graph))
            # First: an entry that outlived its graph would be that of the next graph at its place.
            weakref.finalize(graph, _kept.pop, key, None)
            _kept[key] = kept
        return kept


_lock = threading.Lock()
_kept: dict[int, CoverGraph] = {}  # guarded by _lock, but for the removal of what nobody holds


def _symmetrised(graph: KnnGraph) -> Any:
    from scipy.sparse import identity

    both = graph.symmetric("connectivity").astype(np.float64)
    matrix = (both + identity(len(graph), format="csr")).tocsr()
    matrix.sort_indices()
    return matrix
