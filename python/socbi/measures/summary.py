"""Many records of rounds, as curves and as what each arm comes to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError
from socbi.measures.comparisons import Interval, Paired, bootstrap_interval, paired_difference
from socbi.measures.curves import area_under_curve, labels_needed, labels_saved
from socbi.measures.round_record import RoundRecord

__all__ = ["ArmSummary", "Curves", "curves_of", "summarised"]

QUALITIES = ("accuracy", "kappa", "average_precision")


@dataclass(frozen=True)
class Curves:
    """The learning curves of one arm on one task, a row a seed."""

    task: str
    arm: str
    seeds: tuple[int, ...]
    labels: npt.NDArray[np.int64]
    """Ascending; at each round that brought labels."""
    values: npt.NDArray[np.float64]
    """(seeds, rounds)."""

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """Return the mean curve."""
        return np.asarray(self.values.mean(axis=0), np.float64)

    def areas(self) -> dict[int, float]:
        """Return the area under the curve of each seed."""
        return {
            seed: area_under_curve(self.labels, row)
            for seed, row in zip(self.seeds, self.values, strict=True)
        }


@dataclass(frozen=True)
class ArmSummary:
    """What an arm comes to on a task."""

    task: str
    arm: str
    seeds: int
    area: Interval
    final: float
    """The mean with the most labels."""
    against: dict[str, Paired]
    """Differences of the area, seed by seed, against the arms that it was compared with."""
    saved: dict[str, float]
    """The share of labels saved against each of them, on the mean curves."""
    needed: float | None
    """Labels to the share of the full-data quality that was asked for; None where none was."""
    retrieval_s: float
    """The median of T over all rounds that a strategy chose."""


def curves_of(records: Iterable[RoundRecord], quality: str = "accuracy") -> list[Curves]:
    """Return the curves of each task and arm, in the order in which they first occur.

    Seeds that have not come as far as others are left out, so that all rows have the same rounds;
    so are records without that quality. Where several rounds have one number of labels, as after
    corrections, the last of them counts.

    Examples
    --------
    >>> records = [RoundRecord("digits", "margin", s, r, 10 + r, 0.5 + r / 10 + s / 100)
    ...            for s in range(2) for r in range(3)]
    >>> [one] = curves_of(records)
    >>> one.labels.tolist(), one.mean.round(3).tolist()
    ([10, 11, 12], [0.505, 0.605, 0.705])
    """
    if quality not in QUALITIES:
        raise InvalidInputError(f"quality must be one of {', '.join(QUALITIES)}, got {quality!r}")
    runs: dict[tuple[str, str], dict[int, dict[int, RoundRecord]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for record in records:
        if getattr(record, quality) is not None:
            runs[record.task, record.arm][record.seed][record.round] = record
    return [_curves(task, arm, seeds, quality) for (task, arm), seeds in runs.items()]


def summarised(
    curves: Sequence[Curves],
    records: Iterable[RoundRecord] = (),
    *,
    against: Sequence[str] = ("random", "margin"),
    target: float | None = None,
) -> list[ArmSummary]:
    """Return what each arm comes to, compared with others on its task, seed by seed.

    Parameters
    ----------
    curves
        As `curves_of` gives them.
    records
        Where the time of a retrieval is taken from.
    against
        The arms to be compared with, where a task has them.
    target
        The quality to be reached, such as .95 of that of the full data; None for none.
    """
    there = {(one.task, one.arm): one for one in curves}
    retrievals: dict[tuple[str, str], list[float]] = defaultdict(list)
    for record in records:
        if record.round > 0:
            retrievals[record.task, record.arm].append(record.retrieval_s)
    found = []
    for one in curves:
        rivals = _rivals(one, there, against)
        pairs = {rival.arm: _pairs(one, rival) for rival in rivals}
        found.append(
            ArmSummary(
                one.task,
                one.arm,
                len(one.seeds),
                bootstrap_interval(list(one.areas().values())),
                float(one.mean[-1]),
                {arm: paired for arm, paired in pairs.items() if paired is not None},
                {
                    rival.arm: labels_saved(one.labels, one.mean, rival.labels, rival.mean)
                    for rival in rivals
                },
                None if target is None else labels_needed(one.labels, one.mean, target),
                float(np.median(retrievals.get((one.task, one.arm), [0.0]))),
            )
        )
    return found


def _curves(task: str, arm: str, runs: dict[int, dict[int, RoundRecord]], quality: str) -> Curves:
    most = max(len(rounds) for rounds in runs.values())
    whole = {seed: rounds for seed, rounds in sorted(runs.items()) if len(rounds) == most}
    order = sorted(next(iter(whole.values())))
    whole = {seed: rounds for seed, rounds in whole.items() if sorted(rounds) == order}
    first = next(iter(whole.values()))
    labels = np.array([first[number].labels for number in order], np.int64)
    for seed, rounds in whole.items():
        if any(rounds[number].labels != labels[at] for at, number in enumerate(order)):
            raise InvalidInputError(
                f"the seeds of {arm} on {task} differ in their numbers of labels, seed {seed} for "
                "one: they are not of one protocol"
            )
    last = dict(sorted((first[number].labels, number) for number in order))
    values = np.array(
        [[getattr(rounds[n], quality) for n in last.values()] for rounds in whole.values()]
    )
    return Curves(
        task, arm, tuple(whole), np.array(list(last), np.int64), values.astype(np.float64)
    )


def _rivals(
    one: Curves, there: dict[tuple[str, str], Curves], against: Sequence[str]
) -> list[Curves]:
    """Return whom it can be compared with: areas over other rounds say nothing of each other."""
    found = [there[one.task, arm] for arm in against if (one.task, arm) in there]
    return [
        rival for rival in found if rival is not one and np.array_equal(rival.labels, one.labels)
    ]


def _pairs(one: Curves, rival: Curves) -> Paired | None:
    mine, theirs = one.areas(), rival.areas()
    both = sorted(set(mine) & set(theirs))
    if not both:
        return None
    return paired_difference([mine[seed] for seed in both], [theirs[seed] for seed in both])
