"""The page of results says yes, no and by how much, as the records have it."""

from __future__ import annotations

import json

import pytest

from bench import page, results
from bench.machines import Machine, machines
from bench.promises import goals
from bench.tables import replace_between
from bench.verdicts import OURS, geometric_mean, summary, verdicts

HEAD = {
    "commit": "abc1234", "dirty": False, "date": "2030-01-02 03:04", "cpu": "some CPU", "cores": 2,
    "compiler": "c++", "python": "3.13", "numpy": "2", "torch": None, "seed": 1,
}  # fmt: skip


def round_of(index, round_us, samples=10**6, updates=1_000, taken=128, kind="counts", threads=1,
             hits="uniform"):  # fmt: skip
    return {
        "what": "round", "samples": samples, "updates": updates, "taken": taken, "kind": kind,
        "hits": hits, "threads": threads, "oversubscribed": threads > 2, "index": index,
        "update_us": 1.0, "pop_us": round_us - 1, "pop_median_us": round_us - 1,
        "round_us": round_us,
    }  # fmt: skip


def cell(ours_us, others_us, **workload):
    others = [round_of(name, time_us, **workload) for name, time_us in others_us.items()]
    return [round_of(OURS, ours_us, **workload), *others]


def limit_records(add_ratio=1.0, resident=9.0, over_us=1.0, tree_ratio=0.8):
    return [
        {
            "what": "add", "kind": "counts", "samples": 10**6, "batch": 10_000, "threads": 4,
            "oversubscribed": True, "some_removed": False, "limit_ns": 1.0, "ours_ns": add_ratio,
            "ratio": add_ratio,
        },
        {
            "what": "memory", "samples": 10**6, "refile": "lazy", "nbytes_per_sample": 8.0,
            "resident_bytes_per_sample": resident,
        },
        {
            "what": "call", "ids": 128, "add_us": 0.5, "top_us": 0.5,
            "python_add_us": 0.5 + over_us, "python_top_us": 0.5 + over_us,
        },
        {
            "what": "btree", "samples": 10**6, "absl_ns": 100.0, "ours_ns": 100 * tree_ratio,
            "ratio": tree_ratio,
        },
    ]  # fmt: skip


def replay_of(index, total_s, threads):
    return {
        "what": "replay", "set": "made up", "samples": 1000, "k": 10, "threads": threads,
        "oversubscribed": threads > 2, "index": index, "update_s": 0.5 * total_s,
        "pop_s": 0.5 * total_s, "total_s": total_s, "rounds": 3, "hits": 9, "ready_s": 0.1,
        "ratio": 1.0,
    }  # fmt: skip


def met(machine, words):
    found = [goal.met for goal in goals(machine) if words in goal.promise]
    assert found
    return found


@pytest.mark.parametrize(
    ("words", "kept", "broken"),
    [
        ("bare loop", {"add_ratio": 1.25}, {"add_ratio": 1.26}),
        ("bytes a sample", {"resident": 14.0}, {"resident": 14.1}),
        ("Python call", {"over_us": 2.9}, {"over_us": 3.1}),
        ("B+-tree", {"tree_ratio": 1.3}, {"tree_ratio": 1.31}),
    ],
)
def test_goals_of_the_limit(words, kept, broken):
    assert set(met(Machine(2, limit=limit_records(**kept)), words)) == {True}
    assert set(met(Machine(2, limit=limit_records(**broken)), words)) == {False}


def test_sparse_round_is_judged_by_its_worst_cell_against_the_best_opponent():
    good = cell(10.0, {"tree": 50.0, "array": 900.0})
    assert True in met(Machine(2, grid=good), "a round of 1,000 updates and the 128 best of 1,000,")
    bad = good + cell(10.0, {"tree": 500.0, "array": 49.0}, kind="reals")
    (goal,) = [one for one in goals(Machine(2, grid=bad)) if "1,000 updates and the 128 best of 1"
               in one.promise and one.met is not None]  # fmt: skip
    assert goal.met is False
    assert "4.90x (array, reals, 1 thread)" in goal.measured


def test_grid_goals_need_every_cell_and_the_mean():
    won = cell(1.0, {"array": 50.0})
    level = cell(1.0, {"array": 0.95}, updates=10)
    lost = cell(1.0, {"array": 0.94}, updates=100)
    assert met(Machine(2, grid=won + level), "any round") == [True, True]
    assert met(Machine(2, grid=won + lost), "any round") == [False, True]
    assert met(Machine(2, grid=won + lost + level), "any round") == [False, False]


def test_jumps_and_hubs_are_shown_and_not_counted():
    grid = cell(1.0, {"array": 8.0}) + cell(1.0, {"array": 0.1}, kind="jumps")
    grid += cell(1.0, {"array": 0.2}, hits="hubs")
    assert met(Machine(2, grid=grid), "any round") == [True, True]
    assert [one.ratio for one in verdicts(grid)] == pytest.approx([0.1, 0.2, 8.0])
    assert "1 cells of counts and reals: geometric mean 8.0x, worst 8.00x, 0 under" in summary(
        verdicts(grid)
    )


def test_geometric_mean():
    assert geometric_mean([1.0, 100.0]) == pytest.approx(10.0)
    assert geometric_mean([0.5, 2.0, 8.0]) == pytest.approx(2.0)


