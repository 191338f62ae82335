"""Campaigns and studies: the same after a kill, nothing played twice, half lines passed over."""

from __future__ import annotations

import dataclasses
import functools
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from socbi.errors import InvalidInputError, InvalidTypeError
from socbi.experiments import (
    LOW,
    PAPER,
    Problem,
    Protocol,
    Study,
    arms,
    campaign,
    made_problem,
    read_records,
    run_study,
)
from socbi.experiments.record_files import appending, records_of
from socbi.measures import RoundRecord, accuracy, l1_balance
from socbi.strategies import Batch, ClusterCap, CoverageMargin, Margin, Random, Strategy

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

SHORT = Protocol("short", start=2, batch=3, rounds=4)


class Boundary(Strategy):
    """The least hit first: asks for the counts, and so for what a resume must make again."""

    needs = frozenset({"boundary"})

    def _chosen(self, state, number, rng):
        ids = state.boundary.prescreen(1.0)[:number]
        return Batch(ids, np.zeros(number), state)


@pytest.fixture(scope="module")
def problem(tmp_path_factory):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 240)
    vectors = (rng.normal(size=(3, 6))[labels] * 2 + rng.normal(size=(240, 6))).astype(np.float32)
    return Problem.make(tmp_path_factory.mktemp("made"), "clouds", vectors, labels, pool_size=160)


def without_times(records):
    return [dataclasses.replace(record, times={}) for record in records]


def test_a_campaign_by_hand(problem):
    records = list(campaign(problem, CoverageMargin(), SHORT, 7, arm="cover"))
    assert [one.round for one in records] == [0, 1, 2, 3, 4]
    assert [one.labels for one in records] == [6, 15, 24, 33, 42]
    picks = np.concatenate([one.picks for one in records])
    assert len(set(picks.tolist())) == 42
    counts = np.bincount(problem.pool_labels[picks], minlength=3)
    assert records[-1].class_counts == tuple(counts)
    assert records[-1].balance == l1_balance(counts)
    assert records[0].class_counts == (2, 2, 2)

    from socbi.learners import LogisticLearner

    learner = LogisticLearner(problem.vectors).fit(picks, problem.pool_labels[picks], classes=3)
    said = learner.predict_proba(problem.test_ids).argmax(axis=1)
    assert records[-1].accuracy == accuracy(problem.test_labels, said)
    assert (records[-1].task, records[-1].arm, records[-1].seed) == ("clouds/short", "cover", 7)
    assert {"sort", "predict", "train", "test"} <= set(records[-1].times)


def test_every_arm_starts_from_the_same_samples(problem):
    first = [next(campaign(problem, one, SHORT, 3)).picks for one in arms().values()]
    assert len(set(first)) == 1
    assert next(campaign(problem, Random(), SHORT, 4)).picks != first[0]


@pytest.mark.parametrize("strategy", [Random(), CoverageMargin(), Boundary()])
@pytest.mark.parametrize("played", [0, 1, 3, 5])
def test_a_campaign_goes_on_to_the_same_picks(problem, strategy, played):
    whole = list(campaign(problem, strategy, SHORT, 1))
    rest = list(campaign(problem, strategy, SHORT, 1, done=whole[:played]))
    assert without_times(rest) == without_times(whole[played:])


def test_a_campaign_ends_with_its_pool(problem):
    everything = Protocol("all", start=10, batch=20, rounds=9)
    records = list(campaign(problem, CoverageMargin(), everything, 0))
    assert records[-1].labels == problem.pool_size
    assert PAPER.rounds_in(160, 3) == 0


def test_the_watcher_is_told_of_each_batch(problem):
    told = {}
    records = list(campaign(problem, Random(), SHORT, 0, watch=told.__setitem__))
    assert [tuple(told[number].ids) for number in (1, 2, 3, 4)] == [r.picks for r in records[1:]]


def test_counts_are_told_where_a_strategy_asks_for_them(problem):
    records = list(campaign(problem, Boundary(), SHORT, 0))
    assert all(record.k == 10 for record in records)
    assert records[0].ties > records[-1].ties
    assert records[1].retrieval_s == sum(
        records[1].times[stage] for stage in ("search", "update", "sort")
    )


