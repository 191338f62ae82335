"""Everything that is compared, behind the same four calls: add, set, pop, scores.

The library's own indexes have these calls already. The others are what a user would write instead,
each as well as we know how: they keep no more than they need (no check of ids, no threads, no exact
order among equal scores) where that makes them faster, and the result pages say so.

A contender is chosen by name; ``fits`` says, in words, why one is left out of a comparison.
"""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

import socbi
from bench import compiled
from socbi import baselines

Ids = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]


class Contender(Protocol):
    """A pool in which smaller scores are better."""

    def add(self, ids: Ids, delta: Any = 1.0) -> None: ...
    def set(self, ids: Ids, scores: Scores) -> None: ...
    def pop(self, n: int) -> Ids: ...
    def scores(self) -> Scores: ...
    def nbytes(self) -> int | None: ...  # None: not known


class Library:
    """An index of the library, or one that has its calls."""

    def __init__(self, make: Any, scores: Scores, threads: int, seed: int) -> None:
        self.index = make(scores, seed=seed, threads=threads)
        self.add = self.index.add
        self.set = self.index.set
        self._pop = self.index.pop
        self.scores = self.index.scores

    def pop(self, n: int) -> Ids:
        return self._pop(n)[0]

    def nbytes(self) -> int:
        return int(self.index.nbytes)


class AbslSet(Library):
    """absl::btree_set under a lock."""

    def __init__(self, scores: Scores, threads: int, seed: int) -> None:
        super().__init__(self._make, scores, threads, seed)

    @staticmethod
    def _make(scores: Scores, seed: int, threads: int) -> baselines.BPlusTreeIndex:
        class AbslSetIndex(baselines.BPlusTreeIndex):
            _core_class = compiled.rivals().AbslSetIndex

        return AbslSetIndex(scores, seed=seed, threads=threads)


class BucketQueue:
    """Bags of ids by count, with lazy deletion; for counts from zero alone."""

    def __init__(self, scores: Scores, threads: int, seed: int) -> None:
        self._queue = compiled.rivals().BucketQueue(len(scores), seed)
        self.pop = self._queue.pop
        self.scores = self._queue.scores
        self.nbytes = self._queue.nbytes

    def add(self, ids: Ids, delta: float = 1.0) -> None:
        self._queue.add(ids)


class NumpyArgpartition:
    """An array; a retrieval is numpy.argpartition and a sort of what it gives."""

    def __init__(self, scores: Scores, threads: int, seed: int) -> None:
        self._scores = scores.copy()

    def add(self, ids: Ids, delta: Any = 1.0) -> None:
        np.add.at(self._scores, ids, np.float32(delta) if np.isscalar(delta) else delta)

    def set(self, ids: Ids, scores: Scores) -> None:
        self._scores[ids] = scores

    def pop(self, n: int) -> Ids:
        best = np.argpartition(self._scores, n)[:n]
        best = best[np.argsort(self._scores[best])]
        self._scores[best] = np.inf
        return best

    def scores(self) -> Scores:
        return np.where(np.isinf(self._scores), np.float32(np.nan), self._scores)

    def nbytes(self) -> int:
        return self._scores.nbytes


