"""Neighbours by a hierarchical navigable small-world graph, as published with So-CBI: hnswlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from socbi.errors import MissingExtraError
from socbi.neighbors.approximate import ApproximateNeighbors
from socbi.neighbors.metrics import FloatArray, MetricName, narrowed
from socbi.neighbors.neighbor_index import checked_count
from socbi.neighbors.progress import Steps
from socbi.neighbors.saved_folder import SavedFolder
from socbi.neighbors.shared_lock import SharedLock
from socbi.neighbors.vector_rows import Rows, row_chunks
from socbi.types import IdArray

__all__ = ["HnswNeighbors", "graph_nbytes"]

_SPACES = {"cosine": "cosine", "euclidean": "l2", "inner_product": "ip"}
# Vectors that are added, and queries that are searched, between two looks at Ctrl-C and the bar:
# some tenths of a second of building.
ADD_CHUNK = 1024
# hnswlib guards labels by 65,536 locks of 40 bytes, however few there are.
LABEL_LOCKS_NBYTES = 65_536 * 40


class HnswNeighbors(ApproximateNeighbors):
    """Approximate neighbours by a graph (hnswlib): a search costs about log n comparisons.

    Parameters
    ----------
    metric
        ``"cosine"``, ``"euclidean"`` or ``"inner_product"``.
    m
        Links of a vector; twice as many on the lowest level. More is better and larger.
    ef_construction
        How widely a new vector looks for its links.
    ef
        How widely a search looks; ``max(2 * k, 64)`` by default, and never less than k.
    seed
        For the levels of the graph. Built on one thread, the same additions give the same graph.
    originals
        Refer to the arrays that are added, and read vectors back from them; they must not be
        changed afterwards.
    threads
        How many threads a call may use; all cores by default.

    Notes
    -----
    Vectors are kept as float32. A removed vector stays in the graph as a way to others and is
    passed over; `compact` builds the graph anew without it. hnswlib's own re-use of deleted places
    is never used: it loses vectors (hnswlib issue 541). Needs ``pip install 'socbi[hnsw]'``.

    Examples
    --------
    >>> import numpy as np
    >>> vectors = np.random.default_rng(0).normal(size=(1000, 8)).astype(np.float32)
    >>> neighbors = HnswNeighbors("euclidean")
    >>> neighbors.add(np.arange(1000), vectors)
    >>> neighbors.search(vectors[:3], k=1)[0].ravel().tolist()
    [0, 1, 2]
    """

    kind: ClassVar[str] = "hnsw"

    def __init__(
        self,
        metric: MetricName = "cosine",
        *,
        m: int = 16,
        ef_construction: int = 200,
        ef: int | None = None,
        seed: int = 100,
        originals: bool = False,
        threads: int | None = None,
    ) -> None:
        super().__init__(metric, threads, originals)
        self._settings |= {
            "m": checked_count(m, "m", least=2),  # levels go by 1 / log(m)
            "ef_construction": checked_count(ef_construction, "ef_construction"),
            "ef": None if ef is None else checked_count(ef, "ef"),
            "seed": checked_count(seed, "seed", least=0),
        }
        self._hnswlib = _hnswlib()
        self._graph: Any = None  # made when the dimensions are known
        # hnswlib keeps the width of the search in the graph: searches of another width wait.
        self._width = SharedLock()

    def _store(self, vectors: Rows, threads: int, steps: Steps) -> None:
        self._make_room(len(vectors), vectors.shape[1])
        norms = []
        for begin, end in row_chunks(len(vectors), ADD_CHUNK):
            chunk = narrowed(vectors[begin:end])
            norms.append(self._metric.norms(chunk))
            self._metric.check_lengths(norms[-1], begin)
            labels = np.arange(self._stored(), self._stored() + len(chunk))
            self._graph.add_items(chunk, labels, num_threads=threads)
            steps.update(len(chunk))
        self._refer_to(vectors, norms)

    def _make_room(self, more: int, dim: int) -> None:
        """Make room for exactly the first vectors, and for a quarter more when it runs out."""
        needed = self._stored() + more
        if self._graph is None:
            graph = self._hnswlib.Index(_SPACES[self.metric], dim)
            graph.init_index(
                needed,
                M=self._settings["m"],
                ef_construction=self._settings["ef_construction"],
                random_seed=self._settings["seed"],
            )
            self._graph = graph
        elif needed > self._graph.max_elements:
            self._graph.resize_index(max(needed, self._graph.max_elements * 5 // 4))

    def _stored(self) -> int:
        return 0 if self._graph is None else int(self._graph.element_count)

    def _ask(
        self, queries: FloatArray, number: int, ef: int, threads: int
    ) -> tuple[IdArray, FloatArray]:
        width = max(number, ef)
        try:
            with self._width.read(width, lambda: self._graph.set_ef(width)):
                labels, apart = self._graph.knn_query(queries, k=number, num_threads=threads)
        except RuntimeError:
            # Some query reached fewer than asked for: let all be asked more widely.
            nothing = np.full((len(queries), number), -1)
            return nothing, np.full((len(queries), number), np.inf, np.float32)
        return labels.astype(np.int64), self._distances(apart)

    def _distances(self, apart: FloatArray) -> FloatArray:
        if self.metric == "euclidean":
            return np.sqrt(apart)
        return apart - 1 if self.metric == "inner_product" else apart

    def _take(self, rows: IdArray) -> Rows:
        found: Rows = self._graph.get_items(rows, return_type="numpy")
        return found

    def _empty(self) -> HnswNeighbors:
        return type(self)(**{**self._settings, "originals": False})

    def _adopt(self, other: HnswNeighbors) -> None:
        self._graph, self._originals = other._graph, None

    def _save_rows(self, folder: SavedFolder) -> None:
        folder.put("graph.bin", self._write)

    def _write(self, path: Path) -> None:
        """Write the graph and look at its size: hnswlib says nothing of a disk that is full."""
        self._graph.save_index(str(path))
        expected, written = self._graph.index_file_size(), path.stat().st_size
        if written != expected:
            raise OSError(f"{path} was cut off at {written} of {expected} bytes: is the disk full?")

    def _load_rows(self, folder: SavedFolder) -> None:
        self._graph = self._hnswlib.Index(_SPACES[self.metric], self._dim)
        self._graph.load_index(str(folder.file("graph.bin")), max_elements=len(self._rows))

    def _stored_nbytes(self) -> int:
        if self._graph is None:
            return 0
        return int(graph_nbytes(self._graph.max_elements, self._graph.dim, self._settings["m"]))


def graph_nbytes(n: int, d: int, m: int) -> float:
    """Return the bytes that hnswlib takes for n vectors, counted from how it lays them out.

    On the lowest level the vector, 2 m links, their number and the label; above it m links on each
    of 1 / (m - 1) levels on average; and for each vector a pointer, its level, a lock (40) and an
    entry of the table from label to place (about 56). Locks for labels come once an index.
    """
    lowest = 4 * d + 4 * (2 * m + 1) + 8
    above = (4 * m + 4) / max(m - 1, 1)
    return n * (lowest + above + 8 + 4 + 40 + 56) + LABEL_LOCKS_NBYTES


def _hnswlib() -> Any:
    try:
        import hnswlib
    except ImportError as error:
        raise MissingExtraError(
            "HnswNeighbors needs hnswlib: pip install 'socbi[hnsw]' (built from source, with a C++ "
            "compiler); ExactNeighbors needs nothing, FaissNeighbors a wheel: 'socbi[faiss]'"
        ) from error
    return hnswlib
