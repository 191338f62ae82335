"""What does a whole round cost? Update, sort and search, beside what one would use instead.

``python -m bench.round`` starts with 1,000 labels and then labels 128 samples a round, K = 100, at
10^5 and 10^6 samples of 128 dimensions: our boundary scorer over exact neighbours and over HNSW,
scikit-activeml's CoreSet, lightly-mundig's diversity selection and small-text's SEALS, on the same
vectors. What is built once is timed apart. ``--quick`` takes 20,000 samples. A rival whose first
round takes over a minute has no second. Needs ``pip install '.[bench]'``.

They answer different questions: ours the samples that labels hit most rarely, CoreSet and
lightly-mundig those farthest from what is labelled and chosen, SEALS random ones among the
neighbours of all labels. What is compared is what a user waits for in a round.
"""

from __future__ import annotations

import argparse
import statistics
import time
from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from bench import results
from bench.embeddings import Vectors, structured
from bench.results import Record
from socbi import SemiOrderedIndex
from socbi.neighbors import ExactNeighbors, HnswNeighbors, NeighborIndex
from socbi.scorers import BoundaryScorer

K = 100
BATCH = 128
LABELLED_FIRST = 1_000
DIM = 128
ROUNDS = 7
PATIENCE_S = 60.0
# Rivals that copy the pool into Python objects or compare all with all labels are left out here.
RIVALS_UP_TO = 300_000
Ids = npt.NDArray[np.int64]
Stages = dict[str, float]


class Contender(ABC):
    name: ClassVar[str]
    goes_beyond_rivals: ClassVar[bool] = False

    @abstractmethod
    def build(self, vectors: Vectors, labelled: Ids) -> None:
        """What is done once, before the first round."""

    @abstractmethod
    def round(self, labelled: Ids, new: Ids) -> tuple[Ids, Stages]:
        """The batch that follows on these labels, and the seconds of each stage."""


class _Boundary(Contender):
    goes_beyond_rivals = True
    neighbors: NeighborIndex

    def build(self, vectors: Vectors, labelled: Ids) -> None:
        self.neighbors.add(np.arange(len(vectors)), vectors, progress=False)
        pool = SemiOrderedIndex(len(vectors))
        self.scorer = BoundaryScorer(pool, self.neighbors, K, progress=False)
        self.scorer.observe(labelled)
        self.scorer.top(BATCH)  # compares the whole pool with the first labels, once

    def round(self, labelled: Ids, new: Ids) -> tuple[Ids, Stages]:
        vectors = self.neighbors.vectors(new)
        begin = time.perf_counter()
        told = self.scorer.observe(new)
        observed = time.perf_counter()
        batch = self.scorer.top(BATCH)
        end = time.perf_counter()
        self.neighbors.search(vectors, K, progress=False)
        return batch, {
            "search_s": told.search_s,
            "update_s": observed - begin - told.search_s,
            "sort_s": end - observed,
            "bare_search_s": time.perf_counter() - end,
        }


class BoundaryExact(_Boundary):
    name = "socbi, exact neighbours"

    def __init__(self) -> None:
        self.neighbors = ExactNeighbors(copy=False)


class BoundaryHnsw(_Boundary):
    name = "socbi, HNSW neighbours"

    def __init__(self) -> None:
        self.neighbors = HnswNeighbors(originals=True)  # as build_neighbors makes it


class CoreSet(Contender):
    """k-center greedy: computes the distances of all to all labels in each round."""

    name = "scikit-activeml CoreSet"

    def build(self, vectors: Vectors, labelled: Ids) -> None:
        from skactiveml.pool import CoreSet as Strategy

        self.vectors, self.strategy = vectors, Strategy(random_state=0)
        self.labels = np.full(len(vectors), np.nan)

    def round(self, labelled: Ids, new: Ids) -> tuple[Ids, Stages]:
        self.labels[labelled] = 0
        begin = time.perf_counter()
        batch = self.strategy.query(self.vectors, self.labels, batch_size=BATCH)
        return batch, {"search_s": time.perf_counter() - begin}


class Mundig(Contender):
    """Diversity selection in Rust; its embeddings are given to it in each round."""

    name = "lightly-mundig diversity"

    def build(self, vectors: Vectors, labelled: Ids) -> None:
        self.vectors = vectors

    def round(self, labelled: Ids, new: Ids) -> tuple[Ids, Stages]:
        from lightly_mundig import Selection

        selection = Selection()
        selection.add_diversifying_strategy(self.vectors, 1.0)
        begin = time.perf_counter()  # what it copies beforehand is not counted against it
        chosen = selection.run_selection(
            labelled.tolist(), len(self.vectors), len(labelled) + BATCH
        )
        return np.array(chosen[len(labelled) :]), {"search_s": time.perf_counter() - begin}


