"""Saved neighbour indexes and graphs: whole or refused, whatever happens to files or to writers."""

import builtins
import errno
import fcntl
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from neighbor_reference import COMPRESSED, MAKERS, METRICS, assert_exact, cloud, made

from socbi import IndexFileError
from socbi.neighbors import (
    ExactNeighbors,
    FaissNeighbors,
    HnswNeighbors,
    KnnGraph,
    knn_graph,
    load,
)
from socbi.neighbors.saved_folder import SavedFolder

every_maker = pytest.mark.parametrize("name", MAKERS)


def small(name, metric="cosine"):
    index = made(name, metric)
    index.add(np.arange(80) * 3, cloud(80))
    index.remove([6, 9])
    return index


def assert_alike(loaded, index):
    assert repr(loaded) == repr(index)
    assert loaded.settings == index.settings
    np.testing.assert_array_equal(loaded.ids(), index.ids())
    assert_exact(loaded.search(cloud(9, seed=4), 20), index.search(cloud(9, seed=4), 20))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "index"


# ---- there and back ------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", MAKERS | COMPRESSED)
def test_round_trip(folder, name, metric):
    index = small(name, metric)
    index.save(folder)
    for loaded in (load(folder), type(index).load(str(folder), verify=True)):
        assert type(loaded) is type(index)
        assert_alike(loaded, index)
        loaded.restore([6])
        loaded.add([1], cloud(1))
        assert 6 not in index
        assert 1 not in index
        loaded.compact()
        assert len(loaded) == 80
        loaded.save(folder)
        assert_alike(load(folder), loaded)


@every_maker
def test_empty_and_emptied(folder, name):
    index = made(name)
    for _ in range(2):
        index.save(folder)
        loaded = load(folder, verify=True)
        assert (len(loaded), loaded.dim) == (0, index.dim)
        assert (loaded.search(cloud(2), 3)[0] == -1).all()
        loaded.add([4], cloud(1))
        index.add([4], cloud(1))
        index.remove([4])
        index.compact()


def test_exact_vectors_are_mapped_and_not_read(folder):
    index = ExactNeighbors()
    index.add(np.arange(5000), cloud(5000, 64))
    index.save(folder)
    loaded = load(folder)
    assert loaded.nbytes == 5 * 5000
    loaded.save(folder)  # over the files that it maps
    assert_exact(loaded.search(cloud(3, 64), 5), index.search(cloud(3, 64), 5))
    assert_exact(load(folder).search(cloud(3, 64), 5), index.search(cloud(3, 64), 5))


def test_float16_stays_float16(folder):
    index = ExactNeighbors()
    index.add(np.arange(5000), cloud(5000, 64).astype(np.float16))
    index.save(folder)
    assert (
        sum(path.stat().st_size for path in folder.iterdir()) < 5000 * (64 * 2 + 8 + 1 + 4) + 2000
    )
    assert_exact(load(folder).search(cloud(3, 64), 5), index.search(cloud(3, 64), 5))


def test_save_replaces_what_was_there_and_nothing_else(folder):
    small("hnsw").save(folder)
    before = set(os.listdir(folder))
    (folder / "notes.txt").write_text("mine")
    small("exact").save(folder)
    assert type(load(folder)) is ExactNeighbors
    after = set(os.listdir(folder))
    assert before & after == {"index.json"}
    assert "notes.txt" in after
    assert len(after) == 6


# ---- damage --------------------------------------------------------------------------------------


def parts(folder):
    return {name: one["file"] for name, one in listing(folder)["files"].items()}


def listing(folder):
    return json.loads((folder / "index.json").read_text())


@every_maker
def test_a_file_that_is_missing_or_cut_off(folder, name):
    small(name).save(folder)
    for file in parts(folder).values():
        content = (folder / file).read_bytes()
        for damaged in (None, b"", content[:-1], content + b"x"):
            if damaged is None:
                (folder / file).unlink()
            else:
                (folder / file).write_bytes(damaged)
            with pytest.raises(
                IndexFileError, match=f"{file} is missing or not {len(content)} bytes"
            ):
                load(folder)
            (folder / file).write_bytes(content)
    assert len(load(folder, verify=True)) == 78


