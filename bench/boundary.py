"""Which K, which tie-break, which guard picks well? The boundary scorer's choices on real data.

``python -m bench.boundary`` starts with 5 labels a class at random, takes 2 a class a round for 20
rounds straight from the scorer (no second strategy), and trains logistic regression on all labels:
Fashion-MNIST (10,000 images, 64 principal components), pendigits and optdigits, 5 seeds. Each arm
has the same first labels, beside an arm that picks at random. The figure is the mean accuracy over
the rounds less that of random, in points, with the 95% interval of the paired differences. And what
does the count measure? For K auto and K 10 the rank correlations, over the pool, of the count with
the cosine to the nearest label and with the margin of the model. Needs ``SOCBI_DATA`` and
``pip install '.[bench]'``.
"""

from __future__ import annotations

import argparse
import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench import results
from bench.embeddings import Vectors, fashion_mnist
from bench.results import Record
from socbi import SemiOrderedIndex
from socbi.neighbors import ExactNeighbors
from socbi.scorers import BoundaryScorer

START, TAKEN, ROUNDS = 5, 2, 20
Labels = npt.NDArray[np.int64]
Split = tuple[Vectors, Labels, Vectors, Labels]
Meaning = tuple[float, float, float, float]  # nearness and margin in the first round, and the last

ARMS: dict[str, dict[str, Any]] = {
    "K auto, distance": {},
    "K 10, distance": {"k": 10},
    "K 50, distance": {"k": 50},
    "K 100, distance": {"k": 100},
    "K 200, distance": {"k": 200},
    "K auto, random": {"ties": "random"},
    "K auto, density": {"ties": "density"},
    "K auto, id": {"ties": "id"},
    "K 10, random": {"k": 10, "ties": "random"},
    "K 10, density": {"k": 10, "ties": "density"},
    "K auto, distance, guard 0.3": {"sparse_cap": 0.3},
    "K auto, distance, guard 0.1": {"sparse_cap": 0.1},
    "K 10, distance, guard 0.1": {"k": 10, "sparse_cap": 0.1},
}
# Those whose counts are held against what they might stand for.
EXAMINED = ("K auto, distance", "K 10, distance")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.boundary",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one seed, optdigits; not kept")
    arguments = parser.parse_args()
    sets: dict[str, Callable[[int], Split]] = {
        "optdigits": lambda seed: table("optdigits", seed),
        "pendigits": lambda seed: table("pendigits", seed),
        "Fashion-MNIST": fashion,
    }
    if "SOCBI_DATA" not in os.environ:
        print("SOCBI_DATA is not set: nothing to measure")
        return 0
    if arguments.quick:
        sets, arguments.seeds = {"optdigits": sets["optdigits"]}, 1
    records = []
    for name, split in sets.items():
        records += measure(name, split, arguments.seeds)
    if not arguments.quick:
        print(results.write("boundary", records, seed=arguments.seeds))
    return 0


def measure(name: str, split: Callable[[int], Split], seeds: int) -> list[Record]:
    curves: dict[str, list[float]] = {arm: [] for arm in ARMS}
    meanings: dict[str, list[Meaning]] = {arm: [] for arm in EXAMINED}
    zeros: dict[str, list[float]] = {arm: [] for arm in ARMS}
    drawn = []
    for seed in range(seeds):
        parts = split(seed)
        first = first_labels(parts[1], seed)
        drawn.append(np.mean(random_curve(parts, first, seed)))
        for arm, options in ARMS.items():
            curve, zero, meaning = campaign(parts, first, seed, options)
            curves[arm].append(float(np.mean(curve)))
            if arm in meanings:
                meanings[arm].append(meaning)
            zeros[arm].append(zero)
    found = []
    for arm, means in curves.items():
        gains = 100 * (np.array(means) - np.array(drawn))
        half = 0.0 if seeds < 2 else t_quantile(seeds) * gains.std(ddof=1) / seeds**0.5
        record = {
            "kind": "boundary", "data": name, "arm": arm, "seeds": seeds,
            "random": round(100 * float(np.mean(drawn)), 2), "gain": round(float(gains.mean()), 2),
            "half": round(float(half), 2), "zero_share": round(float(np.mean(zeros[arm])), 3),
        }  # fmt: skip
        found.append(record)
        print(
            f"{name:14} {arm:28} {record['gain']:+.2f} +/- {record['half']:.2f} over random "
            f"{record['random']:.2f}; {record['zero_share']:.0%} tie at zero",
            flush=True,
        )
    return found + [meaning_record(name, arm, some) for arm, some in meanings.items()]


