"""Published sets as problems: encoded, thinned and written once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.encoders import PixelEncoder, TableEncoder, TextEncoder, WordEncoder
from socbi.encoders.encoder import Encoder, Vectors
from socbi.errors import InvalidInputError
from socbi.experiments.problem import Problem
from socbi.pool import Pool, datasets
from socbi.pool.columns import ArrayImages
from socbi.pool.longtail import step_imbalance
from socbi.types import IdArray

__all__ = ["SIDE", "made_problem", "problem_name"]

# The share of a set without official splits that is held out.
_TEST_SHARE = 0.3
# More test samples than this make no figure better: the error of an accuracy is then half a point.
_MOST_TESTS = 10_000
_ENCODED_AT_ONCE = 4_096

SIDE = 28
"""Pixels of an image to a side, unless said otherwise."""


def problem_name(data: str, imbalance: float, pool_size: int | None, side: int = SIDE) -> str:
    """Return what a problem is called, also as a folder.

    Examples
    --------
    >>> problem_name("uci_pendigits", 0.1, 4000)
    'uci_pendigits-4000-if0.1'
    """
    size = "" if pool_size is None else f"-{pool_size}"
    pixels = "" if side == SIDE else f"-{side}px"
    return f"{data}{size}{pixels}" + ("" if imbalance == 1 else f"-if{imbalance:g}")


def made_problem(
    data: str,
    folder: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
    imbalance: float = 1.0,
    pool_size: int | None = None,
    side: int = SIDE,
    text_model: Any = None,
    progress: bool = False,
) -> Problem:
    """Return the problem of a published set, from the folder where it was made before.

    Parameters
    ----------
    data
        As `socbi.pool.datasets.names` has it: images become pixels, tables standardised columns,
        texts vectors of words. Without an official test split, 30% are held out, by class.
    folder
        Where problems are kept, one folder each.
    root
        Where the files of all sets are, a folder each: what ``SOCBI_DATA`` names.
    imbalance
        Half of the classes of the pool keep this share of their samples; the test set is not
        thinned. One thinned pool serves all seeds.
    pool_size
        At most so many samples, drawn, before the thinning; None for all.
    side
        Images become so many pixels to a side, or as many as they have.
    text_model
        Encodes texts: what `TextEncoder` takes; by default a `WordEncoder` that learned from the
        pool. A folder of problems is for one of them.
    """
    place = Path(folder) / problem_name(data, imbalance, pool_size, side)
    if Problem.exists(place):
        return Problem.open(place)
    rng = np.random.default_rng(0)
    pool, test = _split(data, root, rng)
    if pool_size is not None and pool_size < len(pool):
        pool = pool.subset(np.sort(rng.permutation(len(pool))[:pool_size]))
    if imbalance != 1:
        pool = pool.subset(step_imbalance(pool, imbalance))
    if len(test) > _MOST_TESTS:
        test = test.subset(np.sort(rng.permutation(len(test))[:_MOST_TESTS]))
    vectors = _vectors([pool, test], side, text_model)
    labels = np.concatenate([pool.labels, _in_classes_of(pool, test, data)])
    return Problem.make(place, place.name, vectors, labels, pool_size=len(pool), progress=progress)


def _split(
    data: str, root: str | os.PathLike[str] | None, rng: np.random.Generator
) -> tuple[Pool, Pool]:
    """Return pool and test set; held out by class where there is no official split."""
    place = _root_of(data, root)
    if "test" in datasets.splits(data):
        try:
            return datasets.load(data, place), datasets.load(data, place, "test")
        except InvalidInputError:
            if "all" not in datasets.splits(data):
                raise
    whole = datasets.load(data, place, "all" if "all" in datasets.splits(data) else None)
    held_out: list[int] = []
    for kind in range(len(whole.classes)):
        members = rng.permutation(np.flatnonzero(whole.labels == kind))
        held_out += members[: round(_TEST_SHARE * len(members))].tolist()
    is_test = np.zeros(len(whole), np.bool_)
    is_test[held_out] = True
    return whole.subset(np.flatnonzero(~is_test)), whole.subset(np.flatnonzero(is_test))


def _root_of(data: str, root: str | os.PathLike[str] | None) -> Path | None:
    """Return the folder of a set: its own, or that of its family."""
    if data.startswith("sklearn_"):
        return None
    given = root if root is not None else os.environ.get("SOCBI_DATA")
    if given is None:
        raise InvalidInputError(
            f"say where the files of {data} are: root=, or the environment variable SOCBI_DATA"
        )
    top = Path(given)
    for name in (data, data.partition("_")[0]):
        if (top / name).is_dir():
            return top / name
    return top


def _vectors(pools: Sequence[Pool], side: int, text_model: Any) -> Vectors:
    """Return the vectors of all pools, encoded as the first of them asks for."""
    grey = [_grey_pixels(pool, side) for pool in pools]
    if any(one is None for one in grey):
        encoder = _encoder_of(pools[0], side, text_model)
        return np.concatenate([_encoded(encoder, pool) for pool in pools])
    return np.concatenate([one for one in grey if one is not None])


def _grey_pixels(pool: Pool, side: int) -> Vectors | None:
    """Return grey images that are small enough as `PixelEncoder` does, at once and without pillow.

    None where they are not in memory, in colour or larger.
    """
    if "image" not in pool.modalities:
        return None
    pixels = _in_memory(pool.column("image"))
    if pixels is None or pixels.ndim != 3 or pixels.shape[1] != pixels.shape[2]:
        return None
    if pixels.shape[1] > side:
        return None
    return pixels.reshape(len(pixels), -1).astype(np.float32) / np.float32(255)


def _in_memory(column: Any) -> npt.NDArray[np.uint8] | None:
    """Return the array behind a column, or behind the part of one that a subset is."""
    if isinstance(column, ArrayImages):
        return column.pixels
    if not hasattr(column, "positions"):
        return None
    whole = _in_memory(column.column)
    return None if whole is None else whole[column.positions]


def _encoder_of(pool: Pool, side: int, text_model: Any) -> Encoder:
    if "image" in pool.modalities:
        image: Any = pool.sample(0).image
        return PixelEncoder(min(side, *image.size))
    if "table" in pool.modalities:
        return TableEncoder(pool)
    return WordEncoder(pool) if text_model is None else TextEncoder(text_model)


def _encoded(encoder: Encoder, pool: Pool) -> Vectors:
    parts = [np.empty((0, encoder.dim), np.float32)]
    for begin in range(0, len(pool), _ENCODED_AT_ONCE):
        some = range(begin, min(begin + _ENCODED_AT_ONCE, len(pool)))
        parts.append(encoder.encode([pool.sample(position) for position in some]))
    return np.concatenate(parts)


def _in_classes_of(pool: Pool, test: Pool, data: str) -> IdArray:
    """Return the labels of the test set as numbers of the pool's classes."""
    places = {label: number for number, label in enumerate(pool.classes)}
    labels: Sequence[Any] = [test.classes[number] for number in test.labels]
    unknown = sorted({str(label) for label in labels if label not in places})
    if unknown or (pool.labels < 0).any():
        raise InvalidInputError(
            f"{data} cannot be an experiment: "
            + (f"the pool has no class {unknown[0]!r}" if unknown else "some samples have no label")
        )
    found: npt.NDArray[np.int64] = np.array([places[label] for label in labels], np.int64)
    return found