@every_maker
def test_a_byte_flipped(folder, name):
    small(name).save(folder)
    for file in parts(folder).values():
        content = (folder / file).read_bytes()
        for place in (0, 9, len(content) // 2, len(content) - 1):
            damaged = bytearray(content)
            damaged[place] ^= 0x41
            (folder / file).write_bytes(damaged)
            with pytest.raises(IndexFileError, match=f"{file} is damaged: its checksum differs"):
                load(folder, verify=True)
        (folder / file).write_bytes(content)


@every_maker
def test_files_of_the_right_size_that_hold_something_else(folder, name):
    """Without `verify` only what the file is read by can tell."""
    small(name).save(folder)
    for file in parts(folder).values():
        content = (folder / file).read_bytes()
        (folder / file).write_bytes(b"PK\x03\x04" + bytes(len(content) - 4))
        with pytest.raises(IndexFileError, match="does not hold a sound index"):
            load(folder)
        (folder / file).write_bytes(content)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("[1]", "cannot be read"),
        ("7", "cannot be read"),
        ("{}", "cannot be read: 'format'"),
        ('{"format": 1}', "cannot be read: 'files'"),
        ('{"format": 2, "files": {}}', "has format 2 and this socbi reads format 1"),
        ('{"format": 1, "files": 7}', "does not hold a sound index"),
        ('{"format": 1, "files": {"ids.npy": {}}}', "does not hold a sound index: 'file'"),
        ('{"format": 1, "files": {}, "kind": "lsh"}', "of the kind 'lsh', and this socbi knows 'e"),
        ('{"format": 1, "files": {}, "kind": "exact"}', "does not hold a sound index: 'settings'"),
        (
            '{"format": 1, "files": {}, "kind": "exact", "settings": {"z": 1}, "dim": 3}',
            "does not hold a sound index: .* unexpected keyword argument 'z'",
        ),
    ],
)
def test_an_unsound_listing(folder, text, message):
    folder.mkdir()
    (folder / "index.json").write_text(text)
    with pytest.raises(IndexFileError, match=message):
        load(folder)


def test_foreign_paths(folder):
    with pytest.raises(IndexFileError, match=r"holds no saved index: no index\.json there"):
        load(folder)
    folder.mkdir()
    with pytest.raises(IndexFileError, match="holds no saved index"):
        ExactNeighbors.load(folder)
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(IndexFileError, match="holds files that are no saved index; give a new"):
        small("exact").save(folder)
    assert os.listdir(folder) == ["thesis.txt"]
    with pytest.raises(IndexFileError, match=r"thesis\.txt is not a folder"):
        small("exact").save(folder / "thesis.txt")
    with pytest.raises(IndexFileError, match=r"index\.json cannot be read"):
        load(folder / "thesis.txt")


def test_an_index_of_another_kind(folder):
    small("hnsw").save(folder)
    for wrong in (ExactNeighbors, FaissNeighbors):
        text = f"the kind 'hnsw' and {wrong.__name__}.load reads .* socbi.neighbors.load opens"
        with pytest.raises(IndexFileError, match=text):
            wrong.load(folder)
    assert type(HnswNeighbors.load(folder)) is HnswNeighbors


# ---- interrupted saves ---------------------------------------------------------------------------


