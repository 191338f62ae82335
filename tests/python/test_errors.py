"""The wrong input for every call: an error that names the first offender, and nothing changed."""

import numpy as np
import pytest
from every_index import CLASSES
from reference import ReferenceIndex, assert_same

from socbi import (
    InvalidInputError,
    InvalidTypeError,
    RankError,
    RemovedIdError,
    SemiOrderedIndex,
    UnknownIdError,
)
from socbi.baselines import BPlusTreeIndex

SCORES = np.arange(40, dtype=np.float32) % 7
REMOVED = [3, 17, 39]
ID_CALLS = ["add", "set", "remove", "restore", "scores"]


@pytest.fixture(params=CLASSES)
def index(request):
    """An index which after the test is what it was before."""
    index = request.param(SCORES, seed=5)
    reference = ReferenceIndex(SCORES, seed=5)
    index.remove(REMOVED)
    reference.remove(REMOVED)
    yield index
    assert_same(index, reference)


def call_with(index, call, ids):
    if call in ("add", "set", "restore"):
        return getattr(index, call)(ids, 1.0)
    return getattr(index, call)(ids)


def good_ids(call, count):
    return np.array(REMOVED[:count] if call == "restore" else np.arange(4, 4 + count))


# ---- ids -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("unknown", [-1, 40, 41, 2**32, 2**62, -(2**63)])
@pytest.mark.parametrize("call", ID_CALLS)
def test_unknown_id(index, call, unknown):
    for position in range(4):
        ids = np.insert(good_ids(call, 3), position, unknown)
        text = f"^id {unknown} at position {position} is unknown: ids run from 0 to 39$"
        with pytest.raises(UnknownIdError, match=text):
            call_with(index, call, ids)


@pytest.mark.parametrize("call", ["add", "set", "remove", "scores"])
def test_removed_id(index, call):
    for position in range(4):
        ids = np.insert(good_ids(call, 3), position, 17)
        text = f"^id 17 at position {position} was removed; bring it back with restore"
        with pytest.raises(RemovedIdError, match=text):
            call_with(index, call, ids)


@pytest.mark.parametrize("call", ID_CALLS)
def test_the_first_of_two_unknown_ids_is_named(index, call):
    with pytest.raises(UnknownIdError, match="id -5 at position 0"):
        call_with(index, call, [-5, 99])


@pytest.mark.parametrize("position", [0, 5000, 200_000, 299_999])
@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize("call", ["add", "set"])
def test_bad_id_deep_in_a_large_batch(index, call, each, threads, position):
    """Over several blocks and, where there are enough cores, over workers."""
    ids = np.tile([4, 8, 4, 15, 16, 23], 50_000)
    ids[position] = 40
    values = np.linspace(-1, 1, len(ids)) if each else -1.0
    index.top(2)
    with pytest.raises(UnknownIdError, match=f"id 40 at position {position} "):
        getattr(index, call)(ids, values, threads=threads)
    ids[position] = 17
    with pytest.raises(RemovedIdError, match=f"id 17 at position {position} "):
        getattr(index, call)(ids, values, threads=threads)


@pytest.mark.parametrize("call", ID_CALLS)
@pytest.mark.parametrize(
    ("ids", "text"),
    [
        (np.ones(40, dtype=bool), "got a boolean mask; use numpy.flatnonzero"),
        ([1.0, 2.0], "got dtype float64; convert with .astype"),
        (np.array([1], dtype=np.float32), "got dtype float32"),
        (np.array([1 + 0j]), "got dtype complex128"),
        (["1", "2"], "got dtype <U1"),
        ([object()], "got dtype object"),
        ([None], "got dtype object"),
        ([2**64], "got dtype object"),
        (np.array(["2026-01-01"], dtype="datetime64[D]"), r"got dtype datetime64\[D\]"),
    ],
)
def test_ids_of_a_wrong_dtype(index, call, ids, text):
    with pytest.raises(InvalidTypeError, match=f"ids must be integers, {text}"):
        call_with(index, call, ids)


def test_ragged_ids(index):
    with pytest.raises(
        InvalidTypeError, match=r"ids must be an array-like of numbers of one length, got list"
    ):
        index.add([[1], [2, 3]])


