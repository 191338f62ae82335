"""The neighbour graph of a session: built once, in a folder, and grown by what joins."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Any

import numpy.typing as npt

from socbi.errors import IndexFileError
from socbi.neighbors import KnnGraph, knn_graph
from socbi.neighbors.graph_folder import GraphFolder
from socbi.neighbors.metrics import MetricName
from socbi.session.storing import storing

__all__ = ["session_graph"]


def session_graph(
    folder: Path, vectors: npt.NDArray[Any], k: int, metric: MetricName, *, progress: bool
) -> KnnGraph:
    """Return the graph of all vectors, from its folder where it is there.

    A graph of fewer samples is grown, which compares the new ones alone, and one that was begun is
    gone on with. A folder is deleted when a larger one is whole.
    """
    count = len(vectors)
    target = folder / f"graph-{count}"
    smaller = _largest_whole(folder, below=count)
    with storing(f"{target}"):
        if smaller is None or target.exists():
            graph = knn_graph(
                vectors, max(1, min(k, count - 1)), metric=metric, folder=target, progress=progress
            )
        else:
            grown = smaller.grown(vectors, progress=progress)
            graph = _kept(target, grown, vectors)
    for other in folder.glob("graph-*"):
        if other != target:
            shutil.rmtree(other, ignore_errors=True)
    return graph


def _largest_whole(folder: Path, below: int) -> KnnGraph | None:
    sizes = [int(one.name.removeprefix("graph-")) for one in folder.glob("graph-*")]
    for size in sorted((one for one in sizes if one < below), reverse=True):
        with contextlib.suppress(IndexFileError):
            return KnnGraph.load(folder / f"graph-{size}")
    return None


def _kept(target: Path, graph: KnnGraph, vectors: npt.NDArray[Any]) -> KnnGraph:
    """Write a graph that is in memory; an interrupted one is searched for from where it is."""
    kept = GraphFolder.begin(target, vectors, graph.k, graph.metric, "auto")
    kept.put(0, graph.ids, graph.distances)
    kept.finish(graph.recall)
    return KnnGraph.load(target)