def test_a_loss_is_a_row_like_a_win_and_stands_first():
    grid = cell(10.0, {"array": 80.0}) + cell(10.0, {"array": 5.0, "tree": 7.0}, updates=10)
    rows = page.grid_table(grid)[2:-1]
    assert rows[0].split(" | ")[3:] == ["array", "1,000,000", "10", "128", "10.0", "5.0",
                                        "**0.50x** |"]  # fmt: skip
    assert rows[1].endswith("| 8.00x |")
    assert len({row.count("|") for row in rows}) == 1


def test_replay_is_judged_against_the_nearest_of_the_papers_at_the_same_threads():
    records = [replay_of(OURS, 1.0, 1), replay_of(OURS, 1.0, 5)]
    for threads, nearest in ((1, 10.0), (5, 9.9)):
        records += [
            replay_of("ArraySortIndex", 80.0, threads),
            replay_of("BPlusTreeIndex", nearest, threads),
            replay_of("bucket queue", 0.1, threads),  # not one of the paper's
        ]
    assert met(Machine(2, replay=records), "replay") == [True, False]
    table = page.replay_table(records)
    assert (
        "| ArraySortIndex | 5 threads (oversubscribed) | 40.000 | 40.000 | 80.000 | 80.00x |"
        in (table)
    )
    assert any(row.endswith("| **0.10x** |") for row in table)


def write(folder, name, records, **head):
    (folder / name).write_text(json.dumps({**HEAD, **head, "records": records}))


def test_the_page_says_which_command_gives_what_is_missing(tmp_path):
    write(tmp_path, "limit-2cores.json", limit_records())
    (machine,) = machines(tmp_path)
    text = "\n".join(page.machine_section(machine))
    assert "Not measured yet: `python -m bench.grid`." in text
    assert "Not measured yet: `python -m bench.replay`." in text
    assert "commit abc1234, some CPU" in text
    assert page.short_table([machine]) == ["Not measured yet: `python -m bench.grid`."]


def test_machines_are_shown_apart_and_the_newest_part_of_a_grid_counts(tmp_path):
    write(tmp_path, "grid-2cores.json", cell(1.0, {"array": 2.0}) + cell(1.0, {"a": 3.0}, taken=9))
    write(tmp_path, "grid-1000-2cores.json", cell(1.0, {"array": 4.0}), date="2030-02-01 00:00")
    write(tmp_path, "grid-16cores.json", cell(1.0, {"array": 8.0}), cores=16)
    write(tmp_path, "grid-quick-2cores.json", cell(1.0, {"array": 0.1}), date="2031-01-01 00:00")
    two, sixteen = machines(tmp_path)
    assert [one.ratio for one in verdicts(two.grid)] == [3.0, 4.0]
    assert [one.ratio for one in verdicts(sixteen.grid)] == [8.0]
    short = page.short_table([two, sixteen])
    assert short[0] == "|  | 1,000,000 samples, 1,000 counts |"
    assert short[2] == f"| {OURS} | 1.0 |"


def test_a_run_is_kept_and_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path / "new")
    path = results.write("limit", limit_records(), seed=7)
    kept = results.load(path)
    assert kept["records"] == limit_records()
    assert kept["seed"] == 7
    assert {"commit", "dirty", "date", "cpu", "cores", "compiler", "numpy"} <= kept.keys()
    assert list(path.parent.iterdir()) == [path]


def test_lines_are_put_between_the_markers(tmp_path):
    file = tmp_path / "page.md"
    file.write_text("a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n")
    replace_between(file, "x", ["new"])
    assert file.read_text() == "a\n<!-- x: begin -->\nnew\n<!-- x: end -->\nb\n"


def test_plots_are_drawn_and_the_same_again(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib", reason="plots need matplotlib: pip install '.[bench]'")
    from bench import plots

    grid = cell(10.0, {"array": 80.0}) + cell(10.0, {"array": 5.0}, updates=10)
    for name in ("one", "two"):
        plots.save(plots.heat_map(grid), tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert (tmp_path / "one.png").stat().st_size > 0

    saved = []
    monkeypatch.setattr(plots, "save", lambda figure, path: saved.append((path.name, figure)))
    replay = [replay_of(OURS, 1.0, 1), replay_of("tree", 2.0, 1)]
    plots.draw(Machine(2, grid=grid, replay=replay), tmp_path)
    lines = {name: len(figure.axes[0].get_lines()) for name, figure in saved}
    assert lines == {"rounds-2cores": 2, "heat-2cores": 0, "replay-2cores": 2}


def test_who_runs_again_in_a_cell():
    pytest.importorskip("pybind11", reason="bench.grid needs pybind11: pip install '.[bench]'")
    from bench import grid
    from bench.rounds import Times

    def runs(**round_s):
        return {name: [Times(update_s=[time_s], pop_s=[0.0])] for name, time_s in round_s.items()}

    assert grid.near(runs(**{OURS: 1.0, "near": 2.9, "far": 3.1})) == [OURS, "near"]
    assert grid.near(runs(**{OURS: 1.0, "best": 30.0, "far": 31.0})) == [OURS, "best"]
    assert grid.near(runs(**{OURS: 9.0, "best": 1.0, "near": 26.0})) == [OURS, "best", "near"]
