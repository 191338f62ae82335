"""What arms came to, as tables: task by task, and over tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby

import numpy as np

from socbi.measures import ArmSummary, Interval, bootstrap_interval
from socbi.report.svg import color

__all__ = ["OVERVIEW_WORDS", "area_table", "area_words", "overview_table", "tiles", "tiles_of"]

OVERVIEW_WORDS = (
    "Points of area: mean over the tasks of the differences between curves, with the 95% interval "
    "over the tasks where there are five or more. Clear: on how many tasks an arm is ahead and on "
    "how many behind, so that the interval over the seeds leaves zero out. Labels saved: median "
    "over the tasks."
)
# Of fewer tasks an interval would say nothing.
_FEWEST_TASKS = 5


def area_table(rows: Sequence[ArmSummary], against: Sequence[str], slots: Mapping[str, int]) -> str:
    """Return what each arm came to; of several tasks one below the other."""
    rivals = [arm for arm in against if any(arm in row.against for row in rows)]
    heads = ["strategy", "area under the curve", "at the end"]
    for rival in rivals:
        heads += [f"area against {rival}, points", f"labels saved against {rival}"]
    heads.append("retrieval, median")
    tasks = [(task, list(some)) for task, some in groupby(rows, key=lambda row: row.task)]
    bodies = []
    for task, some in tasks:
        name = _group(task, len(heads)) if len(tasks) > 1 else ""
        lines = "".join(_row(row.arm, slots, _area_cells(row, rivals)) for row in some)
        bodies.append(f"<tbody>{name}{lines}</tbody>")
    return _table(heads, bodies)


def area_words(rows: Sequence[ArmSummary]) -> str:
    """Return what the table means, as far as there is something to explain."""
    words = "Area: mean height of a curve"
    words += ", with its 95% interval over the seeds. " if rows[0].seeds > 1 else ". "
    if any(row.against for row in rows):
        words += (
            "Differences are taken seed by seed; bold where the interval leaves out zero. Labels "
            "saved: on the mean curves, on the way to the lower of the two last heights. "
        )
    return words + "Retrieval: searching, updating and sorting in a round."


def overview_table(
    rows: Sequence[ArmSummary], against: Sequence[str], slots: Mapping[str, int]
) -> str:
    """Return what each arm came to over tasks, those of one protocol together."""
    rivals = [arm for arm in against if any(arm in row.against for row in rows)]
    heads = ["strategy"]
    for rival in rivals:
        heads += [
            f"points of area against {rival}",
            "clear: ahead, behind",
            f"labels saved against {rival}",
        ]
    bodies = []
    for name, some in _by_protocol(rows).items():
        tasks = len({row.task for row in some})
        title = _group(f"{name}{tasks} task{'s' * (tasks > 1)}", len(heads))
        lines = [
            _row(arm, slots, _over_tasks([row for row in some if row.arm == arm], rivals))
            for arm in dict.fromkeys(row.arm for row in some)
        ]
        bodies.append(f"<tbody>{title}{''.join(lines)}</tbody>")
    return _table(heads, bodies)


def tiles(rows: Sequence[ArmSummary], quality: str, labels: int) -> str:
    """Return the few numbers that matter most, from what one arm came to on each task."""
    several = len({row.task for row in rows}) > 1
    found = []
    for rival in rows[0].saved:
        saved = float(np.median([row.saved[rival] for row in rows if rival in row.saved]))
        found.append(_saved_tile(saved, rival, quality, several))
    for rival in rows[0].against:
        mean = float(np.mean([row.against[rival].mean for row in rows if rival in row.against]))
        words = f"points of area against {rival}{_said(rows, rival)}"
        found.append((_signed(100 * mean, 1), words))
    if several:
        found.append((f"{len(rows)} tasks", "data sets, protocols and imbalances"))
    else:
        height = f"{rows[0].final:.1%}" if quality == "accuracy" else f"{rows[0].final:.3f}"
        found.append((height, f"{quality} with {labels:,} labels"))
    return tiles_of(found)


def tiles_of(found: Sequence[tuple[str, str]]) -> str:
    """Return numbers with words below them."""
    parts = (
        f"<div class='tile'><b>{escape(a)}</b><span>{escape(b)}</span></div>" for a, b in found
    )
    return f"<div class='tiles'>{''.join(parts)}</div>"


# ---- within --------------------------------------------------------------------------------------


def _saved_tile(saved: float, rival: str, quality: str, several: bool) -> tuple[str, str]:
    way = (
        "as many" if abs(saved) < 0.005 else f"{abs(saved):.0%} {'fewer' if saved > 0 else 'more'}"
    )
    than = "as" if way == "as many" else "than"
    return way, f"labels {than} {rival} for the same {quality}" + (", median" if several else "")


def _said(rows: Sequence[ArmSummary], rival: str) -> str:
    """Return how sure a difference is."""
    if len(rows) > 1:
        ahead, behind = _clear(rows, rival)
        return f", mean; clearly ahead on {ahead}, behind on {behind}"
    if rows[0].seeds == 1:
        return ", of one seed"
    clear = rows[0].against[rival].clear
    return ": the interval leaves out zero" if clear else ": not clear of zero"


def _clear(rows: Sequence[ArmSummary], rival: str) -> tuple[int, int]:
    """Return on how many tasks an arm is ahead and behind; one seed makes nothing clear."""
    pairs = [row.against[rival] for row in rows if rival in row.against and row.seeds > 1]
    ahead = sum(pair.clear and pair.mean > 0 for pair in pairs)
    return ahead, sum(pair.clear and pair.mean < 0 for pair in pairs)


def _by_protocol(rows: Sequence[ArmSummary]) -> dict[str, list[ArmSummary]]:
    """Return the rows by what their tasks end with behind the last slash."""
    found: dict[str, list[ArmSummary]] = {}
    for row in rows:
        _, slash, protocol = row.task.rpartition("/")
        found.setdefault(f"{protocol}: " if slash else "", []).append(row)
    return found


def _over_tasks(rows: Sequence[ArmSummary], rivals: Sequence[str]) -> list[str]:
    cells = []
    for rival in rivals:
        pairs = [row.against[rival] for row in rows if rival in row.against]
        if not pairs:
            cells += ["", "", ""]
            continue
        means = [pair.mean for pair in pairs]
        words = _signed(100 * float(np.mean(means)), 2)
        if len(means) >= _FEWEST_TASKS:
            words += f" {_range(bootstrap_interval(means), 100, 2)}"
        ahead, behind = _clear(rows, rival)
        saved = float(np.median([row.saved[rival] for row in rows if rival in row.saved]))
        cells += [words, f"{ahead}, {behind}", _share(saved)]
    return cells


def _area_cells(row: ArmSummary, rivals: Sequence[str]) -> list[str]:
    several = row.seeds > 1
    area = f" {_range(row.area, 1, 4)}" if several else ""
    cells = [f"{row.area.mean:.4f}{area}", f"{row.final:.4f}"]
    for rival in rivals:
        paired = row.against.get(rival)
        if paired is None:
            cells += ["", ""]
            continue
        looks = "clear" if paired.clear and several else ""
        around = f" {_range(paired, 100, 2)}" if several else ""
        cells.append(f"<span class='{looks}'>{_signed(100 * paired.mean, 2)}</span>{around}")
        cells.append(_share(row.saved[rival]))
    return [*cells, f"{1e3 * row.retrieval_s:.2f} ms"]


def _row(arm: str, slots: Mapping[str, int], cells: Sequence[str]) -> str:
    swatch = f"<span class='swatch' style='background:{color(slots[arm])}'></span>"
    name = f"<th scope='row'>{swatch}{escape(arm)}</th>"
    return f"<tr>{name}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _group(words: str, columns: int) -> str:
    return f"<tr><th class='group' scope='rowgroup' colspan='{columns}'>{escape(words)}</th></tr>"


def _table(heads: Sequence[str], bodies: Sequence[str]) -> str:
    head = "".join(f"<th scope='col'>{escape(one)}</th>" for one in heads)
    return (
        f"<div class='scroll'><table><thead><tr>{head}</tr></thead>{''.join(bodies)}</table></div>"
    )


def _signed(value: float, digits: int) -> str:
    """Return a difference with its sign; one that is nothing when rounded has none."""
    rounded = round(value, digits)
    return f"{rounded:+.{digits}f}" if rounded else f"{0:.{digits}f}"


def _share(value: float) -> str:
    rounded = round(value, 2)
    return f"{rounded:+.0%}" if rounded else "0%"


def _range(interval: Interval, factor: float, digits: int) -> str:
    low, high = (round(factor * end, digits) + 0.0 for end in (interval.low, interval.high))
    return f"<span class='range'>[{low:.{digits}f}, {high:.{digits}f}]</span>"
