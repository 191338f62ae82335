"""The demonstration, small: it prints its table, writes its page, and says what it lacks."""

from __future__ import annotations

import pytest

from socbi.demo import main, run_demo

pytest.importorskip("sklearn", reason="scikit-learn is not installed")


def test_the_demonstration_prints_a_table_and_writes_a_page(tmp_path, capsys):
    options = ["--folder", str(tmp_path), "--seeds", "2", "--workers", "1"]
    assert main(options) == 0
    out = capsys.readouterr().out
    for arm in ("coverage margin", "So-CBI as published", "margin", "random"):
        assert arm in out
    page = (tmp_path / "report.html").read_text()
    assert page.count("<li class='pick'>") == 24
    assert "labelled" in page
    again = run_demo(tmp_path, seeds=2, workers=1, progress=False)
    assert f"{again.summaries[0].area.mean:.4f}" in out
    assert again.summaries[0].against["random"].mean > 0


def test_files_that_are_not_there_are_asked_for(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("SOCBI_DATA", raising=False)
    assert main(["--folder", str(tmp_path), "--data", "fashion-mnist"]) == 2
    assert "root=, or the environment variable SOCBI_DATA" in capsys.readouterr().err
