"""Ids that are the user's outside and positions inside, both ways in constant time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError, InvalidTypeError, UnknownIdError
from socbi.types import IdArray

__all__ = ["SampleId", "SampleIds", "plain"]

SampleId: TypeAlias = str | int


class SampleIds(Sequence[SampleId]):
    """Distinct ids, all strings or all whole numbers, in the order of their positions.

    While they are 0, 1, 2, ... nothing is kept; else about 150 bytes each.

    Examples
    --------
    >>> ids = SampleIds(["cat-7", "dog-1"])
    >>> ids[1], ids.position("cat-7"), ids.positions(["dog-1", "cat-7"]).tolist()
    ('dog-1', 0, [1, 0])
    """

    def __init__(self, ids: Iterable[SampleId] = ()) -> None:
        self._count = 0
        self._ids: list[SampleId] | None = None  # None: the ids are the positions
        self._positions: dict[SampleId, int] = {}
        self.extend(ids)

    @classmethod
    def numbered(cls, count: int) -> SampleIds:
        """Return the ids 0 to count-1."""
        ids = cls()
        ids._count = count
        return ids

    def extend(self, ids: Iterable[SampleId]) -> None:
        """Append ids; refuse one that is here, or of another kind, and then change nothing."""
        new = self.checked(ids)
        if self._ids is None and new == list(range(self._count, self._count + len(new))):
            self._count += len(new)
            return
        if self._ids is None:
            self._ids = list(range(self._count))
            self._positions = {one: int(one) for one in self._ids}
        self._ids += new
        self._positions |= {one: self._count + place for place, one in enumerate(new)}
        self._count += len(new)

    def checked(self, ids: Iterable[SampleId]) -> list[SampleId]:
        """Return ids that could be appended; refuse others."""
        new = [plain(one) for one in ids]
        self._check_kind(new)
        seen = set[SampleId]()
        for one in new:
            if one in self or one in seen:
                raise InvalidInputError(f"id {one!r} is given twice, or is here already")
            seen.add(one)
        return new

    def _check_kind(self, new: list[SampleId]) -> None:
        kinds = {type(one) for one in new} | ({type(self[0])} if self._count else set())
        if len(kinds) > 1:
            raise InvalidTypeError(
                "ids must be all strings or all whole numbers, got both; make them strings"
            )

    def position(self, id: SampleId) -> int:
        """Return the position of an id."""
        found = self.get(id)
        if found is None:
            raise UnknownIdError(f"no sample has the id {id!r}")
        return found

    def get(self, id: SampleId) -> int | None:
        """Return the position of an id, None if no sample has it."""
        if self._ids is not None:
            return self._positions.get(id)
        if isinstance(id, (int, np.integer)) and not isinstance(id, bool) and 0 <= id < self._count:
            return int(id)
        return None

    def positions(self, ids: Iterable[SampleId]) -> IdArray:
        """Return the positions of ids."""
        return np.fromiter((self.position(plain(one)) for one in ids), np.int64)

    def at(self, positions: npt.ArrayLike) -> list[SampleId]:
        """Return the ids at positions."""
        return [self[one] for one in np.asarray(positions, np.int64).tolist()]

    def __len__(self) -> int:
        """Return how many ids there are."""
        return self._count

    def __getitem__(self, position: int) -> SampleId:  # type: ignore[override]
        """Return the id at a position."""
        if not -self._count <= position < self._count:
            raise IndexError(f"position {position} of {self._count} samples")
        return position % self._count if self._ids is None else self._ids[position]

    def __iter__(self) -> Iterator[SampleId]:
        """Return the ids in order."""
        return iter(range(self._count)) if self._ids is None else iter(self._ids)

    def __contains__(self, id: object) -> bool:
        """Say whether a sample has this id."""
        return isinstance(id, (str, int, np.integer)) and self.get(id) is not None  # type: ignore[arg-type]


def plain(id: object) -> SampleId:
    """Return an id as a plain string or whole number."""
    if isinstance(id, str):
        return str(id)
    if isinstance(id, (int, np.integer)) and not isinstance(id, (bool, np.bool_)):
        return int(id)
    raise InvalidTypeError(f"an id must be a string or a whole number, got {id!r}")
