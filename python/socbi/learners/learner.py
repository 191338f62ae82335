"""The protocol of everything that learns classes from labelled samples."""

from __future__ import annotations

from typing import Protocol

import numpy.typing as npt

from socbi.learners.training_set import Probabilities

__all__ = ["Learner"]


class Learner(Protocol):
    """Learns from the labels so far, and says how likely each class is.

    One that starts warm may have ``remembered() -> dict[str, array]`` and ``remember(state)``, with
    which a session lets it go on after a restart from where it was.

    It is made with what it sees of the samples (vectors, images), so that ids are all it is given
    later. The same labels give the same probabilities, in whatever order they come, unless it
    starts warm.
    """

    def fit(self, ids: npt.ArrayLike, labels: npt.ArrayLike, *, classes: int) -> object:
        """Learn from these samples; labels are class numbers from 0 to ``classes`` - 1.

        It starts anew, or, where it was made with ``start="warm"``, from what it learned before.
        """
        ...

    def predict_proba(self, ids: npt.ArrayLike) -> Probabilities:
        """Return the probability of each class, (len(ids), classes), float64.

        Rows add up to one. A class without a label so far has probability zero.
        """
        ...
