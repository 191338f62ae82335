"""Searches beside changes, with an oracle; the lock between them; and the one BLAS of all."""

import signal
import threading

import numpy as np
import pytest
import threadpoolctl
from neighbor_reference import MAKERS, assert_exact, cloud, grid, made, nearest
from together import PATIENCE_S, often, run_together

from socbi.neighbors import ExactNeighbors, HnswNeighbors, blocked_search, load
from socbi.neighbors.cores import one_blas_thread
from socbi.neighbors.shared_lock import SharedLock

pytestmark = often


# ---- searches beside changes ---------------------------------------------------------------------


@pytest.mark.parametrize("name", MAKERS)
def test_searches_beside_every_change(name):
    """Ids 0 to 99 stay; each changer owns a range of others, whose vector tells the id.

    So whatever is found, wherever the changers are, is checked against the id that it comes with;
    those that stay are always found; and in the end all is as each owner left it.
    """
    seed = 11
    index = made(name, "euclidean")
    vector_of = cloud(2000, 6, seed=seed)
    index.add(np.arange(100), vector_of[:100])
    queries, done, changers = vector_of[:100], threading.Event(), 3
    left, finished = {}, []

    def change(owner):
        rng = np.random.default_rng(seed + owner)
        own, here, gone = np.arange(200 * owner, 200 * (owner + 1)), set(), set()
        try:
            for _ in range(25):
                new = [id for id in rng.choice(own, 20, replace=False) if id not in here][:8]
                index.add(new, vector_of[new])
                here |= set(new)
                gone -= set(new)
                out = rng.permutation(sorted(here))[:4].tolist()
                index.remove(out)
                here -= set(out)
                gone |= set(out)
                if rng.random() < 0.2:
                    index.compact()
            left[owner] = here
        finally:
            finished.append(owner)
            if len(finished) == changers:
                done.set()

    def look():
        while not done.is_set():
            ids, distances = index.search(queries, 3)
            assert (ids[:, 0] == np.arange(100)).all()
            apart = vector_of[ids] - queries[:, None]
            np.testing.assert_allclose(
                distances, np.sqrt((apart.astype(float) ** 2).sum(axis=2)), atol=1e-3
            )
            assert (index.search(queries, 4, np.arange(50))[0][:, 3] < 50).all()
            assert index.nbytes > 0
            assert 7 in index
            assert len(index.vectors(index.ids()[:100])) == 100

    run_together(look, look, *[lambda owner=o: change(owner) for o in range(1, changers + 1)])
    expected = set(range(100)).union(*left.values())
    assert set(index.ids().tolist()) == expected, f"seed {seed}"
    ids = np.array(sorted(expected))
    assert index.search(vector_of[ids], 1)[0].ravel().tolist() == ids.tolist()


def test_exact_answers_stay_whole_while_rows_are_added():
    """A searcher sees all of an addition or nothing: its answer is that of some prefix."""
    vectors, queries = grid(1200, 4, seed=1), grid(40, 4, seed=2)
    index = ExactNeighbors("euclidean")
    index.add(np.arange(200), vectors[:200])
    possible = [nearest("euclidean", queries, vectors[:end], 9) for end in range(200, 1300, 100)]
    done = threading.Event()

    def add():
        for begin in range(200, 1200, 100):
            index.add(np.arange(begin, begin + 100), vectors[begin : begin + 100])
        done.set()

    def look():
        while not done.is_set():
            ids, distances = index.search(queries, 9)
            same = [
                np.array_equal(ids, right) and np.array_equal(distances, apart)
                for right, apart in possible
            ]
            assert any(same)

    run_together(add, look, look)
    assert_exact(index.search(queries, 9), possible[-1])


def test_searches_of_other_widths_do_not_narrow_each_other():
    """hnswlib has one ef for all searches: each answer must be that of its own width."""
    vectors, queries = cloud(3000, 16, seed=1), cloud(64, 16, seed=2)
    index = HnswNeighbors("euclidean", m=4, ef_construction=20, threads=1)
    index.add(np.arange(3000), vectors)
    alone = {k: index.search(queries, k) for k in (1, 40, 200)}

    def look(k):
        for _ in range(25):
            assert_exact(index.search(queries, k), alone[k])

    run_together(*[lambda k=k: look(k) for k in (1, 40, 200, 200)])


