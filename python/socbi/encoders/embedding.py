"""From a pool to a store: every sample that has no embedding yet gets one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from socbi.encoders.encoder import Encoder, Vectors
from socbi.encoders.reading import Read, Unreadable, read_ahead, reading_threads
from socbi.errors import InvalidInputError
from socbi.pool import EmbeddingStore, Intake, Pool, Sample, SampleId
from socbi.pool.intake import OnProblem
from socbi.pool.store import Precision, Shelf

__all__ = ["Embedded", "embed"]

# Samples of a shard: what a crash may lose, and 16 MB at 512 dimensions.
SHARD_ROWS = 16_384


@dataclass
class Embedded:
    """What an `embed` did."""

    shelf: Shelf
    """Where the embeddings are."""
    new: int = 0
    """Samples that were embedded now; the others had an embedding."""
    elapsed_s: float = 0.0
    intake: Intake = field(default_factory=Intake)
    """Samples that could not be read."""

    def __str__(self) -> str:
        """Return it in words."""
        rate = self.new / self.elapsed_s if self.elapsed_s else 0.0
        words = f"{self.new:,} samples embedded in {self.elapsed_s:,.1f} s ({rate:,.0f} a second), "
        words += f"{len(self.shelf):,} in the store"
        return f"{words}\n{self.intake}" if self.intake.problems else words


def embed(
    pool: Pool,
    encoder: Encoder,
    store: EmbeddingStore,
    *,
    batch_size: int | None = None,
    shard_rows: int = SHARD_ROWS,
    dtype: Precision = "float16",
    on_problem: OnProblem = "raise",
    readers: int | None = None,
    progress: bool = True,
) -> Embedded:
    """Embed the samples of a pool that the store has no embedding of, shard by shard.

    After a crash, or Ctrl-C, the same call goes on behind the last shard that was finished, and
    ends with the very files of an undisturbed run.

    Parameters
    ----------
    batch_size
        Samples that are encoded together; as the encoder likes it by default.
    shard_rows
        Samples of a shard. Memory is bounded by one shard and three batches.
    dtype
        How a new shelf keeps the embeddings.
    on_problem
        What to do with a sample that cannot be read, such as a broken image: ``"raise"``, or
        ``"skip"`` it and list it. A skipped one is tried again by the next call.
    readers
        Threads that read and decode samples while earlier ones are encoded: by default all cores,
        or one for a pool over a data set of another library.

    Examples
    --------
    >>> import tempfile
    >>> from socbi.encoders import PixelEncoder
    >>> pool = Pool.from_arrays(images=np.zeros((5, 8, 8), np.uint8))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     done = embed(pool, PixelEncoder(4), EmbeddingStore(folder))
    ...     done.new, done.shelf.vectors([3, 4]).shape
    (5, (2, 16))
    """
    size = encoder.batch_size if batch_size is None else batch_size
    for name, value in (("batch_size", size), ("shard_rows", shard_rows)):
        if value < 1:
            raise InvalidInputError(f"{name} must be 1 or more, got {value}")
    threads = reading_threads(pool, readers)
    shelf = store.shelf(encoder.fingerprint, dtype)
    done = Embedded(shelf, intake=Intake(on_problem))
    begin = time.perf_counter()
    with store.writing():
        shelf.refresh()
        missing = [at for at, one in enumerate(pool.ids) if one not in shelf.ids()]
        shards = [missing[at : at + shard_rows] for at in range(0, len(missing), shard_rows)]
        # No batch lies across two shards: a resume makes the batches of an undisturbed run.
        batches = (shard[at : at + size] for shard in shards for at in range(0, len(shard), size))
        read = read_ahead(pool, batches, getattr(encoder, "prepare", None), threads)
        with closing(read), _bar(pool, missing, encoder, progress) as bar:
            for shard in shards:
                some = islice(read, -(-len(shard) // size))
                ids, vectors = _encoded(some, pool, encoder, done.intake, bar.update)
                shelf.append(ids, vectors)
                done.new += len(ids)
    done.intake.taken = done.new
    done.elapsed_s = time.perf_counter() - begin
    return done


def _bar(pool: Pool, missing: Sequence[int], encoder: Encoder, progress: bool) -> Any:
    """Return a bar of samples, their rate and the time left."""
    from tqdm.auto import tqdm

    return tqdm(
        total=len(pool),
        initial=len(pool) - len(missing),
        desc=f"embedding with {encoder.fingerprint.name}",
        unit="sample",
        disable=not progress,
        delay=2.0,
    )


def _encoded(
    batches: Iterable[Read],
    pool: Pool,
    encoder: Encoder,
    intake: Intake,
    report: Callable[[int], object],
) -> tuple[list[SampleId], Vectors]:
    """Return ids and vectors of those samples that could be read."""
    ids: list[SampleId] = []
    parts = [np.empty((0, encoder.dim), np.float32)]
    for read in batches:
        batch = list(_readable(read, pool, intake))
        if batch:
            vectors = encoder.encode(batch)
            if vectors.shape != (len(batch), encoder.dim):
                raise InvalidInputError(
                    f"{encoder.fingerprint.name} returned vectors of the shape {vectors.shape} for "
                    f"{len(batch)} samples and says that it has {encoder.dim} dimensions"
                )
            ids += [sample.id for sample in batch]
            parts.append(vectors)
        report(len(read))
    return ids, np.concatenate(parts)


def _readable(read: Read, pool: Pool, intake: Intake) -> Iterator[Sample]:
    for one in read:
        if isinstance(one, Unreadable):
            intake.refuse(one.kind, f"id {pool.ids[one.position]!r}", one.detail)
        else:
            yield one
