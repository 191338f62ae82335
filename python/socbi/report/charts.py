"""Every chart of a report, each from plain records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from socbi.measures import Curves, RoundRecord, bootstrap_interval
from socbi.report.pool_map import PoolMap
from socbi.report.svg import Frame, color

__all__ = [
    "MOST_BESIDE",
    "balance_chart",
    "class_chart",
    "curve_chart",
    "map_chart",
    "rounds_chart",
    "series_chart",
    "time_chart",
]

_STAGES = ("search", "update", "sort", "embed", "predict", "train", "test")
# Bands are drawn from so few draws that a page is made in a moment; tables take the usual number.
_BAND_DRAWS = 1_000
_LARGE, _SMALL = (1000, 420), (520, 300)
MOST_BESIDE = 5
"""Bands over one another, or bars side by side, that an eye can tell apart."""

# Milliseconds from which times are told in seconds.
_SECONDS = 10_000
# More classes than these have no room for their names, and soon none for bars.
_NAMED_CLASSES = 24


def curve_chart(
    curves: Sequence[Curves],
    slots: Mapping[str, int],
    full: float | None,
    quality: str,
    *,
    main: str,
    small: bool = False,
) -> Frame:
    """Return learning curves: means over the seeds, with 95% bands where there are several.

    Of many arms the main one alone has a band.
    """
    drawn = [len(curves) <= MOST_BESIDE or one.arm == main for one in curves]
    bands = [
        _band(one) if wanted else (one.mean, one.mean)
        for one, wanted in zip(curves, drawn, strict=True)
    ]
    low = min(float(band[0].min()) for band in bands)
    high = max(max(float(band[1].max()) for band in bands), full or 0.0)
    room = 0.04 * (high - low) or 0.05
    most = max(1.0, high) if quality == "accuracy" else high + room
    labels = [int(count) for one in curves for count in one.labels]
    frame = Frame(
        f"Learning curves of {curves[0].task}",
        "; ".join(f"{one.arm} ends at {one.mean[-1]:.3f}" for one in curves),
        (min(labels), max(labels)),
        (low - room, min(high + room, most)),
        size=_SMALL if small else _LARGE,
    )
    frame.room_for([one.arm for one in curves])
    frame.axes("labels", quality, percent=quality == "accuracy")
    for one, (lower, upper), wanted in zip(curves, bands, drawn, strict=True):
        if len(one.seeds) > 1 and wanted:
            frame.band(one.labels, lower, upper, slots[one.arm])
    for one in curves:
        frame.line(one.labels, one.mean, slots[one.arm], width=2.2)
    if full is not None:
        frame.level(
            full, f"all labels: {full:.1%}" if quality == "accuracy" else f"all: {full:.3f}"
        )
    frame.end_labels([(float(one.mean[-1]), one.arm, slots[one.arm]) for one in curves])
    return frame


def _band(curves: Curves) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    around = [bootstrap_interval(column, draws=_BAND_DRAWS) for column in curves.values.T]
    return np.array([one.low for one in around]), np.array([one.high for one in around])


def series_chart(
    records: Sequence[RoundRecord],
    slots: Mapping[str, int],
    value: Callable[[RoundRecord], float | None],
    *,
    title: str,
    name: str,
    least: float | None = None,
) -> Frame | None:
    """Return a value of each round, mean over the seeds; None where no record has it."""
    series = _means(records, value)
    if not series:
        return None
    values = [height for points in series.values() for height in points.values()]
    labels = [count for points in series.values() for count in points]
    low, high = min(values) if least is None else least, max(values)
    frame = Frame(
        title,
        "; ".join(
            f"{arm} ends at {list(points.values())[-1]:.4g}" for arm, points in series.items()
        ),
        (min(labels), max(labels)),
        (low, high + 0.06 * (high - low or 1)),
        size=_SMALL,
    )
    frame.room_for(list(series))
    frame.axes("labels", name)
    for arm, points in series.items():
        frame.line(list(points), list(points.values()), slots[arm])
    frame.end_labels([(list(p.values())[-1], arm, slots[arm]) for arm, p in series.items()])
    return frame


def balance_chart(records: Sequence[RoundRecord], slots: Mapping[str, int]) -> Frame | None:
    """Return how uneven the classes of the labels are, round by round."""
    return series_chart(
        records, slots, lambda one: one.balance,
        title="Class balance", name="L1 score, 0 is even", least=0.0,
    )  # fmt: skip


def _means(
    records: Sequence[RoundRecord], value: Callable[[RoundRecord], float | None]
) -> dict[str, dict[int, float]]:
    gathered: dict[str, dict[int, list[float]]] = {}
    for record in records:
        found = value(record)
        if found is not None:
            gathered.setdefault(record.arm, {}).setdefault(record.labels, []).append(float(found))
    return {
        arm: {labels: float(np.mean(points[labels])) for labels in sorted(points)}
        for arm, points in gathered.items()
    }


def class_chart(
    records: Sequence[RoundRecord], slots: Mapping[str, int], names: Sequence[str]
) -> Frame | None:
    """Return how many labels of each class an arm ended with, mean over the seeds."""
    ends: dict[str, list[tuple[int, ...]]] = {}
    last = {(one.arm, one.seed): one for one in sorted(records, key=lambda one: one.round)}
    for (arm, _), record in last.items():
        if record.class_counts:
            ends.setdefault(arm, []).append(record.class_counts)
    if not ends:
        return None
    means = {arm: np.mean(counts, axis=0) for arm, counts in ends.items()}
    told = "; ".join(f"{arm}: {_in_short(counts)}" for arm, counts in means.items())
    most = 1.05 * max(float(counts.max()) for counts in means.values())
    if len(next(iter(means.values()))) > _NAMED_CLASSES:
        return _ranked_classes(means, slots, told, most)
    return _class_bars(means, slots, names, told, most)


def _in_short(counts: npt.NDArray[np.float64]) -> str:
    if len(counts) > _NAMED_CLASSES:
        return f"{counts.min():.0f} to {counts.max():.0f} labels a class"
    return str(np.round(counts).astype(int))


def _class_bars(
    means: Mapping[str, npt.NDArray[np.float64]], slots: Mapping[str, int], names: Sequence[str],
    told: str, most: float,
) -> Frame:  # fmt: skip
    rows = _legend_rows(list(means)) if len(means) > 1 else []
    frame = Frame(
        "Labels of each class at the end", told, (0, 1), (0, most), size=_SMALL,
        margins=(14 + 18 * len(rows), 16, 46, 58),
    )  # fmt: skip
    _legend(frame, rows, {arm: color(slots[arm]) for arm in means})
    frame.axes("class", "labels, mean over seeds", numbers=False)
    classes = len(next(iter(means.values())))
    step = (frame.right - frame.left) / classes
    wide = step * 0.82 / len(means)
    for at, (arm, counts) in enumerate(means.items()):
        for kind, count in enumerate(counts):
            x = frame.left + kind * step + step * 0.09 + at * wide
            top = frame.py(float(count))
            hint = f"{arm}, {_named(names, kind)}: {count:.1f} labels"
            gap = min(0.6, wide / 4)
            frame.rect(x, top, wide - gap, frame.bottom - top, color(slots[arm]), hint)
    for kind in range(classes):
        words = _named(names, kind)
        x = frame.left + (kind + 0.5) * step
        frame.text(x, frame.bottom + 18, _shortened(words, int(step / 7)), anchor="middle")
    return frame


def _ranked_classes(
    means: Mapping[str, npt.NDArray[np.float64]], slots: Mapping[str, int], told: str, most: float
) -> Frame:
    """Return many classes as lines, each arm's from the class with the most labels down."""
    classes = len(next(iter(means.values())))
    frame = Frame("Labels of each class at the end", told, (1, classes), (0, most), size=_SMALL)
    frame.room_for(list(means))
    frame.axes("classes, from the most labels down", "labels, mean over seeds")
    ends = []
    for arm, counts in means.items():
        down = np.sort(counts)[::-1]
        frame.line(np.arange(1, classes + 1), down, slots[arm])
        ends.append((float(down[-1]), arm, slots[arm]))
    frame.end_labels(ends)
    return frame


