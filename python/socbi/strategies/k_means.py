"""k-means for many clusters: most of the work on fewer rows and in fewer dimensions.

Lloyd's iterations cost samples x clusters x dimensions each. What tells clusters apart lies mostly
in the directions of the largest variance, so all but the end happens over the leading principal
components: seeds drawn and iterated on a part of the rows, then iterations on all of them. The
clusters that come out are improved over the vectors as they are, which no projection can mislead.

Seeds decide how good the end can be. They are drawn by the greedy form of k-means++: several
candidates by their squared distance to the seeds so far, of which the one stays that leaves the
smallest sum of squares; then centres are swapped for rows while that gains.

The answer depends on the vectors, the ids and the generator alone: pieces of rows are of fixed
sizes, and each product runs on one thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.neighbors.metrics import FloatArray, narrowed
from socbi.neighbors.vector_rows import row_chunks
from socbi.scorers.probabilities import Doubles
from socbi.strategies.center_swaps import swapped_centres
from socbi.strategies.row_workers import RowWorkers, gathered
from socbi.types import IdArray

__all__ = ["Clusters", "k_means"]

# Components that the iterations run over: CLIP's and DINO's 512 to 768 dimensions keep most of
# their variance in them. Vectors of up to twice as many are taken as they are.
_COMPONENTS = 64
# Rows that the components are computed from, spread evenly.
_COMPONENT_ROWS = 20_000
# Seeds are drawn and first iterated on so many rows, or so many a cluster if that is more.
_PART_ROWS = 20_000
_PART_ROWS_PER_CLUSTER = 40
# So many starts, of which the best goes on, where clusters are few: there one start may be far off,
# and costs little.
_STARTS, _FEW_CLUSTERS = 4, 32
# Iterations end when the sum of squares falls by less than this share of itself.
_STILL = 1e-4
_MOST_ITERATIONS = 100
# Iterations over all dimensions after that.
_LAST_ITERATIONS = 1
# Numbers of rows, or of products, that a thread holds at a time: 4 MB of float32.
_NUMBERS_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Clusters:
    """Which cluster each of the ids is in, and the squared distance to its centre."""

    of: IdArray  # (n,)
    squares: Doubles  # (n,)

    @property
    def inertia(self) -> float:
        """Return the sum of the squared distances: what k-means makes small."""
        return float(self.squares.sum())


def k_means(
    vectors: npt.NDArray[Any], ids: IdArray, clusters: int, rng: np.random.Generator
) -> Clusters:
    """Return so many clusters of these rows; a few may be empty where rows are duplicates.

    Examples
    --------
    >>> line = np.array([[0.0], [1.0], [10.0], [11.0]])
    >>> k_means(line, np.arange(4), 2, np.random.default_rng(0)).inertia
    1.0
    """
    with RowWorkers.started() as workers:
        inner = _components(vectors, ids, workers)
        rows = np.arange(len(ids))
        wanted = max(_PART_ROWS, _PART_ROWS_PER_CLUSTER * clusters)
        part = inner[np.sort(rng.choice(len(ids), min(wanted, len(ids)), replace=False))]
        starts = [
            _started(part, clusters, rng, workers)
            for _ in range(_STARTS if clusters <= _FEW_CLUSTERS else 1)
        ]
        lloyd = _Lloyd(inner, rows, min(starts, key=_Lloyd.inertia).centres, workers)
        lloyd.run(_MOST_ITERATIONS)
        if inner.shape[1] < vectors.shape[1]:
            centres = _means(vectors, ids, lloyd.of, clusters, workers)
            lloyd = _Lloyd(vectors, ids, centres, workers)
            lloyd.run(_LAST_ITERATIONS)
        return Clusters(lloyd.of.astype(np.int64), lloyd.squares())


def _components(vectors: npt.NDArray[Any], ids: IdArray, workers: RowWorkers) -> FloatArray:
    """Return the leading principal components of these rows; the rows where they are short."""
    if vectors.shape[1] <= 2 * _COMPONENTS:
        return gathered(vectors, ids)
    some = gathered(vectors, ids[:: max(1, len(ids) // _COMPONENT_ROWS)])
    centred = some - some.mean(axis=0)
    _, directions = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    leading = np.ascontiguousarray(directions[:, -_COMPONENTS:], np.float32)
    inner = np.empty((len(ids), _COMPONENTS), np.float32)

    def project(begin: int, end: int) -> None:
        np.matmul(gathered(vectors, ids[begin:end]), leading, out=inner[begin:end])

    workers.each(len(ids), max(1, _NUMBERS_AT_ONCE // vectors.shape[1]), project)
    return inner


def _started(
    part: FloatArray, clusters: int, rng: np.random.Generator, workers: RowWorkers
) -> _Lloyd:
    """Return clusters of a part of the rows."""
    rows = np.arange(len(part))
    lloyd = _Lloyd(part, rows, part[_seeds(part, clusters, rng)], workers)
    lloyd.run(_MOST_ITERATIONS)
    lloyd = _Lloyd(part, rows, swapped_centres(part, lloyd.centres, rng), workers)
    lloyd.run(_MOST_ITERATIONS)
    return lloyd


def _seeds(part: FloatArray, clusters: int, rng: np.random.Generator) -> IdArray:
    """Return distinct rows by greedy k-means++."""
    lengths = np.einsum("nd,nd->n", part, part)
    trials = 2 + int(np.log(clusters))
    seeds = [int(rng.integers(len(part)))]
    apart = _squared_distances(part, lengths, seeds)[0]
    apart[seeds] = 0
    while len(seeds) < clusters:
        reach = np.cumsum(apart, dtype=np.float64)
        if reach[-1] == 0:  # the rest are duplicates of seeds
            rest = np.setdiff1d(np.arange(len(part)), seeds)
            return np.array(seeds + rest[: clusters - len(seeds)].tolist())
        tried = np.searchsorted(reach, rng.random(trials) * reach[-1], side="right")
        tried = np.minimum(tried, np.flatnonzero(apart)[-1])  # products may round up to the sum
        closer = np.minimum(_squared_distances(part, lengths, tried), apart)
        best = int(np.argmin(closer.sum(axis=1, dtype=np.float64)))
        apart = closer[best]
        seeds.append(int(tried[best]))
        apart[seeds[-1]] = 0
    return np.array(seeds)


def _squared_distances(part: FloatArray, lengths: FloatArray, rows: Any) -> FloatArray:
    products: FloatArray = part[rows] @ part.T
    products *= -2
    products += lengths
    products += lengths[rows][:, None]
    return np.maximum(products, 0, out=products)


class _Lloyd:
    """Lloyd's iterations from given centres."""

    def __init__(
        self,
        vectors: npt.NDArray[Any],
        ids: IdArray,
        centres: FloatArray,
        workers: RowWorkers,
    ) -> None:
        self._vectors = vectors
        self._ids = ids
        self.centres = centres
        self._workers = workers
        self._similar = np.empty(len(ids), np.float32)  # c . x - |c|^2 / 2 of the nearest centre
        self._lengths = self._sum_of_squares()
        self.of = np.zeros(len(ids), np.int32)

    def run(self, most: int) -> None:
        """Move centres until samples stay, at most so many times; then assign once more."""
        inertia = np.inf
        for _ in range(most):
            self._assign()
            before, inertia = inertia, self.inertia()
            if before - inertia <= _STILL * inertia:
                return
            self.centres = _means(
                self._vectors, self._ids, self.of, len(self.centres), self._workers
            )
            self._fill_empty()
        self._assign()

    def squares(self) -> Doubles:
        """Return the squared distance of each row to its centre."""
        squares = np.empty(len(self._ids))

        def measure(begin: int, end: int) -> None:
            some = gathered(self._vectors, self._ids[begin:end])
            difference = some - self.centres[self.of[begin:end]]
            squares[begin:end] = np.einsum("nd,nd->n", difference, difference)

        self._workers.each(len(self._ids), self._step, measure)
        return squares

    def _sum_of_squares(self) -> float:
        return sum(
            float(np.vdot(some, some))
            for begin, end in row_chunks(len(self._ids), self._step)
            for some in (gathered(self._vectors, self._ids[begin:end]),)
        )

    @property
    def _step(self) -> int:
        return max(1, _NUMBERS_AT_ONCE // max(int(self._vectors.shape[1]), len(self.centres)))

    def _assign(self) -> None:
        """Assign each row to its nearest centre, the first of equals."""
        halves = 0.5 * np.einsum("kd,kd->k", self.centres, self.centres)

        def assign(begin: int, end: int) -> None:
            similar = gathered(self._vectors, self._ids[begin:end]) @ self.centres.T
            similar -= halves
            nearest = similar.argmax(axis=1)
            self._similar[begin:end] = similar[np.arange(end - begin), nearest]
            self.of[begin:end] = nearest

        self._workers.each(len(self._ids), self._step, assign)

    def inertia(self) -> float:
        """Return the sum of squared distances as of the last assignment."""
        return self._lengths - 2 * float(self._similar.sum(dtype=np.float64))

    def _fill_empty(self) -> None:
        """Put centres that no row is nearest to onto the rows farthest from theirs."""
        sizes = np.bincount(self.of, minlength=len(self.centres))
        empty = np.flatnonzero(sizes == 0)
        if len(empty) == 0:
            return
        far = np.argsort(-self.squares(), kind="stable")[: len(empty)]
        self.centres[empty] = gathered(self._vectors, self._ids[far])


def _means(
    vectors: npt.NDArray[Any],
    ids: IdArray,
    of: npt.NDArray[Any],
    clusters: int,
    workers: RowWorkers,
) -> FloatArray:
    """Return the mean of each cluster's rows; zeros for an empty one."""
    order = np.argsort(of, kind="stable")
    sizes = np.bincount(of, minlength=clusters)
    ends = np.cumsum(sizes)
    means = np.zeros((clusters, vectors.shape[1]))

    def average(begin: int, end: int) -> None:
        for one in range(begin, end):
            for first in range(ends[one] - sizes[one], ends[one], _ROWS_SUMMED):
                rows = order[first : min(first + _ROWS_SUMMED, ends[one])]
                means[one] += vectors[ids[rows]].sum(axis=0, dtype=np.float64)

    workers.each(clusters, 8, average)
    return narrowed(means / np.maximum(sizes, 1)[:, None])


_ROWS_SUMMED = 2_048
