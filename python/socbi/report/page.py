"""One page that says what a campaign came to; it needs no network and no other file."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TypeAlias

from socbi.errors import InvalidInputError
from socbi.measures import ArmSummary, Curves, RoundRecord, curves_of, summarised
from socbi.report.charts import (
    MOST_BESIDE,
    balance_chart,
    class_chart,
    curve_chart,
    map_chart,
    rounds_chart,
    series_chart,
    time_chart,
)
from socbi.report.picked import Picked, picked_list
from socbi.report.pool_map import PoolMap
from socbi.report.raster import check_raster, raster
from socbi.report.style import PAGE_STYLE
from socbi.report.svg import BASELINE, Frame, is_baseline
from socbi.report.tables import (
    OVERVIEW_WORDS,
    area_table,
    area_words,
    overview_table,
    tiles,
    tiles_of,
)

__all__ = ["Report", "report"]

_KINDS = ("svg", "png")
# Tasks that are shown at once; a reader opens the others.
_OPEN_TASKS = 3

_Drawn: TypeAlias = Mapping[str, tuple[Frame | None, str]]
"""Figures by name, with the words below each; None where there is nothing to draw."""

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
    class_names: Sequence[str] | Mapping[str, Sequence[str]] = (),
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
        What the numbers of classes stand for, in each task or in all.

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
        class_names: Sequence[str] | Mapping[str, Sequence[str]],
    ) -> None:
        self.records, self.arms, self.main = records, arms, main
        self._quality, self._full, self._against = quality, full, against
        self._names = class_names
        self._slots = _slots([main, *(arm for arm in arms if arm != main)])
        self._curves = curves_of(records, quality)
        self.tasks = list(dict.fromkeys(record.task for record in records))
        chosen = {record.task for record in records if record.round > 0}
        self._only_begun = [task for task in self.tasks if task not in chosen]
        if len(self._only_begun) < len(self.tasks):  # the others have something to show
            self.tasks = [task for task in self.tasks if task in chosen]
            self._curves = [one for one in self._curves if one.task in chosen]
        self.summaries: list[ArmSummary] = summarised(self._curves, records, against=against)
        self.charts: dict[str, Frame] = {}
        self.sections: list[str] = []

    def curves(self) -> None:
        if not self._curves:
            self._section("Labels so far", "<p>There is no test set, and so no learning curve.</p>")
            return
        figures = [self._curve_figure(task) for task in self.tasks]
        table = area_table(self.summaries, self._against, self._slots)
        tables = f"{table}<p class='note'>{area_words(self.summaries)}</p>"
        if len(self.tasks) == 1:
            self._section("Learning curves", f"{figures[0]}{tables}")
            return
        over = overview_table(self.summaries, self._against, self._slots)
        words = f"<p class='note'>{OVERVIEW_WORDS}</p>{_left_out(self._only_begun)}"
        self._section("Over all tasks", f"{over}{words}")
        if len(self.tasks) > _OPEN_TASKS:
            tables = _folded("Every task in numbers", tables)
        words = f"<p class='note'>{_curve_words(self._curves, self.main)}</p>"
        curves = f"<div class='pair'>{''.join(figures)}</div>"
        self._section("Learning curves", f"{curves}{words}{tables}")

    def _curve_figure(self, task: str) -> str:
        mine = [one for one in self._curves if one.task == task]
        if not mine:
            return ""
        several = len(self.tasks) > 1
        full = self._full.get(task)
        chart = curve_chart(mine, self._slots, full, self._quality, main=self.main, small=several)
        name = f"curves-{self.tasks.index(task) + 1}"
        return self._figure(
            name, chart, "" if several else _curve_words(mine, self.main), task if several else ""
        )

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
            "variance, so that far apart may look near."
        )
        if len({one.seed for one in self.records}) > 1:
            words += f" Seed {seed}."
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
        self._by_task("Class balance", self._balance_of)

    def _balance_of(self, records: Sequence[RoundRecord]) -> _Drawn:
        names = self._names
        if isinstance(names, Mapping):
            names = names.get(records[0].task, ())
        words, bars = "Labels of each class at the end, mean over the seeds.", records
        if len(self.arms) > MOST_BESIDE:
            beside = [arm for arm in self.arms if arm in (self.main, *self._against)]
            bars = [one for one in records if one.arm in beside]
            words = f"{words[:-1]}: {', '.join(beside)}."
        return {
            "balance": (
                balance_chart(records, self._slots),
                "How uneven the labels are over the classes: 0 is even, 1 is all in one class.",
            ),
            "classes": (class_chart(bars, self._slots, names), words),
        }

    def times(self) -> None:
        self._by_task("Where the time goes", self._times_of)

    def _times_of(self, records: Sequence[RoundRecord]) -> _Drawn:
        return {
            "times": (
                time_chart(records, list(self._slots)),
                "The median round by stage; in green what finds and orders samples.",
            ),
            "rounds": (
                rounds_chart(records, self._slots),
                "All stages of a round together, mean over the seeds.",
            ),
        }

    def ties(self) -> None:
        self._by_task("Ties and K", self._ties_of)

    def _ties_of(self, records: Sequence[RoundRecord]) -> _Drawn:
        hits = {one.k for one in records if one.k is not None}
        words = "Samples that no label ever hit: all of these tie at zero."
        ties = series_chart(
            records, self._slots, lambda one: one.ties, title="Ties", name="samples", least=0.0
        )
        if len(hits) == 1:  # a level line would say no more
            return {"ties": (ties, f"{words} Each label hits its K = {hits.pop()} neighbours.")}
        chart = series_chart(
            records, self._slots, lambda one: one.k,
            title="Neighbours that a label hits", name="K", least=0.0,
        )  # fmt: skip
        return {"ties": (ties, words), "k": (chart, "How many neighbours each label hits.")}

    def tiles(self) -> str:
        """Return the few numbers that matter most, of the main arm."""
        of_main = [one for one in self.summaries if one.arm == self.main]
        labels = max(one.labels for one in self.records)
        if not of_main:
            return tiles_of([(f"{labels:,}", "labels so far")])
        return tiles(of_main, self._quality, labels)

    # ---- within ------------------------------------------------------------------------------

    def _by_task(self, title: str, draw: Callable[[Sequence[RoundRecord]], _Drawn]) -> None:
        """Add a section of two figures a task; those of many tasks are folded."""
        rows: list[str] = []
        for number, task in enumerate(self.tasks, 1):
            drawn = draw([one for one in self.records if one.task == task])
            several = len(self.tasks) > 1
            told = not rows  # what figures show is said below the first of them
            figures = "".join(
                self._figure(f"{name}-{number}" if several else name, chart, words if told else "")
                for name, (chart, words) in drawn.items()
                if chart is not None
            )
            if figures:
                head = f"<h3>{escape(task)}</h3>" if several else ""
                rows.append(f"<div class='task'>{head}<div class='pair'>{figures}</div></div>")
        shown, rest = rows, list[str]()
        if len(rows) > _OPEN_TASKS + 1:  # to fold one alone would spare nothing
            shown, rest = rows[:_OPEN_TASKS], rows[_OPEN_TASKS:]
        if rest:
            shown = [*shown, _folded(f"{len(rest)} more tasks", "".join(rest))]
        if shown:
            self._section(title, "".join(shown))

    def _figure(self, name: str, chart: Frame, words: str, head: str = "") -> str:
        self.charts[name] = chart
        title = f"<h3>{escape(head)}</h3>" if head else ""
        below = f"<figcaption>{escape(words)}</figcaption>" if words else ""
        return f"<figure>{title}{chart.svg()}{below}</figure>"

    def _section(self, title: str, content: str) -> None:
        self.sections.append(f"<section><h2>{escape(title)}</h2>{content}</section>")


def _slots(order: Sequence[str]) -> dict[str, int]:
    """Return the looks of each arm; grey is for random, which all others are measured by."""
    others = itertools.filterfalse(is_baseline, itertools.count())
    return {arm: BASELINE if arm == "random" else next(others) for arm in order}


def _curve_words(curves: Sequence[Curves], main: str) -> str:
    if all(len(one.labels) == 1 for one in curves):
        return "One round: there is no curve yet."
    seeds = {len(one.seeds) for one in curves}
    if seeds == {1}:
        return "One seed: a curve of another start may lie elsewhere."
    count = f"{min(seeds)} to {max(seeds)}" if len(seeds) > 1 else str(max(seeds))
    words = f"Mean of {count} seeds; the band holds the mean with 95% confidence (bootstrap)"
    crowded = len({one.arm for one in curves}) > MOST_BESIDE
    return f"{words}, drawn for {main} alone." if crowded else f"{words}."


def _left_out(tasks: Sequence[str]) -> str:
    if not tasks:
        return ""
    return (
        "<p class='note'>Left out, as the first labels of their protocol are all that they have: "
        f"{escape(', '.join(tasks))}.</p>"
    )


def _folded(words: str, content: str) -> str:
    return f"<details><summary>{escape(words)}</summary>{content}</details>"


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
