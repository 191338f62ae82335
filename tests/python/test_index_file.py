"""Saved indexes: whole or refused, whatever happens to the file or to the one who writes it."""

import builtins
import copy
import errno
import json
import os
import pickle
import signal
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from every_index import CLASSES
from reference import assert_same

from socbi import IndexFileError, SemiOrderedIndex, index_file


def small_index(**options):
    index = SemiOrderedIndex([0.5, -1.0, 3.0, 3.0, 0.25], **options)
    index.remove([1])
    return index


@pytest.fixture
def path(tmp_path):
    return tmp_path / "small.socbi"


@pytest.fixture
def content(path):
    small_index(seed=3).save(path)
    return path.read_bytes()


# ---- there and back ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"order": "largest", "ties": "id"},
        {"seed": 2**64 - 1},
        {"refile": "eager", "node_capacity": 8, "growth": 1},
        {"growth": 4, "threads": 2},
    ],
)
def test_round_trip(path, options):
    index = small_index(**options)
    index.save(path)
    loaded = SemiOrderedIndex.load(str(path))
    assert loaded._settings == index._settings
    assert_same(loaded, index)
    assert 1 not in loaded
    loaded.restore([1], 0.0)
    assert 1 not in index


@pytest.mark.parametrize("make", CLASSES)
@pytest.mark.parametrize("order", ["smallest", "largest"])
def test_round_trip_of_every_class(path, make, order):
    index = make(np.random.default_rng(1).integers(0, 5, 3000), order=order, seed=4)
    index.pop(700)
    index.save(path)
    loaded = make.load(path)
    assert type(loaded) is make
    assert_same(loaded, index)


@pytest.mark.parametrize("make", CLASSES)
def test_an_empty_and_an_emptied_index(path, make):
    for index in (make(0), make(3)):
        index.pop(3)
        index.save(path)
        assert_same(make.load(path), index)


def test_save_replaces_what_was_there(path, content):
    SemiOrderedIndex(7).save(path)
    assert len(SemiOrderedIndex.load(path)) == 7
    assert os.listdir(path.parent) == [path.name]


# ---- damage --------------------------------------------------------------------------------------


def test_cut_off_at_every_length(path, content):
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(IndexFileError, match=r"cut off|does not begin like one"):
            SemiOrderedIndex.load(path)


@pytest.mark.parametrize("flip", [0x01, 0x02, 0x10, 0x80, 0xFF])
def test_every_byte_flipped(path, content, flip):
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= flip
        path.write_bytes(damaged)
        with pytest.raises(IndexFileError, match=r"damaged|does not begin like one"):
            SemiOrderedIndex.load(path)


@pytest.mark.parametrize("extra", [b"\0", b"\n", b"\0\0\0\0", b"x" * 100])
def test_bytes_appended(path, content, extra):
    path.write_bytes(content + extra)
    with pytest.raises(IndexFileError, match="is damaged or cut off"):
        SemiOrderedIndex.load(path)


def test_two_parts_exchanged(path, content):
    path.write_bytes(content[:-12] + content[-8:-4] + content[-12:-8] + content[-4:])
    with pytest.raises(IndexFileError, match="is damaged or cut off"):
        SemiOrderedIndex.load(path)


@pytest.mark.parametrize(
    "foreign",
    [b"", b"\x93NUMPY\x01\x00", b"PK\x03\x04" * 10, b"\x00" * 64, b"id,score\n1,0.5\n" * 9],
)
def test_foreign_files(path, foreign):
    path.write_bytes(foreign)
    with pytest.raises(IndexFileError, match="is not a saved socbi index"):
        SemiOrderedIndex.load(path)


def test_a_text_mode_transfer(path, content):
    path.write_bytes(content.replace(b"\r\n", b"\n"))
    with pytest.raises(IndexFileError, match="is not a saved socbi index"):
        SemiOrderedIndex.load(path)


def sealed(header, payload=b"", version=index_file.VERSION):
    """A file whose checksum is right."""
    body = struct.pack("<8sII", index_file.MAGIC, version, len(header)) + header + payload
    return body + struct.pack("<I", zlib.crc32(body))


def test_a_newer_version(path):
    path.write_bytes(sealed(b"{}", version=index_file.VERSION + 1))
    text = f"format version {index_file.VERSION + 1} and this socbi reads"
    with pytest.raises(IndexFileError, match=text):
        SemiOrderedIndex.load(path)


@pytest.mark.parametrize("header", [b"", b"{", b"\xff\xfe", b"{}", b'{"scores": 1}', b"7"])
def test_a_sound_checksum_over_an_unsound_header(path, header):
    path.write_bytes(sealed(header))
    with pytest.raises(IndexFileError, match=r"sound header|as many scores"):
        SemiOrderedIndex.load(path)


