"""Rounds as a campaign makes them: some updates, then the best taken out; timed and checked.

The clock covers the calls alone. Which ids are hit is drawn outside of it, from the samples that
are still in the contender's pool. Every answer is checked outside of it too: against a numpy array
that is kept beside each contender, and, for those that promise the same order, against each other.
"""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.contenders import Contender, Entry, Ids, Scores


@dataclass(frozen=True)
class Workload:
    """What happens in a round. Small scores are best and start at 0 (counts) or uniform in 0..1.

    kind: ``counts`` adds 1; ``reals`` adds a random number, on average a tenth; ``jumps`` sets the
    score to a random one, so that half of the updates fall. hits: ``uniform``, or ``hubs``: skewed
    as neighbour hits are, a few samples hit by everyone.
    """

    samples: int
    updates: int
    taken: int
    kind: str = "counts"
    hits: str = "uniform"
    threads: int = 1
    seed: int = 1

    def start(self) -> Scores:
        if self.kind == "counts":
            return np.zeros(self.samples, dtype=np.float32)
        return np.random.default_rng(self.seed).random(self.samples, dtype=np.float32)


class Wrong(AssertionError):  # noqa: N818 - raised as "Wrong: ..."
    """A contender gave an answer that is not the best n."""


class Trace:
    """The updates of one contender's rounds, the same for all that answer the same."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.rng = np.random.default_rng(workload.seed + 1)
        self.expected = workload.start()  # +inf: taken out
        self._hubs = self.rng.permutation(workload.samples) if workload.hits == "hubs" else None

    def draw(self) -> tuple[Ids, Any]:
        """Ids in the pool, and what is added to or set for them."""
        ids = self._ids(self.workload.updates)
        gone = np.flatnonzero(np.isinf(self.expected[ids]))
        while len(gone):
            ids[gone] = self._ids(len(gone))
            gone = gone[np.isinf(self.expected[ids[gone]])]
        if self.workload.kind == "counts":
            return ids, 1.0
        values = self.rng.random(len(ids), dtype=np.float32)
        return ids, values * np.float32(0.2) if self.workload.kind == "reals" else values

    def _ids(self, count: int) -> Ids:
        if self._hubs is None:
            return self.rng.integers(0, self.workload.samples, count)
        ranks = self.rng.random(count) ** (-1 / 0.2)  # P(rank > k) = k^-0.2, as Zipf's of 1.2
        places = np.minimum(ranks, 4.0 * self.workload.samples).astype(np.int64) - 1
        return self._hubs[places % self.workload.samples]

    def updated(self, ids: Ids, values: Any) -> None:
        if self.workload.kind == "jumps":
            self.expected[ids] = values
        else:
            np.add.at(self.expected, ids, np.float32(values) if np.isscalar(values) else values)

    def taken(self, ids: Ids, wanted: int, *, thoroughly: bool) -> None:
        """Check an answer and take it out."""
        scores = self.expected[ids]
        ordered = bool((scores[1:] >= scores[:-1]).all())
        if len(ids) != wanted or len(np.unique(ids)) != wanted or not ordered:
            raise Wrong(f"{len(ids)} ids for {wanted}, or twice one id, or not in order")
        self.expected[ids] = np.inf
        if np.isinf(scores).any():
            raise Wrong("an id that is not in the pool")
        if thoroughly and scores[-1] > self.expected.min():
            raise Wrong(f"{scores[-1]} taken and {self.expected.min()} left")


@dataclass
class Times:
    """Seconds of each round's updates and retrieval, and a digest of all that was taken out."""

    ready_s: float = 0.0
    update_s: list[float] = field(default_factory=list)
    pop_s: list[float] = field(default_factory=list)
    digests: list[int] = field(default_factory=list)
    nbytes: int | None = None  # at the end

    def total_s(self) -> float:
        return sum(self.update_s) + sum(self.pop_s)

    def round_us(self) -> float:
        """The mean: a round that orders anew costs more than the others and must count."""
        return 1e6 * self.total_s() / len(self.pop_s)


WARM_ROUNDS = 5  # the first rounds build what the later ones use


