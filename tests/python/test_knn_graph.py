"""The graph of a whole pool: its rows, its matrices, how it grows, and what it refuses."""

import numpy as np
import pytest
from neighbor_reference import METRICS, all_distances, assert_exact, cloud, grid, made, nearest
from scipy.sparse import csr_matrix

from socbi import InvalidInputError, InvalidTypeError
from socbi.neighbors import ExactNeighbors, KnnGraph, graph, knn_graph

every_metric = pytest.mark.parametrize("metric", METRICS)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks so small that each graph has some, of which the last is not full."""
    monkeypatch.setattr(graph, "BLOCK_ROWS", 64)


def reference(metric, vectors, k):
    """The k nearest of each, its own row taken out by its number."""
    ids, distances = nearest(metric, vectors, vectors, len(vectors))
    others = ids != np.arange(len(vectors))[:, None]
    width = len(vectors) - 1
    ids, distances = (one[others].reshape(-1, width)[:, :k] for one in (ids, distances))
    missing = [(0, 0), (0, k - min(k, width))]
    ids = np.pad(ids, missing, constant_values=-1).astype(np.int32)
    return ids, np.pad(distances, missing, constant_values=np.inf)


def assert_graph(made_graph, metric, vectors, k):
    assert_exact((made_graph.ids, made_graph.distances), reference(metric, vectors, k))
    assert (len(made_graph), made_graph.k, made_graph.metric) == (len(vectors), k, metric)


# ---- the rows ------------------------------------------------------------------------------------


@every_metric
@pytest.mark.parametrize(("count", "k"), [(2, 1), (2, 5), (64, 3), (65, 3), (300, 12), (20, 30)])
def test_against_the_reference(metric, count, k):
    for vectors in (grid(count, 3), cloud(count)):
        assert_graph(knn_graph(vectors, k, metric=metric), metric, vectors, k)


@every_metric
def test_the_own_row_is_left_out_among_duplicates(metric):
    """Of more duplicates than neighbours the first are listed, not the own one among them."""
    vectors = np.concatenate([np.ones((40, 3)), 2 * np.ones((1, 3)), np.ones((40, 3))])
    got = knn_graph(vectors, 4, metric=metric)
    assert_graph(got, metric, vectors, 4)
    assert (got.ids != np.arange(81)[:, None]).all()
    if metric == "euclidean":
        assert got.ids[0].tolist() == [1, 2, 3, 4]
        assert got.ids[2].tolist() == [0, 1, 3, 4]
        assert got.ids[77].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("count", [0, 1])
def test_a_pool_of_none_or_one(count, tmp_path):
    for options in ({}, {"folder": tmp_path / "graph"}):
        got = knn_graph(np.ones((count, 3)), 2, **options)
        assert got.ids.tolist() == [[-1, -1]] * count
        assert np.isinf(got.distances).all()
        for matrix in (got.csr(), got.symmetric(), got.symmetric("connectivity")):
            assert (matrix.shape, matrix.nnz) == ((count, count), 0)
    assert len(KnnGraph.load(tmp_path / "graph")) == count


@pytest.mark.parametrize("name", ["hnsw", "faiss-hnsw", "faiss-flat", "faiss-ivf"])
def test_an_approximate_graph_comes_with_its_recall(name):
    vectors = cloud(300)
    index = made(name, "euclidean")
    index.add(np.arange(300), vectors)
    got = knn_graph(vectors, 6, neighbors=index, audit=100)
    assert got.metric == "euclidean"
    assert (got.recall.k, got.recall.queries, got.recall.recall) == (6, 100, 1)
    np.testing.assert_array_equal(got.ids, reference("euclidean", vectors, 6)[0])
    assert knn_graph(vectors, 6, neighbors=index, audit=0).recall is None


def test_the_recall_of_a_graph_that_misses_some(tmp_path):
    vectors = cloud(1000)
    index = made("faiss-ivf", "euclidean", probes=1)
    index.add(np.arange(1000), vectors)
    got = knn_graph(vectors, 6, neighbors=index, audit=1000, folder=tmp_path)
    true = reference("euclidean", vectors, 6)[0]
    share = np.mean([len(set(a) & set(b)) / 6 for a, b in zip(got.ids, true, strict=True)])
    assert share < 0.9
    assert got.recall.recall == pytest.approx(share, abs=1e-3)
    assert KnnGraph.load(tmp_path).recall == got.recall


@pytest.mark.parametrize("name", ["auto", "exact", "hnsw", "faiss"])
def test_makers_by_name(name):
    got = knn_graph(cloud(200), 5, neighbors=name)
    assert (got.recall is None) == (name in ("auto", "exact"))
    assert (got.ids == reference("cosine", cloud(200), 5)[0]).mean() > 0.99
    assert got.nbytes == 200 * 5 * 8


def test_an_exact_index_of_other_order():
    vectors = cloud(90)
    index = ExactNeighbors("euclidean")
    index.add(np.arange(90)[::-1], vectors[::-1])
    assert_graph(knn_graph(vectors, 4, neighbors=index), "euclidean", vectors, 4)


# ---- matrices ------------------------------------------------------------------------------------


def test_csr():
    vectors = grid(150, 3)
    got = knn_graph(vectors, 7, metric="euclidean")
    matrix = got.csr()
    assert isinstance(matrix, csr_matrix)
    assert (matrix.dtype, matrix.nnz) == (np.float32, 150 * 7)
    assert (matrix.data == 0).sum() > 10  # the zeros of duplicates are entries
    np.testing.assert_array_equal(matrix.indices.reshape(150, 7), got.ids)
    np.testing.assert_array_equal(matrix.data.reshape(150, 7), got.distances)
    short = knn_graph(vectors[:4], 7, metric="euclidean").csr()
    assert short.nnz == 12


def symmetric_reference(got, weight):
    """A dict from the two ids to what stands there."""
    entries = {}
    pairs = {(u, int(v)) for u, row in enumerate(got.ids) for v in row if v >= 0}
    distance = {
        (u, int(v)): float(apart)
        for u, (row, distances) in enumerate(zip(got.ids, got.distances, strict=True))
        for v, apart in zip(row, distances, strict=True)
    }
    for u, v in pairs:
        both = 1.0 if (v, u) in pairs else 0.5
        entries[u, v] = entries[v, u] = distance[u, v] if weight == "distance" else both
    return entries


@every_metric
@pytest.mark.parametrize("weight", ["distance", "connectivity"])
def test_symmetric(metric, weight):
    """Duplicates at a distance of zero stay entries."""
    for vectors in (grid(120, 3, most=1), cloud(120)):
        got = knn_graph(vectors, 5, metric=metric)
        matrix = got.symmetric(weight)
        assert matrix.dtype == np.float32
        coo = matrix.tocoo()
        entries = dict(
            zip(zip(coo.row.tolist(), coo.col.tolist(), strict=True), coo.data, strict=True)
        )
        assert len(entries) == matrix.nnz
        assert entries == symmetric_reference(got, weight)
        assert (matrix != matrix.T).nnz == 0
        assert_graph(got, metric, vectors, 5)  # nothing was changed on the way


# ---- growing -------------------------------------------------------------------------------------


@every_metric
@pytest.mark.parametrize("make", [lambda n: grid(n, 3), cloud])
@pytest.mark.parametrize("steps", [(50, 51), (1, 2, 200), (3, 40, 41, 230), (0, 64, 128)])
def test_a_grown_graph_is_one_from_scratch(metric, make, steps):
    vectors = make(steps[-1])
    got = knn_graph(vectors[: steps[0]], 6, metric=metric)
    for count in steps[1:]:
        got = got.grown(vectors[:count])
        assert_exact(
            (got.ids, got.distances),
            (lambda whole: (whole.ids, whole.distances))(
                knn_graph(vectors[:count], 6, metric=metric, threads=1)
            ),
        )
    assert_graph(got, metric, vectors, 6)
    assert got.grown(vectors) is got


def test_a_grown_graph_of_a_memory_map(tmp_path):
    vectors = cloud(300)
    np.save(tmp_path / "vectors.npy", vectors)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    old = knn_graph(mapped[:200], 4, folder=tmp_path / "graph")
    assert_graph(old.grown(mapped, threads=2), "cosine", vectors, 4)
    assert_graph(KnnGraph.load(tmp_path / "graph").grown(vectors), "cosine", vectors, 4)
    assert_graph(old, "cosine", vectors[:200], 4)


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: knn_graph([[1.0]]), InvalidTypeError, "vectors must be a numpy array, got list"),
        (lambda: knn_graph(np.ones(3)), InvalidInputError, r"vectors must have .* got \(3,\)"),
        (lambda: knn_graph(cloud(9), 0), InvalidInputError, "k must be 1 or more, got 0"),
        (lambda: knn_graph(cloud(9), 2.0), InvalidTypeError, "k must be a whole number"),
        (lambda: knn_graph(cloud(9), metric="l1"), InvalidInputError, "metric must be one of"),
        (lambda: knn_graph(cloud(9), neighbors="x"), InvalidInputError, "neighbors must be 'auto'"),
        (lambda: knn_graph(cloud(9), threads=0), InvalidInputError, "threads must be 1 or more"),
        (lambda: knn_graph(cloud(9), audit=-1), InvalidInputError, "audit must be 0 or more"),
        (lambda: knn_graph(cloud(9) * np.nan), InvalidInputError, "row 0 has NaN"),
        (lambda: knn_graph(np.array([["a"]])), InvalidTypeError, "vectors must be of numbers"),
        (
            lambda: knn_graph(cloud(9), 2).grown(cloud(8)),
            InvalidInputError,
            "the graph has 9 samples and there are 8 vectors; give all of them",
        ),
        (
            lambda: knn_graph(cloud(9), 2).grown([[1.0]] * 10),
            InvalidTypeError,
            "vectors must be a numpy array",
        ),
        (
            lambda: knn_graph(cloud(9), 2).symmetric("weight"),
            InvalidInputError,
            "weights must be 'distance' or 'connectivity', got 'weight'",
        ),
    ],
)
def test_wrong_input(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_an_index_of_other_vectors_is_refused():
    index = made("exact")
    index.add(np.arange(100, 109), cloud(9))
    with pytest.raises(InvalidInputError, match="holds id 100, which is no row of 9 vectors"):
        knn_graph(cloud(9), 2, neighbors=index)
    with pytest.raises(InvalidInputError, match="holds 9 vectors and there are 8"):
        knn_graph(cloud(8), 2, neighbors=index)


def test_distances_are_those_of_the_reference():
    vectors = cloud(70)
    got = knn_graph(vectors, 5, metric="euclidean")
    every = all_distances("euclidean", vectors, vectors)
    np.testing.assert_allclose(
        np.take_along_axis(every, got.ids.astype(np.int64), axis=1), got.distances, rtol=1e-6
    )


# ---- going on ------------------------------------------------------------------------------------


class StoppedError(Exception):
    """What stops a graph in these tests."""


def interrupted_graph(monkeypatch, vectors, folder, **options):
    """Begin a graph and stop after its first block."""
    put = graph.GraphFolder.put

    def put_one(self, begin, ids, distances):
        if begin > 0:
            raise StoppedError
        put(self, begin, ids, distances)

    with monkeypatch.context() as patched:
        patched.setattr(graph.GraphFolder, "put", put_one)
        with pytest.raises(StoppedError):
            knn_graph(vectors, 5, folder=folder, **options)


@pytest.mark.parametrize("maker", ["hnsw", "faiss"])
def test_going_on_does_not_build_an_approximate_index_again(maker, monkeypatch, tmp_path):
    vectors = cloud(300)
    interrupted_graph(monkeypatch, vectors, tmp_path, neighbors=maker)
    assert (tmp_path / "index").is_dir()
    with monkeypatch.context() as patched:
        patched.setattr(graph.Maker, "filled", None)  # nothing can be built
        resumed = knn_graph(vectors, 5, folder=tmp_path, neighbors=maker)
    assert resumed.recall.recall > 0.9
    assert not (tmp_path / "index").exists()


def test_going_on_keeps_to_what_was_advised_at_first(monkeypatch, tmp_path):
    vectors = cloud(300)
    interrupted_graph(monkeypatch, vectors, tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(graph, "advised_maker", None)  # nobody can be asked
        resumed = knn_graph(vectors, 5, folder=tmp_path)
    assert_graph(resumed, "cosine", vectors, 5)
