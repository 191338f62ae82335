"""Several encoders side by side: one vector for samples of image, text and table."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from socbi.encoders.encoder import Encoder, Vectors
from socbi.errors import InvalidInputError
from socbi.pool import Fingerprint, Sample
from socbi.pool.pool import Modality

__all__ = ["FusedEncoder"]

Part = tuple[Encoder, Modality, float]


class FusedEncoder:
    """The vectors of several encoders, each at length 1 times its weight, side by side.

    The whole has length 1. Where a sample lacks what an encoder needs, that part is zeros and the
    others take its share, so that samples with and without it can be compared.

    Parameters
    ----------
    parts
        Encoder, what it needs (``"image"``, ``"text"`` or ``"table"``), and its weight.

    Examples
    --------
    >>> from socbi.encoders import PixelEncoder, TableEncoder
    >>> from socbi.pool import Pool
    >>> images = np.full((2, 4, 4), 200, np.uint8)
    >>> pool = Pool.from_arrays(images=images, table={"age": [1, 3]})
    >>> fused = FusedEncoder([(PixelEncoder(1), "image", 1.0), (TableEncoder(pool), "table", 1.0)])
    >>> (10 * fused.encode(list(pool))).astype(int).tolist()
    [[7, -7], [7, 7]]
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        if not parts:
            raise InvalidInputError("a fused encoder needs at least one part, got none")
        for _, modality, weight in parts:
            if modality not in ("image", "text", "table"):
                raise InvalidInputError(
                    f"a part needs 'image', 'text' or 'table', got {modality!r}"
                )
            if not 0 < weight < float("inf"):
                raise InvalidInputError(f"weights must be above 0 and finite, got {weight}")
        self._parts = tuple(parts)

    @property
    def dim(self) -> int:
        """Return the number of dimensions of all parts."""
        return sum(encoder.dim for encoder, _, _ in self._parts)

    @property
    def batch_size(self) -> int:
        """Return the smallest that a part likes."""
        return min(encoder.batch_size for encoder, _, _ in self._parts)

    @property
    def fingerprint(self) -> Fingerprint:
        """Return what tells this encoder from every other: its parts and their weights."""
        keys = [
            f"{one.fingerprint.key} {modality} {weight}" for one, modality, weight in self._parts
        ]
        names = " + ".join(one.fingerprint.name for one, _, _ in self._parts)
        digest = hashlib.sha256("\n".join(keys).encode()).hexdigest()[:16]
        return Fingerprint(names, digest, "parts at length 1, weighted", self.dim)

    def encode(self, batch: Sequence[Sample]) -> Vectors:
        """Return the vectors side by side."""
        whole = np.zeros((len(batch), self.dim), np.float32)
        begin = 0
        for encoder, modality, weight in self._parts:
            there = [row for row, sample in enumerate(batch) if _has(sample, modality)]
            if there:
                vectors = encoder.encode([batch[row] for row in there])
                whole[there, begin : begin + encoder.dim] = weight * _directions(vectors)
            begin += encoder.dim
        return _directions(whole)


def _has(sample: Sample, modality: Modality) -> bool:
    content = {"image": sample.image, "text": sample.text, "table": sample.row}[modality]
    return content is not None and content != ""


def _directions(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)