def run(entry: Entry, workload: Workload, *, budget_s: float, most_rounds: int) -> Times:
    """Run rounds until the budget is spent (or four times that with what is outside of the clock),
    at least 3 after the warm ones, at most as many as take half of the pool.
    """
    trace = Trace(workload)
    times = Times()
    clock = time.perf_counter
    begin = clock()
    contender: Contender = entry.make(workload.start(), workload.threads, workload.seed)
    times.ready_s = clock() - begin
    most = max(3, min(most_rounds, workload.samples // 2 // workload.taken - WARM_ROUNDS))
    spent_s, round_, out_of_time = 0.0, -WARM_ROUNDS, float("inf")
    while round_ < 3 or (round_ < most and times.total_s() < budget_s and clock() < out_of_time):
        if round_ == 0:
            out_of_time = clock() + 4 * budget_s
        ids, values = trace.draw()
        change = contender.set if workload.kind == "jumps" else contender.add
        update_s, pop_s, taken = timed_round(change, contender.pop, ids, values, workload.taken)
        spent_s += update_s + pop_s
        if round_ < 0:
            times.ready_s += update_s + pop_s
            if spent_s > 4 * budget_s:  # slow enough: the warm-up is over after one round
                round_ = -1
        else:
            times.update_s.append(update_s)
            times.pop_s.append(pop_s)
        trace.updated(ids, values)
        trace.taken(taken, workload.taken, thoroughly=round_ < 2)
        times.digests.append(zlib.crc32(taken.tobytes()))
        round_ += 1
    times.nbytes = contender.nbytes()
    check_scores(contender, trace)
    return times


def timed_round(
    change: Any, pop: Any, ids: Ids, values: Any, wanted: int
) -> tuple[float, float, Ids]:
    clock = time.perf_counter
    begin = clock()
    change(ids, values)
    middle = clock()
    taken = pop(wanted)
    end = clock()
    return middle - begin, end - middle, taken


def check_scores(contender: Contender, trace: Trace) -> None:
    """At the end every score is what the updates come to, and who was taken out is out."""
    scores = contender.scores()
    expected = trace.expected
    if not np.array_equal(np.isnan(scores), np.isinf(expected)):
        raise Wrong("not the same samples are in the pool")
    inside = np.isfinite(expected)
    if not np.allclose(scores[inside], expected[inside], rtol=1e-5, atol=1e-6):
        raise Wrong("scores are not what the updates come to")


def same_answers(all_times: dict[str, Times], exact: list[str]) -> None:
    """Contenders that keep the same total order took out the same ids in the same order."""
    for name in exact[1:]:
        both = zip(all_times[exact[0]].digests, all_times[name].digests, strict=False)
        if any(one != other for one, other in both):
            raise Wrong(f"{exact[0]} and {name} took out different samples")


class Player:
    """A contender, and what its answers must be, for a clock that makes the calls itself.

    ``draw`` gives the arguments of ``update`` or ``play``; it, and ``check``, belong outside of the
    clock.
    """

    def __init__(self, entry: Entry, workload: Workload) -> None:
        self.contender: Contender = entry.make(workload.start(), workload.threads, workload.seed)
        self._trace = Trace(workload)
        self._wanted = workload.taken
        self._answer: Ids | None = None

    def warm(self, budget_s: float = 0.1, most: int = 200) -> int:
        """Play the first rounds; return how many more the budget allows, at least 5."""
        most = min(most, self._trace.workload.samples // 4 // self._wanted)
        for _ in range(WARM_ROUNDS):
            drawn = self.draw()
            begin = time.perf_counter()
            self.play(*drawn)
            round_s = time.perf_counter() - begin
            self._settle()
            if round_s > budget_s:
                break
        return max(5, min(most, int(budget_s / round_s)))

    def draw(self) -> tuple[Ids, Any]:
        """Check the last answer; give the next round's updates."""
        self._settle()
        ids, values = self._trace.draw()
        self._trace.updated(ids, values)
        return ids, values

    def update(self, ids: Ids, values: Any) -> None:
        self.contender.add(ids, values)

    def pop(self) -> None:
        self._answer = self.contender.pop(self._wanted)

    def play(self, ids: Ids, values: Any) -> None:
        self.update(ids, values)
        self.pop()

    def check(self) -> None:
        self._settle()
        check_scores(self.contender, self._trace)

    def _settle(self) -> None:
        if self._answer is not None:
            self._trace.taken(self._answer, self._wanted, thoroughly=True)
            self._answer = None
