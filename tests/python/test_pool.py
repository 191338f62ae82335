"""Pools: every way in gives the same samples, and what does not come in is listed."""

from __future__ import annotations

import csv
import json
import time

import numpy as np
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pyarrow import parquet

from socbi import IntakeError, InvalidInputError, InvalidTypeError, UnknownIdError
from socbi.pool import Pool, step_imbalance


def save_image(path, grey=0, size=(5, 4)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, grey).save(path)


def write_csv(path, rows, names, delimiter=","):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_parquet(path, rows):
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=6)
rows_of_text = st.lists(
    st.fixed_dictionaries({"id": words.filter(bool), "says": words, "kind": words}),
    min_size=1,
    max_size=12,
    unique_by=lambda row: row["id"],
)


@settings(deadline=None, max_examples=60)
@given(rows=rows_of_text, kind=st.sampled_from(["csv", "tsv", "jsonl", "parquet"]))
def test_a_manifest_gives_back_what_was_written(tmp_path_factory, rows, kind):
    path = tmp_path_factory.mktemp("manifest") / f"rows.{kind}"
    if kind == "jsonl":
        write_jsonl(path, rows)
    elif kind == "parquet":
        write_parquet(path, rows)
    else:
        write_csv(path, rows, ["id", "says", "kind"], "\t" if kind == "tsv" else ",")
    pool = Pool.from_manifest(path, text="says", label="kind", table=["kind"])
    assert list(pool.ids) == [row["id"] for row in rows]
    for row in rows:
        sample = pool[row["id"]]
        assert sample.text == row["says"]
        assert sample.label == (row["kind"] or None)
        assert sample.row == {"kind": row["kind"] or None}
    assert pool.intake.taken == len(pool) == len(rows)


def test_file_names_are_images_beside_the_manifest_and_ids(tmp_path):
    for number in range(3):
        save_image(tmp_path / "in" / f"{number}.png", 50 * number)
    rows = [{"file_name": f"in/{number}.png", "label": number % 2} for number in range(3)]
    write_csv(tmp_path / "metadata.csv", rows, ["file_name", "label"])
    pool = Pool.from_manifest(tmp_path / "metadata.csv", label="label")
    assert list(pool.ids) == ["in/0.png", "in/1.png", "in/2.png"]
    assert pool["in/2.png"].image.getpixel((0, 0)) == (100, 100, 100)
    assert (pool.classes, pool.labels.tolist()) == (("0", "1"), [0, 1, 0])
    assert repr(pool) == "<Pool: 3 samples of image, 2 classes>"


def test_every_fault_is_listed_with_its_line(tmp_path):
    save_image(tmp_path / "good.png")
    save_image(tmp_path / "other.png")
    (tmp_path / "broken.png").write_bytes((tmp_path / "good.png").read_bytes()[:30])
    lines = [
        b"id,file_name,says",
        b"a,good.png,hello",
        b"a,good.png,again",
        b"b,absent.png,hello",
        b"c,broken.png,hello",
        b"d,good.png",
        b"e,good.png,caf\xe9",
        b"f,,hello",
        b",good.png,hello",
        b"",
        b"g,other.png,bye",
    ]
    (tmp_path / "rows.csv").write_bytes(b"\n".join(lines) + b"\n")
    options = {"image": "file_name", "text": "says", "check_images": True}
    pool = Pool.from_manifest(tmp_path / "rows.csv", on_problem="skip", **options)
    assert list(pool.ids) == ["a", "g"]
    assert [(one.where, one.kind) for one in pool.intake.problems] == [
        ("line 3", "duplicate id"),
        ("line 4", "missing file"),
        ("line 5", "broken image"),
        ("line 6", "unreadable row"),
        ("line 7", "wrong encoding"),
        ("line 8", "missing value"),
        ("line 9", "missing value"),
    ]
    assert str(pool.intake).startswith("2 samples taken, 7 left out: 2 missing value, ")
    with pytest.raises(IntakeError, match=r"line 3: duplicate id, 'a' .* on_problem='skip'"):
        Pool.from_manifest(tmp_path / "rows.csv", **options)
    latin = Pool.from_manifest(
        tmp_path / "rows.csv", on_problem="skip", encoding="latin-1", **options
    )
    assert latin["e"].text == "café"


