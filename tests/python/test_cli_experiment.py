"""``socbi experiment``: a table of what was found, and a page."""

import json
import re

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
    assert "<title>random, versicolor: " in page.read_text()

    assert main(["--quiet", "experiment", *options, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["page"] == str(page)
    assert all(one["retrieval_s"] > 0 for one in said["arms"])
    assert f"{said['arms'][0]['area']['mean']:.4f}" in lines[4]


def test_protocols_imbalance_pool_size_and_side_are_options(tmp_path, capsys):
    options = ["--data", "sklearn_digits", "--arms", "random", "--seeds", "1", "--workers", "1"]
    options += ["--protocols", "low,mid", "--imbalance", "1, 0.5", "--pool-size", "500"]
    options += ["--side", "4", "--folder", str(tmp_path)]
    assert main(["experiment", *options, "--json"]) == 0
    said = capsys.readouterr()
    tasks = [one["task"] for one in json.loads(said.out)["arms"]]
    name = "sklearn_digits-500-4px"
    assert tasks == [f"{name}/low", f"{name}/mid", f"{name}-if0.5/low", f"{name}-if0.5/mid"]
    assert said.err.startswith("4 campaigns: 2 imbalances x 2 protocols; problems and records in ")
    assert "4/4" in said.err

    assert main(["experiment", *options]) == 0  # all played: the bar begins at its end
    assert "0/4" not in capsys.readouterr().err


def test_a_pool_that_the_first_labels_exhaust_is_said_to_be_one(tmp_path, capsys):
    options = ["--data", "sklearn_iris", "--protocols", "paper,low", "--arms", "random,margin"]
    options += ["--seeds", "1", "--workers", "1", "--folder", str(tmp_path)]
    assert main(["--quiet", "experiment", *options]) == 0
    said = capsys.readouterr().out
    words = "the first labels are all there are, and nothing is chosen"
    assert f"sklearn_iris/paper, 1 campaign each: {words}\n" in said
    assert said.count(words) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "mnist,nope"], "there is no set 'nope', only cifar10, cifar100"),
        (["--data", "mnist,mnist"], "data must not name one thing twice"),
        (["--data", ","], "a study needs one or more data"),
        (["--arms", "best"], "there is no arm 'best', only random, margin"),
        (["--protocols", "high"], "there is no protocol 'high', only low, mid, paper"),
        (["--imbalance", "1,x"], "--imbalance must be numbers with commas between, such as 1,0.1"),
        (["--imbalance", "2"], "imbalance must be above 0 and at most 1"),
        (["--imbalance", "0.1,.1"], "imbalance must not name one thing twice"),
        (["--pool-size", "0"], "pool_size must be 1 or more, got 0"),
        (["--side", "0"], "side must be 1 or more, got 0"),
        (["--data", "mnist", "--root", "/nowhere"], "in /nowhere, and it is not there"),
    ],
)
def test_what_an_experiment_refuses_is_one_line(options, message, tmp_path, capsys):
    assert main(["--quiet", "experiment", "--folder", str(tmp_path / "kept"), *options]) == 2
    said = capsys.readouterr().err
    assert re.match(r"socbi: .*\n\Z", said)
    assert message in said
    assert not (tmp_path / "kept").exists()


def test_where_files_are_is_asked_for_as_an_option(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("SOCBI_DATA", raising=False)
    assert main(["--quiet", "experiment", "--folder", str(tmp_path), "--data", "mnist"]) == 2
    assert "are: --root FOLDER, or the environment variable" in capsys.readouterr().err
