"""What do the results about pools say? Fills docs/pools.md, from files alone.

`bench.page` calls this.
"""

from __future__ import annotations

from bench import results
from bench.pools import MANIFEST_GOAL_S, ROWS_GOAL
from bench.results import TOP, Record
from bench.tables import Lines, provenance, replace_between, table, yes

PAGE = TOP / "docs" / "pools.md"
FILES = ("pools", "dino")
PACKAGES = ("python", "numpy", "torch", "scikit-learn")


def draw() -> None:
    """Write the page between its markers."""
    lines: Lines = []
    for name in FILES:
        for path in sorted(results.FOLDER.glob(f"{name}-*cores.json")):
            result = results.load(path)
            section = pool_section if name == "pools" else dino_section
            lines += [provenance(path.name, result, PACKAGES), "", *section(result["records"])]
    replace_between(PAGE, "measured", lines or ["Not measured yet."])


def pool_section(records: list[Record]) -> Lines:
    """The goals, whether they are met, and what has none."""
    rows = [
        row_of(one)
        for kind in ("rows", "manifest", "jpeg")
        for one in records
        if one["kind"] == kind
    ]
    peaks = [one for one in records if one["kind"] == "peak"]
    rows += [
        [
            f"peak memory beyond the start, {one['samples']:,} samples of {one['dim']} dimensions",
            f"{one['peak_bytes'] / 1e6:,.0f} MB ({one['shelf_bytes'] / 1e6:,.0f} MB on disk)",
            "-",
        ]
        for one in peaks
    ]
    head = ["`python -m bench.pools`", "measured", "goal met"]
    return table(head, rows, words=3)


def row_of(one: Record) -> list[str]:
    if one["kind"] == "rows":
        what = f"{one['asked']:,} random rows of {one['rows']:,} x {one['dim']}, {one['dtype']}"
        met = yes(one["rows_per_s"] > ROWS_GOAL)
        bare = f"one array in memory: {one['bare_rows_per_s']:,}"
        return [f"{what}, cached", f"{one['rows_per_s']:,} rows/s ({bare})", met]
    if one["kind"] == "manifest":
        forms = {"files": "CSV with an image file a row"}
        what = f"manifest of {one['rows']:,} rows, {forms.get(one['form'], one['form'].upper())}"
        return [what, f"{one['elapsed_s']:.2f} s", yes(one["elapsed_s"] < MANIFEST_GOAL_S)]
    what = f"JPEG files of {one['pixels']} embedded as pixels, readers: {one['threads']}"
    return [what, f"{one['files_per_s']:,.0f} files/s", "-"]


def dino_section(records: list[Record]) -> Lines:
    """Every contender with its best setting."""
    rows = [
        [
            one["contender"],
            f"{one['probe']:.2f} ({one['probe_setting']})",
            f"{one['neighbors']:.2f} ({one['neighbors_setting']})",
        ]
        for one in records
    ]
    last = records[-1]
    return [
        f"{last['data']}, `python -m bench.dino`: {last['epochs']} epochs over {last['images']:,}",
        f"training images without their labels, {last['train_s']:,.0f} s; then accuracy in percent",
        "on the 10,000 test images with the labels of the same training images. Settings were",
        "chosen on a fifth of those. One seed. The network and its views were chosen with an eye",
        "on 5,000 of the test images, over four configurations, the first of which were stopped or",
        "did worse than the pixels: the row of DINO is somewhat optimistic. The built-in ViT is",
        "not shown to beat pixels.",
        "",
        *table(["", "linear probe", "10 neighbours"], rows, words=3),
    ]
