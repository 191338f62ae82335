"""Farthest-first traversal against the plain float64 form, pick by pick."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from socbi.strategies import farthest_first
from socbi.strategies.farthest_first import FarthestFirst


def plain(vectors, ids, centres, number):
    """A full comparison with every centre before each pick."""
    wide = np.asarray(vectors, np.float32).astype(np.float64)
    centres, left, picks = list(centres), list(ids), []
    for _ in range(number):
        nearest = [min(((wide[c] - wide[one]) ** 2).sum() for c in centres) for one in left]
        best = int(np.argmax(nearest))
        picks.append((left[best], float(np.sqrt(nearest[best]))))
        centres.append(left.pop(best))
    return picks


def traversed(vectors, ids, centres, number):
    traversal = FarthestFirst(vectors, ids)
    traversal.add_centres(centres)
    picks = traversal.pick(number)
    return list(zip(ids[picks.rows].tolist(), picks.distances.tolist(), strict=True))


@pytest.fixture
def small_limits(monkeypatch):
    """Blocks of few rows, so that rare paths are common."""
    monkeypatch.setattr(farthest_first, "_BLOCK_ROWS", 2)
    monkeypatch.setattr(farthest_first, "_MOST_BLOCK_ROWS", 4)
    monkeypatch.setattr(farthest_first, "_MOST_ALIKE", 3)
    monkeypatch.setattr(farthest_first, "_CENTRES_AT_ONCE", 3)
    monkeypatch.setattr(farthest_first, "_NUMBERS_AT_ONCE", 16)


cases = {
    "seed": st.integers(0, 2**32 - 1),
    "n": st.integers(2, 30),
    "dim": st.integers(1, 4),
    "kind": st.sampled_from(["grid", "real", "tight", "one point"]),
    "dtype": st.sampled_from(["float16", "float32", "float64"]),
}


def drawn(rng, kind, n, dim, dtype):
    if kind == "grid":  # equal distances and duplicates
        return rng.integers(-2, 3, (n, dim)).astype(dtype)
    if kind == "tight":  # far from zero, near each other: float32 products tell nothing apart
        return (100 + 1e-3 * rng.normal(size=(n, dim))).astype(dtype)
    if kind == "one point":
        return np.ones((n, dim), dtype)
    return rng.normal(size=(n, dim)).astype(dtype)


def check_case(seed, n, dim, kind, dtype):
    rng = np.random.default_rng(seed)
    vectors = drawn(rng, kind, n, dim, dtype)
    labelled = int(rng.integers(1, n))
    order = rng.permutation(n)
    centres, ids = order[:labelled], np.sort(order[labelled:])
    if rng.random() < 0.5:
        ids = ids[: int(rng.integers(1, len(ids) + 1))]
    number = int(rng.integers(1, len(ids) + 1))
    assert traversed(vectors, ids, centres, number) == plain(vectors, ids, centres, number)


@given(**cases)
def test_as_the_plain_form(seed, n, dim, kind, dtype):
    check_case(seed, n, dim, kind, dtype)


def test_as_the_plain_form_with_small_blocks(small_limits):
    @given(**cases)
    def inner(seed, n, dim, kind, dtype):
        check_case(seed, n, dim, kind, dtype)

    inner()


@pytest.mark.parametrize("threads", [1, 3])
def test_many_samples_with_any_number_of_threads(threads, monkeypatch):
    monkeypatch.setattr("socbi.strategies.row_workers.core_count", lambda: threads)
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(20_000, 8)).astype(np.float32)
    vectors[10_000:] = vectors[:10_000]  # every vector twice
    wide = vectors.astype(np.float64)
    nearest = ((wide - wide[5]) ** 2).sum(axis=1)
    found = traversed(vectors, np.arange(20_000), np.array([5]), 60)
    for pick, apart in found:
        assert pick == int(np.argmax(nearest))
        assert apart == np.sqrt(nearest[pick])
        nearest = np.minimum(nearest, ((wide - wide[pick]) ** 2).sum(axis=1))
