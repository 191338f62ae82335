"""Learners: columns of classes, one class, order of labels, warm starts, and what they refuse."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socbi.errors import InvalidInputError, InvalidTypeError, UnknownIdError
from socbi.learners import LogisticLearner, SklearnLearner

sklearn = pytest.importorskip("sklearn", reason="scikit-learn is not installed")


def clouds(classes=4, each=30, dim=5, seed=0):
    """Return well separated clouds of points, and the class of each."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), each)
    return rng.normal(size=(classes, dim))[labels] * 4 + rng.normal(size=(len(labels), dim)), labels


def makers():
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.naive_bayes import GaussianNB

    return {
        "logistic": LogisticLearner,
        "bayes": lambda features: SklearnLearner(GaussianNB(), features),
        "forest": lambda features: SklearnLearner(
            RandomForestClassifier(20, random_state=0), features
        ),
    }


@pytest.fixture(params=["logistic", "bayes", "forest"])
def make(request):
    return makers()[request.param]


def test_probabilities_are_a_row_a_sample_and_add_up(make):
    features, labels = clouds()
    learner = make(features).fit(np.arange(0, 120, 7), labels[::7], classes=4)
    found = learner.predict_proba(np.arange(120))
    assert found.shape == (120, 4)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found.argmax(axis=1) == labels).mean() > 0.9


def test_a_class_without_labels_has_probability_zero_in_its_own_column(make):
    features, labels = clouds()
    known = np.flatnonzero((labels == 1) | (labels == 3))[::3]
    found = make(features).fit(known, labels[known], classes=6).predict_proba(np.arange(120))
    assert found.shape == (120, 6)
    assert (found[:, [0, 2, 4, 5]] == 0).all()
    both = (labels == 1) | (labels == 3)
    assert (found[both].argmax(axis=1) == labels[both]).mean() > 0.9
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_of_one_class_all_are(make):
    features, _ = clouds()
    found = make(features).fit([3, 8], [2, 2], classes=4).predict_proba([0, 1, 2])
    assert found.tolist() == [[0, 0, 1, 0]] * 3


def test_a_second_fit_forgets_the_first(make):
    features, _ = clouds()
    twice = make(features).fit([0, 1], [2, 2], classes=4).fit([0, 40, 80], [0, 1, 2], classes=4)
    once = make(features).fit([0, 40, 80], [0, 1, 2], classes=4)
    np.testing.assert_array_equal(twice.predict_proba([5, 50]), once.predict_proba([5, 50]))


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_order_of_labels_changes_nothing(data):
    features, labels = clouds(each=8)
    ids = data.draw(st.lists(st.integers(0, 31), min_size=2, max_size=20, unique=True))
    other = data.draw(st.permutations(ids))
    one, two = (
        LogisticLearner(features).fit(some, labels[some], classes=4).predict_proba(np.arange(32))
        for some in (ids, other)
    )
    np.testing.assert_array_equal(one, two)


def test_logistic_is_that_of_scikit_learn_on_standardised_columns():
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    features, labels = clouds()
    ids = np.arange(0, 120, 3)
    scaled = StandardScaler().fit(features).transform(features)
    expected = LogisticRegression(tol=1e-4).fit(scaled[ids], labels[ids]).predict_proba(scaled)
    found = LogisticLearner(features).fit(ids, labels[ids], classes=4).predict_proba(np.arange(120))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_column_that_hardly_varies_is_not_blown_up():
    features, labels = clouds()
    rim = np.zeros((120, 1))
    rim[7] = 1e-6  # standardised by its own spread this would be at 11
    ids = np.arange(0, 120, 3)
    plain, with_rim = (
        LogisticLearner(one).fit(ids, labels[ids], classes=4).predict_proba([7])
        for one in (features, np.hstack([features, rim]))
    )
    np.testing.assert_allclose(plain, with_rim, atol=1e-4)


def test_a_warm_start_agrees_with_a_cold_one_and_takes_fewer_steps():
    features, labels = clouds(dim=20)
    warm, cold = LogisticLearner(features, start="warm"), LogisticLearner(features)
    for number in (40, 41):
        ids = np.random.default_rng(1).permutation(120)[:number]
        for learner in (warm, cold):
            learner.fit(ids, labels[ids], classes=4)
    one, two = warm.predict_proba(np.arange(120)), cold.predict_proba(np.arange(120))
    np.testing.assert_allclose(one, two, atol=0.01)
    assert warm._fitted.n_iter_[0] < cold._fitted.n_iter_[0]


