"""The boundary scorer against counts made in the slow, obvious way."""

from __future__ import annotations

import itertools
import signal
import sys
import threading

import numpy as np
import pytest
from boundary_reference import ReferencePool, distance
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from socbi import InvalidInputError, SemiOrderedIndex, UnknownIdError
from socbi.neighbors import ExactNeighbors, HnswNeighbors
from socbi.scorers import BoundaryScorer, knn_density
from socbi.scorers.boundary import smallest_covering_k
from socbi.scorers.firing import Fired

METRICS = ["cosine", "euclidean", "inner_product"]


def grid_vectors(rng, n, d=3):
    """Few different numbers, so that distances tie and vectors repeat."""
    return rng.integers(-2, 3, size=(n, d)).astype(np.float32)


def exact(vectors, metric="euclidean"):
    neighbors = ExactNeighbors(metric)
    neighbors.add(np.arange(len(vectors)), vectors)
    return neighbors


def scorer_of(vectors, k="auto", metric="euclidean", **options):
    pool = SemiOrderedIndex(len(vectors))
    return pool, BoundaryScorer(pool, exact(vectors, metric), k, **options)


def counts_of(pool):
    return {one: float(pool.scores([one])[0]) for one in pool.ids().tolist()}


class Rounds(RuleBasedStateMachine):
    """Rounds of labels, arrivals and withdrawals, in any order."""

    @initialize(
        seed=st.integers(0, 2**32 - 1),
        metric=st.sampled_from(METRICS),
        k=st.integers(1, 12),
        n=st.integers(2, 40),
    )
    def begin(self, seed, metric, k, n):
        self.rng = np.random.default_rng(seed)
        self.metric, self.k = metric, k
        vectors = grid_vectors(self.rng, n)
        self.pool, self.scorer = scorer_of(vectors, k, metric)
        self.reference = ReferencePool(vectors, metric, k)

    def some_ids(self, most):
        here = sorted(self.reference.counts)
        count = min(len(here), int(self.rng.integers(1, most + 1)))
        return self.rng.choice(here, count, replace=False).tolist()

    @precondition(lambda self: self.reference.counts)
    @rule(popped=st.booleans())
    def observe(self, popped):
        ids = self.some_ids(5)
        if popped:  # as a strategy would: out of the pool before its label comes
            self.pool.remove(ids[:1])
        told = self.scorer.observe(ids)
        self.reference.observe(ids, self.k)
        assert told.fired == len(ids)
        assert told.pool == len(self.reference.counts)
        assert told.never_hit == sum(count == 0 for count in self.reference.counts.values())

    @rule()
    def observe_again(self):
        assert self.scorer.observe(self.scorer.labelled).fired == 0

    @rule(count=st.integers(1, 4))
    def add(self, count):
        vectors = grid_vectors(self.rng, count)
        ids = self.scorer.add(vectors).tolist()
        self.reference.add(ids, vectors)

    @precondition(lambda self: self.reference.counts)
    @rule()
    def remove(self):
        ids = self.some_ids(3)
        self.scorer.remove(ids)
        self.reference.remove(ids)

    @rule()
    def recount(self):
        before = self.pool.scores()
        self.scorer.recount()
        assert np.array_equal(before, self.pool.scores(), equal_nan=True)

    @invariant()
    def counts_are_those_of_the_reference(self):
        if hasattr(self, "pool"):
            assert counts_of(self.pool) == self.reference.counts

    @invariant()
    def the_order_is_that_of_the_reference(self):
        if hasattr(self, "pool"):
            ids = self.scorer.top(len(self.pool) + 3).tolist()
            assert sorted(ids) == sorted(self.reference.counts)
            keys = [(self.reference.counts[one], -self.reference.nearest_label(one)) for one in ids]
            assert all(
                one[0] < other[0] or (one[0] == other[0] and one[1] <= other[1] + 1e-6)
                for one, other in itertools.pairwise(keys)
            )


TestRounds = Rounds.TestCase
TestRounds.settings = settings(max_examples=60, stateful_step_count=12, deadline=None)


