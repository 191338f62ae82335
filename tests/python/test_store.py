"""The embedding store survives: kills, full disks, growth, two writers, damage."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socbi import InvalidInputError, InvalidTypeError, StoreError, UnknownIdError
from socbi.encoders import PixelEncoder, embed
from socbi.pool import EmbeddingStore, Fingerprint, Pool, SampleIds

MADE = Fingerprint("made", weights="", preprocessing="", dim=4)


def vectors_of(ids):
    """A vector that tells which id it belongs to."""
    numbers = [hash(one) % 1000 if isinstance(one, str) else one for one in ids]
    return np.array([[number, 1, 2, number / 2] for number in numbers], np.float32).reshape(-1, 4)


def fill(store, ids, shard=3, fingerprint=MADE):
    shelf = store.shelf(fingerprint, "float32")
    with store.writing():
        for begin in range(0, len(ids), shard):
            some = ids[begin : begin + shard]
            shelf.append(some, vectors_of(some))
    return shelf


ids_of_a_kind = st.one_of(
    st.lists(st.integers(-(2**40), 2**40), unique=True, max_size=30),
    st.lists(st.text(max_size=8), unique=True, max_size=30),
)


@settings(deadline=None, max_examples=50)
@given(ids=ids_of_a_kind, shard=st.integers(1, 12), seed=st.integers(0, 2**32 - 1))
def test_what_was_appended_is_found_in_any_order(tmp_path_factory, ids, shard, seed):
    folder = tmp_path_factory.mktemp("store")
    fill(EmbeddingStore(folder), ids, shard)
    shelf = EmbeddingStore(folder).shelf(MADE)
    assert list(shelf.ids()) == ids
    asked = np.random.default_rng(seed).permutation(len(ids))[: len(ids) // 2 + 1]
    asked = [ids[at] for at in asked]
    assert np.array_equal(shelf.vectors(asked), vectors_of(asked))
    assert shelf.missing([*ids, "new"] if ids and isinstance(ids[0], str) else ids) == (
        ["new"] if ids and isinstance(ids[0], str) and "new" not in ids else []
    )
    assert shelf.verify() == []


def test_two_encoders_never_mix(tmp_path):
    store = EmbeddingStore(tmp_path)
    other = Fingerprint("made", weights="abc", preprocessing="", dim=4)
    fill(store, [1, 2])
    fill(store, [2, 3], fingerprint=other)
    assert list(store.shelf(MADE).ids()) == [1, 2]
    assert list(store.shelf(other).ids()) == [2, 3]
    assert EmbeddingStore(tmp_path).encoders() == [MADE, other]


def test_a_reader_takes_in_what_another_process_appended(tmp_path):
    fill(EmbeddingStore(tmp_path), [1, 2, 3])
    reader = EmbeddingStore(tmp_path).shelf(MADE)
    fill(EmbeddingStore(tmp_path), [7, 8])
    assert 8 not in reader.ids()
    reader.refresh()
    assert list(reader.ids()) == [1, 2, 3, 7, 8]
    assert np.array_equal(reader.vectors([8, 1]), vectors_of([8, 1]))


def test_only_one_writes_and_the_other_is_told_who(tmp_path):
    store = EmbeddingStore(tmp_path)
    with store.writing():
        told = f"process {os.getpid()} is writing"
        with pytest.raises(StoreError, match=told), EmbeddingStore(tmp_path).writing():
            pass
    with EmbeddingStore(tmp_path).writing():
        pass


def test_leftovers_of_a_killed_writer_are_deleted_by_the_next(tmp_path):
    store = EmbeddingStore(tmp_path)
    fill(store, [1, 2])
    (tmp_path / "shards" / "half.part").write_bytes(b"x")
    (tmp_path / "shards" / "whole-and-not-listed.npy").write_bytes(b"x")
    with store.writing():
        names = [path.name for path in (tmp_path / "shards").iterdir()]
    assert len(names) == 1
    assert store.shelf(MADE).verify() == []


def test_damage_is_found(tmp_path):
    shelf = fill(EmbeddingStore(tmp_path), [1, 2, 3, 4])
    one, other = sorted((tmp_path / "shards").iterdir())
    content = bytearray(one.read_bytes())
    content[-1] ^= 1
    one.write_bytes(content)
    other.unlink()
    faults = shelf.verify()
    assert [fault.rpartition(" is ")[2] for fault in faults] == [
        "damaged: its checksum differs",
        "missing",
    ]
    with pytest.raises(StoreError, match="is missing or not"):
        EmbeddingStore(tmp_path).shelf(MADE).vectors([4])


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    store = EmbeddingStore(tmp_path)
    shelf = fill(store, [1, 2])

    def full(file, array):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, store.writing():
        patched.setattr(np, "save", full)
        with pytest.raises(OSError, match="No space left"):
            shelf.append([3], vectors_of([3]))
    assert list(shelf.ids()) == [1, 2]
    assert len(list((tmp_path / "shards").iterdir())) == 1
    fill(store, [3])
    assert list(shelf.ids()) == [1, 2, 3]


@pytest.mark.parametrize(
    ("ids", "vectors", "error", "message"),
    [
        ([5], np.zeros((2, 4)), InvalidInputError, "there are 1 ids and 4 dimensions"),
        ([5], np.zeros((1, 3)), InvalidInputError, r"got vectors of the shape \(1, 3\)"),
        ([5, 5], np.zeros((2, 4)), InvalidInputError, "id 5 is given twice, or is here already"),
        ([1], np.zeros((1, 4)), InvalidInputError, "id 1 is given twice, or is here already"),
        (["a"], np.zeros((1, 4)), InvalidTypeError, "all strings or all whole numbers"),
        ([5], np.full((1, 4), np.nan), InvalidInputError, "row 0 has NaN"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(tmp_path, ids, vectors, error, message):
    store = EmbeddingStore(tmp_path)
    shelf = fill(store, [1, 2])
    with store.writing(), pytest.raises(error, match=message):
        shelf.append(ids, vectors)
    assert list(EmbeddingStore(tmp_path).shelf(MADE).ids()) == [1, 2]


def test_float16_refuses_what_it_cannot_hold(tmp_path):
    store = EmbeddingStore(tmp_path)
    shelf = store.shelf(MADE)
    with store.writing(), pytest.raises(InvalidInputError, match="beyond float16"):
        shelf.append([1], np.full((1, 4), 1e6))


def test_other_messages(tmp_path):
    shelf = fill(EmbeddingStore(tmp_path), [1, 2])
    with pytest.raises(UnknownIdError, match="no sample has the id 9 in this store, which has 2"):
        shelf.vectors([9])
    with pytest.raises(InvalidInputError, match="positions must be from 0 to 1, got 0 to 2"):
        shelf.rows([0, 2])
    with pytest.raises(InvalidInputError, match="dtype must be"):
        EmbeddingStore(tmp_path).shelf(MADE, "float64")
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(StoreError, match="is not a folder"):
        EmbeddingStore(file)
    with sqlite3.connect(tmp_path / "store.sqlite") as database:
        database.execute("UPDATE store SET format = 2")
    database.close()
    with pytest.raises(StoreError, match="has format 2 and this socbi reads format 1"):
        EmbeddingStore(tmp_path)


# ---- embedding -----------------------------------------------------------------------------------


def images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 6, 6), dtype=np.uint8)


EMBEDDING = """
import sys
import numpy as np
from socbi.encoders import PixelEncoder, embed
from socbi.pool import EmbeddingStore, Pool
pixels = np.random.default_rng(0).integers(0, 256, (20_000, 6, 6), dtype=np.uint8)
print("ready", flush=True)
embed(Pool.from_arrays(images=pixels), PixelEncoder(4), EmbeddingStore(sys.argv[1]),
      shard_rows=1_000, progress=False)
