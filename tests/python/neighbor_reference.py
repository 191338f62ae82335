"""The slow, obvious neighbours: every distance in float64, one stable sort for each query."""

import numpy as np

from socbi.neighbors import ExactNeighbors, FaissNeighbors, HnswNeighbors

METRICS = ["cosine", "euclidean", "inner_product"]

# Every maker, set so that it misses nothing among some hundred vectors.
MAKERS = {
    "exact": (ExactNeighbors, {}),
    "hnsw": (HnswNeighbors, {"m": 48, "ef": 600}),
    "faiss-flat": (FaissNeighbors, {"layout": "flat"}),
    "faiss-hnsw": (FaissNeighbors, {"layout": "hnsw", "m": 48, "ef": 600}),
    "faiss-ivf": (FaissNeighbors, {"layout": "ivf", "probes": 600}),
}
COMPRESSED = {
    f"faiss-{layout}-{storage}": (FaissNeighbors, {**MAKERS[f"faiss-{layout}"][1], **how})
    for layout in ("flat", "hnsw", "ivf")
    for storage, how in (("float16", {"storage": "float16"}), ("sq8", {"storage": "sq8"}))
}


def made(name, metric="cosine", **more):
    """A new index of this name."""
    make, options = (MAKERS | COMPRESSED)[name]
    return make(metric, **{**options, **more})


def all_distances(metric, queries, vectors):
    """The distance of each query to each vector, float64."""
    q = np.asarray(queries, np.float64)[:, None, :]
    x = np.asarray(vectors, np.float64)[None, :, :]
    if metric == "euclidean":
        return np.sqrt(((q - x) ** 2).sum(axis=2))
    products = (q * x).sum(axis=2)
    if metric == "inner_product":
        return -products
    lengths = np.sqrt((q * q).sum(axis=2) * (x * x).sum(axis=2))
    return 1 - np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)


def nearest(metric, queries, vectors, k, ids=None):
    """The k nearest: equal as float32 in the order of the rows, padded with -1 and infinity."""
    ids = np.arange(len(vectors)) if ids is None else np.asarray(ids)
    apart = all_distances(metric, queries, vectors).astype(np.float32)
    order = np.argsort(apart, axis=1, kind="stable")[:, :k]
    found = np.full((len(queries), k), -1)
    distances = np.full((len(queries), k), np.inf, np.float32)
    found[:, : order.shape[1]] = ids[order]
    distances[:, : order.shape[1]] = np.take_along_axis(apart, order, axis=1)
    return found, distances


def grid(count, dim, seed=0, most=3):
    """Vectors of small whole numbers: many are equal, and every sum of products is exact."""
    return np.random.default_rng(seed).integers(-most, most + 1, (count, dim)).astype(np.float32)


def cloud(count, dim=8, seed=0):
    """Vectors of which no two are alike."""
    return np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)


def assert_exact(answer, expected):
    """Ids and distances, bit for bit, and of the promised types."""
    for mine, right in zip(answer, expected, strict=True):
        np.testing.assert_array_equal(mine, right, strict=True)


def assert_near(answer, expected, every, ids, tolerance=2e-5):
    """The distances are the reference's up to rounding, and belong to the ids beside them.

    ``every`` are all distances of the reference: ids may change places where they are that close.
    """
    found, distances = answer
    assert (found.dtype, distances.dtype) == (np.int64, np.float32)
    np.testing.assert_allclose(distances, expected[1], rtol=tolerance, atol=tolerance)
    assert ((found < 0) == (expected[0] < 0)).all()
    place = {id: row for row, id in enumerate(np.asarray(ids).tolist())}
    for query, (row, apart) in enumerate(zip(found, distances, strict=True)):
        there = row >= 0
        assert len(set(row[there].tolist())) == there.sum()
        own = every[query, [place[id] for id in row[there].tolist()]]
        np.testing.assert_allclose(apart[there], own, rtol=tolerance, atol=tolerance)