def test_saves_beside_each_other_and_beside_changes(tmp_path):
    """Two threads save into one folder while another changes: each file set is one state."""
    vectors = cloud(400, seed=1)
    index = ExactNeighbors("euclidean")
    index.add(np.arange(10), vectors[:10])

    def save():
        for _ in range(12):
            index.save(tmp_path / "index")

    def add():
        for begin in range(10, 400, 10):
            index.add(np.arange(begin, begin + 10), vectors[begin : begin + 10])

    run_together(save, save, add)
    loaded = load(tmp_path / "index", verify=True)
    assert len(loaded) % 10 == 0
    np.testing.assert_array_equal(loaded.vectors(loaded.ids()), vectors[: len(loaded)])
    assert len(list((tmp_path / "index").iterdir())) == 5


# ---- the lock ------------------------------------------------------------------------------------


class Visitor(threading.Thread):
    """Enters a lock, says so, and stays until it is told to leave."""

    def __init__(self, enter, arrivals, name):
        super().__init__(daemon=True)
        self.enter, self.arrivals, self.title = enter, arrivals, name
        self.inside, self.leave = threading.Event(), threading.Event()

    def run(self):
        with self.enter():
            self.arrivals.append(self.title)
            self.inside.set()
            assert self.leave.wait(PATIENCE_S)

    def out(self):
        self.leave.set()
        self.join(PATIENCE_S)
        assert not self.is_alive()


def wait_for_visitors(lock, count):
    """Return when so many are inside or queue: whoever queues gives up the mutex by waiting."""
    there = 0
    while there < count:
        with lock._mutex:
            there = len(lock._queue) + len(lock._inside)


class Street:
    """Visitors that queue one behind the other, in a known order."""

    def __init__(self):
        self.lock, self.arrivals, self.visitors = SharedLock(), [], {}

    def send(self, name, enter):
        """Let one more come, and wait until it stands in the queue or is inside."""
        before = len(self.lock._queue) + len(self.lock._inside)
        self.visitors[name] = visitor = Visitor(enter, self.arrivals, name)
        visitor.start()
        wait_for_visitors(self.lock, before + 1)
        return visitor

    def read(self, name, kind=None, on_first=None):
        return self.send(name, lambda: self.lock.read(kind, on_first))

    def write(self, name):
        return self.send(name, self.lock.write)


@pytest.fixture
def street():
    return Street()


def test_readers_enter_together_and_a_writer_alone(street):
    readers = [street.read(name) for name in "ab"]
    for reader in readers:
        assert reader.inside.wait(PATIENCE_S)
    writer, late = street.write("w"), street.read("late")
    readers[0].out()
    assert street.arrivals == ["a", "b"]
    readers[1].out()
    assert writer.inside.wait(PATIENCE_S)
    assert not late.inside.is_set()
    writer.out()
    assert late.inside.wait(PATIENCE_S)
    late.out()
    assert street.arrivals == ["a", "b", "w", "late"]


def test_nobody_passes_a_writer_that_waits(street):
    first = street.read("first")
    assert first.inside.wait(PATIENCE_S)
    rest = [street.write("w"), street.read("r"), street.write("v"), street.read("s")]
    assert street.arrivals == ["first"]
    first.out()
    for visitor in rest:
        assert visitor.inside.wait(PATIENCE_S)
        visitor.out()
    assert street.arrivals == ["first", "w", "r", "v", "s"]


def test_readers_of_another_kind_wait(street):
    settings = []
    one = street.read("one", 10, lambda: settings.append(10))
    same = street.read("same", 10, lambda: settings.append("again"))
    assert same.inside.wait(PATIENCE_S)
    other = street.read("other", 20, lambda: settings.append(20))
    behind = street.read("behind", 10, lambda: settings.append(10))
    one.out()
    assert not other.inside.is_set()
    same.out()
    assert other.inside.wait(PATIENCE_S)
    assert not behind.inside.is_set()
    other.out()
    assert behind.inside.wait(PATIENCE_S)
    behind.out()
    assert settings == [10, 20, 10]


