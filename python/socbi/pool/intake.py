"""What was wrong with what came in: counted and listed, never dropped in silence."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from socbi.errors import IntakeError, InvalidInputError

__all__ = ["Intake", "OnProblem", "Problem", "ProblemKind", "checked_choice"]

OnProblem: TypeAlias = Literal["raise", "skip"]
ProblemKind: TypeAlias = Literal[
    "duplicate id", "missing file", "broken image", "wrong encoding", "unreadable row",
    "missing value",
]  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """One sample that could not be taken in."""

    kind: ProblemKind
    where: str
    """The row, the line or the file."""
    detail: str

    def __str__(self) -> str:
        """Return it in one line."""
        return f"{self.where}: {self.kind}, {self.detail}"


@dataclass
class Intake:
    """How many samples came in, and every one that did not.

    Examples
    --------
    >>> intake = Intake(on_problem="skip")
    >>> intake.refuse("missing file", "row 3", "cat.png is not there")
    >>> print(intake)
    0 samples taken, 1 left out: 1 missing file
      row 3: missing file, cat.png is not there
    """

    on_problem: OnProblem = "raise"
    taken: int = 0
    problems: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse a choice that there is not."""
        checked_choice(self.on_problem)

    def refuse(self, kind: ProblemKind, where: str, detail: str) -> None:
        """Note a sample that is left out, or raise, as was chosen."""
        problem = Problem(kind, where, detail)
        if self.on_problem == "raise":
            raise IntakeError(f"{problem}; mend it, or leave such samples out: on_problem='skip'")
        self.problems.append(problem)

    def counts(self) -> Counter[str]:
        """Return how many samples each kind of problem left out."""
        return Counter(one.kind for one in self.problems)

    def __str__(self) -> str:
        """Return counts and the first problems."""
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.counts().most_common())
        head = f"{self.taken:,} samples taken, {len(self.problems):,} left out"
        lines = [f"{head}: {kinds}" if kinds else head]
        lines += [f"  {one}" for one in self.problems[:10]]
        if len(self.problems) > 10:
            lines.append(f"  and {len(self.problems) - 10:,} more in .problems")
        return "\n".join(lines)


def checked_choice(on_problem: str) -> None:
    """Refuse a choice that there is not."""
    if on_problem not in ("raise", "skip"):
        raise InvalidInputError(f"on_problem must be 'raise' or 'skip', got {on_problem!r}")