class TorchTopk:
    """A torch tensor; a retrieval is torch.topk."""

    def __init__(self, scores: Scores, threads: int, seed: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self._torch = torch
        self._scores = torch.from_numpy(scores.copy())

    def add(self, ids: Ids, delta: Any = 1.0) -> None:
        torch = self._torch
        places = torch.from_numpy(ids)
        if np.isscalar(delta):
            self._scores.index_add_(0, places, torch.full((len(ids),), float(delta)))
        else:
            self._scores.index_add_(0, places, torch.from_numpy(delta))

    def set(self, ids: Ids, scores: Scores) -> None:
        # index_put_ leaves open which of two equal ids wins: keep the last.
        self._scores.numpy()[ids] = scores

    def pop(self, n: int) -> Ids:
        best = self._torch.topk(self._scores, n, largest=False, sorted=True).indices
        self._scores[best] = float("inf")
        return best.numpy()

    def scores(self) -> Scores:
        own = self._scores.numpy()
        return np.where(np.isinf(own), np.float32(np.nan), own)

    def nbytes(self) -> int:
        return self._scores.numpy().nbytes


class SortedContainers:
    """sortedcontainers.SortedList of (score, tie-break) as one number."""

    def __init__(self, scores: Scores, threads: int, seed: int) -> None:
        from sortedcontainers import SortedList

        self._scores = scores.copy()
        self._ties = np.random.default_rng(seed).permutation(len(scores)).tolist()
        self._by_tie = np.argsort(np.asarray(self._ties))
        self._list = SortedList(zip(scores.tolist(), self._ties, strict=True))

    def add(self, ids: Ids, delta: Any = 1.0) -> None:
        own, ties, entries = self._scores, self._ties, self._list
        deltas = np.broadcast_to(np.float32(delta), ids.shape)
        for each, change in zip(ids.tolist(), deltas, strict=True):
            entries.remove((float(own[each]), ties[each]))
            own[each] += change
            entries.add((float(own[each]), ties[each]))

    def set(self, ids: Ids, scores: Scores) -> None:
        own, ties, entries = self._scores, self._ties, self._list
        for each, score in zip(ids.tolist(), scores, strict=True):
            entries.remove((float(own[each]), ties[each]))
            own[each] = score
            entries.add((float(score), ties[each]))

    def pop(self, n: int) -> Ids:
        best = self._by_tie[[tie for _, tie in self._list[:n]]]
        del self._list[:n]
        self._scores[best] = np.nan
        return best

    def scores(self) -> Scores:
        return self._scores.copy()

    def nbytes(self) -> None:
        return None


SLOWEST_ROUND_S = 3.0
SLOWEST_START_S = 10.0


@dataclass(frozen=True)
class Entry:
    """A contender by name: how it is made and what it is for."""

    name: str
    make: Any  # (scores, threads, seed) -> Contender
    exact: bool = False  # orders equal scores as the library does, so that ids can be compared
    scans: bool = False  # a retrieval looks at the whole pool
    beside: bool = False  # its calls may run beside each other
    splits: bool = False  # one call's updates may be split over threads
    counts_only: bool = False
    needs: str = ""  # a module, if it may be missing
    us_per_update: float = 0.0  # roughly, in large pools: to leave out what would take minutes
    us_per_sample: float = 0.0  # the same of the start

    def fits(self, kind: str, samples: int, updates: int) -> str:
        """Empty if it can take part, else why not."""
        if self.needs == "absl":
            if not hasattr(compiled.rivals(), "AbslSetIndex"):
                return "libabsl-dev is not installed"
        elif self.needs and importlib.util.find_spec(self.needs) is None:
            return f"{self.needs} is not installed"
        if self.counts_only and kind != "counts":
            return "for counts alone"
        if self.us_per_update * updates > 1e6 * SLOWEST_ROUND_S:
            return f"a round would take more than {SLOWEST_ROUND_S:.0f} s"
        if self.us_per_sample * samples > 1e6 * SLOWEST_START_S:
            return f"the start would take more than {SLOWEST_START_S:.0f} s"
        return ""


def _library(index: Any, *, scans: bool = False, us_per_update: float = 0.0) -> Entry:
    return Entry(
        index.__name__,
        functools.partial(Library, index),
        exact=True,
        scans=scans,
        beside=True,
        splits=True,
        us_per_update=us_per_update,
    )


ENTRIES = {
    entry.name: entry
    for entry in [
        _library(socbi.SemiOrderedIndex),
        _library(baselines.ArraySortIndex, scans=True),
        _library(baselines.ArrayHeapIndex, scans=True),
        _library(baselines.ArrayThresholdIndex, scans=True),
        _library(baselines.BPlusTreeIndex, us_per_update=0.6),
        Entry(
            "absl::btree_set", AbslSet, exact=True, beside=True, needs="absl", us_per_update=0.6
        ),
        Entry("bucket queue", BucketQueue, counts_only=True),
        Entry("numpy.argpartition", NumpyArgpartition, scans=True),
        Entry("torch.topk", TorchTopk, scans=True, splits=True, needs="torch"),
        Entry(
            "sortedcontainers", SortedContainers, needs="sortedcontainers",
            us_per_update=12.0, us_per_sample=2.0,
        ),
    ]
}  # fmt: skip
