"""Progress bars, and Ctrl-C while vectors are added: all as it was, and nothing left over."""

import signal
import timeit

import numpy as np
import pytest
from neighbor_reference import MAKERS, assert_exact, cloud, made

from socbi.neighbors import exact, faiss_index, hnsw, id_rows, knn_graph, neighbor_index, progress

every_maker = pytest.mark.parametrize("name", MAKERS)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Looks at Ctrl-C so often that small additions have some."""
    monkeypatch.setattr(hnsw, "ADD_CHUNK", 16)
    monkeypatch.setattr(faiss_index, "ADD_CHUNK", 16)
    monkeypatch.setattr(exact, "CHUNK_ROWS", 16)


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(progress, "APPEARS_AFTER_S", 0)


# ---- progress ------------------------------------------------------------------------------------


def calls(index, tmp_path, **options):
    """Every call that may take long, with the words that its bar has."""
    vectors = cloud(200)
    yield "adding vectors", lambda: index.add(np.arange(200), vectors, **options)
    yield "searching", lambda: index.search(vectors[:50], 3, **options)
    yield "reaching every vector", lambda: index.reachability(**options)
    yield "auditing recall", lambda: index.recall_audit(3, 50, **options)
    index.remove([1])
    yield "compacting", lambda: index.compact(**options)
    yield "neighbours of every sample", lambda: knn_graph(vectors, 3, **options)
    old = knn_graph(vectors[:150], 3, progress=False)
    yield "growing the graph", lambda: old.grown(vectors, **options)


@every_maker
@pytest.mark.usefixtures("at_once")
def test_a_bar_is_shown(name, tmp_path, capsys):
    for words, call in calls(made(name), tmp_path):
        capsys.readouterr()
        call()
        shown = capsys.readouterr()
        assert words in shown.err
        assert shown.out == ""


@every_maker
@pytest.mark.usefixtures("at_once")
def test_no_bar_is_shown_where_none_is_wanted(name, tmp_path, capsys):
    for _, call in calls(made(name), tmp_path, progress=False):
        call()
    assert capsys.readouterr() == ("", "")


def test_what_takes_less_than_two_seconds_shows_nothing(tmp_path, capsys):
    assert progress.APPEARS_AFTER_S == 2
    for _, call in calls(made("exact"), tmp_path):
        call()
    assert capsys.readouterr() == ("", "")


class Counter:
    """Adds up what a bar is told."""

    def __init__(self):
        self.done = 0

    def update(self, n=1, /):
        self.done += n


@every_maker
def test_a_bar_ends_where_all_is_done(name, monkeypatch):
    """Each call reports as many steps as it says that there are."""
    seen = []

    class Watched(Counter):
        def __init__(self, what, total):
            super().__init__()
            self.what, self.total = what, total

        def __enter__(self):
            seen.append(self)
            return self

        def __exit__(self, *_):
            pass

    for module in (neighbor_index, "socbi.neighbors.audit", "socbi.neighbors.graph"):
        path = f"{module}.bar" if isinstance(module, str) else "socbi.neighbors.neighbor_index.bar"
        monkeypatch.setattr(path, lambda what, total, unit, shown: Watched(what, total))
    for _, call in calls(made(name), None):
        call()
    assert len({one.what for one in seen}) == 7
    for one in seen:
        assert one.done == pytest.approx(one.total), one.what


# ---- Ctrl-C --------------------------------------------------------------------------------------


class Interruption:
    """Ctrl-C at the k-th step that a bar is told."""

    def __init__(self, patch, at):
        self.at, self.steps = at, 0
        patch.setattr(progress.Silent, "update", lambda _, n=1, /: self.step())

    def step(self):
        self.steps += 1
        if self.steps == self.at:
            raise KeyboardInterrupt


def interrupted(call, at):
    with pytest.MonkeyPatch.context() as patch:
        Interruption(patch, at)
        with pytest.raises(KeyboardInterrupt):
            call()


def filled(name, ids=None):
    index = made(name, "euclidean")
    index.add(np.arange(100) if ids is None else ids, cloud(100), progress=False)
    return index


@every_maker
@pytest.mark.parametrize("ids", [np.arange(100), np.arange(100)[::-1] * 2 + 3])
@pytest.mark.parametrize("at", [1, 2, 5])
def test_an_interrupted_addition(name, ids, at):
    """What was stored half-way lies where the old are: it must never be found."""
    index, untouched = filled(name, ids), filled(name, ids)
    more, queries = cloud(90, seed=5), cloud(20, seed=6)
    for _ in range(2):
        interrupted(lambda: index.add(np.arange(1000, 1090), more, progress=False), at)
        assert len(index) == 100
        np.testing.assert_array_equal(index.ids(), ids)
        assert 1000 not in index
        for asked in (queries, more):
            found, distances = index.search(asked, 120)
            expected = untouched.search(asked, 120)
            np.testing.assert_array_equal(found, expected[0])
            np.testing.assert_allclose(distances, expected[1], atol=1e-5)
        assert index.search(more, 3, np.arange(1000, 1090))[0].max() == -1
        assert index.reachability(progress=False).checked == 100
    index.add(np.arange(1000, 1090), more, progress=False)
    assert index.search(more, 1)[0].ravel().tolist() == list(range(1000, 1090))
    index.compact(progress=False)
    assert index._stored() == len(index) == 190
    assert index.search(more, 1)[0].ravel().tolist() == list(range(1000, 1090))
    np.testing.assert_array_equal(index.search(cloud(100), 1)[0].ravel(), ids)


@every_maker
def test_an_interrupted_first_addition(name):
    index = made(name, "euclidean")
    interrupted(lambda: index.add(np.arange(100), cloud(100), progress=False), 3)
    assert (len(index), index.dim, index._stored()) == (0, 0, 0)
    assert (index.search(cloud(3), 2)[0] == -1).all()
    index.add(np.arange(40), cloud(40, 5), progress=False)
    assert index.search(cloud(40, 5), 1)[0].ravel().tolist() == list(range(40))


@every_maker
def test_leftovers_stay_hidden_in_a_saved_index(name, tmp_path):
    index = filled(name)
    interrupted(lambda: index.add(np.arange(100, 190), cloud(90, seed=5), progress=False), 5)
    index.save(tmp_path)
    loaded = type(index).load(tmp_path)
    assert_exact(loaded.search(cloud(90, seed=5), 110), index.search(cloud(90, seed=5), 110))
    loaded.add([100], cloud(1, seed=9))
    assert loaded.search(cloud(1, seed=9), 1)[0].tolist() == [[100]]


@every_maker
def test_an_interrupted_compaction_changes_nothing(name, monkeypatch):
    index = filled(name)
    index.remove(np.arange(0, 100, 3))
    before = index.search(cloud(20, seed=6), 80)
    interrupted(lambda: index.compact(progress=False), 2)
    assert_exact(index.search(cloud(20, seed=6), 80), before)

    def fail(*arguments):
        if arguments:
            raise KeyboardInterrupt
        return id_rows.IdRows()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbor_index, "IdRows", fail)  # when all vectors are stored anew
        with pytest.raises(KeyboardInterrupt):
            index.compact(progress=False)
    assert_exact(index.search(cloud(20, seed=6), 80), before)
    index.restore([3])
    index.compact(progress=False)
    assert index.search(cloud(100)[[3]], 1)[0].tolist() == [[3]]


@every_maker
@pytest.mark.parametrize("ids", [np.arange(100), np.arange(100)[::-1] * 2 + 3])
@pytest.mark.parametrize("where", ["concatenate", "insert", "argsort", "searchsorted", "arange"])
def test_an_interruption_while_ids_are_written_down(name, ids, where):
    """All vectors are stored by then, and the arrays of the ids half made."""
    index = filled(name, ids)
    before = index.search(cloud(20, seed=6), 110)
    more, new = cloud(30, seed=5), np.arange(1000, 1030)[::-1]

    class Failing:
        """numpy, but for the one function."""

        def __getattr__(self, called):
            if called == where:
                raise KeyboardInterrupt
            return getattr(np, called)

    append = id_rows.IdRows.append

    def watched(self, given):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(id_rows, "np", Failing())
            append(self, given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(id_rows.IdRows, "append", watched)
        with pytest.raises(KeyboardInterrupt):
            index.add(new, more, progress=False)
    after = index.search(cloud(20, seed=6), 110)
    np.testing.assert_array_equal(after[0], before[0])
    np.testing.assert_allclose(after[1], before[1], atol=1e-5)
    index.add(new, more, progress=False)
    assert index.search(more, 1)[0].ravel().tolist() == new.tolist()


@every_maker
def test_an_interruption_when_the_bar_is_closed(name, monkeypatch):
    """All vectors are stored, none has an id yet."""
    index = filled(name)

    class Closing(Counter):
        def __enter__(self):
            return self

        def __exit__(self, *_):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(neighbor_index, "bar", lambda *_, **__: Closing())
        with pytest.raises(KeyboardInterrupt):
            index.add(np.arange(100, 130), cloud(30, seed=5))
    assert index.search(cloud(30, seed=5), 101)[0].max() == 99
    index.add(np.arange(200, 230), cloud(30, seed=7), progress=False)
    assert index.search(cloud(30, seed=7), 1)[0].ravel().tolist() == list(range(200, 230))


@every_maker
def test_an_interrupted_search(name):
    index = filled(name)
    before = index.search(cloud(20, seed=6), 9)
    interrupted(lambda: index.search(cloud(20, seed=6), 9, progress=False), 1)
    assert_exact(index.search(cloud(20, seed=6), 9), before)
    index.add([100], cloud(1, seed=5), progress=False)  # no lock was left behind


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers")
@pytest.mark.parametrize("name", ["exact", "hnsw", "faiss-hnsw"])
def test_a_signal_at_any_time(name, monkeypatch):
    """A real interruption, wherever it falls; the additions that it spares must be whole."""
    monkeypatch.setattr(hnsw, "ADD_CHUNK", 64)
    monkeypatch.setattr(faiss_index, "ADD_CHUNK", 64)
    rng = np.random.default_rng(8)
    everything = cloud(40_000, 6)
    index = (
        made(name, "euclidean", ef_construction=20) if "hnsw" in name else made(name, "euclidean")
    )
    expected, stopped, armed = [], 0, []

    def interrupt(*_):
        if armed:  # a signal that comes too late is let pass
            armed.clear()
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    span_s = 4 * min(timeit.repeat(lambda: filled(name), number=1, repeat=5))
    try:
        for begin in range(0, 12_000, 400):
            ids = np.arange(begin, begin + 400)
            try:
                armed.append(True)
                signal.setitimer(signal.ITIMER_REAL, 1e-5 + 1.2 * span_s * rng.random() ** 2)
                index.add(ids, everything[ids], progress=False)
                armed.clear()
            except KeyboardInterrupt:
                stopped += 1
            here = int(begin in index)
            assert len(index) == len(expected) + 400 * here
            expected += ids.tolist() * here
            assert index.ids().tolist() == expected
            found, _ = index.search(everything[ids], 2)
            assert np.isin(found[found >= 0], expected).all()
            if here:
                assert (found[:, 0] == ids).mean() > 0.95
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert stopped > 0
    index.compact(progress=False)
    assert index.ids().tolist() == expected
