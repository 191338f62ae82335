"""The cover against its plain form, pick by pick, and what coverage margin makes of a state."""

from __future__ import annotations

import gc
import os
import signal
import threading

import numpy as np
import pytest
from cover_reference import plain_cover, plain_matrix
from hypothesis import given, settings
from hypothesis import strategies as st

from socbi import InvalidInputError, SemiOrderedIndex, _core
from socbi.neighbors import KnnGraph, knn_graph
from socbi.scorers import BoundaryScorer
from socbi.strategies import CoverageMargin, PoolState
from socbi.strategies import cover_graph as module
from socbi.strategies.coverage_margin import graph_hits
from socbi.strategies.greedy_cover import greedy_cover


def any_graph(rng, n, k, kind):
    """Rows of ids, as an exact search, an approximate one and no search at all would give them."""
    if kind == "vectors":
        return knn_graph(rng.normal(size=(n, 3)), k)
    if kind == "ties":
        return knn_graph(rng.integers(0, 3, size=(n, 2)).astype(np.float32), k, metric="euclidean")
    ids = np.full((n, k), -1, np.int32)
    for row in range(n):
        others = np.delete(np.arange(n), row)
        found = rng.permutation(others)[: rng.integers(0, k + 1)]
        ids[row, : len(found)] = found
    return KnnGraph(ids, np.where(ids < 0, np.inf, 1).astype(np.float32), "cosine")


def any_weights(rng, n, kind):
    if kind == "equal":
        return np.ones(n)
    if kind == "few":  # many sums that tie, exactly
        return rng.integers(0, 3, n) / 4
    if kind == "near":  # one float32, several float64
        return 1 + rng.integers(0, 3, n) * 1e-11
    if kind == "small beside large":  # values that fall and are the same float32 still
        return np.where(rng.random(n) < 0.3, 1.0, rng.integers(0, 4, n) * 1e-9)
    return rng.random(n) * (rng.random(n) < 0.8)


kinds = st.sampled_from(["equal", "few", "near", "small beside large", "any"])


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 60),
    k=st.integers(1, 6),
    shape=st.sampled_from(["vectors", "ties", "sparse"]),
    weigh=kinds,
    by=kinds,
    share=st.floats(0.1, 1),
)
@settings(max_examples=300, deadline=None)
def test_every_pick_is_that_of_the_plain_form(seed, n, k, shape, weigh, by, share):
    rng = np.random.default_rng(seed)
    graph = any_graph(rng, n, min(k, max(n - 1, 1)), shape)
    weights = any_weights(rng, n, weigh)
    order = rng.permutation(n)
    candidates, others = np.split(order, [max(1, int(share * n))])
    before = others[: rng.integers(0, len(others) + 1)]
    number = int(rng.integers(1, len(candidates) + 1))
    cover = module.cover_graph(graph)
    factors = any_weights(rng, n, by) / np.sqrt(cover.degrees)

    found = greedy_cover(cover, weights, factors, candidates, number, seed, before)
    matrix = plain_matrix(graph)
    ids, values, served = plain_cover(matrix, weights, factors, candidates, number, seed, before)

    assert_same_entries(cover, matrix)
    assert found.ids.tolist() == ids
    assert found.values.tolist() == values
    assert [one.tolist() for one in found.served] == served


@pytest.mark.parametrize("weigh", ["equal", "near", "small beside large", "any"])
def test_large_pools_are_those_of_the_plain_form(weigh):
    rng = np.random.default_rng(3)
    graph = knn_graph(rng.normal(size=(3000, 4)), 10)
    cover = module.cover_graph(graph)
    weights = any_weights(rng, 3000, weigh)
    factors = np.ones(3000) if weigh.startswith("small") else any_weights(rng, 3000, weigh)
    found = greedy_cover(cover, weights, factors, np.arange(3000), 400, 7)
    matrix = plain_matrix(graph)
    ids, values, _ = plain_cover(matrix, weights, factors, np.arange(3000), 400, 7)
    assert found.ids.tolist() == ids
    assert found.values.tolist() == values


