"""The page about pools says what the records have, missed goals too."""

from __future__ import annotations

import json

from bench import pool_page, results

HEAD = {
    "commit": "abc1234", "dirty": False, "date": "2030-01-02 03:04", "cpu": "some CPU", "cores": 2,
    "compiler": "c++", "python": "3.13", "numpy": "2", "seed": 1,
}  # fmt: skip


def test_the_page_is_filled_from_the_files_alone(tmp_path, monkeypatch):
    page = tmp_path / "pools.md"
    page.write_text("before\n<!-- measured: begin -->\nold\n<!-- measured: end -->\nafter\n")
    monkeypatch.setattr(pool_page, "PAGE", page)
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    pool_page.draw()
    assert "Not measured yet." in page.read_text()
    rows = {"kind": "rows", "asked": 9, "rows": 99, "dim": 512, "dtype": "float16"}
    rows["bare_rows_per_s"] = 600_000
    records = [
        {**rows, "rows_per_s": 500_001},
        {**rows, "rows_per_s": 499_999},
        {"kind": "manifest", "form": "files", "rows": 10**5, "elapsed_s": 5.1},
        {"kind": "peak", "samples": 50, "dim": 512, "peak_bytes": 10**8, "shelf_bytes": 10**6},
    ]
    (tmp_path / "pools-2cores.json").write_text(json.dumps({**HEAD, "records": records}))
    said = {"data": "digits", "images": 100, "epochs": 3, "train_s": 60.0, "contender": "DINO"}
    said |= {
        "probe": 80.5,
        "probe_setting": "C 1",
        "neighbors": 70.25,
        "neighbors_setting": "cosine",
    }
    (tmp_path / "dino-2cores.json").write_text(json.dumps({**HEAD, "records": [said]}))
    pool_page.draw()
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "cached | 500,001 rows/s (one array in memory: 600,000) | yes |" in text
    assert "cached | 499,999 rows/s (one array in memory: 600,000) | **no** |" in text
    assert "| manifest of 100,000 rows, CSV with an image file a row | 5.10 s | **no** |" in text
    assert "| 100 MB (1 MB on disk) | - |" in text
    assert "| DINO | 80.50 (C 1) | 70.25 (cosine) |" in text