def meaning_record(name: str, arm: str, some: list[Meaning]) -> Record:
    first_near, first_margin, last_near, last_margin = np.mean(some, axis=0).round(2).tolist()
    print(
        f"{name:14} {arm:28} count with nearness {first_near:+.2f} to {last_near:+.2f}, with the "
        f"margin {first_margin:+.2f} to {last_margin:+.2f}",
        flush=True,
    )
    return {
        "kind": "meaning", "data": name, "arm": arm, "seeds": len(some),
        "nearness_first": first_near, "nearness_last": last_near,
        "margin_first": first_margin, "margin_last": last_margin,
    }  # fmt: skip


def t_quantile(seeds: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.975, seeds - 1))


def campaign(
    parts: Split, first: Labels, seed: int, options: dict[str, Any]
) -> tuple[list[float], float, Meaning]:
    """The accuracy after each round, the mean share that ties at zero, what the counts meant."""
    vectors, labels, *test = parts
    neighbors = ExactNeighbors("euclidean", copy=False)
    neighbors.add(np.arange(len(vectors)), vectors, progress=False)
    pool = SemiOrderedIndex(len(vectors), seed=seed)
    scorer = BoundaryScorer(pool, neighbors, seed=seed, progress=False, **options)
    told = [scorer.observe(first)]
    curve = [accuracy(vectors, labels, scorer.labelled, *test)]
    before = meaning(vectors, labels, scorer, pool)
    for _ in range(ROUNDS):
        told.append(scorer.observe(scorer.top(TAKEN * len(np.unique(labels)))))
        curve.append(accuracy(vectors, labels, scorer.labelled, *test))
    zero = float(np.mean([one.zero_share for one in told]))
    return curve, zero, (*before, *meaning(vectors, labels, scorer, pool))


def meaning(
    vectors: Vectors, labels: Labels, scorer: BoundaryScorer, pool: SemiOrderedIndex
) -> tuple[float, float]:
    """Rank correlations over the pool of counts with nearness to a label, and with the margin."""
    from scipy.stats import spearmanr

    ids, known = pool.ids(), scorer.labelled
    directions = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    nearness = (directions[ids] @ directions[known].T).max(axis=1)
    chances = np.sort(model(vectors, labels, known).predict_proba(vectors[ids]), axis=1)
    counts = pool.scores(ids)
    with_nearness, with_margin = (
        float(spearmanr(counts, one).statistic)
        for one in (nearness, chances[:, -1] - chances[:, -2])
    )
    return with_nearness, with_margin


def random_curve(parts: Split, first: Labels, seed: int) -> list[float]:
    vectors, labels, *test = parts
    rest = np.random.default_rng([seed, 7]).permutation(np.setdiff1d(np.arange(len(labels)), first))
    taken = TAKEN * len(np.unique(labels))
    return [
        accuracy(vectors, labels, np.concatenate([first, rest[: round_ * taken]]), *test)
        for round_ in range(ROUNDS + 1)
    ]


def first_labels(labels: Labels, seed: int) -> Labels:
    rng = np.random.default_rng(seed)
    kinds = np.unique(labels)
    return np.concatenate(
        [rng.permutation(np.flatnonzero(labels == kind))[:START] for kind in kinds]
    )


def accuracy(
    vectors: Vectors, labels: Labels, known: Labels, test: Vectors, answers: Labels
) -> float:
    return float(np.mean(model(vectors, labels, known).predict(test) == answers))


def model(vectors: Vectors, labels: Labels, known: Labels) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=1.0, max_iter=300, tol=1e-3).fit(vectors[known], labels[known])


def table(name: str, seed: int) -> Split:
    path = Path(os.environ["SOCBI_DATA"], "uci", f"{name}.tsv.gz")
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    place = lines[0].split("\t").index("target")
    rows = np.array([[float(one) for one in line.split("\t")] for line in lines[1:]])
    labels = rows[:, place].astype(np.int64)
    return halves(standardised(np.delete(rows, place, axis=1)), labels, seed)


def fashion(seed: int) -> Split:
    pixels = fashion_mnist()
    assert pixels is not None
    raw = Path(os.environ["SOCBI_DATA"], "fashion_mnist", "train-labels-idx1-ubyte.gz")
    labels = np.frombuffer(gzip.decompress(raw.read_bytes()), np.uint8, offset=8).astype(np.int64)
    chosen = np.random.default_rng([seed, 3]).permutation(len(labels))[:15_000]
    centred = pixels[chosen] - pixels[chosen].mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    return halves(standardised(centred @ directions[:, -64:]), labels[chosen], seed)


def standardised(rows: npt.NDArray[Any]) -> Vectors:
    spread = rows.std(axis=0)
    scaled: Vectors = ((rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1)).astype("f4")
    return scaled


def halves(vectors: Vectors, labels: Labels, seed: int) -> Split:
    """Two thirds as the pool, one to test."""
    order = np.random.default_rng([seed, 5]).permutation(len(labels))
    cut = 2 * len(order) // 3
    return (vectors[order[:cut]], labels[order[:cut]], vectors[order[cut:]], labels[order[cut:]])


if __name__ == "__main__":
    raise SystemExit(main())