"""


def test_twenty_kills_end_with_the_very_bytes_of_an_undisturbed_run(tmp_path):
    pool = Pool.from_arrays(images=images(20_000))
    begun = embed(pool, PixelEncoder(4), EmbeddingStore(tmp_path / "one"), shard_rows=1_000,
                  progress=False)  # fmt: skip
    undisturbed = shard_bytes(tmp_path / "one")
    assert len(undisturbed) == 20
    after = random.Random(1)
    killed, stores = 0, 1
    while killed < 20:
        folder = tmp_path / f"killed-{stores}"
        if killed_while_embedding(folder, after.uniform(0, 0.3 * begun.elapsed_s)):
            killed += 1
        else:  # it got to the end: another store for the kills that are left
            assert shard_bytes(folder) == undisturbed
            stores += 1
    embed(pool, PixelEncoder(4), EmbeddingStore(folder), shard_rows=1_000, progress=False)
    assert shard_bytes(folder) == undisturbed
    for path in tmp_path.iterdir():
        shelf = EmbeddingStore(path).shelf(PixelEncoder(4).fingerprint)
        assert list(shelf.ids()) == list(range(20_000))
        assert shelf.verify() == []


def killed_while_embedding(folder, seconds):
    """Embed in a process of its own; say whether it was killed before it came to the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", EMBEDDING, str(folder)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "ready\n"
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
    return process.returncode == -signal.SIGKILL


