"""A small experiment: does the default save labels? Digits of scikit-learn, ten seeds."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from socbi.neighbors import knn_graph
from socbi.strategies import CoverageMargin, Margin, PoolState, Random

SEEDS, START, BATCH, ROUNDS = 10, 20, 10, 8
# 97.5% of Student's t with nine degrees of freedom.
QUANTILE = 2.262
ARMS = {"coverage margin": CoverageMargin(), "margin": Margin(), "random": Random()}


def area_under_curve(strategy, vectors, labels, graph, pool, test, seed):
    """The mean accuracy over the rounds; arms of a seed have the same split and first labels."""
    labelled = np.random.default_rng(seed).permutation(len(pool))[:START]
    accuracies = []
    for round_ in range(ROUNDS + 1):
        known = pool[labelled]
        model = LogisticRegression(max_iter=300, tol=1e-3)
        model.fit(vectors[known], labels[known])
        accuracies.append(model.score(vectors[test], labels[test]))
        state = PoolState(
            len(pool),
            labelled=labelled,
            labels=labels[known],
            probabilities=model.predict_proba(vectors[pool]),
            graph=graph,
        )
        batch = strategy.select(state, BATCH, np.random.default_rng([seed, round_]))
        labelled = np.concatenate([labelled, batch])
    return float(np.mean(accuracies))


@pytest.fixture(scope="module")
def areas():
    found = load_digits()
    vectors, labels = found.data / 16, found.target
    curves = {name: [] for name in ARMS}
    for seed in range(SEEDS):
        order = np.random.default_rng([seed, 1]).permutation(len(labels))
        pool, test = order[:1200], order[1200:]
        graph = knn_graph(vectors[pool], 10, neighbors="exact", progress=False)
        for name, strategy in ARMS.items():
            area = area_under_curve(strategy, vectors, labels, graph, pool, test, seed)
            curves[name].append(100 * area)
    return {name: np.array(one) for name, one in curves.items()}


def test_coverage_margin_is_above_random(areas):
    gains = areas["coverage margin"] - areas["random"]
    half = QUANTILE * gains.std(ddof=1) / SEEDS**0.5
    assert gains.mean() - half > 0, f"{gains.mean():+.2f} +/- {half:.2f} points over random"


def test_coverage_margin_is_not_below_margin(areas):
    gains = areas["coverage margin"] - areas["margin"]
    assert gains.mean() >= 0, f"{gains.mean():+.2f} points over margin"