def test_a_payload_that_is_not_whole(path):
    path.write_bytes(sealed(json.dumps({"scores": 1}).encode(), b"abc"))
    with pytest.raises(IndexFileError, match="no sound header"):
        SemiOrderedIndex.load(path)


@pytest.mark.parametrize("saved", CLASSES)
@pytest.mark.parametrize("asked", CLASSES)
def test_a_file_of_another_class(path, saved, asked):
    saved(3).save(path)
    if saved is asked:
        assert len(asked.load(path)) == 3
    else:
        with pytest.raises(IndexFileError, match=f"holds a {saved.__name__}; open it with"):
            asked.load(path)


def test_a_file_that_is_not_there(path):
    with pytest.raises(FileNotFoundError, match=r"small\.socbi"):
        SemiOrderedIndex.load(path)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        SemiOrderedIndex(1).save(tmp_path / "nowhere" / "index")


# ---- interrupted saves ---------------------------------------------------------------------------


class Interrupter:
    """Fails the k-th call of all that a save asks of the system, and counts them."""

    def __init__(self, monkeypatch, failing, error):
        self.failing, self.error, self.calls = failing, error, 0
        opened = builtins.open

        def open_watched(*arguments, **options):
            self.step()
            return WatchedFile(opened(*arguments, **options), self)

        monkeypatch.setattr(builtins, "open", open_watched)
        for name in ("fsync", "replace"):
            monkeypatch.setattr(os, name, self.watched(getattr(os, name)))

    def step(self):
        self.calls += 1
        if self.calls == self.failing:
            raise self.error

    def watched(self, function):
        def call(*arguments):
            self.step()
            return function(*arguments)

        return call


class WatchedFile:
    """A file whose writes and flushes are counted; a failing write leaves half of it behind."""

    def __init__(self, file, interrupter):
        self.file, self.interrupter = file, interrupter

    def write(self, part):
        half = len(part) // 2
        self.file.write(part[:half])
        self.interrupter.step()
        return half + self.file.write(part[half:])

    def flush(self):
        self.interrupter.step()
        self.file.flush()

    def fileno(self):
        return self.file.fileno()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()


FULL = OSError(errno.ENOSPC, "No space left on device")


def steps_of_a_save(path):
    with pytest.MonkeyPatch.context() as patch:
        counter = Interrupter(patch, failing=0, error=None)
        SemiOrderedIndex(9).save(path)
    return counter.calls


@pytest.mark.parametrize("error", [FULL, KeyboardInterrupt()], ids=["disk full", "interrupted"])
@pytest.mark.parametrize("there_before", [True, False])
def test_a_save_interrupted_at_every_step(path, error, there_before):
    steps = steps_of_a_save(path)
    assert steps == 9  # open, four writes, flush, fsync, replace, fsync of the folder
    for failing in range(1, steps):
        path.unlink(missing_ok=True)
        if there_before:
            small_index().save(path)
        before = path.read_bytes() if there_before else None
        with pytest.MonkeyPatch.context() as patch:
            Interrupter(patch, failing, error)
            with pytest.raises(type(error)):
                SemiOrderedIndex(9).save(path)
        assert os.listdir(path.parent) == ([path.name] if there_before else [])
        if there_before:
            assert path.read_bytes() == before
            assert_same(SemiOrderedIndex.load(path), small_index())


def test_a_folder_that_cannot_be_synced_is_no_failure(path):
    steps = steps_of_a_save(path)
    with pytest.MonkeyPatch.context() as patch:
        Interrupter(patch, failing=steps, error=FULL)
        SemiOrderedIndex(5).save(path)
    assert len(SemiOrderedIndex.load(path)) == 5