def assert_same_entries(cover, matrix):
    assert len(cover) == matrix.shape[0]
    assert cover.degrees.tolist() == np.diff(matrix.indptr).tolist()
    for row in range(len(cover)):
        ids, shares = cover.row(row)
        order = np.argsort(ids)
        assert ids[0] == row
        assert ids[order].tolist() == matrix[row].indices.tolist()
        assert shares[order].tolist() == matrix[row].data.tolist()


def test_the_answer_does_not_depend_on_how_many_threads_make_the_pass():
    rng = np.random.default_rng(5)
    count = 50_000  # three blocks of rows and a part of one
    graph = KnnGraph(
        rng.permuted(np.arange(count)[:, None] + np.arange(1, 11), axis=1).astype(np.int32) % count,
        np.ones((count, 10), np.float32),
        "cosine",
    )
    cover = module.cover_graph(graph)
    weights, factors = rng.random(count) ** 8, rng.random(count)
    answers = []
    for threads in (1, 2, 3, 64):
        greedy = _core.GreedyCover(
            cover.core,
            weights,
            factors,
            np.ones(count, np.uint8),
            np.empty(0, np.int64),
            1,
            threads,
        )
        answers.append([one.tolist() for one in greedy.take(300)])
    assert all(one == answers[0] for one in answers)
    found = greedy_cover(cover, weights, factors, np.arange(count), 300, 1)
    assert found.ids.tolist() == answers[0][0]  # and on how many picks come at once


@pytest.mark.parametrize("weight", [0.0, 1e-310, 5e-324, 1e-200, 1e30])
def test_weights_of_any_size_are_chosen_by(weight):
    graph = knn_graph(np.random.default_rng(0).normal(size=(30, 2)), 4)
    cover = module.cover_graph(graph)
    found = greedy_cover(cover, np.full(30, weight), np.ones(30), np.arange(30), 30, 0)
    assert sorted(found.ids.tolist()) == list(range(30))
    assert np.isfinite(found.values).all()


