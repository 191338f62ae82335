"""What is known of a pool when a batch is to be chosen, whoever made it."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError, UnknownIdError
from socbi.neighbors import KnnGraph
from socbi.neighbors.neighbor_index import checked_count, checked_distinct
from socbi.strategies.checked_graph import checked_graph
from socbi.strategies.checked_rows import are_shares, check_lengths, check_shares, checked_rows
from socbi.types import IdArray

if TYPE_CHECKING:
    from socbi.scorers import BoundaryScorer

__all__ = ["Part", "PoolState"]

Part: TypeAlias = Literal["embeddings", "probabilities", "graph", "boundary", "history"]
"""What a strategy may ask a pool state for."""

_Made = TypeVar("_Made")
_WHERE_FROM: dict[Part, str] = {
    "embeddings": "a vector for each sample, (n, d)",
    "probabilities": "the class probabilities of a trained model for each sample, (n, classes)",
    "graph": "socbi.neighbors.knn_graph(embeddings)",
    "boundary": "a socbi.scorers.BoundaryScorer that observed the labels",
    "history": "a socbi.scorers.PredictionHistory of the last models",
}


class PoolState:
    """The samples 0 to size-1, the labels so far, and what models and neighbours say of them.

    Parameters
    ----------
    size
        How many samples there are, labelled ones included.
    labelled, labels
        Ids, and the class of each as a number from 0.
    classes
        How many classes there are; by default as many as the labels or the probabilities show.
    pending
        Ids that were chosen and have no label yet, in that order: what is with an annotator. They
        are never candidates, and a strategy that spreads its picks keeps away from them as well.
    candidates
        The ids that may be chosen; by default all that are neither labelled nor pending.
    embeddings, probabilities, graph, boundary, history
        Parts, each the thing itself or a function without arguments that makes it; it is called
        when a strategy first asks. A row of an array belongs to the id of its number. None for
        what there is not: no probabilities before the first model. Vectors must be finite, and
        their squared distances float32 numbers, where a sample is a candidate, pending or labelled;
        probabilities 0 or more with the sum 1 where it has no label. A graph's rows hold other
        samples, each once.

    Examples
    --------
    >>> state = PoolState(5, labelled=[3], labels=[0], classes=2)
    >>> state.candidates.tolist(), state.has("probabilities")
    ([0, 1, 2, 4], False)
    """

    def __init__(
        self,
        size: int,
        *,
        labelled: npt.ArrayLike = (),
        labels: npt.ArrayLike = (),
        classes: int | None = None,
        pending: npt.ArrayLike = (),
        candidates: npt.ArrayLike | None = None,
        embeddings: npt.ArrayLike | Callable[[], npt.ArrayLike] | None = None,
        probabilities: npt.ArrayLike | Callable[[], npt.ArrayLike] | None = None,
        graph: KnnGraph | Callable[[], KnnGraph] | None = None,
        boundary: BoundaryScorer | Callable[[], BoundaryScorer] | None = None,
        history: Any = None,
    ) -> None:
        self.size = checked_count(size, "size", least=0)
        if classes is not None:
            classes = checked_count(classes, "classes")
        self.labelled = _checked_ids(labelled, "labelled", self.size)
        self.labels = _checked_labels(labels, len(self.labelled), classes)
        self.pending = _checked_ids(pending, "pending", self.size)
        _check_apart(self.pending, "pending", self.labelled, "labelled")
        self.candidates = self._checked_candidates(candidates)
        self._choosable = self.candidates
        self._classes = classes
        self._parts: dict[Part, Any] = {
            "embeddings": embeddings,
            "probabilities": probabilities,
            "graph": graph,
            "boundary": boundary,
            "history": history,
        }
        self._made: dict[Part, Any] = {}
        self._making = threading.RLock()  # a part may be made of another

    def has(self, part: Part) -> bool:
        """Return whether there is such a part; it is not made."""
        if part not in self._parts:
            raise InvalidInputError(
                f"a part of a pool state is one of {', '.join(self._parts)}, got {part!r}"
            )
        return self._parts[part] is not None

    def at_hand(self, part: Part) -> bool:
        """Return whether the part is there without being made first."""
        return part in self._made or (self.has(part) and not callable(self._parts[part]))

    def require(self, part: Part) -> None:
        """Raise InvalidInputError if there is no such part; it is not made."""
        if not self.has(part):
            raise InvalidInputError(
                f"the pool state has no {part}, which this strategy needs: give "
                f"PoolState({part}=...), {_WHERE_FROM[part]}"
            )

    def narrowed(self, candidates: npt.ArrayLike, *, chosen: npt.ArrayLike = ()) -> PoolState:
        """Return the same state with fewer candidates; what is made for one serves both.

        Parameters
        ----------
        candidates
            Some of those of this state.
        chosen
            Others of them, which are pending from now on.

        Examples
        --------
        >>> PoolState(5).narrowed([4, 2], chosen=[0]).candidates.tolist()
        [2, 4]
        """
        fewer = copy.copy(self)
        fewer.candidates = np.sort(self._some_candidates(candidates, "candidates"))
        more = self._some_candidates(chosen, "chosen")
        _check_apart(fewer.candidates, "candidates", more, "chosen")
        fewer.pending = np.concatenate([self.pending, more])
        fewer._making = self._making
        return fewer

    @property
    def unlabelled(self) -> IdArray:
        """Return the ids without a label, ascending: candidates, and who else may not be chosen."""
        without = np.ones(self.size, np.bool_)
        without[self.labelled] = False
        return np.flatnonzero(without)

    @property
    def classes(self) -> int:
        """Return the number of classes."""
        if self._classes is not None:
            return self._classes
        if self.has("probabilities"):
            return int(self.probabilities.shape[1])
        return int(self.labels.max()) + 1 if len(self.labels) else 0

    @property
    def embeddings(self) -> npt.NDArray[Any]:
        """Return the vectors, (size, d), as they were given; never changed."""
        return self._part("embeddings", self._checked_embeddings)

    @property
    def probabilities(self) -> npt.NDArray[Any]:
        """Return the class probabilities, (size, classes), as they were given; never changed."""
        return self._part("probabilities", self._checked_probabilities)

    @property
    def graph(self) -> KnnGraph:
        """Return the graph of the nearest neighbours of all samples, labelled ones included."""
        return self._part("graph", self._checked_graph)

    @property
    def boundary(self) -> BoundaryScorer:
        """Return the counts of hits, which has observed the labels."""
        return self._part("boundary", self._checked_boundary)

    @property
    def history(self) -> Any:
        """Return the predictions of the last models."""
        return self._part("history", _as_it_is)

    # ---- within ----------------------------------------------------------------------------------

    def _part(self, part: Part, checked: Callable[[Any], _Made]) -> _Made:
        if part not in self._made:
            self.require(part)
            with self._making:
                if part not in self._made:
                    given = self._parts[part]
                    self._made[part] = checked(given() if callable(given) else given)
        return cast(_Made, self._made[part])

    def __getstate__(self) -> dict[str, Any]:
        return {name: one for name, one in self.__dict__.items() if name != "_making"}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self.__dict__.update(kept)
        self._making = threading.RLock()

    def _checked_candidates(self, candidates: npt.ArrayLike | None) -> IdArray:
        if candidates is None:
            open_ = np.ones(self.size, np.bool_)
            open_[self.labelled] = open_[self.pending] = False
            return np.flatnonzero(open_)
        given = np.sort(_checked_ids(candidates, "candidates", self.size))
        _check_apart(given, "candidates", self.labelled, "labelled")
        _check_apart(given, "candidates", self.pending, "pending")
        return given

    def _some_candidates(self, ids: npt.ArrayLike, name: str) -> IdArray:
        given = checked_distinct(ids, name)
        foreign = np.setdiff1d(given, self.candidates, assume_unique=True)
        if len(foreign):
            raise InvalidInputError(
                f"{name} must be candidates of this state, and {len(foreign)} are not: "
                f"{foreign[0]} is the first"
            )
        return given

    def _checked_embeddings(self, given: npt.ArrayLike) -> npt.NDArray[Any]:
        found = checked_rows(given, "embeddings", self.size)
        seen = np.concatenate([self._choosable, self.labelled, self.pending])
        check_lengths(found, np.unique(seen))
        return found

    def _checked_probabilities(self, given: npt.ArrayLike) -> npt.NDArray[Any]:
        found = checked_rows(given, "probabilities", self.size)
        if self._classes is not None and found.shape[1] != self._classes:
            raise InvalidInputError(
                f"probabilities must have {self._classes} columns, one a class, got the shape "
                f"{found.shape}"
            )
        if not are_shares(found):  # rows with a label may be anything
            check_shares(found, self.unlabelled)
        return found

    def _checked_graph(self, given: KnnGraph) -> KnnGraph:
        return checked_graph(given, self.size)

    def _checked_boundary(self, given: BoundaryScorer) -> BoundaryScorer:
        known = len(given.counts)
        if known != self.size:
            raise InvalidInputError(
                f"the boundary scorer must know {self.size} samples, and it knows {known}"
            )
        return given


def _as_it_is(given: Any) -> Any:
    return given


def _checked_ids(ids: npt.ArrayLike, name: str, size: int) -> IdArray:
    found = checked_distinct(ids, name).copy()
    if len(found) and not 0 <= found.min() <= found.max() < size:
        raise UnknownIdError(
            f"{name} must be ids from 0 to {size - 1}, got {found.min()} to {found.max()}"
        )
    return found


def _check_apart(ids: IdArray, name: str, others: IdArray, called: str) -> None:
    both = np.intersect1d(ids, others)
    if len(both):
        raise InvalidInputError(
            f"{name} must not be {called}, and {len(both)} are: {both[0]} is the first"
        )


def _checked_labels(labels: npt.ArrayLike, count: int, classes: int | None) -> IdArray:
    given = np.asarray(labels)
    if given.shape != (count,) or (count and given.dtype.kind not in "iu"):
        raise InvalidInputError(
            f"labels must be a whole number for each of {count} labelled ids, got the shape "
            f"{given.shape} of {given.dtype}"
        )
    if count and (given.min() < 0 or (classes is not None and given.max() >= classes)):
        most = "" if classes is None else f" to {classes - 1}"
        raise InvalidInputError(
            f"labels must be class numbers from 0{most}, got {given.min()} to {given.max()}"
        )
    return given.astype(np.int64)