def test_faults_of_json_lines(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(
        b'{"says": "a"}\n{"says": \n[1]\n{"says": "\xff"}\n\n{"other": 1}\n{"says": "b"}'
    )
    pool = Pool.from_manifest(path, text="says", on_problem="skip")
    assert [pool.sample(at).text for at in range(2)] == ["a", "b"]
    assert list(pool.ids) == [0, 2]
    assert [(one.where, one.kind) for one in pool.intake.problems] == [
        ("line 2", "unreadable row"),
        ("line 3", "unreadable row"),
        ("line 4", "wrong encoding"),
        ("line 6", "missing value"),
    ]


def test_folders_of_classes_and_flat_ones(tmp_path):
    for name in ("cat/1.png", "cat/2.JPG", "dog/deep/3.png", "notes.txt", "dog/.hidden.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("") if name.endswith("txt") else save_image(path)
    pool = Pool.from_folder(tmp_path)
    assert list(pool.ids) == ["cat/1.png", "cat/2.JPG", "dog/deep/3.png"]
    assert (pool.classes, pool.labels.tolist()) == (("cat", "dog"), [0, 0, 1])
    flat = Pool.from_folder(tmp_path / "cat")
    assert (list(flat.ids), flat.classes) == (["1.png", "2.JPG"], ())
    (tmp_path / "dog" / "bad.png").write_bytes(b"no image")
    skipping = Pool.from_folder(tmp_path, on_problem="skip", check_images=True)
    assert [one.where for one in skipping.intake.problems] == ["dog/bad.png"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInputError, match="has no image"):
        Pool.from_folder(tmp_path / "empty")
    with pytest.raises(InvalidInputError, match="is not a folder"):
        Pool.from_folder(tmp_path / "absent")


def test_hundred_thousand_rows_are_read_in_five_seconds(tmp_path):
    rows = [{"id": f"s{number}", "says": f"words {number}"} for number in range(100_000)]
    write_csv(tmp_path / "rows.csv", rows, ["id", "says"])
    begin = time.process_time()  # its own work, whatever else the machine has to do
    pool = Pool.from_manifest(tmp_path / "rows.csv", text="says")
    assert time.process_time() - begin < 5
    assert pool["s99999"].text == "words 99999"


class Pairs:
    """What a map-style torch data set is, without torch."""

    def __init__(self, items, targets=None):
        self.items = items
        if targets is not None:
            self.targets = targets

    def __len__(self):
        return len(self.items)

    def __getitem__(self, place):
        return self.items[place]


def test_a_map_style_data_set_of_pairs():
    grey = np.full((1, 4, 4), 0.5, np.float32)
    pool = Pool.from_torch(Pairs([(grey, 3), (grey, np.int64(1))]))
    assert (pool.classes, pool.labels.tolist()) == ((1, 3), [1, 0])
    assert pool[0].image.getpixel((0, 0)) == (128, 128, 128)
    only = Pool.from_torch(Pairs([np.zeros((4, 4), np.uint8)] * 2, targets=np.array([5, 5])))
    assert only.classes == (5,)
    with pytest.raises(InvalidTypeError, match="takes a map-style data set"):
        Pool.from_torch(iter([]))


def test_what_cannot_be_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="need an image, a text or table columns"):
        Pool.from_arrays()
    with pytest.raises(InvalidInputError, match="there are 2 ids and 3 text"):
        Pool.from_arrays(text=["a", "b", "c"], ids=[1, 2])
    with pytest.raises(InvalidInputError, match="images must be uint8 of the shape"):
        Pool.from_arrays(images=np.zeros((3, 2, 2)))
    with pytest.raises(InvalidInputError, match="labels must be all strings or all numbers"):
        Pool.from_arrays(text=["a", "b"], labels=["x", 1])
    with pytest.raises(InvalidInputError, match="id 1 is given twice"):
        Pool.from_arrays(text=["a", "b"], ids=[1, 1])
    pool = Pool.from_arrays(text=["a", "b"])
    with pytest.raises(UnknownIdError, match="no sample has the id 5"):
        pool[5]
    with pytest.raises(InvalidInputError, match="samples have text and no image"):
        pool.column("image")
    with pytest.raises(InvalidInputError, match="positions must be from 0 to 1, got 0 to 2"):
        pool.subset([0, 2])
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InvalidInputError, match=r"say which columns of .* there are a, b"):
        Pool.from_manifest(tmp_path / "rows.csv")
    with pytest.raises(InvalidInputError, match="has no column 'c', only a, b"):
        Pool.from_manifest(tmp_path / "rows.csv", text="c")
    with pytest.raises(InvalidInputError, match="on_problem must be 'raise' or 'skip'"):
        Pool.from_manifest(tmp_path / "rows.csv", text="a", on_problem="ignore")
    (tmp_path / "rows.txt").write_text("a\n")
    with pytest.raises(InvalidInputError, match=r"must end with .csv, .tsv, .jsonl or .parquet"):
        Pool.from_manifest(tmp_path / "rows.txt", text="a")
    (tmp_path / "empty.csv").write_text("a,b\n")
    with pytest.raises(InvalidInputError, match="has no row that can be read"):
        Pool.from_manifest(tmp_path / "empty.csv", text="a")


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 30))
def test_ids_follow_their_samples_through_shuffles_and_removals(seed, count):
    rng = np.random.default_rng(seed)
    ids = [f"id{number}" for number in rng.permutation(count)]
    pool = Pool.from_arrays(
        text=[one + "!" for one in ids], ids=ids, labels=[one[-1] for one in ids]
    )
    for _ in range(3):
        size = int(rng.integers(1, len(pool) + 1))
        pool = pool.subset(rng.permutation(len(pool))[:size])
        for position, sample in enumerate(pool):
            assert sample.id == pool.ids[position]
            assert pool.ids.position(sample.id) == position
            assert sample.text == sample.id + "!"
            assert sample.label == sample.id[-1]


