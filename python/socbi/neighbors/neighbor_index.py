"""One protocol for every way of finding neighbours.

A maker of neighbours (`ExactNeighbors`, `HnswNeighbors`, `FaissNeighbors`) says how rows are stored
and searched; ids, removal, checks, locks, progress and files are the same for all and stand here.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError, InvalidTypeError
from socbi.neighbors.audit import (
    Reachability,
    RecallAudit,
    audit_recall,
    lost_rows,
    without_own,
)
from socbi.neighbors.cores import checked_threads
from socbi.neighbors.id_rows import IdRows, Mask
from socbi.neighbors.metrics import FloatArray, MetricName, metric_of, narrowed
from socbi.neighbors.progress import Steps, bar
from socbi.neighbors.saved_folder import SavedFolder
from socbi.neighbors.shared_lock import SharedLock
from socbi.neighbors.vector_rows import Rows, RowSource, VectorRows, row_chunks
from socbi.types import IdArray

__all__ = [
    "NeighborIndex",
    "checked_count",
    "checked_distinct",
    "checked_matrix",
    "checked_whole",
]

_Self = TypeVar("_Self", bound="NeighborIndex")

# Queries that are searched together: their answers for k = 100 are 20 MB.
QUERY_CHUNK = 16_384


class NeighborIndex(ABC):
    """Vectors by id, and the nearest of them to any query.

    Ids are whole numbers from 0 up, in any order and with gaps. Every call may be made from any
    thread beside any other and releases the GIL; additions, removals and compactions wait for the
    searches under way, and searches for them. A call that raises, or that Ctrl-C ends, has changed
    nothing that a search can see.
    """

    kind: ClassVar[str]
    """What a saved index says it is."""

    def __init__(self, metric: MetricName = "cosine", threads: int | None = None) -> None:
        self._metric = metric_of(metric)
        self._threads = checked_threads(threads)
        self._settings: dict[str, Any] = {
            "metric": metric,
            "threads": None if threads is None else self._threads,
        }
        self._rows = IdRows()
        self._dim = 0  # unknown until the first addition
        self._lock = SharedLock()  # guards all of the above but the settings

    # ---- what a maker says -----------------------------------------------------------------------

    @abstractmethod
    def _store(self, vectors: Rows, threads: int, steps: Steps) -> None:
        """Store rows behind those that are there; may stop half-way by raising."""

    @abstractmethod
    def _stored(self) -> int:
        """Return how many rows are stored."""

    @abstractmethod
    def _nearest(
        self, queries: FloatArray, k: int, kept: Mask | None, threads: int, steps: Steps
    ) -> tuple[IdArray, FloatArray]:
        """Return rows and distances of the nearest among the rows kept (None: all).

        ``steps`` is told of each query.
        """

    @abstractmethod
    def _source(self) -> RowSource:
        """Return the stored vectors, readable row by row."""

    @abstractmethod
    def _empty(self) -> NeighborIndex:
        """Return a new index of the same kind and settings, without vectors."""

    @abstractmethod
    def _adopt(self, other: Any) -> None:
        """Take over what another index of this kind has stored."""

    @abstractmethod
    def _save_rows(self, folder: SavedFolder) -> None:
        """Write what is stored."""

    @abstractmethod
    def _load_rows(self, folder: SavedFolder) -> None:
        """Read what `_save_rows` wrote."""

    @abstractmethod
    def _stored_nbytes(self) -> int:
        """Return the bytes in memory that the rows take."""

    # ---- changes ---------------------------------------------------------------------------------

    def add(
        self,
        ids: npt.ArrayLike,
        vectors: npt.ArrayLike,
        *,
        threads: int | None = None,
        progress: bool = True,
    ) -> None:
        """Add vectors under these ids.

        Parameters
        ----------
        ids
            Whole numbers from 0 up, one for each vector; none that is here already. A removed id
            may be added again, with another vector.
        vectors
            (n, d), float32 or float16; other numbers become float32. A memory map is read piece by
            piece, never as a whole.
        threads
            At most so many for this call; the index's own number if None.
        progress
            Show a bar when it takes more than two seconds.

        Raises
        ------
        InvalidInputError
            For ids that are negative, given twice or here already, a number of dimensions that
            differs, NaN or infinite numbers.
        """
        checked_ids = checked_whole(ids, "ids")
        rows = self._checked_vectors(vectors)
        if len(rows) != len(checked_ids):
            raise InvalidInputError(
                f"there are {len(checked_ids)} ids and {len(rows)} vectors; give one id for each"
            )
        with self._lock.write():
            self._check_dim(rows)
            self._rows.check_new(checked_ids)
            if len(rows) == 0:
                return
            used = self._checked_threads(threads)
            try:
                with bar("adding vectors", len(rows), "vector", shown=progress) as steps:
                    self._store(rows, used, steps)
                self._dim = rows.shape[1]
                self._rows.append(checked_ids)
            except BaseException:
                self._pass_over_leftovers()
                raise

    def _pass_over_leftovers(self) -> None:
        """Let what an interrupted addition stored never be found; a compaction drops it."""
        if self._dim == 0:  # the first addition: the next may have other dimensions
            self._adopt(self._empty())
        else:
            self._rows.append_dead(self._stored() - len(self._rows))

    def remove(self, ids: npt.ArrayLike) -> None:
        """Let these ids be found no more; O(1) an id. Their room is kept until `compact`.

        Raises UnknownIdError for an id that is not here; nothing has changed then.
        """
        checked = checked_distinct(ids, "ids")
        with self._lock.write():
            self._rows.kill(self._rows.rows_of(checked))

    def restore(self, ids: npt.ArrayLike) -> None:
        """Let removed ids be found again; O(1) an id. After a `compact` they have to be added."""
        checked = checked_distinct(ids, "ids")
        with self._lock.write():
            self._rows.revive(self._rows.dead_rows_of(checked))

    def compact(self, *, threads: int | None = None, progress: bool = True) -> None:
        """Store the vectors anew without those that were removed.

        Costs what adding the rest would, and room for both while it runs. Exact neighbours with
        memory-mapped rows, as every loaded one has, have nothing to gain and stay as they are.
        """
        with self._lock.write():
            living = np.flatnonzero(self._rows.alive)
            if len(living) == len(self._rows) or not self._can_shrink():
                return
            rebuilt = self._empty()
            source = self._source()
            with bar("compacting", len(living), "vector", shown=progress) as steps:
                for begin, end in row_chunks(len(living), QUERY_CHUNK):
                    rows = source.take(living[begin:end])
                    rebuilt._store(rows, self._checked_threads(threads), steps)
            rows_of_ids = IdRows(self._rows.ids_at(living), np.ones(len(living), np.bool_))
            self._adopt(rebuilt)  # with the next line: an interruption finds both or neither
            self._rows = rows_of_ids

    def _can_shrink(self) -> bool:
        return True

    # ---- searches --------------------------------------------------------------------------------

    def search(
        self,
        queries: npt.ArrayLike,
        k: int,
        allowed: npt.ArrayLike | None = None,
        *,
        threads: int | None = None,
        progress: bool = True,
    ) -> tuple[IdArray, FloatArray]:
        """Return the ids and distances of the k nearest to each query, nearest first.

        Parameters
        ----------
        queries
            (q, d), like the vectors; one vector alone, (d,), is taken as (1, d).
        k
            How many. Where fewer can be found the rest is padded with id -1 and distance infinity.
        allowed
            Only these ids may be found: whole numbers, or a boolean for each id from 0 up. Ids
            that are not here do not matter.
        threads
            At most so many for this call; the index's own number if None.
        progress
            Show a bar when it takes more than two seconds.

        Returns
        -------
        ids, distances
            int64 and float32, both (q, k). Cosine distance is 1 - cos, euclidean |q - x|, inner
            product -(q . x).
        """
        checked = self._checked_vectors(queries, one_allowed=True)
        number = checked_count(k, "k")
        with self._lock.read():
            self._check_dim(checked)
            kept = self._kept(allowed)
            with bar("searching", len(checked), "query", shown=progress) as steps:
                rows, distances = self._search_chunks(
                    checked, number, kept, self._checked_threads(threads), steps
                )
            return self._rows.ids_at(rows), distances

    def _search_chunks(
        self, queries: Rows, k: int, kept: Mask | None, threads: int, steps: Steps
    ) -> tuple[IdArray, FloatArray]:
        rows = np.full((len(queries), k), -1)
        distances = np.full((len(queries), k), np.inf, np.float32)
        reach = min(k, len(self._rows) if kept is None else int(np.count_nonzero(kept)))
        if reach == 0:
            return rows, distances
        for begin, end in row_chunks(len(queries), QUERY_CHUNK):
            chunk = narrowed(queries[begin:end])
            self._metric.check_lengths(self._metric.norms(chunk), begin, "query")
            rows[begin:end, :reach], distances[begin:end, :reach] = self._nearest(
                chunk, reach, kept, threads, steps
            )
        return rows, distances

    def _kept(self, allowed: npt.ArrayLike | None) -> Mask | None:
        """Return which rows may be found; None where that is all."""
        alive = self._rows.alive
        if allowed is None:
            return None if self._rows.living == len(self._rows) else alive.copy()
        given = np.asarray(allowed)
        if given.dtype == np.bool_ and given.ndim == 1:
            kept = alive & self._rows.chosen(given)
        else:
            kept = np.zeros(len(alive), np.bool_)
            rows = self._rows.find(checked_whole(given, "allowed"))
            kept[rows[rows >= 0]] = True
        return None if kept.all() else kept

    # ---- can it be trusted? ----------------------------------------------------------------------

    def recall_audit(
        self,
        k: int = 10,
        sample: int = 1000,
        *,
        vectors: npt.NDArray[Any] | None = None,
        seed: int = 0,
        threads: int | None = None,
        progress: bool = True,
    ) -> RecallAudit:
        """Search for a sample of the vectors and compare with an exact search.

        Parameters
        ----------
        k
            How many neighbours each, beside the vector itself.
        sample
            How many vectors; drawn with ``seed``.
        vectors
            The vectors in the order of `ids`, where the index stores a compressed form: what is
            lost by compressing then counts as well.

        Examples
        --------
        >>> import numpy as np
        >>> from socbi.neighbors import ExactNeighbors
        >>> neighbors = ExactNeighbors()
        >>> neighbors.add(np.arange(500), np.random.default_rng(0).normal(size=(500, 8)))
        >>> print(neighbors.recall_audit(sample=100))
        recall@10 1.0000 (95%: 0.9630 to 1.0000, 100 queries)
        """
        number, size = checked_count(k, "k"), checked_count(sample, "sample")
        used = self._checked_threads(threads)
        with self._lock.read():
            living = np.flatnonzero(self._rows.alive)
            source, places = self._source(), living
            if vectors is not None:
                source, places = self._rows_of_originals(vectors), np.arange(len(living))
            chosen = np.random.default_rng(seed).permutation(len(living))[:size]
            queries = np.asarray(source.take(places[chosen]), np.float32)
            with bar("searching", len(queries), "query", shown=progress) as steps:
                kept = self._kept(None)
                found, apart = self._search_chunks(queries, number + 1, kept, used, steps)
            found, _ = without_own(found, apart, living[chosen])
            if vectors is not None:
                found = np.where(found < 0, -1, np.searchsorted(living, found))
            return audit_recall(
                found,
                queries,
                places[chosen],
                source,
                self._metric,
                rows=places if len(places) < len(source) else None,
                threads=used,
                progress=progress,
            )

    def _rows_of_originals(self, vectors: npt.NDArray[Any]) -> VectorRows:
        given = self._checked_vectors(vectors)
        self._check_dim(given)
        if len(given) != self._rows.living:
            raise InvalidInputError(
                f"there are {self._rows.living} ids and {len(given)} vectors; give the vector of "
                "each id, in the order of ids()"
            )
        originals = VectorRows(self._metric, copy=False)
        originals.append(given, originals.measure(given, row_chunks(len(given))))
        return originals

    def reachability(self, *, threads: int | None = None, progress: bool = True) -> Reachability:
        """Search for every vector and say which do not find themselves.

        A graph can lose vectors: no path leads to them any more. Costs one search for each.

        Examples
        --------
        >>> import numpy as np
        >>> from socbi.neighbors import ExactNeighbors
        >>> neighbors = ExactNeighbors()
        >>> neighbors.add(np.arange(500), np.random.default_rng(0).normal(size=(500, 8)))
        >>> print(neighbors.reachability())
        0 of 500 vectors do not find themselves
        """
        used = self._checked_threads(threads)
        with self._lock.read():
            living = np.flatnonzero(self._rows.alive)
            kept, source = self._kept(None), self._source()
            lost, undecided = [np.empty(0, np.int64)], 0
            with bar("reaching every vector", len(living), "vector", shown=progress) as steps:
                for begin, end in row_chunks(len(living)):
                    rows = living[begin:end]
                    queries = np.asarray(source.take(rows), np.float32)
                    found, apart = self._search_chunks(queries, 1, kept, used, steps)
                    own = self._metric.distances(queries, queries)
                    missed, unknown = lost_rows(rows, found[:, 0], own, apart[:, 0])
                    lost.append(missed)
                    undecided += unknown
            return Reachability(len(living), self._rows.ids_at(np.concatenate(lost)), undecided)

    # ---- looking in ------------------------------------------------------------------------------

    def vectors(self, ids: npt.ArrayLike) -> FloatArray:
        """Return the vectors of these ids as they are stored, float32.

        hnswlib and faiss store for cosine the vector divided by its length, and compressed forms
        what they compressed it to; with ``originals`` these are what was added.
        """
        checked = checked_whole(ids, "ids")
        with self._lock.read():
            return np.asarray(self._source().take(self._rows.rows_of(checked)), np.float32)

    def ids(self) -> IdArray:
        """Return the ids that can be found, in the order in which they were added."""
        with self._lock.read():
            return self._rows.ids()[self._rows.alive]

    def __len__(self) -> int:
        """Return how many ids can be found."""
        return self._rows.living

    def __contains__(self, id: object) -> bool:
        """Say whether an id can be found."""
        if isinstance(id, bool) or not isinstance(id, (int, np.integer)):
            return False
        with self._lock.read():
            return bool(0 <= id < 2**63 and self._rows.find(np.array([int(id)]))[0] >= 0)

    @property
    def metric(self) -> MetricName:
        """Return what near means."""
        return self._metric.name

    @property
    def dim(self) -> int:
        """Return the number of dimensions; 0 before the first addition."""
        return self._dim

    @property
    def settings(self) -> dict[str, Any]:
        """Return what the index was made with."""
        return dict(self._settings)

    @property
    def nbytes(self) -> int:
        """Return the bytes held in memory, without the pages of memory maps."""
        with self._lock.read():
            return self._rows.nbytes + self._stored_nbytes()

    def __repr__(self) -> str:
        """Return the settings and the size."""
        settings = ", ".join(f"{name}={value!r}" for name, value in self._settings.items())
        return f"<{type(self).__name__}({settings}): {len(self):,} vectors of {self._dim}>"

    # ---- files -----------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index into a folder; an index saved there before is replaced all at once."""
        with self._lock.read(), SavedFolder.write(path) as folder:
            folder.meta = {"kind": self.kind, "settings": self._settings, "dim": self._dim}
            folder.put_array("ids", self._rows.ids())
            folder.put_array("alive", self._rows.alive)
            if len(self._rows):
                self._save_rows(folder)

    @classmethod
    def load(cls: type[_Self], path: str | os.PathLike[str], *, verify: bool = False) -> _Self:
        """Open a saved index; exact vectors are memory-mapped, not read.

        ``verify`` compares every file with its checksum, which reads all of them.
        """
        with SavedFolder.reading(path, verify=verify) as folder:
            folder.require_kind(cls.kind, cls.__name__)
            with folder.refusing_what_is_wrong():
                return cls._loaded(folder)

    @classmethod
    def _loaded(cls: type[_Self], folder: SavedFolder) -> _Self:
        index = cls(**folder.meta["settings"])
        index._dim = int(folder.meta["dim"])
        index._rows = IdRows(folder.array("ids"), folder.array("alive"))
        if len(index._rows):
            index._load_rows(folder)
        return index

    # ---- checks ----------------------------------------------------------------------------------

    def _checked_vectors(self, vectors: npt.ArrayLike, *, one_allowed: bool = False) -> Rows:
        given = vectors if isinstance(vectors, np.ndarray) else np.asarray(vectors)
        if given.dtype.kind not in "fiu":
            raise InvalidTypeError(f"vectors must be of numbers, got {given.dtype}")
        if one_allowed and given.ndim == 1:
            given = given[None]
        if given.ndim != 2 or given.shape[1] == 0:
            raise InvalidInputError(
                f"vectors must have the shape (number, dimensions), got {given.shape}"
            )
        return given

    def _check_dim(self, rows: Rows) -> None:
        if self._dim and rows.shape[1] != self._dim:
            raise InvalidInputError(
                f"this index holds vectors of {self._dim} dimensions, got {rows.shape[1]}; "
                "one index is for the embeddings of one encoder"
            )

    def _checked_threads(self, threads: int | None) -> int:
        return self._threads if threads is None else checked_threads(threads)


