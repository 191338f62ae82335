"""Fitting a learner and asking it about every sample."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError
from socbi.types import IdArray

__all__ = ["learned"]

# Samples that are predicted together.
_ROWS = 16_384


def learned(
    learner: Any, positions: IdArray, places: IdArray, classes: int, size: int
) -> Iterator[npt.NDArray[Any]]:
    """Fit, and yield the class probabilities of all samples in pieces."""
    learner.fit(positions, places, classes=classes)
    for begin in range(0, size, _ROWS):
        some = np.arange(begin, min(begin + _ROWS, size))
        found = np.asarray(learner.predict_proba(some))
        if found.shape != (len(some), classes) or not np.isfinite(found).all():
            raise InvalidInputError(
                f"the learner must return finite probabilities of the shape {(len(some), classes)}"
                f", got the shape {found.shape} from {type(learner).__name__}"
            )
        yield found
