"""Exact neighbours: every vector is compared, in blocks, at the speed of matrix products."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from socbi.neighbors.blocked_search import Task, nearest_rows, steps_in
from socbi.neighbors.id_rows import Mask
from socbi.neighbors.metrics import FloatArray, MetricName
from socbi.neighbors.neighbor_index import NeighborIndex
from socbi.neighbors.products import products_on
from socbi.neighbors.progress import Steps
from socbi.neighbors.saved_folder import SavedFolder
from socbi.neighbors.vector_rows import CHUNK_ROWS, Rows, RowSource, VectorRows, row_chunks
from socbi.types import IdArray

__all__ = ["ExactNeighbors"]


class ExactNeighbors(NeighborIndex):
    """Neighbours by comparing every vector: exact, nothing to build, any number of changes.

    Parameters
    ----------
    metric
        ``"cosine"``, ``"euclidean"`` or ``"inner_product"``.
    device
        ``"auto"``: a GPU if this program has imported torch and torch sees one, else the processor.
        ``"cpu"``: the processor with numpy. Any other name is torch's, such as ``"cuda:1"``.
    copy
        Whether added arrays are copied. If not, they must not be changed afterwards. Memory maps
        are never copied: they stay on disk.
    threads
        How many threads a call may use; all cores by default.

    Notes
    -----
    The answer is exact: distances are computed in float64 and rounded to float32, equal ones come
    in the order of their addition, whatever the threads, the blocks or the other queries. Memory is
    the vectors and 5 bytes each (29 where ids are not 0, 1, 2, ...), and while searching about 10
    MB a thread.

    While a search runs, matrix products of other threads in this process run on one core each: the
    limit of BLAS is one for all.

    Examples
    --------
    >>> import numpy as np
    >>> neighbors = ExactNeighbors("euclidean")
    >>> neighbors.add([10, 20, 30], np.array([[0, 0], [0, 1], [3, 4]], np.float32))
    >>> ids, distances = neighbors.search([[0, 0]], k=2)
    >>> ids.tolist(), distances.tolist()
    ([[10, 20]], [[0.0, 1.0]])
    >>> neighbors.remove([10])
    >>> neighbors.search([[0, 0]], k=3)[0].tolist()
    [[20, 30, -1]]
    """

    kind: ClassVar[str] = "exact"

    def __init__(
        self,
        metric: MetricName = "cosine",
        *,
        device: str = "auto",
        copy: bool = True,
        threads: int | None = None,
    ) -> None:
        super().__init__(metric, threads)
        self._settings |= {"device": device, "copy": copy}
        self._products = products_on(device)
        self._vectors = VectorRows(self._metric, copy=copy)

    def _store(self, vectors: Rows, threads: int, steps: Steps) -> None:
        def reported() -> Any:
            for begin, end in row_chunks(len(vectors), CHUNK_ROWS):
                yield begin, end
                steps.update(end - begin)

        norms = self._vectors.measure(vectors, reported())
        self._vectors.append(vectors, norms)

    def _stored(self) -> int:
        return len(self._vectors)

    def _nearest(
        self, queries: FloatArray, k: int, kept: Mask | None, threads: int, steps: Steps
    ) -> tuple[IdArray, FloatArray]:
        rows = None if kept is None else np.flatnonzero(kept)
        task = Task(queries, self._vectors, self._metric, k, rows)
        counted = _QuerySteps(steps, len(queries), steps_in(task))
        return nearest_rows(task, threads=threads, steps=counted, products=self._products)

    def _source(self) -> RowSource:
        return self._vectors

    def _empty(self) -> ExactNeighbors:
        return type(self)(**self._settings)

    def _adopt(self, other: ExactNeighbors) -> None:
        self._vectors = other._vectors

    def _can_shrink(self) -> bool:
        """Say no for memory maps: their rows take no memory, and a copy would."""
        return not self._vectors.mapped

    def _save_rows(self, folder: SavedFolder) -> None:
        folder.put("vectors.npy", self._vectors.write)
        folder.put_array("norms", self._vectors.norms)

    def _load_rows(self, folder: SavedFolder) -> None:
        self._vectors.append(folder.array("vectors", mapped=True), folder.array("norms"))

    def _stored_nbytes(self) -> int:
        return self._vectors.nbytes


class _QuerySteps:
    """Reports comparisons as the share of the queries that they amount to."""

    def __init__(self, steps: Steps, queries: int, comparisons: int) -> None:
        self._steps = steps
        self._share = queries / comparisons

    def update(self, n: int = 1, /) -> None:
        self._steps.update(n * self._share)  # type: ignore[arg-type]
