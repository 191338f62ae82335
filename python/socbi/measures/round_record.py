"""What is kept of a round, by whoever played it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from socbi.errors import InvalidInputError

__all__ = ["RoundRecord"]


@dataclass(frozen=True)
class RoundRecord:
    """A batch was chosen and labelled, a model was trained: what came of it.

    Round 0 has the first labels, which no strategy chose. Records of one ``task`` and one number of
    seeds are comparable: they start from the same samples with the same test set.

    Examples
    --------
    >>> record = RoundRecord("digits", "margin", seed=0, round=0, labels=20, accuracy=0.71)
    >>> RoundRecord.from_json(record.to_json()) == record
    True
    """

    task: str
    """The data set with its imbalance and protocol, or what a campaign is called."""
    arm: str
    """The strategy, by the name it goes under."""
    seed: int
    round: int
    labels: int
    """How many there are in all, with those of this round."""
    accuracy: float | None = None
    """On the test set; None without one, like the next two."""
    kappa: float | None = None
    average_precision: float | None = None
    class_counts: tuple[int, ...] = ()
    """Labels of each class, in all."""
    balance: float | None = None
    """L1: 0 is even."""
    picks: tuple[int, ...] = ()
    """The ids that were chosen in this round, best first."""
    times: dict[str, float] = field(default_factory=dict)
    """Seconds by stage: search, update, sort, train, embed, ..."""
    ties: int | None = None
    """Samples that tied at the best score."""
    k: int | None = None
    """How many neighbours a label hit."""
    rule: str = ""
    """What the strategy followed in this round, where it has several."""

    @property
    def retrieval_s(self) -> float:
        """Return T: the seconds for updating, sorting and searching."""
        return sum(self.times.get(stage, 0.0) for stage in ("update", "sort", "search"))

    def to_json(self) -> str:
        """Return it as one line."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str) -> RoundRecord:
        """Return the record of a line, or say that it is none."""
        try:
            found = json.loads(line)
        except ValueError as error:
            raise InvalidInputError(f"this is no record of a round: {line[:60]!r}") from error
        names = {one.name for one in fields(cls)}
        needed = {"task", "arm", "seed", "round", "labels"}
        if not isinstance(found, dict) or not needed <= set(found) <= names:
            raise InvalidInputError(
                f"this is no record of a round of this release of socbi: {line[:60]!r}"
            )
        values: dict[str, Any] = dict(found)
        for name in ("class_counts", "picks"):
            values[name] = tuple(values.get(name, ()))
        return cls(**values)
