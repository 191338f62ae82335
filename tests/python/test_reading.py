"""Samples are read while earlier ones are encoded, in order, a bounded way ahead."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socbi import InvalidInputError
from socbi.encoders import PixelEncoder, embed
from socbi.encoders.reading import Unreadable, read_ahead, reading_threads
from socbi.pool import EmbeddingStore, Fingerprint, Pool, SampleIds
from socbi.pool.columns import ArrayImages, Texts, Viewed


def texts(count):
    return Pool.from_arrays(text=[f"text {number}" for number in range(count)])


class Watched:
    """A column of texts that tells who reads what; some cannot be read."""

    def __init__(self, count, broken=()):
        self.count, self.broken = count, broken
        self.read, self.threads = [], set()

    def __len__(self):
        return self.count

    def __getitem__(self, position):
        self.read.append(position)
        self.threads.add(threading.get_ident())
        if position in self.broken:
            raise OSError("cannot be decoded")
        return f"text {position}"


def pool_of(column):
    return Pool(SampleIds.numbered(len(column)), {"text": column})


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(1, 5), max_size=6),
    threads=st.integers(1, 4),
    broken=st.sets(st.integers(0, 29)),
)
def test_batches_come_whole_and_in_order(sizes, threads, broken):
    ends = np.cumsum(sizes).tolist()
    batches = [list(range(end - size, end)) for size, end in zip(sizes, ends, strict=True)]
    read = list(read_ahead(pool_of(Watched(30, broken)), batches, None, threads))
    assert [[getattr(one, "id", None) for one in batch] for batch in read] == [
        [None if position in broken else position for position in batch] for batch in batches
    ]
    faults = [one for batch in read for one in batch if isinstance(one, Unreadable)]
    assert [one.position for one in faults] == sorted(broken & set(range(sum(sizes))))
    assert all(one.kind == "broken image" for one in faults)


def test_the_next_batch_is_read_while_one_is_encoded_and_no_further():
    column = Watched(40)
    read = read_ahead(pool_of(column), [range(at, at + 4) for at in range(0, 40, 4)], None, 2)
    for taken in range(1, 11):
        next(read)
        assert max(column.read) < 4 * (taken + 1)
    read.close()


def test_encoding_and_reading_go_on_at_the_same_time(tmp_path):
    """The encoder waits, within a batch, for the reading of the next: alone it would never end."""
    reached = threading.Event()

    class Late(Watched):
        def __getitem__(self, position):
            if position == 4:
                reached.set()
            return super().__getitem__(position)

    class Waiting:
        batch_size, dim = 4, 2
        fingerprint = Fingerprint("waiting", "", "", 2)

        def encode(self, batch):
            assert reached.wait(60)
            return np.zeros((len(batch), 2), np.float32)

    done = embed(pool_of(Late(12)), Waiting(), EmbeddingStore(tmp_path), progress=False)
    assert done.new == 12


def test_a_data_set_of_another_library_is_read_by_one_thread():
    seen = Watched(64)
    foreign = pool_of(Viewed(64, seen.__getitem__))
    assert reading_threads(foreign, None) == 1
    assert reading_threads(foreign.subset([1, 2]), None) == 1
    grown = foreign.joined(Pool.from_arrays(text=["new"], ids=[64]))
    assert reading_threads(grown, None) == 1
    assert reading_threads(foreign, 3) == 3
    assert reading_threads(texts(3).subset([0]), None) >= 1
    list(read_ahead(foreign, [range(32), range(32, 64)], None, reading_threads(foreign, None)))
    assert len(seen.threads) == 1
    with pytest.raises(InvalidInputError, match="readers must be 1 or more, got 0"):
        reading_threads(foreign, 0)


def test_a_failing_encoder_leaves_no_thread_behind(tmp_path):
    class Failing(PixelEncoder):
        def encode(self, batch):
            raise RuntimeError("no more memory")

    pool = Pool.from_arrays(images=np.zeros((900, 4, 4), np.uint8))
    with pytest.raises(RuntimeError, match="no more memory"):
        embed(pool, Failing(2), EmbeddingStore(tmp_path), progress=False)
    assert not [one.name for one in threading.enumerate() if one.name.startswith("socbi-reader")]


def test_what_an_encoder_lacks_is_told_from_the_reading_thread(tmp_path):
    with pytest.raises(InvalidInputError, match="sample 0 has no image; pixels need one"):
        embed(texts(3), PixelEncoder(2), EmbeddingStore(tmp_path), progress=False)


@pytest.mark.parametrize("side", [3, 6, 9])
def test_prepared_samples_have_the_vectors_of_whole_ones(side):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 6, 7, 3), dtype=np.uint8)
    columns = {"image": ArrayImages(pixels), "text": Texts(list("abcde"))}
    whole = list(Pool(SampleIds.numbered(5), columns))
    encoder = PixelEncoder(side)
    prepared = [encoder.prepare(sample) for sample in whole]
    assert np.array_equal(encoder.encode(prepared), encoder.encode(whole))
    assert [one.text for one in prepared] == list("abcde")
    assert prepared[0].image.size == (side, side)
