"""Calls beside each other, with exact oracles: whole-number sums, and ids that one thread owns."""

import contextlib
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from reference import ReferenceIndex, assert_same
from together import often, run_together

from socbi import InvalidInputError, SemiOrderedIndex, SocbiError
from socbi.baselines import ArrayHeapIndex, ArraySortIndex, BPlusTreeIndex


def make_kinds():
    yield pytest.param(lambda scores, **o: SemiOrderedIndex(scores, **o), id="lazy")
    for refile in ("lazy", "eager"):
        for capacity, growth in ((4, 1), (8, 2)):
            yield pytest.param(
                lambda scores, refile=refile, capacity=capacity, growth=growth, **o: (
                    SemiOrderedIndex(
                        scores, refile=refile, node_capacity=capacity, growth=growth, **o
                    )
                ),
                id=f"{refile}-{capacity}-{growth}",
            )
    for baseline in (ArraySortIndex, ArrayHeapIndex, BPlusTreeIndex):
        yield pytest.param(baseline, id=baseline.__name__)


every_kind = pytest.mark.parametrize("make", list(make_kinds()))


pytestmark = often


def listed(index):
    """The index with its list made: the first retrieval scans, the second sees little changed."""
    index.top(10)
    index.top(10)
    return index


# ---- sums that are known -------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("threads", [1, 5, 10, 20])
@pytest.mark.parametrize("order", ["smallest", "largest"])
def test_no_add_is_lost(make, threads, order):
    """Adds of whole numbers to overlapping ids, some of them hubs, with `top` beside."""
    rng = np.random.default_rng(threads)
    size, batches = 3000, 60 // threads + 2
    index = listed(make(size, order=order, seed=1))
    reference = ReferenceIndex(size, order=order, seed=1)
    done = threading.Event()

    def batch():
        # More than one block of a call (4,096), so that calls give way to others half-way.
        ids = np.concatenate([rng.integers(0, size, 6000), rng.integers(0, 5, 1000)])
        return rng.permutation(ids), rng.integers(-2, 4, 7000)

    work = [[batch() for _ in range(batches)] for _ in range(threads)]
    finished = []

    def add(mine):
        for ids, deltas in mine:
            index.add(ids, deltas)
        finished.append(1)
        if len(finished) == threads:
            done.set()

    def look():
        looks = 0
        while not done.is_set():
            ids, scores = index.top(50)
            assert len(set(ids.tolist())) == 50
            steps = np.diff(scores) if order == "smallest" else -np.diff(scores)
            assert (steps >= 0).all()
            looks += 1
        return looks

    run_together(look, *[lambda mine=mine: add(mine) for mine in work])
    for mine in work:
        for ids, deltas in mine:
            reference.add(ids, deltas)
    assert_same(index, reference)


@pytest.mark.parametrize(("capacity", "growth"), [(None, None), (64, 1), (8, 4)])
@pytest.mark.parametrize("refile", ["lazy", "eager"])
def test_no_add_is_lost_where_the_list_stays(refile, capacity, growth):
    """A pool so large that the calls between two retrievals change less than an eighth of it."""
    rng = np.random.default_rng(6)
    size, threads = 300_000, 6
    start = rng.integers(0, 1000, size)
    index = SemiOrderedIndex(start, refile=refile, node_capacity=capacity, growth=growth)
    reference = ReferenceIndex(start)
    listed(index)
    best = index.top(3000)[0]

    def batch():
        ids = np.concatenate([rng.integers(0, size, 3000), rng.choice(best, 1500), best[:500]])
        return rng.permutation(ids), rng.integers(-9, 11, 5000)

    work = [[batch() for _ in range(8)] for _ in range(threads)]

    def add(mine):
        for ids, deltas in mine:
            index.add(ids, deltas)
            assert len(index.top(20)[0]) == 20

    run_together(*[lambda mine=mine: add(mine) for mine in work])
    for mine in work:
        for ids, deltas in mine:
            reference.add(ids, deltas)
    assert_same(index, reference, n=20_000)
    assert index.stats()["refiled"] > 0


