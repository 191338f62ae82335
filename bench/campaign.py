"""Which samples does a real campaign hit, and which does it take? Recorded once, to be replayed.

So-CBI's loop: some samples are labelled at random; each newly labelled sample hits once its K
nearest samples that are still in the pool; the index gives the samples hit most rarely, which are
labelled next. The nearest are those of largest cosine, found exactly.

Needs numpy and socbi alone.
"""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from socbi import SemiOrderedIndex

Ids = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]

CACHE = Path(__file__).resolve().parent.parent / "build" / "campaigns"
LABELLED_FIRST = 1_000
BATCH = 128
SAMPLED_ONE_IN = 64
COLUMNS = 1 << 14  # 128 rows of cosines, 8 MB, stay in the cache while they are compared


@dataclass(frozen=True)
class Campaign:
    """Hits and answers, with the samples of the pool renumbered from 0 after the first labels.

    In round 0 the samples labelled at random hit their neighbours, in each later round the samples
    taken in the round before.
    """

    samples: int  # in the pool at the start
    seed: int  # orders equal scores
    hits: Ids  # (labelled, K), nearest first
    taken: Ids  # (rounds, batch), rarest first

    @property
    def rounds(self) -> int:
        return len(self.taken)

    def hits_of(self, round_: int) -> Ids:
        """The hits of one round, (labelled in the round before, K)."""
        first = len(self.hits) - (self.rounds - 1) * self.taken.shape[1]
        end = first + round_ * self.taken.shape[1]
        return self.hits[end - self.taken.shape[1] : end] if round_ else self.hits[:first]

    def replays(self) -> bool:
        """Whether the index still gives the recorded answers."""
        index = SemiOrderedIndex(self.samples, seed=self.seed)
        for round_, taken in enumerate(self.taken):
            index.add(self.hits_of(round_).ravel())
            if not np.array_equal(index.pop(len(taken))[0], taken):
                return False
        return True


Progress = Callable[[str], None]


def record(
    vectors: Vectors,
    k: int,
    *,
    seed: int,
    rounds: int,
    labelled_first: int = LABELLED_FIRST,
    batch: int = BATCH,
    progress: Progress = lambda line: None,
) -> Campaign:
    """Run the loop on unit vectors."""
    order = np.random.default_rng(seed).permutation(len(vectors))
    asking = vectors[order[:labelled_first]]
    pool = Pool(vectors[np.sort(order[labelled_first:])], seed)
    index = SemiOrderedIndex(len(pool), seed=seed)
    hits, taken = [], []
    for round_ in range(rounds):
        parts = np.split(asking, range(batch, len(asking), batch))
        hits.append(np.concatenate([pool.nearest(part, k) for part in parts]))
        index.add(hits[-1].ravel())
        taken.append(index.pop(batch)[0])
        asking = pool.remove(taken[-1])
        progress(f"round {round_ + 1} of {rounds}")
    return Campaign(len(pool), seed, np.concatenate(hits), np.stack(taken))


class Pool:
    """Unit vectors from which some are removed, and the exact nearest of those that are left."""

    def __init__(self, vectors: Vectors, seed: int) -> None:
        self._vectors = vectors
        self._inside = np.ones(len(vectors), dtype=bool)
        sampled = np.random.default_rng(seed).choice(
            len(vectors), len(vectors) // SAMPLED_ONE_IN, replace=False
        )
        self._sampled = vectors[sampled]

    def __len__(self) -> int:
        return len(self._vectors)

    def remove(self, ids: Ids) -> Vectors:
        """Take samples out; return their vectors."""
        self._inside[ids] = False
        return self._vectors[ids]

    def nearest(self, asking: Vectors, k: int) -> Ids:
        """The k nearest ids of each asking vector, (len(asking), k), nearest first."""
        rows, ids, cosines = self._beyond(self._thresholds(asking, k), asking)
        counts = np.bincount(rows, minlength=len(asking))
        if (short := counts < k).any():  # the sample promised too much: look at everything
            thresholds = np.where(short, -np.inf, np.inf).astype(np.float32)
            more = self._beyond(thresholds, asking)
            kept = ~short[rows]
            rows = np.concatenate([rows[kept], more[0]])
            ids = np.concatenate([ids[kept], more[1]])
            cosines = np.concatenate([cosines[kept], more[2]])
            counts = np.bincount(rows, minlength=len(asking))
        order = np.lexsort((ids, -cosines, rows))
        starts = np.cumsum(counts) - counts
        return ids[order][starts[:, None] + np.arange(k)]  # (asking, k)

    def _thresholds(self, asking: Vectors, k: int) -> Vectors:
        """For each asking vector a cosine that, almost surely, more than k of the pool exceed.

        It is that of a near neighbour in a sample of the pool. Of the k nearest k/64 are in the
        sample on average; its neighbour number 6 + 3k/64 lies beyond all of them but once in
        thousands of times.
        """
        rank = 6 + 3 * k // SAMPLED_ONE_IN
        if rank >= len(self._sampled):
            return np.full(len(asking), -np.inf, dtype=np.float32)
        return np.partition(asking @ self._sampled.T, -rank, axis=1)[:, -rank]

    def _beyond(self, thresholds: Vectors, asking: Vectors) -> tuple[Ids, Ids, Vectors]:
        """Rows of asking, ids in the pool and cosines of all pairs at or beyond the thresholds."""
        parts = []
        for start in range(0, len(self._vectors), COLUMNS):
            block = asking @ self._vectors[start : start + COLUMNS].T
            places = np.flatnonzero(block >= thresholds[:, None])
            rows, columns = np.divmod(places, block.shape[1])
            inside = self._inside[start + columns]
            found = block.ravel()[places]
            parts.append((rows[inside], start + columns[inside], found[inside]))
        rows, ids, cosines = (np.concatenate(part) for part in zip(*parts, strict=True))
        return rows, ids, cosines


