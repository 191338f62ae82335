"""So-CBI's value of a sample: how rarely it is among the nearest of the labelled ones.

Each labelled sample *fires* once: its K nearest in the pool are *hit*, their counts rise by one
(equations 9 and 10 of the paper). A sample that is rarely hit lies where nothing is labelled.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError, RemovedIdError, UnknownIdError
from socbi.index import SemiOrderedIndex
from socbi.interrupts import uninterrupted
from socbi.neighbors import NeighborIndex, build_neighbors
from socbi.neighbors.metrics import FloatArray, MetricName
from socbi.neighbors.neighbor_index import checked_count, checked_distinct
from socbi.scorers.density import knn_density
from socbi.scorers.firing import (
    Arrived,
    Event,
    Fired,
    LabelledVectors,
    Mask,
    Replay,
    Withdrawn,
    fire,
    without_hits,
)
from socbi.scorers.pool_access import for_those_in
from socbi.scorers.tie_order import TieBreak, TieOrder
from socbi.types import IdArray

__all__ = ["BoundaryRound", "BoundaryScorer", "smallest_covering_k"]

AsOf: TypeAlias = Literal["then", "now"]

# Hits for each sample of the pool, on average: the paper gives no K, and with fewer most samples
# tie at zero (specification of So-CBI, section 3: with two, about a quarter does).
HITS_A_SAMPLE = 2
LEAST_K = 10
# Which part of the pool the guard against outliers calls sparse.
SPARSEST_SHARE = 0.1


@dataclass(frozen=True)
class BoundaryRound:
    """What an `observe` did."""

    fired: int
    """Labels that were new."""
    k: int
    """How many neighbours each of them hit, where the pool has so many."""
    hits: int
    """Hits in all; fewer than fired * k where the pool is smaller than k."""
    pool: int
    """Samples left without a label."""
    never_hit: int
    """How many of them no label ever hit: they tie at zero."""
    search_s: float
    """Seconds for finding the neighbours."""
    update_s: float
    """Seconds for the counts and the order."""

    @property
    def zero_share(self) -> float:
        """Return the share of the pool that ties at zero."""
        return self.never_hit / self.pool if self.pool else 0.0

    def __str__(self) -> str:
        """Return the round in words."""
        return (
            f"{self.fired:,} labels hit {self.k:,} neighbours each; {self.zero_share:.1%} of "
            f"{self.pool:,} samples were never hit"
        )


class BoundaryScorer:
    """Counts how often each sample of a pool is hit, and orders the pool by it.

    Parameters
    ----------
    pool
        A `SemiOrderedIndex` of zeros, smallest first, whose ids are those of the neighbours. It
        will hold the counts, and nothing but the counts: use it with any other strategy. A sample
        that is popped from it and has no label yet counts as unlabelled still.
    neighbors
        A `NeighborIndex` that holds a vector for each sample of the pool, and is only read and
        added to; or the vectors, (n, d), for which one is built as `plan` advises.
    k
        How many neighbours a label hits. ``"auto"``: the smallest number with which as many labels
        as there are would hit each sample of the pool twice on average, and at least 10.
    ties
        Which of equally often hit samples comes first: ``"distance"``, the farther from its nearest
        label; ``"random"``; ``"density"``, the denser; ``"id"``.
    sparse_cap
        At most this share of what is returned may come from the sparsest tenth of the pool; None
        for no such guard. Never hit samples are rare ones or broken ones, and the guard sees to it
        that a batch is not of outliers alone.
    density
        Of each id, larger is denser; by default `knn_density`, computed when it is needed.
    metric
        Of the neighbours that are built where vectors are given.
    history
        Events of another scorer (`history`) over the same vectors to begin with, as after a
        restart: its counts are made again, whatever the pool holds, and without a search.
    seed
        For the ties that are left.

    Notes
    -----
    A round costs the search for the new labels and an update for each hit. With
    ``ties="distance"`` a retrieval compares those samples with the labels that may come first and
    have not been compared: the whole pool once, later few of it.

    Memory is about 30 bytes a sample beside the pool and the neighbours, and the vectors of the
    labelled. Calls may be made from any thread; they take turns.

    Examples
    --------
    >>> import numpy as np
    >>> from socbi import SemiOrderedIndex
    >>> vectors = np.random.default_rng(0).normal(size=(1000, 8)).astype(np.float32)
    >>> pool = SemiOrderedIndex(1000)
    >>> scorer = BoundaryScorer(pool, vectors, k=100)
    >>> print(scorer.observe([5, 17, 23]))
    3 labels hit 100 neighbours each; 71.3% of 997 samples were never hit
    >>> pool.scores([6, 7]).tolist()
    [0.0, 0.0]
    >>> len(scorer.prescreen(share=0.5)), scorer.top(2).tolist()
    (499, [181, 645])
    """

    # Guarded by _lock, like the neighbours and the density.
    _events: list[Event]
    _labelled: LabelledVectors
    _order: TieOrder
    _present: Mask  # by id: neither labelled nor withdrawn
    _is_label: Mask
    _never_hit: int

    def __init__(
        self,
        pool: SemiOrderedIndex,
        neighbors: NeighborIndex | npt.ArrayLike,
        k: int | Literal["auto"] = "auto",
        *,
        ties: TieBreak = "distance",
        sparse_cap: float | None = None,
        density: npt.ArrayLike | None = None,
        metric: MetricName = "cosine",
        history: Sequence[Event] | None = None,
        seed: int = 0,
        progress: bool = True,
    ) -> None:
        self._pool = pool
        self._k = k if k == "auto" else checked_count(k, "k")
        self._ties = _checked_ties(ties)
        self._sparse_cap = None if sparse_cap is None else _checked_share(sparse_cap, "sparse_cap")
        self._seed = seed
        self._progress = progress
        counts = _checked_pool(pool, fresh=history is None)
        self._neighbors = _checked_neighbors(neighbors, len(counts), metric, progress)
        _check_vectors(self._neighbors, pool.ids())
        self._density = None
        if density is not None or ties == "density" or sparse_cap is not None:
            self._density = self._checked_density(density, len(counts))
        self._lock = threading.RLock()
        if history is None:
            history = [Arrived(pool.ids())]
        self._take_over(self._replayed(self._neighbors, history), self._neighbors, list(history))

    # ---- events ----------------------------------------------------------------------------------

    def observe(self, labelled_ids: npt.ArrayLike) -> BoundaryRound:
        """Let each newly labelled sample hit its k nearest unlabelled ones, and leave the pool.

        All of one call leave first and then fire. Ids that were observed before are passed over,
        so all labels may be given each time. Raises UnknownIdError for an id without a vector;
        nothing has changed then, nor when Ctrl-C ends the search.
        """
        given = checked_distinct(labelled_ids, "labelled_ids")
        with self._lock:
            begin = time.perf_counter()
            ids = given[~self._is_labelled(given)]
            present = self._present.copy()
            present[ids] = False
            left = int(np.count_nonzero(present))
            k = self._k_for(len(self._labelled) + len(ids), left)
            if len(ids) == 0:
                return BoundaryRound(0, k, 0, left, self._never_hit, 0.0, 0.0)
            shot = fire(self._neighbors, ids, k, present, progress=self._progress)
            searched = time.perf_counter()
            with uninterrupted():
                self._leave(ids)
                self._is_label[ids] = True
                self._labelled.append(ids, shot)
                self._events.append(Fired(ids, k, shot.hits, shot.radius))
                self._count(shot.hits)
            search_s, update_s = searched - begin, time.perf_counter() - searched
            hits = len(shot.hits)
            return BoundaryRound(len(ids), k, hits, left, self._never_hit, search_s, update_s)

    def remove(self, ids: npt.ArrayLike) -> None:
        """Take samples out of the pool that are not to be labelled."""
        checked = checked_distinct(ids, "ids")
        with self._lock:
            known = self._is_labelled(checked)
            if known.any() or not self._present[checked].all():
                wrong = checked[known | ~self._present[checked]][0]
                raise RemovedIdError(f"id {wrong} has a label, or has left the pool before")
            with uninterrupted():
                self._leave(checked)
                self._events.append(Withdrawn(checked))

    def add(self, vectors: npt.ArrayLike) -> IdArray:
        """Let new samples join; returns their ids.

        The labels so far hit those of them that lie nearer than the last that they hit. (They would
        have hit these instead of it; what was hit stays hit.)
        """
        given = np.atleast_2d(np.asarray(vectors))
        with self._lock:
            ids = np.arange(len(self._present), len(self._present) + len(given))
            if given.size == 0:
                return ids[:0]
            if len(self._pool.scores()) != len(self._present):
                raise InvalidInputError(
                    f"the pool has given out {len(self._pool.scores())} ids and the scorer knows "
                    f"{len(self._present)}: samples were inserted into the pool by somebody else; "
                    "use the scorer's add() alone"
                )
            self._neighbors.add(ids, given, progress=self._progress)
            try:
                stored = self._neighbors.vectors(ids)
                counts, density = self._labelled.hits_on(stored), self._inherited_density(stored)
                with uninterrupted():
                    self._join(ids, counts, density)
            except BaseException:
                self._neighbors.remove(ids)
                raise
            return ids

    def _join(self, ids: IdArray, counts: IdArray, density: FloatArray | None) -> None:
        self._pool.insert(counts.astype(np.float32))
        self._present = np.concatenate([self._present, np.ones(len(ids), np.bool_)])
        self._is_label = np.concatenate([self._is_label, np.zeros(len(ids), np.bool_)])
        self._never_hit += int(np.count_nonzero(counts == 0))
        if self._density is not None and density is not None:
            self._density = np.concatenate([self._density, density])
        self._order.add(counts, density)
        self._events.append(Arrived(ids, counts))

    def recount(
        self,
        neighbors: NeighborIndex | npt.ArrayLike | None = None,
        *,
        as_of: AsOf = "then",
    ) -> None:
        """Count all hits anew, over other embeddings or as of now.

        Parameters
        ----------
        neighbors
            The new vectors under the same ids, of labelled and withdrawn samples, too; by default
            those that are there.
        as_of
            ``"then"``: each label hits the pool as it was when it was observed, with the k of then.
            This is, count for count, what observing the same labels in the same calls over these
            vectors gives, wherever the neighbours are exact. ``"now"``: each label hits the pool as
            it is now, with the k of now, and that is then the history. The two are the same where
            all labels were observed in one call and nothing joined or left since; else ``"now"``
            moves hits from samples that were labelled since to those behind them.

        Notes
        -----
        Costs a search for each label. When it raises nothing has changed.
        """
        if as_of not in ("then", "now"):
            raise InvalidInputError(f"as_of must be 'then' or 'now', got {as_of!r}")
        with self._lock:
            index = self._neighbors
            if neighbors is not None:
                size = len(self._present)
                index = _checked_neighbors(neighbors, size, index.metric, self._progress)
            events = self._as_of_now() if as_of == "now" else without_hits(self._events)
            self._take_over(self._replayed(index, events), index, events)

    def _as_of_now(self) -> list[Event]:
        """Return events as if all labels had been observed just now."""
        ids, left = self._labelled.ids, np.flatnonzero(self._present)
        if len(ids) == 0:
            return [Arrived(left)]
        return [Arrived(np.union1d(left, ids)), Fired(ids, self._k_for(len(ids), len(left)))]

    def _replayed(self, neighbors: NeighborIndex, events: Sequence[Event]) -> Replay:
        """Return what events amount to over these neighbours."""
        concerned = np.concatenate([np.empty(0, np.int64), *[event.ids for event in events]])
        _check_vectors(neighbors, np.unique(concerned))
        replay = Replay(neighbors, len(self._pool.scores()))
        replay.run(events, progress=self._progress)
        return replay

    def _take_over(self, replay: Replay, neighbors: NeighborIndex, events: list[Event]) -> None:
        """Let what was replayed be the state, of the pool as well."""
        labels = replay.labelled.ids
        is_label = np.zeros(len(replay.present), np.bool_)
        is_label[labels] = True
        order = TieOrder(
            replay.counts, replay.present, replay.labelled, self._ties, self._seed, self._density
        )
        unhit = replay.present & (replay.counts == 0)
        with uninterrupted():
            self._neighbors, self._events, self._labelled = neighbors, events, replay.labelled
            self._present, self._is_label, self._order = replay.present, is_label, order
            self._never_hit = int(np.count_nonzero(unhit))
            for_those_in(self._pool, np.flatnonzero(~replay.present), self._pool.remove)
            scores = replay.counts.astype(np.float32)
            for_those_in(self._pool, self._pool.ids(), lambda ids: self._pool.set(ids, scores[ids]))

    # ---- what it is for --------------------------------------------------------------------------

    def prescreen(self, share: float = 0.5, *, at_least: int = 0) -> IdArray:
        """Return the ids of the most valuable share of the pool, for a second strategy.

        Parameters
        ----------
        share
            Of the pool, above 0 and at most 1.
        at_least
            So many in any case, as far as the pool has them: five batches are a good number.
        """
        part = _checked_share(share, "share")
        least = checked_count(at_least, "at_least", least=0)
        if part == 0:
            raise InvalidInputError(f"share must be above 0 and at most 1, got {share!r}")
        left = len(self._pool)
        return self.top(min(left, max(math.ceil(part * left), least)))

    def top(self, n: int) -> IdArray:
        """Return the ids of the n most valuable, best first; all if fewer are left."""
        number = checked_count(n, "n", least=0)
        with self._lock:
            if number == 0:
                return np.empty(0, np.int64)
            if self._sparse_cap is None:
                return self._first(number)
            return self._guarded_top(number, self._sparse_cap)

    def _first(self, n: int) -> IdArray:
        return self._order.top(n, self._pool, self._neighbors, progress=self._progress)

    def _guarded_top(self, n: int, cap: float) -> IdArray:
        """Return the n first of which at most so many are of the sparsest tenth, if others last."""
        assert self._density is not None
        inside = np.flatnonzero(self._present)
        sparsest = float(np.quantile(self._density[inside], SPARSEST_SHARE)) if len(inside) else 0.0
        allowed, look = math.floor(cap * n), n
        while True:
            ids = self._first(look)
            sparse = self._density[ids] <= sparsest
            taken = np.flatnonzero(~sparse | (np.cumsum(sparse) <= allowed))
            if len(taken) >= n or len(ids) < look:
                break
            look *= 2
        if len(taken) < n:  # too few others: the guard gives way
            more = np.setdiff1d(np.arange(len(ids)), taken)[: n - len(taken)]
            taken = np.sort(np.concatenate([taken, more]))
        best: IdArray = ids[taken][:n]
        return best

    # ---- looking in ------------------------------------------------------------------------------

    @property
    def history(self) -> tuple[Event, ...]:
        """Return what happened, for another scorer to begin with."""
        return tuple(self._events)

    @property
    def counts(self) -> IdArray:
        """Return how often each id was hit; a sample that left keeps what it had by then."""
        with self._lock:
            return self._order.counts.copy()

    @property
    def labelled(self) -> IdArray:
        """Return the labelled ids, in the order of their labels."""
        return self._labelled.ids

    @property
    def neighbors(self) -> NeighborIndex:
        """Return the neighbours."""
        return self._neighbors

    # ---- within ----------------------------------------------------------------------------------

    def _is_labelled(self, ids: IdArray) -> npt.NDArray[np.bool_]:
        if len(ids) and not 0 <= ids.min() <= ids.max() < len(self._is_label):
            raise UnknownIdError(
                f"ids must be from 0 to {len(self._is_label) - 1}, got {ids.min()} to {ids.max()}"
            )
        labelled: npt.NDArray[np.bool_] = self._is_label[ids]
        return labelled

    def _k_for(self, labels: int, left: int) -> int:
        """Return how many each of so many labels hits, of so many samples."""
        if self._k == "auto":
            return smallest_covering_k(labels, left)
        return int(self._k)

    def _leave(self, ids: IdArray) -> None:
        """Take out samples that have a label now, or are withdrawn."""
        here = ids[self._present[ids]]
        self._never_hit -= int(np.count_nonzero(self._order.counts[here] == 0))
        self._present[here] = False
        self._order.remove(here)
        for_those_in(self._pool, ids, self._pool.remove)

    def _count(self, hits: IdArray) -> None:
        """Add hits, everywhere; a sample that was popped and has no label yet keeps its count."""
        distinct, times = np.unique(hits, return_counts=True)
        self._never_hit -= int(np.count_nonzero(self._order.counts[distinct] == 0))
        self._order.hit(distinct, times)
        weights = times.astype(np.float32)
        for_those_in(
            self._pool,
            distinct,
            lambda ids: self._pool.add(ids, weights[np.searchsorted(distinct, ids)]),
        )

    def _checked_density(self, density: npt.ArrayLike | None, size: int) -> FloatArray:
        if density is None:
            ids = self._neighbors.ids()
            found = np.full(size, -np.inf, np.float32)
            found[ids] = knn_density(self._neighbors, ids, progress=self._progress)
            return found
        given = np.asarray(density, np.float32)
        if given.shape != (size,) or np.isnan(given).any():
            raise InvalidInputError(
                f"density must have one number, not NaN, for each of {size} ids, got the shape "
                f"{given.shape} with {np.count_nonzero(np.isnan(given))} NaN"
            )
        return given.copy()

    def _inherited_density(self, vectors: FloatArray) -> FloatArray | None:
        """Return for new samples the density of the nearest of the pool."""
        if self._density is None:
            return None
        nearest = self._neighbors.search(vectors, 1, self._present, progress=False)[0][:, 0]
        return np.where(nearest >= 0, self._density[nearest], 0).astype(np.float32)


def smallest_covering_k(labels: int, left: int) -> int:
    """Return the smallest k with which the labels hit each sample left twice on average.

    At least 10, and no more than there are samples left.

    Examples
    --------
    >>> smallest_covering_k(1000, 49_000)
    98
    """
    covering = -(-HITS_A_SAMPLE * left // max(labels, 1))
    return max(1, min(left, max(covering, LEAST_K)))


def _checked_pool(pool: SemiOrderedIndex, *, fresh: bool) -> IdArray:
    """Return the ids that the pool has ever given out; it must be smallest first and of zeros."""
    if pool._settings["order"] != "smallest":
        raise InvalidInputError(
            "the pool must have order='smallest': what is rarely hit is the best"
        )
    scores = pool.scores()
    if fresh and np.nan_to_num(scores).any():
        raise InvalidInputError(
            "the pool must hold zeros at first: the counts of hits come in; give the history of "
            "the scorer that made its scores, or a new pool"
        )
    return np.arange(len(scores))


def _checked_neighbors(
    neighbors: NeighborIndex | npt.ArrayLike, size: int, metric: MetricName, progress: bool
) -> NeighborIndex:
    """Return the neighbours, built where vectors are given; their ids are those of the pool."""
    if not isinstance(neighbors, NeighborIndex):
        vectors = np.asarray(neighbors)
        if vectors.ndim != 2 or len(vectors) != size:
            raise InvalidInputError(
                f"there must be one vector for each of the {size} ids of the pool, got the shape "
                f"{vectors.shape}"
            )
        return build_neighbors(vectors, k=100, metric=metric, progress=progress)
    ids = neighbors.ids()
    if len(ids) and int(ids.max()) >= size:
        raise InvalidInputError(
            f"the neighbours hold id {ids.max()}, and the ids of the pool are 0 to {size - 1}; "
            "insert() such samples into the pool first"
        )
    return neighbors


def _check_vectors(neighbors: NeighborIndex, ids: IdArray) -> None:
    missing = np.setdiff1d(ids, neighbors.ids())
    if len(missing):
        raise UnknownIdError(
            f"the neighbours have no vector for {len(missing)} of {len(ids)} samples, labelled and "
            f"withdrawn ones included; the first is {missing[0]}; add() them"
        )


def _checked_ties(ties: TieBreak) -> TieBreak:
    if ties not in ("distance", "random", "density", "id"):
        raise InvalidInputError(
            f"ties must be 'distance', 'random', 'density' or 'id', got {ties!r}"
        )
    return ties


def _checked_share(share: float, name: str) -> float:
    number = isinstance(share, (int, float, np.integer, np.floating)) and share is not True
    if not number or not 0 <= share <= 1:
        raise InvalidInputError(f"{name} must be a share from 0 to 1, got {share!r}")
    return float(share)
