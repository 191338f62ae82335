"""Scores from class probabilities, against the formulas written out and the hand cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from socbi import IndexFileError, InvalidInputError, InvalidTypeError, UnknownIdError
from socbi.scorers import (
    PredictionHistory,
    entropy,
    instability,
    knn_typicality,
    least_confidence,
    margin,
)

DISTANCES = ["total_variation", "cdf", "sorted", "jensen_shannon", "kullback_leibler"]
# The hand case of the paper's formulas: the models from old to new, two classes.
OLD, MIDDLE, NEW = [[0.9, 0.1]], [[0.6, 0.4]], [[0.5, 0.5]]

rows = st.lists(st.integers(0, 6), min_size=3, max_size=3).filter(any)
predictions = st.integers(1, 5).flatmap(
    lambda n: st.lists(st.lists(rows, min_size=n, max_size=n), min_size=2, max_size=4)
)


def normalised(counts):
    wide = np.asarray(counts, np.float64)
    return wide / wide.sum(axis=-1, keepdims=True)


# ---- the obvious way, a number at a time ---------------------------------------------------------


def bits(p):
    return sum(one * math.log2(1 / one) for one in p if one > 0)


def divergence(p, q):
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


def clipped(p):
    above = [max(one, 1e-12) for one in p]
    return [one / sum(above) for one in above]


def apart(p, q, distance):
    pairs = list(zip(p, q, strict=True))
    if distance == "total_variation":
        return sum(abs(a - b) for a, b in pairs) / 2
    if distance == "cdf":
        return sum(abs(sum(p[: c + 1]) - sum(q[: c + 1])) for c in range(len(p)))
    if distance == "sorted":
        return sum(abs(a - b) for a, b in zip(sorted(p), sorted(q), strict=True)) / len(p)
    if distance == "jensen_shannon":
        middle = [(a + b) / 2 for a, b in pairs]
        return (divergence(p, middle) + divergence(q, middle)) / 2
    return divergence(clipped(p), clipped(q))


def slow_instability(models, distance, rise, decay):
    scores = []
    for sample in range(len(models[0])):
        score = 0.0
        for k in range(1, len(models)):
            newer, older = models[-k][sample], models[-k - 1][sample]
            if not rise or bits(newer) > bits(older) + 1e-12:
                score += decay ** (k - 1) * apart(list(newer), list(older), distance)
        scores.append(score)
    return scores


# ---- one model -----------------------------------------------------------------------------------


@given(st.lists(rows, min_size=1, max_size=6))
def test_uncertainty_as_written_out(counts):
    p = normalised(counts)
    ordered = np.sort(p, axis=1)
    np.testing.assert_allclose(least_confidence(p), 1 - ordered[:, -1], rtol=0, atol=1e-15)
    np.testing.assert_allclose(margin(p), ordered[:, -1] - ordered[:, -2], rtol=0, atol=1e-15)
    np.testing.assert_allclose(entropy(p), [bits(one) for one in p], rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_scores_are_float64_and_their_argument_untouched(dtype):
    p = np.array([[0.75, 0.25], [0.5, 0.5]], dtype)
    before = p.copy()
    for score in (least_confidence, margin, entropy):
        assert score(p).dtype == np.float64
    np.testing.assert_array_equal(p, before)


def test_margins_that_only_float64_tells_apart():
    p = np.array([[0.5, 0.5], [0.5 + 1e-12, 0.5 - 1e-12]])
    assert margin(p)[0] < margin(p)[1]


def test_many_rows_pass_in_blocks():
    p = np.random.default_rng(0).dirichlet(np.ones(7), 400_000)
    ordered = np.sort(p, axis=1)
    np.testing.assert_array_equal(margin(p), ordered[:, -1] - ordered[:, -2])


@pytest.mark.parametrize("classes", [2, 10, 15, 16, 23, 1000])
@pytest.mark.parametrize(
    "layout", ["float64", "float32", "float16", ">f8", "columns", "every other"]
)
def test_margins_of_any_layout_are_those_of_sorted_rows(classes, layout):
    p = np.random.default_rng(classes).dirichlet(np.full(classes, 0.3), 40)
    if layout == "columns":
        p = np.asfortranarray(p)
    elif layout == "every other":
        p = np.repeat(p, 2, axis=0)[::2]
    else:
        p = p.astype(layout)
    ordered = np.sort(p.astype(np.float64), axis=1)
    np.testing.assert_array_equal(margin(p), ordered[:, -1] - ordered[:, -2])


@pytest.mark.parametrize("score", [least_confidence, margin, entropy])
def test_a_mask_is_refused_and_a_matrix_read_as_an_array(score):
    rows = np.array([[0.5, 0.5, 0.0], [0.2, 0.8, 0.0]])
    with pytest.raises(InvalidInputError, match="probabilities must not be a masked array"):
        score(np.ma.array(rows, mask=rows == 0))
    assert score(rows.view(np.matrix)).tolist() == score(rows).tolist()


def test_one_class_and_no_samples():
    one_class = np.ones((2, 1))
    assert margin(one_class).tolist() == [1, 1]
    assert least_confidence(one_class).tolist() == entropy(one_class).tolist() == [0, 0]
    assert margin(np.empty((0, 3))).shape == (0,)


@pytest.mark.parametrize("score", [least_confidence, margin, entropy])
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ([0.5, 0.5], "the shape"),
        ([["a", "b"]], "the shape"),
        ([[2.0, -1.0]], "softmax"),
        ([[0.5, 0.5], [np.nan, 1.0]], "row 1"),
        ([[3.0, 4.0]], "sum to 1"),
    ],
)
def test_what_are_no_probabilities_is_refused(score, wrong, words):
    with pytest.raises(InvalidInputError, match=words):
        score(wrong)


# ---- several models ------------------------------------------------------------------------------


def test_the_hand_case():
    np.testing.assert_allclose(entropy(OLD + MIDDLE + NEW), [0.469, 0.971, 1.0], atol=5e-4)
    np.testing.assert_allclose(instability([OLD, MIDDLE, NEW]), [0.4], atol=1e-15)
    np.testing.assert_allclose(instability([OLD, MIDDLE]), [0.3], atol=1e-15)
    np.testing.assert_allclose(instability([OLD, MIDDLE, NEW], decay=0.5), [0.25], atol=1e-15)


def test_models_newest_first_score_zero_here():
    assert instability([NEW, MIDDLE, OLD]).tolist() == [0]
    np.testing.assert_allclose(instability([NEW, MIDDLE, OLD], rise=False), [0.4], atol=1e-15)


@given(
    predictions,
    st.sampled_from(DISTANCES),
    st.booleans(),
    st.sampled_from([1.0, 0.5, 0.0]),
)
def test_instability_as_written_out(counts, distance, rise, decay):
    models = [normalised(one) for one in counts]
    # Equal entropies of exchanged classes may differ in the last bit; a rise is more than that.
    for newer, older in zip(models[1:], models, strict=False):
        same = np.abs(entropy(newer) - entropy(older)) < 1e-12
        newer[same] = older[same]
    found = instability(models, distance, rise=rise, decay=decay)
    wanted = slow_instability(models, distance, rise, decay)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


@given(predictions)
def test_total_variation_is_symmetric_and_within_bounds(counts):
    first, second = (normalised(one) for one in counts[:2])
    there = instability([first, second], rise=False)
    np.testing.assert_array_equal(there, instability([second, first], rise=False))
    assert ((there >= 0) & (there <= 1 + 1e-15)).all()


def test_total_variation_of_two_classes_is_the_difference():
    np.testing.assert_allclose(
        instability([[[0.2, 0.8]], [[0.7, 0.3]]], rise=False), [0.5], atol=1e-15
    )


@pytest.mark.parametrize("distance", DISTANCES)
def test_equal_predictions_and_sure_ones(distance):
    same = [[1.0, 0.0, 0.0], [0.2, 0.3, 0.5]]
    assert instability([same, same, same], distance, rise=False).tolist() == [0, 0]
    flipped = instability([[[1.0, 0.0]], [[0.0, 1.0]]], distance)  # entropy stayed at 0
    assert flipped.tolist() == [0]
    assert np.isfinite(instability([[[1.0, 0.0]], [[0.0, 1.0]]], distance, rise=False)).all()


def test_sorted_sees_no_exchange_of_classes_and_cdf_their_order():
    near = [[[1.0, 0, 0]], [[0, 1.0, 0]]]
    far = [[[1.0, 0, 0]], [[0, 0, 1.0]]]
    assert instability(near, "sorted", rise=False).tolist() == [0]
    assert instability(near, "cdf", rise=False).tolist() == [1]
    assert instability(far, "cdf", rise=False).tolist() == [2]
    assert instability(far, rise=False).tolist() == [1]


def test_one_model_alone_scores_zero():
    assert instability([OLD]).tolist() == [0]


def test_what_a_model_had_not_seen_counts_zero():
    unseen = [[np.nan, np.nan]]
    assert instability([unseen, OLD, MIDDLE]).tolist() == instability([OLD, MIDDLE]).tolist()


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ([], {}, "one model or more"),
        ([OLD, MIDDLE + NEW], {}, r"predictions\[1\]"),
        ([OLD, [[2.0, 0.0]]], {}, r"predictions\[1\] must be finite"),
        ([OLD, [[np.nan, 1.0]]], {}, "finite"),
        ([OLD, NEW], {"distance": "euclidean"}, "total_variation"),
        ([OLD, NEW], {"decay": 1.5}, "decay must be a number from 0 to 1"),
    ],
)
def test_what_cannot_be_compared_is_refused(arguments, options, words):
    with pytest.raises(InvalidInputError, match=words):
        instability(arguments, **options)


# ---- the history ---------------------------------------------------------------------------------


def random_predictions(rng, n, classes=3):
    return rng.dirichlet(np.ones(classes), n)


def test_the_history_keeps_the_last_models_and_drops_what_is_labelled():
    rng = np.random.default_rng(1)
    history = PredictionHistory(6, classes=3, models=2)
    told = [random_predictions(rng, 6)]
    history.push(told[0])
    history.drop([4, 0])
    for _ in range(2):
        told.append(random_predictions(rng, 6))
        history.push(told[-1][[1, 2, 3, 5]])
    assert len(history) == 2
    assert history.ids.tolist() == [1, 2, 3, 5]
    for kept, whole in zip(history.predictions([5, 1]), told[1:], strict=True):
        np.testing.assert_array_equal(kept, whole[[5, 1]])
    assert [len(one) for one in history.predictions(models=1)] == [4]


def test_its_memory_is_what_it_said():
    history = PredictionHistory(100, classes=4, models=3, dtype="float32")
    for _ in range(5):
        history.push(random_predictions(np.random.default_rng(0), 100, 4))
    assert history.nbytes == PredictionHistory.bytes_needed(100, 4, 3, "float32") == 4800
    history.drop(np.arange(50))
    assert history.nbytes == 2400


def test_new_samples_have_no_earlier_prediction():
    history = PredictionHistory([3, 7], classes=2)
    history.push(OLD + OLD)
    history.push(MIDDLE + NEW + NEW, ids=[9, 7, 3])
    assert history.ids.tolist() == [3, 7, 9]
    first, second = history.predictions()
    np.testing.assert_array_equal(first, OLD + OLD + [[np.nan, np.nan]])
    np.testing.assert_array_equal(second, NEW + NEW + MIDDLE)
    assert instability(history.predictions())[2] == 0


def test_the_history_is_a_copy():
    given = np.array(OLD)
    history = PredictionHistory(1, classes=2)
    history.push(given)
    given[:] = 0.5
    assert history.predictions()[0].tolist() == OLD


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_history_comes_back_from_arrays_and_from_a_folder(tmp_path, dtype):
    rng = np.random.default_rng(2)
    history = PredictionHistory([2, 4, 8], classes=3, models=4, dtype=dtype)
    for _ in range(3):
        history.push(random_predictions(rng, 3))
    history.save(tmp_path / "history")
    for back in (
        PredictionHistory.from_arrays(history.arrays()),
        PredictionHistory.load(tmp_path / "history"),
    ):
        assert back.ids.tolist() == [2, 4, 8]
        np.testing.assert_array_equal(back.predictions(), history.predictions())
        back.push(random_predictions(rng, 3))
        back.push(random_predictions(rng, 3))
        assert len(back) == 4
    history.save(tmp_path / "history")  # over the old one


def test_what_the_history_refuses(tmp_path):
    history = PredictionHistory(3, classes=2)
    with pytest.raises(InvalidInputError, match="a row for each of 3 samples and 2 columns"):
        history.push(OLD)
    with pytest.raises(InvalidInputError, match="given twice"):
        history.push(OLD + NEW, ids=[1, 1])
    with pytest.raises(UnknownIdError, match="no predictions for id 7"):
        history.predictions([7])
    with pytest.raises(UnknownIdError, match="0 or more, got -1"):
        PredictionHistory([-1], classes=2)
    with pytest.raises(InvalidInputError, match="models must be 2 or more"):
        PredictionHistory(3, classes=2, models=1)
    with pytest.raises(InvalidInputError, match="dtype must be one of float16"):
        PredictionHistory(3, classes=2, dtype="int8")
    with pytest.raises(InvalidInputError, match="settings"):
        PredictionHistory.from_arrays({})
    arrays = {**history.arrays(), "model_0": np.ones((1, 2))}
    with pytest.raises(InvalidInputError, match="model_0 must have the shape"):
        PredictionHistory.from_arrays(arrays)
    with pytest.raises(IndexFileError, match="no saved index"):
        PredictionHistory.load(tmp_path)
    assert len(history) == 0


# ---- typicality ----------------------------------------------------------------------------------


@given(st.integers(2, 12), st.integers(1, 14), st.integers(0, 2**32 - 1))
def test_typicality_as_written_out(n, k, seed):
    vectors = np.random.default_rng(seed).integers(-3, 4, (n, 2)).astype(np.float32)
    distances = np.sqrt(((vectors[:, None] - vectors[None]).astype(float) ** 2).sum(axis=2))
    for row, found in enumerate(knn_typicality(vectors, k)):
        others = np.sort(np.delete(distances[row], row))[:k]
        wanted = np.inf if others.sum() == 0 else 1 / others.mean()
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_typicality_of_one_alone_and_what_is_refused():
    assert knn_typicality(np.zeros((1, 2))).tolist() == [np.inf]
    with pytest.raises(InvalidTypeError, match="vectors must be a numpy array"):
        knn_typicality([[1.0]])
    with pytest.raises(InvalidInputError, match="k must be 1 or more"):
        knn_typicality(np.zeros((2, 2)), k=0)
