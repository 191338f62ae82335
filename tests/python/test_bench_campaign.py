"""The recorded campaigns of the benchmarks hit the true neighbours, and replay."""

from __future__ import annotations

import numpy as np
import pytest

campaign = pytest.importorskip("bench.campaign", reason="runs in the repository's root alone")

SAMPLES, LABELLED, BATCH, ROUNDS = 3_000, 40, 16, 5


@pytest.fixture(scope="module")
def vectors():
    return campaign.clusters(SAMPLES, seed=3, dimensions=12)


@pytest.fixture(scope="module", params=[1, 10, 100])
def recorded(request, vectors):
    return campaign.record(
        vectors, request.param, seed=5, rounds=ROUNDS, labelled_first=LABELLED, batch=BATCH
    )


def cosines_of_nearest(asking, vectors, gone, k):
    """The slow, obvious way."""
    cosines = asking.astype(np.float64) @ vectors.astype(np.float64).T
    cosines[:, gone] = -np.inf
    return -np.sort(-cosines, axis=1)[:, :k]


def test_every_hit_is_on_a_nearest_sample_that_is_still_in_the_pool(recorded, vectors):
    order = np.random.default_rng(5).permutation(SAMPLES)
    pool = vectors[np.sort(order[LABELLED:])]
    asking, gone = vectors[order[:LABELLED]], np.empty(0, dtype=int)
    for round_, taken in enumerate(recorded.taken):
        hits = recorded.hits_of(round_)
        found = np.einsum("ad,akd->ak", asking.astype(np.float64), pool[hits])
        wanted = cosines_of_nearest(asking, pool, gone, hits.shape[1])
        assert np.allclose(found, wanted, rtol=0, atol=1e-6)
        assert not np.isin(hits, gone).any()
        assert all(len(np.unique(row)) == len(row) for row in hits)
        gone = np.concatenate([gone, taken])
        asking = pool[taken]


def test_where_the_sample_promised_too_much_everything_is_looked_at(vectors, monkeypatch):
    pool = campaign.Pool(vectors, seed=1)
    whole = pool.nearest(vectors[:50], 10)
    monkeypatch.setattr(pool, "_thresholds", lambda asking, k: np.full(len(asking), 0.9999, "f4"))
    assert np.array_equal(pool.nearest(vectors[:50], 10), whole)


def test_the_rarest_hit_are_taken(recorded):
    hits = np.zeros(recorded.samples)
    for round_, taken in enumerate(recorded.taken):
        np.add.at(hits, recorded.hits_of(round_), 1)
        assert hits[taken].max() <= np.delete(hits, taken).min()
        hits[taken] = np.inf


def test_a_campaign_replays_also_from_its_file(recorded, tmp_path):
    campaign.write(tmp_path / "kept.npz", recorded)
    kept = campaign.read(tmp_path / "kept.npz")
    assert kept.rounds == ROUNDS
    assert kept.replays()
    assert np.array_equal(kept.hits, recorded.hits)


def test_a_campaign_of_another_order_does_not_replay(recorded):
    other = campaign.Campaign(recorded.samples, 6, recorded.hits, recorded.taken)
    assert not other.replays()


def test_without_data_a_word_says_so(monkeypatch):
    monkeypatch.delenv("SOCBI_DATA", raising=False)
    with pytest.raises(campaign.NoDataError, match="SOCBI_DATA, the folder that holds"):
        campaign.fashion_mnist()
