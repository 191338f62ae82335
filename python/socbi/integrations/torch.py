"""Ids as a sampler of torch's loaders, which goes on where it stopped.

Torch itself is not imported: a loader takes any sampler that can be iterated and has a length.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError, UnknownIdError
from socbi.neighbors.neighbor_index import checked_count, checked_distinct
from socbi.types import IdArray

__all__ = ["LabelledSampler"]


class LabelledSampler:
    """The labelled ids in a new order each epoch; give it to a ``DataLoader`` as its ``sampler``.

    The order of an epoch follows from the seed, its number and the ids alone. With `state_dict` and
    `load_state_dict` a run that was cut off goes on with the next id of the same epoch. (The
    workers of a loader read ahead: what they took counts as given.)

    Parameters
    ----------
    ids
        Positions in the data set, as strategies return them.
    seed
        Of the orders.
    shuffle
        Without, every epoch has the order of ``ids``.

    Examples
    --------
    >>> sampler = LabelledSampler([4, 7, 9], seed=1)
    >>> sorted(sampler), len(sampler)
    ([4, 7, 9], 3)
    >>> sampler.extend([2])
    >>> sorted(sampler)
    [2, 4, 7, 9]
    """

    def __init__(self, ids: npt.ArrayLike, seed: int = 0, *, shuffle: bool = True) -> None:
        self._ids = _checked_ids(ids)
        self._seed = checked_count(seed, "seed", least=0)
        self._shuffle = shuffle
        self._epoch = 0
        self._given = 0  # of this epoch

    def extend(self, ids: npt.ArrayLike) -> None:
        """Take in ids that were labelled; an epoch under way is begun anew."""
        more = _checked_ids(ids)
        self._ids = _checked_ids(np.concatenate([self._ids, more]))
        self._given = 0

    def __len__(self) -> int:
        """Return the number of ids of a whole epoch, also where one goes on in its middle."""
        return len(self._ids)

    def __iter__(self) -> Iterator[int]:
        """Give the rest of the epoch under way; a new one if it was given whole."""
        if self._given >= len(self._ids):
            self._begin_next()
        ids, order = self._ids, self._order()
        while self._given < len(order):
            self._given += 1
            yield int(order[self._given - 1])
            if self._ids is not ids:  # others came in, and the epoch begins anew
                ids, order = self._ids, self._order()
        self._begin_next()

    def _begin_next(self) -> None:
        self._epoch += 1
        self._given = 0

    def state_dict(self) -> dict[str, Any]:
        """Return where it stands, as plain numbers and lists."""
        return {
            "ids": self._ids.tolist(),
            "seed": self._seed,
            "shuffle": self._shuffle,
            "epoch": self._epoch,
            "given": self._given,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Stand where another stood; a state that is not whole changes nothing."""
        missing = {"ids", "seed", "shuffle", "epoch", "given"} - set(state)
        if missing:
            raise InvalidInputError(
                f"state must be what state_dict returned, and has no {sorted(missing)[0]!r}"
            )
        ids = _checked_ids(state["ids"])
        given = checked_count(state["given"], "given", least=0)
        if given > len(ids):
            raise InvalidInputError(f"given must be {len(ids)} or less, got {given}")
        epoch = checked_count(state["epoch"], "epoch", least=0)
        self._seed = checked_count(state["seed"], "seed", least=0)
        self._ids, self._given, self._epoch = ids, given, epoch
        self._shuffle = bool(state["shuffle"])

    def _order(self) -> IdArray:
        if not self._shuffle:
            return self._ids
        return np.random.default_rng([self._seed, self._epoch]).permutation(self._ids)


def _checked_ids(ids: npt.ArrayLike) -> IdArray:
    found = checked_distinct(ids, "ids")
    if len(found) and found.min() < 0:
        raise UnknownIdError(f"ids must be 0 or more, got {found.min()}")
    return found.copy()
