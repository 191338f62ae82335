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
from socbi.neighbors.metrics import FloatArray
from socbi.neighbors.neighbor_index import checked_count, checked_distinct
from socbi.scorers.density import knn_density
from socbi.scorers.firing import Arrived, Event, Fired, LabelledVectors, Replay, Withdrawn, fire
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
    """How many neighbours each of them hit."""
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
        A `SemiOrderedIndex` whose ids are those of the neighbours. It holds the counts, and nothing
        but the counts: use it with any other strategy. What is popped from it is left alone.
    neighbors
        A `NeighborIndex` that holds a vector for each sample of the pool; or the vectors, (n, d),
        for which one is built as `plan` advises.
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
    seed
        For the ties that are left.

    Notes
    -----
    A round costs the search for the new labels and an update for each hit. With
    ``ties="distance"`` a retrieval compares those samples with the labels that may come first and
    have not been compared: the whole pool once, later few of it.

    Memory is 18 bytes a sample beside the pool and the neighbours, and the vectors of the labelled.

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

    def __init__(
        self,
        pool: SemiOrderedIndex,
        neighbors: NeighborIndex | npt.NDArray[np.generic],
        k: int | Literal["auto"] = "auto",
        *,
        ties: TieBreak = "distance",
        sparse_cap: float | None = None,
        density: npt.ArrayLike | None = None,
        seed: int = 0,
        progress: bool = True,
    ) -> None:
        self._pool = pool
        self._k = k if k == "auto" else checked_count(k, "k")
        self._ties = _checked_ties(ties)
        self._sparse_cap = _checked_share(sparse_cap, "sparse_cap")
        self._seed = seed
        self._progress = progress
        self._neighbors = _checked_neighbors(pool, neighbors, progress)
        size = len(pool.scores())
        self._density = None
        if density is not None or ties == "density" or sparse_cap is not None:
            self._density = self._checked_density(density, size)
        self._lock = threading.RLock()  # guards all that follows
        self._events: list[Event] = []
        self._known = np.zeros(size, np.bool_)  # labelled or withdrawn
        self._labelled = LabelledVectors(self._neighbors)
        self._start_over()

    def _start_over(self) -> None:
        """Derive what follows from the counts in the pool and the labels."""
        self._hit = np.nan_to_num(self._pool.scores()) > 0
        self._never_hit = int(np.count_nonzero(~(self._hit | self._known)))
        self._order = TieOrder(
            self._pool,
            self._neighbors,
            self._labelled,
            self._ties,
            self._seed,
            self._density if self._ties == "density" else None,
        )

    # ---- events ----------------------------------------------------------------------------------

    def observe(self, labelled_ids: npt.ArrayLike) -> BoundaryRound:
        """Let each newly labelled sample hit its k nearest unlabelled ones, and leave the pool.

        All of one call leave first and then fire. Ids that were observed before are passed over,
        so all labels may be given each time. Raises UnknownIdError for an id without a vector;
        nothing has changed then, or when Ctrl-C ends the search.
        """
        given = checked_distinct(labelled_ids, "labelled_ids")
        with self._lock:
            ids = given[~self._is_known(given)]
            k, left = self._k_for(len(ids)), len(self._neighbors) - len(ids)
            if len(ids) == 0:
                return BoundaryRound(0, k, 0, left, self._never_hit, 0.0, 0.0)
            begin = time.perf_counter()
            shot = fire(self._neighbors, ids, k, progress=self._progress)
            searched = time.perf_counter()
            with uninterrupted():
                self._labelled.append(ids, shot)
                self._leave(ids)
                self._count(shot.hits)
                self._events.append(Fired(ids, k))
            search_s, update_s = searched - begin, time.perf_counter() - searched
            hits = len(shot.hits)
            return BoundaryRound(len(ids), k, hits, left, self._never_hit, search_s, update_s)

    def remove(self, ids: npt.ArrayLike) -> None:
        """Take samples out of the pool and of the neighbours that will get no label."""
        checked = checked_distinct(ids, "ids")
        with self._lock, uninterrupted():
            self._neighbors.remove(checked)
            self._leave(checked)
            self._events.append(Withdrawn(checked))

    def add(self, vectors: npt.ArrayLike) -> IdArray:
        """Let new samples join; returns their ids.

        The labels so far hit those of them that lie nearer than the last that they hit. (They would
        have hit these instead of it; what was hit stays hit.)
        """
        given = np.atleast_2d(np.asarray(vectors))
        with self._lock:
            ids = np.arange(len(self._known), len(self._known) + len(given))
            if len(ids) == 0:
                return ids
            self._neighbors.add(ids, given, progress=self._progress)
            try:
                counts = self._labelled.hits_on(self._neighbors.vectors(ids))
                density = self._inherited_density(ids)
            except BaseException:
                self._neighbors.remove(ids)
                raise
            with uninterrupted():
                self._join(ids, counts, density)
            return ids

    def _join(self, ids: IdArray, counts: FloatArray, density: FloatArray | None) -> None:
        given_out = self._pool.insert(counts)
        if not np.array_equal(given_out, ids):
            self._pool.remove(given_out)
            self._neighbors.remove(ids)
            raise InvalidInputError(
                f"the pool gave out the id {given_out[0]} and {ids[0]} was next: samples were "
                "inserted into the pool by somebody else; use the scorer's add() alone"
            )
        self._known = np.concatenate([self._known, np.zeros(len(ids), np.bool_)])
        self._hit = np.concatenate([self._hit, counts > 0])
        self._never_hit += int(np.count_nonzero(counts == 0))
        if self._density is not None and density is not None:
            self._density = np.concatenate([self._density, density])
        self._order.add(ids, density)
        self._events.append(Arrived(ids))

    def recount(
        self,
        neighbors: NeighborIndex | npt.NDArray[np.generic] | None = None,
        *,
        as_of: AsOf = "then",
        history: Sequence[Event] | None = None,
    ) -> None:
        """Count all hits anew, over other embeddings or for another pool.

        Parameters
        ----------
        neighbors
            The new vectors under the same ids, of labelled and withdrawn samples, too; by default
            those that are there.
        as_of
            ``"then"``: each label hits the pool as it was when it was observed, with the k of then.
            This is, count for count, what observing the same labels in the same calls over these
            vectors gives, wherever the neighbours are exact. ``"now"``: each label hits the pool as
            it is now, with the k of now. The two are the same where all labels were observed in one
            call and nothing joined or left since; else ``"now"`` moves hits from samples that were
            labelled since to those behind them.
        history
            Events of another scorer (`history`) to take over, as after a restart.

        Notes
        -----
        Costs a search for each label. While it runs, other users of the neighbours would see
        labelled samples come and go: let none search. When it raises, nothing has changed but that
        vectors which a compaction had dropped stay dropped.
        """
        if as_of not in ("then", "now"):
            raise InvalidInputError(f"as_of must be 'then' or 'now', got {as_of!r}")
        with self._lock:
            index = self._neighbors
            if neighbors is not None:
                index = _checked_neighbors(self._pool, neighbors, self._progress)
            events = list(self._events if history is None else history)
            if as_of == "now":
                events = self._condensed(events)
            replay = Replay(index, len(self._known))
            replay.run(events, progress=self._progress)
            with uninterrupted():
                self._adopt(index, events, replay)

    def _condensed(self, events: list[Event]) -> list[Event]:
        """Return events as if all labels had been observed just now."""
        labels = [event.ids for event in events if isinstance(event, Fired)]
        rest: list[Event] = [event for event in events if not isinstance(event, Fired)]
        if not labels:
            return rest
        ids = np.concatenate(labels)
        left = np.setdiff1d(self._pool.ids(), ids)
        return [*rest, Fired(ids, self._covering_k(len(ids), len(left)))]

    def _adopt(self, neighbors: NeighborIndex, events: list[Event], replay: Replay) -> None:
        self._neighbors, self._events, self._labelled = neighbors, events, replay.labelled
        gone = [event.ids for event in events if not isinstance(event, Arrived)]
        self._known[np.concatenate([np.empty(0, np.int64), *gone])] = True
        self._leave_pool(np.flatnonzero(self._known))
        ids = self._pool.ids()
        self._pool.set(ids, replay.counts[ids])
        self._start_over()

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
        checked = _checked_share(share, "share")
        if checked is None or checked == 0:
            raise InvalidInputError(f"share must be above 0 and at most 1, got {share!r}")
        if isinstance(at_least, bool) or not isinstance(at_least, int) or at_least < 0:
            raise InvalidInputError(f"at_least must be a whole number from 0, got {at_least!r}")
        left = len(self._pool)
        return self.top(min(left, max(math.ceil(checked * left), at_least)))

    def top(self, n: int) -> IdArray:
        """Return the ids of the n most valuable, best first; all if fewer are left."""
        if n == 0:
            return np.empty(0, np.int64)
        number = checked_count(n, "n")
        with self._lock:
            if self._sparse_cap is None:
                return self._order.top(number, progress=self._progress)
            return self._guarded_top(number, self._sparse_cap)

    def _guarded_top(self, n: int, cap: float) -> IdArray:
        """Return the n first of which at most so many are of the sparsest tenth, if others last."""
        assert self._density is not None
        here = self._pool.ids()
        sparsest = np.quantile(self._density[here], SPARSEST_SHARE) if len(here) else 0.0
        allowed, look = math.floor(cap * n), n
        while True:
            ids = self._order.top(look, progress=self._progress)
            sparse = self._density[ids] <= sparsest
            taken = np.flatnonzero(~sparse | (np.cumsum(sparse) <= allowed))
            if len(taken) < n and len(ids) == len(here):  # too few others: the guard gives way
                more = np.setdiff1d(np.arange(len(ids)), taken)[: n - len(taken)]
                taken = np.sort(np.concatenate([taken, more]))
            if len(taken) >= n or len(ids) == len(here):
                best: IdArray = ids[taken][:n]
                return best
            look = min(2 * look, len(here))

    # ---- looking in ------------------------------------------------------------------------------

    @property
    def history(self) -> tuple[Event, ...]:
        """Return what happened, for `recount` of another scorer."""
        return tuple(self._events)

    @property
    def labelled(self) -> IdArray:
        """Return the labelled ids, in the order of their labels."""
        return self._labelled.ids

    @property
    def neighbors(self) -> NeighborIndex:
        """Return the neighbours."""
        return self._neighbors

    # ---- within ----------------------------------------------------------------------------------

    def _is_known(self, ids: IdArray) -> npt.NDArray[np.bool_]:
        if len(ids) and not 0 <= ids.min() <= ids.max() < len(self._known):
            raise UnknownIdError(
                f"labelled_ids must be from 0 to {len(self._known) - 1}, got {ids.min()} to "
                f"{ids.max()}"
            )
        known: npt.NDArray[np.bool_] = self._known[ids]
        return known

    def _k_for(self, new: int) -> int:
        return self._covering_k(len(self._labelled) + new, len(self._neighbors) - new)

    def _covering_k(self, labels: int, left: int) -> int:
        return smallest_covering_k(labels, left) if self._k == "auto" else int(self._k)

    def _leave(self, ids: IdArray) -> None:
        self._known[ids] = True
        self._never_hit -= int(np.count_nonzero(~self._hit[ids]))
        self._leave_pool(ids)
        self._order.remove(ids)

    def _leave_pool(self, ids: IdArray) -> None:
        """Take out of the pool what is still in it: a caller may have popped it."""
        self._pool.remove([one for one in ids.tolist() if one in self._pool])

    def _count(self, hits: IdArray) -> None:
        """Add hits; those of samples that were popped and have no label yet do not matter."""
        try:
            self._pool.add(hits)
        except RemovedIdError:
            hits = hits[~np.isnan(self._pool.scores()[hits])]
            self._pool.add(hits)
        distinct = np.unique(hits)
        self._never_hit -= int(np.count_nonzero(~self._hit[distinct]))
        self._hit[distinct] = True
        self._order.refresh(distinct)

    def _checked_density(self, density: npt.ArrayLike | None, size: int) -> FloatArray:
        if density is None:
            found = np.full(size, np.nan, np.float32)
            ids = self._pool.ids()
            found[ids] = knn_density(self._neighbors, ids, progress=self._progress)
            return found
        given = np.asarray(density, np.float32)
        if given.shape != (size,):
            raise InvalidInputError(
                f"density must have one number for each of {size} ids, got the shape {given.shape}"
            )
        return given.copy()

    def _inherited_density(self, ids: IdArray) -> FloatArray | None:
        """Return for new samples the density of the nearest that has one."""
        if self._density is None:
            return None
        vectors = self._neighbors.vectors(ids)
        old = np.setdiff1d(self._neighbors.ids(), ids)
        nearest = self._neighbors.search(vectors, 1, old, progress=False)[0][:, 0]
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


def _checked_neighbors(
    pool: SemiOrderedIndex, neighbors: NeighborIndex | npt.NDArray[np.generic], progress: bool
) -> NeighborIndex:
    """Return the neighbours, built where vectors are given; each sample must have a vector."""
    if isinstance(neighbors, np.ndarray):
        return build_neighbors(neighbors, k=100, progress=progress)
    ids = pool.ids()
    missing = np.setdiff1d(ids, neighbors.ids())
    if len(missing):
        raise UnknownIdError(
            f"the neighbours have no vector for {len(missing)} of the {len(ids)} samples of the "
            f"pool, the first is {missing[0]}; add() them"
        )
    return neighbors


def _checked_ties(ties: TieBreak) -> TieBreak:
    if ties not in ("distance", "random", "density", "id"):
        raise InvalidInputError(
            f"ties must be 'distance', 'random', 'density' or 'id', got {ties!r}"
        )
    return ties


def _checked_share(share: float | None, name: str) -> float | None:
    if share is None:
        return None
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
        raise InvalidInputError(f"{name} must be a share from 0 to 1, got {share!r}")
    return float(share)