class Interrupter:
    """Fails the k-th call of all that a save asks of the system, and counts them."""

    def __init__(self, patch, failing, error):
        self.failing, self.error, self.calls = failing, error, 0
        for owner, name in ((builtins, "open"), (os, "fsync"), (os, "replace")):
            patch.setattr(owner, name, self.watched(getattr(owner, name)))

    def watched(self, function):
        def call(*arguments, **options):
            self.calls += 1
            if self.calls == self.failing:
                raise self.error
            return function(*arguments, **options)

        return call


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
@pytest.mark.parametrize("there_before", [True, False])
@pytest.mark.parametrize("name", ["exact", "hnsw"])
def test_a_save_interrupted_at_every_step(folder, name, error, there_before):
    new = made(name)
    new.add([1], cloud(1))
    with pytest.MonkeyPatch.context() as patch:
        counter = Interrupter(patch, 0, None)
        new.save(folder)
    assert counter.calls > 12
    for failing in range(1, counter.calls):  # the last one syncs the folder, which may fail
        shutil.rmtree(folder)
        if there_before:
            small(name).save(folder)
        before = set(os.listdir(folder)) if there_before else set()
        with pytest.MonkeyPatch.context() as patch:
            Interrupter(patch, failing, error)
            with pytest.raises(type(error)):
                new.save(folder)
        assert set(os.listdir(folder)) == before
        if there_before:
            assert_alike(load(folder, verify=True), small(name))
        new.save(folder)
        assert len(load(folder, verify=True)) == 1


def test_two_saves_at_once(folder, monkeypatch):
    """The second comes when the first has written all but the listing, and must wait for it."""
    first, second, moved_on = small("exact"), small("hnsw"), threading.Event()
    commit, flock = SavedFolder._commit, fcntl.flock

    def save_second():
        second.save(folder)
        moved_on.set()

    other = threading.Thread(target=save_second)

    def lock(*arguments):
        if threading.current_thread() is other:
            moved_on.set()  # as far as it gets
        flock(*arguments)

    def commit_late(self):
        if threading.current_thread() is not other:
            other.start()
            assert moved_on.wait(20)
        commit(self)

    monkeypatch.setattr(fcntl, "flock", lock)
    monkeypatch.setattr(SavedFolder, "_commit", commit_late)
    first.save(folder)
    other.join()
    assert_alike(load(folder, verify=True), second)
    assert len(os.listdir(folder)) == 4


@pytest.mark.parametrize("open_it", [load, ExactNeighbors.load])
def test_a_save_while_another_loads(folder, monkeypatch, open_it):
    """The save comes when the listing is read and no file is open, and must wait for the rest."""
    old, new, moved_on = small("exact"), made("exact"), threading.Event()
    new.add([1], cloud(1))
    old.save(folder)
    array, flock = SavedFolder.array, fcntl.flock

    def save_new():
        new.save(folder)
        moved_on.set()

    other = threading.Thread(target=save_new)

    def lock(*arguments):
        if threading.current_thread() is other:
            moved_on.set()  # as far as it gets
        flock(*arguments)

    def array_late(self, *arguments, **options):
        if not moved_on.is_set():
            other.start()
            assert moved_on.wait(20)
        return array(self, *arguments, **options)

    monkeypatch.setattr(fcntl, "flock", lock)
    monkeypatch.setattr(SavedFolder, "array", array_late)
    assert_alike(open_it(folder), old)
    other.join()
    assert_alike(open_it(folder), new)


@pytest.fixture
def full_disk():
    """Files end at 100 kB, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))

    yield fill
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", MAKERS | COMPRESSED)
def test_a_full_disk_leaves_the_older_index(folder, name, full_disk):
    older = small(name)
    older.save(folder)
    before = set(os.listdir(folder))
    large = made(name, **({"ef_construction": 10} if "hnsw" in name else {}))
    large.add(np.arange(4000), cloud(4000, 64))
    full_disk()
    # The ids, of 32 kB, still find room; what is stored does not.
    with pytest.raises(OSError, match=r"[Ff]ile too large|requested and|is the disk full\?"):
        large.save(folder)
    assert set(os.listdir(folder)) == before
    assert_alike(load(folder, verify=True), older)


def test_a_full_disk_for_a_graph(folder, full_disk):
    vectors = cloud(3000, 8)
    full_disk()
    with pytest.raises(OSError, match="too large"):
        knn_graph(vectors, 10, folder=folder)
    with pytest.raises(IndexFileError, match="holds 0 of 3,000 rows"):
        KnnGraph.load(folder)


SAVER = """
import sys
import numpy as np
from socbi.neighbors import ExactNeighbors
index = ExactNeighbors("euclidean")
for step in range(10**6):
    index.add([step], np.full((1, 4), step))
    print("saving", flush=True)
    index.save(sys.argv[1])
