"""Neighbours by faiss: exhaustive, by a graph or by inverted lists; whole or compressed vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from socbi.errors import InvalidInputError, MissingExtraError
from socbi.neighbors.approximate import ApproximateNeighbors
from socbi.neighbors.metrics import FloatArray, MetricName, narrowed
from socbi.neighbors.neighbor_index import checked_count
from socbi.neighbors.progress import Steps
from socbi.neighbors.saved_folder import SavedFolder
from socbi.neighbors.vector_rows import Rows, row_chunks
from socbi.types import IdArray

__all__ = ["FaissNeighbors", "faiss_nbytes", "list_count"]

Layout: TypeAlias = Literal["flat", "hnsw", "ivf"]
Storage: TypeAlias = Literal["float32", "float16", "sq8"]

ADD_CHUNK = 4096
# Vectors that the lists and the compression are learned from: faiss itself takes no more than 256
# for each list.
TRAINING_ROWS = 65_536
# faiss warns below so many training vectors for each list.
LEAST_ROWS_A_LIST = 39


class FaissNeighbors(ApproximateNeighbors):
    """Neighbours by faiss, for whoever has no compiler for hnswlib or wants compressed vectors.

    Parameters
    ----------
    metric
        ``"cosine"``, ``"euclidean"`` or ``"inner_product"``.
    layout
        ``"flat"``: every vector is compared; ``"hnsw"``: a graph; ``"ivf"``: inverted lists around
        centres learned from the first vectors added.
    storage
        ``"float32"``, ``"float16"`` (half of the memory, distances to 3 digits) or ``"sq8"`` (a
        quarter; a byte for each number, between bounds learned from the first vectors added).
    m, ef_construction, ef
        Of the graph, as in `HnswNeighbors`.
    probes
        How many lists a search looks into; a sixteenth of them by default.
    originals
        Refer to the arrays that are added, and read vectors back from them; they must not be
        changed afterwards.
    threads
        How many threads a call may use; all cores by default. faiss counts threads for the whole
        process: while calls with different numbers overlap, the last one's holds.

    Notes
    -----
    faiss cannot take a vector out of a graph: a removed one stays as a way to others and is passed
    over, until `compact`. Needs ``pip install 'socbi[faiss]'``.

    Examples
    --------
    >>> import numpy as np
    >>> vectors = np.random.default_rng(0).normal(size=(1000, 8)).astype(np.float32)
    >>> neighbors = FaissNeighbors("euclidean", layout="flat", storage="float16")
    >>> neighbors.add(np.arange(1000), vectors)
    >>> neighbors.search(vectors[:3], k=1)[0].ravel().tolist()
    [0, 1, 2]
    """

    kind: ClassVar[str] = "faiss"

    def __init__(
        self,
        metric: MetricName = "cosine",
        *,
        layout: Layout = "hnsw",
        storage: Storage = "float32",
        m: int = 16,
        ef_construction: int = 200,
        ef: int | None = None,
        probes: int | None = None,
        originals: bool = False,
        threads: int | None = None,
    ) -> None:
        super().__init__(metric, threads, originals)
        self._settings |= {
            "layout": _choice("layout", layout, "flat", "hnsw", "ivf"),
            "storage": _choice("storage", storage, "float32", "float16", "sq8"),
            "m": checked_count(m, "m", least=2),  # levels go by 1 / log(m)
            "ef_construction": checked_count(ef_construction, "ef_construction"),
            "ef": None if ef is None else checked_count(ef, "ef"),
            "probes": None if probes is None else checked_count(probes, "probes"),
        }
        self._faiss = _faiss()
        self._index: Any = None  # made when the first vectors are there to learn from

    def _store(self, vectors: Rows, threads: int, steps: Steps) -> None:
        self._faiss.omp_set_num_threads(threads)
        index = self._made_for(vectors) if self._index is None else self._index
        self._reserve(index, len(vectors))
        norms = []
        for begin, end in row_chunks(len(vectors), ADD_CHUNK):
            chunk = narrowed(vectors[begin:end])
            norms.append(self._metric.norms(chunk))
            self._metric.check_lengths(norms[-1], begin)
            index.add(self._directed(chunk))
            self._index = index
            steps.update(len(chunk))
        self._refer_to(vectors, norms)

    def _reserve(self, index: Any, extra: int) -> None:
        """Make room for what comes in chunks; else faiss holds old and new arrays as it grows."""
        if self._settings["layout"] == "ivf":
            return
        storage = index
        if self._settings["layout"] == "hnsw":
            storage = self._faiss.downcast_index(index.storage)
            _make_room(index.hnsw.neighbors, round(extra * _links(self._settings["m"])))
        _make_room(storage.codes, extra * storage.code_size)

    def _made_for(self, vectors: Rows) -> Any:
        """Make the index and let it learn from a sample of these vectors."""
        index = self._bare(vectors.shape[1], len(vectors))
        if index.is_trained:
            return index
        rows = np.arange(len(vectors))
        if len(rows) > TRAINING_ROWS:
            rows = np.sort(np.random.default_rng(0).choice(rows, TRAINING_ROWS, replace=False))
        sample = narrowed(vectors[rows])
        self._metric.check_lengths(self._metric.norms(sample), 0)
        index.train(self._directed(sample))
        return index

    def _bare(self, dim: int, first: int) -> Any:
        faiss, chosen = self._faiss, self._settings
        space = faiss.METRIC_L2 if self.metric == "euclidean" else faiss.METRIC_INNER_PRODUCT
        codec = {
            "float16": faiss.ScalarQuantizer.QT_fp16,
            "sq8": faiss.ScalarQuantizer.QT_8bit,
        }.get(chosen["storage"])
        if chosen["layout"] == "flat":
            if codec is None:
                return faiss.IndexFlat(dim, space)
            return faiss.IndexScalarQuantizer(dim, codec, space)
        if chosen["layout"] == "hnsw":
            if codec is None:
                index = faiss.IndexHNSWFlat(dim, chosen["m"], space)
            else:
                index = faiss.IndexHNSWSQ(dim, codec, chosen["m"], space)
            index.hnsw.efConstruction = chosen["ef_construction"]
            return index
        lists = list_count(first)
        centres = faiss.IndexFlat(dim, space)
        if codec is None:
            index = faiss.IndexIVFFlat(centres, dim, lists, space)
        else:
            index = faiss.IndexIVFScalarQuantizer(centres, dim, lists, codec, space)
        index.own_fields = True
        centres.this.disown()
        index.cp.min_points_per_centroid = 1
        index.set_direct_map_type(faiss.DirectMap.Array)
        return index

    def _directed(self, vectors: FloatArray) -> FloatArray:
        """Return what faiss is given: for cosine the vectors at length 1."""
        return self._metric.prepared(vectors) if self.metric == "cosine" else vectors

    def _stored(self) -> int:
        return 0 if self._index is None else int(self._index.ntotal)

    def _ask(
        self, queries: FloatArray, number: int, ef: int, threads: int
    ) -> tuple[IdArray, FloatArray]:
        self._faiss.omp_set_num_threads(threads)
        similarity, rows = self._index.search(
            self._directed(queries), number, params=self._width(max(number, ef))
        )
        if self.metric == "euclidean":
            return rows, np.sqrt(np.maximum(similarity, 0))
        return rows, 1 - similarity if self.metric == "cosine" else -similarity

    def _width(self, ef: int) -> Any:
        """Return how widely to search, as faiss wants to be told."""
        if self._settings["layout"] == "hnsw":
            return self._faiss.SearchParametersHNSW(efSearch=ef)
        if self._settings["layout"] == "ivf":
            probes = self._settings["probes"] or max(1, self._index.nlist // 16)
            return self._faiss.SearchParametersIVF(nprobe=probes)
        return None

    def _take(self, rows: IdArray) -> Rows:
        found: Rows = self._index.reconstruct_batch(rows)
        return found

    def _empty(self) -> FaissNeighbors:
        return type(self)(**{**self._settings, "originals": False})

    def _adopt(self, other: FaissNeighbors) -> None:
        self._index, self._originals = other._index, None

    def _save_rows(self, folder: SavedFolder) -> None:
        folder.put("vectors.faiss", self._write)

    def _write(self, path: Path) -> None:
        """Write through Python, which raises when a disk is full; faiss' own file may not."""
        with open(path, "xb") as file:
            self._faiss.write_index(self._index, self._faiss.PyCallbackIOWriter(file.write))

    def _load_rows(self, folder: SavedFolder) -> None:
        self._index = self._faiss.read_index(str(folder.file("vectors.faiss")))

    def _stored_nbytes(self) -> int:
        chosen = self._settings
        return int(
            faiss_nbytes(
                self._stored(), self._dim, chosen["layout"], chosen["storage"], chosen["m"]
            )
        )


