"""Which row holds the vector of which id, and whether it may still be found.

Rows are what the makers count: the order in which vectors came in. A row that was removed stays
where it is, dead, until a compaction; a row without an id (-1) is left over from an interrupted
`add` and was never alive.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError, UnknownIdError
from socbi.types import IdArray

__all__ = ["IdRows"]

Mask = npt.NDArray[np.bool_]


class IdRows:
    """Ids to rows and back, both vectorised.

    While the ids are 0, 1, 2, ... in the order of the rows nothing but a byte a row is kept; else
    24 bytes more.
    """

    def __init__(self, ids: IdArray | None = None, alive: Mask | None = None) -> None:
        self._alive: Mask = np.empty(0, np.bool_)
        self._count = 0
        self._living = 0
        self._ids: IdArray | None = None  # None: row r holds id r
        self._sorted_ids: IdArray = np.empty(0, np.int64)
        self._sorted_rows: IdArray = np.empty(0, np.int64)
        if ids is not None and alive is not None:
            self._fill(ids, alive)

    def _fill(self, ids: IdArray, alive: Mask) -> None:
        """Take over rows as they were saved; of the rows that one id had, the last counts."""
        self._alive = alive.copy()
        self._count = len(ids)
        self._living = int(alive.sum())
        if not np.array_equal(ids, np.arange(len(ids))):
            self._ids = ids.copy()
            last_first, place = np.unique(ids[::-1], return_index=True)
            known = last_first >= 0
            self._sorted_ids = last_first[known]
            self._sorted_rows = (len(ids) - 1 - place)[known]

    def __len__(self) -> int:
        """Return the number of rows, dead ones too."""
        return self._count

    @property
    def living(self) -> int:
        """Return how many rows may be found."""
        return self._living

    @property
    def alive(self) -> Mask:
        """Return for each row whether it may be found; do not change it."""
        return self._alive[: self._count]

    @property
    def nbytes(self) -> int:
        """Return the bytes held."""
        arrays = [self._alive, self._sorted_ids, self._sorted_rows]
        return sum(one.nbytes for one in arrays) + (0 if self._ids is None else self._ids.nbytes)

    def ids(self) -> IdArray:
        """Return the id of each row."""
        return np.arange(self._count) if self._ids is None else self._ids[: self._count]

    def ids_at(self, rows: IdArray) -> IdArray:
        """Return the ids of these rows; -1 stays -1."""
        if self._ids is None:
            return rows
        return np.where(rows >= 0, self._ids[np.maximum(rows, 0)], -1)

    def find(self, ids: IdArray) -> IdArray:
        """Return the living row of each id, -1 where there is none."""
        rows = self._last_rows(ids)
        known = np.flatnonzero(rows >= 0)
        rows[known[~self._alive[rows[known]]]] = -1
        return rows

    def _last_rows(self, ids: IdArray) -> IdArray:
        """Return the last row, dead or alive, that each id had; -1 where it never had one."""
        if self._ids is None:
            return np.where((ids >= 0) & (ids < self._count), ids, -1)
        if len(self._sorted_ids) == 0:
            return np.full(len(ids), -1)
        place = np.searchsorted(self._sorted_ids, ids)
        place[place == len(self._sorted_ids)] = 0
        return np.where(self._sorted_ids[place] == ids, self._sorted_rows[place], -1)

    def rows_of(self, ids: IdArray) -> IdArray:
        """Return the living row of each id; every id must have one."""
        rows = self.find(ids)
        missing = np.flatnonzero(rows < 0)
        if len(missing):
            raise UnknownIdError(
                f"id {ids[missing[0]]} is not in this neighbour index, which holds {self._living} "
                f"ids ({len(missing)} of the {len(ids)} given are not in it); add() it first"
            )
        return rows

    def dead_rows_of(self, ids: IdArray) -> IdArray:
        """Return the dead row of each id; every id must have one."""
        rows = self._last_rows(ids)
        wrong = np.flatnonzero((rows < 0) | (self.find(ids) >= 0))
        if len(wrong):
            raise UnknownIdError(
                f"id {ids[wrong[0]]} was not removed from this neighbour index, or a compaction "
                "has dropped it since; add() it"
            )
        return rows

    def chosen(self, mask: Mask) -> Mask:
        """Return for each row whether a mask over the ids has its id."""
        ids = self.ids()
        inside = (ids >= 0) & (ids < len(mask))
        chosen = np.zeros(len(ids), np.bool_)
        if inside.all():
            np.take(mask, ids, out=chosen)
        else:
            chosen[inside] = mask[ids[inside]]
        return chosen

    def check_new(self, ids: IdArray) -> None:
        """Refuse ids that are negative, given twice, or here already."""
        if len(ids) and int(ids.min()) < 0:
            raise InvalidInputError(
                f"ids must be 0 or more, got {ids.min()}: -1 says that there is no neighbour"
            )
        ordered = np.sort(ids)
        twice = np.flatnonzero(ordered[1:] == ordered[:-1])
        if len(twice):
            raise InvalidInputError(f"id {ordered[twice[0]]} is given twice; give each id once")
        here = np.flatnonzero(self.find(ids) >= 0)
        if len(here):
            raise InvalidInputError(
                f"id {ids[here[0]]} is in this neighbour index already; remove() it first to give "
                "it another vector"
            )

    def append(self, ids: IdArray) -> None:
        """Give the next rows these ids, alive. An id whose row is dead moves to the new row."""
        first, end, living = self._count, self._count + len(ids), self._living + len(ids)
        if self._ids is None and not np.array_equal(ids, np.arange(first, end)):
            self._write_ids_down()
        alive = self._extended(end, alive=True)
        all_ids, by_id = self._ids, (self._sorted_ids, self._sorted_rows)
        if all_ids is not None:
            all_ids = np.concatenate([all_ids, ids])
            by_id = self._merged(ids, np.arange(first, end))
        # All at once: an interruption finds the rows as they were or as they will be.
        self._alive, self._count, self._living, self._ids = alive, end, living, all_ids
        self._sorted_ids, self._sorted_rows = by_id

    def append_dead(self, count: int) -> None:
        """Pass over rows that were stored and never got an id."""
        if count == 0:
            return
        if self._ids is None:
            self._write_ids_down()
        end = self._count + count
        alive = self._extended(end, alive=False)
        all_ids = np.concatenate([self.ids(), np.full(count, -1)])
        self._alive, self._count, self._ids = alive, end, all_ids

    def kill(self, rows: IdArray) -> None:
        """Let these living rows be found no more."""
        living = self._living - len(rows)
        self._alive[rows] = False
        self._living = living

    def revive(self, rows: IdArray) -> None:
        """Let these dead rows be found again."""
        living = self._living + len(rows)
        self._alive[rows] = True
        self._living = living

    def _extended(self, end: int, *, alive: bool) -> Mask:
        """Return who is alive with more rows behind those that count."""
        longer = self._alive
        if end > len(longer):
            longer = np.zeros(max(end, len(longer) * 5 // 4), np.bool_)
            longer[: self._count] = self._alive[: self._count]
        longer[self._count : end] = alive
        return longer

    def _write_ids_down(self) -> None:
        self._sorted_ids = self._sorted_rows = self._ids = np.arange(self._count)

    def _merged(self, ids: IdArray, rows: IdArray) -> tuple[IdArray, IdArray]:
        """Return the sorted ids and rows with these; an id that had a row gets the new one."""
        order = np.argsort(ids)
        ids, rows = ids[order], rows[order]
        place = np.searchsorted(self._sorted_ids, ids)
        inside = np.minimum(place, max(len(self._sorted_ids) - 1, 0))
        known = self._sorted_ids[inside] == ids if len(self._sorted_ids) else place < 0
        moved = self._sorted_rows.copy()
        moved[place[known]] = rows[known]
        sorted_rows = np.insert(moved, place[~known], rows[~known])
        return np.insert(self._sorted_ids, place[~known], ids[~known]), sorted_rows