# ---- data ----------------------------------------------------------------------------------------


class NoDataError(Exception):
    """A set that cannot be had here; the text says why."""


def fashion_mnist() -> Vectors:
    """The 60,000 training images, as unit vectors of their pixels."""
    folder = os.environ.get("SOCBI_DATA")
    if not folder:
        raise NoDataError("SOCBI_DATA, the folder that holds fashion_mnist, is not set")
    file = Path(folder) / "fashion_mnist" / "train-images-idx3-ubyte.gz"
    if not file.exists():
        raise NoDataError(f"{file} does not exist")
    with gzip.open(file) as images:
        pixels = np.frombuffer(images.read(), dtype=np.uint8, offset=16)
    return unit(pixels.reshape(60_000, 784).astype(np.float32))


def clusters(samples: int, seed: int, dimensions: int = 32) -> Vectors:
    """A mixture as embeddings are: clusters of unlike sizes, each flat in most directions.

    In random order, so that neighbours lie scattered in memory. Samples hit by everyone are
    rarer here than among real images.
    """
    rng = np.random.default_rng(seed)
    number = max(4, min(1_000, samples // 500))
    sizes = rng.multinomial(samples, rng.dirichlet(np.full(number, 2.0)))
    vectors = np.empty((samples, dimensions), dtype=np.float32)
    end = 0
    for size in sizes:
        centre = rng.normal(size=dimensions)
        axes = rng.normal(size=(rng.integers(4, 13), dimensions)) * rng.uniform(0.05, 0.4)
        spread = rng.standard_normal((size, len(axes)), dtype=np.float32)
        noise = rng.standard_normal((size, dimensions), dtype=np.float32) * np.float32(0.02)
        vectors[end : end + size] = centre + spread @ axes.astype(np.float32) + noise
        end += size
    return unit(vectors[rng.permutation(samples)])


def unit(vectors: Vectors) -> Vectors:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@dataclass(frozen=True)
class DataSet:
    """Samples by name; ``load`` takes a seed."""

    name: str
    samples: int
    load: Callable[[int], Vectors]


def of_clusters(name: str, samples: int) -> DataSet:
    return DataSet(name, samples, lambda seed: clusters(samples, seed))


SETS = {
    each.name: each
    for each in [
        DataSet("fashion-mnist", 60_000, lambda seed: fashion_mnist()),
        of_clusters("visual-genome-size", 108_077),
        of_clusters("imagenet-size", 1_281_167),
    ]
}


# ---- keeping -------------------------------------------------------------------------------------


def recorded(data: DataSet, k: int, *, seed: int, rounds: int) -> Campaign:
    """The campaign as kept in build/campaigns, recorded if it is not there.

    It is recorded anew where the index orders equal scores otherwise than it did.
    """
    file = CACHE / f"{data.name}-n{data.samples}-k{k}-seed{seed}-rounds{rounds}.npz"
    if file.exists() and (kept := read(file)).replays():
        return kept

    title = f"recording {data.name}, K = {k}"
    show(f"{title}: loading")
    campaign = record(
        data.load(seed), k, seed=seed, rounds=rounds, progress=lambda line: show(f"{title}: {line}")
    )
    show("")
    write(file, campaign)
    return campaign


def show(line: str) -> None:
    """Put the line in place of the last one, for somebody who looks on."""
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)


def write(file: Path, campaign: Campaign) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_suffix(".half.npz")
    np.savez(
        half,
        samples=campaign.samples,
        seed=campaign.seed,
        hits=campaign.hits.astype(np.int32),
        taken=campaign.taken.astype(np.int32),
    )
    half.replace(file)


def read(file: Path) -> Campaign:
    with np.load(file) as kept:
        return Campaign(
            int(kept["samples"]),
            int(kept["seed"]),
            kept["hits"].astype(np.int64),
            kept["taken"].astype(np.int64),
        )