def test_a_second_round_begins_where_nothing_is_left_to_serve():
    graph = knn_graph(np.repeat(np.eye(2, dtype=np.float32), 10, axis=0), 9)  # two cliques
    cover = module.cover_graph(graph)
    found = greedy_cover(cover, np.ones(20), np.ones(20), np.arange(20), 6, 0)
    assert found.rounds == 3
    assert all(set(pair) == {0, 1} for pair in (found.ids // 10).reshape(3, 2).tolist())


def test_a_round_begins_at_once_where_pending_samples_serve_all():
    """One pick after the other, each with those before it pending, is the batch."""
    state = a_state(n=60, labelled=(), labels=())
    batch = CoverageMargin().choose(state, 30, np.random.default_rng(0))
    assert batch.record["rounds_of_serving"] > 1
    for taken in range(30):
        rest = np.setdiff1d(state.candidates, batch.ids[:taken])
        one = CoverageMargin().choose(
            state.narrowed(rest, chosen=batch.ids[:taken]), 1, np.random.default_rng(0)
        )
        assert one.ids[0] == batch.ids[taken]
        assert one.scores[0] == batch.scores[taken] > 0


def test_no_round_begins_once_nobody_has_value():
    """A pass a pick would be 250 passes of half a millisecond, at the least."""
    p = np.tile([1.0, 0.0, 0.0], (300, 1))
    p[:10] = 1 / 3
    state = a_state(labelled=(), labels=(), probabilities=p)
    cover = module.cover_graph(state.graph)
    unsure = 1.0 * (np.arange(300) < 10)
    found = greedy_cover(cover, unsure, unsure, np.arange(300), 260, 0)
    assert set(range(10)) == set(found.ids[:10].tolist())
    assert found.passes == found.rounds + 1 <= 11
    with_pending = greedy_cover(cover, unsure, unsure, np.arange(10, 300), 200, 0, np.arange(10))
    assert with_pending.rounds == 1
    assert CoverageMargin().choose(state, 260, np.random.default_rng(0)).record["updates"] > 0


def test_a_softmax_a_rounding_above_one_is_no_negative_weight():
    p = np.zeros((300, 3), np.float32)
    p[:, 0] = np.nextafter(np.float32(1), np.float32(2))
    p[:20] = np.random.default_rng(1).dirichlet(np.ones(3), 20)
    above, at = a_state(probabilities=p), a_state(probabilities=np.minimum(p, 1))
    found, expected = (
        CoverageMargin().choose(one, 200, np.random.default_rng(0)) for one in (above, at)
    )
    assert found.ids.tolist() == expected.ids.tolist()
    assert found.scores.tolist() == expected.scores.tolist()
    assert found.scores.min() >= 0


# ---- the graph that is kept ----------------------------------------------------------------------


def test_a_graph_is_made_symmetric_once_and_kept_as_long_as_it_lives():
    rng = np.random.default_rng(0)
    graph, other = knn_graph(rng.normal(size=(50, 2)), 3), knn_graph(rng.normal(size=(50, 2)), 3)
    before = len(module._kept)
    cover = module.cover_graph(graph)
    assert module.cover_graph(graph) is cover
    assert module.cover_graph(other) is not cover
    assert len(module._kept) == before + 2
    del graph, other
    gc.collect()
    assert len(module._kept) == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_forked_while_a_graph_is_made_makes_its_own():
    rng = np.random.default_rng(0)
    small = knn_graph(rng.normal(size=(50, 2)), 3)
    count = 400_000
    large = KnnGraph(
        (np.arange(count)[:, None] + np.arange(1, 11)).astype(np.int32) % count,
        np.ones((count, 10), np.float32),
        "cosine",
    )
    maker = threading.Thread(target=module.cover_graph, args=(large,))
    maker.start()
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # a lock that nobody gives back would be waited for until then
        os._exit(0 if len(module.cover_graph(small)) == 50 else 1)
    maker.join()
    assert os.waitpid(child, 0)[1] == 0


def test_a_graph_that_changes_while_it_is_read_is_read_as_it_was():
    count = 20_000
    ids = (np.arange(count)[:, None] + np.arange(1, 6)).astype(np.int32) % count
    stopped = threading.Event()

    def change():
        while not stopped.is_set():
            ids[:] = 0
            ids[:] = count - 1

    changer = threading.Thread(target=change)
    changer.start()
    try:
        for _ in range(30):
            graph = KnnGraph(ids, np.ones(ids.shape, np.float32), "cosine")
            assert len(module.cover_graph(graph)) == count
    finally:
        stopped.set()
        changer.join()


def test_its_memory_is_told():
    graph = knn_graph(np.random.default_rng(0).normal(size=(400, 4)), 10)
    cover = module.cover_graph(graph)
    entries = cover.degrees.sum() - 400
    assert cover.nbytes == 4 * entries + 8 * 401 + 8 * 400
    assert 400 * 10 <= entries <= 400 * 2 * 10


@pytest.mark.parametrize("wrong", [-2, 3, 2**31 - 1])
def test_ids_outside_of_the_graph_are_refused_by_the_core(wrong):
    with pytest.raises(InvalidInputError, match="row 1 of the graph holds an id that is neither"):
        _core.CoverGraph(np.array([[1], [wrong], [0]], np.int32))


def test_what_is_no_float32_number_is_refused():
    cover = module.cover_graph(knn_graph(np.random.default_rng(0).normal(size=(30, 2)), 4))
    with pytest.raises(InvalidInputError, match=r"the value of sample \d+ is no float32 number"):
        greedy_cover(cover, np.ones(30), np.full(30, 1e39), np.arange(30), 3, 0)


# ---- from a state --------------------------------------------------------------------------------


def a_state(seed=0, n=300, **options):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 4)).astype(np.float32)
    given = {
        "labelled": np.arange(0, n, 10),
        "labels": np.arange(0, n, 10) % 3,
        "embeddings": vectors,
        "probabilities": rng.dirichlet(np.ones(3), n),
        "graph": knn_graph(vectors, 10),
        **options,
    }
    return PoolState(n, **{name: one for name, one in given.items() if one is not None})


def by_the_recipe(state, number, seed, hits):
    """The four steps of the method, spelled out."""
    weights, factors = np.zeros(state.size), np.zeros(state.size)
    matrix = plain_matrix(state.graph)
    for id in state.unlabelled:
        row = np.ones(1)
        if state.has("probabilities"):
            row = np.sort(state.probabilities[id])[::-1]
        margin = row[0] - row[1] if len(row) > 1 else 0
        weights[id] = (1 - margin) * 0.8 ** min(hits[id], 20)
        factors[id] = (1 - margin) / np.sqrt(matrix[id].nnz)
    return plain_cover(matrix, weights, factors, state.candidates, number, seed)


