"""What a strategy may know of a campaign: all of it as of one round."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.neighbors import KnnGraph
from socbi.scorers import PredictionHistory
from socbi.session.hit_counts import HitCounts
from socbi.session.neighbour_graph import session_graph
from socbi.session.predictions import Predictions
from socbi.session.settings import Settings
from socbi.strategies import PoolState
from socbi.types import IdArray

__all__ = ["Knowledge"]


class Knowledge:
    """The parts of a pool state, each made when a strategy first asks for it."""

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        vectors: npt.NDArray[Any],
        labelled: tuple[IdArray, IdArray],
        rounds: list[int],
        predictions: Predictions,
        counts: HitCounts | None,
        *,
        progress: bool,
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._vectors = vectors
        self._labelled = labelled
        self._rounds = rounds  # those with predictions, oldest first
        self._predictions = predictions
        self._counts = counts
        self._progress = progress
        self.graph_s = 0.0
        """Seconds that went into the neighbour graph."""

    def state(self, candidates: IdArray, pending: IdArray) -> PoolState:
        """Return the state in which these may be chosen, and those were before."""
        positions, places = self._labelled
        return PoolState(
            len(self._vectors),
            labelled=positions,
            labels=places,
            classes=len(self._settings.classes),
            pending=pending,
            candidates=candidates,
            embeddings=self._vectors,
            probabilities=self._probabilities if self._rounds else None,
            graph=self._graph,
            boundary=None if self._counts is None else self._boundary,
            history=self._history if self._rounds else None,
        )

    def _probabilities(self) -> npt.NDArray[Any]:
        return self._predictions.read(self._rounds[-1])

    def _boundary(self) -> Any:
        assert self._counts is not None
        return self._counts.scorer(self._vectors)

    def _graph(self) -> KnnGraph:
        began = time.perf_counter()
        graph = session_graph(
            self._folder,
            self._vectors,
            self._settings.graph_k,
            self._settings.metric,
            progress=self._progress,
        )
        self.graph_s += time.perf_counter() - began
        return graph

    def _history(self) -> PredictionHistory:
        models = max(2, self._settings.models)
        classes = len(self._settings.classes)
        first = self._predictions.read(self._rounds[0])
        history = PredictionHistory(len(first), classes, models, dtype="float32")
        for one in self._rounds:
            rows = self._predictions.read(one)
            history.push(rows, np.arange(len(rows)))
        return history
