"""What differences between campaigns are worth: intervals, pairs, the penalty matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError

__all__ = ["Interval", "Paired", "bootstrap_interval", "paired_difference", "penalty_matrix"]

_DRAWS = 10_000


@dataclass(frozen=True)
class Interval:
    """A mean and between what it lies."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return it as three numbers."""
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]"


@dataclass(frozen=True)
class Paired(Interval):
    """A mean difference of pairs, and how many of them are above, equal and below."""

    above: int
    equal: int
    below: int

    @property
    def clear(self) -> bool:
        """Return whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


def bootstrap_interval(
    values: npt.ArrayLike, *, level: float = 0.95, draws: int = _DRAWS, seed: int = 0
) -> Interval:
    """Return the mean of values with a percentile bootstrap interval.

    Of few values such an interval is too narrow (of 5 it holds the mean about 85 times in 100, and
    not 95): it is a guide and no proof. One value has no width at all.

    Examples
    --------
    >>> print(bootstrap_interval([0.70, 0.72, 0.71, 0.75, 0.72]))
    0.7200 [0.7080, 0.7360]
    """
    given = _checked_values(values, "values")
    if not 0 < level < 1:
        raise InvalidInputError(f"level must be above 0 and below 1, got {level}")
    rows = np.random.default_rng(seed).integers(0, len(given), (draws, len(given)))
    low, high = np.quantile(given[rows].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(given.mean()), float(low), float(high))


def paired_difference(
    values: npt.ArrayLike, others: npt.ArrayLike, *, level: float = 0.95, seed: int = 0
) -> Paired:
    """Return the mean of value minus other, pair by pair, with its bootstrap interval.

    Examples
    --------
    >>> found = paired_difference([0.72, 0.74, 0.71], [0.70, 0.71, 0.70])
    >>> round(found.mean, 3), found.above, found.clear
    (0.02, 3, True)
    """
    mine, theirs = _checked_values(values, "values"), _checked_values(others, "others")
    if len(mine) != len(theirs):
        raise InvalidInputError(
            f"values and others must be pairs, got {len(mine)} and {len(theirs)} of them"
        )
    differences = mine - theirs
    around = bootstrap_interval(differences, level=level, seed=seed)
    above, below = int((differences > 0).sum()), int((differences < 0).sum())
    return Paired(
        around.mean, around.low, around.high, above, len(differences) - above - below, below
    )


def penalty_matrix(
    experiments: Sequence[Mapping[str, npt.ArrayLike]], *, level: float = 0.95
) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Return how often each arm is clearly better than each other, over all experiments.

    An experiment holds for each arm its values, (seeds, rounds). Its share of rounds in which the
    arm of a row is better than the arm of a column, by a two-sided paired t-test over the seeds, is
    added to their cell, so that each experiment counts one at most. The mean of a column is what
    its arm is penalised by.

    Examples
    --------
    >>> better = [[0.9, 0.8], [0.8, 0.7], [0.8, 0.8]]
    >>> worse = [[0.7, 0.8], [0.6, 0.7], [0.6, 0.8]]
    >>> arms, matrix = penalty_matrix([{"a": better, "b": worse}])
    >>> arms, matrix.tolist()
    (['a', 'b'], [[0.0, 0.5], [0.0, 0.0]])
    """
    arms = sorted({arm for one in experiments for arm in one})
    matrix = np.zeros((len(arms), len(arms)))
    for experiment in experiments:
        values = {arm: np.asarray(some, np.float64) for arm, some in experiment.items()}
        shapes = {some.shape for some in values.values()}
        if len(shapes) != 1 or any(len(shape) != 2 or 0 in shape for shape in shapes):
            raise InvalidInputError(
                "each arm of an experiment must have values (seeds, rounds) of one shape, got "
                f"{sorted(shapes)}"
            )
        for row, one in enumerate(arms):
            for column, other in enumerate(arms):
                if one != other and one in values and other in values:
                    matrix[row, column] += _share_better(values[one] - values[other], level)
    return arms, matrix


def _share_better(differences: npt.NDArray[np.float64], level: float) -> float:
    """Return the share of columns whose mean is above 0 by the t-test over the rows."""
    from scipy.stats import t

    seeds = len(differences)
    if seeds < 2:
        return 0.0
    mean = differences.mean(axis=0)
    error = differences.std(axis=0, ddof=1) / np.sqrt(seeds)
    return float(np.mean(mean > t.ppf((1 + level) / 2, seeds - 1) * error))


def _checked_values(values: npt.ArrayLike, name: str) -> npt.NDArray[np.float64]:
    given = np.asarray(values, np.float64)
    if given.ndim != 1 or len(given) == 0 or not np.isfinite(given).all():
        raise InvalidInputError(f"{name} must be one or more finite numbers, got {values!r}")
    return given
