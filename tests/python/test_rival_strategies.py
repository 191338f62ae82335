"""The strategies that others have, too, against scikit-activeml on the same inputs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from socbi.scorers import entropy, least_confidence, margin
from socbi.strategies import BADGE, KCenterGreedy, PoolState, TypiClust
from socbi.strategies.gradient_spread import GradientSpread
from socbi.strategies.k_means import k_means

pool = pytest.importorskip("skactiveml.pool")

from skactiveml.classifier import SklearnClassifier  # noqa: E402
from sklearn.cluster import KMeans  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402

seeds = st.integers(0, 2**32 - 1)


def clustered(rng, n=300, dim=5, clusters=6):
    centres = 5 * rng.normal(size=(clusters, dim))
    return (centres[rng.integers(clusters, size=n)] + rng.normal(size=(n, dim))).astype("f4")


@given(seeds, st.integers(2, 7))
def test_uncertainty(seed, classes):
    p = np.random.default_rng(seed).dirichlet(np.ones(classes), 40)
    for method, ours in [
        ("least_confident", least_confidence(p)),
        ("margin_sampling", 1 - margin(p)),
        ("entropy", entropy(p) * np.log(2)),
    ]:
        np.testing.assert_allclose(pool.uncertainty_scores(p, method=method), ours, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_k_center(seed):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(400, 6)).astype(np.float32)
    y = np.full(400, np.nan)
    y[rng.choice(400, 3, replace=False)] = 0
    labelled = np.flatnonzero(y == 0)
    state = PoolState(400, labelled=labelled, labels=[0, 0, 0], embeddings=vectors)
    ours = KCenterGreedy().select(state, 50, rng)
    theirs = pool.CoreSet(random_state=0).query(vectors, y, batch_size=50)
    assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_typical_samples_of_clusters_that_both_find(seed):
    """Far apart clusters leave k-means no choice; then all that is left is typicality."""
    rng = np.random.default_rng(seed)
    sizes = rng.permutation(np.arange(20, 80, 10))
    owner = np.repeat(np.arange(6), sizes)
    vectors = (1000 * np.eye(6)[owner] + rng.normal(size=(len(owner), 6))).astype(np.float32)
    y = np.full(len(owner), np.nan)
    first = int(np.flatnonzero(owner == 2)[0])
    y[first] = 0
    state = PoolState(len(owner), labelled=[first], labels=[0], embeddings=vectors)
    ours = TypiClust(neighbors=5).select(state, 5, rng)
    theirs = pool.TypiClust(random_state=0, k=5).query(vectors, y, batch_size=5)
    assert ours.tolist() == list(theirs)


@pytest.mark.parametrize("clusters", [1, 2, 6, 25])
def test_clusters_are_as_tight_as_those_of_scikit_learn(clusters):
    for seed in range(3):
        vectors = clustered(np.random.default_rng(seed), n=1000)
        found = k_means(vectors, np.arange(1000), clusters, np.random.default_rng(seed))
        theirs = KMeans(clusters, n_init=1, random_state=seed).fit(vectors).inertia_
        assert found.inertia <= 1.02 * theirs
        means = np.stack([vectors[found.of == one].mean(axis=0) for one in range(clusters)])
        apart = ((vectors[:, None] - means[None]) ** 2).sum(axis=2)
        assert found.inertia == pytest.approx(apart.min(axis=1).sum(), rel=1e-3)


def test_clusters_of_many_dimensions_and_of_duplicates():
    rng = np.random.default_rng(0)
    vectors = (3 * rng.normal(size=(5, 300)))[rng.integers(5, size=600)]
    vectors = (vectors + 0.01 * rng.normal(size=vectors.shape)).astype(np.float32)
    found = k_means(vectors, np.arange(600), 5, rng)
    assert len(np.unique(found.of)) == 5
    assert found.inertia < 600 * 300 * 0.011**2
    same = k_means(np.ones((10, 3), np.float32), np.arange(10), 4, rng)
    assert same.inertia == 0


# ---- BADGE ---------------------------------------------------------------------------------------


def written_out(vectors, probabilities):
    """The gradient embeddings in full."""
    errors = probabilities - np.eye(probabilities.shape[1])[probabilities.argmax(axis=1)]
    return (errors[:, :, None] * vectors[:, None, :]).reshape(len(vectors), -1)


def squares_to(gradients, picks):
    apart = ((gradients[:, None] - gradients[picks][None]) ** 2).sum(axis=2)
    return apart.min(axis=1)


@pytest.mark.parametrize("seed", range(5))
def test_gradient_distances_are_those_written_out(seed):
    rng = np.random.default_rng(seed)
    vectors, p = clustered(rng), rng.dirichlet(np.ones(4), 300)
    spread = GradientSpread(vectors, np.arange(300), p)
    drawn = spread.draw(100, rng)
    gradients = written_out(vectors, p)
    assert drawn.rows[0] == np.argmax((gradients**2).sum(axis=1))
    assert len(set(drawn.rows.tolist())) == 100
    largest = (gradients**2).sum(axis=1).max()
    for number in (1, 2, 50, 99):
        before = squares_to(gradients, drawn.rows[:number])[drawn.rows[number]]
        assert drawn.squares[number] == pytest.approx(before, abs=1e-5 * largest)
    np.testing.assert_allclose(
        spread.bounds, squares_to(gradients, drawn.rows), atol=1e-5 * largest
    )


def test_badge_agrees_with_scikit_activeml_where_nothing_is_drawn():
    """The first pick, and the chances of the second: distances to the first.

    There scikit-activeml takes the origin for a centre as well; so do we for this comparison.
    """
    rng = np.random.default_rng(2)
    vectors = clustered(rng)
    y = np.full(300, np.nan)
    y[:20] = rng.integers(3, size=20)
    clf = SklearnClassifier(LogisticRegression(), classes=[0, 1, 2], random_state=0)
    theirs, utilities = pool.Badge(random_state=0).query(
        vectors, y, clf, batch_size=2, return_utilities=True
    )
    p = clf.fit(vectors, y).predict_proba(vectors)
    state = PoolState(
        300,
        labelled=np.arange(20),
        labels=y[:20].astype(int),
        classes=3,
        embeddings=vectors,
        probabilities=p,
    )
    assert BADGE().select(state, 1, rng).tolist() == [theirs[0]]
    spread = GradientSpread(vectors, np.arange(20, 300), p[20:])
    lengths = spread.bounds.copy()
    np.testing.assert_allclose(utilities[0, 20:], lengths / lengths.sum(), atol=1e-6)
    spread.draw(1, rng)
    with_origin = np.minimum(spread.bounds, lengths)
    chances = np.delete(with_origin / with_origin.sum(), theirs[0] - 20)
    np.testing.assert_allclose(np.delete(utilities[1, 20:], theirs[0] - 20), chances, atol=1e-6)


@pytest.mark.parametrize("at_once", [1, 64])
def test_samples_are_drawn_by_their_distance(at_once, monkeypatch):
    """Refusing by bounds changes no chance: three picks, counted over many draws."""
    monkeypatch.setattr("socbi.strategies.gradient_spread._PICKS_AT_ONCE", at_once)
    rng = np.random.default_rng(5)
    vectors, p = rng.normal(size=(6, 2)).astype(np.float32), rng.dirichlet(np.ones(3), 6)
    gradients = written_out(vectors, p)
    draws, seen = 20_000, {}
    for _ in range(draws):
        spread = GradientSpread(vectors, np.arange(6), p)
        picks = tuple(spread.draw(3, rng).rows.tolist())
        seen[picks] = seen.get(picks, 0) + 1
    first = int(np.argmax((gradients**2).sum(axis=1)))
    for second in set(range(6)) - {first}:
        chances = squares_to(gradients, [first])
        for third in set(range(6)) - {first, second}:
            then = squares_to(gradients, [first, second])
            chance = chances[second] / chances.sum() * then[third] / then.sum()
            spread_of_count = np.sqrt(draws * chance * (1 - chance))
            count = seen.get((first, second, third), 0)
            assert abs(count - draws * chance) < 5 * spread_of_count + 1
