"""From a pool to a store: every sample that has no embedding yet gets one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from socbi.encoders.encoder import Encoder, Vectors
from socbi.errors import InvalidInputError, SocbiError
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
        Samples of a shard. Memory is bounded by one shard and one batch.
    dtype
        How a new shelf keeps the embeddings.
    on_problem
        What to do with a sample that cannot be read, such as a broken image: ``"raise"``, or
        ``"skip"`` it and list it. A skipped one is tried again by the next call.

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
    shelf = store.shelf(encoder.fingerprint, dtype)
    done = Embedded(shelf, intake=Intake(on_problem))
    begin = time.perf_counter()
    with store.writing():
        shelf.refresh()
        missing = [at for at, one in enumerate(pool.ids) if one not in shelf.ids()]
        from tqdm.auto import tqdm

        with tqdm(
            total=len(pool),
            initial=len(pool) - len(missing),
            desc=f"embedding with {encoder.fingerprint.name}",
            unit="sample",
            disable=not progress,
            delay=2.0,
        ) as steps:
            for first in range(0, len(missing), shard_rows):
                shard = missing[first : first + shard_rows]
                ids, vectors = _encoded(pool, shard, encoder, size, done.intake, steps.update)
                shelf.append(ids, vectors)
                done.new += len(ids)
    done.intake.taken = done.new
    done.elapsed_s = time.perf_counter() - begin
    return done


def _encoded(
    pool: Pool,
    positions: Sequence[int],
    encoder: Encoder,
    size: int,
    intake: Intake,
    report: Callable[[int], object],
) -> tuple[list[SampleId], Vectors]:
    """Return ids and vectors of the samples at these positions that can be read."""
    ids: list[SampleId] = []
    parts = [np.empty((0, encoder.dim), np.float32)]
    for first in range(0, len(positions), size):
        some = positions[first : first + size]
        batch = list(_readable(pool, some, intake))
        if batch:
            vectors = encoder.encode(batch)
            if vectors.shape != (len(batch), encoder.dim):
                raise InvalidInputError(
                    f"{encoder.fingerprint.name} returned vectors of the shape {vectors.shape} for "
                    f"{len(batch)} samples and says that it has {encoder.dim} dimensions"
                )
            ids += [sample.id for sample in batch]
            parts.append(vectors)
        report(len(some))
    return ids, np.concatenate(parts)


def _readable(pool: Pool, positions: Sequence[int], intake: Intake) -> Iterator[Sample]:
    for position in positions:
        try:
            sample = pool.sample(position)
        except FileNotFoundError as error:
            intake.refuse("missing file", f"id {pool.ids[position]!r}", str(error))
        except (OSError, SyntaxError, ValueError) as error:
            if isinstance(error, SocbiError):
                raise
            intake.refuse("broken image", f"id {pool.ids[position]!r}", str(error))
        else:
            yield sample