@settings(deadline=None)
@given(
    parts=st.lists(st.lists(st.integers(0, 30), max_size=8, unique=True), min_size=1, max_size=6)
)
def test_ids_follow_their_samples_through_growth(parts):
    """Against a list of ids: what is here stays where it is, what is new follows."""

    def made(numbers):
        ids = [f"id{number}" for number in numbers]
        return Pool.from_arrays(
            text=[one + "!" for one in ids], ids=ids, labels=[one[-1] for one in ids]
        )

    pool, expected, left_out = made(parts[0]), list(parts[0]), []
    for part in parts[1:]:
        twice = [number for number in part if number in expected]
        if twice:
            with pytest.raises(IntakeError, match=f"duplicate id, 'id{twice[0]}' was there before"):
                pool.joined(made(part))
        before, text = list(pool.ids), [sample.text for sample in pool]
        grown = pool.joined(made(part), on_problem="skip")
        assert (list(pool.ids), [sample.text for sample in pool]) == (before, text)
        expected += [number for number in part if number not in twice]
        left_out += twice
        pool = grown
    assert list(pool.ids) == [f"id{number}" for number in expected]
    assert pool.intake.taken == len(pool) == len(expected)
    assert len(pool.intake.problems) == len(left_out)
    assert pool.classes == tuple(sorted({str(number)[-1] for number in expected}))
    for position, sample in enumerate(pool):
        assert pool.ids.position(sample.id) == position
        assert (sample.text, sample.label) == (sample.id + "!", sample.id[-1])


def test_a_pool_grows_by_a_manifest_and_keeps_both_reports(tmp_path):
    (tmp_path / "one.csv").write_text("id,says,kind\na,x,1\na,y,2\n")
    (tmp_path / "two.csv").write_text("id,says,kind\nb,z,\n,w,3\n")
    options = {"text": "says", "table": ["kind"], "label": "kind", "on_problem": "skip"}
    one, two = (Pool.from_manifest(tmp_path / f"{name}.csv", **options) for name in ("one", "two"))
    grown = one.joined(two)
    assert [(one.id, one.text, one.row, one.label) for one in grown] == [
        ("a", "x", {"kind": "1"}, "1"),
        ("b", "z", {"kind": None}, None),
    ]
    assert [one.kind for one in grown.intake.problems] == ["duplicate id", "missing value"]
    assert len(one) == len(two) == 1
    assert list(grown.subset([]).joined(two).ids) == ["b"]


def test_growing_often_nests_nothing():
    pool = Pool.from_arrays(text=["0"], ids=[0])
    for number in range(1, 1100):  # beyond the depth to which Python recurses
        pool = pool.joined(Pool.from_arrays(text=[str(number)], ids=[number]))
    assert [sample.text for sample in pool] == [str(sample.id) for sample in pool]


def test_pools_that_differ_are_not_joined():
    pool = Pool.from_arrays(text=["a"], table={"x": [1], "y": [2]})
    with pytest.raises(InvalidTypeError, match="a pool is joined with a Pool, got list"):
        pool.joined([pool])
    for other in (
        Pool.from_arrays(text=["b"], ids=[1]),
        Pool.from_arrays(text=["b"], table={"x": [1]}, ids=[1]),
    ):
        with pytest.raises(InvalidInputError, match="must consist of the same: here samples have"):
            pool.joined(other)
    named = Pool.from_arrays(text=["b"], table={"x": [1], "y": [2]}, ids=["b"])
    with pytest.raises(InvalidTypeError, match="all strings or all whole numbers"):
        pool.joined(named)
    with pytest.raises(InvalidInputError, match="on_problem must be 'raise' or 'skip'"):
        pool.joined(pool, on_problem="ignore")
    numbered, named = (Pool.from_arrays(text=["a"], ids=[n], labels=[n or "x"]) for n in (0, 1))
    with pytest.raises(InvalidInputError, match="labels must be all strings or all numbers"):
        numbered.joined(named)


@pytest.mark.parametrize("factor", [1, 0.3, 0.1])
def test_half_of_the_classes_are_thinned(factor):
    labels = np.repeat(np.arange(10), 100)
    pool = Pool.from_arrays(text=["x"] * 1000, labels=labels)
    spared = np.arange(0, 1000, 50)
    left = step_imbalance(pool, factor, spared=spared, seed=3)
    counts = np.bincount(labels[left])
    assert sorted(counts)[5:] == [100] * 5
    assert all(
        round(100 * factor) <= count <= round(100 * factor) + 2 for count in sorted(counts)[:5]
    )
    assert set(spared) <= set(left)
    assert np.array_equal(left, step_imbalance(pool, factor, spared=spared, seed=3))
    assert factor == 1 or not np.array_equal(left, step_imbalance(pool, factor, seed=4))


def test_imbalance_needs_labels_and_a_factor():
    with pytest.raises(InvalidInputError, match="factor must be above 0"):
        step_imbalance(Pool.from_arrays(text=["a"], labels=[1]), 0)
    with pytest.raises(InvalidInputError, match="has no labels"):
        step_imbalance(Pool.from_arrays(text=["a"]), 0.5)
