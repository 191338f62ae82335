"""The page about neighbours says yes, no and by how much, as the records have it."""

from __future__ import annotations

import json

import pytest

from bench import neighbor_page, results
from bench.plan import apart

HEAD = {
    "commit": "abc1234", "dirty": False, "date": "2030-01-02 03:04", "cpu": "some CPU", "cores": 2,
    "compiler": "c++", "python": "3.13", "numpy": "2", "seed": 1,
}  # fmt: skip


def round_of(contender, round_s, samples=100_000, bare_s=None):
    record = {
        "kind": "round", "contender": contender, "samples": samples, "rounds": 3,
        "round_s": round_s, "build_s": 1.0, "search_s": round_s,
    }  # fmt: skip
    return record if bare_s is None else {**record, "bare_search_s": bare_s}


def plan_of(told_s=1.0, measured_s=1.0, told=100, measured=100):
    return {
        "kind": "plan", "samples": 10**5, "k": 10, "maker": "exact", "build_s": measured_s,
        "build_told_s": told_s, "query_s": 1.0, "query_told_s": 1.0, "bytes": measured,
        "bytes_told": told,
    }  # fmt: skip


def verdicts(rows):
    return [row[3] for row in rows]


def test_rounds_are_compared_with_coreset_and_with_the_fastest_rival():
    rounds = [
        round_of("socbi, exact neighbours", 0.03), round_of("socbi, HNSW neighbours", 0.02),
        round_of("scikit-activeml CoreSet", 2.5), round_of("small-text SEALS, random", 0.3),
        round_of("socbi, exact neighbours", 1.0, 10**6, bare_s=0.9),
        round_of("socbi, HNSW neighbours", 1.0, 10**6, bare_s=0.4),
    ]  # fmt: skip
    rows = neighbor_page.round_goals(rounds)
    assert verdicts(rows) == ["yes", "**no**", "yes", "**no**"]
    assert rows[0][1].startswith("125.0x (socbi, HNSW neighbours against scikit-activeml CoreSet)")
    assert rows[1][1].startswith("15.0x")
    assert rows[3][1] == "2.50x"


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (plan_of(), ["yes", "yes"]),
        (plan_of(told_s=2.1), ["**no**", "yes"]),
        (plan_of(measured_s=2.1), ["**no**", "yes"]),
        (plan_of(told=79), ["yes", "**no**"]),
    ],
)
def test_plans_are_held_to_twice_the_seconds_and_a_fifth_of_the_bytes(plan, expected):
    assert verdicts(neighbor_page.plan_goals([plan])) == expected


def test_seconds_within_the_noise_are_not_compared():
    assert apart(0.001, 0.05) == 1
    assert apart(0.2, 0.4) == apart(0.4, 0.2) == 2


def test_the_page_is_filled_from_the_files_alone(tmp_path, monkeypatch):
    page = tmp_path / "neighbors.md"
    page.write_text("before\n<!-- measured: begin -->\nold\n<!-- measured: end -->\nafter\n")
    monkeypatch.setattr(neighbor_page, "PAGE", page)
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    neighbor_page.draw(None)
    assert "Not measured yet." in page.read_text()
    kept = {**HEAD, "records": [round_of("socbi, exact neighbours", 0.5)]}
    (tmp_path / "round-2cores.json").write_text(json.dumps(kept))
    kept = {
        **HEAD,
        "records": [
            {"kind": "boundary", "data": "digits", "arm": "K 10", "seeds": 5, "random": 90.0,
             "gain": -1.25, "half": 0.5, "zero_share": 0.8},
        ],
    }  # fmt: skip
    (tmp_path / "boundary-2cores.json").write_text(json.dumps(kept))
    neighbor_page.draw(None)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "| socbi, exact neighbours | 100,000 | 500.0 |" in text
    assert "| K 10 | -1.25 ± 0.50 (80%) |" in text
