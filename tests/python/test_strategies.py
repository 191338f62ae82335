"""What every strategy promises, shown for each of them."""

from __future__ import annotations

import gc
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from every_strategy import CLASSES, SIZE, STRATEGIES, a_state, parts

from socbi import InvalidInputError, InvalidTypeError, UnknownIdError
from socbi.neighbors import KnnGraph
from socbi.strategies import PoolState, checked_graph

every = pytest.mark.parametrize("name", STRATEGIES)


def rng(seed=0):
    return np.random.default_rng(seed)


def choose(name, state, number, seed=0):
    """Choose a batch and look at what must hold of any."""
    batch = STRATEGIES[name].choose(state, number, rng(seed))
    assert batch.ids.dtype == np.int64
    assert len(batch) == min(number, len(state.candidates))
    assert len(set(batch.ids.tolist())) == len(batch)
    assert np.isin(batch.ids, state.candidates).all()
    assert batch.scores.shape == batch.ids.shape
    assert np.isfinite(batch.scores).all()
    assert batch.state is state
    assert len(batch.explain()) == len(batch)
    return batch


@every
@pytest.mark.parametrize("number", [0, 1, 3, 17, SIZE - 4])
@pytest.mark.parametrize("seed", range(3))
def test_a_batch_is_of_so_many_different_candidates(name, number, seed):
    choose(name, a_state(seed), number, seed)


@every
def test_a_pool_smaller_than_the_batch_is_taken_whole(name):
    state = a_state()
    assert sorted(choose(name, state, 1000).ids.tolist()) == state.candidates.tolist()


@every
def test_only_candidates_are_chosen(name):
    state = a_state(candidates=[10, 20, 30, 40, 50])
    assert set(choose(name, state, 4).ids.tolist()) <= {10, 20, 30, 40, 50}
    assert sorted(choose(name, state, 9).ids.tolist()) == [10, 20, 30, 40, 50]


@every
def test_what_is_pending_is_not_chosen(name):
    state = a_state(pending=[3, 4, 5])
    assert not set(choose(name, state, 40).ids.tolist()) & {3, 4, 5}


@every
def test_the_same_seed_gives_the_same_batch(name):
    one, other = choose(name, a_state(), 12, 5), choose(name, a_state(), 12, 5)
    assert one.ids.tolist() == other.ids.tolist()
    assert one.scores.tolist() == other.scores.tolist()


@every
def test_the_number_of_threads_does_not_matter(name):
    batches = {tuple(choose(name, a_state(threads=threads), 12).ids) for threads in (1, 2, 3)}
    assert len(batches) == 1


@every
def test_what_is_given_is_not_changed(name):
    vectors, probabilities = parts(rng())
    state = a_state(embeddings=vectors, probabilities=probabilities)
    given = [vectors, probabilities, state.graph.ids, state.graph.distances, state.labelled]
    before = [one.copy() for one in given]
    counts = state.boundary.counts
    for one in given:
        one.flags.writeable = False
    choose(name, state, 12)
    assert all(np.array_equal(one, other) for one, other in zip(given, before, strict=True))
    assert np.array_equal(counts, state.boundary.counts)


@every
def test_one_class_is_enough(name):
    state = a_state(probabilities=np.tile([1.0, 0.0, 0.0], (SIZE, 1)))
    choose(name, state, 10)


@every
def test_all_may_tie(name):
    around = (np.arange(SIZE)[:, None] + [1, -1]) % SIZE  # a ring: nobody is nearer to more
    state = a_state(
        labelled=(),
        embeddings=np.ones((SIZE, 4), np.float32),
        probabilities=np.full((SIZE, CLASSES), 1 / CLASSES),
        graph=KnnGraph(around.astype(np.int32), np.zeros((SIZE, 2), np.float32), "cosine"),
    )
    firsts = {int(choose(name, state, 10, seed).ids[0]) for seed in range(40)}
    assert len(firsts) > 5  # drawn, and not always the first


