"""The command line: a campaign by it alone, its files, its errors and its numbers."""

import csv
import json
import resource
import signal
import subprocess
import sys

import numpy as np
import pytest

from socbi import CANNOT_TELL, Session
from socbi.cli import main
from socbi.cli.configuration import read_tables
from socbi.cli.training_time import training_time
from socbi.pool import Pool

CLASSES = ["down", "up"]
SAMPLES = 400


def rows():
    return np.random.default_rng(0).normal(size=(SAMPLES, 5)).astype(np.float32)


def truth():
    return {f"s{at:03}": CLASSES[int(one > 0)] for at, one in enumerate(rows()[:, 0])}


@pytest.fixture
def manifest(tmp_path):
    """Return the options of init for texts with embeddings."""
    np.save(tmp_path / "rows.npy", rows())
    with open(tmp_path / "samples.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        writer.writerows([id, f"sample {id}"] for id in truth())
    return [
        "--manifest", str(tmp_path / "samples.csv"), "--text-column", "text",
        "--embeddings", str(tmp_path / "rows.npy"), "--classes", "down,up", "--seed", "7",
    ]  # fmt: skip


@pytest.fixture
def run(tmp_path, capsys):
    """Return a function that runs a command in the campaign and returns code, output, errors."""

    def call(*arguments):
        code = main(["-C", str(tmp_path / "campaign"), "--quiet", *map(str, arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def begun(run, manifest):
    assert run("init", *manifest)[0] == 0
    assert run("embed")[0] == 0
    return run


def test_thirty_rounds_by_the_command_line_end_as_by_the_library(begun, tmp_path):
    known, rng = truth(), np.random.default_rng(1)
    library = Session.create(
        tmp_path / "library",
        Pool.from_arrays(text=[f"sample {id}" for id in known], ids=list(known)),
        embeddings=rows(),
        classes=CLASSES,
        seed=7,
        progress=False,
    )
    late = {}
    for number in range(30):
        code, said, _ = begun("propose", 8, "--json")
        batch = library.propose(8)
        assert code == 0
        assert [pick["id"] for pick in json.loads(said)["picks"]] == batch.ids
        wrong = {id: CLASSES[known[id] == "down"] for id in batch.ids[:1]}
        now = {**{id: known[id] for id in batch.ids[:6]}, **wrong}
        if number % 5 == 0:
            now[batch.ids[2]] = CANNOT_TELL
        corrected = {id: known[id] for id in wrong}
        for labels in (now, late, now, corrected):  # some are late, and some come twice
            path = tmp_path / f"labels{(int(rng.integers(2)) and '.jsonl') or '.csv'}"
            write_labels(path, labels)
            assert begun("submit", path)[0] == 0
            library.submit(labels)
        late = {id: known[id] for id in batch.ids[6:]}
        write_labels(tmp_path / "foreign.csv", {"s000": "up", "nobody": "sideways"})
        assert begun("submit", tmp_path / "foreign.csv")[0] == 5
        assert begun("step")[0] == 0
        library.step()
    expected = library.labels(), [event[:3] for event in library.label_history()]
    rounds = [(one.class_counts, one.balance, one.never_hit) for one in library.rounds]
    library.close()
    with Session.open(tmp_path / "campaign", progress=False) as session:
        found = session.labels(), [event[:3] for event in session.label_history()]
        assert found == expected
        assert [(one.class_counts, one.balance, one.never_hit) for one in session.rounds] == rounds
        assert session.status().labels == 30 * 8 - 2 - 6


def write_labels(path, labels):
    told = {id: "?" if one is CANNOT_TELL else one for id, one in labels.items()}
    if path.suffix == ".jsonl":
        lines = [json.dumps({"id": id, "label": one}) for id, one in told.items()]
        path.write_text("\n".join(lines))
        return
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "label"])
        writer.writerows(told.items())


def test_a_batch_that_is_filled_in_goes_back_in(begun, tmp_path):
    assert begun("propose", 4, "-o", tmp_path / "batch.csv")[0] == 0
    with open(tmp_path / "batch.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [set(one) for one in lines] == [{"id", "label", "image", "text", "why"}] * 4
    assert all(one["text"] == f"sample {one['id']}" for one in lines)
    for one, label in zip(lines, ["up", "", "?", "down"], strict=True):
        one["label"] = label
    with open(tmp_path / "batch.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, lines[0])
        writer.writeheader()
        writer.writerows(lines)
    code, said, _ = begun("submit", tmp_path / "batch.csv")
    assert (code, said) == (
        0,
        "3 new, 0 repeated, 0 corrected, 1 cannot be told, 1 without a label\n",
    )


def test_a_batch_with_labels_not_submitted_is_not_written_over(begun, tmp_path):
    path = tmp_path / "batch.csv"
    assert begun("propose", 2, "-o", path)[0] == 0
    filled = path.read_text().replace(",,", ",up,", 1)
    path.write_text(filled)
    code, _, said = begun("propose", 2, "-o", path)
    assert (code, path.read_text()) == (2, filled)
    assert "holds 1 labels that were not submitted" in said
    assert begun("submit", path)[0] == 0
    assert begun("propose", 2, "-o", path)[0] == 0
    path.write_text("my notes")
    assert "is no batch of socbi" in begun("propose", 2, "-o", path)[2]


def test_tasks_of_label_studio_go_out_and_come_back(begun, tmp_path):
    assert begun("propose", 3, "-o", tmp_path / "tasks.json")[0] == 0
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    assert all(one["data"]["text"].startswith("sample s") for one in tasks)
    choice = {"type": "choices", "value": {"choices": ["up"]}}
    tasks[0]["annotations"] = [{"was_cancelled": False, "result": [choice]}]
    tasks[1]["annotations"] = [{"was_cancelled": True, "result": []}]
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    code, said, _ = begun("submit", tmp_path / "export.json", "--annotator", "ann", "--json")
    assert code == 0
    assert json.loads(said)["new"] == 2
    with Session.open(tmp_path / "campaign") as session:
        ids = [one["data"]["sample_id"] for one in tasks]
        assert session.labels() == {ids[0]: "up", ids[1]: CANNOT_TELL}
        assert session.label_history()[0][2] == "ann"


def test_status_and_report(begun, tmp_path):
    pytest.importorskip("socbi.report")
    for _ in range(2):
        said = json.loads(begun("propose", 10, "--json")[1])
        ids = [pick["id"] for pick in said["picks"]]
        write_labels(tmp_path / "l.csv", {id: truth()[id] for id in ids})
        begun("submit", tmp_path / "l.csv")
        begun("step")
    found = json.loads(begun("status", "--json")[1])
    assert (found["labels"], found["rounds"]) == (20, 2)
    assert "400 samples: 20 labelled" in begun("status")[1]
    code, said, _ = begun("report")
    assert code == 0
    assert "campaign" in (tmp_path / "campaign" / "report.html").read_text()


def written_charts(begun, folder):
    """Return the endings of what ``report --charts`` writes beside the page, and what it says."""
    for path in folder.glob("report-*"):
        path.unlink()
    said = json.loads(begun("report", "--charts", "--json")[1])
    words = begun("report", "--charts")[1]
    names = [path.stem for path in folder.glob("report-*.svg")]
    assert len(names) > 2
    found = sorted({path.suffix for name in names for path in folder.glob(f"{name}.*")})
    return found, said["charts"], words


def test_charts_are_written_beside_the_page(begun, tmp_path, monkeypatch):
    pytest.importorskip("resvg_py", reason="the extra png is not installed")
    said = json.loads(begun("propose", 10, "--json")[1])
    write_labels(tmp_path / "l.csv", {pick["id"]: truth()[pick["id"]] for pick in said["picks"]})
    begun("submit", tmp_path / "l.csv")
    begun("step")
    folder = tmp_path / "campaign"
    endings, kinds, words = written_charts(begun, folder)
    assert (endings, kinds) == ([".png", ".svg"], ["svg", "png"])
    assert words.endswith("its charts beside it as svg and png\n")

    monkeypatch.setitem(sys.modules, "resvg_py", None)
    endings, kinds, words = written_charts(begun, folder)
    assert (endings, kinds) == ([".svg"], ["svg"])
    assert "as svg (PNG needs resvg-py: pip install 'socbi[png]'; SVG does without)" in words


def test_a_toml_says_the_same(run, manifest, tmp_path):
    assert run("init", *manifest)[0] == 0
    path = tmp_path / "campaign" / "socbi.toml"
    table = read_tables(path)["init"]
    assert (table["classes"], table["seed"]) == (CLASSES, 7)
    with open(path, "a") as file:
        file.write('[propose]\nnumber = 3\nannotator = "ann"\n')
    assert run("init")[0] == 0  # all of it from the file
    assert read_tables(path)["init"] == table
    assert read_tables(path)["propose"] == {"number": 3, "annotator": "ann"}  # kept
    run("embed")
    assert json.loads(run("propose", "--json")[1])["samples"] == 3
    assert json.loads(run("propose", 2, "--more", "--json")[1])["samples"] == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[propose]\nnumbr = 3\n", "has 'numbr' in [propose], which has only"),
        ("[nothing]\n", "has a table [nothing] and there is no such command"),
        ("seed = 3\n", "has 'seed' outside of a table"),
        ("[", "is no TOML"),
    ],
)
def test_a_wrong_toml_is_told(run, tmp_path, text, message):
    (tmp_path / "campaign").mkdir()
    (tmp_path / "campaign" / "socbi.toml").write_text(text)
    code, _, said = run("status")
    assert code == 2
    assert message in said
    assert len(said.splitlines()) == 1


def test_errors_are_one_line_and_a_number(begun, run, manifest, tmp_path):
    cases = [
        (run("propose", "many"), 2, "integer"),
        (run("nothing"), 2, "No such command"),
        (run("submit", tmp_path / "nowhere.csv"), 2, "cannot be read"),
        (run("init", *manifest), 3, "holds a campaign already"),
        (run("step"), 2, "no labels yet"),
        (run("propose", "--format", "xml"), 2, "--format must be one of csv"),
    ]
    main(["-C", str(tmp_path / "else"), "status"])
    for (code, _, said), expected, words in cases:
        assert code == expected
        assert words in said
        assert said.startswith("socbi: ")
        assert len(said.splitlines()) == 1
        assert "Traceback" not in said
    with Session.open(tmp_path / "campaign") as session:
        code, _, said = run("propose")
        assert code == 4
        assert "held by process" in said
        session.propose(7)
        code, said, _ = run("status", "--json")  # which only reads
        assert (code, json.loads(said)["out"]) == (0, 7)
    assert run("propose")[0] == 0


def test_samples_join(begun, tmp_path):
    more = np.random.default_rng(5).normal(size=(6, 5)).astype(np.float32)
    np.save(tmp_path / "more.npy", more)
    lines = ["id,text", "s000,known", *(f"n{at},new" for at in range(5))]
    (tmp_path / "more.csv").write_text("\n".join(lines))
    files = ["--manifest", tmp_path / "more.csv", "--embeddings", tmp_path / "more.npy"]
    code, said, _ = begun("grow", *files, "--json")
    assert (code, json.loads(said)) == (0, {"new": 5, "known": 1})
    assert begun("grow", *files)[1] == "0 samples joined, 6 were here before\n"
    assert begun("grow")[1] == "0 samples joined, 400 were here before\n"
    assert json.loads(begun("status", "--json")[1])["samples"] == SAMPLES + 5
    code, _, said = begun("grow", *files[:2])
    assert code == 2
    assert "--embeddings FILE" in said


def test_no_campaign_and_nothing_left_have_numbers_of_their_own(begun, tmp_path, capsys):
    assert main(["-C", str(tmp_path / "else"), "status"]) == 3
    assert "is not a folder" in capsys.readouterr().err
    assert begun("propose", SAMPLES)[0] == 0
    assert begun("propose", 1, "--annotator", "ben")[0] == 7


def test_debug_shows_the_traceback(tmp_path):
    with pytest.raises(Exception, match="is not a folder"):
        main(["--debug", "-C", str(tmp_path / "else"), "status"])


def test_plan_tells_what_it_will_cost(run):
    code, said, _ = run("plan", 1_000_000, 512, "--labels", 500, "--json")
    found = json.loads(said)
    assert code == 0
    assert found["disk_bytes"]["embeddings"] == 1_024_000_000
    assert found["disk_total_bytes"] == sum(found["disk_bytes"].values())
    assert found["embed_s"] is None
    assert "Disk:" in run("plan", 1000, 8)[1]


def test_plan_tells_the_time_of_a_round(run):
    given = ["plan", 5000, 8, "--labels", 600, "--batch", 50, "--classes", 3]
    found = json.loads(run(*given, "--learner-option", "start=warm", "--json")[1])
    training = found["training"]
    assert training["learner"] == "logistic (start=warm)"
    assert 32 <= training["probe_labels"] <= 600
    assert found["fit_s"] == training["fit_s_a_label"] * 600 > 0
    assert found["predict_s"] == training["predict_s_a_sample"] * 5000 > 0
    search_s = found["counts"]["query_s"] * 50 / 600
    assert found["round_s"]["last"] == pytest.approx(found["fit_s"] + found["predict_s"] + search_s)
    assert found["rounds"] == 12
    assert found["rounds_s"] == pytest.approx(12 * found["round_s"]["half_way"])
    code, said, _ = run(*given)
    assert code == 0
    assert "A round of 50 labels: " in said
    assert "predictions of made samples" in said
    for wrong, words in (
        (["--learner", "deep"], "learner must be one of"),
        (["--batch", 0], "batch must be"),
        (["--learner-option", "depth=3"], "it has strength, start"),
    ):
        code, _, said = run(*given, *wrong)
        assert code == 2
        assert words in said


def ticking(seconds):
    """Return a clock by which everything takes so long."""
    now = iter(range(10**6))
    return lambda: next(now) * seconds


def test_a_learner_is_measured_as_far_as_a_second_or_two_allow():
    quick = training_time("logistic", 500, 4, 3, clock=ticking(0.25))
    assert (quick.probe_labels, quick.probe_samples) == (500, 500)
    assert quick.fit_s(1000) == pytest.approx(0.25 / 500 * 1000)
    assert quick.predict_s(1000) == pytest.approx(0.25 / 500 * 1000)
    slow = training_time("logistic", 500, 4, 3, clock=ticking(8.0))
    assert slow.probe_labels == 32
    assert slow.fit_s(500) == pytest.approx(8.0 / 32 * 500)
    few = training_time("logistic", 5, 4, 3, clock=ticking(0.25))
    assert few.probe_labels == 32


def test_a_network_is_measured_by_one_epoch():
    pytest.importorskip("torch")
    learner = {"name": "lenet5", "side": 16, "device": "cpu"}
    for epochs in (7, 40):
        given = learner if epochs == 40 else {**learner, "epochs": epochs}
        found = training_time(given, 64, 4, 3, clock=ticking(0.25))
        assert found.probe_labels == 64
        assert found.fit_s(128) == pytest.approx(epochs * 0.25 * 2)


def test_plan_probes_the_encoder(run):
    pytest.importorskip("PIL.Image")
    few_labels = ["--labels", 64]  # so that the learner is measured at once
    assert "Embeddings, once: " in run("plan", 1000, 784, "--encoder", "pixels", *few_labels)[1]
    few, many = (
        json.loads(run("plan", n, 784, "--encoder", "pixels", *few_labels, "--json")[1])["embed_s"]
        for n in (1_000, 100_000)
    )
    assert 0 < few < many
    assert "--encoder must be one of" in run("plan", 1000, 784, "--encoder", "best")[2]


def test_an_image_folder_becomes_a_campaign(run, tmp_path):
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (30, 6, 6), dtype=np.uint8)
    for name in CLASSES:
        (tmp_path / "photos" / name).mkdir(parents=True)
    for at, one in enumerate(pixels):
        image.fromarray(one).save(tmp_path / "photos" / CLASSES[at % 2] / f"{at}.png")
    (tmp_path / "photos" / "broken.png").write_bytes(b"no image")
    images = ["--images", tmp_path / "photos", "--encoder", "pixels"]
    assert "or text:MODEL; got 'pixels:8'" in run("init", *images[:3], "pixels:8")[2]
    assert run("init", *images, "--test-share", 0.3, "--skip-problems")[0] == 0
    code, said, _ = run("embed", "--json")
    assert (code, json.loads(said)["samples"]) == (0, 30)
    code, said, _ = run("propose", 6, "--format", "jsonl")
    batch = [json.loads(line) for line in said.splitlines()]
    assert all(one["image"].endswith(one["id"]) for one in batch)
    labels = "id,label\n" + "".join(f"{one['id']},{one['id'].split('/')[0]}\n" for one in batch)
    (tmp_path / "labels.csv").write_text(labels)
    run("submit", tmp_path / "labels.csv")
    done = json.loads(run("step", "--json")[1])
    assert 0 <= done["accuracy"] <= 1
    image.fromarray(pixels[0]).save(tmp_path / "photos" / "new.png")
    assert json.loads(run("grow", "--json")[1]) == {"new": 1, "known": 30}
    assert json.loads(run("grow", "--json")[1]) == {"new": 0, "known": 31}


def test_texts_are_encoded_by_their_words_and_so_are_those_that_join(run, tmp_path):
    said = {"up": "the lift goes up to the roof", "down": "water runs down into the cellar"}
    lines = [f"s{at},{said[CLASSES[at % 2]]} {at % 5}" for at in range(40)]
    path = tmp_path / "texts.csv"
    path.write_text("\n".join(["id,text", *lines]) + "\n")
    given = ["--manifest", path, "--text-column", "text", "--classes", "down,up"]
    words = ["--encoder", "words", "--encoder-option", "dimensions=6"]
    assert "no parameter 'side'" in run("init", *given, *words[:3], "side=3")[2]
    assert "no parameter 'pool'" in run("init", *given, *words[:3], "pool=3")[2]
    assert run("init", *given, *words)[0] == 0
    assert json.loads(run("embed", "--json")[1]) == {"samples": 40, "dimensions": 6}
    kept = (tmp_path / "campaign" / "words.npz").read_bytes()
    with open(path, "a") as file:
        file.write("n1,the lift goes up again\nn2,words that nobody knows yet\n")
    assert json.loads(run("grow", "--json")[1]) == {"new": 2, "known": 40}
    assert (tmp_path / "campaign" / "words.npz").read_bytes() == kept
    with Session.open(tmp_path / "campaign", progress=False) as session:
        near = session.embeddings[40].astype(float) @ session.embeddings[:40].T.astype(float)
        assert near.argmax() % 2 == 1  # an even one goes down
    (tmp_path / "campaign" / "words.npz").unlink()
    with open(path, "a") as file:
        file.write("n3,one more\n")
    code, _, problem = run("grow")
    assert code == 3
    assert "has what the encoder words learned from this campaign" in problem
    assert "Embeddings, once: " in run("plan", 100, 6, "--labels", 64, "--encoder", "words")[1]


def test_rows_of_a_table_are_encoded_and_so_are_those_that_join(run, tmp_path):
    kinds = ("oak", "elm")
    lines = [f"r{at},{at},{kinds[at % 2]},{at % 3}" for at in range(40)]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["id,age,kind,code", *lines]) + "\n")
    given = ["--manifest", path, "--table-columns", "age,kind,code", "--classes", "down,up"]
    assert run("init", *given, "--encoder", "table")[0] == 0
    assert json.loads(run("embed", "--json")[1]) == {"samples": 40, "dimensions": 4}
    kept = (tmp_path / "campaign" / "table.json").read_bytes()
    with open(path, "a") as file:
        file.write("n1,1000,ash,0\n")
    assert json.loads(run("grow", "--json")[1]) == {"new": 1, "known": 40}
    assert (tmp_path / "campaign" / "table.json").read_bytes() == kept
    with Session.open(tmp_path / "campaign", progress=False) as session:
        joined = session.embeddings[40].astype(float)
    age = (1000 - np.arange(40).mean()) / np.arange(40).std()
    assert joined[0] == pytest.approx(age, rel=1e-3)
    assert joined[1:3].tolist() == [0, 0]  # a kind that is not known
    (tmp_path / "campaign" / "table.json").unlink()
    with open(path, "a") as file:
        file.write("n2,3,elm,1\n")
    code, _, problem = run("grow")
    assert code == 3
    assert "has what the encoder table learned from this campaign" in problem
    assert "Embeddings, once: " in run("plan", 100, 6, "--labels", 64, "--encoder", "table")[1]


