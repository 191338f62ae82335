"""How long embeddings will take: a batch of made samples is encoded, and told how fast."""

from __future__ import annotations

import time

import numpy as np

from socbi.encoders import Encoder
from socbi.errors import InvalidInputError
from socbi.pool import Pool

__all__ = ["made_samples", "seconds_a_sample"]

_MOST = 32
_COLUMNS = 20
_WORDS = (
    "what does a sentence of some twenty words cost to read for a model that was made to read it"
)


def made_samples(kind: str, *, side: int = 224) -> Pool:
    """Return samples for an encoder: images of noise, texts of twenty words or rows of numbers."""
    if kind in ("text", "words"):
        return Pool.from_arrays(text=[f"{_WORDS} {at}" for at in range(_MOST)])
    if kind == "table":
        numbers = np.random.default_rng(0).normal(size=(_COLUMNS, _MOST)).tolist()
        return Pool.from_arrays(table={f"column {at}": one for at, one in enumerate(numbers)})
    if kind in ("clip", "dino", "pixels"):
        pixels = np.random.default_rng(0).integers(0, 256, (_MOST, side, side, 3), np.uint8)
        return Pool.from_arrays(images=pixels)
    raise InvalidInputError(f"there is no probe of the encoder {kind!r}")


def seconds_a_sample(encoder: Encoder, samples: Pool) -> float:
    """Return what a sample takes once the encoder is warm, without reading it from the disk."""
    batch = list(samples)[: encoder.batch_size]
    encoder.encode(batch[:1])
    began = time.perf_counter()
    encoder.encode(batch)
    return (time.perf_counter() - began) / len(batch)
