"""The strategies that studies compare, by short names."""

from __future__ import annotations

from collections.abc import Callable

from socbi.errors import InvalidInputError
from socbi.strategies import CoverageMargin, Random, RandomHalf, SoCBI, Strategy
from socbi.strategies.badge import BADGE
from socbi.strategies.entropy import Entropy
from socbi.strategies.k_center import KCenterGreedy
from socbi.strategies.least_confidence import LeastConfidence
from socbi.strategies.margin import Margin

__all__ = ["ARMS", "arms"]

ARMS: dict[str, Callable[[], Strategy]] = {
    "random": Random,
    "margin": Margin,
    "coverage": CoverageMargin,
    "socbi-lc": lambda: SoCBI(LeastConfidence()),
    "socbi-margin": lambda: SoCBI(Margin()),
    "half-margin": lambda: RandomHalf() >> Margin(),
    "lc": LeastConfidence,
    "entropy": Entropy,
    "k-center": KCenterGreedy,
    "badge": BADGE,
}
"""What makes each arm. ``socbi-lc`` is So-CBI as published; ``half-margin`` is the control of every
pre-screen: a half drawn by lot, then margin."""


def arms(*names: str) -> dict[str, Strategy]:
    """Return the strategies of these names, all that there are by default.

    Examples
    --------
    >>> list(arms("random", "coverage"))
    ['random', 'coverage']
    """
    unknown = [name for name in names if name not in ARMS]
    if unknown:
        raise InvalidInputError(f"there is no arm {unknown[0]!r}, only {', '.join(ARMS)}")
    return {name: ARMS[name]() for name in names or ARMS}