def test_rows_that_moved_do_not_join_as_others(run, tmp_path):
    lines = [f"text number {at}" for at in range(30)]
    path = tmp_path / "texts.csv"
    path.write_text("\n".join(["text", *lines]) + "\n")
    given = ["--manifest", path, "--text-column", "text", "--classes", "down,up"]
    assert run("init", *given, "--encoder", "words")[0] == 0
    assert run("embed")[0] == 0
    for moved in (["first", *lines], lines[5:], [*lines[:-1], "another", "one more"]):
        path.write_text("\n".join(["text", *moved]) + "\n")
        code, _, problem = run("grow")
        assert code == 2
        assert "rows of the file have moved. Add new rows at its end alone" in problem
    path.write_text("\n".join(["text", *lines, "one more"]) + "\n")
    assert json.loads(run("grow", "--json")[1]) == {"new": 1, "known": 30}


def test_what_a_new_user_gets_wrong_is_told(run, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("id,age\n" + "".join(f"r{at},{at}\n" for at in range(30)))
    given = ["--manifest", path, "--table-columns", "age", "--encoder", "table"]
    assert "a class cannot be called ?" in run("init", *given, "--classes", "a,?")[2]
    done = run("init", *given, "--classes", "down,up")[1]
    assert f"next: socbi -C {tmp_path / 'campaign'} embed" in done
    assert run("embed")[0] == 0
    code, _, problem = run("propose", 3, "--out", tmp_path / "batch.txt")
    assert code == 2
    assert "--out must end with .csv, .jsonl or .json" in problem
    with open(path, "a") as file:
        file.write("n1,old\n")
    code, _, problem = run("grow")
    assert code == 2
    assert "the column 'age' is of finite numbers, got 'old'" in problem
    with open(tmp_path / "campaign" / "socbi.toml", "a") as file:
        file.write('[propose]\nformat = "jsonl"\n')
    assert json.loads(run("propose", 2)[1].splitlines()[0])["id"].startswith("r")


def test_a_plan_counts_images_and_refuses_what_cannot_be(run):
    plain = json.loads(run("plan", 1000, 16, "--labels", 64, "--json")[1])["disk_bytes"]
    seeing = ["--learner", "lenet5", "--learner-option", "epochs=1"]
    told = json.loads(run("plan", 1000, 16, "--labels", 64, *seeing, "--json")[1])["disk_bytes"]
    assert told == {**plain, "images": 1000 * 28 * 28}
    for wrong, words in (
        ([0, 64], "samples must be 2 or more"),
        ([100, 64, "--labels", 0], "labels must be 1 or more"),
        ([100, 64, "--k", 100], "--k must be below the 100 samples, got 100"),
    ):
        code, _, problem = run("plan", *wrong)
        assert code == 2
        assert words in problem


@pytest.fixture
def photos(tmp_path):
    """Return the options of init for a folder of tiny images by class."""
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (24, 9, 9, 3), dtype=np.uint8)
    pixels[::2, :5] //= 8
    for at, one in enumerate(pixels):
        path = tmp_path / "photos" / CLASSES[at % 2] / f"{at:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.fromarray(one).save(path)
    return ["--images", tmp_path / "photos", "--encoder", "pixels", "--encoder-option", "side=4"]