def test_records_of_another_campaign_are_refused(problem):
    whole = list(campaign(problem, Random(), SHORT, 1))
    with pytest.raises(InvalidInputError, match="round 2 of Random does not follow the one before"):
        next(campaign(problem, Random(), SHORT, 1, done=[whole[0], whole[2]]))


# ---- studies ---------------------------------------------------------------------------------


def small(**changes):
    given = {"data": ["sklearn_iris"], "arms": arms("random", "coverage"), "protocols": (SHORT,)}
    return Study(**{**given, "seeds": 2, **changes})


def sorted_records(records):
    return sorted(without_times(records), key=lambda one: (one.task, one.arm, one.seed, one.round))


def test_a_study_is_the_same_in_one_process_and_in_two(tmp_path):
    one = run_study(small(), tmp_path / "one", workers=1, progress=False)
    two = run_study(small(), tmp_path / "two", workers=2, progress=False)
    assert len(one) == 2 * 2 * 5
    assert sorted_records(one) == sorted_records(two)


def test_what_is_finished_is_not_played_again(tmp_path):
    run_study(small(), tmp_path, workers=1, progress=False)
    files = sorted((tmp_path / "records").iterdir())
    before = [(path.stat().st_mtime_ns, path.read_bytes()) for path in files]
    run_study(small(), tmp_path, workers=1, progress=False)
    assert [(path.stat().st_mtime_ns, path.read_bytes()) for path in files] == before
    more = run_study(small(seeds=3), tmp_path, workers=1, progress=False)
    assert len(more) == 3 * 2 * 5
    assert [(path.stat().st_mtime_ns, path.read_bytes()) for path in files] == before


def tuned(vectors):
    from socbi.learners import LogisticLearner

    return LogisticLearner(vectors)


@pytest.mark.parametrize(
    "changes",
    [
        {"arms": {"x": Margin()}},
        {"arms": {"x": CoverageMargin(fade=0.5)}},
        {"arms": {"x": ClusterCap(Random(), np.zeros(200, np.int64))}},
        {"learner": tuned},
        {"learner": functools.partial(tuned)},
        {"protocols": (dataclasses.replace(SHORT, batch=2),)},
        {"root": "elsewhere"},
    ],
)
def test_a_study_of_other_parts_is_played_for_itself(tmp_path, changes):
    first = small(arms={"x": CoverageMargin()}, seeds=1)
    other = dataclasses.replace(first, **changes)
    [one], [two] = first.runs(), other.runs()
    assert one.file_in(tmp_path) != two.file_in(tmp_path)
    assert one.file_in(tmp_path) == next(small(arms={"x": CoverageMargin()}).runs()).file_in(
        tmp_path
    )


def test_an_arm_that_means_another_strategy_gives_its_own_records(tmp_path):
    def played(strategy, protocol=SHORT):
        study = small(arms={"x": strategy}, protocols=(protocol,), seeds=1)
        return without_times(run_study(study, tmp_path, workers=1, progress=False))

    lot, margin = played(Random()), played(Margin())
    assert [one.picks for one in lot[1:]] != [one.picks for one in margin[1:]]
    assert played(Random()) == lot
    wider = played(Random(), dataclasses.replace(SHORT, batch=5))
    assert [one.labels for one in wider] == [6, 21, 36, 51, 66]  # and none of the narrower one
    assert played(Random()) == lot


def test_another_root_has_problems_of_its_own(tmp_path):
    found = {small(root=root).problems_in(tmp_path) for root in (None, "a", "b")}
    assert len(found) == 3
    assert small(root="a").problems_in(tmp_path) in found


def test_another_text_model_has_problems_and_records_of_its_own(tmp_path):
    words, model = small(), small(text_model="models/one")
    assert words.problems_in(tmp_path) != model.problems_in(tmp_path)
    files = [{run.file_in(tmp_path) for run in study.runs()} for study in (words, model)]
    assert files[0].isdisjoint(files[1])


