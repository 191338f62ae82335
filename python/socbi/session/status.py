"""Where a campaign stands, and what joined it."""

from __future__ import annotations

from dataclasses import dataclass

from socbi.session.round import Round

__all__ = ["Grown", "Status"]


@dataclass(frozen=True)
class Grown:
    """What a `grow` did."""

    new: int
    """Samples that joined."""
    known: int
    """Samples that were here before."""


@dataclass(frozen=True)
class Status:
    """Where a campaign stands."""

    samples: int
    held_out: int
    labels: int
    cannot_tell: int
    conflicts: int
    out: int
    """Samples that are with annotators now."""
    left: int
    """Samples that may be proposed."""
    since_last_round: int
    """Labels, corrections among them, that no `step` has seen."""
    rounds: int
    proposals: int
    class_counts: dict[str, int]
    last: Round | None
    """The last round."""
    strategy: str
    learner: str

    def __str__(self) -> str:
        """Return it in words."""
        parts = {
            "labelled": self.labels,
            "cannot be told": self.cannot_tell,
            "out": self.out,
            "left": self.left,
            "held out": self.held_out,
        }
        # Those that joined since the last step, and those whose votes have no winner yet.
        parts["waiting for a step or a vote"] = self.samples - sum(parts.values())
        told = [
            f"{count:,} {name}"
            for name, count in parts.items()
            if count > 0 or name in ("labelled", "left")
        ]
        rounds = "1 round" if self.rounds == 1 else f"{self.rounds:,} rounds"
        words = [
            f"{self.samples:,} samples: {', '.join(told)}",
            f"{rounds}, {self.since_last_round:,} labels since",
        ]
        if self.conflicts:
            words.append(f"{self.conflicts:,} samples that annotators disagree on")
        if self.last is not None:
            words.append(str(self.last))
        return "\n".join(words)