def label_and_step(run, tmp_path, number):
    """Label a batch by the folders of its images; return its ids and the round."""
    ids = [pick["id"] for pick in json.loads(run("propose", number, "--json")[1])["picks"]]
    write_labels(tmp_path / "labels.csv", {id: id.split("/")[0] for id in ids})
    assert run("submit", tmp_path / "labels.csv")[0] == 0
    code, said, problem = run("step", "--json")
    assert code == 0, problem
    return ids, json.loads(said)


@pytest.mark.parametrize("start", ["cold", "warm"])
@pytest.mark.parametrize("learner", ["resnet18", "lenet5"])
def test_networks_learn_from_the_images_of_a_folder(run, photos, tmp_path, learner, start):
    pytest.importorskip("torch")
    size = {"resnet18": ["width=2", "side=8"], "lenet5": ["side=16", "channels=3"]}[learner]
    options = ["epochs=2", f"start={start}", "crop=1", "device=cpu", *size]
    given = [word for one in options for word in ("--learner-option", one)]
    assert run("init", *photos, "--learner", learner, *given, "--test-share", 0.3)[0] == 0
    assert run("embed")[0] == 0
    played = [label_and_step(run, tmp_path, 4) for _ in range(3)]
    assert all(done["trained"] and 0 <= done["accuracy"] <= 1 for _, done in played[1:])
    assert len({id for ids, _ in played for id in ids}) == 12
    assert f"'name': '{learner}', 'epochs': 2" in json.loads(run("status", "--json")[1])["learner"]
    campaign = tmp_path / "campaign"
    assert len(list(campaign.glob("learned-*.npz"))) == (start == "warm")
    assert not (campaign / "learning.checkpoint").exists()
    # Every command above was a process of its own as far as the session goes. One that stays open:
    with Session.create(
        tmp_path / "open",
        Pool.from_folder(tmp_path / "photos"),
        embeddings=np.array(opened_rows(campaign)),
        learner={"name": learner, **read_tables(campaign / "socbi.toml")["init"]["learner"]},
        test={id: id.split("/")[0] for id in held_out(campaign)},
        progress=False,
    ) as session:
        for ids, _ in played:
            assert session.propose(4).ids == ids
            session.submit({id: id.split("/")[0] for id in ids})
            session.step()


