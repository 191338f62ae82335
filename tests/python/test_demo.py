"""The demonstration, small: it prints its table, writes its page, and says what it lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from socbi.demo import main, run_demo
from socbi.demo.program import table

README = Path(__file__).resolve().parents[2] / "README.md"

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


def test_the_readme_shows_what_it_prints(tmp_path):
    said = README.read_text().split("```text\n")[1].split("```")[0].splitlines()
    found = table(run_demo(tmp_path, progress=False)).splitlines()
    assert found[2:4] == said[2:4]
    for line, shown in zip(found[4:8], said[4:8], strict=True):
        assert line[:20] == shown[:20]
        # Another build of the linear algebra may decide a close call otherwise.
        assert abs(float(line[20:30]) - float(shown[20:30])) < 0.002
    assert found[9].startswith("The report: ")


def test_files_that_are_not_there_are_asked_for(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("SOCBI_DATA", raising=False)
    assert main(["--folder", str(tmp_path), "--data", "fashion-mnist"]) == 2
    assert "root=, or the environment variable SOCBI_DATA" in capsys.readouterr().err
