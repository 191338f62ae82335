"""Exact nearest neighbours in bounded memory: blocks of products, then a selection.

For a block of queries the rows pass by in blocks. What may still be among the k nearest, judged by
the float32 similarity less its possible error (`Metric.slack`), becomes a candidate; when there are
too many, all but the best k and those within the error go; and where those are too many still, as
among duplicates, their distances decide at once. In the end the distances of the few that
are left are computed in float64, rounded to float32, and decide. So the answer is that of a full
comparison in float64, equal distances in the order of the rows, whatever the blocks and threads
were; and the time is little more than that of the products alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from socbi.neighbors.cores import one_blas_thread, one_blas_thread_here
from socbi.neighbors.metrics import FloatArray, Metric
from socbi.neighbors.products import Block, NumpyProducts, Passing, Products, ProductsMaker
from socbi.neighbors.progress import Steps
from socbi.neighbors.vector_rows import RowSource
from socbi.types import IdArray

__all__ = ["Task", "nearest_rows", "steps_in"]

Span = tuple[int, int]
Whole = npt.NDArray[np.intp]
_Nearest = tuple[Whole, Whole, FloatArray]  # which, their ranks, their distances

# Below so many products the threads cost more than they save.
FEW_PRODUCTS = 2**24
# Candidates kept for each of the k asked for, before all but the best go: more cost memory, fewer
# cost more selections. Between 2 and 5 nothing changes that can be measured.
CANDIDATES_PER_WANTED = 3
# Candidates of a block of queries that are kept however equal they look: 40 MB. Beyond, their
# distances are computed, which would have to be done in the end all the same.
MOST_CANDIDATES = 2**21
# Numbers of a block of candidates whose distances are computed together: 4 MB of float64.
PAIR_NUMBERS = 2**19


@dataclass(frozen=True)
class Task:
    """What is searched: the k nearest of each query among some rows, or all."""

    queries: FloatArray  # (q, d)
    source: RowSource
    metric: Metric
    k: int
    rows: IdArray | None = None  # ascending; None: all

    @property
    def size(self) -> int:
        """Return how many rows are searched."""
        return len(self.source) if self.rows is None else len(self.rows)


def nearest_rows(
    task: Task,
    *,
    threads: int,
    steps: Steps,
    products: ProductsMaker = NumpyProducts,
) -> tuple[IdArray, FloatArray]:
    """Return the rows and distances of the nearest, nearest first; -1 and inf where there are none.

    ``steps`` is told of `steps_in(task)` steps in all.
    """
    count = len(task.queries)
    rows = np.full((count, task.k), -1)
    distances = np.full((count, task.k), np.inf, np.float32)
    if count == 0 or task.size == 0:
        return rows, distances
    few = steps_in(task) * task.queries.shape[1] < FEW_PRODUCTS
    workers = 1 if few or not products.parallel else threads
    blocks = list(_spans(count, _query_rows(task, products)))
    scan = _Scan(task, products, steps)
    with one_blas_thread() if products.parallel else nullcontext():
        found = scan.run(blocks, workers)
    for (begin, end), (some_rows, some_distances) in zip(blocks, found, strict=True):
        rows[begin:end] = some_rows
        distances[begin:end] = some_distances
    return rows, distances


def steps_in(task: Task) -> int:
    """Return how many steps a search takes: one for each query and row that passes by."""
    return len(task.queries) * len(_SearchedRows(task))


def _query_rows(task: Task, products: ProductsMaker) -> int:
    """Return how many queries are searched together: fewer where each keeps many candidates."""
    return max(8, min(products.query_rows, 2**20 // task.k))


def _spans(count: int, size: int) -> Iterator[Span]:
    return ((begin, min(begin + size, count)) for begin in range(0, count, size))


class _Scan:
    """One search under way: every block of queries over every range of rows."""

    def __init__(self, task: Task, products: ProductsMaker, steps: Steps) -> None:
        self._task = task
        self._products = products
        self._steps = steps
        self._rows = _SearchedRows(task)
        self._longest = float(task.source.norms.max())
        self._reporting = threading.Lock()
        self._stopped = False

    def run(self, blocks: list[Span], workers: int) -> list[tuple[IdArray, FloatArray]]:
        """Return rows and distances of each block. Where blocks are few, their rows are divided."""
        size = len(self._rows)
        parts = max(1, min(-(-workers // len(blocks)), size // self._products.block_rows))
        ranges = list(_spans(size, -(-size // parts)))
        if workers == 1:
            return [self._finish(one, [self._collect(one, ranges[0])]) for one in blocks]
        with ThreadPoolExecutor(workers, initializer=one_blas_thread_here) as pool:
            try:
                collecting = [
                    [pool.submit(self._collect, one, part) for part in ranges] for one in blocks
                ]
                finishing = []
                for one, parts_of_one in zip(blocks, collecting, strict=True):
                    candidates = [part.result() for part in parts_of_one]
                    finishing.append(pool.submit(self._finish, one, candidates))
                    parts_of_one.clear()
                return [one.result() for one in finishing]
            except BaseException:
                self._stopped = True
                pool.shutdown(cancel_futures=True)
                raise

    def _collect(self, block: Span, span: Span) -> _Candidates:
        """Pass these rows by one block of queries."""
        task = self._task
        queries = task.queries[slice(*block)]
        slack = task.metric.slack(queries, self._longest)
        candidates = _Candidates(len(queries), task.k, slack, partial(self._nearest, queries))
        products = self._products(task.metric.prepared(queries))
        for begin in range(*span, self._products.block_rows):
            if self._stopped:
                break
            end = min(begin + self._products.block_rows, span[1])
            products.multiply(self._rows.block(begin, end))
            candidates.offer(products, begin, end)
            with self._reporting:
                self._steps.update(len(queries) * (end - begin))
        candidates.cut()
        return candidates

    def _finish(self, block: Span, parts: list[_Candidates]) -> tuple[IdArray, FloatArray]:
        """Decide among the candidates by their distances."""
        task = self._task
        queries = task.queries[slice(*block)]
        candidates = parts[0].joined(parts[1:])
        best, rank, apart = self._nearest(queries, candidates.owners, candidates.places)
        owners, places = candidates.owners[best], candidates.places[best]
        rows = np.full((len(queries), task.k), -1)
        distances = np.full((len(queries), task.k), np.inf, np.float32)
        rows[owners, rank] = self._rows.numbers(places)
        distances[owners, rank] = apart
        return rows, distances

    def _nearest(self, queries: FloatArray, owners: Whole, places: Whole) -> _Nearest:
        """Return which candidates are the nearest of each query, as which, and how far."""
        apart = self._distances(queries, owners, self._rows.numbers(places))
        order = np.lexsort((places, apart, owners))  # equal as float32: in the order of the rows
        owners = owners[order]
        rank = np.arange(len(owners)) - np.searchsorted(owners, np.arange(len(queries)))[owners]
        best = rank < self._task.k
        return order[best], rank[best], apart[order[best]]

    def _distances(self, queries: FloatArray, owners: Whole, rows: IdArray) -> FloatArray:
        apart = np.empty(len(rows), np.float32)
        for begin, end in _spans(len(rows), max(1, PAIR_NUMBERS // queries.shape[1])):
            vectors = np.asarray(self._task.source.take(rows[begin:end]), np.float32)
            apart[begin:end] = self._task.metric.distances(queries[owners[begin:end]], vectors)
        return apart


class _SearchedRows:
    """The rows of a task, block by block.

    Where most rows are searched they are read as they lie and the others ruled out afterwards;
    where few are, these are gathered.
    """

    def __init__(self, task: Task) -> None:
        self._source, self._metric = task.source, task.metric
        self._gathered = task.rows
        self._dead = np.empty(0, np.int64)
        if task.rows is not None and 2 * len(task.rows) >= len(task.source):
            dead = np.ones(len(task.source), np.bool_)
            dead[task.rows] = False
            self._gathered, self._dead = None, np.flatnonzero(dead)

    def __len__(self) -> int:
        return len(self._source) if self._gathered is None else len(self._gathered)

    def block(self, begin: int, end: int) -> Block:
        """Return the rows at these places."""
        if self._gathered is None:
            vectors, norms = self._source.read(begin, end), self._source.norms[begin:end]
            first, last = np.searchsorted(self._dead, (begin, end))
            dead = self._dead[first:last] - begin
        else:
            rows = self._gathered[begin:end]
            vectors, norms = self._source.take(rows), self._source.norms[rows]
            dead = self._dead
        return Block(
            np.ascontiguousarray(vectors, np.float32),
            self._metric.scales(norms),
            self._metric.offsets(norms),
            dead,
        )

    def numbers(self, places: npt.NDArray[np.intp]) -> IdArray:
        """Return the rows at these places."""
        return places if self._gathered is None else self._gathered[places]


class _Candidates:
    """Who may be among the k nearest of a block of queries, as far as rows have passed by."""

    def __init__(
        self, queries: int, k: int, slack: FloatArray, nearest: Callable[[Whole, Whole], _Nearest]
    ) -> None:
        self._queries = queries
        self._k = k
        self._slack = slack
        self._nearest = nearest  # owners, places -> those that no others can displace
        self._floor = np.full(queries, -np.inf, np.float32)  # below it none can be among the best
        self._limit = CANDIDATES_PER_WANTED * queries * k
        self._most = max(MOST_CANDIDATES, self._limit)
        self._held: list[Passing] = []
        self._count = 0

    @property
    def owners(self) -> Whole:
        """Return the query of each candidate."""
        return self._held[0][0]

    @property
    def places(self) -> Whole:
        """Return the place of each candidate among the rows searched."""
        return self._held[0][1]

    def offer(self, products: Products, begin: int, end: int) -> None:
        """Take from a block of rows those that reach the floor."""
        if not self._held and end - begin > self._k:
            self._floor = products.kth_largest(self._k) - self._slack
        owners, columns, similarities = products.passing(self._floor)
        living = similarities > -np.inf
        if not living.all():
            owners, columns, similarities = owners[living], columns[living], similarities[living]
        self._held.append((owners, columns + begin, similarities))
        self._count += len(owners)
        if self._count > self._limit:
            self.cut()

    def joined(self, others: list[_Candidates]) -> _Candidates:
        """Return the candidates of all ranges of rows together."""
        if others:
            self._held += [held for other in others for held in other._held]
            self.cut()
        return self

    def cut(self) -> None:
        """Drop all but the k best of each query and those that may be better than they look."""
        owners, places, similarities = (
            np.concatenate([one[part] for one in self._held]) for part in range(3)
        )
        order = np.argsort(owners.astype(np.uint16), kind="stable")  # 16 bits: sorted by counting
        owners, places, similarities = owners[order], places[order], similarities[order]
        self._floor = np.maximum(self._floor, self._kth_best(owners, similarities) - self._slack)
        kept = np.flatnonzero(similarities >= self._floor[owners])
        if len(kept) > self._most:
            kept = kept[self._nearest(owners[kept], places[kept])[0]]
        self._held = [(owners[kept], places[kept], similarities[kept])]
        self._count = len(kept)
        # Where many are equally near they all stay; cutting them again at once gains nothing.
        self._limit = min(max(self._limit, 2 * self._count), self._most)

    def _kth_best(self, owners: npt.NDArray[np.intp], similarities: FloatArray) -> FloatArray:
        starts = np.searchsorted(owners, np.arange(self._queries + 1))
        counts = np.diff(starts)
        widest = int(counts.max())
        if widest <= self._k:
            return np.full(self._queries, -np.inf, np.float32)
        if widest * self._queries > 8 * len(owners):  # a few have most: no table
            order = np.lexsort((-similarities, owners))
            inside = np.minimum(starts[:-1] + self._k - 1, len(owners) - 1)
            kth = similarities[order][inside]
            return np.where(counts >= self._k, kth, -np.inf).astype(np.float32)
        table = np.full((self._queries, widest), -np.inf, np.float32)
        table[owners, np.arange(len(owners)) - starts[owners]] = similarities
        kth = np.partition(table, widest - self._k, axis=1)[:, widest - self._k]
        return kth.astype(np.float32, copy=False)
