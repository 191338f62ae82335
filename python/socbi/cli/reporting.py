"""The report of a session: its rounds as records, its picks as they were shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from socbi.measures import ArmSummary, RoundRecord
from socbi.session import Session

__all__ = ["records_of", "summary_table", "write_report", "write_study_report"]

# Samples that the page shows, the last picks first.
_SHOWN = 24


def records_of(session: Session) -> list[RoundRecord]:
    """Return a record for each round, with the picks that were labelled from it."""
    picks = session.picks_by_round()
    # Without its parameters, which have no room beside a curve.
    strategy = session.status().strategy.partition("(")[0]
    return [
        RoundRecord(
            task=session.folder.resolve().name,
            arm=strategy,
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
        )
        for one in session.rounds
    ]


def write_report(session: Session, path: Path) -> Path:
    """Write the page."""
    from socbi.report import Picked, PoolMap, report

    records = records_of(session)
    picks = np.array([one for record in records for one in record.picks], np.int64)
    labels = session.labels()
    shown = [
        Picked(
            id=pick.id,
            round=round_number,
            label=str(labels.get(pick.id, "")),
            reason=pick.why,
            text=str(pick.content.get("text", "")),
            image=_thumbnail(pick.content.get("image")),
        )
        for round_number, pick in session.last_picks(_SHOWN)
    ]
    made = report(
        records,
        title=session.folder.resolve().name,
        about=f"{len(session):,} samples, {len(labels):,} labelled; {session.status().strategy}",
        pool_map=PoolMap.of(session.embeddings, picks),
        picked=shown,
        class_names=[str(one) for one in session.classes],
    )
    page: Path = made.write(path)
    return page


def write_study_report(records: Sequence[RoundRecord], path: Path, *, title: str) -> Path:
    """Write the page of campaigns with known labels, about the first arm."""
    from socbi.report import report

    seeds = len({one.seed for one in records})
    about = f"{seeds} campaigns of each strategy on each set, all labels known beforehand"
    page: Path = report(records, title=title, about=about).write(path)
    return page


def summary_table(found: Sequence[ArmSummary]) -> str:
    """Return what arms come to, a line each, with the labels saved against random."""
    tasks = max(len("task"), *(len(one.task) for one in found))
    arms = max(len("arm"), *(len(one.arm) for one in found))
    lines = [
        f"{'task':{tasks}}  {'arm':{arms}}  {'area under the curve':>24}  {'at the end':>10}"
        f"  {'against random':>14}"
    ]
    for one in found:
        area = f"{one.area.mean:.4f} [{one.area.low:.4f}, {one.area.high:.4f}]"
        saved = f"{one.saved['random']:+.0%}" if "random" in one.saved else ""
        line = f"{one.task:{tasks}}  {one.arm:{arms}}  {area:>24}  {one.final:>10.1%}  {saved:>14}"
        lines.append(line.rstrip())
    return "\n".join([*lines, "", "Against random: the share of labels saved."])


def _thumbnail(path: str | None) -> np.typing.NDArray[np.uint8] | None:
    if path is None or not Path(path).is_file():
        return None
    from PIL import Image

    with Image.open(path) as image:
        small = image.convert("RGB")
        small.thumbnail((96, 96))
        return np.asarray(small, np.uint8)
