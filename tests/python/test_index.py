"""Each call by example, and the promises that the state machine does not see."""

import numpy as np
import pytest
from every_index import CLASSES
from reference import ReferenceIndex, assert_same, permuted

from socbi import SemiOrderedIndex, UnknownIdError
from socbi.baselines import ArrayHeapIndex

every_class = pytest.mark.parametrize("make", CLASSES)


# ---- examples ------------------------------------------------------------------------------------


@every_class
def test_a_number_makes_so_many_samples_of_score_zero(make):
    assert make(3).scores().tolist() == [0, 0, 0]
    assert make(np.int64(2)).ids().tolist() == [0, 1]


@every_class
def test_an_empty_pool(make):
    for index in (make(0), make([])):
        assert len(index) == 0
        assert index.scores().tolist() == []
        ids, scores = index.pop(3)
        assert (ids.dtype, scores.dtype) == (np.int64, np.float32)
        assert (ids.tolist(), scores.tolist()) == ([], [])
        index.check()


@every_class
def test_add_counts_an_id_as_often_as_it_is_given(make):
    index = make(4)
    index.add([2, 0, 2])
    index.add([2, 2, 1], [0.25, 0.5, -1])
    assert index.scores().tolist() == [1.0, -1.0, 2.75, 0.0]


@every_class
def test_set_lets_the_last_one_hold(make):
    index = make(3)
    index.set([1, 2, 1], [5, 6, 7])
    assert index.scores().tolist() == [0, 7, 6]


@every_class
def test_set_all_passes_over_removed_ids(make):
    index = make(3)
    index.remove([1])
    index.set_all([3, 1, 2])
    assert index.top(3)[0].tolist() == [2, 0]
    assert np.isnan(index.scores()[1])


@every_class
def test_insert_runs_on_from_the_largest_id(make):
    index = make(2)
    index.remove([1])
    ids = index.insert([0.5, -1])
    assert ids.dtype == np.int64
    assert ids.tolist() == [2, 3]
    assert index.pop(9)[0].tolist() == [3, 0, 2]
    assert index.insert([1]).tolist() == [4]


@every_class
def test_restore_brings_back_what_was_popped(make):
    index = make([1, 2, 3])
    assert index.pop(2)[0].tolist() == [0, 1]
    index.restore([1, 0], [9, 4])
    assert index.top(3)[0].tolist() == [2, 0, 1]


@every_class
def test_pop_gives_what_is_left(make):
    index = make([3, 1, 2], order="largest")
    assert index.pop(2)[0].tolist() == [0, 2]
    assert index.pop(2)[1].tolist() == [1]
    assert index.pop(2)[0].tolist() == []
    assert len(index) == 0


@every_class
def test_rank_score_is_the_last_score_of_top(make):
    rng = np.random.default_rng(2)
    index = make(rng.integers(0, 50, 5000))
    index.remove(rng.permutation(5000)[:100])
    for rank in (1, 2, 77, 1023, 1024, 1025, 4899, 4900):
        assert index.rank_score(rank) == index.top(rank)[1][-1]


@every_class
def test_contains(make):
    index = make(4)
    index.remove([2])
    assert 0 in index
    assert np.uint8(3) in index
    for stranger in (2, 4, -1, 2**70, -(2**70), 1.0, "1", None, [1]):
        assert stranger not in index


@every_class
def test_answers_are_the_callers_own(make):
    index = make([2, 1, 3])
    for answer in (*index.top(3), index.scores(), index.scores([0, 1]), index.ids()):
        assert answer.flags.c_contiguous
        assert answer.flags.writeable
        answer[:] = 0
    assert index.scores().tolist() == [2, 1, 3]
    assert index.ids().tolist() == [0, 1, 2]
    index.check()


def test_repr_names_the_pool_and_the_settings():
    index = SemiOrderedIndex(3, order="largest", node_capacity=4)
    index.remove([0])
    assert repr(index) == (
        "<SemiOrderedIndex: 2 samples, order='largest', ties='random', seed=0, refile='lazy', "
        "node_capacity=4>"
    )
    assert repr(ArrayHeapIndex(1, ties="id", threads=2)) == (
        "<ArrayHeapIndex: 1 samples, order='smallest', ties='id', seed=0, threads=2>"
    )


