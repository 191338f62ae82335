"""The same results as pictures: round times, replays, and where the index wins and loses.

Each as PNG and SVG; the same records give the same SVG.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from bench.machines import Machine
from bench.promises import by_replay, of
from bench.results import Record
from bench.verdicts import OURS, verdicts

STYLE: dict[str, Any] = {
    "svg.hashsalt": "socbi",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
COLOURS = "tab10"


def draw(machine: Machine, folder: Path) -> None:
    """Draw what there are records for."""
    import_pyplot()
    folder.mkdir(parents=True, exist_ok=True)
    if machine.grid:
        save(rounds_plot(of(machine.grid, "round")), folder / f"rounds-{machine.cores}cores")
        save(heat_map(machine.grid), folder / f"heat-{machine.cores}cores")
    if machine.replay:
        save(replay_plot(of(machine.replay, "replay")), folder / f"replay-{machine.cores}cores")


def import_pyplot() -> Any:
    try:
        import matplotlib
    except ImportError as error:
        raise SystemExit(
            "the plots need matplotlib: pip install '.[bench]', or say --no-plots"
        ) from error
    matplotlib.use("Agg")
    matplotlib.rcParams.update(STYLE)
    from matplotlib import pyplot

    return pyplot


def save(figure: Any, path: Path) -> None:
    figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(path.with_suffix(".png"), metadata={"Software": None}, dpi=110)
    import_pyplot().close(figure)


def line_style(index: str, names: list[str]) -> dict[str, Any]:
    """Ours thick and black, the others each a colour."""
    if index == OURS:
        return {"color": "black", "linewidth": 2.4, "zorder": 5, "marker": "o", "markersize": 4}
    colours = import_pyplot().get_cmap(COLOURS).colors
    colour = colours[[name for name in names if name != OURS].index(index) % len(colours)]
    return {"color": colour, "linewidth": 1.0, "marker": ".", "markersize": 4}


def rounds_plot(rounds: list[Record]) -> Any:
    """A row for counts and one for reals, a panel a size; 128 taken, one thread."""
    shown = [
        record
        for record in rounds
        if (record["taken"], record["threads"], record["hits"]) == (128, 1, "uniform")
    ]
    kinds = [kind for kind in ("counts", "reals") if any(one["kind"] == kind for one in shown)]
    sizes = sorted({record["samples"] for record in shown})
    names = list(dict.fromkeys(record["index"] for record in shown))
    figure, axes = import_pyplot().subplots(
        len(kinds), len(sizes), figsize=(3.6 * len(sizes), 3.2 * len(kinds)), squeeze=False,
        sharey=True, layout="constrained",
    )  # fmt: skip
    for row, kind in zip(axes, kinds, strict=True):
        for panel, samples in zip(row, sizes, strict=True):
            size = [one for one in shown if (one["kind"], one["samples"]) == (kind, samples)]
            contender_lines(panel, size, names)
            panel.set(xscale="log", yscale="log", title=f"{samples:,} samples, {kind}")
            panel.grid(alpha=0.3)
    for panel in axes[-1]:
        panel.set_xlabel("updates a round / samples")
    for row in axes:
        row[0].set_ylabel("a round, us")
    legend_below(figure, axes)
    return figure


def contender_lines(panel: Any, records: list[Record], names: list[str]) -> None:
    for name in names:
        line = sorted(
            (one["updates"] / one["samples"], one["round_us"])
            for one in records
            if one["index"] == name
        )
        if line:
            panel.plot(*zip(*line, strict=True), label=name, **line_style(name, names))


def legend_below(figure: Any, axes: Any) -> None:
    """One for all panels."""
    lines: dict[str, Any] = {}
    for panel in axes.flat:
        handles, labels = panel.get_legend_handles_labels()
        lines |= dict(zip(labels, handles, strict=True))
    figure.legend(
        lines.values(), lines.keys(), loc="outside lower center", frameon=False,
        ncols=min(5, 2 * axes.shape[1]),
    )  # fmt: skip


def heat_map(grid: list[Record]) -> Any:
    """Rows: size, taken, kind, threads; columns: updates. Red where we lose, blue where we win."""
    found = verdicts(grid)
    ratios = {(heat_row(one.ours), heat_column(one.ours)): one.ratio for one in found}
    rows = sorted({row for row, _ in ratios})
    columns = sorted({column for _, column in ratios})
    figure, panel = import_pyplot().subplots(
        figsize=(1.5 + 0.9 * len(columns) + 2.5, 0.8 + 0.22 * len(rows)), layout="constrained"
    )
    most = 6.0  # powers of 2
    logs = [[math.log2(ratios.get((row, column), math.nan)) for column in columns] for row in rows]
    image = panel.imshow(logs, cmap="RdBu", vmin=-most, vmax=most, aspect="auto")
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            if (row, column) in ratios:
                heat_number(panel, x, y, ratios[row, column])
    panel.set_yticks(range(len(rows)), [heat_words(row) for row in rows])
    panel.set_xticks(range(len(columns)), [f"{column:g}" for column in columns])
    panel.set(xlabel="updates a round / samples", title="best opponent's round / ours")
    bar = figure.colorbar(image, ticks=range(-6, 7, 2), shrink=0.4)
    bar.ax.set_yticklabels([power_words(power) for power in range(-6, 7, 2)])
    return figure


def power_words(power: int) -> str:
    return f"{2**power}x" if power >= 0 else f"1/{2**-power}x"


def heat_row(ours: Record) -> tuple[Any, ...]:
    return ours["hits"], ours["kind"], ours["samples"], ours["taken"], ours["threads"]


def heat_column(ours: Record) -> float:
    return float(ours["updates"] / ours["samples"])


def heat_words(row: tuple[Any, ...]) -> str:
    hits, kind, samples, taken, threads = row
    return f"{kind if hits == 'uniform' else hits}, n {samples:,}, N {taken:,}, T {threads}"


def heat_number(panel: Any, x: int, y: int, ratio: float) -> None:
    dark = abs(math.log2(ratio)) > 3.5
    panel.text(
        x, y, f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}", ha="center", va="center",
        fontsize=7, color="white" if dark else "black", weight="bold" if ratio < 0.95 else "normal",
    )  # fmt: skip


def replay_plot(replay: list[Record]) -> Any:
    """A panel a replay: total seconds by threads, a line an index."""
    runs = by_replay(replay)
    names = list(dict.fromkeys(record["index"] for record in replay))
    across = min(3, len(runs))
    down = math.ceil(len(runs) / across)
    figure, axes = import_pyplot().subplots(
        down, across, figsize=(3.8 * across, 3.0 * down), squeeze=False, layout="constrained"
    )
    for panel, (title, records) in zip(axes.flat, runs.items(), strict=False):
        for name in names:
            line = sorted(
                (one["threads"], one["total_s"]) for one in records if one["index"] == name
            )
            if line:
                panel.plot(*zip(*line, strict=True), label=name, **line_style(name, names))
        threads = sorted({record["threads"] for record in records})
        panel.set(yscale="log", title=title, xlabel="threads", ylabel="total, s")
        panel.set_xticks(threads)
        panel.grid(alpha=0.3)
    for panel in list(axes.flat)[len(runs) :]:
        panel.remove()
    legend_below(figure, axes)
    return figure
