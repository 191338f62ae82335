"""What a batch says of its picks, against distances and rows looked up one by one."""

from __future__ import annotations

import numpy as np
import pytest
from every_strategy import Unsure, a_state

from socbi import InvalidInputError, UnknownIdError
from socbi.neighbors import knn_graph
from socbi.neighbors.metrics import metric_of
from socbi.strategies import CoverageMargin, Explanation, PoolState, Random
from socbi.strategies.cover_graph import cover_graph


def rng(seed=0):
    return np.random.default_rng(seed)


def nearest(state, id, k, metric):
    """Labelled ids by distance, the slow way."""
    vectors = np.asarray(state.embeddings, np.float32)
    apart = metric_of(metric).distances(
        np.repeat(vectors[[id]], len(state.labelled), axis=0), vectors[state.labelled]
    )
    order = np.argsort(apart, kind="stable")[:k]
    return [(int(state.labelled[one]), float(np.float32(apart[one]))) for one in order]


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_scores_ranks_and_labelled_neighbours_are_told(metric):
    plain = a_state()
    state = a_state(graph=knn_graph(plain.embeddings, 5, metric=metric))
    batch = Unsure().choose(state, 6, rng())
    for rank, one in enumerate(batch.explain(neighbors=2), start=1):
        assert (one.id, one.rank, one.score) == (batch.ids[rank - 1], rank, batch.scores[rank - 1])
        assert list(one.nearest_labelled) == nearest(state, one.id, 2, metric)


def test_without_a_graph_the_distance_is_the_cosine():
    state = a_state(without=["graph"])
    one = Unsure().choose(state, 1, rng()).explain(neighbors=4)[0]
    assert list(one.nearest_labelled) == nearest(state, one.id, 4, "cosine")
    assert one.stands_for == ()


def test_a_graph_that_is_not_made_yet_is_not_made_for_it():
    def never():
        raise AssertionError("the graph was made")

    state = a_state(graph=never)
    assert len(Unsure().choose(state, 3, rng()).explain()) == 3


def test_a_cover_tells_whom_each_is_the_first_to_serve():
    state = a_state()
    batch = CoverageMargin().choose(state, 8, rng())
    cover, seen = cover_graph(state.graph), set(state.labelled.tolist())
    for one in batch.explain():
        served = set(cover.row(one.id)[0].tolist()) - seen - {one.id}
        assert set(one.stands_for) == served
        seen |= served | {one.id}


def test_others_stand_for_neighbours_that_no_label_is_nearer_to():
    state = a_state()
    for one in Unsure().choose(state, 10, rng()).explain():
        expected = []
        for other, apart in zip(
            state.graph.ids[one.id].tolist(), state.graph.distances[one.id], strict=True
        ):
            if other in state.candidates and apart < nearest(state, other, 1, "cosine")[0][1]:
                expected.append(other)
        assert list(one.stands_for) == expected


def test_without_labels_all_neighbours_are_stood_for():
    state = a_state(labelled=())
    for one in Random().choose(state, 3, rng()).explain():
        assert list(one.stands_for) == state.graph.ids[one.id].tolist()
        assert one.nearest_labelled == ()


def test_some_of_a_batch_can_be_explained_in_any_order():
    batch = Unsure().choose(a_state(), 6, rng())
    every = batch.explain()
    assert batch.explain([batch.ids[4], batch.ids[1]]) == [every[4], every[1]]
    assert batch.explain([]) == []


def test_what_was_not_chosen_cannot_be_explained():
    batch = Unsure().choose(a_state(), 3, rng())
    other = np.setdiff1d(batch.state.candidates, batch.ids)[0]
    with pytest.raises(UnknownIdError, match=f"ids must be of this batch of 3, and id {other} is"):
        batch.explain([other])
    with pytest.raises(InvalidInputError, match="neighbors must be"):
        batch.explain(neighbors=-1)


def test_ties_are_told():
    p = np.array([[0.5, 0.5], [0.6, 0.4], [0.6, 0.4], [0.6, 0.4], [0.9, 0.1]])
    told = Unsure().choose(PoolState(5, probabilities=p), 3, rng()).explain()
    drawn = "drawn by lot among 3 of equal score"
    assert [one.tie_break for one in told] == ["", drawn, drawn]


def test_an_explanation_is_a_line():
    vectors = np.array([[0.0], [1.0], [2.0], [9.0], [20.0]])
    graph = knn_graph(vectors, k=2, metric="euclidean")
    state = PoolState(5, labelled=[3], labels=[0], embeddings=vectors, graph=graph)
    told = CoverageMargin(fade=1).choose(state, 2, rng()).explain()
    assert [str(one) for one in told] == [
        "1. id 0: score 1.732; nearest labelled 3 at 9; stands for 2 samples: 1, 2",
        "2. id 4: score 0.5774; nearest labelled 3 at 11",
    ]


def test_many_ids_are_counted_and_ties_are_said():
    many = Explanation(7, 2, 0.5, ((3, 0.25), (1, 0.5)), "drawn", tuple(range(10, 17)))
    assert str(many) == (
        "2. id 7: score 0.5 (drawn); nearest labelled 3 at 0.25, 1 at 0.5; "
        "stands for 7 samples: 10, 11, 12, 13, 14 and 2 more"
    )