def test_stats_count():
    index = SemiOrderedIndex(5000)
    index.add([1, 2, 3])
    index.remove([4])
    stats = index.stats()
    assert (stats["samples"], stats["alive"], stats["updates"]) == (5000, 4999, 3)
    assert stats["nbytes"] == index.nbytes
    assert all(isinstance(value, int) for value in stats.values())


# ---- the order -----------------------------------------------------------------------------------


@every_class
def test_the_two_zeros_are_equal(make):
    index = make([0.0, -0.0, 0.0, -0.0], ties="id")
    assert index.top(4)[0].tolist() == [0, 1, 2, 3]
    index.set([0, 2], -0.0)
    index.add([1], -0.0)
    index.set([3], 5.0)
    index.add([3], -5.0)
    assert index.top(4)[0].tolist() == [0, 1, 2, 3]
    assert not np.signbit(index.scores()).any()
    index.check()


@every_class
def test_largest_is_smallest_of_the_negated(make):
    scores = np.random.default_rng(3).integers(-5, 6, 400).astype(float)
    for ties in ("id", "random"):
        up, down = make(scores, ties=ties), make(-scores, order="largest", ties=ties)
        up.add([4, 5, 6], 2.5)
        down.add([4, 5, 6], -2.5)
        np.testing.assert_array_equal(up.top(400)[0], down.top(400)[0])
        np.testing.assert_array_equal(up.top(400)[1], -down.top(400)[1])


@every_class
def test_counts_are_exact_to_2_to_the_24(make):
    index = make(3)
    index.set([1], 2**24 - 3)
    index.add([1, 1, 2, 1])
    assert index.scores().tolist() == [0, 2**24, 1]
    index.add([1], -(2**24))
    assert index.scores().tolist() == [0, 0, 1]


def test_subnormal_and_extreme_scores_keep_their_order():
    scores = [1e-45, 0, -1e-45, 3.4e38, -3.4e38, 1e-38, -1e-38]
    assert SemiOrderedIndex(scores).top(7)[0].tolist() == [4, 6, 2, 1, 0, 5, 3]
    assert SemiOrderedIndex(scores, order="largest").top(7)[0].tolist() == [3, 5, 0, 1, 2, 6, 4]


def test_the_permutation_gives_no_tie_twice():
    for seed in (0, 1, 2**63):
        assert len(np.unique(permuted(np.arange(100_000), seed, 100_000))) == 100_000


@every_class
def test_ties_at_random_are_repeatable(make):
    first = make(2000, seed=8).top(50)[0]
    np.testing.assert_array_equal(first, make(2000, seed=8).top(50)[0])
    np.testing.assert_array_equal(first, ReferenceIndex(2000, seed=8).top(50)[0])
    assert set(first) != set(make(2000, seed=9).top(50)[0])


def test_ties_at_random_are_unbiased():
    """Over seeds each sample is taken equally often, and each pair equally often in each order."""
    samples, taken, seeds = 50, 10, 4000
    counts = np.zeros(samples)
    before = np.zeros((samples, samples))
    for seed in range(seeds):
        order = SemiOrderedIndex(samples, seed=seed, threads=1).top(samples)[0]
        counts[order[:taken]] += 1
        place = np.argsort(order)
        before += place[:, None] < place[None, :]
    share = taken / samples
    chi_square = ((counts - seeds * share) ** 2 / (seeds * share * (1 - share))).sum()
    assert chi_square < 94.5  # 49 degrees of freedom: a fair draw passes it but once in 10,000
    pairs = before[np.triu_indices(samples, 1)]
    # 1,225 pairs, of which the farthest is 5 standard deviations off less than once in 1,000.
    assert np.abs(pairs - seeds / 2).max() < 5 * np.sqrt(seeds / 4)


# ---- threads of one call -------------------------------------------------------------------------


@pytest.mark.parametrize("refile", ["lazy", "eager"])
@pytest.mark.parametrize("direction", [1, -1])
def test_scores_are_bit_for_bit_the_same_for_any_number_of_threads(refile, direction):
    rng = np.random.default_rng(4)
    size = 100_000
    start = rng.normal(size=size).astype(np.float32)
    ids = np.concatenate([rng.integers(0, size, 200_000), rng.integers(0, 20, 100_000)])
    deltas = direction * rng.random(len(ids), dtype=np.float32)
    expected = start.copy()
    np.add.at(expected, ids, deltas)
    tops = []
    for threads in (1, 2, 5, 20):
        index = SemiOrderedIndex(start, refile=refile, threads=threads)
        index.top(100)
        index.add(ids, deltas)
        index.check()
        np.testing.assert_array_equal(index.scores(), expected)
        tops.append(index.top(1000))
    for ids_, scores in tops[1:]:
        np.testing.assert_array_equal(ids_, tops[0][0])
        np.testing.assert_array_equal(scores, tops[0][1])