SAVER = """
import sys
import numpy as np
from socbi import SemiOrderedIndex
path = sys.argv[1]
index = SemiOrderedIndex(20_000)
index.save(path)
print("saved", flush=True)
while True:
    index.add(np.arange(20_000))
    index.save(path)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system kills otherwise")
def test_a_process_killed_while_it_saves(path):
    """Every file it leaves is one that was saved: all its scores are one number."""
    rng = np.random.default_rng(9)
    for _ in range(8):
        saver = subprocess.Popen(
            [sys.executable, "-c", SAVER, str(path)], stdout=subprocess.PIPE, text=True
        )
        with saver:
            assert saver.stdout.readline() == "saved\n"
            with pytest.raises(subprocess.TimeoutExpired):
                saver.wait(timeout=0.02 + 0.05 * rng.random())
            saver.send_signal(signal.SIGKILL)
        assert saver.returncode == -signal.SIGKILL
        loaded = SemiOrderedIndex.load(path)
        assert len(loaded) == 20_000
        assert len(np.unique(loaded.scores())) == 1


# ---- pickle and copy -----------------------------------------------------------------------------


@pytest.mark.parametrize("make", CLASSES)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(make, protocol):
    index = make([3, 1, 2, 1], order="largest", ties="random", seed=6)
    index.remove([0])
    loaded = pickle.loads(pickle.dumps(index, protocol))
    assert type(loaded) is make
    assert repr(loaded) == repr(index)
    assert_same(loaded, index)


@pytest.mark.parametrize("make", CLASSES)
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_copies_are_independent(make, duplicate):
    index = make([3, 1, 2, 1], seed=6)
    index.pop(1)
    twin = duplicate(index)
    assert_same(twin, index)
    twin.add([0], -9)
    twin.insert([4, 5])
    assert len(twin) == 5
    assert index.scores().tolist()[0] == 3
    assert len(index) == 3
    index.check()


def test_a_copy_keeps_its_settings():
    index = small_index(refile="eager", node_capacity=2, growth=3, threads=1, ties="id")
    assert repr(copy.copy(index)) == repr(copy.deepcopy(index)) == repr(index)


# ---- a sound checksum over unsound contents ------------------------------------------------------

SETTINGS = {
    "kind": "SemiOrderedIndex",
    "order": "smallest",
    "ties": "id",
    "seed": 0,
    "refile": "lazy",
    "node_capacity": None,
    "growth": None,
    "threads": None,
    "scores": 1,
}


def write_sealed(path, header, payload=b"\0\0\0\0"):
    body = struct.pack("<8sII", index_file.MAGIC, 1, len(header)) + header + payload
    path.write_bytes(body + struct.pack("<I", zlib.crc32(body)))


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        (b"[]", b""),
        (b"nonsense", b""),
        (b'{"kind": "SemiOrderedIndex", "scores": 0}', b""),
        (json.dumps({**SETTINGS, "order": "x"}).encode(), b"\0\0\0\0"),
        (json.dumps({**SETTINGS, "colour": 1}).encode(), b"\0\0\0\0"),
        (json.dumps({**SETTINGS, "seed": "1"}).encode(), b"\0\0\0\0"),
        (json.dumps({**SETTINGS, "scores": 2}).encode(), b"\0\0\0\0"),
        (json.dumps(SETTINGS).encode(), struct.pack("<f", float("inf"))),
        (json.dumps(SETTINGS).encode(), b"\0\0\0"),
    ],
)
def test_unsound_contents_are_refused(tmp_path, header, payload):
    write_sealed(tmp_path / "index", header, payload)
    with pytest.raises(IndexFileError):
        SemiOrderedIndex.load(tmp_path / "index")


def test_the_settings_of_these_tests_are_sound(tmp_path):
    write_sealed(tmp_path / "index", json.dumps(SETTINGS).encode())
    assert SemiOrderedIndex.load(tmp_path / "index").scores().tolist() == [0.0]


def test_settings_given_as_numpy_integers_are_kept(tmp_path):
    index = SemiOrderedIndex(3, seed=np.int64(4), node_capacity=np.int32(8), threads=np.uint8(2))
    index.save(tmp_path / "index")
    assert repr(SemiOrderedIndex.load(tmp_path / "index")) == repr(index)


# ---- what was at the path ------------------------------------------------------------------------


def test_permissions_of_an_existing_file_are_kept(tmp_path):
    path = tmp_path / "index"
    SemiOrderedIndex(3).save(path)
    path.chmod(0o600)
    SemiOrderedIndex(4).save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(SemiOrderedIndex.load(path)) == 4


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "index")
    SemiOrderedIndex(3).save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert len(SemiOrderedIndex.load(tmp_path / "real" / "index")) == 3


def test_a_name_as_long_as_a_name_may_be(tmp_path):
    SemiOrderedIndex(3).save(tmp_path / ("n" * 255))
    assert os.listdir(tmp_path) == ["n" * 255]


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(IndexFileError, match="is not a regular file"):
        SemiOrderedIndex(3).save(tmp_path)


class Named(SemiOrderedIndex):
    """A user's own."""

    def __init__(self, *args, name, **settings):
        super().__init__(*args, **settings)
        self.name = name


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda index: pickle.loads(pickle.dumps(index))]
)
def test_attributes_of_a_subclass_are_copied(duplicate):
    index = Named(3, name=["mine"])
    copied = duplicate(index)
    assert type(copied) is Named
    assert copied.name == ["mine"]
    assert (copied.name is index.name) == (duplicate is copy.copy)