def test_a_first_reader_that_fails_leaves_the_lock_free():
    lock = SharedLock()

    def fail():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), lock.read(5, fail):
        pytest.fail("nobody may be inside")
    with lock.write(), pytest.raises(RuntimeError, match="inside"):
        raise RuntimeError("inside")
    with lock.write():
        pass


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to one thread here")
@pytest.mark.parametrize("call", ["read", "write"])
def test_an_interrupted_waiter_gives_up_its_turn(call):
    lock, main = SharedLock(), threading.get_ident()
    inside, leave, queued = threading.Event(), threading.Event(), []
    interrupted = threading.Event()

    def once(number, frame):
        if not interrupted.is_set():
            interrupted.set()
            raise KeyboardInterrupt

    def hold():
        with lock.write():
            inside.set()
            assert leave.wait(PATIENCE_S)

    def interrupt():
        wait_for_visitors(lock, 2)
        # A signal that comes just before the wait begins does not end it: send another.
        while not interrupted.wait(0.05):
            signal.pthread_kill(main, signal.SIGINT)

    def come_later():
        with lock.read():
            queued.append("later")

    holder = threading.Thread(target=hold)
    holder.start()
    assert inside.wait(PATIENCE_S)
    interrupter = threading.Thread(target=interrupt)
    usual = signal.signal(signal.SIGINT, once)
    try:
        interrupter.start()
        with pytest.raises(KeyboardInterrupt), getattr(lock, call)():
            pytest.fail("the holder is inside")
        interrupter.join()
    finally:
        signal.signal(signal.SIGINT, usual)
    later = threading.Thread(target=come_later, daemon=True)
    later.start()
    leave.set()
    for thread in (holder, later):
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    assert queued == ["later"]
    assert (lock._inside, lock._queue) == (set(), {})


@pytest.mark.parametrize("call", ["read", "write"])
def test_an_interruption_on_the_way_in_leaves_nobody_inside(call, monkeypatch):
    """The turn is passed on when the visitor counts already: Ctrl-C may come right then."""
    lock = SharedLock()
    notify_all = lock._door.notify_all

    def interrupted():
        monkeypatch.setattr(lock._door, "notify_all", notify_all)
        raise KeyboardInterrupt

    monkeypatch.setattr(lock._door, "notify_all", interrupted)
    with pytest.raises(KeyboardInterrupt), getattr(lock, call)():
        pytest.fail("nobody may be inside")
    assert lock._inside == set()
    with lock.write():
        pass


# ---- one BLAS ------------------------------------------------------------------------------------


def blas_threads():
    """The threads of every BLAS that has one number of them for the process, as numpy's has.

    faiss brings one that is built on OpenMP, whose number belongs to the thread that asks.
    """
    return {
        one["num_threads"]
        for one in threadpoolctl.threadpool_info()
        if one["user_api"] == "blas" and one.get("threading_layer") != "openmp"
    }


@pytest.fixture
def two_blas_threads():
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        if blas_threads() != {2}:
            pytest.skip("BLAS does not take two threads here")
        yield


@pytest.mark.usefixtures("two_blas_threads")
def test_the_limit_of_blas_holds_until_the_last_has_left():
    inside = [threading.Event(), threading.Event()]
    leave = [threading.Event(), threading.Event()]

    def visit(number):
        with one_blas_thread():
            inside[number].set()
            assert leave[number].wait(PATIENCE_S)

    visitors = [threading.Thread(target=visit, args=[number]) for number in range(2)]
    for visitor, event in zip(visitors, inside, strict=True):
        visitor.start()
        assert event.wait(PATIENCE_S)
        assert blas_threads() == {1}
    leave[0].set()
    visitors[0].join()
    assert blas_threads() == {1}
    leave[1].set()
    visitors[1].join()
    assert blas_threads() == {2}


@pytest.mark.usefixtures("two_blas_threads")
def test_the_limit_of_blas_is_lifted_after_an_error():
    def fail():
        with one_blas_thread(), one_blas_thread():
            assert blas_threads() == {1}
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert blas_threads() == {2}


@pytest.mark.usefixtures("two_blas_threads")
def test_searches_restore_the_limit_of_blas(monkeypatch):
    monkeypatch.setattr(blocked_search, "FEW_PRODUCTS", 0)
    index = ExactNeighbors("euclidean", threads=2)
    index.add(np.arange(9000), cloud(9000, 4))

    def look():
        for _ in range(10):
            index.search(cloud(300, 4), 3)

    run_together(look, look, look)
    assert blas_threads() == {2}
