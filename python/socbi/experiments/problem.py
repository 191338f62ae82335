"""A pool and a test set with all labels known, prepared once and shared by all processes."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError
from socbi.learners import LogisticLearner
from socbi.measures import accuracy
from socbi.neighbors import KnnGraph, knn_graph
from socbi.neighbors.neighbor_index import checked_matrix, checked_whole
from socbi.types import IdArray

__all__ = ["Problem"]

_ABOUT = "problem.json"
_NEIGHBOURS = 10


@dataclass(frozen=True)
class Problem:
    """Vectors and labels; the first rows are the pool, the rest is the test set.

    Examples
    --------
    >>> import tempfile
    >>> vectors = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    >>> labels = (vectors[:, 0] > 0).astype(np.int64)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = Problem.make(folder, "halves", vectors, labels, pool_size=40)
    ...     again = Problem.open(folder)
    >>> again.name, len(again.pool_labels), len(again.test_labels), again.classes
    ('halves', 40, 20, 2)
    """

    name: str
    vectors: npt.NDArray[Any]
    labels: IdArray
    pool_size: int
    classes: int
    graph: KnnGraph
    """Of the pool alone."""
    full_accuracy: float
    """Of logistic regression on all labels of the pool."""

    @property
    def pool_labels(self) -> IdArray:
        """Return the label of each sample of the pool."""
        return self.labels[: self.pool_size]

    @property
    def test_ids(self) -> IdArray:
        """Return the rows of the test set."""
        return np.arange(self.pool_size, len(self.labels))

    @property
    def test_labels(self) -> IdArray:
        """Return the labels of the test set."""
        return self.labels[self.pool_size :]

    @classmethod
    def make(
        cls,
        folder: str | os.PathLike[str],
        name: str,
        vectors: npt.NDArray[Any],
        labels: npt.ArrayLike,
        *,
        pool_size: int,
        progress: bool = False,
    ) -> Problem:
        """Write a problem and its neighbour graph; return it as `open` does."""
        rows, kinds = checked_matrix(vectors, "vectors"), checked_whole(labels, "labels")
        if len(rows) != len(kinds) or not 2 <= pool_size < len(rows):
            raise InvalidInputError(
                "a problem needs a label for each vector, a pool of 2 or more and a test set: got "
                f"{len(rows)} vectors, {len(kinds)} labels and a pool of {pool_size}"
            )
        if kinds.min() < 0:
            raise InvalidInputError(f"labels must be class numbers from 0, got {kinds.min()}")
        classes = int(kinds.max()) + 1
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        np.save(place / "vectors.npy", rows)
        np.save(place / "labels.npy", kinds)
        k = min(_NEIGHBOURS, pool_size - 1)
        knn_graph(
            np.load(place / "vectors.npy", mmap_mode="r")[:pool_size],
            k,
            folder=place / "graph",
            progress=progress,
        )
        full = _full_accuracy(rows, kinds, pool_size, classes)
        about = {"name": name, "pool_size": pool_size, "classes": classes, "full_accuracy": full}
        # Written last and at once: where it is, everything is.
        beside = place / f"{_ABOUT}.part"
        beside.write_text(json.dumps(about), encoding="utf-8")
        os.replace(beside, place / _ABOUT)
        return cls.open(place)

    @classmethod
    def exists(cls, folder: str | os.PathLike[str]) -> bool:
        """Return whether a whole problem is there."""
        return (Path(folder) / _ABOUT).exists()

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Problem:
        """Return a problem that was made; its arrays are memory-mapped, shared by all processes."""
        place = Path(folder)
        if not cls.exists(place):
            raise InvalidInputError(f"there is no problem in {place}: make it with Problem.make")
        about = json.loads((place / _ABOUT).read_text(encoding="utf-8"))
        return cls(
            vectors=np.load(place / "vectors.npy", mmap_mode="r"),
            labels=np.load(place / "labels.npy"),
            graph=KnnGraph.load(place / "graph"),
            **about,
        )


def _full_accuracy(
    vectors: npt.NDArray[Any], labels: IdArray, pool_size: int, classes: int
) -> float:
    learner = LogisticLearner(vectors)
    learner.fit(np.arange(pool_size), labels[:pool_size], classes=classes)
    found = learner.predict_proba(np.arange(pool_size, len(labels)))
    return accuracy(labels[pool_size:], found.argmax(axis=1))
