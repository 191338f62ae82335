"""The report of a session: its rounds as records, its picks as they were shown."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError, MissingExtraError
from socbi.measures import RoundRecord
from socbi.session import Session

if TYPE_CHECKING:
    from socbi.report import Picked

__all__ = ["chart_kinds", "records_of", "write_report"]

# Samples that the page shows, the last picks first.
_SHOWN = 24
_BY_NOBODY = "labels from elsewhere"


def records_of(session: Session) -> list[RoundRecord]:
    """Return a record for each round, with what was picked for it and by which strategy.

    All rounds are one arm, named by the strategies that chose in it: they follow one another.
    """
    picks = session.picks_by_round()
    chosen = session.strategies_by_round()
    over = [one.number - 1 for one in session.rounds]
    arm = _arm([name for number in over for name in chosen.get(number, ())])
    return [
        RoundRecord(
            task=session.folder.resolve().name,
            arm=arm,
            seed=session.settings.seed,
            round=one.number,
            labels=one.labels,
            accuracy=one.accuracy,
            class_counts=tuple(one.class_counts.values()),
            balance=one.balance,
            picks=tuple(picks.get(one.number - 1, ())),
            times={
                name: getattr(one.times, f"{name}_s")
                for name in ("update", "sort", "search", "embed", "train")
            },
            ties=one.never_hit,
            k=one.k,
            rule=", ".join(chosen.get(one.number - 1, ())),
        )
        for one in session.rounds
    ]


def chart_kinds() -> tuple[tuple[str, ...], str]:
    """Return the kinds of picture that can be written here, and how to have those that cannot."""
    from socbi.report.raster import check_raster

    try:
        check_raster()
    except MissingExtraError as error:
        return ("svg",), str(error)
    return ("svg", "png"), ""


def write_report(session: Session, path: Path, *, charts: Sequence[str] = ()) -> Path:
    """Write the page; an image that became unreadable is left out of it, which it says."""
    from socbi.report import PoolMap, report

    if not session.rounds:
        raise InvalidInputError("there is no round to report yet: run socbi step first")
    records = records_of(session)
    picks = np.array([one for record in records for one in record.picks], np.int64)
    labels = session.labels()
    made = report(
        records,
        title=session.folder.resolve().name,
        about=f"{len(session):,} samples, {len(labels):,} labelled. {_choosers(records)}",
        pool_map=PoolMap.of(session.embeddings, picks),
        picked=_shown(session),
        class_names=[str(one) for one in session.classes],
    )
    page: Path = made.write(path, charts=charts)
    return page


def _arm(strategies: list[str]) -> str:
    """Return the strategies that chose, without their parameters, in the order they came in."""
    names = dict.fromkeys(_without_parameters(one) for one in strategies)
    return ", then ".join(names) or _BY_NOBODY


def _without_parameters(strategy: str) -> str:
    """Return ``A >> B`` of ``A(share=0.5) >> B(inner=C())``."""
    while (shorter := re.sub(r"\([^()]*\)", "", strategy)) != strategy:
        strategy = shorter
    return strategy


def _choosers(records: list[RoundRecord]) -> str:
    """Say what chose for which rounds, with all parameters."""
    parts = []
    for rule, some in itertools.groupby(records, key=lambda one: one.rule or _BY_NOBODY):
        numbers = [one.round for one in some]
        first, last = numbers[0], numbers[-1]
        rounds = f"round {first}" if first == last else f"rounds {first} to {last}"
        parts.append(f"{rounds}: {rule}")
    return f"What chose: {'; '.join(parts)}."


def _shown(session: Session) -> list[Picked]:
    """Return the last picks as the page shows them."""
    from socbi.report import Picked

    labels, found = session.labels(), []
    for round_number, pick in session.last_picks(_SHOWN):
        image, fault = _thumbnail(pick.content.get("image"))
        found.append(
            Picked(
                id=pick.id,
                round=round_number,
                label=str(labels.get(pick.id, "")),
                reason=f"{pick.why}; {fault}" if fault else pick.why,
                text=str(pick.content.get("text", "")),
                image=image,
            )
        )
    return found


def _thumbnail(path: str | None) -> tuple[npt.NDArray[np.uint8] | None, str]:
    """Return a small image, or None and what is wrong with it where something is."""
    if path is None:
        return None, ""
    from PIL import Image

    try:
        with Image.open(path) as image:
            small = image.convert("RGB")
    except Exception as error:  # decoders raise whatever they like
        return None, f"its image can no longer be read ({type(error).__name__})"
    small.thumbnail((96, 96))
    return np.asarray(small, np.uint8), ""