@pytest.mark.parametrize("metric", METRICS)
def test_recount_over_new_vectors_is_what_observing_over_them_gives(metric):
    rng = np.random.default_rng(1)
    old, new = grid_vectors(rng, 300), grid_vectors(rng, 300)
    batches = np.split(rng.permutation(300)[:60], 6)
    pool, scorer = scorer_of(old, 7, metric)
    for batch in batches:
        scorer.observe(batch)
    scorer.recount(exact(new, metric))
    other_pool, other = scorer_of(new, 7, metric)
    for batch in batches:
        other.observe(batch)
    assert np.array_equal(pool.scores(), other_pool.scores(), equal_nan=True)
    assert np.array_equal(scorer.top(240), other.top(240))
    scorer.observe([int(pool.ids()[0])])  # and it goes on
    other.observe([int(other_pool.ids()[0])])
    assert np.array_equal(pool.scores(), other_pool.scores(), equal_nan=True)


def test_then_and_now_agree_where_all_labels_came_in_one_call():
    vectors = np.random.default_rng(2).normal(size=(500, 4)).astype(np.float32)
    pool, scorer = scorer_of(vectors, 9)
    scorer.observe(np.arange(0, 500, 10))
    before = pool.scores()
    scorer.recount(as_of="now")
    assert np.array_equal(before, pool.scores(), equal_nan=True)


def test_now_counts_every_label_over_the_pool_as_it_is():
    vectors = np.random.default_rng(3).normal(size=(400, 4)).astype(np.float32)
    batches = np.split(np.random.default_rng(4).permutation(400)[:40], 4)
    pool, scorer = scorer_of(vectors, 9)
    for batch in batches:
        scorer.observe(batch)
    scorer.recount(as_of="now")
    other_pool, other = scorer_of(vectors, 9)
    other.observe(np.concatenate(batches))
    assert np.array_equal(pool.scores(), other_pool.scores(), equal_nan=True)


def test_a_history_gives_the_same_counts_to_another_scorer():
    vectors = np.random.default_rng(5).normal(size=(300, 4)).astype(np.float32)
    pool, scorer = scorer_of(vectors[:250], 5)
    scorer.observe([3, 4, 5])
    scorer.remove([7])
    scorer.add(vectors[250:])
    scorer.observe([260, 8])
    other_pool = SemiOrderedIndex(300)
    other = BoundaryScorer(other_pool, exact(vectors), 5, history=scorer.history)
    assert np.array_equal(pool.scores(), other_pool.scores(), equal_nan=True)
    assert np.array_equal(scorer.top(50), other.top(50))


def test_approximate_hits_are_within_the_audited_recall():
    rng = np.random.default_rng(6)
    vectors = (rng.normal(size=(64, 24))[rng.integers(0, 64, 5000)] * 2).astype(np.float32)
    vectors += rng.normal(size=vectors.shape).astype(np.float32)
    graph = HnswNeighbors("euclidean")
    graph.add(np.arange(5000), vectors)
    audit = graph.recall_audit(k=50, sample=500)
    labels = rng.permutation(5000)[:100]
    pool, approximate = SemiOrderedIndex(5000), None
    approximate = BoundaryScorer(pool, graph, 50)
    approximate.observe(labels)
    true_pool, scorer = scorer_of(vectors, 50)
    scorer.observe(labels)
    found, true = (np.nan_to_num(one.scores()) for one in (pool, true_pool))
    assert np.minimum(found, true).sum() / true.sum() >= audit.low - 0.02
    assert found.sum() == true.sum() == 100 * 50


def test_ties_by_id():
    vectors = np.random.default_rng(7).normal(size=(200, 3)).astype(np.float32)
    pool, scorer = scorer_of(vectors, 20, ties="id")
    scorer.observe([1, 2, 3])
    counts = counts_of(pool)
    assert scorer.top(200).tolist() == sorted(counts, key=lambda one: (counts[one], one))


@pytest.mark.parametrize("given", [False, True])
def test_ties_by_density(given):
    vectors = np.random.default_rng(7).normal(size=(200, 3)).astype(np.float32)
    density = knn_density(exact(vectors), np.arange(200))
    options = {"density": density} if given else {}
    pool, scorer = scorer_of(vectors, 20, ties="density", **options)
    scorer.observe([1, 2, 3])
    counts = counts_of(pool)
    keys = [(counts[one], -density[one]) for one in scorer.top(200).tolist()]
    assert keys == sorted(keys)
    assert len({count for count, _ in keys}) > 1


