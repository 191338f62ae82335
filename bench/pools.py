"""What do pools and the store of embeddings cost?

``python -m bench.pools`` measures, each in a process of its own: rows a second that the store gives
back in random order (200,000 x 512, cached by the system; goal 500,000 rows/s) beside numpy's own
indexing of one array in memory; seconds for a manifest of 100,000 rows (goal 5 s); the peak of
memory while more and more samples are embedded (goal: no higher for 200,000 than for 50,000, but
for what positions take); images a second from JPEG files, read by one thread and by all cores.
``--quick`` takes a tenth, and keeps nothing.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench import results
from bench.neighbors import in_own_process, resident_bytes
from bench.results import Record
from socbi.encoders import PixelEncoder, embed
from socbi.encoders.encoder import Vectors
from socbi.pool import EmbeddingStore, Fingerprint, Pool, Sample, SampleIds
from socbi.pool.columns import Viewed

DIM = 512
ROWS_GOAL, MANIFEST_GOAL_S = 500_000, 5.0
REPEATS = 7


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.pools",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a tenth; not kept")
    arguments = parser.parse_args()
    part = 10 if arguments.quick else 1
    calls = [
        *(
            partial(random_rows, 200_000 // part, asked // part, dtype, arguments.seed)
            for dtype in ("float16", "float32")
            for asked in (2_000, 100_000)
        ),
        *(
            partial(manifest, 100_000 // part, kind)
            for kind in ("csv", "jsonl", "parquet", "files")
        ),
        *(partial(peak_of_embedding, count // part) for count in (50_000, 100_000, 200_000)),
        *(partial(jpeg_files, 2_000 // part, threads) for threads in (1, os.cpu_count() or 1)),
    ]
    records = []
    for call in calls:
        records.append(in_own_process(call))
        print(line(records[-1]), flush=True)
    if not arguments.quick:
        print(results.write("pools", records, seed=arguments.seed))
    return 0


# ---- the store -----------------------------------------------------------------------------------


def random_rows(rows: int, asked: int, dtype: Any, seed: int) -> Record:
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddingStore(folder)
        shelf = store.shelf(Fingerprint("drawn", "", "", DIM), dtype)
        with store.writing():
            for begin in range(0, rows, 16_384):
                ids = range(begin, min(begin + 16_384, rows))
                shelf.append(list(ids), rng.standard_normal((len(ids), DIM), np.float32))
        whole = shelf.rows(np.arange(rows))  # cached from here on
        wanted = rng.integers(0, rows, (REPEATS, asked))
        plain = whole.astype(dtype)
        seconds, bare = [], []
        for positions in wanted:
            begin_s = time.perf_counter()
            found = shelf.rows(positions)
            middle_s = time.perf_counter()
            plain[positions].astype(np.float32)
            bare.append(time.perf_counter() - middle_s)
            seconds.append(middle_s - begin_s)
            if not np.array_equal(found, whole[positions]):
                raise AssertionError("the store gave other rows than were asked for")
    return {
        "kind": "rows", "dtype": dtype, "rows": rows, "asked": asked, "dim": DIM,
        "rows_per_s": round(asked / statistics.median(seconds)),
        "slowest": round(asked / max(seconds)),
        "bare_rows_per_s": round(asked / statistics.median(bare)),
    }  # fmt: skip


# ---- manifests -----------------------------------------------------------------------------------


def manifest(rows: int, kind: str) -> Record:
    """With ids, texts and labels; or names of files, each of which is looked for."""
    given = [
        {"id": f"s{number}", "says": f"some words, {number}", "kind": str(number % 10)}
        for number in range(rows)
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if kind == "files":
            (folder / "photos").mkdir()
            for number, row in enumerate(given):
                row["file_name"] = f"photos/{number}.png"
                (folder / row["file_name"]).touch()
        path = folder / ("rows.csv" if kind == "files" else f"rows.{kind}")
        write(path, given)
        begin = time.perf_counter()
        pool = Pool.from_manifest(path, text="says", label="kind")
        elapsed_s = time.perf_counter() - begin
    if len(pool) != rows or pool.ids[rows - 1] != f"s{rows - 1}":
        raise AssertionError("the manifest gave another pool")
    return {"kind": "manifest", "form": kind, "rows": rows, "elapsed_s": round(elapsed_s, 3)}


def write(path: Path, rows: Sequence[dict[str, str]]) -> None:
    if path.suffix == ".parquet":
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
        return
    with open(path, "w", encoding="utf-8", newline="") as file:
        if path.suffix == ".jsonl":
            file.writelines(json.dumps(row) + "\n" for row in rows)
        else:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


# ---- embedding -----------------------------------------------------------------------------------


class Widened:
    """Pixels repeated to the dimensions of a usual embedding: quick, and of a real size."""

    batch_size = 256
    dim = DIM
    fingerprint = Fingerprint("pixels, repeated", "", "", DIM)

    def __init__(self) -> None:
        self._pixels = PixelEncoder(16)
        self.prepare = self._pixels.prepare

    def encode(self, batch: Sequence[Sample]) -> Vectors:
        return np.tile(self._pixels.encode(batch), (1, 2))


def peak_of_embedding(samples: int) -> Record:
    """Growth of the process beyond what it had when a first, small pool was embedded."""
    with tempfile.TemporaryDirectory() as folder:
        embed(drawn(1_000), Widened(), EmbeddingStore(Path(folder, "warm")), progress=False)
        pool = drawn(samples)
        before = resident_bytes()
        done = embed(pool, Widened(), EmbeddingStore(Path(folder, "store")), progress=False)
        peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "kind": "peak", "samples": done.new, "dim": DIM, "shelf_bytes": done.shelf.nbytes,
        "peak_bytes": max(peak - before, 0), "samples_per_s": round(done.new / done.elapsed_s),
    }  # fmt: skip


def drawn(samples: int) -> Pool:
    """Images that are drawn when they are read: the pool itself holds none."""
    from PIL import Image

    def read(position: int) -> Any:
        rng = np.random.default_rng(position)
        return Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8))

    return Pool(SampleIds.numbered(samples), {"image": Viewed(samples, read)})


def jpeg_files(count: int, threads: int) -> Record:
    from PIL import Image

    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "photos")
        folder.mkdir()
        coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        for number in range(count):
            photo = Image.fromarray(np.roll(coarse, number, axis=number % 3)).resize((640, 480))
            photo.save(folder / f"{number:05}.jpg")
        pool = Pool.from_folder(folder)
        store = EmbeddingStore(Path(name, "store"))
        done = embed(pool, PixelEncoder(28), store, readers=threads, progress=False)
    return {
        "kind": "jpeg", "files": done.new, "pixels": "640 x 480", "threads": threads,
        "files_per_s": round(done.new / done.elapsed_s, 1),
    }  # fmt: skip


def line(record: Record) -> str:
    if record["kind"] == "rows":
        return (
            f"{record['asked']:>9,} random rows of {record['rows']:,} x {record['dim']} "
            f"{record['dtype']}: {record['rows_per_s']:,} rows/s (slowest {record['slowest']:,}), "
            f"one array in memory {record['bare_rows_per_s']:,}"
        )
    if record["kind"] == "manifest":
        return f"{record['rows']:>9,} rows of {record['form']}: {record['elapsed_s']:.2f} s"
    if record["kind"] == "peak":
        return (
            f"{record['samples']:>9,} samples embedded: {record['peak_bytes'] / 1e6:,.1f} MB above "
            f"the start, {record['shelf_bytes'] / 1e6:,.0f} MB on disk, "
            f"{record['samples_per_s']:,} samples/s"
        )
    return (
        f"{record['files']:>9,} JPEG files of {record['pixels']} read by {record['threads']}: "
        f"{record['files_per_s']:,} files/s"
    )


if __name__ == "__main__":
    raise SystemExit(main())
