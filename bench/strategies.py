"""How fast is a batch chosen, in how much memory, and how good is it by its own measure?

``python -m bench.strategies`` takes 100,000 x 512 structured vectors of 10 classes, 20 of them
labelled, and chooses batches of 100 and 1,000 with ours and with scikit-activeml, lightly-mundig
and apricot-select where they are installed. Each choice runs in a process of its own, with all it
is given ready (embeddings, class probabilities, the neighbour graph) and after one from 1,000
vectors, so that nothing is loaded or compiled on the clock. All of a row are timed in turn,
``--turns`` times over, but who took more than ten seconds only once; medians. Who is not done in
``--limit`` seconds is stopped.

Measures, small is good: the summed margin of the batch; the covering radius (k-center); the squared
distances of all samples to the nearest label or pick (TypiClust), and of their gradient embeddings
to the nearest pick (BADGE). Large is good: what the picks serve, by coverage margin's own value
without probabilities. apricot has nothing like it; what it maximises, the facility location of the
graph, is told beside.

``--quick`` takes a hundredth of the vectors, once, and keeps nothing. Needs
``pip install '.[bench]'``.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import numpy.typing as npt

from bench import results
from bench.coverage import plain_matrix
from bench.embeddings import Vectors, structured
from bench.neighbors import resident_bytes
from bench.results import Record
from socbi.neighbors import KnnGraph, knn_graph
from socbi.strategies import (
    BADGE,
    CoverageMargin,
    KCenterGreedy,
    Margin,
    PoolState,
    Strategy,
    TypiClust,
)
from socbi.strategies.coverage_margin import unserved

CLASSES, LABELLED, NEIGHBORS = 10, 20, 10
BATCHES = (100, 1_000)
SLOW_S = 10.0
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Given:
    """What every contender is given."""

    vectors: Vectors
    probabilities: npt.NDArray[np.float64]
    graph: KnnGraph
    labelled: Ids

    @property
    def labels(self) -> npt.NDArray[np.float64]:
        """As scikit-activeml takes them: NaN for what has none."""
        y = np.full(len(self.vectors), np.nan)
        y[self.labelled] = np.arange(len(self.labelled)) % CLASSES
        return y


def given(rows: int, dim: int, seed: int) -> Given:
    vectors = structured(rows, dim, seed)
    rng = np.random.default_rng(seed)
    logits = 4 * vectors @ rng.normal(size=(dim, CLASSES))
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    graph = knn_graph(vectors, NEIGHBORS, progress=False)
    labelled = np.sort(rng.choice(rows, LABELLED, replace=False))
    return Given(vectors, odds / odds.sum(axis=1, keepdims=True), graph, labelled)


# ---- contenders: (given, batch) -> ids -----------------------------------------------------------


def ours(strategy: Strategy, *, cold: bool = False) -> Callable[[Given, int], Ids]:
    def select(data: Given, batch: int) -> Ids:
        state = PoolState(
            len(data.vectors),
            labelled=data.labelled,
            labels=np.arange(len(data.labelled)) % CLASSES,
            classes=CLASSES,
            embeddings=data.vectors,
            probabilities=None if cold else data.probabilities,
            graph=data.graph,
        )
        return strategy.select(state, batch, np.random.default_rng(0))

    return select


def skactiveml(name: str) -> Callable[[Given, int], Ids]:
    def select(data: Given, batch: int) -> Ids:
        from skactiveml import pool
        from skactiveml.base import SkactivemlClassifier

        class Told(SkactivemlClassifier):  # type: ignore[misc]
            """Knows the probabilities already."""

            def fit(self, X: Any, y: Any) -> Any:  # noqa: N803
                return self

            def predict_proba(self, X: Any) -> Any:  # noqa: N803
                return data.probabilities[-len(X) :] if len(X) < len(unlabelled) else by_row(X)

        unlabelled = np.setdiff1d(np.arange(len(data.vectors)), data.labelled)

        def by_row(rows: Any) -> Any:
            some = unlabelled if len(rows) == len(unlabelled) else slice(None)
            return data.probabilities[some]

        query = getattr(pool, name)(random_state=0)
        if name in ("CoreSet", "TypiClust"):
            return np.asarray(query.query(data.vectors, data.labels, batch_size=batch))
        clf = Told(classes=list(range(CLASSES)))
        return np.asarray(
            query.query(data.vectors, data.labels, clf, fit_clf=False, batch_size=batch)
        )

    return select


def skactiveml_margin(data: Given, batch: int) -> Ids:
    from skactiveml.pool import uncertainty_scores
    from skactiveml.utils import simple_batch

    utilities = uncertainty_scores(data.probabilities, method="margin_sampling")
    utilities[data.labelled] = np.nan
    return np.asarray(simple_batch(utilities, random_state=0, batch_size=batch))


def mundig(data: Given, batch: int) -> Ids:
    from lightly_mundig import Selection

    selection = Selection()
    selection.add_diversifying_strategy(data.vectors, 1.0)
    before = data.labelled.tolist()
    found = selection.run_selection(before, len(data.vectors), len(before) + batch)
    return np.array([one for one in found if one not in set(before)], np.int64)


def apricot(data: Given, batch: int) -> Ids:
    from apricot import FacilityLocationSelection

    similar = similarity(data.graph)
    chosen = FacilityLocationSelection(batch, metric="precomputed", optimizer="lazy").fit(similar)
    return np.asarray(chosen.ranking, np.int64)


CONTENDERS: dict[str, dict[str, Callable[[Given, int], Ids]]] = {
    "margin": {"socbi": ours(Margin()), "scikit-activeml": skactiveml_margin},
    "k-center": {
        "socbi": ours(KCenterGreedy()),
        "scikit-activeml": skactiveml("CoreSet"),
        "lightly-mundig": mundig,
    },
    "TypiClust": {"socbi": ours(TypiClust()), "scikit-activeml": skactiveml("TypiClust")},
    "BADGE": {"socbi": ours(BADGE()), "scikit-activeml": skactiveml("Badge")},
    "coverage": {"socbi": ours(CoverageMargin(), cold=True), "apricot-select": apricot},
}


# ---- measures ------------------------------------------------------------------------------------


def objective(method: str, data: Given, ids: Ids) -> float:
    if method == "margin":
        two = np.sort(data.probabilities[ids], axis=1)[:, -2:]
        return float((two[:, 1] - two[:, 0]).sum())
    if method == "coverage":
        return served(data, ids)
    centres = np.concatenate([data.labelled, ids])
    if method == "BADGE":
        return float(gradient_squares(data, ids).sum())
    squares = nearest_squares(data.vectors, centres)
    return float(np.sqrt(squares.max()) if method == "k-center" else squares.sum())


def nearest_squares(vectors: Vectors, centres: Ids) -> npt.NDArray[np.float64]:
    squares = np.empty(len(vectors))
    for begin in range(0, len(vectors), 8_192):
        some = vectors[begin : begin + 8_192]
        apart = (some * some).sum(axis=1)[:, None] - 2 * some @ vectors[centres].T
        squares[begin : begin + 8_192] = (apart + (vectors[centres] ** 2).sum(axis=1)).min(axis=1)
    return np.maximum(squares, 0)


def gradient_squares(data: Given, ids: Ids) -> npt.NDArray[np.float64]:
    errors = data.probabilities.astype(np.float32)
    errors[np.arange(len(errors)), errors.argmax(axis=1)] -= 1
    lengths = (errors**2).sum(axis=1) * (data.vectors**2).sum(axis=1)
    squares = np.empty(len(errors))
    for begin in range(0, len(errors), 8_192):
        rows = slice(begin, begin + 8_192)
        alike = (data.vectors[rows] @ data.vectors[ids].T) * (errors[rows] @ errors[ids].T)
        squares[rows] = (lengths[rows][:, None] + lengths[ids] - 2 * alike).min(axis=1)
    return np.maximum(squares, 0)


def served(data: Given, ids: Ids) -> float:
    """The values of coverage margin, without probabilities, when these are taken in this order."""
    matrix = plain_matrix(data.graph)
    state = PoolState(len(data.vectors), labelled=data.labelled, labels=data.labelled % CLASSES,
                      graph=data.graph)  # fmt: skip
    left, total = unserved(state, CoverageMargin().fade)[1], 0.0
    for id in ids[~np.isin(ids, data.labelled)]:
        row = matrix[id]
        total += float(row.data @ left[row.indices]) / len(row.indices) ** 0.5
        left[row.indices] = 0
    return total


def facility_location(data: Given, ids: Ids) -> float:
    return float(similarity(data.graph)[:, ids].max(axis=1).sum())


def similarity(graph: KnnGraph) -> Any:
    """One on the diagonal, the cosine of neighbours, nothing elsewhere."""
    from scipy.sparse import identity

    near = graph.csr()
    near.data = np.maximum(1 - near.data, 0)
    return (near.maximum(near.T) + identity(len(graph))).tocsr()


# ---- one choice ----------------------------------------------------------------------------------


def measured(
    method: str, name: str, data: Given, small: Given, batch: int, limit_s: float
) -> Record:
    head = {"kind": "strategy", "method": method, "contender": name, "batch": batch}
    ours_end, theirs = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(
        target=choose, args=(theirs, method, name, data, small, batch)
    )
    child.start()
    theirs.close()
    try:
        answer = ours_end.recv() if ours_end.poll(limit_s) else {"left_out": f"over {limit_s:g} s"}
    except EOFError:
        answer = {"left_out": f"ended without an answer (exit code {child.exitcode})"}
    child.kill()
    child.join()
    return {**head, **answer}


def in_turn(
    method: str, data: Given, small: Given, batch: int, limit_s: float, turns: int
) -> list[Record]:
    """Return a record of each contender: the median of its times, of the first turn all else."""
    found: dict[str, list[Record]] = {name: [] for name in CONTENDERS[method]}
    for _ in range(turns):
        for name, before in found.items():
            if before and ("left_out" in before[0] or before[0]["elapsed_s"] > SLOW_S):
                continue
            before.append(measured(method, name, data, small, batch, limit_s))
    records = []
    for each in found.values():
        times = sorted(one["elapsed_s"] for one in each if "elapsed_s" in one)
        timed = {"elapsed_s": statistics.median(times), "all_s": times} if times else {}
        records.append({**each[0], **timed})
    return records


def choose(
    answer: Connection, method: str, name: str, data: Given, small: Given, batch: int
) -> None:
    select = CONTENDERS[method][name]
    try:
        select(small, 5)
        trim_heap()
        before = resident_bytes()
        begin = time.perf_counter()
        ids = select(data, batch)
        elapsed_s = time.perf_counter() - begin
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
        assert len(set(ids.tolist())) == batch
        record = {
            "elapsed_s": round(elapsed_s, 4),
            "peak_mb": round(max(peak, 0) / 2**20, 1),
            "objective": round(objective(method, data, ids), 4),
        }
        if method == "coverage":
            record["facility_location"] = round(facility_location(data, ids), 4)
    except ImportError as error:
        record = {"left_out": f"not installed: {error}"}
    except Exception as error:
        record = {"left_out": f"{type(error).__name__}: {str(error)[:150]}"}
    answer.send(record)


def trim_heap() -> None:
    """Give back what was freed, so that room used again counts as more."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.strategies",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for each choice")
    parser.add_argument("--turns", type=int, default=5, help="times over; medians")
    parser.add_argument("--quick", action="store_true", help="few vectors; not kept")
    arguments = parser.parse_args()
    part, turns = (100, 1) if arguments.quick else (1, arguments.turns)
    data = given(arguments.rows // part, arguments.dim // min(part, 8), arguments.seed)
    small = given(1_000, data.vectors.shape[1], arguments.seed)
    records = []
    for batch in BATCHES:
        for method in CONTENDERS:
            number = max(batch // part, 5)
            row = in_turn(method, data, small, number, arguments.limit, turns)
            records += row
            print(*map(line, row), sep="\n", flush=True)
    if not arguments.quick:
        print(results.write("strategies", records, seed=arguments.seed))
    return 0


def line(record: Record) -> str:
    head = f"{record['method']:10} b = {record['batch']:<6,} {record['contender']:16}"
    if "left_out" in record:
        return f"{head} left out: {record['left_out']}"
    beside = record.get("facility_location")
    return (
        f"{head} {record['elapsed_s']:9.3f} s {record['peak_mb']:9,.1f} MB more, objective "
        f"{record['objective']:,.4f}"
        + ("" if beside is None else f", facility location {beside:,.4f}")
    )


if __name__ == "__main__":
    raise SystemExit(main())
