"""Does it pay to go over from coverage margin to plain margin once enough is labelled?

``python -m bench.switch`` runs campaigns of coverage margin that switch at 5, 10, 20 percent of the
pool or never, beside plain margin and chance, on real sets and at three budgets; frozen features,
logistic regression, the exact graph of ten neighbours (cosine). Each arm has the same first labels.
The figure is the mean accuracy over the rounds: of the arm that never switches less that of chance
and of margin, and of each that switches less that of the one that never does, in points, with the
95% interval of the paired differences over seeds. Rounds before the switch are the same by
construction, and are counted in: it is what a user would see. Needs ``SOCBI_DATA`` and
``pip install '.[bench]'``.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import results
from bench.boundary import Labels, Split, fashion, halves, standardised, t_quantile, table
from bench.results import Record
from socbi.neighbors import KnnGraph, knn_graph
from socbi.strategies import CoverageMargin, PoolState, Random, Strategy

NEVER = "never"
ARMS: dict[str, Strategy] = {
    "chance": Random(),
    "margin": CoverageMargin(switch=0),
    NEVER: CoverageMargin(switch=None),
    "at 5%": CoverageMargin(switch=0.05),
    "at 10%": CoverageMargin(switch=0.1),
    "at 20%": CoverageMargin(switch=0.2),
}


@dataclass(frozen=True)
class Budget:
    """Labels at the start and in a batch, as shares of the pool, and how many batches."""

    start: float
    batch: float
    rounds: int


# To 9%, 25% and 40% of the pool: what a small, a middle and a generous campaign ends with.
BUDGETS = {
    "low": Budget(0.01, 0.004, 20),
    "middle": Budget(0.03, 0.011, 20),
    "generous": Budget(0.10, 0.015, 20),
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.switch",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--quick", action="store_true", help="two seeds, digits; not kept")
    arguments = parser.parse_args()
    sets: dict[str, Callable[[int], Split]] = {"digits": digits}
    if arguments.quick:
        arguments.seeds = 2
    elif "SOCBI_DATA" not in os.environ:
        print("SOCBI_DATA is not set: digits alone")
    else:
        sets["pendigits"] = lambda seed: smaller(table("pendigits", seed))
        sets["TREC"] = questions
        sets["Fashion-MNIST"] = lambda seed: smaller(fashion(seed))
    records = [one for name, split in sets.items() for one in measure(name, split, arguments.seeds)]
    if not arguments.quick:
        print(results.write("switch", records, seed=arguments.seeds))
    return 0


def measure(name: str, split: Callable[[int], Split], seeds: int) -> list[Record]:
    means: dict[tuple[str, str], list[float]] = {}
    for seed in range(seeds):
        parts = split(seed)
        graph = knn_graph(parts[0], 10, progress=False)
        for budget in BUDGETS:
            for arm, curve in curves(parts, graph, BUDGETS[budget], seed).items():
                means.setdefault((budget, arm), []).append(100 * float(np.mean(curve)))
    records = []
    for budget in BUDGETS:
        base = np.array(means[budget, NEVER])
        records += [
            {"kind": "switch", "data": name, "budget": budget, "seeds": seeds, "arm": arm}
            | {"accuracy": round(float(np.mean(means[budget, arm])), 2)}
            | difference(np.array(means[budget, arm]) - base)
            for arm in ARMS
        ]
    for record in records:
        print(
            f"{name:14} {record['budget']:9} {record['arm']:7} {record['accuracy']:6.2f}  "
            f"less never: {record['gain']:+.2f} +/- {record['half']:.2f}",
            flush=True,
        )
    return records


def difference(gains: Any) -> Record:
    half = t_quantile(len(gains)) * gains.std(ddof=1) / len(gains) ** 0.5
    return {"gain": round(float(gains.mean()), 3), "half": round(float(half), 3)}


def curves(parts: Split, graph: KnnGraph, budget: Budget, seed: int) -> dict[str, list[float]]:
    """The accuracies after each round, of every arm; what arms have in common is run once."""
    count = len(parts[0])
    order = np.random.default_rng([seed, 11]).permutation(count)
    first = order[: max(2 * len(np.unique(parts[1])), int(budget.start * count))]
    known: dict[bytes, tuple[float, Any]] = {}
    return {arm: campaign(ARMS[arm], parts, graph, budget, first, known) for arm in ARMS}


def campaign(
    strategy: Strategy,
    parts: Split,
    graph: KnnGraph,
    budget: Budget,
    labelled: Labels,
    known: dict[bytes, tuple[float, Any]],
) -> list[float]:
    vectors, labels, *_ = parts
    accuracies = []
    for round_ in range(budget.rounds + 1):
        key = np.sort(labelled).tobytes()
        if key not in known:
            known[key] = learned(parts, labelled)
        accuracy, probabilities = known[key]
        accuracies.append(accuracy)
        state = PoolState(
            len(vectors),
            labelled=labelled,
            labels=labels[labelled],
            probabilities=probabilities,
            graph=graph,
        )
        taken = max(1, int(budget.batch * len(vectors)))
        batch = strategy.select(state, taken, np.random.default_rng([round_, 13]))
        labelled = np.concatenate([labelled, batch])
    return accuracies


def learned(parts: Split, labelled: Labels) -> tuple[float, Any]:
    """The accuracy on the test part, and the probabilities of the pool."""
    from sklearn.linear_model import LogisticRegression

    vectors, labels, test, answers = parts
    model = LogisticRegression(C=1.0, max_iter=300, tol=1e-3)
    model.fit(vectors[labelled], labels[labelled])
    return float(np.mean(model.predict(test) == answers)), model.predict_proba(vectors)


def digits(seed: int) -> Split:
    from sklearn.datasets import load_digits

    found = load_digits()
    return halves(standardised(found.data), found.target.astype(np.int64), seed)


def questions(seed: int) -> Split:
    """Questions of six kinds, as 64 principal components of their weighted words."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    path = Path(os.environ["SOCBI_DATA"], "text", "trec_train_5500.label")
    lines = [line.split(" ", 1) for line in path.read_text("latin-1").splitlines()]
    words = TfidfVectorizer(min_df=2, ngram_range=(1, 2)).fit_transform([one[1] for one in lines])
    rows = TruncatedSVD(64, random_state=0).fit_transform(words)
    _, labels = np.unique([kind.partition(":")[0] for kind, _ in lines], return_inverse=True)
    return halves(standardised(rows), labels.astype(np.int64), seed)


def smaller(parts: Split, most: int = 4000) -> Split:
    vectors, labels, *test = parts
    return (vectors[:most], labels[:most], *test)


if __name__ == "__main__":
    raise SystemExit(main())