@pytest.mark.parametrize("call", ID_CALLS)
@pytest.mark.parametrize(
    ("ids", "text"),
    [
        (4, "got a single number; write"),
        (np.array(4), "got a single number; write"),
        (np.array([[4]]), r"got shape \(1, 1\); flatten it with .ravel"),
        (np.zeros((0, 3), dtype=int), r"got shape \(0, 3\)"),
    ],
)
def test_ids_of_a_wrong_shape(index, call, ids, text):
    with pytest.raises(InvalidInputError, match=f"ids must be one-dimensional, {text}"):
        call_with(index, call, ids)


@pytest.mark.parametrize("position", [0, 1, 3])
def test_restoring_an_id_in_the_pool(index, position):
    ids = np.insert(REMOVED, position, 5)
    text = f"id 5 at position {position} is in the pool already; change its score with set"
    with pytest.raises(InvalidInputError, match=text):
        index.restore(ids, 0.0)


@pytest.mark.parametrize("call", ["remove", "restore"])
def test_id_given_twice(index, call):
    ids = good_ids(call, 3)[[0, 1, 0, 2]]
    with pytest.raises(InvalidInputError, match=f"id {ids[2]} at position 2 is given twice"):
        call_with(index, call, ids)


def test_unknown_id_is_a_key_error_that_prints_bare():
    with pytest.raises(KeyError) as caught:
        SemiOrderedIndex(0).add([0])
    assert str(caught.value) == "id 0 at position 0 is unknown: the index has no samples"
    assert issubclass(RemovedIdError, UnknownIdError)


# ---- scores --------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("call", ["add", "set", "restore"])
def test_a_number_that_is_not_finite(index, call, bad):
    ids = good_ids(call, 2)
    with pytest.raises(InvalidInputError, match="as a 32-bit float; it must be finite"):
        getattr(index, call)(ids, float(bad))
    with pytest.raises(InvalidInputError, match="as a 32-bit float; scores must be finite"):
        getattr(index, call)(ids, np.float32(bad))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("call", ["add", "set", "restore"])
def test_one_of_many_is_not_finite(index, call, bad):
    for position in range(3):
        values = np.zeros(3)
        values[position] = bad
        with pytest.raises(InvalidInputError, match=f"at position {position} is .* be finite"):
            getattr(index, call)(good_ids(call, 3), values)


@pytest.mark.parametrize("make", CLASSES)
def test_made_of_a_score_that_is_not_finite(make):
    with pytest.raises(InvalidInputError, match="scores_or_n at position 1 is nan"):
        make([0.0, np.nan])


@pytest.mark.parametrize("call", ["set_all", "insert"])
def test_whole_arrays_with_a_nan(index, call):
    scores = np.zeros(40)
    scores[38] = np.nan
    with pytest.raises(InvalidInputError, match="scores at position 38 is nan"):
        getattr(index, call)(scores)


@pytest.mark.parametrize("call", ["add", "set", "restore"])
def test_a_float_that_overflows_float32(index, call):
    with pytest.raises(InvalidInputError, match="is inf as a 32-bit float"):
        getattr(index, call)(good_ids(call, 2), 1e39)


@pytest.mark.parametrize("call", ["add", "set", "restore"])
@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_lengths_that_differ(index, call, count):
    text = f"has length {count} and ids has length 3; give one number for all or one for each id"
    with pytest.raises(InvalidInputError, match=text):
        getattr(index, call)(good_ids(call, 3), np.zeros(count))


@pytest.mark.parametrize("count", [0, 37, 39, 41])
def test_set_all_of_another_length(index, count):
    text = f"one score for each of the 40 ids ever given out, got {count}"
    with pytest.raises(InvalidInputError, match=text):
        index.set_all(np.zeros(count))


@pytest.mark.parametrize("call", ["add", "set", "restore"])
@pytest.mark.parametrize(
    ("values", "error", "text"),
    [
        ("a", InvalidTypeError, "must be an array-like of numbers of one length, got str"),
        (["a", "b"], InvalidTypeError, "must be real numbers, got dtype <U1"),
        (None, InvalidTypeError, "must be an array-like of numbers of one length, got NoneType"),
        ([True, False], InvalidTypeError, "must be real numbers, got dtype bool"),
        (True, InvalidTypeError, "must be real numbers, got dtype bool"),
        (1j, InvalidTypeError, "must be real numbers, got dtype complex128"),
        ([[1.0, 2.0]], InvalidInputError, r"one-dimensional, got shape \(1, 2\)"),
    ],
)
def test_values_of_a_wrong_kind(index, call, values, error, text):
    with pytest.raises(error, match=text):
        getattr(index, call)(good_ids(call, 2), values)


