"""From scores to a batch: the order of float64 out of an index of float32."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socbi import InvalidInputError
from socbi.strategies import PoolState, ScoringStrategy
from socbi.strategies.scoring import best


class Given(ScoringStrategy):
    """Scores that a test gives."""

    def __init__(self, values):
        self.values = values

    def _scores(self, state, rng):
        return np.asarray(self.values)[state.candidates]


# Numbers that are one float32 and several float64, and numbers too small for float32.
near = [1.0, 1.0 + 1e-12, 1.0 + 2e-12, 1.0 - 1e-12, 1e-60, 2e-60, -1e-60, 0.0, -0.0, -3.0, 7.5]


@given(
    values=st.lists(st.sampled_from(near) | st.floats(-1e30, 1e30), min_size=1, max_size=60),
    share=st.floats(0.01, 1),
    seed=st.integers(0, 2**32 - 1),
)
@settings(deadline=None)
def test_the_largest_in_float64_come_first(values, share, seed):
    scores = np.array(values)
    number = max(1, int(share * len(scores)))
    found = best(scores, number, np.random.default_rng(seed))
    assert len(set(found.rows.tolist())) == number
    assert np.array_equal(found.scores, scores[found.rows])
    assert np.array_equal(found.scores, np.sort(scores)[::-1][:number])
    for score, words in zip(found.scores, found.tie_breaks, strict=True):
        equal = int(np.count_nonzero(scores == score))
        assert words == (f"drawn by lot among {equal:,} of equal score" if equal > 1 else "")


def test_equal_scores_are_drawn_and_not_taken_from_the_front():
    firsts = [best(np.zeros(50), 1, np.random.default_rng(seed)).rows[0] for seed in range(200)]
    assert len(set(firsts)) > 40


def test_scores_belong_to_the_candidates():
    state = PoolState(6, labelled=[5], labels=[0], candidates=[0, 2, 4])
    batch = Given([0.1, 9.0, 0.3, 9.0, 0.2, 9.0]).choose(state, 2, np.random.default_rng(0))
    assert batch.ids.tolist() == [2, 4]
    assert batch.scores.tolist() == [0.3, 0.2]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1e39])
def test_scores_that_no_index_holds_are_refused(wrong):
    with pytest.raises(InvalidInputError, match="scores of Given must be finite and within float3"):
        Given([0.0, wrong]).select(PoolState(2), 1, np.random.default_rng(0))


def test_scores_of_another_length_are_refused():
    class TooMany(ScoringStrategy):
        def _scores(self, state, rng):
            return np.zeros(3)

    with pytest.raises(InvalidInputError, match=r"one for each of 2 candidates, .* \(3,\)"):
        TooMany().select(PoolState(2), 1, np.random.default_rng(0))
