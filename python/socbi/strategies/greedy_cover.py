"""The exact greedy choice of samples that serve the most, at little more than one pass.

The work is the core's (``cpp/include/socbi/cover/greedy_cover.hpp``): values in a
`SemiOrderedIndex`, which a pick updates only where it changed something.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from socbi import _core
from socbi.neighbors.cores import core_count
from socbi.strategies.cover_graph import CoverGraph
from socbi.types import IdArray

__all__ = ["Cover", "greedy_cover"]

Doubles = npt.NDArray[np.float64]

_DRAWN = "drawn by lot among samples of equal value"
# After so many picks, some ten milliseconds, and after each round of serving Ctrl-C is heard.
_PICKS_AT_ONCE = 256


@dataclass(frozen=True)
class Cover:
    """What was taken, best first."""

    ids: IdArray
    values: Doubles
    """Of each when it was taken."""
    served: list[IdArray]
    """For each the ids that it was the first to serve, itself included where it needed it."""
    tie_breaks: list[str]
    rounds: int
    """1, and one more for each time that serving began anew because all had been served."""
    updates: int
    """How many values of candidates the picks changed."""
    passes: int
    """How often the whole graph was read."""


def greedy_cover(
    cover: CoverGraph,
    weights: Doubles,
    factors: Doubles,
    candidates: IdArray,
    number: int,
    seed: int,
    before: IdArray | None = None,
) -> Cover:
    """Return ``number`` of the candidates, each the best after those before it.

    Parameters
    ----------
    cover
        Who serves whom.
    weights
        For each sample how much it needs serving, 0 or more. They are rounded so that sums of them
        are exact: to multiples of 2^-52 times the largest weight and the largest degree, both
        rounded up to powers of two.
    factors
        For each sample by what the weights that it serves are multiplied, 0 or more; the products
        must be float32 numbers.
    candidates
        Ids that may be taken; at least ``number``.
    number
        How many to take.
    seed
        Fixes the order of equal values: that of a `SemiOrderedIndex` of all samples.
    before
        Ids that serve already, as if taken first, in this order.

    Notes
    -----
    When no candidate serves anything any more, all but the samples taken need serving as much as at
    the start: a second round, which costs another pass. Once a round begins with no candidate of
    any value there are no more, and the rest are drawn by lot.
    """
    open_ = np.zeros(len(weights), np.uint8)
    open_[candidates] = 1
    greedy = _core.GreedyCover(
        cover.core,
        np.ascontiguousarray(weights, np.float64),
        np.ascontiguousarray(factors, np.float64),
        open_,
        np.empty(0, np.int64) if before is None else np.ascontiguousarray(before, np.int64),
        seed,
        core_count(),
    )
    parts = [greedy.take(0)]
    taken = 0
    while taken < number:
        parts.append(greedy.take(min(_PICKS_AT_ONCE, number - taken)))
        taken += len(parts[-1][0])
    ids, values, _, _, tied = (np.concatenate(some) for some in zip(*parts, strict=True))
    served = [one for part in parts for one in np.split(part[2], part[3][:-1])[: len(part[0])]]
    ties = [_DRAWN if one else "" for one in tied.tolist()]
    return Cover(ids, values, served, ties, greedy.rounds(), greedy.updates(), greedy.passes())
