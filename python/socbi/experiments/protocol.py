"""How many labels a campaign starts from, and how many come in each round."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from socbi.errors import InvalidInputError
from socbi.neighbors.neighbor_index import checked_count
from socbi.types import IdArray

__all__ = ["LOW", "MID", "PAPER", "Protocol", "protocols"]


@dataclass(frozen=True)
class Protocol:
    """A start, a batch and a number of rounds.

    Examples
    --------
    >>> LOW.start_size(10), LOW.batch_size(10), LOW.rounds_in(1000, 10)
    (50, 20, 20)
    """

    name: str
    start: int
    """First labels: so many of each class, or in all."""
    batch: int
    """Labels of a round: so many for each class there is, or in all."""
    rounds: int = 20
    """After the start."""
    per_class: bool = True

    def __post_init__(self) -> None:
        for name in ("start", "batch", "rounds"):
            checked_count(getattr(self, name), name)

    def start_size(self, classes: int) -> int:
        """Return how many labels there are at first, where each class has enough samples."""
        return self.start * (classes if self.per_class else 1)

    def batch_size(self, classes: int) -> int:
        """Return how many labels a round brings."""
        return self.batch * (classes if self.per_class else 1)

    def rounds_in(self, samples: int, classes: int) -> int:
        """Return how many rounds a pool has enough samples for."""
        left = max(samples - self.start_size(classes), 0)
        return min(self.rounds, -(-left // self.batch_size(classes)))

    def first(self, labels: IdArray, classes: int, seed: int) -> IdArray:
        """Return the ids of the first labels: drawn, the same for every strategy.

        Examples
        --------
        >>> labels = np.repeat([0, 1], 50)
        >>> np.bincount(labels[LOW.first(labels, 2, seed=0)]).tolist()
        [5, 5]
        """
        order = np.random.default_rng([seed, 0]).permutation(len(labels))
        if not self.per_class:
            return order[: self.start]
        kinds = labels[order]
        some = [order[kinds == kind][: self.start] for kind in range(classes)]
        return np.concatenate(some) if some else order[:0]


LOW = Protocol("low", start=5, batch=2)
"""5 labels a class, then about 2 a class: where labels are dear."""

MID = Protocol("mid", start=20, batch=10)
"""20 labels a class, then 10 a class."""

PAPER = Protocol("paper", start=1000, batch=128, per_class=False)
"""1,000 labels, then 128, as papers on networks have it."""

_BY_NAME = {one.name: one for one in (LOW, MID, PAPER)}


def protocols(*names: str) -> tuple[Protocol, ...]:
    """Return the protocols of these names, all that there are by default.

    Examples
    --------
    >>> [one.batch for one in protocols("low", "paper")]
    [2, 128]
    """
    unknown = [name for name in names if name not in _BY_NAME]
    if unknown:
        raise InvalidInputError(f"there is no protocol {unknown[0]!r}, only {', '.join(_BY_NAME)}")
    return tuple(_BY_NAME[name] for name in names or _BY_NAME)
