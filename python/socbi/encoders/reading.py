"""Samples read by threads while the ones before are encoded.

Threads, and not the worker processes of a torch DataLoader: Pillow decodes without the GIL, so they
keep all cores busy, and nothing is forked beside a GPU, pickled or copied between processes; a
sample arrives with its id and its fault. Encoders without torch read ahead, too.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

from socbi.errors import InvalidInputError, SocbiError
from socbi.pool import Pool, Sample
from socbi.pool.columns import bears_threads
from socbi.pool.intake import ProblemKind

__all__ = ["Prepare", "Read", "Unreadable", "read_ahead", "reading_threads"]

Prepare: TypeAlias = Callable[[Sample], Sample]


@dataclass(frozen=True)
class Unreadable:
    """A sample that cannot be read, and why."""

    position: int
    kind: ProblemKind
    detail: str


Read: TypeAlias = list[Sample | Unreadable]


def reading_threads(pool: Pool, threads: int | None) -> int:
    """Return how many threads may read: all cores, or one where another library reads."""
    if threads is not None:
        if threads < 1:
            raise InvalidInputError(f"readers must be 1 or more, got {threads}")
        return threads
    shared = all(bears_threads(pool.column(one)) for one in pool.modalities)
    return (os.cpu_count() or 1) if shared else 1


def read_ahead(
    pool: Pool, batches: Iterable[Sequence[int]], prepare: Prepare | None, threads: int
) -> Generator[Read, None, None]:
    """Return the samples of each batch of positions, the next batch being read already.

    So at most two batches are in memory beside the one that was returned.
    """
    with ThreadPoolExecutor(threads, "socbi-reader") as crew:

        def begun(batch: Sequence[int]) -> list[Future[Read]]:
            share = -(-len(batch) // threads)
            parts = [batch[at : at + share] for at in range(0, len(batch), share)]
            return [crew.submit(_read, pool, part, prepare) for part in parts]

        coming = deque[list[Future[Read]]]()
        try:
            for batch in batches:
                coming.append(begun(batch))
                if len(coming) > 1:
                    yield _waited_for(coming.popleft())
            if coming:
                yield _waited_for(coming.popleft())
        finally:
            crew.shutdown(wait=True, cancel_futures=True)


def _waited_for(parts: list[Future[Read]]) -> Read:
    return [one for part in parts for one in part.result()]


def _read(pool: Pool, positions: Sequence[int], prepare: Prepare | None) -> Read:
    return [_read_one(pool, position, prepare) for position in positions]


def _read_one(pool: Pool, position: int, prepare: Prepare | None) -> Sample | Unreadable:
    try:
        sample = pool.sample(position)
    except FileNotFoundError as error:
        return Unreadable(position, "missing file", str(error))
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, SocbiError):
            raise
        return Unreadable(position, "broken image", str(error))
    return sample if prepare is None else prepare(sample)
