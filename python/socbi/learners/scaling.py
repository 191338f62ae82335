"""Features on one scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.errors import InvalidInputError

__all__ = ["Scaling"]

# Rows that a mean and a spread are taken from: at this number both are known to a percent or so.
_ROWS = 20_000
# No column counts as narrower than this share of the usual width. Standardised without it, pixels
# at the rim that hardly ever differ from zero would weigh more than all others together.
_LEAST_SHARE = 0.1


@dataclass(frozen=True)
class Scaling:
    """What is subtracted from each column, and what it is divided by."""

    mean: npt.NDArray[np.float64]
    width: npt.NDArray[np.float64]

    @classmethod
    def of(cls, features: npt.NDArray[Any]) -> Scaling:
        """Return what gives columns a mean of 0 and a spread of 1, from evenly spaced rows.

        Examples
        --------
        >>> scaling = Scaling.of(np.array([[1.0, 5.0], [3.0, 5.0]]))
        >>> scaling.mean.tolist(), scaling.scaled(np.array([[3.0, 5.0]])).tolist()
        ([2.0, 5.0], [[1.0, 0.0]])
        """
        step = -(-len(features) // _ROWS) or 1
        rows = np.asarray(features[::step], np.float64)
        if not np.isfinite(rows).all():
            raise InvalidInputError("features must be finite, and some are not")
        width = rows.std(axis=0)
        usual = float(np.sqrt(np.mean(width**2))) if width.size else 0.0
        least = _LEAST_SHARE * usual if usual > 0 else 1.0
        return cls(rows.mean(axis=0), np.maximum(width, least))

    def scaled(self, rows: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return rows on that scale, as new ones."""
        return (np.asarray(rows, np.float64) - self.mean) / self.width
