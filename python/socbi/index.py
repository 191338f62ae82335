"""The semi-ordered index: a pool of samples that stays ordered while its scores change.

Semi-ordered means: the nodes are ordered, and within a node nothing is; every sample that a node
holds has a key not below the node's lower bound.
"""

from __future__ import annotations

import copy
import operator
import os
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

from socbi import _core, index_file
from socbi.errors import IndexFileError, InvalidInputError, InvalidTypeError, SocbiError
from socbi.types import IdArray, Order, Refile, ScoreArray, Ties

__all__ = ["PoolIndex", "SemiOrderedIndex"]

# A forked child has none of its parent's threads; without this, its first large batch would wait
# for workers that do not exist.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_core.forked)

_Self = TypeVar("_Self", bound="PoolIndex")


class PoolIndex:
    """The calls that every index has: the semi-ordered one and its rivals in `socbi.baselines`.

    Not made directly.
    """

    _core_class: ClassVar[type[Any]]
    _settings: dict[str, Any]
    _core: Any

    def __init__(self, scores_or_n: npt.ArrayLike, settings: dict[str, Any]) -> None:
        self._make(scores_or_n, settings, nan_is_removed=False)

    def _make(
        self, scores_or_n: npt.ArrayLike, settings: dict[str, Any], *, nan_is_removed: bool
    ) -> None:
        self._settings = {name: _CHECKS[name](value) for name, value in settings.items()}
        chosen = {"refile": "lazy", "node_capacity": None, "growth": None, **self._settings}
        # The core reads 0 as "choose yourself".
        chosen = {name: 0 if value is None else value for name, value in chosen.items()}
        self._core = self._core_class(scores_or_n, **chosen, nan_is_removed=nan_is_removed)

    # ---- updates ---------------------------------------------------------------------------------

    def add(
        self, ids: npt.ArrayLike, delta: npt.ArrayLike = 1.0, *, threads: int | None = None
    ) -> None:
        """Add ``delta`` to the score of each id.

        Parameters
        ----------
        ids
            Integers, one-dimensional; contiguous int64 is used without a copy. An id given twice
            counts twice.
        delta
            One number, or one for each id.
        threads
            At most so many threads for this call; the index's own number if None.

        Raises
        ------
        UnknownIdError, RemovedIdError
            For the first id that is not in the pool; nothing has changed then.
        InvalidInputError
            For a delta that is not finite, for lengths that differ, or for a sum beyond float32.

        Notes
        -----
        O(1) an id: about the time of ``scores[id] += delta`` in a compiled loop. A sample that
        another thread removes while the call runs is passed over.

        Examples
        --------
        >>> index = SemiOrderedIndex(4)
        >>> index.add([2, 0, 2])
        >>> index.scores().tolist()
        [1.0, 0.0, 2.0, 0.0]
        """
        self._core.add(ids, delta, _check_threads(threads) or 0)

    def set(self, ids: npt.ArrayLike, scores: npt.ArrayLike, *, threads: int | None = None) -> None:
        """Replace the score of each id; of an id given twice the last one holds.

        Takes and raises what `add` does. Of two concurrent calls for one id the last writer wins.
        O(1) an id.

        Examples
        --------
        >>> index = SemiOrderedIndex(3)
        >>> index.set([0, 1], [0.5, -2.0])
        >>> index.scores().tolist()
        [0.5, -2.0, 0.0]
        """
        self._core.set(ids, scores, _check_threads(threads) or 0)

    def set_all(self, scores: npt.ArrayLike) -> None:
        """Replace every score: one for each id ever given out; those of removed ids are ignored.

        O(n), at the speed of memory. The next retrieval is one pass over the scores.

        Examples
        --------
        >>> index = SemiOrderedIndex(3)
        >>> index.set_all([3, 1, 2])
        >>> index.top(1)[0].tolist()
        [1]
        """
        self._core.set_all(scores)

    def insert(self, scores: npt.ArrayLike) -> IdArray:
        """Append samples and return their ids, which run on from the largest given out.

        O(1) a sample. With ``ties="random"`` a pool that grows beyond a power of two (from
        65,536 on) orders equal scores anew.

        Examples
        --------
        >>> index = SemiOrderedIndex(2)
        >>> index.insert([0.5, 0.25]).tolist()
        [2, 3]
        """
        first, count = self._core.insert(scores)
        return np.arange(first, first + count, dtype=np.int64)

    def restore(self, ids: npt.ArrayLike, scores: npt.ArrayLike) -> None:
        """Bring removed samples back with these scores (one for all, or one for each id).

        Raises InvalidInputError for an id that is in the pool or given twice. O(log k) an id of k.

        Examples
        --------
        >>> index = SemiOrderedIndex(3)
        >>> index.remove([1])
        >>> index.restore([1], -1.0)
        >>> index.top(1)[0].tolist()
        [1]
        """
        self._core.restore(ids, scores)

    def remove(self, ids: npt.ArrayLike) -> None:
        """Take samples out of the pool; each id once. O(log k) an id of k.

        Examples
        --------
        >>> index = SemiOrderedIndex(3)
        >>> index.remove([0, 2])
        >>> index.ids().tolist()
        [1]
        """
        self._core.remove(ids)

    # ---- retrieval -------------------------------------------------------------------------------

    def top(self, n: int) -> tuple[IdArray, ScoreArray]:
        """Return the ids and scores of the ``n`` best, best first; of all if fewer are left.

        Every update that returned before this call is counted. Costs what is retrieved, some
        20 ns a sample; where more than half of the pool changed since the last retrieval (or a
        sixteenth towards the asked end), one pass over the scores.

        Examples
        --------
        >>> ids, scores = SemiOrderedIndex([0.5, 0.1, 0.9]).top(2)
        >>> ids.tolist(), scores.tolist()
        ([1, 0], [0.10000000149011612, 0.5])
        """
        ids, scores = self._core.top(n)
        return ids, scores

    def pop(self, n: int) -> tuple[IdArray, ScoreArray]:
        """Return the ``n`` best as `top` does, and remove them; each id goes to one caller only.

        Examples
        --------
        >>> index = SemiOrderedIndex([0.5, 0.1, 0.9])
        >>> index.pop(2)[0].tolist(), index.pop(2)[0].tolist()
        ([1, 0], [2])
        """
        ids, scores = self._core.pop(n)
        return ids, scores

    def rank_score(self, n: int) -> float:
        """Return the score of the ``n``-th best; rank 1 is the best.

        ``index.rank_score(n) == index.top(n)[1][-1]``. Raises RankError beyond the pool. Costs what
        ``top(n)`` does for a small n, and one pass over the scores for a large one.

        Examples
        --------
        >>> SemiOrderedIndex([3.0, 1.0, 2.0]).rank_score(2)
        2.0
        """
        return float(self._core.rank_score(n))

    # ---- looking in ------------------------------------------------------------------------------

    def scores(self, ids: npt.ArrayLike | None = None) -> ScoreArray:
        """Return the scores of these ids, or of all ids ever given out (NaN for removed ones).

        Examples
        --------
        >>> index = SemiOrderedIndex([3.0, 1.0, 2.0])
        >>> index.scores([2, 0]).tolist()
        [2.0, 3.0]
        """
        scores: ScoreArray = self._core.scores() if ids is None else self._core.scores_of(ids)
        return scores

    def ids(self) -> IdArray:
        """Return the ids in the pool, ascending. O(n)."""
        ids: IdArray = self._core.ids()
        return ids

    def __len__(self) -> int:
        """Return how many samples are in the pool."""
        return len(self._core)

    def __contains__(self, id: object) -> bool:
        """Say whether the sample is in the pool."""
        try:
            number = operator.index(id)  # type: ignore[arg-type]
        except TypeError:
            return False
        return -(2**63) <= number < 2**63 and bool(self._core.contains(number))

    def stats(self) -> dict[str, Any]:
        """Return what the index holds and has done, by name.

        ``listed`` is 1 while a list stands; ``scans`` counts the retrievals that were answered by a
        scan of all scores instead.
        """
        stats: dict[str, Any] = self._core.stats()
        return stats

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        return int(self._core.nbytes())

    def check(self) -> None:
        """Look at every structural promise, in O(n); raise SocbiError if one is broken."""
        fault = self._core.check()
        if fault:
            raise SocbiError(f"the index is inconsistent, please report this: {fault}")

    def __repr__(self) -> str:
        """Name the class, the pool and the settings that are not the default."""
        settings = ", ".join(
            f"{name}={value!r}" for name, value in self._settings.items() if value is not None
        )
        return f"<{type(self).__name__}: {len(self)} samples, {settings}>"

    # ---- keeping ---------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index to a file: written beside and renamed, so never half there.

        Safe beside other calls; a batch that runs at the same time may be in it in part.
        """
        index_file.write(path, {"kind": type(self).__name__, **self._settings}, self.scores())

    @classmethod
    def load(cls: type[_Self], path: str | os.PathLike[str]) -> _Self:
        """Read a saved index; raise IndexFileError if the file is damaged, cut off or foreign."""
        settings, scores = index_file.read(path)
        kind = settings.pop("kind", None)
        if kind != cls.__name__:
            raise IndexFileError(f"{path} holds a {kind}; open it with {kind}.load")
        try:
            return cls._from_state(settings, scores)
        except (SocbiError, KeyError, TypeError) as error:
            raise IndexFileError(f"{path} does not describe an index: {error}") from error

    @classmethod
    def _from_state(cls: type[_Self], settings: dict[str, Any], scores: ScoreArray) -> _Self:
        index = cls.__new__(cls)
        index._make(scores, settings, nan_is_removed=True)
        return index

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the settings and the scores, from which the rest is derived."""
        return type(self)._from_state, (self._settings, self.scores()), self._extra() or None

    def __copy__(self: _Self) -> _Self:
        """Return an independent index of the same pool."""
        copied = self._from_state(self._settings, self.scores())
        copied.__dict__.update(self._extra())
        return copied

    def __deepcopy__(self: _Self, memo: dict[int, Any]) -> _Self:
        """Return an independent index of the same pool."""
        copied = self.__copy__()
        copied.__dict__.update(copy.deepcopy(self._extra(), memo))
        return copied

    def _extra(self) -> dict[str, Any]:
        """Return the attributes that users or subclasses have set."""
        return {name: value for name, value in vars(self).items() if name not in _OWN}


