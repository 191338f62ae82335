"""A graph on disk, written block by block so that an interruption costs one block.

``ids.npy`` and ``distances.npy`` have their final size from the start; ``graph.json`` says how many
rows are written and to which vectors they belong. It is there before them, so that a folder of
other files is told from one that an interruption left; and it is replaced after the rows are
synced, so the rows that it counts are always there.
"""

from __future__ import annotations

import json
import os
import shutil
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.errors import IndexFileError
from socbi.neighbors.audit import RecallAudit
from socbi.neighbors.makers import Maker
from socbi.neighbors.metrics import FloatArray, MetricName
from socbi.neighbors.neighbor_index import NeighborIndex

__all__ = ["GraphFolder"]

STATE = "graph.json"
_BESIDE = f".{STATE}.tmp"
_STATE_HOLDS = {"key", "rows_done", "recall", "whole"}
# Rows of the vectors that tell whether a folder belongs to them.
SAMPLED_ROWS = 64


class GraphFolder:
    """The folder of one graph, under way or finished."""

    def __init__(self, path: Path, state: dict[str, Any]) -> None:
        self._path = path
        self._state = state

    @classmethod
    def begin(
        cls,
        path: str | os.PathLike[str],
        vectors: npt.NDArray[Any],
        k: int,
        metric: MetricName,
        neighbors: NeighborIndex | str,
    ) -> GraphFolder:
        """Return the folder to go on with, or a new one; refuse that of another graph."""
        target = Path(path)
        how: object = neighbors
        if isinstance(neighbors, NeighborIndex):
            how = [neighbors.kind, {**neighbors.settings, "threads": None}]
        key = {
            "rows": len(vectors),
            "dim": vectors.shape[1],
            "vectors": _fingerprint(vectors),
            "k": k,
            "metric": metric,
            "neighbors": how,
        }
        if (target / STATE).exists():
            folder = cls.read(target)
            folder._require(key)
        else:
            folder = cls._new(target, key)
        if folder.rows_done == 0:
            for name, dtype in (("ids", np.int32), ("distances", np.float32)):
                _write_header(target / f"{name}.npy", (len(vectors), k), np.dtype(dtype))
        folder.arrays()  # a damaged one is refused before the work
        return folder

    @classmethod
    def _new(cls, target: Path, key: dict[str, Any]) -> GraphFolder:
        if target.exists() and not target.is_dir():
            raise IndexFileError(f"{target} is not a folder; give the path of a folder")
        target.mkdir(parents=True, exist_ok=True)
        if any(path.name != _BESIDE for path in target.iterdir()):
            raise IndexFileError(
                f"{target} holds files that are no graph; give a new or empty folder"
            )
        state = {"format": 1, "key": key, "rows_done": 0, "recall": None, "whole": False}
        folder = cls(target, state)
        folder._write_state()
        return folder

    def _require(self, key: dict[str, Any]) -> None:
        """Refuse the folder of another graph."""
        mine = self._state["key"]
        differing = [name for name in key if mine.get(name) != key[name]]
        if differing:
            raise IndexFileError(
                f"{self._path} holds a graph of other {', '.join(differing)}; give another folder, "
                "or delete this one"
            )

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> GraphFolder:
        """Return the folder of a finished graph."""
        folder = cls.read(Path(path))
        if not folder.finished:
            raise IndexFileError(
                f"{path} holds {folder.rows_done:,} of {folder._state['key']['rows']:,} rows; call "
                "knn_graph with it again to finish the graph"
            )
        return folder

    @classmethod
    def read(cls, path: Path) -> GraphFolder:
        """Return the folder as it is."""
        try:
            state = json.loads((path / STATE).read_text(encoding="utf-8"))
            known = state["format"] == 1
            if known and not state.keys() >= _STATE_HOLDS:
                raise ValueError(f"it lacks {', '.join(sorted(_STATE_HOLDS - state.keys()))}")
        except FileNotFoundError as error:
            raise IndexFileError(f"{path} holds no graph: no {STATE} there") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise IndexFileError(f"{path / STATE} cannot be read: {error}") from error
        if not known:
            raise IndexFileError(f"{path} was written by another release of socbi; use that one")
        return cls(path, state)

    @property
    def metric(self) -> MetricName:
        """Return what near means."""
        metric: MetricName = self._state["key"]["metric"]
        return metric

    @property
    def maker(self) -> Maker | None:
        """Return what the neighbours are found with, once that is chosen."""
        kept = self._state.get("maker")
        return None if kept is None else Maker(**kept)

    @property
    def index_path(self) -> Path:
        """Return where the approximate index is kept until the graph is finished."""
        return self._path / "index"

    def has_index(self, maker: Maker) -> bool:
        """Say whether an index of this maker was kept."""
        return self.maker == maker and self.index_path.is_dir()

    def keep(self, maker: Maker, index: NeighborIndex | None = None) -> None:
        """Keep what was chosen and, where it takes long to build, what was built."""
        if index is not None:
            index.save(self.index_path)
        self._state["maker"] = vars(maker)
        self._write_state()

    @property
    def rows_done(self) -> int:
        """Return how many rows are written."""
        return int(self._state["rows_done"])

    @property
    def finished(self) -> bool:
        """Say whether all is done, the audit too."""
        return bool(self._state["whole"])

    @property
    def recall(self) -> RecallAudit | None:
        """Return the audit, if there was one."""
        kept = self._state["recall"]
        return None if kept is None else RecallAudit(**kept)

    def put(self, begin: int, ids: npt.NDArray[np.int32], distances: FloatArray) -> None:
        """Write a block of rows and count it."""
        for name, rows in (("ids", ids), ("distances", distances)):
            path = self._path / f"{name}.npy"
            with open(path, "r+b") as file:
                file.seek(_header_bytes(path) + begin * rows.shape[1] * rows.itemsize)
                file.write(np.ascontiguousarray(rows).data)
                file.flush()
                os.fsync(file.fileno())
        self._state["rows_done"] = begin + len(ids)
        self._write_state()

    def finish(self, recall: RecallAudit | None) -> None:
        """Note that the graph is whole."""
        self._state["recall"] = None if recall is None else vars(recall)
        self._state["whole"] = True
        self._write_state()
        shutil.rmtree(self.index_path, ignore_errors=True)

    def arrays(self) -> tuple[npt.NDArray[np.int32], FloatArray]:
        """Return ids and distances as memory maps."""
        shape = (self._state["key"]["rows"], self._state["key"]["k"])
        ids = _mapped(self._path / "ids.npy", shape, np.dtype(np.int32))
        return ids, _mapped(self._path / "distances.npy", shape, np.dtype(np.float32))

    def _write_state(self) -> None:
        beside = self._path / _BESIDE
        with open(beside, "w", encoding="utf-8") as file:
            json.dump(self._state, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self._path / STATE)


def _fingerprint(vectors: npt.NDArray[Any]) -> int:
    """Return a checksum of some rows, spread over all, and of the type."""
    rows = np.unique(np.linspace(0, max(len(vectors) - 1, 0), SAMPLED_ROWS).astype(np.int64))
    some = np.ascontiguousarray(vectors[rows] if len(vectors) else vectors)
    return zlib.crc32(some.data, zlib.crc32(some.dtype.str.encode()))


def _write_header(path: Path, shape: tuple[int, int], dtype: np.dtype[Any]) -> None:
    header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + shape[0] * shape[1] * dtype.itemsize)


def _mapped(path: Path, shape: tuple[int, int], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    try:
        array: npt.NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise IndexFileError(f"{path} cannot be read: {error}; delete the folder") from error
    if array.shape != shape or array.dtype != dtype:
        raise IndexFileError(
            f"{path} holds {array.dtype} of {array.shape} in place of {dtype} of {shape}; "
            "delete the folder"
        )
    return array


def _header_bytes(path: Path) -> int:
    with open(path, "rb") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        return file.tell()