@every_class
@pytest.mark.parametrize("threads", [1, 2, 20])
def test_set_with_threads_lets_the_last_one_hold(make, threads):
    rng = np.random.default_rng(5)
    index, reference = make(5000), ReferenceIndex(5000)
    index.top(3)
    ids = rng.integers(0, 5000, 60_000)
    scores = rng.normal(size=60_000)
    index.set(ids, scores, threads=threads)
    reference.set(ids, scores)
    assert_same(index, reference)


# ---- large pools ---------------------------------------------------------------------------------

LARGE = 1_000_000


@pytest.fixture(scope="module")
def large_scores():
    return np.random.default_rng(6).normal(size=LARGE).astype(np.float32)


@every_class
def test_a_large_pool_against_numpy(make, large_scores):
    index = make(large_scores, ties="id", order="largest")
    best = np.lexsort([np.arange(LARGE), -large_scores])
    np.testing.assert_array_equal(index.top(1000)[0], best[:1000])
    assert index.rank_score(LARGE // 2) == large_scores[best[LARGE // 2 - 1]]
    np.testing.assert_array_equal(index.pop(LARGE // 10)[0], best[: LARGE // 10])
    np.testing.assert_array_equal(index.top(128)[0], best[LARGE // 10 :][:128])
    assert len(index) == LARGE - LARGE // 10
    index.check()


@pytest.mark.parametrize("refile", ["lazy", "eager"])
def test_rounds_on_a_large_pool_against_numpy(refile):
    """A campaign: counts grow from zero, the rarest hit are taken out."""
    rng = np.random.default_rng(7)
    index = SemiOrderedIndex(LARGE, ties="id", refile=refile)
    truth = np.zeros(LARGE, dtype=np.float32)
    for step in range(50):
        ids = rng.integers(0, LARGE, 6400)
        ids = ids[np.isfinite(truth[ids])]
        index.add(ids)
        np.add.at(truth, ids, 1)
        taken, scores = index.pop(128)
        np.testing.assert_array_equal(scores, truth[taken])
        if step % 10 == 0:
            best = np.argpartition(truth, 128)[:128]
            assert scores.max() == truth[best].max()
            ties = np.flatnonzero(truth == scores[-1])
            assert np.isin(taken[scores == scores[-1]], ties[:128]).all()
        truth[taken] = np.inf
    index.check()
    expected = np.lexsort([np.arange(LARGE), truth])[:500]
    np.testing.assert_array_equal(index.top(500)[0], expected)
    assert index.nbytes / LARGE <= 14


def test_memory_of_a_dense_campaign(large_scores):
    index = SemiOrderedIndex(large_scores)
    rng = np.random.default_rng(8)
    for _ in range(5):
        index.set_all(large_scores)
        index.top(100)
        index.add(rng.integers(0, LARGE, 300_000), rng.random(300_000))
        index.top(LARGE // 100)
    assert index.nbytes / LARGE <= 14


def test_memory_of_a_pool_that_grows():
    index = SemiOrderedIndex(0)
    for _ in range(100):
        index.insert(np.zeros(2000))
        index.top(10)
    assert len(index) == 200_000
    assert index.nbytes / 200_000 <= 14
    index.check()


def test_memory_stays_known_after_batches_as_large_as_the_pool():
    n = 1_000_000
    index = SemiOrderedIndex(n)
    index.top(128)
    index.top(128)
    rng = np.random.default_rng(0)
    index.set(rng.integers(0, n, n // 2), rng.random(n // 2, dtype=np.float32))
    index.set(rng.permutation(n), rng.random(n, dtype=np.float32))
    index.top(128)
    assert index.nbytes <= 14.5 * n
    small = SemiOrderedIndex(1000)
    with pytest.raises(UnknownIdError):
        small.add(np.full(1_000_000, 1000), 0.5)
    assert small.nbytes < 100_000
