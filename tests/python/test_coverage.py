"""The cover against its plain form, pick by pick, and what coverage margin makes of a state."""

from __future__ import annotations

import numpy as np
import pytest
from cover_reference import plain_cover, plain_matrix
from hypothesis import given, settings
from hypothesis import strategies as st

from socbi.neighbors import KnnGraph, knn_graph
from socbi.strategies import cover_graph as module
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
    return rng.random(n) * (rng.random(n) < 0.8)


kinds = st.sampled_from(["equal", "few", "near", "any"])


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
    before = others[:3]
    number = int(rng.integers(1, len(candidates) + 1))
    cover = module.cover_graph(graph)
    factors = any_weights(rng, n, by) / np.sqrt(cover.degrees)

    found = greedy_cover(cover, weights, factors, candidates, number, seed, before)
    matrix = plain_matrix(graph)
    ids, values, served = plain_cover(matrix, weights, factors, candidates, number, seed, before)

    assert (cover.matrix != matrix).nnz == 0
    assert found.ids.tolist() == ids
    assert found.values.tolist() == values
    assert [one.tolist() for one in found.served] == served


@pytest.mark.parametrize("weigh", ["equal", "near", "any"])
def test_large_pools_are_those_of_the_plain_form(weigh):
    rng = np.random.default_rng(3)
    graph = knn_graph(rng.normal(size=(3000, 4)), 10)
    cover = module.cover_graph(graph)
    weights = any_weights(rng, 3000, weigh)
    factors = any_weights(rng, 3000, weigh) / np.sqrt(cover.degrees)
    found = greedy_cover(cover, weights, factors, np.arange(3000), 400, 7)
    ids, values, _ = plain_cover(cover.matrix, weights, factors, np.arange(3000), 400, 7)
    assert found.ids.tolist() == ids
    assert found.values.tolist() == values