@pytest.mark.parametrize("call", ["set_all", "insert"])
@pytest.mark.parametrize(
    ("scores", "error", "text"),
    [
        (1.0, InvalidInputError, "scores must be one-dimensional, got a single number"),
        (np.zeros((4, 10)), InvalidInputError, r"got shape \(4, 10\)"),
        (np.zeros(40, dtype=bool), InvalidTypeError, "must be real numbers, got dtype bool"),
        (np.zeros(40, dtype=complex), InvalidTypeError, "got dtype complex128"),
        (["x"] * 40, InvalidTypeError, "got dtype <U1"),
    ],
)
def test_whole_arrays_of_a_wrong_kind(index, call, scores, error, text):
    with pytest.raises(error, match=text):
        getattr(index, call)(scores)


@pytest.mark.parametrize("refile", ["lazy", "eager"])
@pytest.mark.parametrize("order", ["smallest", "largest"])
@pytest.mark.parametrize("sign", [1, -1])
def test_sum_beyond_float32(order, refile, sign):
    index = SemiOrderedIndex([0, 1, 2, 3], order=order, refile=refile)
    index.set([2], sign * 3e38)
    before = index.scores()
    index.top(2)
    text = "adding to id 2 at position 1 gives a score beyond the range of float32"
    for ids, delta in (([1, 2], 2e38), ([1, 2, 3], [0, 1e38, 0]), ([0, 2, 0, 2], 4e37)):
        with pytest.raises(InvalidInputError, match=text):
            index.add(ids, np.multiply(delta, sign))
        np.testing.assert_array_equal(index.scores(), before)
        index.check()
    index.add([2], -sign * 3e38)
    assert index.scores([2]) == 0
    index.check()


def test_an_id_given_often_enough_overflows():
    index = SemiOrderedIndex(3)
    with pytest.raises(InvalidInputError, match="adding to id 1 at position 0"):
        index.add([1] * 8, 5e37)
    assert index.scores().tolist() == [0, 0, 0]


# ---- counts and ranks ----------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["top", "pop", "rank_score"])
def test_a_negative_count(index, call):
    with pytest.raises(InvalidInputError, match="n must be at least 0, got -1"):
        getattr(index, call)(-1)
    with pytest.raises(InvalidInputError, match="n must be at least 0"):
        getattr(index, call)(-(2**70))


@pytest.mark.parametrize("call", ["top", "pop", "rank_score"])
@pytest.mark.parametrize("n", [1.0, "1", None, True, [1]])
def test_a_count_that_is_no_integer(index, call, n):
    with pytest.raises(InvalidTypeError, match="n must be an integer, got"):
        getattr(index, call)(n)


@pytest.mark.parametrize("rank", [0, 38, 1000])
def test_a_rank_beyond_the_pool(index, rank):
    with pytest.raises(RankError, match=f"rank {rank} does not exist: ranks run from 1, .* to 37$"):
        index.rank_score(rank)


def test_a_rank_of_an_empty_pool():
    with pytest.raises(RankError, match="rank 1 does not exist: the pool is empty"):
        SemiOrderedIndex(0).rank_score(1)


# ---- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"order": "largets"}, InvalidInputError, "order must be 'smallest' or 'largest', got"),
        ({"order": None}, InvalidTypeError, "order must be 'smallest' or 'largest', got None"),
        ({"ties": "name"}, InvalidInputError, "ties must be 'random' or 'id', got 'name'"),
        ({"refile": ""}, InvalidInputError, "refile must be 'lazy' or 'eager', got ''"),
        ({"threads": True}, InvalidTypeError, "threads must be an integer, got True"),
        ({"seed": -1}, InvalidInputError, "seed must be from 0 to 18446744073709551615, got -1"),
        ({"seed": 2**64}, InvalidInputError, "seed must be from 0 to"),
        ({"seed": 0.5}, InvalidTypeError, "seed must be an integer, got 0.5"),
        ({"seed": None}, InvalidTypeError, "seed must be an integer, got None"),
        ({"threads": 0}, InvalidInputError, "threads must be from 1 to 1024, got 0"),
        ({"threads": 1025}, InvalidInputError, "threads must be from 1 to 1024, got 1025"),
        ({"threads": 1.5}, InvalidTypeError, "threads must be an integer, got 1.5"),
        ({"node_capacity": 1}, InvalidInputError, "node_capacity must be from 2 to 2147483648"),
        ({"node_capacity": 2**31 + 1}, InvalidInputError, "node_capacity must be from 2 to"),
        ({"node_capacity": "8"}, InvalidTypeError, "node_capacity must be an integer, got '8'"),
        ({"growth": 0}, InvalidInputError, "growth must be from 1 to 2147483648, got 0"),
        ({"growth": 1.5}, InvalidTypeError, "growth must be an integer, got 1.5"),
    ],
)
def test_settings_that_cannot_be(options, error, text):
    with pytest.raises(error, match=text):
        SemiOrderedIndex(3, **options)


