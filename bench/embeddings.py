"""Which vectors are searched? Real ones where the data are, structured ones of any size.

``SOCBI_DATA`` points to the data; without it the real sets are left out with a word.
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]


def structured(n: int, d: int, seed: int) -> Vectors:
    """Classes of several clusters in few directions, of unequal size, with noise in all.

    Vectors without structure are the wrong test: there no index finds neighbours.
    """
    rng = np.random.default_rng(seed)
    clusters, rank = max(8, n // 500), min(d, 32)
    centres = rng.normal(size=(clusters, rank))
    shares = rng.pareto(1.5, clusters) + 0.2
    owner = rng.choice(clusters, n, p=shares / shares.sum())
    directions = rng.normal(size=(rank, d)) / np.sqrt(rank)
    vectors = np.empty((n, d), np.float32)
    for begin in range(0, n, 65_536):
        rows = slice(begin, min(begin + 65_536, n))
        inner = centres[owner[rows]] + 0.4 * rng.normal(size=(len(owner[rows]), rank))
        vectors[rows] = inner @ directions + 0.1 * rng.normal(size=(len(inner), d))
    return unit(vectors)


def fashion_mnist() -> Vectors | None:
    """The 60,000 training images as unit vectors of 784 grey values; None without the data."""
    folder = os.environ.get("SOCBI_DATA")
    path = Path(folder or "", "fashion_mnist", "train-images-idx3-ubyte.gz")
    if folder is None or not path.exists():
        print("SOCBI_DATA has no fashion_mnist: left out")
        return None
    pixels = np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=16)
    return unit(pixels.reshape(-1, 784).astype(np.float32))


def unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)
