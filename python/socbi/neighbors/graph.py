"""The graph of nearest neighbours of a whole pool.

Row u lists the k nearest of sample u, itself left out, nearest first. Ids are the rows of the
vectors, so the rows of labelled samples stay where they are; new samples are appended.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError
from socbi.neighbors.audit import RecallAudit, audit_recall, without_own
from socbi.neighbors.exact import ExactNeighbors
from socbi.neighbors.graph_folder import GraphFolder
from socbi.neighbors.makers import Maker, NeighborsChoice, advised_maker, build_neighbors, load
from socbi.neighbors.metrics import FloatArray, MetricName
from socbi.neighbors.neighbor_index import NeighborIndex, checked_count, checked_matrix
from socbi.neighbors.progress import bar
from socbi.neighbors.vector_rows import VectorRows, row_chunks

__all__ = ["KnnGraph", "knn_graph"]

# Rows that are searched between two steps of the bar, and written together: for k = 10 some MB.
BLOCK_ROWS = 16_384


@dataclass(frozen=True)
class KnnGraph:
    """For each sample its nearest, as arrays and as sparse matrices.

    Examples
    --------
    >>> import numpy as np
    >>> graph = knn_graph(np.array([[0.0], [1.0], [3.0]]), k=1, metric="euclidean")
    >>> graph.ids.ravel().tolist(), graph.distances.ravel().tolist()
    ([1, 0, 1], [1.0, 1.0, 2.0])
    >>> graph.symmetric().toarray().tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 2.0], [0.0, 2.0, 0.0]]
    """

    ids: npt.NDArray[np.int32]
    """(n, k), nearest first; -1 where there are fewer."""
    distances: FloatArray
    """(n, k); infinite where there are fewer."""
    metric: MetricName
    recall: RecallAudit | None = None
    """The audit of an approximate graph, or of the one it grew from; None for an exact one."""

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.ids)

    @property
    def k(self) -> int:
        """Return how many neighbours each has."""
        return int(self.ids.shape[1])

    @property
    def nbytes(self) -> int:
        """Return the bytes of the two arrays."""
        return self.ids.nbytes + self.distances.nbytes

    def csr(self) -> Any:
        """Return the distances as a scipy CSR matrix.

        As in scikit-learn's neighbour graphs a row is sorted by distance and not by column, and a
        distance of zero is an entry.
        """
        from scipy.sparse import csr_matrix

        there = self.ids >= 0
        starts = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
        entries = (self.distances[there], self.ids[there], starts)
        return csr_matrix(entries, shape=(len(self), len(self)))

    def symmetric(self, weights: Literal["distance", "connectivity"] = "distance") -> Any:
        """Return the graph in which u and v are neighbours if either has the other, as CSR.

        ``"distance"``: their distance, zero being an entry. ``"connectivity"``: 1 where both have
        the other and 1/2 where one has, the mean of the graph and its transpose.
        """
        if weights not in ("distance", "connectivity"):
            raise InvalidInputError(
                f"weights must be 'distance' or 'connectivity', got {weights!r}"
            )
        forward = self.csr()
        distances = forward.data
        if weights == "connectivity":
            forward.data = np.full(forward.nnz, 0.5, np.float32)
            return (forward + forward.T).tocsr()
        # scipy drops zeros when it adds, so numbers of entries are joined instead of distances.
        forward.data = np.arange(1, forward.nnz + 1)
        both = forward.maximum(forward.T).tocsr()
        both.data = distances[both.data - 1]
        return both

    def grown(
        self, vectors: npt.NDArray[Any], *, threads: int | None = None, progress: bool = True
    ) -> KnnGraph:
        """Return the graph with more samples: of all ``vectors``, of which this one has the first.

        New samples are compared with all and all with the new ones, exactly: a graph that was
        exact is what `knn_graph` of all vectors would be. Costs two comparisons for each pair of a
        new sample and any.
        """
        old, total = len(self), len(checked_matrix(vectors, "vectors"))
        if total < old:
            raise InvalidInputError(
                f"the graph has {old} samples and there are {total} vectors; give all of them, "
                "those of the graph first"
            )
        if total == old:
            return self
        every = _exact(self.metric, vectors, 0, threads)
        new = _exact(self.metric, vectors, old, threads)
        ids = np.full((total, self.k), -1, np.int32)
        distances = np.full((total, self.k), np.inf, np.float32)
        with bar("growing the graph", total, "sample", shown=progress) as steps:
            for begin, end in row_chunks(old, BLOCK_ROWS):
                found = new.search(vectors[begin:end], self.k, progress=False)
                ids[begin:end], distances[begin:end] = _nearer_of_both(
                    (self.ids[begin:end], self.distances[begin:end]), found
                )
                steps.update(end - begin)
            for begin, end in row_chunks(total - old, BLOCK_ROWS):
                rows = np.arange(old + begin, old + end)
                ids[rows], distances[rows] = _neighbours_of(every, vectors, rows, self.k)
                steps.update(end - begin)
        return KnnGraph(ids, distances, self.metric, self.recall)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> KnnGraph:
        """Open a finished graph that `knn_graph` wrote into a folder; memory-mapped, not read."""
        kept = GraphFolder.open(folder)
        return cls(*kept.arrays(), kept.metric, kept.recall)


def knn_graph(
    vectors: npt.NDArray[Any],
    k: int = 10,
    *,
    metric: MetricName | None = None,
    neighbors: NeighborsChoice = "auto",
    folder: str | os.PathLike[str] | None = None,
    audit: int = 1000,
    threads: int | None = None,
    progress: bool = True,
) -> KnnGraph:
    """Return the k nearest of every sample.

    Parameters
    ----------
    vectors
        (n, d), float32 or float16, in memory or memory-mapped.
    k
        Neighbours of each sample, itself left out.
    metric
        ``"cosine"``, ``"euclidean"`` or ``"inner_product"``; that of the ``neighbors`` where they
        are given, else cosine by default.
    neighbors
        ``"auto"``: as `plan` advises; ``"exact"``, ``"hnsw"`` or ``"faiss"``; or a `NeighborIndex`
        that holds these vectors under the ids 0 to n-1.
    folder
        Write the graph there, block by block; when interrupted, the same call goes on behind the
        last block that was finished, and does not build an approximate index again. The arrays
        returned are memory maps of its files.
    audit
        Compare so many samples with an exact search where the search is approximate; 0 for none.
    threads
        At most so many; all cores by default.
    progress
        Show a bar when it takes more than two seconds.

    Examples
    --------
    >>> import numpy as np
    >>> vectors = np.random.default_rng(0).normal(size=(1000, 16)).astype(np.float32)
    >>> graph = knn_graph(vectors, k=5)
    >>> graph.csr().shape, graph.csr().nnz
    ((1000, 1000), 5000)
    """
    number, audited = checked_count(k, "k"), checked_count(audit, "audit", least=0)
    checked_matrix(vectors, "vectors")
    chosen = _chosen_metric(metric, neighbors)
    kept = None
    if folder is not None:
        kept = GraphFolder.begin(folder, vectors, number, chosen, neighbors)
        if kept.finished:
            return KnnGraph(*kept.arrays(), chosen, kept.recall)
    index = _index_for(vectors, number, chosen, neighbors, kept, threads, progress)
    out = kept or _Memory(len(vectors), number)
    with bar("neighbours of every sample", len(vectors), "sample", shown=progress) as steps:
        steps.update(out.rows_done)
        for begin in range(out.rows_done, len(vectors), BLOCK_ROWS):
            rows = np.arange(begin, min(begin + BLOCK_ROWS, len(vectors)))
            out.put(begin, *_neighbours_of(index, vectors, rows, number, threads))
            steps.update(len(rows))
    ids, distances = out.arrays()
    recall = None
    if audited and not isinstance(index, ExactNeighbors):
        recall = _audit(ids, vectors, index, audited, threads, progress)
    out.finish(recall)
    return KnnGraph(ids, distances, chosen, recall)


def _chosen_metric(metric: MetricName | None, neighbors: NeighborsChoice) -> MetricName:
    if not isinstance(neighbors, NeighborIndex):
        return "cosine" if metric is None else metric
    if metric not in (None, neighbors.metric):
        raise InvalidInputError(
            f"the neighbours given are {neighbors.metric} and metric is {metric!r}; leave it out"
        )
    return neighbors.metric


def _index_for(
    vectors: npt.NDArray[Any],
    k: int,
    metric: MetricName,
    neighbors: NeighborsChoice,
    kept: GraphFolder | None,
    threads: int | None,
    progress: bool,
) -> NeighborIndex:
    """Return the index that is searched; one that was begun in a folder goes on with its own.

    A plan may advise another maker the next time, and a graph takes long to build: so both the
    choice and what was built are kept in the folder until the graph is finished.
    """
    if isinstance(neighbors, NeighborIndex):
        return build_neighbors(vectors, neighbors=neighbors)
    maker: Maker | None = None if kept is None else kept.maker
    if maker is None:
        maker = advised_maker(vectors, neighbors, metric, k + 1, len(vectors), threads)
    if kept is not None and kept.has_index(maker):
        return load(kept.index_path)
    index = maker.filled(vectors, metric, threads=threads, progress=progress)
    if kept is not None:
        kept.keep(maker, None if maker.kind == "exact" else index)
    return index


class _Memory:
    """Where a graph is put that is not kept on disk."""

    rows_done = 0

    def __init__(self, n: int, k: int) -> None:
        self._ids = np.empty((n, k), np.int32)
        self._distances = np.empty((n, k), np.float32)

    def put(self, begin: int, ids: npt.NDArray[np.int32], distances: FloatArray) -> None:
        self._ids[begin : begin + len(ids)] = ids
        self._distances[begin : begin + len(ids)] = distances

    def arrays(self) -> tuple[npt.NDArray[np.int32], FloatArray]:
        return self._ids, self._distances

    def finish(self, recall: RecallAudit | None) -> None:
        pass


def _exact(
    metric: MetricName, vectors: npt.NDArray[Any], first: int, threads: int | None
) -> ExactNeighbors:
    index = ExactNeighbors(metric, copy=False, threads=threads)
    index.add(np.arange(first, len(vectors)), vectors[first:], progress=False)
    return index


def _neighbours_of(
    index: NeighborIndex,
    vectors: npt.NDArray[Any],
    rows: npt.NDArray[np.int64],
    k: int,
    threads: int | None = None,
) -> tuple[npt.NDArray[np.int32], FloatArray]:
    queries = vectors[rows[0] : rows[-1] + 1]
    ids, distances = index.search(queries, k + 1, threads=threads, progress=False)
    ids, distances = without_own(ids, distances, rows)
    return ids.astype(np.int32), distances


def _nearer_of_both(
    one: tuple[npt.NDArray[np.int32], FloatArray], other: tuple[npt.NDArray[np.int64], FloatArray]
) -> tuple[npt.NDArray[np.int32], FloatArray]:
    """Return the k nearest of two lists for each row; equal distances in the order of the ids."""
    k = one[0].shape[1]
    ids = np.hstack([one[0], other[0]])
    distances = np.hstack([one[1], other[1]])
    order = np.lexsort((ids, distances), axis=1)[:, :k]
    nearest = np.take_along_axis(ids, order, axis=1)
    return nearest.astype(np.int32), np.take_along_axis(distances, order, axis=1)


def _audit(
    ids: npt.NDArray[np.int32],
    vectors: npt.NDArray[Any],
    index: NeighborIndex,
    sample: int,
    threads: int | None,
    progress: bool,
) -> RecallAudit:
    rows = VectorRows(index._metric, copy=False)
    rows.append(vectors, rows.measure(vectors, row_chunks(len(vectors))))
    chosen = np.random.default_rng(0).permutation(len(vectors))[:sample]
    return audit_recall(
        ids[chosen].astype(np.int64),
        np.asarray(vectors[chosen], np.float32),
        chosen,
        rows,
        index._metric,
        threads=threads,
        progress=progress,
    )