def test_texts_are_encoded_by_their_words(tmp_path):
    root = tmp_path / "data" / "trec"
    root.mkdir(parents=True)
    asked = {"NUM:count": "How many wheels has a cart of age", "HUM:ind": "Who painted the wall of"}
    for name, count in (("trec_train_5500", 60), ("TREC_10", 20)):
        lines = [f"{kind} {asked[kind]} {at} ?" for at in range(count // 2) for kind in asked]
        (root / f"{name}.label").write_text("\n".join(lines) + "\n", encoding="latin-1")
    made = made_problem("trec", tmp_path / "problems", root=tmp_path / "data")
    np.testing.assert_allclose(np.linalg.norm(made.vectors, axis=1), 1, atol=1e-5)
    assert made.full_accuracy == 1
    assert made.classes == 2


def test_half_a_line_is_passed_over_and_written_again(tmp_path):
    whole = run_study(small(), tmp_path, workers=1, progress=False)
    victim = sorted((tmp_path / "records").iterdir())[0]
    content = victim.read_bytes()
    victim.write_bytes(content[: len(content) // 2])
    assert len(read_records(tmp_path)) < len(whole)
    again = run_study(small(), tmp_path, workers=1, progress=False)
    assert sorted_records(again) == sorted_records(whole)


PROGRAM = """
import sys
from socbi.experiments import Protocol, Study, arms, run_study
if __name__ == "__main__":
    study = Study(["sklearn_digits"], arms("random", "coverage"),
                  protocols=(Protocol("short", 2, 1, 12),), seeds=2)
    run_study(study, sys.argv[1], workers=int(sys.argv[2]), progress=False)
    print("finished")
"""


def started(program, folder, workers):
    command = [sys.executable, str(program), str(folder), str(workers)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def wait_for_rounds(folder, number, process):
    """Wait until so many rounds are on the disk."""
    end = time.monotonic() + 120
    while len(read_records(folder)) < number:
        assert time.monotonic() < end, "no rounds came"
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)


def test_a_study_survives_a_kill_of_all_its_processes(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    process = started(program, tmp_path / "killed", 2)
    wait_for_rounds(tmp_path / "killed", 7, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    left = read_records(tmp_path / "killed")
    again, undisturbed = (started(program, tmp_path / name, 1) for name in ("killed", "whole"))
    assert again.communicate()[0] == undisturbed.communicate()[0] == "finished\n"
    found = read_records(tmp_path / "killed")
    assert sorted_records(found) == sorted_records(read_records(tmp_path / "whole"))
    assert len(found) == 2 * 2 * 13 > len(left)


def test_ctrl_c_ends_a_study_without_words_from_its_workers(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    process = started(program, tmp_path / "study", 2)
    wait_for_rounds(tmp_path / "study", 3, process)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert out == ""
    assert err.count("Traceback") <= 1  # that of the program itself, which does not catch it
    assert err.rstrip().endswith("KeyboardInterrupt")
    for path in (tmp_path / "study" / "records").iterdir():
        assert path.read_bytes().endswith(b"\n")


AT_THE_WORST_MOMENT = """
import os, signal
if __name__ == "__mp_main__":  # in a worker that is still being imported
    os.kill(os.getpid(), signal.SIGINT)
"""


def test_ctrl_c_does_not_reach_workers_that_are_starting(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(AT_THE_WORST_MOMENT + PROGRAM)
    process = started(program, tmp_path / "study", 2)
    assert process.communicate(timeout=120) == ("finished\n", "")


def test_an_error_in_a_worker_is_told(tmp_path):
    with pytest.raises(InvalidInputError, match="the pool state has no history"):
        run_study(small(arms={"bad": Asking()}), tmp_path, workers=2, progress=False)


class Asking(Strategy):
    def _chosen(self, state, number, rng):
        return state.history


def test_a_damaged_line_in_the_middle_is_told(tmp_path):
    path = tmp_path / "records" / "one.jsonl"
    with appending(path) as append:
        for number in range(3):
            append(RoundRecord("a", "b", 0, number, number))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"rubbish\n" + lines[2])
    with pytest.raises(InvalidInputError, match=re.escape("one.jsonl line 2: this is no record")):
        records_of(path)
    path.write_bytes(lines[0] + b"\0\0\0\0\n")
    assert len(records_of(path)) == 1


# ---- problems and what is refused ------------------------------------------------------------


def test_a_thinned_problem_keeps_half_of_the_classes(tmp_path):
    made = made_problem("sklearn_digits", tmp_path, imbalance=0.1)
    counts = np.bincount(made.pool_labels)
    assert sorted(counts)[4] < 20 < 100 < sorted(counts)[5]
    assert np.bincount(made.test_labels).min() > 45
    again = made_problem("sklearn_digits", tmp_path, imbalance=0.1)
    assert isinstance(again.vectors, np.memmap)
    np.testing.assert_array_equal(again.labels, made.labels)


def test_small_grey_images_are_those_of_the_pixel_encoder(tmp_path):
    pytest.importorskip("PIL", reason="pillow is not installed")
    from socbi.encoders import PixelEncoder
    from socbi.experiments.data import _grey_pixels
    from socbi.pool import datasets

    pool = datasets.load("sklearn_digits").subset([5, 900, 3])
    expected = PixelEncoder(8).encode(list(pool))
    np.testing.assert_array_equal(_grey_pixels(pool, 28), expected)
    assert _grey_pixels(pool, 7) is None


def test_real_files_become_a_problem(tmp_path):
    root = os.environ.get("SOCBI_DATA")
    if root is None:
        pytest.skip("SOCBI_DATA is not set")
    made = made_problem("fashion_mnist", tmp_path, pool_size=500)
    assert (made.pool_size, made.classes, made.vectors.shape[1]) == (500, 10, 784)
    assert len(made.test_labels) == 10_000
    assert 0.6 < made.full_accuracy < 0.9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: Study([], arms()), "a study needs one or more data"),
        (lambda p: Study(["sklearn_iris"], {}), "a study needs one or more arms"),
        (lambda p: Study(["sklearn_iris"], arms(), seeds=0), "seeds must be 1 or more, got 0"),
        (
            lambda p: small(protocols=(SHORT, dataclasses.replace(SHORT, batch=1))),
            "protocols must differ in their names, got ['short', 'short']",
        ),
        (lambda p: arms("best"), "there is no arm 'best', only random"),
        (lambda p: Protocol("none", 1, 0), "batch must be 1 or more, got 0"),
        (lambda p: Problem.open(p), "make it with Problem.make"),
        (
            lambda p: Problem.make(p, "a", np.zeros((3, 2)), [0, 1], pool_size=2),
            "got 3 vectors, 2 labels and a pool of 2",
        ),
        (
            lambda p: Problem.make(p, "a", np.zeros((3, 2)), [0, 1, -1], pool_size=2),
            "labels must be class numbers from 0, got -1",
        ),
        (lambda p: run_study(small(), p, workers=0), "workers must be 1 or more, got 0"),
        (lambda p: made_problem("digits", p, root=p), "there is no set 'digits'"),
    ],
)
def test_wrong_input_is_refused(call, message, tmp_path):
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        call(Path(tmp_path))


def test_a_learner_that_records_cannot_be_found_by_is_refused():
    with pytest.raises(InvalidTypeError, match="has no name that lasts: give a class or function"):
        list(small(learner=lambda vectors: None).runs())


def test_files_without_a_root_are_asked_for(tmp_path, monkeypatch):
    monkeypatch.delenv("SOCBI_DATA", raising=False)
    with pytest.raises(InvalidInputError, match="root=, or the environment variable SOCBI_DATA"):
        made_problem("mnist", tmp_path)


def test_the_protocols_are_those_of_the_page():
    assert (LOW.start_size(10), LOW.batch_size(10)) == (50, 20)
    assert (PAPER.start_size(10), PAPER.batch_size(10)) == (1000, 128)
