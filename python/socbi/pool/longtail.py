"""Long-tailed versions of a labelled pool, as the papers use them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError
from socbi.pool.pool import Pool
from socbi.types import IdArray

__all__ = ["step_imbalance"]


def step_imbalance(
    pool: Pool, factor: float, *, spared: npt.ArrayLike = (), seed: int = 0
) -> IdArray:
    """Return the positions that are left when half of the classes are thinned.

    Half of the classes, drawn with ``seed``, keep all of their samples; of the others each keeps
    the share ``factor``, drawn as well. Samples without a label and those ``spared``, such as the
    first labelled ones, stay.

    Examples
    --------
    >>> pool = Pool.from_arrays(text=["x"] * 200, labels=[0] * 100 + [1] * 100)
    >>> left = step_imbalance(pool, 0.1)
    >>> sorted(np.bincount(pool.labels[left]).tolist())
    [10, 100]
    """
    if not 0 < factor <= 1:
        raise InvalidInputError(f"factor must be above 0 and at most 1, got {factor}")
    if not pool.classes:
        raise InvalidInputError("the pool has no labels to thin by; give it labels")
    rng = np.random.default_rng(seed)
    kinds = rng.permutation(len(pool.classes))
    kept = np.ones(len(pool), np.bool_)
    for kind in kinds[len(kinds) // 2 :] if len(kinds) > 1 else kinds[:0]:
        members = rng.permutation(np.flatnonzero(pool.labels == kind))
        kept[members[round(factor * len(members)) :]] = False
    kept[np.asarray(spared, np.int64)] = True
    return np.flatnonzero(kept)
