"""Texts as vectors by the words that they share: no model, no download."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from socbi.encoders.encoder import Vectors
from socbi.encoders.whole_file import writing_whole
from socbi.errors import InvalidInputError
from socbi.pool import Fingerprint, Pool, Sample

__all__ = ["WordEncoder"]

# Texts that are learned from, evenly over the pool: of a million, these know the same words.
_LEARNED = 100_000
# Terms that are counted at a time, some 200 MB; the rarest are dropped when there are more.
_COUNTED = 2_000_000
_FORM = 1


class WordEncoder:
    """Words and pairs of words, weighted by how rare they are, reduced to a few dimensions.

    It is tf-idf and a truncated SVD, learned from the texts of the pool that it was made for, and
    the same for the same texts. Vectors have the length 1; that of a text without a known word is
    all zeros. A sentence encoder (`TextEncoder`) knows which words mean the same, and is better
    where there is one.

    Parameters
    ----------
    pool
        With texts. It learns from 100,000 of them at most, evenly spaced, so that its memory is
        bounded whatever the size of the pool.
    dimensions
        At most so many; fewer where the texts span no more.
    most_terms
        So many words and pairs are known, the most frequent ones.

    Examples
    --------
    >>> pool = Pool.from_arrays(text=["a red cat", "the red cat", "a loud horn", "the loud horn"])
    >>> vectors = WordEncoder(pool, dimensions=2).encode(list(pool))
    >>> sorted(np.argsort(-(vectors @ vectors[1])).tolist()[:2])
    [0, 1]
    """

    batch_size = 4096

    def __init__(self, pool: Pool, *, dimensions: int = 128, most_terms: int = 20_000) -> None:
        for name, value in (("dimensions", dimensions), ("most_terms", most_terms)):
            if not isinstance(value, int) or value < 1:
                raise InvalidInputError(f"{name} must be a whole number from 1, got {value!r}")
        texts = _spaced(pool)
        terms, counts = _frequent(texts, _counter(None).build_analyzer(), most_terms)
        self._become(terms, np.log((1 + len(texts)) / (1 + counts)) + 1, None)
        self._components = _components(self._weighted(texts), dimensions)

    def _become(
        self, terms: list[str], rarity: npt.NDArray[np.floating], components: Vectors | None
    ) -> None:
        self._terms = terms
        self._rarity = rarity.astype(np.float32)
        self._counter = _counter(terms)
        if components is not None:
            self._components = components

    @property
    def dim(self) -> int:
        """Return the number of dimensions."""
        return len(self._components)

    @property
    def terms(self) -> tuple[str, ...]:
        """Return the words and pairs that are known."""
        return tuple(self._terms)

    @property
    def fingerprint(self) -> Fingerprint:
        """Return what tells this encoder from every other: what it has learned."""
        learned = hashlib.sha256(_packed(self._terms).tobytes())
        learned.update(self._rarity.tobytes() + self._components.tobytes())
        return Fingerprint("words", learned.hexdigest()[:16], "words and pairs, tf-idf", self.dim)

    def encode(self, batch: Sequence[Sample]) -> Vectors:
        """Return a vector for each text."""
        texts = []
        for sample in batch:
            if sample.text is None:
                raise InvalidInputError(f"sample {sample.id!r} has no text; this encoder needs one")
            texts.append(sample.text)
        if not texts:
            return np.empty((0, self.dim), np.float32)
        vectors = np.asarray(self._weighted(texts) @ self._components.T, np.float32)
        return _of_length_one(vectors)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what was learned into a file: beside, and then renamed."""
        with writing_whole(path) as file:
            np.savez(
                file,
                form=np.array(_FORM),
                terms=_packed(self._terms),
                rarity=self._rarity,
                components=self._components,
            )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> WordEncoder:
        """Open what `save` wrote: samples that join are encoded by the same words."""
        try:
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as held:
                form, packed = int(held["form"]), held["terms"].tobytes()
                rarity, components = held["rarity"], held["components"]
        except FileNotFoundError:
            raise
        except (OSError, ValueError, EOFError, LookupError, BadZipFile) as error:
            raise InvalidInputError(f"{path} is no saved WordEncoder: {error}") from error
        if form != _FORM:
            raise InvalidInputError(f"{path} has form {form} and this socbi reads form {_FORM}")
        found = cls.__new__(cls)
        found._become(packed.decode(errors="surrogatepass").split("\n"), rarity, components)
        return found

    def _weighted(self, texts: Sequence[str]) -> Any:
        """Return a sparse row of length 1 for each text, a column a term."""
        from sklearn.preprocessing import normalize

        rows = self._counter.transform(texts).astype(np.float32)
        rows.data = (1 + np.log(rows.data)) * self._rarity[rows.indices]
        return normalize(rows, copy=False)


def _spaced(pool: Pool) -> list[str]:
    """Return the texts that are learned from."""
    texts = pool.column("text")
    if not len(texts):
        raise InvalidInputError("the pool has no texts to learn from")
    step = -(-len(texts) // _LEARNED)
    return [texts[position] for position in range(0, len(texts), step)]


def _counter(terms: list[str] | None) -> Any:
    from sklearn.feature_extraction.text import CountVectorizer

    # Single letters are words: "a" and "I" tell questions apart.
    return CountVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", vocabulary=terms)


def _frequent(
    texts: Iterable[str], taken_apart: Callable[[str], list[str]], most: int
) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Return the terms of most texts, and how many texts have each."""
    counts = Counter[str]()
    least = 1
    for text in texts:
        counts.update(set(taken_apart(text)))
        while len(counts) > _COUNTED:
            least += 1
            counts = Counter({term: count for term, count in counts.items() if count >= least})
    twice = {term: count for term, count in counts.items() if count > 1}
    # What one text alone has says nothing of any other.
    chosen = sorted((twice or counts).items(), key=lambda one: (-one[1], one[0]))[:most]
    if not chosen:
        raise InvalidInputError("the texts have no words to learn from")
    return [term for term, _ in chosen], np.array([count for _, count in chosen], np.float64)


def _components(rows: Any, dimensions: int) -> Vectors:
    """Return the directions in which texts differ most, (dimensions, terms)."""
    from sklearn.utils.extmath import randomized_svd

    number = min(dimensions, *rows.shape)
    _, values, directions = randomized_svd(rows, number, random_state=0)
    spanned = max(1, int((values > 1e-5 * values[0]).sum()))
    return np.ascontiguousarray(directions[:spanned], np.float32)


def _of_length_one(vectors: Vectors) -> Vectors:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    # Rounding leaves crumbs of a text that lies in none of the directions.
    found: Vectors = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 1e-6)
    return found


def _packed(terms: Sequence[str]) -> npt.NDArray[np.uint8]:
    return np.frombuffer("\n".join(terms).encode(errors="surrogatepass"), np.uint8)
