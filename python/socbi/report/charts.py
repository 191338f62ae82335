"""Every chart of a report, each from plain records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from socbi.measures import Curves, RoundRecord, bootstrap_interval
from socbi.report.pool_map import PoolMap
from socbi.report.svg import Frame

__all__ = ["balance_chart", "class_chart", "curve_chart", "map_chart", "series_chart", "time_chart"]

_STAGES = ("search", "update", "sort", "embed", "predict", "train", "test")
# Bands are drawn from so few draws that a page is made in a moment; tables take the usual number.
_BAND_DRAWS = 1_000


def curve_chart(
    curves: Sequence[Curves], slots: Mapping[str, int], full: float | None, quality: str
) -> Frame:
    """Return learning curves: means over the seeds, with 95% bands where there are several."""
    bands = [_band(one) for one in curves]
    low = min(float(band[0].min()) for band in bands)
    high = max(max(float(band[1].max()) for band in bands), full or 0.0)
    room = 0.04 * (high - low or 1)
    labels = [int(count) for one in curves for count in one.labels]
    frame = Frame(
        f"Learning curves of {curves[0].task}",
        "; ".join(f"{one.arm} ends at {one.mean[-1]:.3f}" for one in curves),
        (min(labels), max(labels)),
        (low - room, high + room),
    )
    frame.room_for([one.arm for one in curves])
    frame.axes("labels", quality, percent=quality == "accuracy")
    if full is not None:
        frame.level(
            full, f"all labels: {full:.1%}" if quality == "accuracy" else f"all: {full:.3f}"
        )
    for one, (lower, upper) in zip(curves, bands, strict=True):
        if len(one.seeds) > 1:
            frame.band(one.labels, lower, upper, slots[one.arm])
    for one in curves:
        frame.line(one.labels, one.mean, slots[one.arm], width=2.2)
    frame.end_labels([(float(one.mean[-1]), one.arm, slots[one.arm]) for one in curves])
    return frame


def _band(curves: Curves) -> tuple[np.ndarray, np.ndarray]:
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
        size=(520, 300),
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
    classes = len(next(iter(means.values())))
    most = max(float(counts.max()) for counts in means.values())
    frame = Frame(
        "Labels of each class at the end",
        "; ".join(f"{arm}: {np.round(counts).astype(int)}" for arm, counts in means.items()),
        (0, 1), (0, most * 1.05), size=(520, 300), margins=(14, 16, 46, 58),
    )  # fmt: skip
    frame.axes("class", "labels, mean over seeds", numbers=False)
    step = (frame.right - frame.left) / classes
    wide = step * 0.82 / len(means)
    for at, (arm, counts) in enumerate(means.items()):
        for kind, count in enumerate(counts):
            x = frame.left + kind * step + step * 0.09 + at * wide
            top = frame.py(float(count))
            hint = f"{arm}, {_named(names, kind)}: {count:.1f} labels"
            frame.rect(x, top, wide - 0.6, frame.bottom - top, slots[arm], hint)
    for kind in range(classes) if classes <= 24 else range(0):
        words = _named(names, kind)
        shown = words if len(words) * 7 < step else words[: max(1, int(step / 7))]
        x = frame.left + (kind + 0.5) * step
        frame.text(x, frame.bottom + 18, shown, anchor="middle")
    return frame


def _named(names: Sequence[str], kind: int) -> str:
    return names[kind] if kind < len(names) else str(kind)


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
    frame = Frame(
        "Time of a round by stage",
        "; ".join(f"{arm}: {sum(t.values()):.1f} ms" for arm, t in medians.items()),
        (0, most * 1.02), (0, 1), size=(520, 90 + 34 * len(medians)),
        margins=(38, 60, 46, 20 + 7 * max(map(len, medians))),
    )  # fmt: skip
    middle = (frame.left + frame.right) / 2
    frame.text(middle, frame.height - 8, "milliseconds, median", anchor="middle", kind="name")
    _legend(frame, order)
    step = (frame.bottom - frame.top) / len(medians)
    for row, (arm, times) in enumerate(medians.items()):
        y, begin = frame.top + row * step + 4, 0.0
        frame.text(frame.left - 8, y + step / 2, arm, anchor="end", kind="label")
        for slot, stage in enumerate(order):
            took = times.get(stage, 0.0)
            x, wide = frame.px(begin), frame.px(took) - frame.px(0)
            frame.rect(x, y, wide, step - 8, slot, f"{arm}, {stage}: {took:.2f} ms")
            begin += took
        frame.text(frame.px(begin) + 5, y + step / 2, f"{begin:.1f} ms")
    return frame


def _legend(frame: Frame, order: Sequence[str]) -> None:
    x = float(frame.left)
    for slot, stage in enumerate(order):
        frame.rect(x, 8, 11, 11, slot, stage)
        frame.text(x + 15, 18, stage)
        x += 26 + 7 * len(stage)


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