def opened_rows(campaign):
    with Session.open(campaign, progress=False) as session:
        return session.embeddings


def held_out(campaign):
    with Session.open(campaign, progress=False) as session:
        return session._samples.ids(session._held_out[:, 0])


def test_a_saved_network_is_an_encoder_by_its_file(run, photos, tmp_path):
    pytest.importorskip("torch")
    from socbi.encoders import DinoEncoder, DinoSettings

    settings = DinoSettings(image_size=16, local_size=8, width=12, depth=1, heads=2)
    DinoEncoder(settings).save(tmp_path / "dino.pt")
    options = ["--encoder", "dino", "--encoder-option", f"file={tmp_path / 'dino.pt'}"]
    assert run("init", *photos[:2], *options)[0] == 0
    assert json.loads(run("embed", "--json")[1])["dimensions"] == 12


def test_parts_have_parameters_on_the_line_and_in_the_toml(run, manifest, tmp_path):
    fade = ["--strategy-option", "fade=0.5"]
    strength = ["--learner", "logistic", "--learner-option", "strength=2"]
    assert run("init", *manifest, *fade, *strength)[0] == 0
    path = tmp_path / "campaign" / "socbi.toml"
    table = read_tables(path)["init"]
    assert table["learner"] == {"name": "logistic", "strength": 2}
    assert table["strategy"] == {"name": "coverage-margin", "fade": 0.5}
    assert "[init.learner]" in path.read_text()
    assert run("init")[0] == 0  # all of it from the file, and nothing twice
    assert read_tables(path)["init"] == table
    assert run("init", "--learner-option", "start=warm")[0] == 0  # beside those of the file
    assert read_tables(path)["init"]["learner"] == {**table["learner"], "start": "warm"}
    assert run("init", "--strategy", "random")[0] == 0  # which has no fade
    assert read_tables(path)["init"]["strategy"] == "random"
    inner = ["--strategy", "diverse", "--strategy-option", "strategy=margin"]
    assert run("init", *inner)[0] == 0
    assert run("embed")[0] == 0
    said = json.loads(run("status", "--json")[1])
    assert said["strategy"] == "Diverse(strategy=Margin(), factor=5)"
    assert said["learner"] == "{'name': 'logistic', 'strength': 2, 'start': 'warm'}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--learner-option", "epochs=3"], "logistic has no parameter 'epochs'; it has strength"),
        (["--learner-option", "epochs"], "--learner-option must be NAME=VALUE"),
        (["--learner-option", "strength=null"], "leave it out for its default"),
        (["--learner-option", "strength=-1"], "strength must be above 0, got -1"),
        (["--learner-option", "strength=much"], "logistic cannot be made with"),
        (["--learner", "deep"], "learner must be one of lenet5, logistic, resnet18, got 'deep'"),
        (["--learner", "lenet5"], "this learner learns from images"),
        (["--strategy", "margin", "--strategy-option", "k=3"], "no parameter 'k'; it takes none"),
        (
            ["--strategy-option", "fad=3"],
            "coverage-margin has no parameter 'fad'; it has switch, fade",
        ),
        (["--strategy", "diverse"], "the strategy diverse needs strategy"),
        (["--encoder-option", "side=3"], "--encoder-option needs --encoder"),
    ],
)
def test_a_wrong_parameter_is_told_by_init(run, manifest, tmp_path, options, message):
    code, _, said = run("init", *manifest, *options)
    assert (code, len(said.splitlines())) == (2, 1)
    assert message in said
    assert not (tmp_path / "campaign" / "socbi.toml").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--learner", "lenet5", "--learner-option", "side=12"], "lenet5 needs images of 16 pixel"),
        (["--learner", "lenet5", "--learner-option", "epochs=0"], "epochs must be"),
        (["--learner", "resnet18", "--learner-option", "wide=3"], "it has side, channels, width"),
        (["--encoder-option", "width=3"], "the encoder pixels has no parameter 'width'; it has"),
        (["--encoder", "text", "--encoder-option", "layers=3"], "it has model, device"),
    ],
)
def test_a_wrong_parameter_for_images_is_told_by_init(run, photos, options, message):
    pytest.importorskip("torch")
    photos = [one for one in photos if "option" not in str(one) and "side" not in str(one)]
    code, _, said = run("init", *photos, *options)
    assert (code, len(said.splitlines())) == (2, 1)
    assert message in said