@pytest.mark.parametrize("counts", ["graph", "scorer"])
@pytest.mark.parametrize("seed", range(4))
def test_a_batch_is_that_of_the_recipe(seed, counts):
    state = a_state(seed)
    if counts == "scorer":
        scorer = BoundaryScorer(SemiOrderedIndex(300), state.embeddings, k=20)
        scorer.observe(state.labelled)
        state = a_state(seed, boundary=scorer)
        hits = scorer.counts
    else:
        hits = np.zeros(300, int)
        for one in state.labelled:
            hits[state.graph.ids[one]] += 1
    batch = CoverageMargin().choose(state, 40, np.random.default_rng(seed))
    drawn = int(np.random.default_rng(seed).integers(2**63))
    ids, values, _ = by_the_recipe(state, 40, drawn, hits)
    assert batch.ids.tolist() == ids
    assert np.allclose(batch.scores, values, rtol=1e-12)
    assert batch.record["rule"] == "cover"


def test_a_cold_start_is_that_of_the_recipe():
    state = a_state(labelled=(), labels=(), probabilities=None)
    batch = CoverageMargin().choose(state, 40, np.random.default_rng(3))
    drawn = int(np.random.default_rng(3).integers(2**63))
    assert batch.ids.tolist() == by_the_recipe(state, 40, drawn, np.zeros(300))[0]


def test_counts_of_the_graph_are_those_of_a_scorer_that_saw_all_labels_at_once():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(400, 5)).astype(np.float32)
    labelled = np.array([3, 77, 150])  # so few that none is a neighbour of another
    graph = knn_graph(vectors, 10)
    assert not np.isin(graph.ids[labelled], labelled).any()
    scorer = BoundaryScorer(SemiOrderedIndex(400), vectors, k=10)
    scorer.observe(labelled)
    hit, counts = graph_hits(graph, labelled)
    assert hit.tolist() == np.flatnonzero(scorer.counts).tolist()
    assert counts.tolist() == scorer.counts[hit].tolist()


def test_an_approximate_graph_with_holes_serves():
    state = a_state()
    ids, distances = state.graph.ids.copy(), state.graph.distances.copy()
    ids[::3, 6:], distances[::3, 6:] = -1, np.inf
    ids[7], distances[7] = -1, np.inf
    holed = a_state(graph=KnnGraph(ids, distances, "cosine"))
    assert len(CoverageMargin().select(holed, 50, np.random.default_rng(0))) == 50


def test_it_keeps_away_from_what_is_pending():
    state = a_state(labelled=(), labels=(), probabilities=None)
    first = CoverageMargin().choose(state, 20, np.random.default_rng(0))
    later = state.narrowed(np.setdiff1d(state.candidates, first.ids), chosen=first.ids)
    more = CoverageMargin().choose(later, 10, np.random.default_rng(0))
    served = set(np.concatenate(first.stands_for).tolist())
    assert not served & set(np.concatenate(more.stands_for).tolist())


def test_from_the_share_on_it_is_margin():
    state = a_state()  # a tenth is labelled
    never, early, late = (
        CoverageMargin(switch=switch).choose(state, 30, np.random.default_rng(0))
        for switch in (None, 0.1, 0.11)
    )
    assert never.ids.tolist() == late.ids.tolist()
    assert (late.record["rule"], early.record["rule"]) == ("cover", "margin")
    sorted_ = np.sort(state.probabilities[state.candidates], axis=1)
    margins = sorted_[:, -1] - sorted_[:, -2]
    assert early.ids.tolist() == state.candidates[np.argsort(margins)[:30]].tolist()


@pytest.mark.parametrize("switch", [-0.1, 1.5, np.nan, "late"])
def test_a_switch_that_is_no_share_is_refused(switch):
    with pytest.raises(InvalidInputError, match="switch must be a share from 0 to 1 or None, got"):
        CoverageMargin(switch=switch)


@pytest.mark.parametrize("fade", [0, -1, 1.1, np.nan, "a"])
def test_a_fade_that_is_none_is_refused(fade):
    with pytest.raises(InvalidInputError, match="fade must be above 0 and at most 1, got"):
        CoverageMargin(fade=fade)