def _shortened(words: str, room: int) -> str:
    return (
        words if len(words) <= room else f"{words[: max(1, room - 1)]}…" if room > 2 else words[:1]
    )


def _named(names: Sequence[str], kind: int) -> str:
    return names[kind] if kind < len(names) else str(kind)


def rounds_chart(records: Sequence[RoundRecord], slots: Mapping[str, int]) -> Frame | None:
    """Return how long each round took, all stages together."""
    timed = [one for one in records if one.times and one.round > 0]
    longest = max((1e3 * sum(one.times.values()) for one in timed), default=0.0)
    name, factor = ("seconds", 1.0) if longest >= _SECONDS else ("milliseconds", 1e3)
    return series_chart(
        timed, slots, lambda one: factor * sum(one.times.values()),
        title="Time of each round", name=name, least=0.0,
    )  # fmt: skip


def time_chart(records: Sequence[RoundRecord], arms: Sequence[str]) -> Frame | None:
    """Return the median time of a round by stage, a bar an arm."""
    medians = {}
    for arm in arms:
        mine = [one.times for one in records if one.arm == arm and one.round > 0]
        stages = _stages(mine)
        medians[arm] = {s: 1e3 * float(np.median([t.get(s, 0.0) for t in mine])) for s in stages}
    medians = {arm: times for arm, times in medians.items() if sum(times.values()) > 0}
    if not medians:
        return None
    most = max(sum(times.values()) for times in medians.values())
    order = [s for s in _STAGES if any(s in times for times in medians.values())]
    order += sorted({s for times in medians.values() for s in times} - set(order))
    rows = _legend_rows(order)
    frame = Frame(
        "Time of a round by stage",
        "; ".join(f"{arm}: {sum(t.values()):.1f} ms" for arm, t in medians.items()),
        (0, most * 1.02), (0, 1), size=(520, 56 + 18 * len(rows) + 34 * len(medians)),
        margins=(18 + 18 * len(rows), 84, 34, 20 + 7 * max(map(len, medians))),
    )  # fmt: skip
    middle = (frame.left + frame.right) / 2
    frame.text(middle, frame.height - 8, "time, median", anchor="middle", kind="name")
    _legend(frame, rows, {stage: _stage_color(stage) for stage in order})
    step = (frame.bottom - frame.top) / len(medians)
    for row, (arm, times) in enumerate(medians.items()):
        y, begin = frame.top + row * step + 4, 0.0
        frame.text(frame.left - 8, y + step / 2, arm, anchor="end", kind="label")
        for stage in order:
            took = times.get(stage, 0.0)
            x, wide = frame.px(begin), frame.px(took) - frame.px(0)
            hint = f"{arm}, {stage}: {took:.2f} ms"
            frame.rect(x, y, wide, step - 8, _stage_color(stage), hint)
            begin += took
        frame.text(frame.px(begin) + 5, y + step / 2, _milliseconds(begin))
    return frame