@every_kind
@pytest.mark.parametrize("threads", [1, 5, 20])
def test_each_id_is_popped_once_and_nothing_is_lost(make, threads):
    """Adders, poppers and `top` at once: what is popped and what is left are the whole pool."""
    size, each = 2000, 400
    rng = np.random.default_rng(threads)
    index = listed(make(size))
    # Ids from `safe` on have such scores that no popper gets to them; their sums are known.
    safe = 1000
    index.set(np.arange(safe, size), 10_000)
    hubs = np.arange(safe, safe + 3)
    batches = [np.concatenate([rng.integers(safe, size, 5000), hubs]) for _ in range(20)]

    def add():
        for ids in batches:
            index.add(ids, 1)

    def stir():
        """Moves what may be popped meanwhile, hence tries again without what is gone."""
        for delta in (5, -5, 7, -8) * 5:
            for ids in np.split(np.arange(safe), 10):
                while True:
                    left = ids[[id in index for id in ids.tolist()]]
                    try:
                        index.add(left, delta)
                        break
                    except KeyError:
                        assert len(left)

    def pop():
        taken = [index.pop(1 + step % 7)[0] for step in range(each // threads // 4)]
        return np.concatenate(taken)

    answers = run_together(
        stir,
        lambda: [index.top(20) for _ in range(20)][-1][0],
        *[add] * threads,
        *[pop] * threads,
    )
    index.check()
    popped = np.concatenate(answers[2 + threads :])
    assert len(popped) == threads * sum(1 + step % 7 for step in range(each // threads // 4))
    assert len(np.unique(popped)) == len(popped)
    assert popped.max(initial=0) < safe
    np.testing.assert_array_equal(np.sort(np.concatenate([popped, index.ids()])), np.arange(size))

    sums = np.full(size, 10_000, dtype=np.float32)
    for ids in batches * threads:
        np.add.at(sums, ids, 1)
    np.testing.assert_array_equal(index.scores(np.arange(safe, size)), sums[safe:])
    reference = ReferenceIndex(index.scores(index.ids()), ties="id")
    np.testing.assert_array_equal(index.top(size)[1], reference.top(size)[1])


@every_kind
def test_a_pool_is_popped_empty_by_many(make):
    scores = np.random.default_rng(2).integers(0, 9, 3000)
    index = make(scores)

    def pop():
        mine = []
        while len(ids := index.pop(7)[0]):
            mine.append(ids)
        return np.concatenate(mine) if mine else np.zeros(0, dtype=np.int64)

    popped = np.concatenate(run_together(*[pop] * 6))
    np.testing.assert_array_equal(np.sort(popped), np.arange(3000))
    assert len(index) == 0
    index.check()


# ---- ids that one thread owns --------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("threads", [2, 8])
def test_each_thread_finds_its_own_ids_as_it_left_them(make, threads):
    """Sets, adds, removals and restorations of own ids, truth kept beside; `top` runs beside."""
    size = 2400
    index = listed(make(size))
    truth = np.zeros(size, dtype=np.float32)

    def own(number):
        rng = np.random.default_rng(number)
        mine = np.arange(number, size, threads)
        for _ in range(60):
            gone = np.isnan(truth[mine])
            here, away = rng.permutation(mine[~gone])[:25], rng.permutation(mine[gone])[:10]
            match rng.integers(0, 5):
                case 0:
                    truth[here] = rng.normal(size=len(here)).astype(np.float32)
                    index.set(here, truth[here])
                case 1:
                    # A neighbour in the same cache line belongs to another thread.
                    index.add(here, 0.1)
                    truth[here] += np.float32(0.1)
                case 2:
                    index.remove(here[:10])
                    truth[here[:10]] = np.nan
                case 3:
                    index.restore(away, -1.5)
                    truth[away] = -1.5
                case 4:
                    index.top(rng.integers(0, 30))
            here = mine[~np.isnan(truth[mine])]
            np.testing.assert_array_equal(index.scores(here), truth[here])
            assert all((id in index) == (not np.isnan(truth[id])) for id in mine[:20].tolist())

    run_together(*[lambda number=number: own(number) for number in range(threads)])
    reference = ReferenceIndex(np.nan_to_num(truth))
    reference.remove(np.flatnonzero(np.isnan(truth)))
    assert_same(index, reference)


@every_kind
def test_inserts_beside_updates(make):
    index = listed(make(500))

    def insert():
        """Each batch of new samples is at once the inserter's to change."""
        given = []
        for step in range(30):
            ids = index.insert(np.full(20, step))
            index.add(ids, 1)
            given.append((ids, step + 1))
        return given

    def update():
        for _ in range(200):
            index.add(np.tile([0, 1, 499], 2000), 1)
        return []

    def look():
        for _ in range(50):
            assert len(index.top(9)[0]) == 9
        return []

    answers = run_together(insert, insert, update, update, look)
    assert len(index) == 500 + 2 * 30 * 20
    every_id = np.concatenate([ids for given in answers for ids, _ in given])
    np.testing.assert_array_equal(np.sort(every_id), np.arange(500, 1700))
    truth = np.zeros(1700)
    truth[[0, 1, 499]] = 2 * 200 * 2000
    for ids, score in (each for given in answers for each in given):
        truth[ids] = score
    assert_same(index, ReferenceIndex(truth))


@every_kind
def test_refused_calls_beside_others_change_nothing(make):
    index = make(1000)
    index.remove([999])
    listed(index)

    def good():
        for _ in range(100):
            index.add(np.tile(np.arange(500), 10), 1)

    def bad():
        refused = 0
        for _ in range(100):
            for bad_id in (1000, 999):
                ids = np.append(np.tile(np.arange(500), 10), bad_id)
                try:
                    index.add(ids, -7)
                except SocbiError:
                    refused += 1
        return refused

    assert run_together(good, bad, good, bad)[1::2] == [200, 200]
    reference = ReferenceIndex(np.repeat([2000.0, 0.0], 500))
    reference.remove([999])
    assert_same(index, reference)


@every_kind
def test_sums_of_many_threads_never_pass_float32(make):
    """Whatever the order of two adds and a set, either all three fit or one is refused."""
    for _ in range(50):
        index = make(3)
        refused = []

        def change(call, value, index=index, refused=refused):
            try:
                getattr(index, call)([1], value)
            except ValueError:
                refused.append(call)

        run_together(
            lambda change=change: change("add", 2e38),
            lambda change=change: change("add", 2e38),
            lambda change=change: change("set", 2e38),
            lambda index=index: index.top(3),
        )
        assert np.isfinite(index.scores()).all()
        assert refused in (["add"], ["add", "add"])
        index.check()


# ---- what is not the index's own -----------------------------------------------------------------


@pytest.mark.parametrize("refile", ["lazy", "eager"])
def test_ids_changed_by_their_owner_during_a_call(refile):
    """What is counted is anybody's guess; the index stays sound."""
    rng = np.random.default_rng(3)
    index = SemiOrderedIndex(5000, refile=refile)
    index.remove([7])
    ids = rng.integers(8, 5000, 100_000)
    done = threading.Event()

    def spoil():
        while not done.is_set():
            ids[rng.integers(0, len(ids), 50)] = rng.choice([-1, 7, 5000, 2**62, 11], 50)
            ids[rng.integers(0, len(ids), 5000)] = 8

    def add():
        outcomes = set()
        for step in range(60):
            ids[:] = 12
            try:
                index.add(ids, -1 if step % 2 else 1, threads=1 + step % 3)
                outcomes.add("done")
            except SocbiError:
                outcomes.add("refused")
            if step % 5 == 0:
                listed(index)
        done.set()
        return outcomes

    assert run_together(add, spoil)[0] <= {"done", "refused"}
    index.check()
    assert len(index) == 4999
    assert index.ids().tolist() == [id for id in range(5000) if id != 7]
    assert len(index.scores()) == 5000
    assert 7 not in index


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("refile", ["lazy", "eager"])
def test_a_forked_child_starts_its_own_workers(refile):
    """In a process of its own, whose only threads are the index's, so that forking it is sound."""
    program = f"""
import os, signal, warnings
import numpy as np
from socbi import SemiOrderedIndex

index = SemiOrderedIndex(100_000, refile={refile!r}, threads=2)
ids = np.arange(100_000)
index.top(10), index.top(10)  # a list stands: moving so many samples is worth two workers
index.add(ids, -1.0, threads=2)
with warnings.catch_warnings():
    # Python 3.12 and later warn of any fork of a process that has threads; that is the test.
    warnings.filterwarnings("ignore", message=".*multi-threaded", category=DeprecationWarning)
    child = os.fork()
if child == 0:
    signal.alarm(20)  # a child that waits for workers it does not have ends by this
    index.top(10), index.top(10)
    index.add(ids, -1.0, threads=2)
    index.add(ids, 0.5, threads=2)
    good = (index.scores() == -1.5).all() and len(index.pop(10)[0]) == 10
    index.check()
    del index
    os._exit(0 if good else 3)
index.add(ids, -2.0, threads=2)
assert os.waitpid(child, 0)[1] == 0
assert (index.scores() == -3.0).all() and len(index) == 100_000
index.check()
"""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60
    )
    assert (run.returncode, run.stderr) == (0, "")


# ---- callers that change what they have handed in ------------------------------------------------


@pytest.mark.parametrize("call", ["remove", "restore"])
def test_ids_changed_while_samples_leave_or_return(call):
    """Ids far beyond the table must never be written to."""
    index = SemiOrderedIndex(200_000)
    ids = np.arange(100_000)
    sound = ids.copy()
    done = threading.Event()

    def spoil():
        while not done.is_set():
            ids[50_000:] = 2**31 + 7
            ids[50_000:] = sound[50_000:]

    def leave_and_return():
        for _ in range(40):
            with contextlib.suppress(SocbiError):
                getattr(index, call)(ids, *([0.0] if call == "restore" else []))
            pool = np.isin(sound, index.ids())
            if call == "restore":
                index.remove(sound[pool])
            else:
                index.restore(sound[~pool], 0.0)
        done.set()

    run_together(leave_and_return, spoil)
    index.check()


def test_values_changed_during_a_call_bring_in_no_nan():
    index = SemiOrderedIndex(100_000)
    ids = np.arange(100_000)
    delta = np.ones(100_000, dtype=np.float32)
    done = threading.Event()

    def spoil():
        while not done.is_set():
            delta[-1000:] = np.nan
            delta[-1000:] = 1.0

    def add():
        for _ in range(100):
            with contextlib.suppress(SocbiError):
                index.add(ids, delta)
        done.set()

    run_together(add, spoil)
    index.check()
    assert np.isfinite(index.scores()).all()


def test_a_large_score_set_beside_a_large_sum_does_not_overflow():
    for _ in range(5):
        index = SemiOrderedIndex(4)
        index.add([0], 1e30)
        hits = np.zeros(1_000_000, dtype=np.int64)

        def add(index=index, hits=hits):
            with contextlib.suppress(InvalidInputError):
                index.add(hits, 1.6e32)

        run_together(add, lambda index=index: index.set([0], 3.3e38))
        index.check()
        assert np.isfinite(index.scores()).all()
        assert len(index.top(4)[0]) == 4