def test_a_table_of_a_part_needs_its_name(run, tmp_path):
    (tmp_path / "campaign").mkdir()
    (tmp_path / "campaign" / "socbi.toml").write_text("[init.learner]\nepochs = 3\n")
    code, _, said = run("status")
    assert code == 2
    assert "has a table for learner without a name" in said


def test_help_is_quick_and_loads_nothing_heavy():
    program = (
        "import sys; from socbi.cli import main; code = main(['--help'])\n"
        "heavy = {'torch', 'sklearn', 'scipy', 'socbi.session.session'} & set(sys.modules)\n"
        "assert not heavy, heavy; sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Exit codes" in done.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--policy", "bogus"], "policy"),
        (["--seed", "-1"], "seed"),
        (["--lease-days", "-3"], "lease"),
        (["--lease-days", "0"], "lease"),
        (["--lease-days", "nan"], "lease"),
        (["--lease-days", "inf"], "lease"),
        (["--test-share", "2"], "test"),
        (["--classes", "cat,cat"], "cat"),
        (["--embeddings", "nowhere.npy"], "nowhere.npy"),
    ],
)
def test_init_says_at_once_what_cannot_be(run, manifest, tmp_path, options, words):
    code, _, said = run("init", *manifest, *options)
    assert code == 2
    assert words in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "campaign" / "socbi.toml").exists()