def test_random_ties_follow_the_seed():
    vectors = np.random.default_rng(8).normal(size=(500, 3)).astype(np.float32)
    scorers = [scorer_of(vectors, 5, ties="random", seed=seed)[1] for seed in (1, 1, 2)]
    tops = [scorer.top(20).tolist() for scorer in scorers]
    assert tops[0] == tops[1] != tops[2]


def test_the_guard_caps_the_sparsest_tenth_and_still_returns_all_that_were_asked_for():
    rng = np.random.default_rng(9)
    vectors = rng.normal(size=(500, 2)).astype(np.float32)
    vectors[:50] *= 20  # outliers: never hit, and the farthest of all
    density = knn_density(exact(vectors), np.arange(500))
    sparse = set(np.flatnonzero(density <= np.quantile(density[:490], 0.1)).tolist())
    for cap, most in ((0.0, 0), (0.2, 20), (None, 100)):
        _, scorer = scorer_of(vectors, 5, sparse_cap=cap)
        scorer.observe(np.arange(490, 500))
        ids = scorer.top(100).tolist()
        assert len(set(ids)) == 100
        assert len(sparse & set(ids)) <= most
    _, scorer = scorer_of(vectors, 5, sparse_cap=0.0)
    assert sorted(scorer.top(500).tolist()) == list(range(500))


def test_auto_k_covers_the_pool_twice():
    assert smallest_covering_k(1000, 49_000) == 98
    assert smallest_covering_k(10**6, 100) == 10
    assert smallest_covering_k(1, 5) == 5
    vectors = np.random.default_rng(10).normal(size=(2000, 4)).astype(np.float32)
    _, scorer = scorer_of(vectors)
    told = scorer.observe(np.arange(100))
    assert told.k == 38
    assert told.hits == 3800
    assert 0 < told.zero_share < 0.5
    _, event = scorer.history
    assert isinstance(event, Fired)
    assert event.k == 38
    assert event.ids.tolist() == scorer.labelled.tolist() == list(range(100))


def test_prescreen_keeps_the_share_asked_for():
    vectors = np.random.default_rng(11).normal(size=(101, 4)).astype(np.float32)
    pool, scorer = scorer_of(vectors, 5)
    scorer.observe([0])
    assert len(scorer.prescreen()) == 50
    assert len(scorer.prescreen(0.1, at_least=30)) == 30
    assert len(scorer.prescreen(1.0, at_least=1000)) == 100
    assert set(scorer.prescreen(0.3).tolist()) <= set(pool.ids().tolist())


def test_samples_popped_by_somebody_else_are_not_returned():
    vectors = np.random.default_rng(12).normal(size=(50, 4)).astype(np.float32)
    pool, scorer = scorer_of(vectors, 5)
    popped = set(pool.pop(20)[0].tolist())
    assert popped.isdisjoint(scorer.top(50).tolist())
    scorer.observe(list(popped)[:3])
    assert popped.isdisjoint(scorer.top(50).tolist())


def test_an_interrupted_search_changes_nothing(monkeypatch):
    vectors = np.random.default_rng(13).normal(size=(50, 4)).astype(np.float32)
    pool, scorer = scorer_of(vectors, 5)
    neighbors = scorer.neighbors

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(type(neighbors), "_nearest", interrupted)
        with pytest.raises(KeyboardInterrupt):
            scorer.observe([1, 2])
    assert len(pool) == 50
    assert len(scorer.history) == 1
    assert scorer.observe([1, 2]).fired == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.observe([99]), "ids must be from 0 to 49, got 99 to 99"),
        (lambda s: s.observe([-1]), "got -1 to -1"),
        (lambda s: s.observe([1, 1]), "1 is given twice"),
        (lambda s: s.observe([0.5]), "labelled_ids must be whole numbers, got float64"),
        (lambda s: s.remove([99]), "ids must be from 0 to 49, got 99 to 99"),
        (lambda s: s.remove([3]), "id 3 has a label, or has left the pool before"),
        (lambda s: s.prescreen(0), "share must be above 0"),
        (lambda s: s.prescreen(1.5), "share must be a share from 0 to 1, got 1.5"),
        (lambda s: s.prescreen(at_least=-1), "at_least must be 0 or more, got -1"),
        (lambda s: s.top(-1), "n must be 0 or more, got -1"),
        (lambda s: s.recount(as_of="later"), "as_of must be 'then' or 'now', got 'later'"),
        (lambda s: s.add(np.ones((1, 3))), "holds vectors of 4 dimensions, got 3"),
    ],
)
def test_wrong_input_is_refused_and_changes_nothing(call, message):
    vectors = np.random.default_rng(14).normal(size=(50, 4)).astype(np.float32)
    pool, scorer = scorer_of(vectors, 5)
    scorer.observe([3])
    before, history = pool.scores(), scorer.history
    with pytest.raises((ValueError, TypeError, KeyError), match=message):
        call(scorer)
    assert np.array_equal(before, pool.scores(), equal_nan=True)
    assert scorer.history == history


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "k must be 1 or more, got 0"),
        ({"ties": "best"}, "ties must be 'distance', 'random', 'density' or 'id', got 'best'"),
        ({"sparse_cap": 2}, "sparse_cap must be a share from 0 to 1, got 2"),
        ({"density": [1.0]}, "density must have one number, not NaN, for each of 50 ids"),
    ],
)
def test_wrong_settings_are_refused(options, message):
    vectors = np.random.default_rng(15).normal(size=(50, 4)).astype(np.float32)
    with pytest.raises(InvalidInputError, match=message):
        scorer_of(vectors, **{"k": 5, **options})