def checked_whole(values: npt.ArrayLike, name: str) -> IdArray:
    """Return whole numbers as int64, or say what else they are."""
    given = np.asarray(values)
    if given.ndim != 1:
        raise InvalidInputError(f"{name} must be one-dimensional, got the shape {given.shape}")
    if len(given) == 0:
        return np.empty(0, np.int64)
    if given.dtype.kind not in "iu":
        raise InvalidTypeError(f"{name} must be whole numbers, got {given.dtype}")
    if given.dtype == np.uint64 and int(given.max()) >= 2**63:
        raise InvalidInputError(f"{name} must be below 2**63, got {given.max()}")
    return given.astype(np.int64, copy=False)


def checked_distinct(values: npt.ArrayLike, name: str) -> IdArray:
    """Return whole numbers of which none is given twice."""
    given = checked_whole(values, name)
    ordered = np.sort(given)
    twice = np.flatnonzero(ordered[1:] == ordered[:-1])
    if len(twice):
        raise InvalidInputError(f"{name}: {ordered[twice[0]]} is given twice; give each once")
    return given


def checked_count(value: object, name: str, least: int = 1) -> int:
    """Return a whole number from ``least`` up."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise InvalidTypeError(f"{name} must be a whole number, got {value!r}")
    if value < least:
        raise InvalidInputError(f"{name} must be {least} or more, got {value}")
    return int(value)


def checked_matrix(values: object, name: str) -> Rows:
    """Return an array of vectors, or say what else it is."""
    if not isinstance(values, np.ndarray):
        raise InvalidTypeError(f"{name} must be a numpy array, got {type(values).__name__}")
    if values.ndim != 2:
        raise InvalidInputError(
            f"{name} must have the shape (number, dimensions), got {values.shape}"
        )
    return values
