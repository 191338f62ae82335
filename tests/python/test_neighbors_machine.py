"""Hypothesis drives each maker and a dict through rounds of every change, and compares answers.

Pools are so small that the graphs miss nothing. Vectors of small whole numbers are often equal, and
their distances exact: `ExactNeighbors` is compared bit for bit.
"""

import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from neighbor_reference import (
    MAKERS,
    METRICS,
    all_distances,
    assert_exact,
    assert_near,
    cloud,
    grid,
    made,
    nearest,
)

from socbi import InvalidInputError, UnknownIdError
from socbi.neighbors import load

DIM = 5
SEEDS = st.integers(0, 2**32 - 1)


class NeighborMachine(RuleBasedStateMachine):
    name = "exact"
    metric = "cosine"
    folder = None

    @initialize(threads=st.sampled_from([None, 1, 2]))
    def start(self, threads):
        self.index = made(self.name, self.metric, threads=threads)
        self.living = {}  # id -> vector, in the order of the rows
        self.order = {}  # id -> number of its row, living or removed
        self.removed = {}
        self.rows = 0
        self.compactable = True  # a loaded exact index is a memory map, which stays as it is

    def vectors_of(self, rng, count):
        """Whole numbers for the exact; graphs drop links between vectors that are equal."""
        draw = int(rng.integers(0, 2**31))
        return grid(count, DIM, draw) if self.name == "exact" else cloud(count, DIM, draw)

    def ids_in_order(self):
        return sorted(self.living, key=self.order.__getitem__)

    def take_in(self, ids, vectors):
        for id, vector in zip(ids.tolist(), vectors, strict=True):
            self.removed.pop(id, None)
            self.living[id] = vector
            self.order[id] = self.rows
            self.rows += 1

    # ---- changes ---------------------------------------------------------------------------------

    @rule(draw=SEEDS, count=st.integers(0, 12))
    def add_the_next(self, draw, count):
        if len(self.living) + count <= 60:
            ids = np.arange(self.rows, self.rows + count)
            self.add_unless_here(ids, np.random.default_rng(draw))

    @rule(draw=SEEDS, count=st.integers(1, 12), most=st.sampled_from([40, 2**40]))
    def add_any(self, draw, count, most):
        rng = np.random.default_rng(draw)
        if len(self.living) + count <= 60:
            self.add_unless_here(np.unique(rng.integers(0, most, count)), rng)

    @rule(draw=SEEDS)
    def add_the_removed_anew(self, draw):
        rng = np.random.default_rng(draw)
        ids = rng.permutation(np.array(list(self.removed), np.int64))[:4]
        self.add_unless_here(ids, rng)

    def add_unless_here(self, ids, rng):
        ids = rng.permutation([id for id in ids.tolist() if id not in self.living])
        vectors = self.vectors_of(rng, len(ids))
        self.index.add(ids.astype(np.int64), vectors)
        self.take_in(ids, vectors)

    @rule(draw=SEEDS)
    def remove(self, draw):
        rng = np.random.default_rng(draw)
        ids = rng.permutation(self.ids_in_order())[: rng.integers(0, 9)].astype(np.int64)
        self.index.remove(ids)
        for id in ids.tolist():
            self.removed[id] = self.living.pop(id)

    @precondition(lambda self: self.removed)
    @rule(draw=SEEDS)
    def restore(self, draw):
        rng = np.random.default_rng(draw)
        ids = rng.permutation(list(self.removed))[: rng.integers(0, 5)].astype(np.int64)
        self.index.restore(ids)
        for id in ids.tolist():
            self.living[id] = self.removed.pop(id)

    @rule()
    def compact(self):
        self.index.compact()
        if self.compactable:
            self.removed.clear()

    @rule()
    def remove_all(self):
        self.index.remove(list(self.living))
        self.removed |= self.living
        self.living.clear()

    @rule(whole=st.booleans())
    def save_and_load(self, whole):
        path = self.folder / "index"
        self.index.save(path)
        self.index = load(path, verify=whole) if whole else type(self.index).load(path)
        self.compactable = self.index._can_shrink()

    # ---- what must be refused --------------------------------------------------------------------

    @rule(draw=SEEDS)
    def add_one_that_is_here(self, draw):
        if self.living:
            ids = [2**41, np.random.default_rng(draw).choice(list(self.living))]
            with pytest.raises(InvalidInputError, match="is in this neighbour index already"):
                self.index.add(ids, np.ones((2, DIM)))

    @rule()
    def add_what_cannot_be(self):
        with pytest.raises(InvalidInputError, match="row 1 has NaN"):
            self.index.add([2**41, 2**42], [[1] * DIM, [np.nan] * DIM])

    @rule()
    def strangers(self):
        with pytest.raises(UnknownIdError, match=f"id {2**41} is not in"):
            self.index.remove([*self.living, 2**41])
        with pytest.raises(UnknownIdError, match=f"id {2**41} was not removed"):
            self.index.restore([*self.removed, 2**41])

    # ---- searches --------------------------------------------------------------------------------

    @rule(draw=SEEDS, k=st.sampled_from([1, 3, 10, 80]))
    def search(self, draw, k):
        queries = self.vectors_of(np.random.default_rng(draw), 6)
        self.compare(self.index.search(queries, k), queries, k, self.ids_in_order())

    @rule(draw=SEEDS, k=st.sampled_from([1, 5, 30]), masked=st.booleans())
    def search_among_allowed(self, draw, k, masked):
        rng = np.random.default_rng(draw)
        known = list(self.living) + list(self.removed) + [3, 2**41]
        allowed = rng.permutation(known)[: rng.integers(0, len(known) + 1)].astype(np.int64)
        if masked:
            allowed = allowed[allowed < 1000]
            given = np.zeros(1000, bool)
            given[allowed] = True
        else:
            given = allowed
        queries = self.vectors_of(rng, 4)
        ids = [id for id in self.ids_in_order() if id in set(allowed.tolist())]
        self.compare(self.index.search(queries, k, given), queries, k, ids)

    def compare(self, answer, queries, k, ids):
        vectors = np.array([self.living[id] for id in ids]).reshape(-1, DIM)
        expected = nearest(self.metric, queries, vectors, k, np.array(ids, np.int64))
        if self.name == "exact":
            assert_exact(answer, expected)
        else:
            assert_near(answer, expected, all_distances(self.metric, queries, vectors), ids)

    # ---- after every step ------------------------------------------------------------------------

    @invariant()
    def looks_the_same(self):
        assert len(self.index) == len(self.living)
        assert self.index.ids().tolist() == self.ids_in_order()
        assert all(id in self.index for id in self.living)
        assert not any(id in self.index for id in self.removed)
        if self.living and self.name == "exact":
            ids = list(self.living)
            np.testing.assert_array_equal(self.index.vectors(ids), list(self.living.values()))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", MAKERS)
def test_rounds(name, metric, tmp_path):
    made_machine = seed(zlib.crc32(f"{name} {metric}".encode()))(
        type("NeighborMachine", (NeighborMachine,), {})
    )
    made_machine.name, made_machine.metric, made_machine.folder = name, metric, tmp_path
    run_state_machine_as_test(
        made_machine,
        settings=settings(
            max_examples=20 if name == "exact" else 8,
            stateful_step_count=30,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