def test_every_sample_of_the_pool_needs_a_vector():
    with pytest.raises(UnknownIdError, match="no vector for 1 of 3 samples"):
        BoundaryScorer(SemiOrderedIndex(3), exact(np.eye(2, dtype=np.float32)))


# ---- pools that others change --------------------------------------------------------------------


@pytest.mark.parametrize("cap", [None, 0.2])
def test_samples_popped_and_restored_come_back(cap):
    vectors = np.random.default_rng(20).normal(size=(50, 4)).astype(np.float32)
    pool, scorer = scorer_of(vectors, 5, sparse_cap=cap)
    scorer.observe([0])
    ids, scores = pool.pop(5)
    assert len(scorer.top(49)) == 44
    pool.restore(ids, scores)
    assert sorted(scorer.top(49).tolist()) == list(range(1, 50))
    assert len(scorer.prescreen(1.0)) == 49


def test_pops_beside_observe_and_top_lose_nothing():
    vectors = np.random.default_rng(21).normal(size=(3000, 4)).astype(np.float32)
    pool, scorer = scorer_of(vectors, 20)
    queue = pool.top(3000)[0][:600].reshape(60, 10)
    faults, over = [], threading.Event()

    def guarded(work):
        def run():
            try:
                while not over.is_set():
                    work()
            except Exception as fault:
                faults.append(fault)

        return threading.Thread(target=run)

    threads = [guarded(lambda: pool.pop(1)), guarded(lambda: scorer.top(20))]
    for thread in threads:
        thread.start()
    for batch in queue:
        assert scorer.observe(batch).fired == 10
    over.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert scorer.labelled.tolist() == queue.ravel().tolist()
    true_pool = SemiOrderedIndex(3000)
    BoundaryScorer(true_pool, exact(vectors), 20, history=scorer.history)
    left = pool.ids()
    assert np.array_equal(pool.scores(left), true_pool.scores(left))


def test_a_withdrawn_sample_may_get_its_label_all_the_same():
    vectors = np.random.default_rng(22).normal(size=(50, 4)).astype(np.float32)
    pool, scorer = scorer_of(vectors, 5)
    scorer.remove([5])
    told = scorer.observe([5])
    assert (told.fired, told.hits, told.pool) == (1, 5, 49)
    assert pool.scores(pool.ids()).sum() == 5


def test_figures_of_a_pool_that_lacks_samples_are_of_the_pool():
    vectors = np.random.default_rng(23).normal(size=(100, 4)).astype(np.float32)
    pool = SemiOrderedIndex(100)
    pool.remove(np.arange(90))
    scorer = BoundaryScorer(pool, exact(vectors), 3)
    told = scorer.observe([95])
    assert (told.pool, told.hits, told.never_hit) == (9, 3, 6)
    scorer.observe([10])  # it left before, and has its label now
    assert pool.scores(pool.ids()).sum() == 6
    before = pool.scores()
    scorer.recount()
    assert np.array_equal(before, pool.scores(), equal_nan=True)


