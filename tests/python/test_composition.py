"""Strategies made of strategies, and the rules that batches keep."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from every_strategy import SIZE, Unsure, a_state
from hypothesis import given, settings
from hypothesis import strategies as st

from socbi import InvalidInputError, InvalidTypeError, SemiOrderedIndex
from socbi.neighbors.metrics import metric_of
from socbi.scorers import BoundaryScorer, PredictionHistory
from socbi.strategies import (
    BADGE,
    ClassQuotas,
    ClusterCap,
    CoverageMargin,
    Diverse,
    DuplicateGuard,
    FewestHits,
    Instability,
    PoolState,
    Random,
    RandomHalf,
    RankSum,
    ScoringStrategy,
    SoCBI,
)
from socbi.strategies.group_limits import _least_limit
from socbi.strategies.prescreen import Prescreened


def rng(seed=0):
    return np.random.default_rng(seed)


class Given(ScoringStrategy):
    """Scores that a test gives."""

    def __init__(self, values):
        self.values = np.asarray(values, float)

    def _scores(self, state, rng):
        return self.values[state.candidates]


# ---- pre-screens ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "size", "kept"), [(0.5, 4, 28), (0.5, 6, 30), (0.01, 1, 5), (0.3, 2, 17), (1, 1, 56)]
)
def test_socbi_keeps_a_share_or_five_batches_of_the_rarest_hit(share, size, kept):
    state = a_state()
    batch = SoCBI(Unsure(), share).choose(state, size, rng())
    told = batch.record["prescreen"]
    assert (told["kept"], told["of"]) == (kept, 56)
    ids = state.boundary.prescreen(share, at_least=5 * size)
    order = np.argsort(-Unsure()._scores(state.narrowed(ids), None), kind="stable")
    assert batch.ids.tolist() == np.sort(ids)[order][:size].tolist()
    again = (FewestHits(share) >> Unsure()).choose(state, size, rng())
    assert again.ids.tolist() == batch.ids.tolist()


def test_socbi_chooses_among_candidates_alone():
    state = a_state(candidates=np.arange(30, 60))
    batch = SoCBI(Random()).choose(state, 2, rng())
    assert batch.record["prescreen"]["kept"] == 15
    counts = state.boundary.counts
    assert counts[batch.ids].max() <= np.sort(counts[30:])[14]


def test_candidates_that_left_the_scorers_pool_come_last():
    vectors = rng().normal(size=(40, 3)).astype(np.float32)
    pool = SemiOrderedIndex(40)
    scorer = BoundaryScorer(pool, vectors, k=4)
    scorer.observe([0, 1])
    pool.remove([5, 6, 7])  # popped by somebody, and not labelled
    state = PoolState(40, labelled=[0, 1], labels=[0, 1], boundary=scorer)
    assert sorted(SoCBI(Random(), share=1).select(state, 38, rng()).tolist()) == list(range(2, 40))


def test_pre_screens_follow_one_another():
    state = a_state()
    both = RandomHalf(0.9) >> FewestHits(0.5) >> Random()
    batch = both.choose(state, 2, rng())
    told = batch.record["prescreen"]
    assert (told["after"]["kept"], told["of"], told["kept"]) == (51, 51, 26)
    assert repr(both) == "RandomHalf(share=0.9) >> FewestHits(share=0.5) >> Random()"
    assert both.needs == {"boundary"}


def test_the_random_half_is_drawn_anew():
    state = a_state()
    halves = [RandomHalf().kept(state, 1, rng(seed))[0] for seed in range(50)]
    assert all(len(half) == 28 for half in halves)
    assert len({tuple(sorted(half.tolist())) for half in halves}) == 50


@pytest.mark.parametrize("share", [0, -0.5, 1.2, np.nan, "half"])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(InvalidInputError, match="share must be above 0 and at most 1, got"):
        SoCBI(Random(), share)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SoCBI(Random),
        lambda: RandomHalf() >> 3,
        lambda: ClassQuotas(Random),
        lambda: ClusterCap("margin", [0, 1]),
        lambda: DuplicateGuard(None, 0.1),
    ],
)
def test_what_is_no_strategy_is_refused(make):
    with pytest.raises(InvalidTypeError, match=r"strategy must be a strategy such as Margin\(\)"):
        make()


def test_what_is_no_pre_screen_is_refused():
    with pytest.raises(
        InvalidTypeError, match=r"prescreen must be a pre-screen such as Random.*Un"
    ):
        Prescreened(Unsure(), Unsure())


# ---- hyper-parameters ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "strategy",
    [
        RankSum([Unsure(), Unsure()]),
        RankSum((Unsure(),), weights=(1,)),
        ClusterCap(Unsure(), np.zeros(5, int)),
        ClusterCap(Unsure(), [0, 1], most=np.int64(2)),
        RandomHalf() >> Unsure(),
        RandomHalf(0.9) >> FewestHits(0.5) >> Unsure(),
        SoCBI(Unsure()),
        Instability(np.int64(3), decay=1),
        Diverse(Unsure(), factor=np.int64(3)),
        DuplicateGuard(Unsure(), np.float32(0.5)),
    ],
)
def test_scikit_learn_clones_it(strategy):
    clone = pytest.importorskip("sklearn.base").clone
    again = clone(strategy)
    assert again is not strategy
    assert repr(again) == repr(strategy)


def test_parameters_are_set_to_any_depth():
    half = RandomHalf() >> Diverse(Unsure())
    half.set_params(prescreen__share=0.2, strategy__factor=3)
    assert repr(half) == "RandomHalf(share=0.2) >> Diverse(strategy=Unsure(), factor=3)"
    assert half.get_params()["prescreen__share"] == 0.2
    ranks = RankSum([Unsure(), Unsure()])
    assert len(ranks.set_params(strategies=[Unsure()]).strategies) == 1
    both = RankSum([Unsure(), Unsure()], weights=[1, 2])
    with pytest.raises(InvalidInputError, match="weights must be 1 finite numbers"):
        both.set_params(strategies=[Unsure()])
    assert len(both.strategies) == 2
    with pytest.raises(InvalidTypeError, match="factor must be a strategy or a pre-screen to have"):
        Diverse(Unsure()).set_params(factor__share=1)


# ---- sums of ranks -------------------------------------------------------------------------------


def test_ranks_add_up_by_weight():
    state = PoolState(4)
    one, other = Given([4, 3, 2, 2]), Given([0, 100, 200, 50])
    both = RankSum([one, other], weights=[3, 1]).scores(state, rng())
    # ranks: 1, 2/3, 1/6, 1/6 and 0, 2/3, 1, 1/3
    assert np.allclose(both, [3, 2 + 2 / 3, 0.5 + 1, 0.5 + 1 / 3])
    assert RankSum([one, other]).select(state, 4, rng()).tolist() == [1, 2, 0, 3]


@given(
    values=st.lists(st.integers(0, 5), min_size=1, max_size=30),
    seed=st.integers(0, 100),
)
def test_a_single_score_keeps_its_order(values, seed):
    state, score = PoolState(len(values)), Given(values)
    alone = score.select(state, len(values), rng(seed)).tolist()
    assert RankSum([score]).select(state, len(values), rng(seed)).tolist() == alone


@pytest.mark.parametrize(
    "weights", [[1], [1, 0], [1, -1], [1, np.inf], [np.nan, 1], [1, 2, 3], "ab", [None, 1]]
)
def test_weights_that_cannot_be_are_refused(weights):
    with pytest.raises(InvalidInputError, match="weights must be 2 finite numbers above 0, one"):
        RankSum([Unsure(), Unsure()], weights)


def test_only_scores_can_be_ranked():
    with pytest.raises(InvalidTypeError, match="must give a score for each candidate, and Cover"):
        RankSum([CoverageMargin()])
    with pytest.raises(InvalidInputError, match="strategies must be one or more, got none"):
        RankSum([])
    with pytest.raises(InvalidTypeError, match=r"strategies must be a list of .*, got Unsure\(\)"):
        RankSum(Unsure())


# ---- guards --------------------------------------------------------------------------------------


@given(sizes=st.lists(st.integers(0, 20), min_size=1, max_size=8), share=st.floats(0.01, 1))
def test_the_least_limit_is_enough_and_one_less_is_not(sizes, share):
    total = sum(sizes)
    if total == 0:
        return
    number = max(1, int(share * total))
    limit = _least_limit(np.array(sizes), number)
    assert sum(min(one, limit) for one in sizes) >= number
    assert sum(min(one, limit - 1) for one in sizes) < number


@given(seed=st.integers(0, 2**32 - 1), number=st.integers(1, 60), kinds=st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_quotas_take_as_many_of_each_class_as_it_has(seed, number, kinds):
    draw = rng(seed)
    kind = np.minimum(draw.geometric(0.5, 80) - 1, kinds - 1)
    probabilities = np.eye(kinds)[kind] * 0.5 + 0.5 / kinds
    scores = draw.random(80)
    state = PoolState(80, probabilities=probabilities)
    batch = ClassQuotas(Given(scores)).choose(state, number, rng(seed))
    sizes, taken = np.bincount(kind, minlength=kinds), np.bincount(kind[batch.ids], minlength=kinds)
    limit = _least_limit(sizes, number)
    assert len(batch) == number
    assert (taken <= limit).all()
    assert (taken >= np.minimum(sizes, limit - 1)).all()
    assert batch.record["guard"]["gave_way"] == 0
    for one in range(kinds):  # the best of each class
        of_kind = np.flatnonzero(kind == one)
        best = of_kind[np.argsort(-scores[of_kind])][: taken[one]]
        assert set(best.tolist()) == set(batch.ids[kind[batch.ids] == one].tolist())


def test_quotas_of_classes_with_candidates_to_spare_differ_by_one():
    kind = np.arange(1000) % 10
    state = PoolState(1000, probabilities=np.eye(10)[kind] * 0.5 + 0.05)
    batch = ClassQuotas(Given(-1.0 * kind)).choose(state, 14, rng())  # wants class 0, then 1
    taken = np.bincount(kind[batch.ids], minlength=10)
    assert taken.tolist() == [2] * 4 + [1] * 6


def test_quotas_leave_a_cold_start_alone():
    state = a_state(labelled=(), without=["probabilities"])
    guarded = ClassQuotas(CoverageMargin()).select(state, 8, rng())
    assert guarded.tolist() == CoverageMargin().select(state, 8, rng()).tolist()
    assert ClassQuotas(CoverageMargin()).choose(state, 8, rng()).record["guard"]["gave_way"] == 0


def test_what_is_within_tells_as_well():
    state = a_state()
    inner, outer = DuplicateGuard(Unsure(), eps=1e-6), ClassQuotas
    told = outer(inner).choose(state, 5, rng()).record["guard"]
    assert (told["by"], told["within"]["by"]) == (repr(outer(inner)), repr(inner))
    one, two, three = RandomHalf(0.9), RandomHalf(0.8), RandomHalf(0.7)
    nested = (one >> (two >> (three >> Unsure()))).choose(state, 2, rng()).record
    flat = (one >> two >> three >> Unsure()).choose(state, 2, rng()).record
    paired = ((one >> two) >> (three >> Unsure())).choose(state, 2, rng()).record
    assert nested == flat == paired
    assert flat["prescreen"]["after"]["after"]["by"] == repr(one)


@given(
    seed=st.integers(0, 2**32 - 1),
    number=st.integers(1, 40),
    most=st.integers(1, 4),
    groups=st.integers(1, 12),
)
@settings(max_examples=60, deadline=None)
def test_a_cap_holds_until_all_clusters_are_full(seed, number, most, groups):
    draw = rng(seed)
    clusters, scores = draw.integers(0, groups, 40), draw.random(40)
    batch = ClusterCap(Given(scores), clusters, most).choose(PoolState(40), number, rng(seed))
    room = int(np.minimum(np.bincount(clusters), most).sum())
    assert len(set(batch.ids.tolist())) == number
    assert batch.record["guard"]["gave_way"] == max(0, number - room)
    under = batch.ids[: min(number, room)]
    assert np.bincount(clusters[under]).max() <= most
    taken, counts = [], np.zeros(groups, int)  # the slow way: down the list
    for one in np.argsort(-scores):
        if counts[clusters[one]] < most and len(taken) < number:
            counts[clusters[one]] += 1
            taken.append(one)
    assert under.tolist() == taken


@pytest.mark.parametrize("clusters", [[0.5], [[1]], [-1]])
def test_clusters_that_cannot_be_are_refused(clusters):
    with pytest.raises(InvalidInputError, match="clusters must be a whole number from 0 for each"):
        ClusterCap(Random(), clusters)


@pytest.mark.parametrize("large", [10**13, 2**63 + 5])
def test_clusters_may_have_any_numbers(large):
    clusters = np.array([large, 5, 6, 5], np.uint64)
    picks = ClusterCap(Given([1, 3, 2, 4]), clusters).select(PoolState(4), 3, rng())
    assert picks.tolist() == [3, 2, 0]


def test_clusters_of_another_pool_are_refused():
    with pytest.raises(InvalidInputError, match="clusters must be one for each of 3 samples, got"):
        ClusterCap(Random(), [0, 1]).select(PoolState(3), 1, rng())


@given(
    seed=st.integers(0, 2**32 - 1),
    number=st.integers(1, 40),
    eps=st.sampled_from([1e-6, 0.01, 0.3, 1.0, 1.5]),
    metric=st.sampled_from(["cosine", "euclidean"]),
)
@settings(max_examples=80, deadline=None)
def test_no_two_of_a_batch_are_closer_than_eps(seed, number, eps, metric):
    draw = rng(seed)
    vectors = draw.integers(-2, 3, (40, 2)).astype(np.float32)
    scores = draw.random(40)
    state = PoolState(40, embeddings=vectors)
    batch = DuplicateGuard(Given(scores), eps, metric).choose(state, number, rng(seed))
    distances = metric_of(metric).distances
    taken = []  # the slow way: down the list
    for one in np.argsort(-scores):
        near = [distances(vectors[[one]], vectors[[other]])[0] < eps for other in taken]
        if not any(near) and len(taken) < number:
            taken.append(int(one))
    assert len(set(batch.ids.tolist())) == number
    assert batch.ids[: len(taken)].tolist() == taken
    assert batch.record["guard"]["gave_way"] == number - len(taken)


def test_a_heap_of_duplicates_does_not_take_a_round_for_each():
    asked = []

    class Counted(Given):
        def _chosen(self, state, number, rng):
            asked.append(number)
            return super()._chosen(state, number, rng)

    vectors = np.zeros((5000, 2), np.float32)
    vectors[-8:] = np.arange(16).reshape(8, 2) + 1
    state = PoolState(5000, embeddings=vectors)
    guarded = DuplicateGuard(Counted(-np.arange(5000)), 0.5, "euclidean")
    batch = guarded.choose(state, 8, rng())
    assert batch.record["guard"]["gave_way"] == 0
    assert len(asked) < 12


def test_duplicates_take_no_memory_for_each_pair():
    state = PoolState(8000, embeddings=np.ones((8000, 2), np.float32))
    tracemalloc.start()
    batch = DuplicateGuard(Random(), 0.1).choose(state, 10, rng())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert batch.record["guard"]["gave_way"] == 9
    assert peak < 8_000_000  # a byte a pair would be 64,000,000


def test_a_guard_keeps_away_from_pending_duplicates():
    vectors = np.array([[0.0], [0.0], [1.0], [1.0], [2.0]])
    state = PoolState(5, pending=[0], embeddings=vectors)
    guarded = DuplicateGuard(Given([9, 8, 7, 6, 5]), 0.5, "euclidean")
    assert guarded.select(state, 2, rng()).tolist() == [2, 4]


def test_eps_and_metric_that_cannot_be_are_refused():
    with pytest.raises(InvalidInputError, match="eps must be a finite number above 0, got 0"):
        DuplicateGuard(Random(), 0)
    with pytest.raises(InvalidInputError, match="eps must be a finite number above 0, got 'x'"):
        DuplicateGuard(Random(), "x")
    with pytest.raises(InvalidInputError, match="metric must be 'cosine' or 'euclidean': by inner"):
        DuplicateGuard(Random(), 1, "inner_product")
    with pytest.raises(InvalidInputError, match="metric must be one of"):
        DuplicateGuard(Random(), 1, "manhattan")


def test_a_cover_within_a_guard_covers_on():
    """What is asked for later keeps away from what was taken before."""
    state = a_state(labelled=(), without=["probabilities"])
    quotas = ClusterCap(CoverageMargin(), np.zeros(SIZE, int), most=SIZE)
    free = CoverageMargin().choose(state, 10, rng())
    assert quotas.select(state, 10, rng()).tolist() == free.ids.tolist()
    # so few that not all is served before the batch is full
    split = ClusterCap(CoverageMargin(), np.arange(SIZE) % 2, most=3).choose(state, 6, rng())
    assert np.bincount(split.ids % 2).tolist() == [3, 3]
    assert len(split.stands_for) == 6
    served = np.concatenate(split.stands_for)
    assert len(set(served.tolist())) == len(served)


# ---- what is pending -----------------------------------------------------------------------------


def two_heaps():
    """Fifty samples far out, fifty near the origin, all but as unsure."""
    draw = rng()
    vectors = 0.01 * draw.normal(size=(100, 2)) + np.repeat([[100, 0], [0, 1]], 50, axis=0)
    unsure = np.repeat([0.5, 0.49], 50)
    return vectors.astype(np.float32), np.stack([unsure, 1 - unsure], axis=1)


@pytest.mark.parametrize("strategy", [BADGE(), Diverse(Unsure(), factor=100)])
def test_picks_keep_away_from_what_is_pending(strategy):
    vectors, p = two_heaps()
    p[50:] = [0.45, 0.55]
    for seed in range(20):
        alone = PoolState(100, embeddings=vectors, probabilities=p)
        assert strategy.select(alone, 1, rng(seed))[0] < 50
        beside = PoolState(100, embeddings=vectors, probabilities=p, pending=[0, 1, 2])
        assert strategy.select(beside, 1, rng(seed))[0] >= 50
        assert len(set(strategy.select(beside, 97, rng(seed)).tolist()) - {0, 1, 2}) == 97


def test_badge_measures_from_all_that_is_pending():
    """More than are compared at a time; of each but the last two a duplicate is pending."""
    vectors = np.repeat(np.arange(1, 201, dtype=np.float32)[:, None], 2, axis=0)
    vectors[-2:] = 1000
    p = np.tile([0.5, 0.5], (400, 1))
    state = PoolState(400, embeddings=vectors, probabilities=p, pending=np.arange(0, 398, 2))
    for seed in range(10):
        batch = BADGE().choose(state, 1, rng(seed))
        assert batch.ids[0] >= 398
        assert abs(batch.scores[0] - 801**2 / 2) < 1


def test_what_never_rose_is_behind_whatever_did():
    """Sums a rounding above 1 lift the entropy of a row above the largest there is."""
    steady, rose = np.full(3, np.float32(1 / 3), np.float64), np.array([0.5, 0.3, 0.2])
    history = PredictionHistory(3, classes=3)
    history.push(np.array([steady, rose, rose]))
    history.push(np.array([steady, rose + np.array([-1, 0.5, 0.5]) * 1e-10, rose]))
    batch = Instability().choose(PoolState(3, history=history), 3, rng())
    assert batch.ids.tolist() == [1, 0, 2]
    assert batch.scores[0] > 0 >= batch.scores[1] > batch.scores[2]

    history = PredictionHistory(2, classes=10)
    above, sure = np.full(10, 0.1001), np.array([0.91] + [0.01] * 9)
    history.push(np.array([above, sure]))
    history.push(np.array([above, sure + np.array([-1e-4] + [0] * 8 + [1e-4])]))
    assert Instability().select(PoolState(2, history=history), 2, rng()).tolist() == [1, 0]
