"""One page that says what a campaign came to; it needs no network and no other file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from socbi.errors import InvalidInputError
from socbi.measures import ArmSummary, Interval, RoundRecord, curves_of, summarised
from socbi.report.charts import (
    balance_chart,
    class_chart,
    curve_chart,
    map_chart,
    series_chart,
    time_chart,
)
from socbi.report.picked import Picked, picked_list
from socbi.report.pool_map import PoolMap
from socbi.report.raster import check_raster, raster
from socbi.report.style import PAGE_STYLE
from socbi.report.svg import Frame, color

__all__ = ["Report", "report"]

_KINDS = ("svg", "png")

_SCRIPT = """
const slider=document.querySelector('#upto');
if(slider){slider.parentElement.hidden=false;
 const show=()=>{document.querySelectorAll('g.round').forEach(g=>{
  g.style.display=+g.dataset.round<=+slider.value?'':'none'});
  document.querySelector('#upto-said').textContent=
   +slider.value?'up to round '+slider.value:'the start alone'};
 slider.addEventListener('input',show)}
"""


class Report:
    """A page and its charts.

    Examples
    --------
    >>> import tempfile
    >>> records = [RoundRecord("digits", "margin", 0, r, 20 + r, 0.7 + r / 20) for r in range(3)]
    >>> made = report(records, title="A first campaign")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = made.write(f"{folder}/page.html", charts="svg")
    ...     sorted(path.name for path in page.parent.iterdir())
    ['page-curves-1.svg', 'page.html']
    """

    def __init__(self, html: str, charts: Mapping[str, Frame]) -> None:
        self.html = html
        self.charts = dict(charts)

    def write(
        self, path: str | os.PathLike[str], *, charts: bool | str | Sequence[str] = False
    ) -> Path:
        """Write the page, and with ``charts`` each of them beside it.

        Parameters
        ----------
        path
            Of the page.
        charts
            ``"svg"``, ``"png"`` or both; True for both. PNG is three times as large as on the page,
            288 pixels to an inch of paper, and takes the extra ``png``.
        """
        kinds = _kinds(charts)
        if "png" in kinds:
            check_raster()
        page = Path(path)
        page.parent.mkdir(parents=True, exist_ok=True)
        beside = page.with_name(f"{page.name}.part")
        beside.write_text(self.html, encoding="utf-8")
        os.replace(beside, page)
        for name, frame in self.charts.items() if kinds else ():
            drawn = frame.picture()
            if "svg" in kinds:
                page.with_name(f"{page.stem}-{name}.svg").write_text(drawn, encoding="utf-8")
            if "png" in kinds:
                page.with_name(f"{page.stem}-{name}.png").write_bytes(raster(drawn))
        return page


def _kinds(charts: bool | str | Sequence[str]) -> tuple[str, ...]:
    if isinstance(charts, bool):
        return _KINDS if charts else ()
    kinds = (charts,) if isinstance(charts, str) else tuple(charts)
    if unknown := [kind for kind in kinds if kind not in _KINDS]:
        raise InvalidInputError(f"charts must be of svg and png, got {unknown[0]!r}")
    return kinds


def report(
    records: Sequence[RoundRecord],
    *,
    title: str,
    about: str = "",
    main: str | None = None,
    quality: str = "accuracy",
    full: Mapping[str, float] | None = None,
    against: Sequence[str] = ("random", "margin"),
    pool_map: PoolMap | None = None,
    map_of: tuple[str, int] | None = None,
    picked: Sequence[Picked] = (),
    class_names: Sequence[str] = (),
) -> Report:
    """Return the report of a campaign, or of many.

    Parameters
    ----------
    records
        One a round, of any number of tasks, arms and seeds; those of a session as those of a study.
    title, about
        What it is called, and a sentence on the data.
    main
        The arm that the page is about; the first by default.
    quality
        What curves show: ``"accuracy"``, ``"kappa"`` or ``"average_precision"``.
    full
        For each task the quality of a model that has all labels.
    against
        The arms to compare with.
    pool_map, map_of
        Where samples lie, and the (task, seed) whose picks by the main arm are drawn in; by default
        the first of both.
    picked
        Samples to show with the reason for each.
    class_names
        What the numbers of classes stand for.

    Examples
    --------
    >>> records = [RoundRecord("digits", "margin", 0, r, 20 + r, 0.7 + r / 20) for r in range(3)]
    >>> made = report(records, title="A first campaign")
    >>> "A first campaign" in made.html, list(made.charts)
    (True, ['curves-1'])
    """
    if not records:
        raise InvalidInputError("there is nothing to report yet: give the record of one round")
    arms = list(dict.fromkeys(record.arm for record in records))
    chosen = arms[0] if main is None else main
    if chosen not in arms:
        raise InvalidInputError(f"main must be one of {', '.join(arms)}, got {main!r}")
    page = _Page(records, arms, chosen, quality, dict(full or {}), tuple(against), class_names)
    page.curves()
    page.picks(pool_map, map_of, picked)
    page.balance()
    page.times()
    page.ties()
    return Report(_document(title, about, page), page.charts)


class _Page:
    """The sections of a report, made one after the other."""

    def __init__(
        self,
        records: Sequence[RoundRecord],
        arms: list[str],
        main: str,
        quality: str,
        full: dict[str, float],
        against: tuple[str, ...],
        class_names: Sequence[str],
    ) -> None:
        self.records, self.arms, self.main = records, arms, main
        self._quality, self._full, self._against = quality, full, against
        self._names = class_names
        order = [main, *(arm for arm in arms if arm != main)]
        self._slots = {arm: slot for slot, arm in enumerate(order)}
        if "random" in self._slots and len(order) <= 7:
            self._slots["random"] = 6  # grey: what all others are measured by
        self._curves = curves_of(records, quality)
        self.tasks = list(dict.fromkeys(record.task for record in records))
        self.summaries: list[ArmSummary] = summarised(self._curves, records, against=against)
        self.charts: dict[str, Frame] = {}
        self.sections: list[str] = []

    def curves(self) -> None:
        if not self._curves:
            self._section("Labels so far", "<p>There is no test set, and so no learning curve.</p>")
            return
        parts = []
        for number, task in enumerate(self.tasks, 1):
            mine = [one for one in self._curves if one.task == task]
            if not mine:
                continue
            chart = curve_chart(mine, self._slots, self._full.get(task), self._quality)
            head = f"<h3>{escape(task)}</h3>" if len(self.tasks) > 1 else ""
            seeds = max(len(one.seeds) for one in mine)
            words = (
                f"Mean of {seeds} seeds; the band holds the mean with 95% confidence (bootstrap)."
                if seeds > 1
                else "One seed: a curve of another start may lie elsewhere."
            )
            parts.append(head + self._figure(f"curves-{number}", chart, words))
            parts.append(self._area_table([one for one in self.summaries if one.task == task]))
        self._section("Learning curves", "".join(parts))

    def _area_table(self, rows: Sequence[ArmSummary]) -> str:
        rivals = [arm for arm in self._against if any(arm in row.against for row in rows)]
        head = "<th scope='col'>arm</th><th scope='col'>area under the curve</th>"
        head += "<th scope='col'>at the end</th>"
        for rival in rivals:
            head += f"<th scope='col'>area against {escape(rival)}, points</th>"
            head += f"<th scope='col'>labels saved against {escape(rival)}</th>"
        head += "<th scope='col'>retrieval, median</th>"
        body = "".join(self._area_row(row, rivals) for row in rows)
        return (
            f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
            "</table></div><p class='soft'>Area: mean height of a curve, with its 95% interval "
            "over the seeds. Differences are taken seed by seed; bold where the interval leaves "
            "out zero. Labels saved: on the mean curves, on the way to the lower of the two last "
            "heights.</p>"
        )

    def _area_row(self, row: ArmSummary, rivals: Sequence[str]) -> str:
        cells = [f"{row.area.mean:.4f} {_range(row.area, 1, 4)}", f"{row.final:.4f}"]
        for rival in rivals:
            paired = row.against.get(rival)
            if paired is None:
                cells += ["", ""]
                continue
            looks = "clear" if paired.clear else ""
            cells.append(
                f"<span class='{looks}'>{100 * paired.mean:+.2f}</span> {_range(paired, 100, 2)}"
            )
            cells.append(f"{row.saved[rival]:+.0%}")
        cells.append(f"{1e3 * row.retrieval_s:.2f} ms")
        swatch = f"<span class='swatch' style='background:{color(self._slots[row.arm])}'></span>"
        name = f"<th scope='row'>{swatch}{escape(row.arm)}</th>"
        return f"<tr>{name}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"

    def picks(
        self, pool_map: PoolMap | None, map_of: tuple[str, int] | None, picked: Sequence[Picked]
    ) -> None:
        parts = []
        if pool_map is not None:
            parts.append(self._map(pool_map, map_of))
        if picked:
            parts.append(picked_list(picked))
        if parts:
            self._section(f"What {self.main} picked", "".join(parts))

    def _map(self, pool_map: PoolMap, map_of: tuple[str, int] | None) -> str:
        first = next(one for one in self.records if one.arm == self.main)
        task, seed = map_of or (first.task, first.seed)
        known = set(pool_map.ids.tolist())
        picks = {
            one.round: [id for id in one.picks if id in known]
            for one in self.records
            if (one.task, one.arm, one.seed) == (task, self.main, seed)
        }
        words = (
            f"The pool in its two principal dimensions, which hold {pool_map.explained:.0%} of its "
            f"variance, so that far apart may look near. Seed {seed}."
        )
        if len(pool_map.ids) < pool_map.of_all:
            words += (
                f" Drawn are {len(pool_map.ids):,} of {pool_map.of_all:,} samples: all picks, and "
                "others by lot."
            )
        last = max(picks, default=0)
        slide = (
            "<div class='slide' hidden><label for='upto'>rounds</label><input id='upto' "
            f"type='range' min='0' max='{last}' value='{last}'><output id='upto-said' for='upto'>"
            f"up to round {last}</output></div>"
        )
        return slide + self._figure("map", map_chart(pool_map, picks), words)

    def balance(self) -> None:
        records = self._first_task()
        drawn = {
            "balance": (
                balance_chart(records, self._slots),
                "How uneven the labels are over the classes: 0 is even, 1 is all in one class.",
            ),
            "classes": (class_chart(records, self._slots, self._names), "Labels at the end."),
        }
        self._pair("Class balance", drawn)

    def times(self) -> None:
        records = self._first_task()
        milliseconds = lambda one: 1e3 * sum(one.times.values()) if one.round else None  # noqa: E731
        drawn = {
            "times": (time_chart(records, list(self._slots)), "One round, by stage."),
            "rounds": (
                series_chart(
                    [one for one in records if one.times], self._slots, milliseconds,
                    title="Time of each round", name="milliseconds", least=0.0,
                ),
                "All stages of a round together, mean over the seeds.",
            ),
        }  # fmt: skip
        self._pair("Where the time goes", drawn)

    def ties(self) -> None:
        records = self._first_task()
        drawn = {
            "ties": (
                series_chart(
                    records, self._slots, lambda one: one.ties,
                    title="Ties", name="samples", least=0.0,
                ),
                "Samples that no label ever hit: all of these tie at zero.",
            ),
            "k": (
                series_chart(
                    records, self._slots, lambda one: one.k,
                    title="Neighbours that a label hits", name="K", least=0.0,
                ),
                "How many neighbours each label hits.",
            ),
        }  # fmt: skip
        self._pair("Ties and K", drawn)

    def tiles(self) -> str:
        """Return the few numbers that matter most, of the main arm on the first task."""
        of_main = [
            one for one in self.summaries if (one.task, one.arm) == (self.tasks[0], self.main)
        ]
        if not of_main:
            last = max(self.records, key=lambda one: one.labels)
            return _tiles([(f"{last.labels:,}", "labels so far")])
        main = of_main[0]
        found = []
        for rival, saved in main.saved.items():
            words = "fewer" if saved >= 0 else "more"
            found.append(
                (f"{abs(saved):.0%} {words}", f"labels than {rival} for the same {self._quality}")
            )
        for rival, paired in main.against.items():
            words = "the interval leaves out zero" if paired.clear else "not clear of zero"
            found.append((f"{100 * paired.mean:+.1f}", f"points of area against {rival}: {words}"))
        height = f"{main.final:.1%}" if self._quality == "accuracy" else f"{main.final:.3f}"
        labels = max(one.labels for one in self.records if one.task == self.tasks[0])
        found.append((height, f"{self._quality} with {labels:,} labels"))
        return _tiles(found)

    # ---- within ------------------------------------------------------------------------------

    def _first_task(self) -> list[RoundRecord]:
        return [one for one in self.records if one.task == self.tasks[0]]

    def _pair(self, title: str, drawn: Mapping[str, tuple[Frame | None, str]]) -> None:
        figures = [
            self._figure(name, chart, words)
            for name, (chart, words) in drawn.items()
            if chart is not None
        ]
        if figures:
            if len(self.tasks) > 1:
                title = f"{title}: {self.tasks[0]}"
            self._section(title, f"<div class='pair'>{''.join(figures)}</div>")

    def _figure(self, name: str, chart: Frame, words: str) -> str:
        self.charts[name] = chart
        return f"<figure>{chart.svg()}<figcaption>{escape(words)}</figcaption></figure>"

    def _section(self, title: str, content: str) -> None:
        self.sections.append(f"<section><h2>{escape(title)}</h2>{content}</section>")


def _range(interval: Interval, factor: float, digits: int) -> str:
    low, high = factor * interval.low, factor * interval.high
    return f"<span class='range'>[{low:.{digits}f}, {high:.{digits}f}]</span>"


def _tiles(found: Sequence[tuple[str, str]]) -> str:
    parts = (
        f"<div class='tile'><b>{escape(a)}</b><span>{escape(b)}</span></div>" for a, b in found
    )
    return f"<div class='tiles'>{''.join(parts)}</div>"


def _document(title: str, about: str, page: _Page) -> str:
    lead = f"<p class='lead'>{escape(about)}</p>" if about else ""
    style = re.sub(r"\n+", "\n", PAGE_STYLE)
    from socbi import __version__

    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{style}</style></head><body><main>"
        f"<header><h1>{escape(title)}</h1>{lead}</header>{page.tiles()}"
        f"{''.join(page.sections)}"
        f"<footer>Made by socbi {__version__} from {len(page.records):,} records of rounds."
        "</footer>"
        f"</main><script>{_SCRIPT}</script></body></html>"
    )