class SemiOrderedIndex(PoolIndex):
    """A pool of samples ordered by score, updated from many threads while the best are taken out.

    Parameters
    ----------
    scores_or_n
        The scores of samples 0 to n-1, or n for n samples of score 0.
    order
        Which scores are the best: ``"smallest"`` or ``"largest"``.
    ties
        Equal scores are ordered by a permutation of the ids that ``seed`` fixes (``"random"``:
        unbiased and repeatable), or by id (``"id"``).
    seed
        For ``ties="random"``.
    refile
        ``"lazy"``: a sample whose score moves away from the asked end stays where it is until a
        retrieval meets it. ``"eager"``: every update moves its sample at once, as published.
    node_capacity
        Samples in a node (in the first one, if ``growth`` is above 1). By default 256 for uniform
        nodes, and else four times what is asked for.
    growth
        Capacity of a node over that of the one before: 1 for uniform nodes over the whole pool, as
        published and the default for ``"eager"``; 16 by default for ``"lazy"``.
    threads
        How many threads a batch call may use; all cores by default.

    Notes
    -----
    Ids are 0 to n-1. Scores are float32, so counts are exact up to 2**24. Memory is 8.2 to 9.4
    bytes a sample (eager: 14), and up to 5 more after batches as large as the pool: `nbytes`.

    Every call releases the GIL and may be made from any thread beside any other. The answer does
    not depend on the number of threads. A process may be forked while no call is running; a child
    forked in the middle of a call finds the index locked.

    Examples
    --------
    >>> import numpy as np
    >>> index = SemiOrderedIndex(1_000_000, ties="id")
    >>> index.add(np.array([0, 1, 3]))              # three samples were hit once
    >>> ids, scores = index.pop(3)                  # the rarest hit, removed
    >>> ids.tolist(), scores.tolist(), len(index)
    ([2, 4, 5], [0.0, 0.0, 0.0], 999997)
    """

    _core_class = _core.SemiOrderedIndex

    def __init__(
        self,
        scores_or_n: npt.ArrayLike,
        *,
        order: Order = "smallest",
        ties: Ties = "random",
        seed: int = 0,
        refile: Refile = "lazy",
        node_capacity: int | None = None,
        growth: int | None = None,
        threads: int | None = None,
    ) -> None:
        super().__init__(
            scores_or_n,
            {
                "order": order,
                "ties": ties,
                "seed": seed,
                "refile": refile,
                "node_capacity": node_capacity,
                "growth": growth,
                "threads": threads,
            },
        )


