"""Every maker of neighbours and every metric against the reference, and what all must refuse."""

import sys

import numpy as np
import pytest
from neighbor_reference import (
    COMPRESSED,
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

from socbi import InvalidInputError, InvalidTypeError, UnknownIdError
from socbi.neighbors import (
    ExactNeighbors,
    FaissNeighbors,
    HnswNeighbors,
    Reachability,
    blocked_search,
    build_neighbors,
)
from socbi.neighbors.blocked_search import Task, nearest_rows
from socbi.neighbors.metrics import metric_of
from socbi.neighbors.products import NumpyProducts, TorchProducts
from socbi.neighbors.progress import Silent
from socbi.neighbors.vector_rows import VectorRows

every_maker = pytest.mark.parametrize("name", MAKERS)
every_metric = pytest.mark.parametrize("metric", METRICS)
graphs = pytest.mark.parametrize("name", ["hnsw", "faiss-hnsw"])


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks so small that a search of some hundred rows meets every path."""
    monkeypatch.setattr(NumpyProducts, "block_rows", 16)
    monkeypatch.setattr(NumpyProducts, "query_rows", 8)
    monkeypatch.setattr(blocked_search, "FEW_PRODUCTS", 0)
    monkeypatch.setattr(blocked_search, "PAIR_NUMBERS", 64)


def filled(name, vectors, metric="cosine", ids=None, **options):
    index = made(name, metric, **options)
    index.add(np.arange(len(vectors)) if ids is None else ids, vectors)
    return index


# ---- against the reference -----------------------------------------------------------------------


@every_metric
@every_maker
@pytest.mark.parametrize(("count", "k"), [(1, 1), (1, 5), (37, 40), (400, 1), (400, 30)])
def test_search(name, metric, count, k):
    vectors, queries = cloud(count, seed=1), cloud(23, seed=2)
    index = filled(name, vectors, metric)
    every = all_distances(metric, queries, vectors)
    assert_near(
        index.search(queries, k), nearest(metric, queries, vectors, k), every, np.arange(count)
    )


@every_metric
@pytest.mark.parametrize("name", COMPRESSED)
def test_search_among_compressed_vectors(name, metric):
    vectors, queries = cloud(400, seed=1), cloud(23, seed=2)
    index = filled(name, vectors, metric)
    tolerance = 0.1 if name.endswith("sq8") else 0.01
    every = all_distances(metric, queries, vectors)
    expected = nearest(metric, queries, vectors, 10)
    assert_near(index.search(queries, 10), expected, every, np.arange(400), tolerance)


@every_metric
@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("most", [2**21, 1])
@pytest.mark.parametrize("count", [1, 15, 16, 17, 33, 700])
def test_exact_search_with_many_ties(metric, threads, most, count, monkeypatch):
    """Equal distances in the order of the rows, whatever the blocks and the room for candidates."""
    monkeypatch.setattr(blocked_search, "MOST_CANDIDATES", most)
    vectors, queries = grid(count, 3, seed=3), grid(29, 3, seed=4)
    index = filled("exact", vectors, metric, threads=threads)
    for k in (1, 2, 20, 800):
        assert_exact(index.search(queries, k), nearest(metric, queries, vectors, k))


@every_metric
@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 0.9, 0.99])
def test_exact_search_among_some_of_the_rows(metric, threads, share):
    """Few rows are gathered; of many the others are ruled out, here whole blocks of them too."""
    vectors, queries = grid(700, 3, seed=3), grid(19, 3, seed=4)
    kept = np.random.default_rng(5).random(700) < share
    kept[160:210] = False
    kept[[300, 690]] = True
    rows = np.flatnonzero(kept)
    index = filled("exact", vectors, metric, threads=threads)
    for k in (1, 20, 800):
        expected = nearest(metric, queries, vectors[rows], k, rows)
        assert_exact(index.search(queries, k, kept), expected)
        # Here, as in an audit, k may be more than there are rows.
        task = Task(queries, index._vectors, metric_of(metric), k, rows)
        assert_exact(nearest_rows(task, threads=threads, steps=Silent()), expected)
    index.remove(np.flatnonzero(~kept))
    assert_exact(index.search(queries, 20), nearest(metric, queries, vectors[rows], 20, rows))
    assert_exact(index.search(queries, 20, rows[::2]), index.search(queries, 20, set_of(rows[::2])))


def set_of(rows):
    """The same ids as a mask."""
    mask = np.zeros(rows.max() + 1, bool)
    mask[rows] = True
    return mask


@every_metric
@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("threads", [1, 2])
def test_exact_search_among_duplicates_alone(metric, threads, monkeypatch):
    monkeypatch.setattr(blocked_search, "MOST_CANDIDATES", 500)
    index = filled("exact", np.ones((3000, 4)), metric, threads=threads)
    ids, distances = index.search(np.ones((9, 4)), 7)
    assert (ids == np.arange(7)).all()
    assert (distances == {"inner_product": -4}.get(metric, 0)).all()


def test_duplicates_do_not_fill_the_memory(monkeypatch):
    """All are equally near to all: what is held must not grow with the rows."""
    monkeypatch.setattr(blocked_search, "MOST_CANDIDATES", 10_000)
    held = []
    offer = blocked_search._Candidates.offer

    def watched(self, *arguments):
        offer(self, *arguments)
        held.append(self._count)

    monkeypatch.setattr(blocked_search._Candidates, "offer", watched)
    index = filled("exact", np.ones((50_000, 2)), "euclidean", threads=1)
    index.search(np.ones((8, 2)), 3)
    assert len(held) > 10
    assert max(held) <= 10_000 + 8 * NumpyProducts.block_rows


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("offset", [0, 300, 1000])
def test_exact_search_where_float32_products_cannot_tell(offset):
    """Far from the origin the products lose the digits in which the distances differ."""
    steps = np.random.default_rng(5).permutation(2000)
    vectors = (offset + np.stack([steps, steps[::-1]], axis=1) / 1024).astype(np.float32)
    queries = vectors[::200]
    index = filled("exact", vectors, "euclidean")
    assert_exact(index.search(queries, 9), nearest("euclidean", queries, vectors, 9))


@pytest.mark.usefixtures("small_blocks")
def test_cosines_that_float32_cannot_tell():
    angles = np.random.default_rng(6).permutation(3000) * 1e-6
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    index = filled("exact", vectors, "cosine")
    assert_exact(index.search(vectors[:9], 9), nearest("cosine", vectors[:9], vectors, 9))


@every_metric
@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("far", [1e4, 1e6, 1e8])
def test_distances_that_are_equal_once_rounded(metric, far):
    """From so far away all distances round to few float32; those equal come in order of rows."""
    vectors = cloud(500, 3, seed=7)
    queries = np.float32(far) * cloud(5, 3, seed=8)
    index = filled("exact", vectors, metric)
    assert_exact(index.search(queries, 6), nearest(metric, queries, vectors, 6))


@every_metric
@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("scale", [1e17, 1e-15, 1e-19, 1e-21, 1e-22, 1e-23, 1e-26])
def test_very_long_and_very_short_vectors(metric, scale):
    """Squares of the shortest are below what float32 holds."""
    vectors = (cloud(500, 4, seed=9) * scale).astype(np.float32)
    index = filled("exact", vectors, metric)
    assert_exact(index.search(vectors[:7], 6), nearest(metric, vectors[:7], vectors, 6))


def test_a_vector_too_short_for_a_length_has_no_direction():
    vectors = np.float32([[0, 0], [1, 0], [1e-28, 0], [1e-44, 0], [-1, 0]])
    index = filled("exact", vectors, "cosine")
    ids, distances = index.search([[2, 0], [0, 0], [1e-40, 0]], 5)
    assert ids.tolist() == [[1, 0, 2, 3, 4], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]]
    assert distances.tolist() == [[0, 1, 1, 1, 2], [1] * 5, [1] * 5]


@every_metric
@every_maker
def test_vectors_of_zeros(name, metric):
    vectors = np.concatenate([np.zeros((3, 8)), cloud(40)])
    index = filled(name, vectors, metric)
    queries = np.concatenate([np.zeros((1, 8)), cloud(3, seed=5)])
    every = all_distances(metric, queries, vectors)
    expected = nearest(metric, queries, vectors, 43)
    assert_near(index.search(queries, 43), expected, every, np.arange(43))


@every_metric
def test_threads_and_batches_do_not_change_a_bit(metric):
    """Large enough for two workers, real blocks and divided rows."""
    vectors, queries = cloud(20_000, 24, seed=1), cloud(600, 24, seed=2)
    vectors[15_000:] = vectors[:5_000]
    index = filled("exact", vectors, metric)
    expected = index.search(queries, 12, threads=1)
    assert_exact(index.search(queries, 12, threads=2), expected)
    assert_exact(filled("exact", vectors, metric, threads=3).search(queries, 12), expected)
    for size in (1, 7, 200):
        parts = [index.search(queries[at : at + size], 12) for at in range(0, 3 * size, size)]
        ids, distances = (np.concatenate(one) for one in zip(*parts, strict=True))
        assert_exact((ids, distances), (expected[0][: len(ids)], expected[1][: len(ids)]))
    allowed = np.arange(20_000)
    assert_exact(index.search(queries, 12, allowed, threads=2), expected)
    sample = slice(0, 40)
    assert_exact(
        (expected[0][sample], expected[1][sample]), nearest(metric, queries[sample], vectors, 12)
    )


@every_metric
@pytest.mark.parametrize("count", [1, 100, 9000])
def test_torch_products_give_what_numpy_gives(metric, count):
    pytest.importorskip("torch")
    source = VectorRows(metric_of(metric))
    vectors = np.concatenate([cloud(count, 16, seed=1), grid(200, 16)])
    source.append(vectors, source.measure(vectors, iter([(0, len(vectors))])))
    for rows in (None, np.arange(0, len(vectors), 3)):
        for k in (1, 30):
            task = Task(cloud(50, 16, seed=2), source, metric_of(metric), k, rows)
            on_torch = TorchProducts("cpu")
            on_torch.block_rows = 2000
            expected = nearest_rows(task, threads=2, steps=Silent())
            assert_exact(nearest_rows(task, threads=2, steps=Silent(), products=on_torch), expected)


# ---- what comes in -------------------------------------------------------------------------------


@every_maker
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", "i4", "u1", "f4 list", "f4 read-only"])
def test_types_of_numbers(name, dtype):
    vectors = grid(60, 5, most=2) + 2
    given = vectors.astype(dtype.split()[0])
    if dtype.endswith("list"):
        given = given.tolist()
    elif dtype.endswith("only"):
        given.flags.writeable = False
    index = filled(name, given, "euclidean")
    _, distances = index.search(given[:9], 4)
    expected = nearest("euclidean", vectors[:9], vectors, 4)
    np.testing.assert_allclose(distances, expected[1], atol=1e-6)
    np.testing.assert_array_equal(index.vectors(np.arange(60)), vectors)


@every_maker
@pytest.mark.parametrize("copied", [True, False])
def test_arrays_with_gaps(name, copied):
    wide = grid(120, 12)
    options = {"copy": copied} if name == "exact" else {}
    for view in (wide[::2, ::3], np.asfortranarray(wide)[:60, :4], wide[::-1][:60, 1:5]):
        index = filled(name, view, "euclidean", **options)
        _, distances = index.search(view[:7], 5)
        np.testing.assert_allclose(distances, nearest("euclidean", view[:7], view, 5)[1], atol=1e-6)


def mapped(folder, vectors):
    np.save(folder / "vectors.npy", vectors)
    return np.load(folder / "vectors.npy", mmap_mode="r")


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_memory_map_stays_where_it_is(tmp_path, dtype):
    vectors = mapped(tmp_path, grid(5000, 8).astype(dtype))
    index = filled("exact", vectors, "euclidean")
    assert index.nbytes == 5 * 5000
    assert np.shares_memory(index._vectors.read(0, 5000), vectors)
    expected = nearest("euclidean", vectors[:5], vectors, 4)
    assert_exact(index.search(vectors[:5], 4), expected)
    index.add([5000], np.full((1, 8), 100.0))
    index.remove([3])
    index.compact()  # a copy would take memory that the map does not
    assert index.nbytes < 8 * 5000
    assert np.shares_memory(index._vectors.read(0, 10), vectors)
    index.restore([3])
    assert_exact(index.search(vectors[:5], 4), expected)


@every_maker
def test_a_memory_map_of_float64_becomes_float32(tmp_path, name):
    vectors = mapped(tmp_path, grid(300, 8).astype(np.float64))
    index = filled(name, vectors, "euclidean")
    np.testing.assert_array_equal(index.vectors([7, 299]), vectors[[7, 299]])


def test_an_array_that_is_not_copied():
    vectors = grid(50, 4)
    kept, copied = (filled("exact", vectors, "euclidean", copy=copy) for copy in (False, True))
    vectors[0] = 50
    assert kept.search([[50] * 4], 1)[1] == 0
    assert copied.search([[50] * 4], 1)[1] > 0


def test_rows_of_every_kind_together(tmp_path):
    """float16, float32, a map, and room that is left are one row after the other."""
    rng, index, everything = np.random.default_rng(2), ExactNeighbors("euclidean"), []
    for turn in range(30):
        part = grid(rng.integers(1, 40), 5, seed=turn)
        kind = rng.integers(0, 3)
        if kind == 0:
            (tmp_path / str(turn)).mkdir()
            given = mapped(tmp_path / str(turn), part)
        else:
            given = part.astype(np.float16 if kind == 1 else np.float32)
        first = len(index)
        index.add(np.arange(first, first + len(part)), given)
        everything.append(part)
    vectors = np.concatenate(everything)
    np.testing.assert_array_equal(index.vectors(np.arange(len(index))), vectors)
    queries = grid(20, 5, seed=99)
    assert_exact(index.search(queries, 15), nearest("euclidean", queries, vectors, 15))
    allowed = np.flatnonzero(rng.random(len(index)) < 0.5)
    expected = nearest("euclidean", queries, vectors[allowed], 15, allowed)
    assert_exact(index.search(queries, 15, allowed), expected)


# ---- ids -----------------------------------------------------------------------------------------


@every_maker
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint64])
def test_ids_with_gaps_in_any_order(name, dtype):
    rng = np.random.default_rng(3)
    ids = rng.choice(2**31 - 1, 200, replace=False).astype(dtype)
    vectors, queries = cloud(200, seed=1), cloud(9, seed=2)
    index = made(name, "euclidean")
    for part in np.array_split(np.arange(200), 7):
        index.add(ids[part], vectors[part])
    every = all_distances("euclidean", queries, vectors)
    expected = nearest("euclidean", queries, vectors, 12, ids.astype(np.int64))
    assert_near(index.search(queries, 12), expected, every, ids)
    np.testing.assert_array_equal(index.ids(), ids.astype(np.int64))
    assert all(int(id) in index for id in ids)
    for stranger in (-1, 2**70, 1.0, True, "1", None):
        assert stranger not in index


def test_the_largest_id():
    index = filled("exact", grid(2, 3), ids=np.uint64([2**63 - 1, 0]))
    assert index.search(np.ones((1, 3)), 2)[0].max() == 2**63 - 1
    assert 2**63 - 1 in index
    assert 2**63 not in index


@every_maker
def test_a_removed_id_comes_back_with_another_vector(name):
    index = filled(name, cloud(60), "euclidean")
    index.remove([4, 9])
    assert len(index) == 58
    assert 4 not in index
    index.add([9, 60], np.full((2, 8), [[30.0], [40.0]]))
    assert index.search(np.full((1, 8), 30.0), 2)[0].tolist() == [[9, 60]]
    index.restore([4])
    assert index.search(cloud(60)[[4]], 1)[0].tolist() == [[4]]
    with pytest.raises(UnknownIdError, match="id 9 was not removed"):
        index.restore([9])
    index.remove([9])
    index.restore([9])
    assert index.search(np.full((1, 8), 30.0), 1)[0].tolist() == [[9]]
    np.testing.assert_allclose(index.vectors([9]), np.full((1, 8), 30.0))


@every_metric
@every_maker
def test_compact_drops_what_was_removed(name, metric):
    vectors, queries = cloud(300, seed=1), cloud(9, seed=2)
    index = filled(name, vectors, metric)
    before = index._stored_nbytes()
    left = np.setdiff1d(np.arange(300), np.arange(0, 300, 3))
    index.remove(np.arange(0, 300, 3))
    every = all_distances(metric, queries, vectors[left])
    expected = nearest(metric, queries, vectors[left], 20, left)
    assert_near(index.search(queries, 20), expected, every, left)
    index.compact()
    assert_near(index.search(queries, 20), expected, every, left)
    np.testing.assert_array_equal(index.ids(), left)
    with pytest.raises(UnknownIdError, match=r"id 3 was not removed .* add\(\) it"):
        index.restore([3])
    assert index._stored_nbytes() < before
    index.add([3], vectors[[3]])
    assert index.search(vectors[[3]], 300)[0][0].min() == -1
    assert 3 in index.search(vectors[[3]], 201)[0]


@every_maker
def test_all_removed_and_compacted_and_begun_again(name):
    index = filled(name, cloud(50), "euclidean")
    index.remove(index.ids())
    for _ in range(2):
        assert len(index) == 0
        ids, distances = index.search(cloud(2), 3)
        assert (ids == -1).all()
        assert np.isinf(distances).all()
        index.compact()
    assert index.recall_audit(3).queries == 0
    assert index.reachability().checked == 0
    index.add([8], cloud(1))
    assert index.search(cloud(1), 1)[0].tolist() == [[8]]


@every_maker
def test_an_empty_index(name):
    index = made(name)
    index.add([], np.empty((0, 4)))
    index.remove([])
    index.restore([])
    index.compact()
    for queries, shape in ((cloud(2, 3), (2, 4)), (np.ones(7), (1, 4)), (np.empty((0, 3)), (0, 4))):
        ids, distances = index.search(queries, 4)
        assert ids.shape == distances.shape == shape
        assert (ids == -1).all()
    assert (len(index), index.dim, index.ids().tolist()) == (0, 0, [])
    assert index.vectors([]).shape == (0, 0)
    assert str(index.reachability()) == "0 of 0 vectors do not find themselves"
    assert index.recall_audit().low == 0
    index.add([1], cloud(1, 3))  # an empty addition has not settled the dimensions
    assert index.dim == 3


# ---- allowed -------------------------------------------------------------------------------------


@every_metric
@every_maker
def test_only_the_allowed_are_found(name, metric):
    rng = np.random.default_rng(4)
    ids = rng.permutation(500)[:400]
    vectors, queries = cloud(400, seed=1), cloud(11, seed=2)
    index = filled(name, vectors, metric, ids=ids)
    index.remove(ids[:100])
    for allowed in (ids[50:200], ids[50:105], ids[399:], rng.integers(-5, 900, 300), []):
        rows = np.flatnonzero(np.isin(ids, allowed) & (np.arange(400) >= 100))
        expected = nearest(metric, queries, vectors[rows], 17, ids[rows])
        every = all_distances(metric, queries, vectors[rows])
        assert_near(index.search(queries, 17, allowed), expected, every, ids[rows])
        mask = np.zeros(700, bool)
        mask[[id for id in allowed if 0 <= id < 700]] = True
        assert_exact(index.search(queries, 17, mask), index.search(queries, 17, allowed))
    assert (index.search(queries, 3, np.zeros(9, bool))[0] == -1).all()
    assert (index.search(queries, 3, [True] * 700)[0] >= 0).all()


@graphs
def test_a_graph_is_searched_around_what_may_not_be_found(name, monkeypatch):
    """Large enough that the graph itself is asked, for more than is wanted."""
    monkeypatch.setattr("socbi.neighbors.overfetch.FEW_ROWS", 0)
    monkeypatch.setattr("socbi.neighbors.overfetch.COMPARE_BEYOND_SHARE", 1.0)
    vectors, queries = cloud(3000, seed=1), cloud(40, seed=2)
    index = filled(name, vectors, "euclidean")
    asked = []
    ask = index._ask
    monkeypatch.setattr(
        index, "_ask", lambda some, number, *rest: asked.append(number) or ask(some, number, *rest)
    )
    for share in (0.9, 0.5, 0.1, 0.01):
        allowed = np.flatnonzero(np.random.default_rng(5).random(3000) < share)
        expected = nearest("euclidean", queries, vectors[allowed], 10, allowed)
        ids, distances = index.search(queries, 10, allowed)
        np.testing.assert_allclose(distances, expected[1], rtol=1e-4)
        assert np.isin(ids, allowed).all()
    assert max(asked) > 500


@graphs
def test_few_that_may_be_found_are_compared(name, monkeypatch):
    vectors = cloud(6000, seed=1)
    index = filled(name, vectors, "euclidean", ef_construction=20)
    monkeypatch.setattr(index, "_ask", None)  # a graph that is asked fails
    allowed = np.arange(0, 6000, 50)
    expected = nearest("euclidean", vectors[:9], vectors[allowed], 5, allowed)
    np.testing.assert_array_equal(index.search(vectors[:9], 5, allowed)[0], expected[0])


# ---- audits --------------------------------------------------------------------------------------


@every_metric
@every_maker
def test_an_index_that_misses_nothing_has_recall_one(name, metric):
    index = filled(name, cloud(300), metric)
    index.remove(np.arange(0, 300, 4))
    audit = index.recall_audit(9, 100)
    assert (audit.k, audit.queries, audit.recall, audit.high) == (9, 100, 1, 1)
    assert 0.95 < audit.low < 1
    assert str(audit).startswith("recall@9 1.0000 (95%: 0.96")
    reach = index.reachability()
    assert (reach.checked, reach.sound) == (225, True)
    if metric != "inner_product":
        assert reach.undecided == 0


@every_metric
def test_the_audit_counts_what_is_missed(metric):
    vectors = cloud(1000, seed=1)
    index = filled("faiss-ivf", vectors, metric, probes=1)
    audit = index.recall_audit(10, 1000)
    apart = all_distances(metric, vectors, vectors)
    np.fill_diagonal(apart, np.inf)
    true = np.argsort(apart, axis=1, kind="stable")[:, :10]
    found = index.search(vectors, 11)[0]
    hits = sum(
        len(set(mine[mine != row][:10].tolist()) & set(right.tolist()))
        for row, (mine, right) in enumerate(zip(found, true, strict=True))
    )
    assert audit.recall < 0.9
    assert audit.recall == pytest.approx(hits / 10_000, abs=1e-3)
    part = index.recall_audit(10, 300, seed=1)
    assert part.low < audit.recall < part.high
    assert part == index.recall_audit(10, 300, seed=1)


def test_the_audit_of_compressed_vectors_against_the_originals():
    vectors = cloud(1000, 16, seed=1)
    index = filled("faiss-flat-sq8", vectors)
    index.remove(np.arange(0, 1000, 10))
    originals = vectors[index.ids()]
    assert index.recall_audit(10, 200).recall > 0.999
    assert 0.8 < index.recall_audit(10, 200, vectors=originals).recall < 0.999
    with pytest.raises(InvalidInputError, match="there are 900 ids and 7 vectors"):
        index.recall_audit(vectors=originals[:7])


def test_reachability_names_the_lost():
    vectors = np.repeat(cloud(30, seed=3) * 50, 60, axis=0) + cloud(1800, seed=4) / 10
    index = HnswNeighbors("euclidean", m=2, ef_construction=1, ef=1, threads=1)
    index.add(np.arange(1800) + 7, vectors)
    reach = index.reachability()
    found = index.search(vectors, 1)[0].ravel()
    assert len(reach.lost) > 20
    np.testing.assert_array_equal(reach.lost, np.flatnonzero(found != np.arange(7, 1807)) + 7)
    assert not reach.sound
    assert str(reach) == f"{len(reach.lost):,} of 1,800 vectors do not find themselves"
    assert str(Reachability(3, reach.lost[:0], 2)).endswith("themselves, 2 undecided")


# ---- settings and looks --------------------------------------------------------------------------


def test_repr_and_settings():
    index = filled("exact", grid(3, 2), "euclidean", threads=np.int64(2))
    assert repr(index) == (
        "<ExactNeighbors(metric='euclidean', threads=2, device='auto', copy=True): 3 vectors of 2>"
    )
    assert index.settings == {
        "metric": "euclidean",
        "threads": 2,
        "device": "auto",
        "copy": True,
    }
    assert (index.metric, index.dim, len(index), index.kind) == ("euclidean", 2, 3, "exact")


@graphs
def test_an_index_built_on_one_thread_is_repeatable(name):
    first, second = (filled(name, cloud(2000), threads=1) for _ in range(2))
    assert_exact(first.search(cloud(50, seed=5), 9), second.search(cloud(50, seed=5), 9))


@every_maker
def test_an_index_given_to_build_neighbors_is_used(name):
    index = filled(name, cloud(20), ids=np.arange(20)[::-1])
    assert build_neighbors(cloud(20), neighbors=index) is index


@pytest.mark.parametrize(
    ("name", "kind"),
    [("exact", ExactNeighbors), ("hnsw", HnswNeighbors), ("faiss", FaissNeighbors)],
)
def test_build_neighbors_by_name(name, kind):
    index = build_neighbors(cloud(40), neighbors=name, metric="euclidean", threads=2)
    assert type(index) is kind
    assert (index.metric, index.settings["threads"]) == ("euclidean", 2)
    assert index.search(cloud(40)[:3], 1)[0].ravel().tolist() == [0, 1, 2]


# ---- what is refused -----------------------------------------------------------------------------

NAN = np.full((1, 8), np.nan)
REFUSED = [
    (lambda i: i.add([60], NAN), InvalidInputError, "vector in row 0 has NaN"),
    (lambda i: i.add([60], [[np.inf] * 8]), InvalidInputError, "NaN, an infinity or a length"),
    (lambda i: i.add([60], [[1e300] * 8]), InvalidInputError, r"a length beyond 1e\+18"),
    (lambda i: i.add([60], [[3e38] * 8]), InvalidInputError, "scale all vectors"),
    (lambda i: i.add([60, 61], cloud(1)), InvalidInputError, "there are 2 ids and 1 vectors"),
    (lambda i: i.add([60], cloud(1, 7)), InvalidInputError, "of 8 dimensions, got 7"),
    (lambda i: i.add([60], cloud(1)[0]), InvalidInputError, r"number, dimensions\), got \(8,\)"),
    (lambda i: i.add([60], np.empty((1, 0))), InvalidInputError, r"got \(1, 0\)"),
    (lambda i: i.add([60], [["a"] * 8]), InvalidTypeError, "vectors must be of numbers, got <U1"),
    (lambda i: i.add([60], [[1j] * 8]), InvalidTypeError, "of numbers, got complex"),
    (lambda i: i.add([60], np.ones((1, 8), bool)), InvalidTypeError, "of numbers, got bool"),
    (lambda i: i.add([-1], cloud(1)), InvalidInputError, "ids must be 0 or more, got -1"),
    (lambda i: i.add([7], cloud(1)), InvalidInputError, "id 7 is in this neighbour index already"),
    (lambda i: i.add([60, 60], cloud(2)), InvalidInputError, "id 60 is given twice"),
    (lambda i: i.add([0.5], cloud(1)), InvalidTypeError, "ids must be whole numbers, got float64"),
    (lambda i: i.add([True], cloud(1)), InvalidTypeError, "ids must be whole numbers, got bool"),
    (lambda i: i.add([[60]], cloud(1)), InvalidInputError, "ids must be one-dimensional"),
    (
        lambda i: i.add(np.uint64([2**63]), cloud(1)),
        InvalidInputError,
        r"ids must be below 2\*\*63",
    ),
    (lambda i: i.add([60], cloud(1), threads=0), InvalidInputError, "threads must be 1 or more"),
    (lambda i: i.add([60], cloud(1), threads="2"), InvalidInputError, "all cores; got '2'"),
    (lambda i: i.add([60], cloud(1), threads=True), InvalidInputError, "all cores; got True"),
    (lambda i: i.remove([3, 77]), UnknownIdError, r"id 77 is not in .* \(1 of the 2 given"),
    (lambda i: i.remove([5]), UnknownIdError, "id 5 is not in this neighbour index"),
    (lambda i: i.remove([3, 3]), InvalidInputError, "ids: 3 is given twice"),
    (lambda i: i.remove(3), InvalidInputError, r"ids must be one-dimensional, got the shape \(\)"),
    (lambda i: i.restore([3]), UnknownIdError, "id 3 was not removed"),
    (lambda i: i.restore([5, 60]), UnknownIdError, "id 60 was not removed"),
    (lambda i: i.restore([5, 5]), InvalidInputError, "ids: 5 is given twice"),
    (lambda i: i.compact(threads=-1), InvalidInputError, "threads must be 1 or more"),
    (lambda i: i.search(cloud(2), 0), InvalidInputError, "k must be 1 or more, got 0"),
    (lambda i: i.search(cloud(2), 1.0), InvalidTypeError, "k must be a whole number, got 1.0"),
    (lambda i: i.search(cloud(2), True), InvalidTypeError, "k must be a whole number, got True"),
    (lambda i: i.search(cloud(2, 7), 1), InvalidInputError, "of 8 dimensions, got 7"),
    (lambda i: i.search(cloud(8)[None], 1), InvalidInputError, r"got \(1, 8, 8\)"),
    (lambda i: i.search([["a"] * 8], 1), InvalidTypeError, "of numbers"),
    (lambda i: i.search(NAN, 1), InvalidInputError, "query 0 has NaN"),
    (lambda i: i.search(np.vstack([cloud(2), NAN]), 1), InvalidInputError, "query 2 has NaN"),
    (lambda i: i.search([[1e30] * 8], 1), InvalidInputError, r"query 0 .* a length beyond 1e\+18"),
    (lambda i: i.search([[1e300] * 8], 1), InvalidInputError, "query 0 has"),
    (lambda i: i.search(cloud(2), 1, [0.5]), InvalidTypeError, "allowed must be whole numbers"),
    (lambda i: i.search(cloud(2), 1, 3), InvalidInputError, "allowed must be one-dimensional"),
    (lambda i: i.search(cloud(2), 1, threads=0), InvalidInputError, "threads must be 1 or more"),
    (lambda i: i.vectors([5]), UnknownIdError, "id 5 is not in this neighbour index"),
    (lambda i: i.recall_audit(0), InvalidInputError, "k must be 1 or more"),
    (lambda i: i.recall_audit(3, 0), InvalidInputError, "sample must be 1 or more"),
    (lambda i: i.recall_audit(vectors=NAN), InvalidInputError, "59 ids and 1 vectors"),
    (lambda i: i.recall_audit(vectors=cloud(59, 7)), InvalidInputError, "of 8 dimensions"),
    (lambda i: i.reachability(threads=0), InvalidInputError, "threads must be 1 or more"),
]


@every_maker
def test_wrong_input_is_refused_and_changes_nothing(name):
    index = filled(name, cloud(60))
    index.remove([5])
    before = index.search(cloud(30, seed=4), 60)
    for call, error, text in REFUSED:
        with pytest.raises(error, match=text):
            call(index)
    if name == "exact":  # the graphs may move where rows are left over
        assert index.nbytes == filled(name, cloud(60)).nbytes
    after = index.search(cloud(30, seed=4), 60)
    np.testing.assert_array_equal(after[0], before[0])
    np.testing.assert_allclose(after[1], before[1], atol=1e-6)
    assert len(index) == 59


@every_maker
def test_a_refused_first_addition_does_not_settle_the_dimensions(name):
    """Some chunks are stored when the row that cannot be is met."""
    vectors = cloud(9000)
    vectors[8500] = np.nan
    index = made(name, ef_construction=8) if "hnsw" in name else made(name)
    with pytest.raises(InvalidInputError, match=r"row 8[0-9]* has NaN"):
        index.add(np.arange(9000), vectors)
    assert (len(index), index.dim) == (0, 0)
    assert (index.search(cloud(1), 2)[0] == -1).all()
    index.add([3], cloud(1, 5))
    assert index.search(cloud(1, 5), 2)[0].tolist() == [[3, -1]]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: ExactNeighbors("l2"), InvalidInputError, "metric must be one of cosine, eucl"),
        (lambda: ExactNeighbors(threads=0), InvalidInputError, "threads must be 1 or more"),
        (lambda: HnswNeighbors(m=1), InvalidInputError, "m must be 2 or more, got 1"),
        (lambda: HnswNeighbors(m=2.5), InvalidTypeError, "m must be a whole number, got 2.5"),
        (lambda: HnswNeighbors(ef_construction=0), InvalidInputError, "ef_construction must be 1"),
        (lambda: HnswNeighbors(ef=0), InvalidInputError, "ef must be 1 or more"),
        (lambda: HnswNeighbors(seed="x"), InvalidTypeError, "seed must be a whole number"),
        (lambda: HnswNeighbors(seed=-1), InvalidInputError, "seed must be 0 or more"),
        (lambda: FaissNeighbors(m=1), InvalidInputError, "m must be 2 or more, got 1"),
        (lambda: FaissNeighbors(layout="lsh"), InvalidInputError, "layout must be one of flat, h"),
        (lambda: FaissNeighbors(storage="int4"), InvalidInputError, "storage must be one of float"),
        (lambda: FaissNeighbors(probes=0), InvalidInputError, "probes must be 1 or more"),
        (lambda: build_neighbors([[1.0]]), InvalidTypeError, "vectors must be a numpy array, got"),
        (
            lambda: build_neighbors(np.ones(3)),
            InvalidInputError,
            r"vectors must have .* got \(3,\)",
        ),
        (
            lambda: build_neighbors(cloud(3), neighbors="lsh"),
            InvalidInputError,
            "neighbors must be 'auto', 'exact', 'hnsw', 'faiss' or a NeighborIndex, got 'lsh'",
        ),
        (lambda: build_neighbors(cloud(3), k=0), InvalidInputError, "k must be 1 or more"),
        (lambda: build_neighbors(cloud(3), queries="x"), InvalidTypeError, "queries must be a wh"),
        (
            lambda: build_neighbors(cloud(3), neighbors=filled("exact", cloud(2))),
            InvalidInputError,
            "holds 2 vectors and there are 3; add every",
        ),
        (
            lambda: build_neighbors(cloud(3), neighbors=filled("exact", cloud(3), ids=[0, 1, 9])),
            InvalidInputError,
            "holds id 9, which is no row of 3 vectors",
        ),
    ],
)
def test_wrong_settings_are_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize("device", ["meta", "nowhere", "cuda:77"])
def test_a_device_that_cannot_be_used_is_refused(device):
    pytest.importorskip("torch")
    with pytest.raises(InvalidInputError, match=f"a device that torch has here, got '{device}'"):
        ExactNeighbors(device=device)


# ---- originals -----------------------------------------------------------------------------------


@graphs
def test_vectors_are_read_back_from_what_was_added(name, tmp_path):
    vectors = cloud(300)
    index = made(name, "cosine", originals=True)
    index.add(np.arange(200), vectors[:200])
    index.add(np.arange(200, 300), vectors[200:])
    asked = [250, 3, 299]
    np.testing.assert_array_equal(index.vectors(asked), vectors[asked])  # not at length 1
    index.remove([3])
    np.testing.assert_array_equal(index.vectors([250]), vectors[[250]])
    assert index.recall_audit(sample=50).recall > 0.9
    index.compact()
    lengths = np.linalg.norm(vectors[[250]], axis=1, keepdims=True)
    np.testing.assert_allclose(index.vectors([250]), vectors[[250]] / lengths, rtol=1e-5)
    index.save(tmp_path / "saved")
    np.testing.assert_array_equal(type(index).load(tmp_path / "saved").ids(), index.ids())


@graphs
def test_originals_of_an_interrupted_addition_are_not_taken_for_others(name, monkeypatch):
    vectors = cloud(3000)
    index = made(name, "euclidean", originals=True)
    index.add(np.arange(100), vectors[:100])
    module = sys.modules[type(index).__module__]
    monkeypatch.setattr(module, "ADD_CHUNK", 50)
    broken = vectors[100:300].copy()
    broken[70] = np.nan
    with pytest.raises(InvalidInputError, match="NaN"):
        index.add(np.arange(100, 300), broken)
    index.add(np.arange(300, 400), vectors[300:400])
    np.testing.assert_allclose(index.vectors([350, 7]), vectors[[350, 7]], rtol=1e-6)
