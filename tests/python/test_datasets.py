"""Published data sets: the real files where they are, small ones of the same form elsewhere."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import pickle
import struct
import sys
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from socbi import IntakeError, InvalidInputError, MissingExtraError
from socbi.pool import Pool, datasets
from socbi.pool.datasets.cifar_pickle import read_pickle
from socbi.pool.datasets.json_stream import json_items

DATA = os.environ.get("SOCBI_DATA")
real = pytest.mark.skipif(not DATA, reason="SOCBI_DATA is not set: no real files to read")
RNG = np.random.default_rng(5)


def real_folder(name):
    folder = Path(DATA, name)
    if not folder.is_dir():
        pytest.skip(f"SOCBI_DATA has no {name}")
    return folder


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content, encoding="utf-8")
    return path


def save_image(path, grey=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 3), (grey, grey, grey)).save(path, "JPEG")


def problems(pool):
    return [(one.where, one.kind) for one in pool.intake.problems]


# ---- all sets ------------------------------------------------------------------------------------


def test_names_and_splits_are_listed():
    names = datasets.names()
    assert names == tuple(sorted(names))
    assert len(names) == len(set(names)) == 35
    assert all(len(set(datasets.splits(name))) >= 1 for name in names)
    assert datasets.splits("tiny_imagenet") == ("train", "val", "test")
    assert datasets.splits("nus_wide") == ("train", "test", "all")


@pytest.mark.parametrize(
    "name", [name for name in datasets.names() if not name.startswith("sklearn_")]
)
def test_a_missing_file_is_named_with_the_page_that_has_it(name, tmp_path):
    for split in datasets.splits(name):
        for root in (tmp_path, tmp_path / "absent"):
            message = (
                rf"^{name}, split '{split}', needs .*\.?\w+.* in .*{root.name}.*had at https?://"
            )
            with pytest.raises(InvalidInputError, match=message):
                datasets.load(name, root, split, on_problem="skip")


def test_what_cannot_be_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="there is no set 'cifar', only cifar10, cifar100"):
        datasets.load("cifar", tmp_path)
    with pytest.raises(InvalidInputError, match="mnist has the splits train, test, and no 'val'"):
        datasets.load("mnist", tmp_path, "val")
    with pytest.raises(InvalidInputError, match="say in which folder the files of svhn are: root="):
        datasets.load("svhn")
    with pytest.raises(InvalidInputError, match="no checksums of coco2017 are known here"):
        datasets.load("coco2017", tmp_path, verify=True)
    with pytest.raises(InvalidInputError, match="on_problem must be 'raise' or 'skip'"):
        datasets.load("mnist", tmp_path, on_problem="ignore")
    with pytest.raises(InvalidInputError, match="there is no set 'x'"):
        datasets.splits("x")


def test_numbers_have_names():
    assert datasets.class_names("fashion_mnist")[0] == "T-shirt/top"
    assert datasets.class_names("hateful_memes") == {0: "not hateful", 1: "hateful"}
    assert datasets.class_names("cifar10") == {}
    assert sorted(datasets.class_names("petfinder")) == [0, 1, 2, 3, 4]


# ---- the real files ------------------------------------------------------------------------------


@real
@pytest.mark.parametrize(
    ("name", "split", "count", "first"),
    [
        ("mnist", "train", 60_000, [5, 0, 4, 1, 9]),
        ("mnist", "test", 10_000, [7, 2, 1, 0, 4]),
        ("fashion_mnist", "train", 60_000, [9, 0, 0, 3, 0]),
        ("fashion_mnist", "test", 10_000, [9, 2, 1, 1, 6]),
    ],
)
def test_real_idx_files(name, split, count, first):
    pool = datasets.load(name, real_folder(name), split, verify=True)
    assert len(pool) == pool.intake.taken == count
    assert [pool[at].label for at in range(5)] == first
    assert pool.classes == tuple(range(10))
    assert pool[count - 1].image.size == (28, 28)
    assert pool.intake.problems == []


@real
@pytest.mark.parametrize(
    ("name", "count", "columns", "classes"),
    [
        ("clean1", 476, 166, 2),
        ("iris", 150, 4, 3),
        ("new_thyroid", 215, 5, 3),
        ("optdigits", 5_620, 64, 10),
        ("pendigits", 10_992, 16, 10),
        ("wdbc", 569, 30, 2),
        ("wine_recognition", 178, 13, 3),
    ],
)
def test_real_tables(name, count, columns, classes):
    pool = datasets.load(f"uci_{name}", real_folder("uci"), "all")
    assert (len(pool), len(pool[0].row), len(pool.classes)) == (count, columns, classes)
    assert not {"target", "molecule_name", "conformation_name"} & set(pool[0].row)
    assert all(isinstance(value, float) for value in pool[count - 1].row.values())


@real
def test_the_small_petfinder_is_a_manifest():
    path = real_folder("petfinder") / "petfinder-mini.csv"
    with open(path, encoding="utf-8", newline="") as file:
        described = sum(row["AdoptionSpeed"] != "" for row in csv.DictReader(file))
    pool = Pool.from_manifest(
        path, text="Description", label="AdoptionSpeed", table=["Type", "Age", "Fee"]
    )
    assert len(pool) == described
    assert pool.classes == ("0", "1", "2", "3", "4")[-len(pool.classes) :]
    assert pool[0].row == {"Type": "Cat", "Age": "3", "Fee": "100"}


# ---- IDX -----------------------------------------------------------------------------------------


def idx(values):
    values = np.asarray(values, np.uint8)
    head = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return head + values.tobytes()


def write_idx(folder, images, labels, stem="train", packed=True):
    for kind, values in (("images-idx3", images), ("labels-idx1", labels)):
        content = idx(values)
        end = ".gz" if packed else ""
        write(folder / f"{stem}-{kind}-ubyte{end}", gzip.compress(content) if packed else content)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("within", ["", "MNIST/raw"])
def test_idx_files(tmp_path, packed, within):
    images = RNG.integers(0, 256, (6, 28, 28))
    write_idx(tmp_path / within, images, [3, 1, 4, 1, 5, 9], packed=packed)
    pool = datasets.load("mnist", tmp_path)
    assert [sample.label for sample in pool] == [3, 1, 4, 1, 5, 9]
    assert list(pool.ids) == [0, 1, 2, 3, 4, 5]
    assert np.array_equal(np.asarray(pool[4].image)[:, :, 1], images[4])
    with pytest.raises(IntakeError, match=r"has the md5 \w{32}, and \w{32} is published"):
        datasets.load("mnist", tmp_path, verify=True)


@pytest.mark.parametrize(
    ("split", "numbers", "labels"),
    [
        ("letters", [1, 26], ["a", "z"]),
        ("balanced", [0, 10, 36, 46], ["0", "A", "a", "t"]),
        ("byclass", [9, 35, 36, 61], ["9", "Z", "a", "z"]),
    ],
)
def test_emnist_in_files_and_in_the_zip(tmp_path, split, numbers, labels):
    images = RNG.integers(0, 256, (len(numbers), 28, 28))
    write_idx(tmp_path, images, numbers, f"emnist-{split}-train")
    pool = datasets.load(f"emnist_{split}", tmp_path)
    assert [sample.label for sample in pool] == labels
    assert np.array_equal(np.asarray(pool[1].image)[:, :, 0], images[1].T)
    with pytest.raises(InvalidInputError, match=r"no checksum of emnist-.* is known here"):
        datasets.load(f"emnist_{split}", tmp_path, verify=True)
    with zipfile.ZipFile(tmp_path / "gzip.zip", "w") as file:
        for path in tmp_path.glob("*.gz"):
            file.write(path, f"gzip/{path.name}")
            path.unlink()
    zipped = datasets.load(f"emnist_{split}", tmp_path)
    assert [sample.label for sample in zipped] == labels
    with pytest.raises(IntakeError, match=rf"it has no gzip/emnist-{split}-test-images"):
        datasets.load(f"emnist_{split}", tmp_path, "test")
    with pytest.raises(IntakeError, match="58c8d27c78d21e728a6bc7b3cc06412e is published"):
        datasets.load(f"emnist_{split}", tmp_path, verify=True)
    write(tmp_path / "gzip.zip", (tmp_path / "gzip.zip").read_bytes()[:-30])
    with pytest.raises(IntakeError, match="not a zip file"):
        datasets.load(f"emnist_{split}", tmp_path)


def test_damaged_idx_files(tmp_path):
    images = np.zeros((3, 28, 28), np.uint8)
    write_idx(tmp_path, images, [0, 1, 2])
    path = tmp_path / "train-images-idx3-ubyte.gz"
    whole = idx(images)
    cut_gzip = gzip.compress(whole)[:-20]
    for content, message in [
        (cut_gzip, "ended before the end-of-stream"),
        (whole, "Not a gzipped file"),
        (gzip.compress(whole[:-100]), "its head says 2,352 bytes .3, 28, 28., and it has 2,252"),
        (gzip.compress(whole[:7]), "cut off in its head"),
        (gzip.compress(b"PNG" + whole), "does not begin as an IDX file"),
        (gzip.compress(b""), "does not begin as an IDX file"),
        (gzip.compress(idx([1, 2, 3])), "1 dimensions, where 3 are expected"),
        (gzip.compress(idx(images[:2])), "3 labels and 2 images in"),
    ]:
        write(path, content)
        with pytest.raises(IntakeError, match=message):
            datasets.load("mnist", tmp_path, on_problem="skip")


def test_numbers_that_are_no_label_are_listed(tmp_path):
    write_idx(tmp_path, np.zeros((3, 28, 28)), [0, 12, 2])
    with pytest.raises(
        IntakeError, match=r"train-labels.* 1: unreadable row, there is no label 12"
    ):
        datasets.load("mnist", tmp_path)
    pool = datasets.load("mnist", tmp_path, on_problem="skip")
    assert (list(pool.ids), pool.labels.tolist()) == ([0, 2], [0, 1])
    write_idx(tmp_path, np.zeros((1, 28, 28)), [0], "emnist-letters-train")
    with pytest.raises(InvalidInputError, match=r"nothing of emnist_letters.* 1 unreadable row"):
        datasets.load("emnist_letters", tmp_path, on_problem="skip")


# ---- CIFAR ---------------------------------------------------------------------------------------


class Python2Pickler(pickle._Pickler):
    """Writes strings and bytes alike, as Python 2 did."""

    dispatch = pickle._Pickler.dispatch.copy()

    def save_bytes(self, value):
        content = value.encode("latin-1") if isinstance(value, str) else value
        self.write(pickle.BINSTRING + struct.pack("<i", len(content)) + content)
        self.memoize(value)

    dispatch[bytes] = dispatch[str] = save_bytes


def python2_pickle(value):
    file = io.BytesIO()
    Python2Pickler(file, 2).dump(value)
    return file.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


TEN = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def cifar_python(folder, pixels, labels, dump=python2_pickle):
    rows = pixels.transpose(0, 3, 1, 2).reshape(len(pixels), -1)
    for number, part in enumerate(np.array_split(np.arange(len(rows)), 5), 1):
        batch = {
            b"batch_label": b"training batch",
            b"labels": [labels[at] for at in part],
            b"data": np.ascontiguousarray(rows[part]),
            b"filenames": [b"x.png"] * len(part),
        }
        write(folder / f"data_batch_{number}", dump(batch))
    write(folder / "batches.meta", dump({b"label_names": [one.encode() for one in TEN]}))


def cifar_binary(folder, pixels, labels):
    rows = pixels.transpose(0, 3, 1, 2).reshape(len(pixels), -1)
    records = np.column_stack([np.array(labels, np.uint8), rows])
    for number, part in enumerate(np.array_split(records, 5), 1):
        write(folder / f"data_batch_{number}.bin", part.tobytes())
    write(folder / "batches.meta.txt", "\n".join(TEN) + "\n\n")


def pack(folder, archive):
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, folder.name)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def dump3(value):
    return pickle.dumps(value, 2)


@pytest.mark.parametrize("form", ["python 2", "python 3", "binary"])
def test_cifar_10(tmp_path, form):
    pixels = RNG.integers(0, 256, (12, 32, 32, 3), np.uint8)
    labels = [3, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    if form == "binary":
        folder, archive = tmp_path / "cifar-10-batches-bin", tmp_path / "cifar-10-binary.tar.gz"
        cifar_binary(folder, pixels, labels)
    else:
        folder, archive = tmp_path / "cifar-10-batches-py", tmp_path / "cifar-10-python.tar.gz"
        cifar_python(folder, pixels, labels, python2_pickle if form == "python 2" else dump3)

    def check(root):
        pool = datasets.load("cifar10", root)
        assert [sample.label for sample in pool] == [TEN[one] for one in labels]
        assert pool.classes == tuple(TEN)
        assert all(np.array_equal(pool[at].image, pixels[at]) for at in range(12))

    check(tmp_path)
    check(folder)
    with pytest.raises((IntakeError, InvalidInputError), match=r"md5|no checksum of data_batch_1"):
        datasets.load("cifar10", tmp_path, verify=True)
    with pytest.raises(InvalidInputError, match=r"split 'test', needs .*test_batch.* not there"):
        datasets.load("cifar10", tmp_path, "test")
    pack(folder, archive)
    check(tmp_path)
    assert not folder.exists()
    with pytest.raises(IntakeError, match=r"tar.gz has the md5 .* is published"):
        datasets.load("cifar10", tmp_path, verify=True)
    with pytest.raises(IntakeError, match=r"it has no cifar-10-batches-.*test_batch"):
        datasets.load("cifar10", tmp_path, "test")
    write(archive, archive.read_bytes()[:2000])
    with pytest.raises(IntakeError, match=r"cannot be read as a file of cifar10: "):
        datasets.load("cifar10", tmp_path)


def test_cifar_100_has_fine_and_coarse_labels(tmp_path):
    pixels = RNG.integers(0, 256, (3, 3072), np.uint8)
    fine, coarse = ["apple", "bear", "bed"], ["food", "furniture"]
    batch = {b"data": pixels, b"fine_labels": [2, 0, 1], b"coarse_labels": [1, 0, 0]}
    folder = tmp_path / "cifar-100-python"
    write(folder / "train", python2_pickle(batch))
    write(folder / "meta", dump3({"fine_label_names": fine, "coarse_label_names": coarse}))
    binary = tmp_path / "other" / "cifar-100-binary"
    records = np.column_stack([np.uint8([1, 0, 0]), np.uint8([2, 0, 1]), pixels])
    write(binary / "train.bin", records.tobytes())
    write(binary / "fine_label_names.txt", "\n".join(fine))
    write(binary / "coarse_label_names.txt", "\n".join(coarse))
    for root in (tmp_path, binary.parent, binary):
        pool = datasets.load("cifar100", root)
        assert [sample.label for sample in pool] == ["bed", "apple", "bear"]
        assert np.array_equal(np.asarray(pool[2].image)[:, :, 1].ravel(), pixels[2, 1024:2048])
        pool = datasets.load("cifar100_coarse", root)
        assert [sample.label for sample in pool] == ["furniture", "food", "food"]


class Forged:
    def __reduce__(self):
        return os.system, ("echo ran",)


def test_a_pickle_runs_nothing(capfd):
    for value in ({b"data": Forged()}, Forged()):
        with pytest.raises(ValueError, match=r"it asks for posix.system, which is not given to it"):
            read_pickle(pickle.dumps(value, 2))
    assert capfd.readouterr().out == ""
    with pytest.raises(ValueError, match="an array that is not of bytes"):
        read_pickle(pickle.dumps({"data": np.array([[]], object)}, 2))
    with pytest.raises(ValueError, match="a list, where a dict is expected"):
        read_pickle(pickle.dumps([1], 2))


def test_damaged_cifar_files(tmp_path):
    pixels = np.zeros((5, 32, 32, 3), np.uint8)
    folder = tmp_path / "cifar-10-batches-py"
    cifar_python(folder, pixels, [0, 1, 2, 3, 12])
    with pytest.raises(IntakeError, match="data_batch_5 0: unreadable row, there is no label 12"):
        datasets.load("cifar10", tmp_path)
    pool = datasets.load("cifar10", tmp_path, on_problem="skip")
    assert list(pool.ids) == [0, 1, 2, 3]
    good = (folder / "data_batch_2").read_bytes()
    rows = np.zeros((1, 3072), np.uint8)
    for content, message in [
        (good[:200], "data_batch_2 cannot be read"),
        (b"", "data_batch_2 cannot be read"),
        (b"\x80\x02garbage", "data_batch_2 cannot be read"),
        (dump3({"data": rows}), "it has no labels, only data"),
        (dump3({"data": rows, "labels": [1, 2]}), "2 labels and 1 images"),
        (dump3({"data": rows, "labels": ["1"]}), "not a list of whole numbers"),
        (dump3({"data": rows[:, 1:].copy(), "labels": [1]}), "not rows of 3072 bytes"),
    ]:
        write(folder / "data_batch_2", content)
        with pytest.raises(IntakeError, match=message):
            datasets.load("cifar10", tmp_path, on_problem="skip")
    (folder / "data_batch_2").unlink()
    with pytest.raises(InvalidInputError, match=r"needs cifar-10-batches-py/data_batch_2 in"):
        datasets.load("cifar10", tmp_path)
    binary = tmp_path / "b" / "cifar-10-batches-bin"
    cifar_binary(binary, pixels, [0, 1, 2, 3, 4])
    write(binary / "data_batch_3.bin", bytes(3000))
    with pytest.raises(IntakeError, match="3,000 bytes are no whole number of records of 3073"):
        datasets.load("cifar10", tmp_path / "b")


def test_links_and_foreign_paths_in_an_archive_are_not_followed(tmp_path):
    secret = write(tmp_path / "secret", b"secret")
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as tar:
        link = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
        link.type, link.linkname = tarfile.SYMTYPE, str(secret)
        tar.addfile(link)
        tar.addfile(tarfile.TarInfo("../outside"))
    with pytest.raises(IntakeError, match="it has no cifar-10-batches-py/data_batch_1"):
        datasets.load("cifar10", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cifar-10-python.tar.gz", "secret"]


# ---- SVHN ----------------------------------------------------------------------------------------


def test_svhn(tmp_path):
    pixels = RNG.integers(0, 256, (32, 32, 3, 4), np.uint8)
    path = tmp_path / "test_32x32.mat"
    savemat(
        path, {"X": pixels, "y": np.array([[1], [10], [9], [2]], np.uint8)}, do_compression=True
    )
    pool = datasets.load("svhn", tmp_path, "test")
    assert [sample.label for sample in pool] == [1, 0, 9, 2]
    assert all(np.array_equal(pool[at].image, pixels[..., at]) for at in range(4))
    with pytest.raises(IntakeError, match="eb5a983be6a315427106f1b164d9cef3 is published"):
        datasets.load("svhn", tmp_path, "test", verify=True)
    whole = path.read_bytes()
    for content in (whole[:-5000], whole[:100], b"", b"no mat file" * 100):
        write(path, content)
        with pytest.raises(IntakeError, match=r"test_32x32.mat cannot be read as a file of svhn"):
            datasets.load("svhn", tmp_path, "test")
    for found, message in [
        ({"X": pixels}, "it has no X and y"),
        ({"X": pixels, "y": [[1]]}, "1 labels and 4 images"),
        ({"X": pixels[..., 0], "y": [[1]]}, r"X is uint8 \(32, 32, 3\), not"),
    ]:
        savemat(path, found)
        with pytest.raises(IntakeError, match=message):
            datasets.load("svhn", tmp_path, "test")
    savemat(path, {"X": pixels, "y": [[1], [0], [11], [2]]})
    pool = datasets.load("svhn", tmp_path, "test", on_problem="skip")
    assert (list(pool.ids), [sample.label for sample in pool]) == ([0, 3], [1, 2])
    assert np.array_equal(pool[3].image, pixels[..., 3])
    assert len(pool.intake.problems) == 2


# ---- Tiny ImageNet -------------------------------------------------------------------------------


def tiny_imagenet(root):
    write(root / "wnids.txt", "n02\nn01\n")
    write(root / "words.txt", "n01\tgoldfish, Carassius auratus\nn02\tcrane\nn03\tother\n")
    for kind in ("n01", "n02"):
        for number in (0, 2, 10):
            save_image(root / "train" / kind / "images" / f"{kind}_{number}.JPEG", 10 * number)
        write(root / "train" / kind / f"{kind}_boxes.txt", "")
    for number in range(3):
        save_image(root / "val" / "images" / f"val_{number}.JPEG")
    lines = [f"val_{at}.JPEG\t{kind}\t0\t32\t44\t62\n" for at, kind in enumerate(["n02", "n01"])]
    write(root / "val" / "val_annotations.txt", "".join(lines))
    save_image(root / "test" / "images" / "test_0.JPEG")


def test_tiny_imagenet(tmp_path):
    root = tmp_path / "tiny-imagenet-200"
    tiny_imagenet(root)
    for place in (tmp_path, root):
        pool = datasets.load("tiny_imagenet", place)
        order = [f"n0{kind}_{number}.JPEG" for kind in (2, 1) for number in (0, 2, 10)]
        assert list(pool.ids) == order
        assert pool.classes == ("n01", "n02")
        assert pool["n02_10.JPEG"].label == "n02"
        assert pool["n02_10.JPEG"].image.size == (4, 3)
    names = datasets.class_names("tiny_imagenet", tmp_path)
    assert names == {"n01": "goldfish, Carassius auratus", "n02": "crane"}
    test = datasets.load("tiny_imagenet", tmp_path, "test")
    assert (list(test.ids), test.classes) == (["test_0.JPEG"], ())
    with pytest.raises(IntakeError, match=r"val_2.JPEG: missing value, val_annotations.txt has no"):
        datasets.load("tiny_imagenet", tmp_path, "val")
    with open(root / "val" / "val_annotations.txt", "a") as file:
        file.write(
            "val_7.JPEG\tn01\t0\t0\t1\t1\nval_2.JPEG\tn09\n../val_2.JPEG\tn01\nval_0.JPEG\tn01\n"
        )
    val = datasets.load("tiny_imagenet", tmp_path, "val", on_problem="skip")
    assert {sample.id: sample.label for sample in val} == {"val_0.JPEG": "n02", "val_1.JPEG": "n01"}
    assert problems(val) == [
        ("val_annotations.txt line 3", "missing file"),
        ("val_annotations.txt line 4", "unreadable row"),
        ("val_annotations.txt line 5", "unreadable row"),
        ("val_annotations.txt line 6", "duplicate id"),
        ("val_2.JPEG", "missing value"),
    ]


def test_classes_of_tiny_imagenet_that_lack_or_are_too_many(tmp_path):
    tiny_imagenet(tmp_path)
    write(tmp_path / "wnids.txt", "n01\nn09\n")
    write(tmp_path / "train" / "n01" / "images" / "n01_3.JPEG", b"no image")
    pool = datasets.load("tiny_imagenet", tmp_path, on_problem="skip", check_images=True)
    assert len(pool) == 3
    assert problems(pool) == [
        ("n01/images/n01_3.JPEG", "broken image"),
        ("n09", "missing file"),
        ("train/n02", "unreadable row"),
    ]


# ---- images with text ----------------------------------------------------------------------------


def write_lines(path, rows):
    write(path, "".join(json.dumps(row) + "\n" for row in rows))


def test_hateful_memes(tmp_path):
    for name in ("42953", "08291"):
        save_image(tmp_path / "img" / f"{name}.png")
    rows = [
        {"id": 42953, "img": "img/42953.png", "label": 0, "text": "their character"},
        {"id": "08291", "img": "img/08291.png", "label": 1, "text": "a range"},
    ]
    write_lines(tmp_path / "train.jsonl", rows)
    write_lines(tmp_path / "test.jsonl", [{k: v for k, v in rows[0].items() if k != "label"}])
    pool = datasets.load("hateful_memes", tmp_path)
    assert list(pool.ids) == [42953, 8291]
    assert (pool[8291].text, pool[8291].label) == ("a range", 1)
    assert pool[8291].image.size == (4, 3)
    test = datasets.load("hateful_memes", tmp_path, "test")
    assert (len(test), test.classes, test.modalities) == (1, (), ("image", "text"))
    bad = [
        rows[0],
        rows[0],
        {"id": 1, "img": "img/1.png", "label": 0, "text": "x"},
        {"id": 2, "img": "../2.png", "label": 0, "text": "x"},
        {"id": 3, "img": "img/42953.png", "label": 2, "text": "x"},
        {"id": 4, "img": "img/42953.png", "label": 1},
        {"id": "x", "img": "img/42953.png", "label": 1, "text": "x"},
    ]
    write_lines(tmp_path / "dev.jsonl", bad)
    with open(tmp_path / "dev.jsonl", "a") as file:
        file.write('{"id": 5, "img": ')
    with pytest.raises(IntakeError, match=r"dev.jsonl line 2: duplicate id, 42953 was there"):
        datasets.load("hateful_memes", tmp_path, "dev")
    dev = datasets.load("hateful_memes", tmp_path, "dev", on_problem="skip")
    assert list(dev.ids) == [42953]
    assert [kind for _, kind in problems(dev)] == [
        "duplicate id",
        "missing file",
        "unreadable row",
        "unreadable row",
        "missing value",
        "unreadable row",
        "unreadable row",
    ]


def test_petfinder(tmp_path):
    head = "Type,Name,Age,Fee,Description,PetID,PhotoAmt,AdoptionSpeed\n"
    rows = [
        '2,Nibble,3,100,"Small, and\nplayful",a1,2.0,2',
        "1,,1,0.5,,b2,0.0,0",
        "1,Rex,,5,Good dog,c3,1.0,4",
    ]
    write(tmp_path / "train.csv", head + "\n".join(rows) + "\n")
    for number in (10, 2, 1):
        save_image(tmp_path / "train_images" / f"a1-{number}.jpg", 20 * number)
    with pytest.raises(
        IntakeError, match=r"line 5: missing file, PhotoAmt is 1.0, and c3-1.jpg is"
    ):
        datasets.load("petfinder", tmp_path)
    pool = datasets.load("petfinder", tmp_path, on_problem="skip")
    assert repr(pool) == "<Pool: 2 samples of image and text and table, 2 classes>"
    one, other = pool
    assert (one.id, one.text, one.label) == ("a1", "Small, and\nplayful", 2)
    assert one.row == {"Type": 2, "Name": "Nibble", "Age": 3, "Fee": 100.0, "PhotoAmt": 2.0}
    assert abs(one.image.getpixel((0, 0))[0] - 20) < 3
    assert (other.image, other.text, other.row["Name"]) == (None, "", None)
    save_image(tmp_path / "train_images" / "c3-4.jpg")
    assert datasets.load("petfinder", tmp_path)["c3"].row["Age"] is None
    write(tmp_path / "test" / "test.csv", "Type,Description,PetID,PhotoAmt\n1,x,d4,0\n")
    (tmp_path / "test_images").mkdir()
    test = datasets.load("petfinder", tmp_path, "test")
    assert (list(test.ids), test.classes) == (["d4"], ())
    write(
        tmp_path / "train.csv",
        head + rows[0] + "\n" + rows[0] + "\n1,x,1,1,x,,0,1\n1,x,1,1,x,e5,0,7\n",
    )
    pool = datasets.load("petfinder", tmp_path, on_problem="skip")
    assert [kind for _, kind in problems(pool)] == [
        "duplicate id",
        "missing value",
        "unreadable row",
    ]
    write(tmp_path / "train.csv", "Type,PetID\n1,a1\n")
    with pytest.raises(IntakeError, match="no column Description, PhotoAmt, AdoptionSpeed"):
        datasets.load("petfinder", tmp_path)


def test_visual_genome(tmp_path):
    images = [
        {"image_id": 1, "url": "https://x.org/VG_100K_2/1.jpg", "width": 4, "height": 3},
        {"image_id": 2, "url": "https://x.org/VG_100K/2.jpg"},
        {"image_id": 3, "url": "https://x.org/VG_100K/3.jpg"},
    ]
    regions = [
        {"id": 1, "regions": [{"phrase": "a clock "}, {"phrase": "a green pole"}]},
        {"id": 2, "regions": []},
        {"id": 3, "regions": [{"phrase": "a tree"}]},
    ]
    write(tmp_path / "image_data.json", json.dumps(images))
    write(tmp_path / "region_descriptions.json", json.dumps(regions))
    for path in ("VG_100K_2/1.jpg", "VG_100K/2.jpg", "VG_100K_2/3.jpg"):
        save_image(tmp_path / path)
    for path in ("VG_100K/1.jpg", "VG_100K_2/2.jpg"):
        save_image(tmp_path / path, 200)  # the other folder than the address has
    pool = datasets.load("visual_genome", tmp_path)
    assert pool[1].image.getpixel((0, 0)) == pool[2].image.getpixel((0, 0)) == (0, 0, 0)
    assert [sample.text for sample in pool] == ["a clock. a green pole", "", "a tree"]
    assert (list(pool.ids), pool.classes) == ([1, 2, 3], ())
    assert pool[3].image.size == (4, 3)
    assert datasets.load("visual_genome_first", tmp_path)[1].text == "a clock"
    images += [{"image_id": 4, "url": ""}, {"image_id": 6, "url": ""}, {"url": ""}]
    regions += [{"id": 5, "regions": []}, {"id": 6, "regions": []}, {"id": 7}]
    write(tmp_path / "image_data.json", json.dumps(images))
    write(tmp_path / "region_descriptions.json", json.dumps(regions))
    pool = datasets.load("visual_genome", tmp_path, on_problem="skip")
    assert len(pool) == 3
    assert problems(pool) == [
        ("region_descriptions.json item 5", "unreadable row"),
        ("image_data.json item 3", "missing value"),
        ("image_data.json item 4", "missing file"),
        ("image_data.json item 5", "unreadable row"),
        ("region_descriptions.json image 5", "missing value"),
    ]
    write(tmp_path / "region_descriptions.json", json.dumps(regions)[:-30])
    with pytest.raises(IntakeError, match=r"region_descriptions.json cannot be read .* cut off"):
        datasets.load("visual_genome", tmp_path, on_problem="skip")


@pytest.mark.parametrize("first_read", [1, 3, 1 << 20])
def test_json_is_read_item_by_item(tmp_path, monkeypatch, first_read):
    monkeypatch.setattr("socbi.pool.datasets.json_stream._FIRST_READ", first_read)
    value = {"info": {"a": [1]}, "n": 12345, "images": [{"x": "]},é"}, 17, []], "none": []}
    path = write(tmp_path / "a.json", json.dumps(value, indent=1, ensure_ascii=False))
    assert list(json_items(path)) == [
        ("info", {"a": [1]}),
        ("n", 12345),
        ("images", {"x": "]},é"}),
        ("images", 17),
        ("images", []),
    ]
    whole = path.read_text(encoding="utf-8")
    for cut in range(len(whole) - 1):
        write(path, whole[:cut])
        with pytest.raises(ValueError, match="cut off"):
            list(json_items(path))
    for text, message in [
        ("[1, 2] 3", "more behind its end"),
        ("{1: 2}x", "."),
        ("[1 2]", "',' is expected, and there is '2'"),
        ("7", "'{' is expected"),
    ]:
        write(path, text)
        with pytest.raises(ValueError, match=message):
            list(json_items(path))
    for text, items in [("[]", []), ("{}", []), (" [1]\n", [("", 1)])]:
        write(path, text)
        assert list(json_items(path)) == items


def test_json_is_read_in_little_memory(tmp_path):
    item = json.dumps({"phrase": "a green pole", "box": list(range(20))})
    path = write(tmp_path / "a.json", "[" + ", ".join([item] * 60_000) + "]")
    tracemalloc.start()
    try:
        count = sum(1 for _ in json_items(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (count, path.stat().st_size > 6_000_000) == (60_000, True)
    assert peak < 3_000_000


# ---- several labels ------------------------------------------------------------------------------


def coco(root, images, captions, boxes):
    names = {1: "person", 18: "dog", 38: "kite"}
    write(
        root / "annotations" / "captions_val2017.json",
        json.dumps({"info": {}, "images": images, "licenses": [], "annotations": captions}),
    )
    write(
        root / "annotations" / "instances_val2017.json",
        json.dumps(
            {
                "images": images,
                "annotations": boxes,
                "categories": [{"id": id, "name": name} for id, name in names.items()],
            }
        ),
    )


def test_coco(tmp_path):
    images = [{"id": id, "file_name": f"{id:012}.jpg"} for id in (139, 285, 632)]
    captions = [
        {"id": 9, "image_id": 139, "caption": "later"},
        {"id": 5, "image_id": 139, "caption": "A man with a kite.\n"},
        {"id": 11, "image_id": 139, "caption": "last"},
        {"id": 6, "image_id": 285, "caption": "A man."},
        {"id": 7, "image_id": 632, "caption": "Nothing."},
    ]
    pairs = [(139, 1), (139, 38), (139, 1), (285, 1)]
    boxes = [{"image_id": image, "category_id": kind} for image, kind in pairs]
    coco(tmp_path, images, captions, boxes)
    for image in images:
        save_image(tmp_path / "val2017" / image["file_name"])
    pool = datasets.load("coco2017", tmp_path, "val")
    assert list(pool.ids) == [139, 285, 632]
    assert [sample.label for sample in pool] == ["kite", "person", None]
    assert pool[139].text == "A man with a kite."
    assert pool[139].row == {"person": 1, "dog": 0, "kite": 1}
    assert pool[632].row == {"person": 0, "dog": 0, "kite": 0}
    images += [{"id": 7, "file_name": "../7.jpg"}, {"id": 8, "file_name": "8.jpg"}, images[0]]
    captions += [{"id": 1, "image_id": 99, "caption": "x"}, {"id": 2}]
    boxes += [{"image_id": 139, "category_id": 77}, {"image_id": 98, "category_id": 1}, {}]
    coco(tmp_path, images, captions, boxes)
    pool = datasets.load("coco2017", tmp_path, "val", on_problem="skip")
    assert list(pool.ids) == [139, 285, 632]
    assert [sample.label for sample in pool] == ["kite", "person", None]
    assert len(pool.intake.problems) == 8
    assert pool.intake.counts() == {"unreadable row": 6, "duplicate id": 1, "missing value": 1}
    (tmp_path / "annotations" / "instances_val2017.json").unlink()
    with pytest.raises(InvalidInputError, match=r"needs annotations/instances_val2017.json \(nor"):
        datasets.load("coco2017", tmp_path, "val")


def mirflickr(root):
    for number in range(1, 5):
        save_image(root / "mirflickr" / f"im{number}.jpg")
        write(root / "mirflickr" / "meta" / "tags" / f"tags{number}.txt", f"tag{number}\nsea\n")
    lists = root / "mirflickr25k_annotations_v080"
    write(lists / "sky.txt", "1\n2\n3\n")
    write(lists / "sky_r1.txt", "2\n")
    write(lists / "baby.txt", "2\n")
    write(lists / "README.txt", "Annotations.\n")
    return lists


def test_mirflickr(tmp_path):
    lists = mirflickr(tmp_path)
    pool = datasets.load("mirflickr25k", tmp_path)
    assert list(pool.ids) == [1, 2, 3, 4]
    assert [sample.label for sample in pool] == ["sky", "baby", "sky", None]
    assert pool[2].row == {"baby": 1, "sky": 1, "sky_r1": 1}
    assert pool[1].text == "tag1 sea"
    with open(lists / "baby.txt", "a") as file:
        file.write("99999999999\nx\n")
    (tmp_path / "mirflickr" / "im3.jpg").unlink()
    write(tmp_path / "mirflickr" / "meta" / "tags" / "tags4.txt", b"caf\xe9")
    pool = datasets.load("mirflickr25k", tmp_path, on_problem="skip")
    assert list(pool.ids) == [1, 2]
    assert problems(pool) == [
        ("baby.txt line 3", "unreadable row"),
        ("im3.jpg", "missing file"),
        ("tags4.txt", "wrong encoding"),
        ("tags99999999999.txt", "missing file"),
    ]
    for path in (tmp_path / "mirflickr" / "meta" / "tags").iterdir():
        path.unlink()
    (tmp_path / "mirflickr" / "meta" / "tags").rmdir()
    pool = datasets.load("mirflickr25k", tmp_path, on_problem="skip")
    assert pool.modalities == ("image", "table")


def nus_wide(
    root, split="Train", images=("actor\\0001_11.jpg", "sea\\0002_22.jpg", "sea\\3_33.jpg")
):
    write(root / "ImageList" / f"{split}Imagelist.txt", "".join(f"{one}\r\n" for one in images))
    folder = "TrainTestLabels" if split else "AllLabels"
    end = f"_{split}" if split else ""
    write(root / "Groundtruth" / folder / f"Labels_sky{end}.txt", "1\n1\n0\n")
    write(root / "Groundtruth" / folder / f"Labels_boats{end}.txt", "0\n1\n0\n")
    write(root / "NUS_WID_Tags" / "All_Tags.txt", "11    man film \n22\n33   sea blue\n")
    for one in images:
        save_image(root / "Flickr" / one.replace("\\", "/"))


def test_nus_wide(tmp_path):
    nus_wide(tmp_path)
    nus_wide(tmp_path, "")
    for split in ("train", "all"):
        pool = datasets.load("nus_wide", tmp_path, split)
        assert list(pool.ids) == ["actor/0001_11.jpg", "sea/0002_22.jpg", "sea/3_33.jpg"]
        assert [sample.label for sample in pool] == ["sky", "boats", None]
        assert pool["sea/0002_22.jpg"].row == {"boats": 1, "sky": 1}
        assert [sample.text for sample in pool] == ["man film", "", "sea blue"]
        assert pool["sea/3_33.jpg"].image.size == (4, 3)
    tags = datasets.load("nus_wide_tags", tmp_path)
    assert tags.modalities == ("text", "table")
    write(tmp_path / "NUS_WID_Tags" / "All_Tags.txt", b"11 man\n33 caf\xe9\nx y\n")
    (tmp_path / "Flickr" / "actor" / "0001_11.jpg").unlink()
    pool = datasets.load("nus_wide_tags", tmp_path, on_problem="skip")
    assert list(pool.ids) == ["actor/0001_11.jpg"]
    assert problems(pool) == [
        ("All_Tags.txt line 3", "unreadable row"),
        ("TrainImagelist.txt line 2", "missing value"),
        ("TrainImagelist.txt line 3", "wrong encoding"),
    ]
    write(tmp_path / "NUS_WID_Tags" / "All_Tags.txt", "11 a\n22 b\n33 c\n")
    with pytest.raises(IntakeError, match=r"line 1: missing file, .*0001_11.jpg is not there"):
        datasets.load("nus_wide", tmp_path)
    labels = tmp_path / "Groundtruth" / "TrainTestLabels" / "Labels_sky_Train.txt"
    for content, message in [("1\n0\n", "2 marks, and .* has 3"), ("1\n2\n0\n", "neither 0 nor 1")]:
        write(labels, content)
        with pytest.raises(IntakeError, match=message):
            datasets.load("nus_wide_tags", tmp_path)


# ---- tables --------------------------------------------------------------------------------------


def test_uci_originals(tmp_path):
    line = ", ".join(str(one) for one in range(16))
    write(tmp_path / "pendigits.tra", f"{line}, 8\n{line}, 2\n1,2,3\n")
    write(tmp_path / "pendigits.tes", f"{line}, 8\n\n{line.replace('3', '?', 1)}, 1\n")
    with pytest.raises(IntakeError, match=r"pendigits.tra line 3: unreadable row, 3 values for 17"):
        datasets.load("uci_pendigits", tmp_path)
    train = datasets.load("uci_pendigits", tmp_path, on_problem="skip")
    assert [sample.label for sample in train] == [8, 2]
    assert train[0].row["input1"] == 0.0
    assert train[0].row["input16"] == 15.0
    test = datasets.load("uci_pendigits", tmp_path, "test")
    assert test[1].row["input4"] is None
    whole = datasets.load("uci_pendigits", tmp_path, "all", on_problem="skip")
    assert [sample.label for sample in whole] == [8, 2, 8, 1]


def test_uci_tables_with_faults(tmp_path):
    text = "a\ttarget\n1.5\tx\nzz\tx\n2\t\nnan\ty\n\n3\ty\n"
    write(tmp_path / "iris.tsv.gz", gzip.compress(text.encode()))
    pool = datasets.load("uci_iris", tmp_path, on_problem="skip")
    assert [(sample.id, sample.row["a"], sample.label) for sample in pool] == [
        (0, 1.5, "x"),
        (4, 3.0, "y"),
    ]
    assert [where for where, _ in problems(pool)] == [f"iris.tsv.gz line {at}" for at in (3, 4, 5)]
    for content, message in [
        (gzip.compress(text.encode())[:-12], "ended before the end-of-stream"),
        (gzip.compress(b"a\tb\n1\t2\n"), "its first line must name columns, one target"),
        (gzip.compress(b"a\ttarget\n\xff\t1\n"), "can't decode byte 0xff"),
    ]:
        write(tmp_path / "iris.tsv.gz", content)
        with pytest.raises(IntakeError, match=message):
            datasets.load("uci_iris", tmp_path)


@pytest.mark.parametrize(
    ("kind", "count", "columns"), [("iris", 150, 4), ("wine", 178, 13), ("breast_cancer", 569, 30)]
)
def test_tables_of_scikit_learn(kind, count, columns):
    pytest.importorskip("sklearn")
    pool = datasets.load(f"sklearn_{kind}")
    assert (len(pool), len(pool[0].row)) == (count, columns)
    assert set(pool.classes) == set(datasets.class_names(f"sklearn_{kind}"))


def test_digits_of_scikit_learn_are_images_and_tables():
    pytest.importorskip("sklearn")
    pool = datasets.load("sklearn_digits")
    assert repr(pool) == "<Pool: 1,797 samples of image and table, 10 classes>"
    sample = pool[7]
    grey = np.asarray(sample.image)[:, :, 0].ravel()
    assert np.array_equal(np.rint(grey * (16 / 255)), list(sample.row.values()))


def test_without_scikit_learn_the_command_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingExtraError, match="pip install scikit-learn"):
        datasets.load("sklearn_iris")


def test_sentences(tmp_path):
    write(tmp_path / "sst2_train.tsv", "a good film\t1\nno label\n a bad one \t0\n")
    write(tmp_path / "trec_train_5500.label", b"DESC:manner How did it ?\nHUM:ind Who \xe9 ?\n")
    pool = datasets.load("sst2", tmp_path, on_problem="skip")
    assert [(one.id, one.text, one.label) for one in pool] == [
        (0, "a good film", 1), (2, "a bad one", 0)
    ]  # fmt: skip
    with pytest.raises(IntakeError, match="line 2"):
        datasets.load("sst2", tmp_path)
    for split in ("train", "all"):
        pool = datasets.load("trec", tmp_path, split)
        assert [(one.text, one.label) for one in pool] == [
            ("How did it ?", "DESC"), ("Who é ?", "HUM")
        ]  # fmt: skip
    with pytest.raises(InvalidInputError, match=r"TREC_10\.label"):
        datasets.load("trec", tmp_path, "test")


@real
def test_real_sentences():
    folder = real_folder("text")
    sizes = [len(datasets.load("sst2", folder, split)) for split in ("train", "test", "dev")]
    assert sizes == [6920, 1821, 872]
    pool = datasets.load("trec", folder)
    assert (len(pool), len(pool.classes)) == (5452, 6)