class Seals(Contender):
    """Random choice among the neighbours of all labels, searched anew in each round.

    Its graph has the links of ours, and what is unlabelled is told to it, not computed.
    """

    name = "small-text SEALS, random"

    def build(self, vectors: Vectors, labelled: Ids) -> None:
        from small_text.query_strategies import SEALS, RandomSampling

        self.vectors = vectors
        self.strategy = SEALS(RandomSampling(), k=K, hnsw_kwargs={"M": 16, "ef_construction": 200})
        self._query(labelled, self._unlabelled(labelled))

    def _unlabelled(self, labelled: Ids) -> Ids:
        return np.setdiff1d(np.arange(len(self.vectors)), labelled)

    def _query(self, labelled: Ids, unlabelled: Ids) -> Ids:
        batch: Ids = self.strategy.query(
            self, self.vectors, unlabelled, labelled, np.zeros(len(labelled)), n=BATCH, pbar=None
        )
        return batch

    def embed(self, dataset: Vectors, pbar: object = None) -> Vectors:
        return dataset

    def round(self, labelled: Ids, new: Ids) -> tuple[Ids, Stages]:
        unlabelled = self._unlabelled(labelled)
        begin = time.perf_counter()
        batch = self._query(labelled, unlabelled)
        return batch, {"search_s": time.perf_counter() - begin}


CONTENDERS: tuple[type[Contender], ...] = (BoundaryExact, BoundaryHnsw, CoreSet, Mundig, Seals)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.round",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--samples", type=float, nargs="+", default=[1e5, 1e6])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="20,000 samples; not kept")
    arguments = parser.parse_args()
    sizes = [20_000] if arguments.quick else [int(size) for size in arguments.samples]
    records = []
    for size in sizes:
        vectors = structured(size, DIM, arguments.seed)
        for contender in CONTENDERS:
            if size > RIVALS_UP_TO and not contender.goes_beyond_rivals:
                print(f"{size:>10,}  {contender.name}: left out, its rounds take minutes")
                continue
            records.append(measure(contender(), vectors, arguments.seed))
            print(line(records[-1]), flush=True)
    if not arguments.quick:
        print(results.write("round", records, seed=arguments.seed))
    return 0


def measure(one: Contender, vectors: Vectors, seed: int) -> Record:
    labelled = np.random.default_rng(seed).permutation(len(vectors))[:LABELLED_FIRST]
    begin = time.perf_counter()
    one.build(vectors, labelled)
    build_s = time.perf_counter() - begin
    # The first batch is drawn, so that all label alike.
    batch = np.setdiff1d(np.arange(BATCH * 20), labelled)[:BATCH]
    rounds: list[Stages] = []
    for _ in range(ROUNDS):
        labelled = np.concatenate([labelled, batch])
        batch, stages = one.round(labelled, batch)
        check(batch, labelled)
        rounds.append(stages)
        if sum(stages.values()) > PATIENCE_S:
            break
    stages = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    own = ("search_s", "update_s", "sort_s")
    totals = [sum(stages.get(name, 0.0) for name in own) for stages in rounds]
    return {
        "kind": "round",
        "contender": one.name,
        "samples": len(vectors),
        "rounds": len(rounds),
        "round_s": round(statistics.median(totals), 6),
        "build_s": round(build_s, 3),
        **{name: round(seconds, 6) for name, seconds in stages.items()},
    }


def check(batch: Ids, labelled: Ids) -> None:
    """A batch is of the size asked for, without repeats, and of samples not labelled yet."""
    if len(np.unique(batch)) != BATCH or np.isin(batch, labelled).any():
        raise AssertionError(f"a wrong batch: {batch}")


def line(record: Record) -> str:
    stages = ", ".join(
        f"{name[:-2].replace('_', ' ')} {1000 * record[name]:,.1f}"
        for name in ("search_s", "update_s", "sort_s", "bare_search_s")
        if name in record
    )
    return (
        f"{record['samples']:>10,}  {record['contender']:26} {1000 * record['round_s']:>10,.1f} ms "
        f"a round ({stages}); {record['build_s']:.1f} s once"
    )


if __name__ == "__main__":
    raise SystemExit(main())
