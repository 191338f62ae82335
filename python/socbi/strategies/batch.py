"""The samples that were chosen, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.strategies.pool_state import PoolState
from socbi.types import IdArray

__all__ = ["Batch", "Explanation"]


@dataclass(frozen=True)
class Explanation:
    """Why a sample was chosen."""

    id: int
    rank: int
    """1 for the first of the batch."""
    score: float
    """What the strategy ordered by; larger is better."""
    nearest_labelled: tuple[tuple[int, float], ...] = ()
    """Ids of the nearest labelled samples with their distances, nearest first."""
    tie_break: str = ""
    """What decided among samples of equal score; empty where none was equal."""
    stands_for: tuple[int, ...] = ()
    """The pool samples that it newly serves."""


@dataclass(frozen=True)
class Batch:
    """The ids of a batch, best first, with the score of each; larger is better."""

    ids: IdArray
    scores: npt.NDArray[np.float64]
    state: PoolState = field(repr=False)
    tie_breaks: Sequence[str] | None = field(default=None, repr=False)
    stands_for: Sequence[IdArray] | None = field(default=None, repr=False)
    record: dict[str, Any] = field(default_factory=dict)
    """What the strategy tells of its round: which rule it followed, ties, K."""

    def __len__(self) -> int:
        """Return how many samples were chosen."""
        return len(self.ids)