def test_a_pool_smaller_than_k_is_hit_as_a_whole():
    vectors = np.random.default_rng(24).normal(size=(20, 4)).astype(np.float32)
    pool, scorer = scorer_of(vectors, 10**9)
    assert scorer.observe([3]).hits == 19
    assert set(pool.scores(pool.ids()).tolist()) == {1.0}
    assert scorer.observe(np.setdiff1d(np.arange(20), [3])).hits == 0
    assert (len(scorer.top(5)), len(pool)) == (0, 0)


@pytest.mark.parametrize("ties", ["distance", "density"])
@pytest.mark.parametrize("count", [100, 10_000, 2**20])
def test_large_counts_keep_the_order_of_counts_and_of_ties(ties, count):
    rng = np.random.default_rng(25)
    vectors = rng.normal(size=(2000, 4)).astype(np.float32)
    _, scorer = scorer_of(vectors, 5, ties=ties)
    scorer.observe([0, 1, 2])
    ids = np.arange(3, 2000)
    scorer._order.hit(ids, rng.integers(count, count + 2, len(ids)))
    counts = scorer._order.counts
    top = scorer.top(500)
    if ties == "distance":
        labels = vectors[:3]
        apart = [min(distance("euclidean", vectors[one], label) for label in labels) for one in top]
        second = -np.array(apart)
    else:
        second = -knn_density(scorer.neighbors, top)
    keys = list(zip(counts[top].tolist(), second.tolist(), strict=True))
    assert keys == sorted(keys)
    assert counts[top].max() <= np.partition(counts[ids], 499)[499]


def test_an_interruption_at_any_call_leaves_all_or_nothing():
    vectors = np.random.default_rng(26).normal(size=(40, 3)).astype(np.float32)
    pool, scorer = scorer_of(vectors, 5)
    true_pool, true = scorer_of(vectors, 5)
    rng, number, done = np.random.default_rng(0), 0, False
    while len(pool) > 20:
        batch = rng.choice(pool.ids(), 1)
        true.observe(batch)
        number, calls = number + 7, 0

        def interrupt(frame, event, argument, at=number):
            nonlocal calls
            if event == "call" and "socbi" in frame.f_code.co_filename:
                calls += 1
                if calls == at:
                    signal.raise_signal(signal.SIGINT)

        sys.setprofile(interrupt)
        try:
            scorer.observe(batch)
        except KeyboardInterrupt:
            done = True
        finally:
            sys.setprofile(None)
        scorer.observe(batch)  # again: what was done is passed over
        assert np.array_equal(pool.scores(), true_pool.scores(), equal_nan=True)
        assert scorer.labelled.tolist() == true.labelled.tolist()
    assert done


def test_what_does_not_belong_together_is_refused():
    vectors = np.random.default_rng(27).normal(size=(50, 4)).astype(np.float32)
    for call, message in (
        (lambda: BoundaryScorer(SemiOrderedIndex(50), np.ones((60, 4))), "one vector for each of"),
        (lambda: BoundaryScorer(SemiOrderedIndex(100), vectors), "one vector for each of the 100"),
        (lambda: BoundaryScorer(SemiOrderedIndex(40), exact(vectors)), "the neighbours hold id 49"),
        (
            lambda: BoundaryScorer(SemiOrderedIndex(50, order="largest"), vectors),
            "'smallest'",
        ),
        (
            lambda: BoundaryScorer(SemiOrderedIndex(np.ones(50)), vectors),
            "must hold zeros",
        ),
        (
            lambda: BoundaryScorer(
                SemiOrderedIndex(50), vectors, history=[Fired(np.array([60]), 5)]
            ),
            "no vector for 1 of 1",
        ),
        (
            lambda: BoundaryScorer(SemiOrderedIndex(50), vectors, density=np.full(50, np.nan)),
            "not NaN",
        ),
    ):
        with pytest.raises((InvalidInputError, UnknownIdError), match=message):
            call()
    pool, scorer = scorer_of(vectors, 5)
    pool.insert([0.0])
    with pytest.raises(InvalidInputError, match="inserted into the pool by somebody else"):
        scorer.add(np.ones((1, 4)))
    assert len(scorer.top(100)) == 50


def test_vectors_may_be_a_list_and_any_metric():
    scorer = BoundaryScorer(SemiOrderedIndex(2), [[0.0, 1.0], [1.0, 0.0]], metric="euclidean")
    assert scorer.neighbors.metric == "euclidean"
    assert len(scorer.prescreen(np.float32(0.5), at_least=np.int64(1))) == 1
