"""How long embeddings will take: a batch of made samples is encoded, and told how fast."""

from __future__ import annotations

import time

import numpy as np

from socbi.encoders import Encoder
from socbi.errors import InvalidInputError
from socbi.pool import Pool

__all__ = ["seconds_a_sample"]

_MOST = 32
_WORDS = (
    "what does a sentence of some twenty words cost to read for a model that was made to read it"
)


def seconds_a_sample(encoder: Encoder, kind: str, *, side: int = 224) -> float:
    """Return what a sample takes once the encoder is warm, without reading it from the disk.

    Images are made of noise, ``side`` pixels to a side; texts have twenty words.
    """
    number = min(_MOST, encoder.batch_size)
    if kind == "text":
        pool = Pool.from_arrays(text=[f"{_WORDS} {at}" for at in range(number)])
    elif kind in ("clip", "dino", "pixels"):
        pixels = np.random.default_rng(0).integers(0, 256, (number, side, side, 3), np.uint8)
        pool = Pool.from_arrays(images=pixels)
    else:
        raise InvalidInputError(f"there is no probe of the encoder {kind!r}")
    samples = list(pool)
    encoder.encode(samples[:1])
    began = time.perf_counter()
    encoder.encode(samples)
    return (time.perf_counter() - began) / number