def shard_bytes(folder):
    return [path.read_bytes() for path in sorted((folder / "shards").iterdir())]


def test_only_what_is_missing_is_embedded_whatever_became_of_the_pool(tmp_path):
    store, encoder = EmbeddingStore(tmp_path), PixelEncoder(3)
    ids = [f"image-{number}" for number in range(50)]
    pool = Pool.from_arrays(images=images(50), ids=ids)
    assert embed(pool.subset(range(30)), encoder, store, progress=False).new == 30
    shuffled = pool.subset(np.random.default_rng(0).permutation(50))
    done = embed(shuffled, encoder, store, shard_rows=7, progress=False)
    assert done.new == 20
    assert embed(pool, encoder, store, progress=False).new == 0
    expected = encoder.encode([pool[one] for one in ids])
    assert np.allclose(done.shelf.vectors(ids), expected, atol=1e-3)


def test_broken_images_are_listed_and_tried_again(tmp_path):
    from PIL import Image

    for number in range(4):
        Image.fromarray(images(1, number)[0]).save(tmp_path / f"{number}.png")
    good = (tmp_path / "2.png").read_bytes()
    (tmp_path / "2.png").write_bytes(good[:40])
    pool = Pool.from_folder(tmp_path)
    store = EmbeddingStore(tmp_path / "store")
    with pytest.raises(ValueError, match=r"'2.png': broken image"):
        embed(pool, PixelEncoder(3), store, progress=False)
    done = embed(pool, PixelEncoder(3), store, on_problem="skip", progress=False)
    assert (done.new, done.intake.counts()) == (3, {"broken image": 1})
    assert "3 samples taken, 1 left out: 1 broken image" in str(done)
    (tmp_path / "2.png").write_bytes(good)
    assert embed(pool, PixelEncoder(3), store, progress=False).new == 1


def test_an_encoder_that_lies_about_its_dimensions_is_told(tmp_path):
    class Liar(PixelEncoder):
        dim = 5

        def encode(self, batch):
            return np.zeros((len(batch), 4), np.float32)

    pool = Pool.from_arrays(images=images(3))
    with pytest.raises(InvalidInputError, match=r"shape \(3, 4\) for 3 samples .* has 5"):
        embed(pool, Liar(2), EmbeddingStore(tmp_path), progress=False)
    with pytest.raises(InvalidInputError, match="batch_size must be 1 or more, got 0"):
        embed(pool, PixelEncoder(2), EmbeddingStore(tmp_path), batch_size=0)


# ---- ids -----------------------------------------------------------------------------------------


@given(parts=st.lists(st.lists(st.integers(0, 40), max_size=6), max_size=6))
def test_ids_extended_in_parts_are_a_list_without_repeats(parts):
    ids, expected = SampleIds(), []
    for part in parts:
        whole = expected + part
        if len(set(whole)) < len(whole):
            with pytest.raises(InvalidInputError, match="is given twice"):
                ids.extend(part)
        else:
            ids.extend(part)
            expected = whole
    assert list(ids) == expected
    assert [ids.position(one) for one in expected] == list(range(len(expected)))
    assert ids.positions(expected).dtype == np.int64
    for one in range(-2, 45):
        assert (one in ids) == (one in expected)
        if one not in expected:
            with pytest.raises(UnknownIdError, match=f"no sample has the id {one}"):
                ids.position(one)


@pytest.mark.parametrize("wrong", [1.5, None, True, b"a", np.True_])
def test_ids_are_strings_or_whole_numbers(wrong):
    with pytest.raises(InvalidTypeError, match="an id must be a string or a whole number"):
        SampleIds([wrong])
    assert wrong not in SampleIds([7])