def test_init_may_be_repeated_until_the_campaign_has_begun(run, manifest):
    assert run("init", *manifest)[0] == 0
    assert run("init", *manifest, "--policy", "majority")[0] == 0
    assert run("embed")[0] == 0
    assert json.loads(run("status", "--json")[1])["samples"] == SAMPLES
    assert run("init", *manifest)[0] == 3


def test_annotators_of_label_studio_have_a_vote_each(run, manifest, tmp_path):
    assert run("init", *manifest, "--policy", "majority")[0] == 0
    assert run("embed")[0] == 0
    votes = [
        {"completed_by": who, "result": [{"value": {"choices": [label]}}]}
        for who, label in ((1, "up"), (2, "up"), (3, "down"))
    ]
    export = tmp_path / "export.json"
    export.write_text(json.dumps([{"data": {"sample_id": "s000"}, "annotations": votes}]))
    assert run("submit", export)[0] == 0
    with Session.open(tmp_path / "campaign", progress=False) as session:
        assert session.labels() == {"s000": "up"}
        assert [who for _, _, who, _ in session.label_history()] == ["1", "2", "3"]


def test_class_names_are_shown_as_they_are(run, manifest):
    at = manifest.index("--classes") + 1
    names = [*manifest[:at], "[b]cat,[/red]dog", *manifest[at + 1 :]]
    assert run("init", *names)[0] == 0
    assert run("embed")[0] == 0
    code, said, _ = run("status")
    assert code == 0
    assert "[b]cat" in said
    assert "[/red]dog" in said


def test_flags_stand_behind_a_command_as_well(begun):
    assert begun("status", "--quiet")[0] == 0
    with pytest.raises(Exception, match="cannot be read"):
        begun("submit", "nowhere.csv", "--debug")


def test_a_full_disk_has_a_number_of_its_own(begun, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        code, _, said = begun("propose", 3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert code == 6
    assert "socbi: " in said
    assert begun("propose", 3)[0] == 0