def list_count(n: int) -> int:
    """Return how many inverted lists suit so many vectors: four times the root, as faiss advises.

    Examples
    --------
    >>> list_count(1_000_000), list_count(100)
    (4000, 2)
    """
    return max(1, min(int(4 * n**0.5), n // LEAST_ROWS_A_LIST))


def faiss_nbytes(n: int, d: int, layout: str, storage: str, m: int) -> float:
    """Return the bytes that faiss takes for n vectors, counted from how it lays them out.

    A graph adds for each vector 2 m links on the lowest level, m on each of 1 / (m - 1) levels
    above on average, an offset and a level; inverted lists add two numbers of 8 bytes and grow in
    steps that leave a quarter empty.
    """
    vector = d * {"float32": 4, "float16": 2, "sq8": 1}[storage]
    if layout == "hnsw":
        return n * (vector + 4 * _links(m) + 8 + 4)
    if layout == "ivf":
        return n * ((vector + 8) * 1.25 + 8) + list_count(n) * d * 4
    return float(n * vector)


def _links(m: int) -> float:
    """Return the links of a vector on all levels of a graph, on average."""
    return 2 * m + m / (m - 1)


def _make_room(array: Any, extra: int) -> None:
    """Let a faiss array grow by so much without moving: one that shrinks keeps its room."""
    size = array.size()
    array.resize(size + extra)
    array.resize(size)


def _choice(name: str, value: object, *choices: str) -> str:
    if value not in choices:
        raise InvalidInputError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
    return str(value)


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError(
            "FaissNeighbors needs faiss: pip install 'socbi[faiss]'; ExactNeighbors needs nothing"
        ) from error
    return faiss
