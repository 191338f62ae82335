"""From a pool to the first files of a session, and from more samples to more rows of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from socbi.encoders import Encoder, embed
from socbi.errors import InvalidInputError, InvalidTypeError
from socbi.pool import EmbeddingStore, Pool, SampleId, SampleIds, Shelf
from socbi.pool.intake import OnProblem
from socbi.session.samples import contents_of
from socbi.session.vector_file import checked_vectors, pieces

__all__ = ["Embeddings", "Incoming", "PoolChoice", "check_some", "incoming", "numbered_from"]

PoolChoice: TypeAlias = Pool | Sequence[SampleId] | None
"""A pool, or the ids alone, or nothing for the ids 0 to n-1."""

Embeddings: TypeAlias = npt.ArrayLike | Path | str | Shelf
"""An array with a row a sample, the path of such an ``.npy`` file, or a shelf of a store."""

# Rows that are read from a store at a time.
_ROWS = 16_384


@dataclass(frozen=True)
class Incoming:
    """Samples that are to join, with their embeddings."""

    ids: Sequence[SampleId]
    pool: Pool | None
    positions: Sequence[int]
    """Of the samples within ``pool``, or within what was given."""
    array: npt.NDArray[Any] | None
    shelf: Shelf | None
    embed_s: float

    @property
    def dim(self) -> int:
        """Return the number of dimensions."""
        if self.shelf is not None:
            return self.shelf.dim
        assert self.array is not None
        return int(self.array.shape[1])

    @property
    def dtype(self) -> str:
        """Return the type that their embeddings are kept in."""
        if self.shelf is not None:
            return str(self.shelf.dtype)
        assert self.array is not None
        return "float16" if self.array.dtype == np.float16 else "float32"

    @property
    def encoder(self) -> str | None:
        """Return the key of what made the embeddings, None where they were given as an array."""
        return None if self.shelf is None else self.shelf.fingerprint.key

    def only(self, places: Sequence[int]) -> Incoming:
        """Return some of them."""
        chosen = [self.positions[one] for one in places]
        ids = [self.ids[one] for one in places]
        return Incoming(ids, self.pool, chosen, self.array, self.shelf, self.embed_s)

    def vectors(self) -> Iterator[npt.NDArray[Any]]:
        """Return the embeddings, in pieces."""
        if self.array is not None and len(self.positions) == len(self.array):
            yield from pieces(self.array)
            return
        for begin in range(0, len(self.ids), _ROWS):
            if self.shelf is not None:
                yield self.shelf.vectors(self.ids[begin : begin + _ROWS])
            elif self.array is not None:
                yield self.array[np.asarray(self.positions[begin : begin + _ROWS], np.int64)]

    def contents(self) -> Iterator[dict[str, Any]]:
        """Return what to show of each."""
        if self.pool is None:
            return ({} for _ in self.ids)
        return contents_of(self.pool, self.positions)


def incoming(
    pool: PoolChoice,
    embeddings: Embeddings | None,
    encoder: Encoder | None,
    folder: Path,
    *,
    on_problem: OnProblem,
    progress: bool,
) -> Incoming:
    """Return the samples of a pool with their embeddings, made by the encoder where none are given.

    Samples that the encoder cannot read are left out where ``on_problem`` says so.
    """
    if (embeddings is None) == (encoder is None):
        raise InvalidInputError("give either embeddings= or encoder=, which makes them")
    if pool is not None and not isinstance(pool, (Pool, Sequence)):
        raise InvalidTypeError(
            "pool must be a Pool, a sequence of ids, or None for the ids 0 to n-1, got "
            f"{type(pool).__name__}"
        )
    if encoder is not None:
        if not isinstance(pool, Pool):
            raise InvalidTypeError("an encoder needs a Pool, whose samples it embeds")
        return _embedded(pool, encoder, folder, on_problem, progress)
    if isinstance(embeddings, Shelf):
        if pool is None:
            raise InvalidInputError("a shelf of embeddings needs the pool, or its ids")
        found = _from_shelf(pool, embeddings, 0.0)
        check_some(found, len(pool))
        return found
    array = _array(embeddings)
    ids = _ids_of(pool, len(array))
    rows = checked_vectors(array, len(ids))
    known = pool if isinstance(pool, Pool) else None
    return Incoming(ids, known, range(len(ids)), rows, None, 0.0)


def _embedded(
    pool: Pool, encoder: Encoder, folder: Path, on_problem: OnProblem, progress: bool
) -> Incoming:
    begin = time.perf_counter()
    store = EmbeddingStore(folder / "embeddings")
    done = embed(pool, encoder, store, on_problem=on_problem, progress=progress)
    return _from_shelf(pool, done.shelf, time.perf_counter() - begin)


def _from_shelf(pool: Pool | Sequence[SampleId], shelf: Shelf, embed_s: float) -> Incoming:
    ids = _ids_of(pool, len(pool))
    there = shelf.ids()
    kept = [place for place, id in enumerate(ids) if id in there]
    known = pool if isinstance(pool, Pool) else None
    return Incoming([ids[one] for one in kept], known, kept, None, shelf, embed_s)


def check_some(coming: Incoming, given: int) -> None:
    """Refuse samples of which none has an embedding."""
    if given and not coming.ids:
        assert coming.shelf is not None
        raise InvalidInputError(
            f"none of {given:,} samples has an embedding of {coming.shelf.fingerprint.name}; give "
            "samples that can be read, or embed the pool first"
        )


def _array(embeddings: Any) -> npt.NDArray[Any]:
    if isinstance(embeddings, (str, Path)):
        try:
            found: npt.NDArray[Any] = np.load(embeddings, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise InvalidInputError(
                f"embeddings cannot be read from {embeddings}: {error}; give an .npy file"
            ) from error
        return found
    return np.asanyarray(embeddings)


def _ids_of(pool: PoolChoice, count: int) -> Sequence[SampleId]:
    if pool is None:
        return range(count)
    if isinstance(pool, Pool):
        return pool.ids
    return list(SampleIds(pool))


def numbered_from(coming: Incoming, first: int) -> Incoming:
    """Return samples without ids of their own under the next numbers."""
    ids = range(first, first + len(coming.ids))
    return Incoming(ids, None, coming.positions, coming.array, coming.shelf, coming.embed_s)