# What an index itself keeps.
_OWN = {"_settings", "_core"}


def _check_choice(name: str, *choices: str) -> Callable[[object], str]:
    known = " or ".join(map(repr, choices))

    def check(value: object) -> str:
        if not isinstance(value, str):
            raise InvalidTypeError(f"{name} must be {known}, got {value!r}")
        if value not in choices:
            raise InvalidInputError(f"{name} must be {known}, got {value!r}")
        return value

    return check


def _check_whole(name: str, least: int, most: int) -> Callable[[object], int]:
    def check(value: object) -> int:
        if type(value) is int:
            number = value
        else:
            try:
                number = operator.index(value)  # type: ignore[arg-type]
            except TypeError:
                raise InvalidTypeError(f"{name} must be an integer, got {value!r}") from None
            if isinstance(value, bool):
                raise InvalidTypeError(f"{name} must be an integer, got {value!r}")
        if not least <= number <= most:
            raise InvalidInputError(f"{name} must be from {least} to {most}, got {number}")
        return number

    return check


def _check_optional(check: Callable[[object], int]) -> Callable[[object], int | None]:
    return lambda value: None if value is None else check(value)


_check_threads = _check_optional(_check_whole("threads", 1, 1024))

# Every setting of an index, and what it may be.
_CHECKS: dict[str, Callable[[object], Any]] = {
    "order": _check_choice("order", "smallest", "largest"),
    "ties": _check_choice("ties", "random", "id"),
    "seed": _check_whole("seed", 0, 2**64 - 1),
    "refile": _check_choice("refile", "lazy", "eager"),
    "node_capacity": _check_optional(_check_whole("node_capacity", 2, 2**31)),
    "growth": _check_optional(_check_whole("growth", 1, 2**31)),
    "threads": _check_threads,
}
