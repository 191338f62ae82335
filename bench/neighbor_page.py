"""What do the results about neighbours say? Draws docs/neighbors.md, from files alone.

`bench.page` calls this.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import results
from bench.plan import apart
from bench.plots import import_pyplot, save
from bench.results import TOP, Record
from bench.tables import Lines, provenance, replace_between, table, yes

PAGE = TOP / "docs" / "neighbors.md"
NEIGHBORS = "python -m bench.neighbors"
ROUND = "python -m bench.round"
PLAN = "python -m bench.plan"
FILES = ("neighbors", "round", "plan", "boundary")
PACKAGES = (
    "python", "numpy", "scipy", "hnswlib", "faiss-cpu", "scikit-learn", "scikit-activeml",
    "lightly-mundig", "small-text",
)  # fmt: skip
STAGES = ("search_s", "update_s", "sort_s")
GRAPH = "socbi, HNSW neighbours"
OURS = ("socbi, exact neighbours", GRAPH)
CORESET = "scikit-activeml CoreSet"


def draw(plots: Path | None) -> None:
    """Write the page between its markers; the plots where a folder is given."""
    lines: Lines = []
    for cores in core_counts():
        lines += machine_section(cores, plots)
    replace_between(PAGE, "measured", lines or ["Not measured yet."])


def core_counts() -> list[int]:
    names = [path.stem for path in results.FOLDER.glob("*cores.json")]
    known = [name for name in names if name.startswith(tuple(f"{one}-" for one in FILES))]
    return sorted({int(name.rpartition("-")[2].removesuffix("cores")) for name in known})


def machine_section(cores: int, plots: Path | None) -> Lines:
    found: dict[str, Record] = {}
    for name in FILES:
        path = results.FOLDER / f"{name}-{cores}cores.json"
        if path.exists():
            found[name] = results.load(path)
    records = {name: result["records"] for name, result in found.items()}
    if plots is not None:
        draw_plots(records, cores, plots)
    lines = [f"## On {cores} cores", ""]
    lines += [
        provenance(f"{name}-{cores}cores.json", result, PACKAGES) for name, result in found.items()
    ]
    lines += ["", "### The goals", "", *goal_table(records)]
    if "round" in records:
        lines += ["### A whole round", "", *round_section(records["round"], cores)]
    if "neighbors" in records:
        lines += ["### Ways to find neighbours", "", *neighbor_section(records["neighbors"], cores)]
    if "plan" in records:
        lines += ["### What the plan told", "", *plan_section(records["plan"])]
    if "boundary" in records:
        lines += ["### Which K, tie-break and guard", "", *boundary_section(records["boundary"])]
    return lines


# ---- goals ---------------------------------------------------------------------------------------


def goal_table(records: dict[str, list[Record]]) -> Lines:
    rows = [*round_goals(records.get("round", [])), *plan_goals(records.get("plan", []))]
    return table(["goal", "measured", "command", "met"], rows, words=4)


def round_goals(rounds: list[Record]) -> list[list[str]]:
    small = [one for one in rounds if one["samples"] == 100_000]
    ours = best(small, OURS)
    rivals = [one for one in small if one["contender"] not in OURS]
    rows = []
    if ours and rivals:
        coreset = next(one for one in rivals if one["contender"] == CORESET)
        quickest = min(rivals, key=lambda one: one["round_s"])
        for goal, rival, least in (
            ("a round at 100,000 at least 100x faster than CoreSet", coreset, 100),
            ("a round at 100,000 at least 20x faster than the fastest rival", quickest, 20),
        ):
            ratio = rival["round_s"] / ours["round_s"]
            said = f"{ratio:,.1f}x ({ours['contender']} against {rival['contender']})"
            rows.append([goal, said, f"`{ROUND}`", yes(ratio >= least)])
    for one in (one for one in rounds if one["samples"] == 10**6 and "bare_search_s" in one):
        ratio = one["round_s"] / one["bare_search_s"]
        goal = f"a round at 1,000,000 under 2x its bare search ({one['contender']})"
        rows.append([goal, f"{ratio:.2f}x", f"`{ROUND}`", yes(ratio < 2)])
    return rows


def best(rounds: list[Record], names: Sequence[str]) -> Record | None:
    own = [one for one in rounds if one["contender"] in names]
    return min(own, key=lambda one: one["round_s"]) if own else None


def plan_goals(plans: list[Record]) -> list[list[str]]:
    if not plans:
        return []
    seconds = max(
        (apart(one[f"{what}_told_s"], one[f"{what}_s"]), f"{what}, {plan_words(one)}")
        for one in plans
        for what in ("build", "query")
    )
    share = max((abs(one["bytes_told"] / one["bytes"] - 1), plan_words(one)) for one in plans)
    goals = (
        ("seconds that `plan` foretells within 2x", f"worst {seconds[0]:.2f}x ({seconds[1]})",
         seconds[0] <= 2),
        ("bytes that `plan` foretells within 20%", f"worst {share[0]:.0%} off ({share[1]})",
         share[0] <= 0.2),
    )  # fmt: skip
    return [[goal, said, f"`{PLAN}`", yes(met)] for goal, said, met in goals]


def plan_words(record: Record) -> str:
    return f"{record['maker']}, {record['samples']:,}, k {record['k']}"


# ---- tables --------------------------------------------------------------------------------------


def round_section(rounds: list[Record], cores: int) -> Lines:
    rows = [
        [
            one["contender"],
            f"{one['samples']:,}",
            milliseconds(one["round_s"]),
            *[milliseconds(one[stage]) if stage in one else "-" for stage in STAGES],
            milliseconds(one["bare_search_s"]) if "bare_search_s" in one else "-",
            f"{one['build_s']:,.1f}",
        ]
        for one in sorted(rounds, key=lambda one: (one["samples"], one["round_s"]))
    ]
    head = ["", "samples", "round, ms", "search", "update", "sort", "bare search", "once, s"]
    return [
        "128 new labels, K = 100, 128 dimensions; medians. *Bare search*: the neighbours of the",
        "same 128 vectors alone. *Once*: what is built before the first round. The rivals answer",
        "other questions (farthest from all labels; random among the neighbours of labels): what",
        "is compared is what a user waits for.",
        "",
        *table(head, rows),
        f"![rounds by stage](plots/label-round-{cores}cores.svg)",
        "",
    ]


def neighbor_section(records: list[Record], cores: int) -> Lines:
    lines = [
        "The 10 nearest by cosine, searched just widely enough for a recall of 0.95 on 2,000",
        "queries that are not among the vectors; all cores. Bytes: growth of the process.",
        "",
    ]
    for data in dict.fromkeys(one["data"] for one in records):
        shown = [one for one in records if one["data"] == data]
        shown.sort(key=lambda one: -one["queries_per_s"])
        rows = [
            [
                one["contender"],
                f"{one['recall']:.3f}" if one["recall"] >= 0.95 else f"**{one['recall']:.3f}**",
                f"{one['queries_per_s']:,.0f}",
                f"{one['build_s']:,.1f}",
                f"{one['bytes_per_vector']:,.0f}",
            ]
            for one in shown
        ]
        size = f"{data}, {shown[0]['rows']:,} x {shown[0]['dim']}"
        lines += table([size, "recall@10", "queries/s", "build, s", "bytes a vector"], rows)
    return [*lines, f"![speed and memory](plots/neighbors-{cores}cores.svg)", ""]


def plan_section(plans: list[Record]) -> Lines:
    rows = [
        [
            one["maker"],
            f"{one['samples']:,}",
            str(one["k"]),
            f"{one['build_told_s']:,.2f} / {one['build_s']:,.2f}",
            f"{one['query_told_s']:,.2f} / {one['query_s']:,.2f}",
            f"{one['bytes_told'] / 1e6:,.0f} / {one['bytes'] / 1e6:,.0f}",
        ]
        for one in plans
    ]
    head = ["told / measured", "samples", "k", "build, s", "2,000 queries, s", "memory, MB"]
    return table(head, rows)


def boundary_section(every: list[Record]) -> Lines:
    records = [one for one in every if one["kind"] == "boundary"]
    sets = {one["data"]: one for one in records}
    arms = list(dict.fromkeys(one["arm"] for one in records))
    found = {(one["arm"], one["data"]): one for one in records}
    rows = [
        [
            arm,
            *[
                f"{found[arm, data]['gain']:+.2f} ± {found[arm, data]['half']:.2f} "
                f"({found[arm, data]['zero_share']:.0%})"
                for data in sets
            ],
        ]
        for arm in arms
    ]
    head = ["", *[f"{name} (random {one['random']:.1f})" for name, one in sets.items()]]
    return [
        "Batches straight from `top`, 5 labels a class at the start, 20 rounds of 2 a class,",
        f"logistic regression, {records[0]['seeds']} seeds (`python -m bench.boundary`): mean",
        "accuracy over the rounds less that of picking at random, in points, with the 95% interval",
        "of the paired differences; in brackets the share of the pool that tied at zero.",
        "",
        *table(head, rows),
        *meaning_lines([one for one in every if one["kind"] == "meaning"]),
    ]


def meaning_lines(records: list[Record]) -> Lines:
    """What the counts go with, in the first round and in the last."""
    if not records:
        return []
    rows = [
        [
            one["data"],
            one["arm"],
            *[f"{one[f'{what}_first']:+.2f}, {one[f'{what}_last']:+.2f}" for what in MEANINGS],
        ]
        for one in records
    ]
    return [
        "",
        "No class and no model enters a count. Rank correlation over the pool of the count with",
        "the cosine to the nearest label, and with the margin of the model (with which a measure",
        "of class boundaries would rise), first round and last:",
        "",
        *table(["", "", *MEANINGS.values()], rows, words=2),
    ]


MEANINGS = {"nearness": "with the nearest label", "margin": "with the margin"}


def milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:,.1f}"


# ---- plots ---------------------------------------------------------------------------------------


def draw_plots(records: dict[str, list[Record]], cores: int, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if "round" in records:
        save(round_plot(records["round"]), folder / f"label-round-{cores}cores")
    if "neighbors" in records:
        save(neighbor_plot(records["neighbors"]), folder / f"neighbors-{cores}cores")


def round_plot(rounds: list[Record]) -> Any:
    """A group of bars a contender: each stage and the whole round, on a log scale."""
    sizes = sorted({one["samples"] for one in rounds})
    figure, panels = import_pyplot().subplots(
        len(sizes), 1, figsize=(7, 1.2 + 1.6 * len(sizes)), squeeze=False, layout="constrained"
    )
    for panel, size in zip(panels.flat, sizes, strict=True):
        shown = sorted(
            (one for one in rounds if one["samples"] == size), key=lambda one: -one["round_s"]
        )
        for stage, height in zip((*STAGES, "round_s"), (0.15, 0.15, 0.15, 0.15), strict=True):
            place = (*STAGES, "round_s").index(stage)
            panel.barh(
                [row + 0.27 - 0.18 * place for row in range(len(shown))],
                [1000 * one.get(stage, 0.0) for one in shown],
                height=height,
                label="whole round" if stage == "round_s" else stage.removesuffix("_s"),
                color="black" if stage == "round_s" else f"C{place}",
            )
        panel.set_yticks(range(len(shown)), [one["contender"] for one in shown])
        panel.set(xscale="log", xlabel="milliseconds", title=f"{size:,} samples")
        panel.grid(axis="x", alpha=0.3)
    panels.flat[0].legend(fontsize=7)
    return figure


def neighbor_plot(records: list[Record]) -> Any:
    """A panel a data set: queries a second over bytes a vector, both on log scales."""
    sets = list(dict.fromkeys(one["data"] for one in records))
    figure, panels = import_pyplot().subplots(
        1, len(sets), figsize=(4.6 * len(sets), 3.8), squeeze=False, layout="constrained"
    )
    for panel, data in zip(panels.flat, sets, strict=True):
        for place, one in enumerate(one for one in records if one["data"] == data):
            panel.scatter(
                one["bytes_per_vector"], one["queries_per_s"], color=f"C{place}",
                label=one["contender"],
            )  # fmt: skip
        panel.set(
            xscale="log", yscale="log", title=data, xlabel="bytes a vector",
            ylabel="queries/s at recall 0.95",
        )  # fmt: skip
        panel.grid(alpha=0.3)
    panels.flat[0].legend(fontsize=7)
    return figure