"""


def killed(program, *arguments, lines, after_s):
    """Runs a program, and kills it a moment after it has written so many lines."""
    with subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    ) as writer:
        for _ in range(lines):
            assert writer.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(timeout=after_s)
        writer.send_signal(signal.SIGKILL)
    assert writer.returncode == -signal.SIGKILL


def test_a_process_killed_while_it_saves(folder):
    """Every folder it leaves holds one state, whole, and can be saved into."""
    rng = np.random.default_rng(9)
    for _ in range(4):
        killed(SAVER, folder, lines=2, after_s=0.02 * rng.random())
        loaded = load(folder, verify=True)
        np.testing.assert_array_equal(loaded.vectors(loaded.ids())[:, 0], loaded.ids())
        loaded.save(folder)
        assert len(os.listdir(folder)) == 5  # the leftovers are gone


FIRST_SAVER = """
import os, signal, sys
import numpy as np
from socbi.neighbors import ExactNeighbors
index = ExactNeighbors()
index.add([1], np.ones((1, 4)))
replace = os.replace
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
index.save(sys.argv[1])
"""


def test_a_process_killed_in_its_first_save(folder):
    killer = subprocess.run([sys.executable, "-c", FIRST_SAVER, str(folder)], check=False)
    assert killer.returncode == -signal.SIGKILL
    assert len(os.listdir(folder)) == 5
    with pytest.raises(IndexFileError, match="holds no saved index"):
        load(folder)
    small("exact").save(folder)
    assert_alike(load(folder, verify=True), small("exact"))
    assert len(os.listdir(folder)) == 5


# ---- graphs on disk ------------------------------------------------------------------------------

GRAPH_MAKER = """
import os, signal, sys
import numpy as np
from socbi.neighbors import graph, graph_folder, knn_graph
graph.BLOCK_ROWS = 50
name, number = sys.argv[3], int(sys.argv[4])
function, calls = getattr(os, name), []

def kill_at(*arguments):
    calls.append(1)
    if len(calls) == number:
        os.kill(os.getpid(), signal.SIGKILL)
    return function(*arguments)