@every
def test_one_sample_that_is_left_is_chosen(name):
    left = a_state(labelled=np.delete(np.arange(SIZE), 33))
    assert choose(name, left, 5).ids.tolist() == [33]


@every
def test_no_sample_left_is_an_empty_batch(name):
    assert len(choose(name, a_state(labelled=np.arange(SIZE)), 5)) == 0


@every
def test_a_cold_start_needs_no_model_where_no_model_is_asked_for(name):
    state = a_state(labelled=(), without=["probabilities"])
    if "probabilities" in STRATEGIES[name].needs:
        with pytest.raises(InvalidInputError, match="no probabilities, which this strategy needs"):
            STRATEGIES[name].select(state, 5, rng())
    else:
        choose(name, state, 5)


@every
def test_a_part_that_is_missing_is_named(name):
    needs = STRATEGIES[name].needs
    for part in needs:
        with pytest.raises(InvalidInputError, match=f"has no {part}, which this strategy needs"):
            STRATEGIES[name].select(a_state(without=[part]), 5, rng())


def broken(array, how):
    wrong = array.copy()
    if how == "NaN":
        wrong[20, 1] = np.nan
        return wrong
    return wrong[:-1] if how == "rows" else wrong[:, :, None]


@pytest.mark.parametrize("how", ["NaN", "rows", "dimensions"])
@pytest.mark.parametrize(
    ("name", "part"),
    [
        (name, part)
        for name, strategy in STRATEGIES.items()
        for part in ("embeddings", "probabilities")
        if part in strategy.needs
    ],
)
def test_what_is_broken_is_refused_by_name(name, part, how):
    vectors, probabilities = parts(rng())
    wrong = broken({"embeddings": vectors, "probabilities": probabilities}[part], how)
    right = a_state()
    state = PoolState(
        SIZE,
        labelled=right.labelled,
        labels=right.labels,
        boundary=right.boundary,
        graph=right.graph,
        **{"embeddings": vectors, "probabilities": probabilities, part: wrong},
    )
    with pytest.raises(InvalidInputError, match=rf"^{part} must be (finite|floats with a row)"):
        STRATEGIES[name].select(state, 5, rng())


@every
def test_wrong_arguments_are_refused_by_name(name):
    strategy = STRATEGIES[name]
    with pytest.raises(InvalidInputError, match="batch_size must be"):
        strategy.select(a_state(), -1, rng())
    with pytest.raises(InvalidTypeError, match="state must be a PoolState, got ndarray"):
        strategy.select(np.zeros((3, 2)), 1, rng())
    with pytest.raises(InvalidTypeError, match=r"rng must be a numpy.random.Generator, got int"):
        strategy.select(a_state(), 1, 7)


@every
def test_it_says_what_it_is(name):
    words = repr(STRATEGIES[name])
    assert "object at" not in words
    assert words.count("(") == words.count(")") > 0


# ---- the pool state ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labelled": [1], "labels": [0, 1]}, "labels must be a whole number for each of 1 label"),
        ({"labelled": [1], "labels": [0.5]}, "labels must be a whole number"),
        ({"labelled": [1], "labels": [3], "classes": 2}, "class numbers from 0 to 1, got 3 to 3"),
        ({"labelled": [1], "labels": [0], "candidates": [1]}, "candidates must not be labelled"),
        ({"pending": [2], "candidates": [2]}, "candidates must not be pending, and 1 are: 2"),
        ({"labelled": [1], "labels": [0], "pending": [1]}, "pending must not be labelled"),
        ({"candidates": [1, 1]}, "candidates"),
    ],
)
def test_a_state_that_cannot_be_is_refused(options, message):
    with pytest.raises(InvalidInputError, match=message):
        PoolState(4, **options)


@pytest.mark.parametrize("name", ["labelled", "pending", "candidates"])
def test_ids_beyond_the_pool_are_refused_by_name(name):
    labels = {"labels": [0]} if name == "labelled" else {}
    with pytest.raises(UnknownIdError, match=f"{name} must be ids from 0 to 3, got 4 to 4"):
        PoolState(4, **{name: [4]}, **labels)


