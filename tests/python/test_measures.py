"""Measures beside scikit-learn, beside values worked by hand, and what they refuse."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from socbi.errors import InvalidInputError
from socbi.measures import (
    RoundRecord,
    accuracy,
    area_under_curve,
    bootstrap_interval,
    curves_of,
    l1_balance,
    labels_needed,
    labels_saved,
    mean_average_precision,
    paired_difference,
    penalty_matrix,
    quadratic_kappa,
    summarised,
)

metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40)


@given(PAIRS)
def test_accuracy_and_kappa_are_those_of_scikit_learn(pairs):
    truth, said = map(list, zip(*pairs, strict=True))
    assert accuracy(truth, said) == pytest.approx(metrics.accuracy_score(truth, said))
    if len({*truth, *said}) > 1:
        expected = metrics.cohen_kappa_score(
            truth, said, weights="quadratic", labels=list(range(5))
        )
        assert quadratic_kappa(truth, said, classes=5) == pytest.approx(expected)
    else:
        assert quadratic_kappa(truth, said, classes=5) == 1


@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.integers(2, 5))
def test_mean_average_precision_is_that_of_scikit_learn(seed, samples, classes):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, samples)
    found = rng.integers(0, 4, (samples, classes)) / 4  # few values: ties abound
    expected = np.mean(
        [metrics.average_precision_score(truth == k, found[:, k]) for k in np.unique(truth)]
    )
    assert mean_average_precision(truth, found) == pytest.approx(expected)


def test_balance_by_hand():
    # 3 classes, 12 labels, 4 each would be even: |8-4| + |4-4| + |0-4| = 8; 3 * 8 / (2 * 12 * 2)
    assert l1_balance([8, 4, 0]) == 0.5
    assert l1_balance([4, 4, 4]) == 0
    assert l1_balance([0, 9, 0]) == 1
    assert l1_balance([0, 0]) == l1_balance([7]) == 0


def test_areas_and_labels_by_hand():
    labels, values = [10, 30, 40], [0.5, 0.9, 0.7]
    assert area_under_curve(labels, values) == pytest.approx((20 * 0.7 + 10 * 0.8) / 30)
    assert area_under_curve([10], [0.4]) == 0.4
    assert labels_needed(labels, values, 0.7) == pytest.approx(20)  # first reached, lost later
    assert labels_needed(labels, values, 0.5) == 10
    assert labels_needed(labels, values, 0.95) == float("inf")
    assert labels_saved([10, 20], [0.5, 0.9], [10, 20], [0.5, 0.7]) == pytest.approx(0.25)
    assert labels_saved([10, 20], [0.5, 0.7], [10, 20], [0.5, 0.9]) == pytest.approx(1 - 20 / 15)
    assert labels_saved([10, 20], [0.5, 0.7], [10, 20], [0.5, 0.7]) == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_an_interval_lies_around_its_mean(values):
    found = bootstrap_interval(values)
    assert min(values) - 1e-12 <= found.low <= found.mean + 1e-12
    assert found.mean - 1e-12 <= found.high <= max(values) + 1e-12
    assert bootstrap_interval(values) == found


def test_an_interval_holds_the_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    found = [bootstrap_interval(rng.normal(size=40), draws=500, seed=s) for s in range(400)]
    held = np.mean([one.low <= 0 <= one.high for one in found])
    assert 0.90 < held < 0.98


def test_paired_differences_count_and_are_clear_or_not():
    found = paired_difference([3.0, 3.0, 1.0, 2.0], [1.0, 3.0, 2.0, 1.0])
    assert (found.mean, found.above, found.equal, found.below) == (0.5, 2, 1, 1)
    assert not found.clear
    assert paired_difference([0.2, 0.3], [0.3, 0.5]).clear


def test_the_penalty_matrix_agrees_with_a_t_test():
    from scipy import stats

    rng = np.random.default_rng(3)
    values = {arm: rng.normal(shift, 1, (5, 60)) for arm, shift in (("a", 0), ("b", 1), ("c", 3))}
    arms, matrix = penalty_matrix([values])
    assert arms == ["a", "b", "c"]
    for row, one in enumerate(arms):
        for column, other in enumerate(arms):
            if one == other:
                assert matrix[row, column] == 0
                continue
            test = stats.ttest_rel(values[one], values[other])
            better = np.mean((test.pvalue < 0.05) & (test.statistic > 0))
            assert matrix[row, column] == pytest.approx(better)


def records(*, arms=("random", "margin", "new"), seeds=3, rounds=4, task="digits"):
    return [
        RoundRecord(
            task, arm, seed, number, 10 + 10 * number,
            0.5 + 0.1 * number + 0.01 * at + 0.001 * seed,
            times={"sort": 0.01, "update": 0.02, "search": 0.03, "train": 5.0},
        )
        for at, arm in enumerate(arms)
        for seed in range(seeds)
        for number in range(rounds)
    ]  # fmt: skip


def test_a_summary_says_what_the_records_say():
    found = records()
    random, margin, new = summarised(curves_of(found), found, target=0.75)
    assert (random.arm, margin.arm, new.arm) == ("random", "margin", "new")
    assert new.area.mean == pytest.approx(0.5 + 0.15 + 0.02 + 0.001)
    assert new.against["random"].mean == pytest.approx(0.02)
    assert new.against["margin"].above == 3
    assert list(random.against) == ["margin"]
    assert new.retrieval_s == pytest.approx(0.06)
    assert new.needed == pytest.approx(10 + 10 * (0.75 - 0.521) / 0.1)


def test_a_seed_that_has_not_come_as_far_is_left_out():
    found = [one for one in records() if not (one.seed == 1 and one.round == 3)]
    assert [one.seeds for one in curves_of(found)] == [(0, 2)] * 3


def test_arms_over_other_rounds_are_not_compared():
    found = [one for one in records() if not (one.arm == "margin" and one.round == 3)]
    [new] = [one for one in summarised(curves_of(found)) if one.arm == "new"]
    assert list(new.against) == ["random"]


def test_records_survive_the_way_through_a_line():
    record = RoundRecord(
        "digits", "margin", 1, 2, 30, 0.5, 0.4, 0.3, (10, 20), 0.33, (7, 3), {"train": 0.5}, 12, 10,
        "coverage",
    )  # fmt: skip
    assert RoundRecord.from_json(record.to_json()) == record


@pytest.mark.parametrize(
    "line", ["", "{", "[]", "3", '{"task": "a"}', '{"task":"a","arm":"b","seed":0,"round":0,"la']
)
def test_other_lines_are_no_records(line):
    with pytest.raises(InvalidInputError, match="this is no record of a round"):
        RoundRecord.from_json(line)


def test_records_of_another_release_are_told():
    line = RoundRecord("a", "b", 0, 0, 1).to_json().replace('"rule"', '"creed"')
    with pytest.raises(InvalidInputError, match="of this release of socbi"):
        RoundRecord.from_json(line)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: accuracy([0], [0, 1]), "of one length, 1 or more; got 1 and 2"),
        (lambda: accuracy([], []), "of one length, 1 or more; got 0 and 0"),
        (lambda: quadratic_kappa([0], [3], classes=3), "predicted must be class numbers from 0"),
        (lambda: mean_average_precision([0], [[np.nan]]), "probabilities must be finite"),
        (lambda: mean_average_precision([1], [[0.5]]), "truth must be class numbers from 0 to 0"),
        (lambda: mean_average_precision([0, 0], [[0.5]]), "a row for each of 2 samples"),
        (lambda: l1_balance([-1]), "class_counts must not be negative, got -1"),
        (lambda: area_under_curve([1, 1], [0, 0]), "labels must rise from round to round"),
        (lambda: area_under_curve([], []), "of one length, 1 or more"),
        (lambda: area_under_curve([1], [np.nan]), "must be finite"),
        (lambda: bootstrap_interval([]), "values must be one or more finite numbers, got []"),
        (lambda: bootstrap_interval([1.0], level=1), "level must be above 0 and below 1, got 1"),
        (lambda: paired_difference([1.0], [1.0, 2.0]), "must be pairs, got 1 and 2"),
        (lambda: penalty_matrix([{"a": [[1]], "b": [[1, 2]]}]), "of one shape, got [(1, 1), (1, 2"),
        (lambda: curves_of([], "speed"), "quality must be one of accuracy, kappa"),
        (
            lambda: curves_of(
                [RoundRecord("a", "b", 0, 0, 1, 0.5), RoundRecord("a", "b", 1, 0, 2, 0.5)]
            ),
            "the seeds of b on a differ in their numbers of labels, seed 1",
        ),
    ],
)
def test_wrong_input_is_refused(call, message):
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        call()


def test_a_curve_has_the_last_point_of_each_number_of_labels():
    labels, heights = [10, 20, 20, 19, 30, 30], [0.5, 0.6, 0.7, 0.65, 0.8, 0.75]
    rounds = [
        RoundRecord("a", "b", 0, number, *one)
        for number, one in enumerate(zip(labels, heights, strict=True))
    ]
    [curve] = curves_of(rounds)
    assert curve.labels.tolist() == [10, 19, 20, 30]
    assert curve.values.tolist() == [[0.5, 0.65, 0.7, 0.75]]
    [found] = summarised([curve], rounds)
    assert found.final == 0.75
