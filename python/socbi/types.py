"""The shapes of what goes in and comes out."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["IdArray", "Order", "Refile", "ScoreArray", "Ties"]

IdArray: TypeAlias = npt.NDArray[np.int64]
"""Ids: one-dimensional, int64."""

ScoreArray: TypeAlias = npt.NDArray[np.float32]
"""Scores: one-dimensional, float32."""

Order: TypeAlias = Literal["smallest", "largest"]
"""Which scores are the best."""

Ties: TypeAlias = Literal["random", "id"]
"""How samples of equal score are ordered: by a seeded permutation, or by id."""

Refile: TypeAlias = Literal["lazy", "eager"]
"""When a sample whose score changed is moved: when a retrieval needs it, or at once."""