@pytest.mark.parametrize("wrong", [-0.5, 2.0])
def test_logits_are_no_probabilities(wrong):
    state = PoolState(3, labelled=[0], labels=[0], probabilities=np.array([[1.0], [wrong], [0.0]]))
    with pytest.raises(InvalidInputError, match=r"from 0 to 1, and the row of id 1 .* softmax"):
        state.probabilities  # noqa: B018


def test_what_a_label_or_nobody_looks_at_may_be_missing():
    state = PoolState(
        3,
        labelled=[0],
        labels=[0],
        candidates=[1],
        probabilities=np.array([[np.nan], [1.0], [1.0]]),
        embeddings=np.array([[1.0], [1.0], [np.nan]]),
    )
    assert state.probabilities.shape == state.embeddings.shape == (3, 1)


def test_a_part_is_made_once_and_only_when_asked_for():
    made = []

    def make():
        made.append(1)
        return np.ones((4, 2))

    state = PoolState(4, embeddings=make)
    assert state.has("embeddings")
    assert not state.at_hand("embeddings")
    assert not made
    fewer = state.narrowed([1, 2])
    assert state.embeddings is fewer.embeddings
    assert fewer.at_hand("embeddings")
    assert len(made) == 1


def test_narrowing_takes_candidates_alone():
    state = PoolState(6, labelled=[5], labels=[0])
    fewer = state.narrowed([3, 1], chosen=[0])
    assert fewer.candidates.tolist() == [1, 3]
    assert fewer.pending.tolist() == [0]
    assert state.candidates.tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(InvalidInputError, match="candidates must be candidates of this state"):
        fewer.narrowed([2])
    with pytest.raises(InvalidInputError, match="candidates must not be chosen, and 1 are: 1"):
        state.narrowed([1], chosen=[1])


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ([4, 1], "row 2 holds an id that is neither -1 nor from 0 to 3"),
        ([1, 10_000], "row 2 holds an id that is neither"),
        ([-2, 1], "row 2 holds an id that is neither"),
        ([2, 0], "row 2 has the sample itself as a neighbour"),
        ([1, 1], "row 2 has a neighbour twice"),
    ],
)
@pytest.mark.parametrize("width", [2, 20])
def test_a_graph_that_cannot_be_walked_is_refused(row, what, width):
    ids = np.full((4, width), -1, np.int32)  # holes may come as often as they like
    ids[:2, 0] = [3, 2]
    PoolState(4, graph=KnnGraph(ids, np.ones(ids.shape, np.float32), "cosine")).graph  # noqa: B018
    ids = ids.copy()
    ids[2, [0, width - 1]] = row
    graph = KnnGraph(ids, np.ones(ids.shape, np.float32), "cosine")
    for _ in range(2):  # a refused one is looked at again
        with pytest.raises(InvalidInputError, match=what):
            STRATEGIES["coverage margin"].select(PoolState(4, graph=graph), 2, rng())


def test_a_graph_is_looked_at_once(monkeypatch):
    looked = []
    check = checked_graph._check_ids
    found = a_state().graph
    graph = KnnGraph(found.ids, found.distances, found.metric)
    monkeypatch.setattr(checked_graph, "_check_ids", lambda ids: (looked.append(1), check(ids)))
    before = len(checked_graph._known)
    for _ in range(3):
        a_state(graph=graph).graph  # noqa: B018
    assert len(looked) == 1
    del graph
    gc.collect()
    assert len(checked_graph._known) <= before


@pytest.mark.parametrize("name", ["coverage margin", "margin", "BADGE", "quotas"])
@pytest.mark.parametrize("row", [[0.0, 0.0, 0.0], [0.2, 0.2, 0.2], [0.5, 0.5, 0.5]])
def test_rows_that_do_not_sum_to_one_are_refused(name, row):
    p = parts(rng())[1]
    p[1], p[20] = np.nan, row  # id 1 has a label
    with pytest.raises(InvalidInputError, match="sum to 1 in each row, and that of id 20 sums to"):
        STRATEGIES[name].select(a_state(probabilities=p), 5, rng())


