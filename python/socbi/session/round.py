"""The record of a round: what was known, how good it is, and where the time went."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Round", "StageTimes"]


@dataclass(frozen=True)
class StageTimes:
    """Seconds by stage, of a round and of what was proposed and joined since the one before."""

    update_s: float = 0.0
    """For the counts of hits."""
    sort_s: float = 0.0
    """For choosing batches."""
    search_s: float = 0.0
    """For finding neighbours."""
    embed_s: float = 0.0
    """For embeddings of samples that joined."""
    train_s: float = 0.0
    """For fitting the learner and predicting the pool."""

    @property
    def total_s(self) -> float:
        """Return the seconds of all stages."""
        return float(sum(asdict(self).values()))


@dataclass(frozen=True)
class Round:
    """One training, and the state of the campaign at that time."""

    number: int
    """1 for the first."""
    made_at: float
    """By the clock of the session, in seconds since 1970."""
    samples: int
    labels: int
    """Samples that have a class by then."""
    new_labels: int
    """How many more than in the round before; fewer where labels were taken back."""
    cannot_tell: int
    conflicts: int
    """Samples that annotators disagree on."""
    class_counts: dict[str, int]
    balance: float
    """The L1 score: 0 where all classes have as many labels, 1 where one has all."""
    accuracy: float | None
    """On the samples that were held out, if there are any."""
    trained: bool
    """Whether there is a model: it takes labels of two classes."""
    k: int | None
    """How many neighbours each new label hit; None where no counts are kept."""
    never_hit: int | None
    """Samples that tie at zero hits."""
    pool: int
    """Samples without a label."""
    times: StageTimes = field(default_factory=StageTimes)

    @property
    def zero_share(self) -> float | None:
        """Return the share of the pool that ties at zero hits."""
        return None if self.never_hit is None else self.never_hit / max(self.pool, 1)

    def to_json(self) -> str:
        """Return it as a line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Round:
        """Return what `to_json` was called on."""
        held: dict[str, Any] = json.loads(line)
        return cls(**{**held, "times": StageTimes(**held["times"])})

    def __str__(self) -> str:
        """Return the round in words."""
        words = f"round {self.number}: {self.labels:,} labels ({self.new_labels:+,})"
        words += f", balance {self.balance:.2f}"
        if self.accuracy is not None:
            words += f", accuracy {self.accuracy:.1%}"
        if not self.trained:
            words += ", no model yet (it takes labels of two classes)"
        return f"{words}, {self.times.total_s:.1f} s"
