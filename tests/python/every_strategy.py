"""Every strategy, made as a user would, and a pool state that has what any of them needs."""

from __future__ import annotations

import numpy as np

from socbi import SemiOrderedIndex
from socbi.neighbors import knn_graph
from socbi.scorers import BoundaryScorer, PredictionHistory
from socbi.strategies import (
    BADGE,
    ClassQuotas,
    ClusterCap,
    CoverageMargin,
    Diverse,
    DuplicateGuard,
    Entropy,
    FewestHits,
    Instability,
    KCenterGreedy,
    LeastConfidence,
    Margin,
    PoolState,
    Random,
    RandomHalf,
    RankSum,
    ScoringStrategy,
    SoCBI,
    TypiClust,
)

SIZE, CLASSES = 60, 3


class Unsure(ScoringStrategy):
    """The least confident first: a strategy of a user's own."""

    needs = frozenset({"probabilities"})

    def _scores(self, state, rng):
        return 1 - state.probabilities[state.candidates].max(axis=1)


# A strategy by name; each may be chosen from by any test.
STRATEGIES = {
    "random": Random(),
    "own scores": Unsure(),
    "coverage margin": CoverageMargin(),
    "coverage margin, switched": CoverageMargin(switch=0),
    "SoCBI, random": SoCBI(Random()),
    "SoCBI, coverage margin": SoCBI(CoverageMargin(), share=0.25),
    "random half": RandomHalf() >> CoverageMargin(),
    "two pre-screens": RandomHalf(0.9) >> FewestHits(0.5) >> Unsure(),
    "ranks": RankSum([Unsure(), Unsure()], weights=[1, 2]),
    "quotas": ClassQuotas(CoverageMargin()),
    "cluster cap": ClusterCap(Unsure(), np.arange(SIZE) % 7, most=2),
    "no duplicates": DuplicateGuard(CoverageMargin(), eps=0.05),
    "least confidence": LeastConfidence(),
    "margin": Margin(),
    "entropy": Entropy(),
    "instability": Instability(n_models=3),
    "k-center": KCenterGreedy(),
    "TypiClust": TypiClust(),
    "BADGE": BADGE(),
    "diverse": Diverse(Margin()),
    "SoCBI, k-center": SoCBI(KCenterGreedy()),
    "guards in guards": DuplicateGuard(ClassQuotas(RandomHalf() >> Unsure()), eps=0.01),
}


def parts(rng, size=SIZE, classes=CLASSES):
    """Vectors around as many centres as there are classes, and what a model might say of them."""
    vectors = (
        rng.normal(size=(size, 4)) + 3 * rng.normal(size=(classes, 4))[np.arange(size) % classes]
    )
    probabilities = rng.dirichlet(np.ones(classes), size)
    return vectors.astype(np.float32), probabilities


def a_state(seed=0, *, labelled=(0, 1, 2, 7), size=SIZE, threads=None, without=(), **options):
    """A pool state with every part, but those that are to be left out."""
    rng = np.random.default_rng(seed)
    vectors, probabilities = parts(rng, size)
    history = PredictionHistory(size, CLASSES)
    for _ in range(2):
        told = rng.dirichlet(np.ones(CLASSES), size)
        history.push(np.full_like(told, 1 / CLASSES) if "probabilities" in options else told)
    vectors = options.pop("embeddings", vectors)
    probabilities = options.pop("probabilities", probabilities)
    ids = np.array(labelled, np.int64)
    scorer = BoundaryScorer(SemiOrderedIndex(size, threads=threads), vectors, k=5)
    scorer.observe(ids)
    given = {
        "history": history,
        "embeddings": vectors,
        "probabilities": probabilities,
        "graph": knn_graph(vectors, min(5, max(size - 1, 1)), threads=threads),
        "boundary": scorer,
        **options,
    }
    for name in without:
        given.pop(name)
    return PoolState(size, labelled=ids, labels=ids % CLASSES, classes=CLASSES, **given)
