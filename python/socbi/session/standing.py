"""Where samples stand: who may be proposed, and what strategies are to keep away from."""

from __future__ import annotations

import numpy as np

from socbi.session.label_book import LabelBook
from socbi.session.proposals import Proposals
from socbi.types import IdArray

__all__ = ["Standing"]


class Standing:
    """Answers about the first ``known`` samples, those that the last round knew."""

    def __init__(self, book: LabelBook, proposals: Proposals, held_out: IdArray) -> None:
        self._book = book
        self._proposals = proposals
        self._held_out = held_out

    def candidates(self, known: int, now: float) -> IdArray:
        """Return the samples that nobody has and nobody spoke of, ascending."""
        free = np.ones(known, np.bool_)
        spoken_of, leased = self._book.votes.spoken_of(), self._proposals.leased(now)
        for taken in (self._held_out, spoken_of, leased):
            free[taken[taken < known]] = False
        return np.flatnonzero(free)

    def pending(self, known: int, now: float) -> IdArray:
        """Return what was chosen or labelled since the last round, ascending.

        Whether a label came yet makes no difference, so that batches do not depend on how quick
        annotators are.
        """
        votes, leased = self._book.votes, self._proposals.leased(now)
        useful = np.setdiff1d(votes.spoken_of(), votes.untellable())
        stepped = np.concatenate([self._book.stepped[0], self._held_out])
        found = np.setdiff1d(np.union1d(leased, useful), stepped)
        return found[found < known]

    def disputed(self, who: str, now: float) -> list[int]:
        """Return samples that an annotator is to decide, ascending: such as nobody has now."""
        leased = self._proposals.leased(now)
        open_ones = np.setdiff1d(self._book.votes.undecided(), leased).tolist()
        return [one for one in open_ones if self._book.votes.vote(one, who) is None]