def test_a_warm_start_copes_with_a_class_that_comes_in_later():
    features, _ = clouds()
    learner = LogisticLearner(features, start="warm").fit([0, 40], [0, 1], classes=4)
    learner.fit([0, 40, 80], [0, 1, 2], classes=4)
    assert learner.predict_proba([85]).argmax() == 2


def test_features_may_be_memory_mapped_or_sparse(tmp_path):
    from scipy import sparse
    from sklearn.naive_bayes import MultinomialNB

    features, labels = clouds()
    np.save(tmp_path / "features.npy", features)
    mapped = np.load(tmp_path / "features.npy", mmap_mode="r")
    ids = np.arange(0, 120, 3)
    one, two = (
        LogisticLearner(some).fit(ids, labels[ids], classes=4).predict_proba([1, 2])
        for some in (features, mapped)
    )
    np.testing.assert_array_equal(one, two)
    counts = sparse.csr_matrix(np.abs(features))
    learner = SklearnLearner(MultinomialNB(), counts).fit(ids, labels[ids], classes=4)
    assert learner.predict_proba([1, 2]).shape == (2, 4)


def test_the_estimator_that_was_given_stays_unfitted():
    from sklearn.naive_bayes import GaussianNB

    estimator = GaussianNB()
    features, labels = clouds()
    SklearnLearner(estimator, features).fit([0, 40], labels[[0, 40]], classes=4)
    assert not hasattr(estimator, "classes_")


def test_a_fit_that_is_refused_changes_nothing():
    features, _ = clouds()
    learner = LogisticLearner(features).fit([0, 40], [0, 1], classes=4)
    before = learner.predict_proba([1, 2])
    with pytest.raises(InvalidInputError):
        learner.fit([0, 40], [0, 4], classes=4)
    np.testing.assert_array_equal(learner.predict_proba([1, 2]), before)


@pytest.mark.parametrize(
    ("ids", "labels", "classes", "error", "message"),
    [
        ([], [], 4, InvalidInputError, "there is nothing to learn from: give one label or more"),
        ([0, 1], [0], 4, InvalidInputError, "labels must be one for each of 2 ids, got 1"),
        ([0, 0], [0, 1], 4, InvalidInputError, "ids: 0 is given twice"),
        ([0, 120], [0, 1], 4, UnknownIdError, "ids must be from 0 to 119, got 0 to 120"),
        ([-1], [0], 4, UnknownIdError, "ids must be from 0 to 119, got -1 to -1"),
        ([0], [4], 4, InvalidInputError, "class numbers from 0 to 3, got 4 to 4"),
        ([0], [-1], 4, InvalidInputError, "class numbers from 0 to 3, got -1 to -1"),
        ([0], [0.5], 4, InvalidTypeError, "labels must be whole numbers, got float64"),
        ([0], [0], 0, InvalidInputError, "classes must be 1 or more, got 0"),
    ],
)
def test_wrong_labels_are_refused(ids, labels, classes, error, message):
    with pytest.raises(error, match=re.escape(message)):
        LogisticLearner(clouds()[0]).fit(ids, labels, classes=classes)


def test_wrong_makings_are_refused():
    from sklearn.naive_bayes import GaussianNB

    features, _ = clouds()
    with pytest.raises(InvalidInputError, match="nothing is learned yet: call fit first"):
        LogisticLearner(features).predict_proba([0])
    with pytest.raises(InvalidTypeError, match="embeddings must be a numpy array, got list"):
        LogisticLearner([[0.0]])
    with pytest.raises(InvalidInputError, match="strength must be above 0, got 0"):
        LogisticLearner(features, strength=0)
    with pytest.raises(InvalidInputError, match="features must be finite"):
        LogisticLearner(np.array([[np.nan, 1.0]]))
    with pytest.raises(InvalidInputError, match="start must be 'cold' or 'warm', got 'tepid'"):
        LogisticLearner(features, start="tepid")
    with pytest.raises(InvalidInputError, match="GaussianNB cannot start warm"):
        SklearnLearner(GaussianNB(), features, start="warm")
    with pytest.raises(InvalidTypeError, match="dict has no fit"):
        SklearnLearner({}, features)
    with pytest.raises(InvalidInputError, match="features must have a row for each sample"):
        SklearnLearner(GaussianNB(), np.zeros(4))
    with pytest.raises(UnknownIdError, match="ids must be from 0 to 119, got 120 to 120"):
        LogisticLearner(features).fit([0], [0], classes=1).predict_proba([120])
