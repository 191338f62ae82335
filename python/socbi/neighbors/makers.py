"""From a name, or from a plan, to a filled neighbour index."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from socbi.errors import IndexFileError, InvalidInputError
from socbi.neighbors.exact import ExactNeighbors
from socbi.neighbors.faiss_index import FaissNeighbors
from socbi.neighbors.hnsw import HnswNeighbors
from socbi.neighbors.metrics import MetricName
from socbi.neighbors.neighbor_index import NeighborIndex, checked_count, checked_matrix
from socbi.neighbors.planning import plan
from socbi.neighbors.saved_folder import SavedFolder

__all__ = ["Maker", "NeighborsChoice", "advised_maker", "build_neighbors", "load", "maker_of"]

NeighborsChoice: TypeAlias = NeighborIndex | Literal["auto", "exact", "hnsw", "faiss"]

# So many products take less time than a plan.
EXACT_AT_ONCE = 2e10

_MAKERS: dict[str, type[NeighborIndex]] = {
    maker.kind: maker for maker in (ExactNeighbors, HnswNeighbors, FaissNeighbors)
}


@dataclass(frozen=True)
class Maker:
    """A kind of neighbour index, and its settings beside metric and threads."""

    kind: str
    settings: dict[str, Any]

    def filled(
        self,
        vectors: npt.NDArray[Any],
        metric: MetricName,
        *,
        threads: int | None = None,
        progress: bool = True,
    ) -> NeighborIndex:
        """Return an index of these vectors under the ids 0 to n-1."""
        # The caller has the array anyway: refer to it.
        shared = {"copy": False} if self.kind == "exact" else {"originals": True}
        index = maker_of(self.kind)(metric, threads=threads, **{**self.settings, **shared})
        index.add(np.arange(len(vectors)), vectors, progress=progress)
        return index


def build_neighbors(
    vectors: npt.NDArray[Any],
    *,
    neighbors: NeighborsChoice = "auto",
    metric: MetricName = "cosine",
    k: int = 10,
    queries: int = 10_000,
    threads: int | None = None,
    progress: bool = True,
) -> NeighborIndex:
    """Return an index of these vectors under the ids 0 to n-1.

    Parameters
    ----------
    vectors
        (n, d), in memory or memory-mapped.
    neighbors
        ``"auto"``: what `plan` advises for so many queries of so many neighbours; the name of a
        maker; or an index that holds the vectors already, which is returned.
    metric, k, queries, threads, progress
        What is to come.

    Notes
    -----
    The index refers to ``vectors``: do not change them afterwards.

    Examples
    --------
    >>> import numpy as np
    >>> build_neighbors(np.eye(4, dtype=np.float32), queries=4)
    <ExactNeighbors(metric='cosine', threads=None, device='auto', copy=False): 4 vectors of 4>
    """
    if isinstance(neighbors, NeighborIndex):
        checked_matrix(vectors, "vectors")
        return _holding(neighbors, len(vectors))
    maker = advised_maker(vectors, neighbors, metric, k, queries, threads)
    return maker.filled(vectors, metric, threads=threads, progress=progress)


def advised_maker(
    vectors: npt.NDArray[Any],
    neighbors: Literal["auto", "exact", "hnsw", "faiss"],
    metric: MetricName,
    k: int,
    queries: int,
    threads: int | None = None,
) -> Maker:
    """Return the maker of this name; for ``"auto"`` the one that `plan` advises.

    Examples
    --------
    >>> import numpy as np
    >>> advised_maker(np.eye(4, dtype=np.float32), "auto", "cosine", k=2, queries=4)
    Maker(kind='exact', settings={})
    """
    checked_matrix(vectors, "vectors")
    checked_count(k, "k")
    checked_count(queries, "queries", least=0)
    if neighbors != "auto" and neighbors not in _MAKERS:
        raise InvalidInputError(
            f"neighbors must be 'auto', {', '.join(map(repr, _MAKERS))} or a NeighborIndex, "
            f"got {neighbors!r}"
        )
    if neighbors == "auto" and len(vectors) * queries * vectors.shape[1] < EXACT_AT_ONCE:
        kind, settings = "exact", {}
    elif neighbors == "auto":
        chosen = plan(
            len(vectors),
            vectors.shape[1],
            k,
            queries,
            metric=metric,
            sample=vectors,
            threads=threads,
        ).choice
        kind, settings = chosen.kind, chosen.settings
    else:
        kind, settings = neighbors, {}
    return Maker(kind, {} if kind == "exact" else settings)


def _holding(index: NeighborIndex, count: int) -> NeighborIndex:
    """Return the index; refuse one of other vectors."""
    if len(index) != count:
        raise InvalidInputError(
            f"the neighbour index holds {len(index)} vectors and there are {count}; add every "
            "vector under the number of its row"
        )
    strange = np.setdiff1d(index.ids(), np.arange(count))
    if len(strange):
        raise InvalidInputError(
            f"the neighbour index holds id {strange[0]}, which is no row of {count} vectors; add "
            "every vector under the number of its row"
        )
    return index


def maker_of(kind: str) -> type[NeighborIndex]:
    """Return the class that makes indexes of this kind.

    Examples
    --------
    >>> maker_of("exact").__name__
    'ExactNeighbors'
    """
    if kind not in _MAKERS:
        raise InvalidInputError(
            f"the kind must be one of {', '.join(map(repr, _MAKERS))}, got {kind!r}"
        )
    return _MAKERS[kind]


def load(path: str | os.PathLike[str], *, verify: bool = False) -> NeighborIndex:
    """Open a saved index of any kind.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> neighbors = ExactNeighbors()
    >>> neighbors.add([3], np.ones((1, 4), np.float32))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     neighbors.save(folder)
    ...     load(folder).ids().tolist()
    [3]
    """
    with SavedFolder.reading(path) as folder:
        kind = str(folder.meta.get("kind"))
        if kind not in _MAKERS:
            raise IndexFileError(
                f"{path} holds an index of the kind {kind!r}, and this socbi knows "
                f"{', '.join(map(repr, _MAKERS))}: it was written by another release; use that one"
            )
        return _MAKERS[kind].load(path, verify=verify)