@pytest.mark.parametrize("make", CLASSES)
@pytest.mark.parametrize(
    ("scores_or_n", "error", "text"),
    [
        (-1, InvalidInputError, "scores_or_n must be at least 0, got -1"),
        (True, InvalidTypeError, "scores_or_n must be an integer, got True"),
        ([[0.0]], InvalidInputError, r"one-dimensional, got shape \(1, 1\)"),
        (["a"], InvalidTypeError, "must be real numbers, got dtype <U1"),
        ([True], InvalidTypeError, "must be real numbers, got dtype bool"),
    ],
)
def test_what_no_index_is_made_of(make, scores_or_n, error, text):
    with pytest.raises(error, match=text):
        make(scores_or_n)


@pytest.mark.parametrize("call", ["add", "set"])
@pytest.mark.parametrize(("threads", "error"), [(0, InvalidInputError), ("2", InvalidTypeError)])
def test_threads_of_a_call(index, call, threads, error):
    with pytest.raises(error, match="threads must be"):
        getattr(index, call)([4], 1.0, threads=threads)


@pytest.mark.parametrize("extra", ["refile", "node_capacity", "growth"])
def test_baselines_have_no_nodes(extra):
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{extra}'"):
        BPlusTreeIndex(3, **{extra: 4})


# ---- what may be given in many forms -------------------------------------------------------------


@pytest.mark.parametrize(
    "ids",
    [
        [5, 1, 5],
        (5, 1, 5),
        np.array([5, 1, 5], dtype=np.int8),
        np.array([5, 1, 5], dtype=np.uint64),
        np.array([5, 1, 5], dtype=">i8"),
        np.array([5, 1, 5], dtype=">u2"),
        np.array([5, 0, 1, 0, 5])[::2],
        np.array([5, 1, 5])[::-1],
        np.array([[5, 0], [1, 0], [5, 0]], order="C")[:, 0],
        range(5, 6),
    ],
    ids=repr,
)
def test_ids_in_many_forms(ids):
    index, reference = SemiOrderedIndex(6), ReferenceIndex(6)
    index.add(ids, -2.0)
    reference.add(ids, -2.0)
    assert_same(index, reference)
    assert index.scores(ids).tolist() == reference.scores(ids).tolist()


@pytest.mark.parametrize(
    "scores",
    [
        [1, 2, 3],
        [1.5, -2, 3],
        np.array([1, 2, 3], dtype=np.float16),
        np.array([1, 2, 3], dtype=np.longdouble),
        np.array([1, 2, 3], dtype=np.uint8),
        np.array([0.1, 0.2, 0.3], dtype=">f8"),
        np.array([0.1, 0.2, 0.3], dtype=">f4"),
        np.arange(6, dtype=np.float32)[::2],
        np.arange(3, dtype=np.float32)[::-1],
        np.arange(6, dtype=np.float32).reshape(3, 2)[:, 1],
    ],
    ids=repr,
)
@pytest.mark.parametrize("call", ["set", "add", "set_all", "insert"])
def test_scores_in_many_forms(call, scores):
    index, reference = SemiOrderedIndex(3, order="largest"), ReferenceIndex(3, order="largest")
    arguments = ([2, 0, 1], scores) if call in ("set", "add") else (scores,)
    getattr(index, call)(*arguments)
    getattr(reference, call)(*arguments)
    assert_same(index, reference)


@pytest.mark.parametrize("writable", [True, False])
@pytest.mark.parametrize("make", CLASSES)
def test_the_callers_arrays_stay_as_they_are(make, writable):
    rng = np.random.default_rng(1)
    first = rng.normal(size=50).astype(np.float32)
    ids = rng.permutation(50)[:20]
    values = rng.normal(size=20).astype(np.float32)
    everything = rng.normal(size=50).astype(np.float32)
    arrays = [first, ids, values, everything]
    for array in arrays:
        array.flags.writeable = writable
    before = [array.copy() for array in arrays]

    index = make(first, order="largest")
    index.add(ids, values)
    index.set(ids, values)
    index.set_all(everything)
    index.remove(ids)
    index.restore(ids, values)
    index.insert(values)
    index.scores(ids)
    index.add(ids, -1.0)
    index.pop(30)

    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("empty", [[], (), np.array([], dtype=np.int64), np.zeros(0), range(0)])