@pytest.mark.parametrize("large", [5e18, 1e20, 1e39, -1e300])
@pytest.mark.parametrize("name", ["BADGE", "k-center", "TypiClust", "diverse", "no duplicates"])
def test_vectors_too_long_for_float32_are_refused(name, large):
    right = a_state()
    vectors = right.embeddings.astype(np.float64)
    vectors[20] = large
    state = PoolState(
        SIZE, embeddings=vectors, probabilities=right.probabilities, graph=right.graph
    )
    with pytest.raises(InvalidInputError, match=r"^embeddings must be such .* id 20 has the leng"):
        STRATEGIES[name].select(state, 5, rng())


@pytest.mark.parametrize("large", [1e17, -1e18])
@pytest.mark.parametrize("name", ["BADGE", "k-center", "TypiClust", "diverse"])
def test_vectors_just_short_enough_are_taken(name, large):
    right = a_state()
    vectors = right.embeddings.astype(np.float64)
    vectors[20], vectors[21] = large, -large
    state = PoolState(
        SIZE, embeddings=vectors, probabilities=right.probabilities, graph=right.graph
    )
    assert len(choose(name, state, 5)) == 5


@pytest.mark.parametrize("part", ["embeddings", "probabilities"])
def test_rows_without_a_column_are_refused(part):
    state = PoolState(3, **{part: np.zeros((3, 0))})
    with pytest.raises(InvalidInputError, match=f"{part} must have one column or more, got the"):
        getattr(state, part)


@pytest.mark.parametrize(
    ("classes", "error", "message"),
    [
        (-3, InvalidInputError, "classes must be 1 or more, got -3"),
        (2.5, InvalidTypeError, "classes must be a whole number, got 2.5"),
        ("a", InvalidTypeError, "classes must be a whole number, got 'a'"),
    ],
)
def test_classes_that_cannot_be_are_refused(classes, error, message):
    with pytest.raises(error, match=message):
        PoolState(5, classes=classes)


def test_a_part_that_there_never_is_is_refused():
    with pytest.raises(InvalidInputError, match=r"is one of embeddings, .*, got 'embedding'"):
        PoolState(5).has("embedding")


def test_a_state_keeps_its_own_ids():
    given = {"labelled": np.array([3]), "labels": np.array([1]), "pending": np.array([2])}
    given["candidates"] = np.array([0, 1])
    state = PoolState(5, **given)
    for one in given.values():
        one[:] = 4
    kept = [state.labelled, state.labels, state.pending, state.candidates]
    assert [one.tolist() for one in kept] == [[3], [1], [2], [0, 1]]


def test_a_part_is_made_once_by_all_threads():
    made, together = [], threading.Barrier(4)

    def make():
        made.append(1)
        return np.ones((4, 2))

    state = PoolState(4, embeddings=make)
    states = [state, state.narrowed([1, 2]), state.narrowed([1]), state]

    def ask(one):
        together.wait()
        return one.embeddings

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, states))
    assert len(made) == 1
    assert all(one is found[0] for one in found)


def test_a_state_can_be_pickled():
    again = pickle.loads(pickle.dumps(PoolState(4, embeddings=np.ones((4, 2)))))
    assert again.embeddings.tolist() == [[1.0, 1.0]] * 4


def test_a_foreign_graph_is_refused():
    small = KnnGraph(np.zeros((3, 1), np.int32), np.zeros((3, 1), np.float32), "cosine")
    with pytest.raises(InvalidInputError, match="a row for each of 4 samples, got 3"):
        PoolState(4, graph=small).graph  # noqa: B018
    with pytest.raises(InvalidTypeError, match=r"must be a socbi.neighbors.KnnGraph, got int"):
        PoolState(4, graph=3).graph  # noqa: B018


def test_a_foreign_boundary_scorer_is_refused():
    with pytest.raises(InvalidInputError, match="must know 5 samples, and it knows 60"):
        PoolState(5, boundary=a_state().boundary).boundary  # noqa: B018