setattr(os, name, kill_at)
knn_graph(np.load(sys.argv[1]), 7, folder=sys.argv[2])
"""


@pytest.mark.parametrize(
    ("call", "number"), [("fsync", 1), ("replace", 1), ("fsync", 2), ("fsync", 12), ("replace", 5)]
)
def test_a_graph_goes_on_where_it_was_killed(tmp_path, folder, call, number, monkeypatch):
    monkeypatch.setattr("socbi.neighbors.graph.BLOCK_ROWS", 50)
    vectors = cloud(420)
    np.save(tmp_path / "vectors.npy", vectors)
    program = [sys.executable, "-c", GRAPH_MAKER, tmp_path / "vectors.npy", folder, call, number]
    assert subprocess.run(map(str, program), check=False).returncode == -signal.SIGKILL
    asked = []
    search = ExactNeighbors.search
    monkeypatch.setattr(
        ExactNeighbors,
        "search",
        lambda self, queries, *rest, **more: (
            asked.append(len(queries)) or search(self, queries, *rest, **more)
        ),
    )
    resumed = knn_graph(vectors, 7, folder=folder)
    expected_done = {("fsync", 12): 150, ("replace", 5): 100}.get((call, number), 0)
    assert sum(asked) == 420 - expected_done
    uninterrupted = knn_graph(vectors, 7)
    for graph in (resumed, KnnGraph.load(folder), knn_graph(vectors, 7, folder=folder)):
        np.testing.assert_array_equal(graph.ids, uninterrupted.ids)
        np.testing.assert_array_equal(graph.distances, uninterrupted.distances)
        assert isinstance(graph.ids, np.memmap)


def test_an_interrupted_graph_keeps_its_blocks(folder, monkeypatch):
    monkeypatch.setattr("socbi.neighbors.graph.BLOCK_ROWS", 50)
    vectors, search, blocks = cloud(200), ExactNeighbors.search, []

    def interrupted(self, *rest, **more):
        blocks.append(1)
        if len(blocks) == 3:
            raise KeyboardInterrupt
        return search(self, *rest, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ExactNeighbors, "search", interrupted)
        with pytest.raises(KeyboardInterrupt):
            knn_graph(vectors, 3, folder=folder)
    with pytest.raises(IndexFileError, match="holds 100 of 200 rows; call knn_graph with it again"):
        KnnGraph.load(folder)
    np.testing.assert_array_equal(
        knn_graph(vectors, 3, folder=folder).ids, knn_graph(vectors, 3).ids
    )


def test_a_graph_of_other_vectors_is_refused(folder):
    vectors = cloud(60)
    knn_graph(vectors, 3, folder=folder)
    other = {
        "rows, vectors": (cloud(61), {}),
        "vectors": (cloud(60, seed=1), {}),
        "dim, vectors": (cloud(60, 9), {}),
        "k": (vectors, {"k": 4}),
        "metric": (vectors, {"metric": "euclidean"}),
        "neighbors": (vectors, {"neighbors": "exact"}),
    }
    for what, (given, options) in other.items():
        with pytest.raises(IndexFileError, match=f"holds a graph of other {what}; give another"):
            knn_graph(given, **{"k": 3, "folder": folder, **options})
    with pytest.raises(IndexFileError, match="holds a graph of other vectors"):
        knn_graph(vectors.astype(np.float16), 3, folder=folder)


def test_a_graph_is_not_written_among_other_files(folder):
    folder.mkdir()
    np.save(folder / "ids.npy", np.arange(7))
    with pytest.raises(IndexFileError, match="holds files that are no graph; give a new or empty"):
        knn_graph(cloud(9), 2, folder=folder)
    np.testing.assert_array_equal(np.load(folder / "ids.npy"), np.arange(7))
    with pytest.raises(IndexFileError, match=r"ids\.npy is not a folder"):
        knn_graph(cloud(9), 2, folder=folder / "ids.npy")
    with pytest.raises(IndexFileError, match=r"holds no graph: no graph\.json there"):
        KnnGraph.load(folder)


@pytest.mark.parametrize("name", ["ids.npy", "distances.npy"])
def test_a_damaged_graph(folder, name):
    vectors = cloud(60)
    knn_graph(vectors, 3, folder=folder)
    content = (folder / name).read_bytes()
    for damaged, text in (
        (None, "cannot be read: .*No such file"),
        (b"", "cannot be read"),
        (content[:-1], "cannot be read: mmap length"),
        (b"x" * len(content), "cannot be read"),
        (content.replace(b"(60, 3)", b"(90, 2)"), "in place of .* of .60, 3.; delete the folder"),
    ):
        if damaged is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(damaged)
        for call in (lambda: KnnGraph.load(folder), lambda: knn_graph(vectors, 3, folder=folder)):
            with pytest.raises(IndexFileError, match=text):
                call()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        ("[]", "cannot be read"),
        ("7", "cannot be read"),
        ("{}", "cannot be read: 'format'"),
        ('{"format": 1}', "cannot be read: it lacks key, recall, rows_done, whole"),
        ('{"format": 2}', "was written by another release of socbi"),
    ],
)
def test_an_unsound_state_of_a_graph(folder, text, message):
    folder.mkdir()
    (folder / "graph.json").write_text(text)
    with pytest.raises(IndexFileError, match=message):
        KnnGraph.load(folder)
    with pytest.raises(IndexFileError, match=message):
        knn_graph(cloud(9), 2, folder=folder)