def test_nothing_given_changes_nothing(index, empty):
    index.add(empty)
    index.add(empty, [])
    index.set(empty, 1.0)
    index.remove(empty)
    index.restore(empty, 1.0)
    assert index.insert(empty).tolist() == []
    assert index.scores(empty).tolist() == []


# ---- what was once named wrongly -----------------------------------------------------------------


def test_the_first_offender_is_named_whatever_its_kind():
    index = SemiOrderedIndex(5)
    index.remove([3])
    with pytest.raises(RemovedIdError, match="id 3 at position 0"):
        index.add([3, 99])
    with pytest.raises(UnknownIdError, match="id 99 at position 0"):
        index.add([99, 3])


@pytest.mark.parametrize("delta", [1e300, [1e300], np.float64(1e300), np.array([-1e39]), 10**400])
def test_numbers_beyond_float32_are_refused_without_a_warning(delta):
    index = SemiOrderedIndex(3)
    with pytest.raises(InvalidInputError, match="inf as a 32-bit float"):
        index.add([0], delta)
    assert index.scores().tolist() == [0, 0, 0]


def test_scores_beyond_float32_are_refused_without_a_warning():
    with pytest.raises(InvalidInputError, match="position 1 is inf as a 32-bit float"):
        SemiOrderedIndex([0.0, 1e300])


def test_an_id_beyond_int64_is_unknown():
    with pytest.raises(UnknownIdError, match=f"id {2**63} at position 1 is unknown"):
        SemiOrderedIndex(3).add(np.array([0, 2**63], dtype=np.uint64))


@pytest.mark.parametrize("size", [2**32 - 1, 2**33, 2**62, 2**64, 10**30])
def test_a_pool_beyond_any_index_is_refused_before_memory_is_asked_for(size):
    with pytest.raises(InvalidInputError, match="holds at most 4294967294 samples"):
        SemiOrderedIndex(size)


@pytest.mark.parametrize("scores", [[[1], [2, 3]], None, "abc", {1}, iter([1.0])])
def test_inserting_what_is_no_array(scores):
    with pytest.raises(InvalidTypeError, match="scores must be an array-like of numbers"):
        SemiOrderedIndex(3).insert(scores)


@pytest.mark.parametrize("ids", [None, {1}, iter([1]), "1", object()])
def test_ids_that_are_no_array(ids):
    with pytest.raises(InvalidTypeError, match="ids must be an array-like of numbers"):
        SemiOrderedIndex(3).add(ids)


@pytest.mark.parametrize("scores_or_n", [None, "abc", {1}])
def test_making_an_index_of_what_is_no_array(scores_or_n):
    with pytest.raises(InvalidTypeError, match="scores_or_n must be an array-like of numbers"):
        SemiOrderedIndex(scores_or_n)


def test_a_masked_array_is_refused():
    with pytest.raises(InvalidTypeError, match="ids must not be a masked array"):
        SemiOrderedIndex(3).add(np.ma.array([0, 99], mask=[False, True]))


class SeriesLike:
    """As pandas has it: an array-like with a method called mask."""

    def mask(self):
        raise AssertionError("nobody asked")

    def __array__(self, dtype=None, copy=None):
        return np.array([1, 2])


def test_an_array_like_with_a_method_called_mask_is_none_that_is_masked():
    index = SemiOrderedIndex(3)
    index.add(SeriesLike())
    assert index.scores().tolist() == [0, 1, 1]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_an_array_like_raises_is_not_hidden(error):
    class Unwilling:
        def __array__(self, dtype=None, copy=None):
            raise error("call .cpu() first")

    with pytest.raises(error, match="first"):
        SemiOrderedIndex(3).add(Unwilling())


def test_memory_that_is_not_aligned_is_read():
    ids = np.frombuffer(b"." + np.array([2, 0], dtype=np.int64).tobytes(), np.int64, offset=1)
    delta = np.frombuffer(b"." + np.array([1.5, 2], np.float32).tobytes(), np.float32, offset=1)
    index = SemiOrderedIndex(3)
    index.add(ids, delta)
    assert index.scores().tolist() == [2, 0, 1.5]