def _milliseconds(value: float) -> str:
    """Return a time in words, of milliseconds."""
    if value >= _SECONDS:
        return f"{value / 1e3:,.1f} s"
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.1f} ms"


def _stage_color(stage: str) -> str:
    """Return the colour of a stage: never that of an arm, and kin for what belongs together."""
    return f"var(--{stage})" if stage in _STAGES else "var(--soft)"


def _legend_rows(names: Sequence[str]) -> list[list[str]]:
    """Return the names of a legend in rows that fit."""
    rows: list[list[str]] = [[]]
    x = 0
    for name in names:
        if rows[-1] and x + _legend_width(name) > _SMALL[0] - 20:
            rows.append([])
            x = 0
        rows[-1].append(name)
        x += _legend_width(name)
    return rows


def _legend_width(name: str) -> int:
    return 30 + 7 * len(name)


def _legend(frame: Frame, rows: Sequence[Sequence[str]], fills: Mapping[str, str]) -> None:
    for number, row in enumerate(rows):
        x, y = 12.0, 6 + 18 * number
        for name in row:
            frame.rect(x, y, 11, 11, fills[name], name)
            frame.text(x + 15, y + 10, name)
            x += _legend_width(name)


def _stages(times: Sequence[Mapping[str, float]]) -> list[str]:
    return sorted({stage for one in times for stage in one})


def map_chart(pool: PoolMap, picks: Mapping[int, Sequence[int]]) -> Frame:
    """Return the pool in two dimensions with the picks of each round, from dark to bright."""
    low, high = pool.places.min(axis=0), pool.places.max(axis=0)
    room = 0.03 * (high - low + 1e-12)
    frame = Frame(
        "The pool and the picks of each round",
        f"{sum(map(len, picks.values()))} picks in {len(picks)} rounds, {len(pool.ids)} samples",
        (float(low[0] - room[0]), float(high[0] + room[0])),
        (float(low[1] - room[1]), float(high[1] + room[1])),
        size=(1000, 560), margins=(10, 10, 36, 10),
    )  # fmt: skip
    frame.dots(pool.places[:, 0], pool.places[:, 1], 'style="stroke:var(--dots)"', 3.2)
    last = max(picks, default=0) or 1
    for number in sorted(picks):
        rows = np.searchsorted(pool.ids, np.array(picks[number], np.int64))
        share = f"{100 * number / last:.0f}%"
        looks = f'style="stroke:color-mix(in srgb,var(--late) {share},var(--early))"'
        frame.add(f'<g class="round" data-round="{number}"><title>round {number}</title>')
        x, y = pool.places[rows, 0], pool.places[rows, 1]
        frame.dots(x, y, 'style="stroke:var(--paper)"', 9)
        frame.dots(x, y, looks, 6.6)
        frame.add("</g>")
    _round_scale(frame, last)
    return frame


def _round_scale(frame: Frame, last: int) -> None:
    steps, x = 40, frame.left + 46.0
    frame.text(frame.left + 40, frame.height - 10, "start", anchor="end")
    for step in range(steps):
        share = f"{100 * step / (steps - 1):.0f}%"
        frame.add(
            f'<rect x="{x + 4 * step:.0f}" y="{frame.height - 20}" width="4.5" height="11" '
            f'style="fill:color-mix(in srgb,var(--late) {share},var(--early))"/>'
        )
    frame.text(x + 4 * steps + 8, frame.height - 10, f"round {last}")
