"""Choose from a data set of Hugging Face's ``datasets``.

The package itself is not imported: whoever has such a data set has it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError, InvalidTypeError
from socbi.strategies import PoolState, Strategy
from socbi.types import IdArray

__all__ = ["pool_state", "select"]


def select(
    dataset: Any,
    strategy: Strategy,
    batch_size: int,
    rng: np.random.Generator,
    *,
    label: str = "label",
    embedding: str | None = "embedding",
    **parts: Any,
) -> Any:
    """Return the rows to label next as a data set of its own, best first.

    Arguments are those of `pool_state` and of `Strategy.select`, whose ids index ``dataset``.
    """
    state = pool_state(dataset, label=label, embedding=embedding, **parts)
    return dataset.select(strategy.select(state, batch_size, rng))


def pool_state(
    dataset: Any, *, label: str = "label", embedding: str | None = "embedding", **parts: Any
) -> PoolState:
    """Return what the columns of a data set tell of a pool.

    Parameters
    ----------
    dataset
        A ``datasets.Dataset``.
    label
        The column of class numbers; None or a negative number is a sample without a label.
    embedding
        The column of vectors; None if ``parts`` say where they are, or there are none.
    parts
        Further arguments of `PoolState`: ``probabilities``, ``graph``, ``classes`` and so on.
    """
    columns = getattr(dataset, "column_names", None)
    if columns is None or not hasattr(dataset, "select"):
        raise InvalidTypeError(
            f"dataset must be a datasets.Dataset, got {type(dataset).__name__}; of a DatasetDict "
            "give one split"
        )
    if not isinstance(label, str):
        raise InvalidTypeError(f"label must be the name of a column, got {label!r}")
    for name in (label, embedding):
        if name is not None and name not in columns:
            raise InvalidInputError(
                f"the data set has no column {name!r}, only {', '.join(columns)}; say which to use"
            )
    labelled, labels = _labels(dataset.with_format(None)[label], label)
    if embedding is not None:
        parts.setdefault("embeddings", lambda: _vectors(dataset, embedding))
    return PoolState(len(dataset), labelled=labelled, labels=labels, **parts)


def _labels(column: Any, name: str) -> tuple[IdArray, IdArray]:
    values = [-1 if one is None else one for one in column]
    if not all(isinstance(one, int) and not isinstance(one, bool) for one in values):
        raise InvalidTypeError(f"the column {name!r} must be class numbers, -1 or None")
    numbers = np.array(values, np.int64)
    labelled = np.flatnonzero(numbers >= 0)
    return labelled, numbers[labelled]


def _vectors(dataset: Any, name: str) -> npt.NDArray[np.float32]:
    try:
        return np.asarray(dataset.with_format("numpy")[name][:], np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"the column {name!r} must hold a vector for each sample, all of one length: {error}"
        ) from error
