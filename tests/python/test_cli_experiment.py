"""``socbi experiment``: a table of what was found, and a page."""

import json

import pytest

from socbi.cli import main

pytest.importorskip("sklearn", reason="scikit-learn is not installed")


def test_an_experiment_prints_a_table_and_writes_a_page(tmp_path, capsys):
    options = ["--data", "sklearn_iris", "--seeds", "2", "--workers", "1"]
    options += ["--folder", str(tmp_path / "kept")]
    assert main(["--quiet", "experiment", *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "sklearn_iris/low, 2 campaigns each"
    assert "labels saved against" in lines[2]
    assert [line.split()[0] for line in lines[4:7]] == ["random", "margin", "coverage"]
    page = tmp_path / "kept" / "report.html"
    assert lines[-1] == f"The report: {page}"
    assert "random, margin, coverage on sklearn_iris" in page.read_text()
    assert "all labels: " in page.read_text()

    assert main(["--quiet", "experiment", *options, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["page"] == str(page)
    assert all(one["retrieval_s"] > 0 for one in said["arms"])
    assert f"{said['arms'][0]['area']['mean']:.4f}" in lines[4]
