"""Is a representation learned without labels better than the pixels?

``python -m bench.dino`` trains a `DinoTrainer` for some minutes on training images of Fashion-MNIST
without their labels. Then it asks of its features, and of raw pixels and their principal
components, how well they tell the classes apart: by logistic regression (a linear probe) and by the
10 nearest neighbours, with the labels of the same training images, on the 10,000 test images. The
network before training takes part, too: what its architecture alone gives. Each contender has the
best of its settings, chosen on a fifth of the training images: the probe's penalty, the number of
components, cosine or Euclidean neighbours. Needs ``SOCBI_DATA`` and ``pip install -c
constraints.txt '.[bench,dino]'``. ``--quick`` trains for a moment, and keeps nothing.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench import results
from bench.embeddings import Vectors, unit
from bench.results import Record
from socbi.encoders import DinoSettings, DinoTrainer, Encoder, PixelEncoder
from socbi.neighbors import ExactNeighbors
from socbi.pool import Pool
from socbi.pool.datasets import load

Labels = npt.NDArray[np.int64]
Split = tuple[Vectors, Labels, Vectors, Labels]  # to learn from, and to be asked
NEIGHBORS = 10
COMPONENTS = (32, 64, 128, 256)
PENALTIES = (0.003, 0.01, 0.1, 1.0)  # as C of scikit-learn: small is strict

# Sized for ten minutes on one core. The crops are larger than DINO's own: a twentieth of 28 pixels
# squared shows nothing. So short a run wants a quicker teacher, and softer targets.
SETTINGS = DinoSettings(
    image_size=28, local_size=12, channels=1, backbone="small-resnet", width=96, grid=2,
    out_dim=512, hidden_dim=256, bottleneck_dim=64, local_scale=(0.2, 0.6),
    teacher_temperature=0.06, teacher_momentum=0.99, epochs=20, batch_size=64, base_rate=4e-3,
    warmup_epochs=1,
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.dino",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=SETTINGS.epochs)
    parser.add_argument("--threads", type=int, default=1, help="so small a network wants one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="512 images, one epoch; not kept")
    arguments = parser.parse_args()
    if "SOCBI_DATA" not in os.environ:
        print("SOCBI_DATA is not set: nothing to measure")
        return 0
    if arguments.quick:
        arguments.images, arguments.epochs = 512, 1
    import torch

    torch.set_num_threads(arguments.threads)
    records = measure(arguments.images, arguments.epochs, arguments.seed)
    if not arguments.quick:
        print(results.write("dino", records, seed=arguments.seed))
    return 0


def measure(images: int, epochs: int, seed: int) -> list[Record]:
    folder = Path(os.environ["SOCBI_DATA"], "fashion_mnist")
    whole, test = load("fashion_mnist", folder), load("fashion_mnist", folder, "test")
    pool = whole.subset(np.random.default_rng(seed).permutation(len(whole))[:images])
    settings = replace(SETTINGS, epochs=epochs, seed=seed)
    common = {"kind": "dino", "data": "Fashion-MNIST", "images": images, "epochs": epochs}
    records = []

    def tell(contender: str, splits: Iterable[Split], **more: object) -> None:
        records.append({**common, "contender": contender, **scores(list(splits), seed), **more})
        print(line(records[-1]), flush=True)

    pixels = split(PixelEncoder(28), pool, test)
    tell("raw pixels", [pixels])
    tell("pixels, principal components", [components(pixels, count) for count in COMPONENTS])
    with tempfile.TemporaryDirectory() as checkpoints:
        trainer = DinoTrainer(pool, checkpoints, settings)
        tell("the network untrained", [split(trainer.encoder(), pool, test)])
        begin = time.perf_counter()
        encoder = trainer.fit()
        train_s = round(time.perf_counter() - begin, 1)
    losses = [round(one.loss, 3) for one in trainer.history]
    spread = round(trainer.history[-1].feature_spread, 3)
    tell("DINO", [split(encoder, pool, test)], train_s=train_s, losses=losses, spread=spread)
    return records


def split(encoder: Encoder, pool: Pool, test: Pool) -> Split:
    return vectors_of(encoder, pool), pool.labels, vectors_of(encoder, test), test.labels


def vectors_of(encoder: Encoder, pool: Pool) -> Vectors:
    parts = [
        encoder.encode([pool.sample(at) for at in range(begin, min(begin + 512, len(pool)))])
        for begin in range(0, len(pool), 512)
    ]
    return np.concatenate(parts)


def components(pixels: Split, count: int) -> Split:
    known, labels, asked, answers = pixels
    mean = known.mean(axis=0)
    _, directions = np.linalg.eigh((known - mean).T @ (known - mean))
    chosen = directions[:, -min(count, len(known)) :]
    return (known - mean) @ chosen, labels, (asked - mean) @ chosen, answers


# ---- scores --------------------------------------------------------------------------------------


def scores(splits: list[Split], seed: int) -> Record:
    """Accuracy in percent of the setting that is best on a fifth of what is known."""
    held = [held_out(one, seed) for one in splits]
    places = range(len(splits))
    penalty, of_probe = max(
        ((one, at) for at in places for one in PENALTIES),
        key=lambda one: probe(held[one[1]], one[0]),
    )
    metric, of_neighbors = max(
        ((one, at) for at in places for one in ("cosine", "euclidean")),
        key=lambda one: by_neighbors(held[one[1]], one[0]),
    )
    return {
        "probe": round(100 * probe(splits[of_probe], penalty), 2),
        "neighbors": round(100 * by_neighbors(splits[of_neighbors], metric), 2),
        "probe_setting": f"C {penalty}, {splits[of_probe][0].shape[1]} dimensions",
        "neighbors_setting": f"{metric}, {splits[of_neighbors][0].shape[1]} dimensions",
    }


def held_out(whole: Split, seed: int) -> Split:
    vectors, labels = whole[:2]
    order = np.random.default_rng([seed, 1]).permutation(len(labels))
    cut = 4 * len(order) // 5
    return vectors[order[:cut]], labels[order[:cut]], vectors[order[cut:]], labels[order[cut:]]


def probe(parts: Split, penalty: float) -> float:
    from sklearn.linear_model import LogisticRegression

    known, labels, asked, answers = parts
    mean, spread = known.mean(axis=0), known.std(axis=0) + 1e-6
    model = LogisticRegression(C=penalty, max_iter=500, tol=1e-3)
    model.fit((known - mean) / spread, labels)
    return float(model.score((asked - mean) / spread, answers))


def by_neighbors(parts: Split, metric: str) -> float:
    known, labels, asked, answers = parts
    index = ExactNeighbors("euclidean")
    if metric == "cosine":
        known, asked = unit(known), unit(asked)
    index.add(np.arange(len(known)), known, progress=False)
    near = labels[index.search(asked, NEIGHBORS, progress=False)[0]]  # (n, 10)
    votes = np.stack([(near == kind).sum(axis=1) for kind in range(labels.max() + 1)], axis=1)
    return float(np.mean(votes.argmax(axis=1) == answers))


def line(record: Record) -> str:
    trained = f"; trained in {record['train_s']:,.0f} s" if "train_s" in record else ""
    return (
        f"{record['contender']:30} linear probe {record['probe']:.2f} ({record['probe_setting']}), "
        f"{NEIGHBORS} neighbours {record['neighbors']:.2f} ({record['neighbors_setting']}){trained}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
