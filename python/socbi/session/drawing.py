"""From a pool state to what is kept of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from socbi.session.proposals import Drawn
from socbi.strategies import Batch, PoolState, Strategy

__all__ = ["draw"]

# Of the samples that a pick stands for so many are kept, the first of the strategy's.
_SERVED = 10


def draw(
    state: PoolState,
    asked: list[int],
    n: int,
    strategy: Strategy,
    start: Strategy,
    rng: np.random.Generator,
) -> Drawn:
    """Return samples that must be asked again, and behind them what a strategy chooses.

    ``start`` chooses where the strategy needs what there is not yet.
    """
    lacks = sorted(part for part in strategy.needs if not state.has(part))
    chooser = start if lacks else strategy
    batch = chooser.choose(state, n - len(asked), rng)
    whys = [{"why": "annotators disagree"} for _ in asked] + _reasons(batch, chooser)
    record: dict[str, Any] = {"strategy": repr(chooser), **_plain(batch.record)}
    if lacks:
        record["instead_of"] = f"{strategy!r}, which needs {', '.join(lacks)}"
    return Drawn([*asked, *batch.ids.tolist()], whys, record)


def _reasons(batch: Batch, chooser: Strategy) -> list[dict[str, Any]]:
    """Return for each pick why it was chosen, as it is kept."""
    reasons: list[dict[str, Any]] = []
    for rank, score in enumerate(batch.scores.tolist()):
        reason: dict[str, Any] = {"score": score, "why": _words(batch, chooser, rank)}
        if batch.stands_for is not None:
            reason["stands_for"] = batch.stands_for[rank][:_SERVED].tolist()
        reasons.append(reason)
    return reasons


def _words(batch: Batch, chooser: Strategy, rank: int) -> str:
    words = f"{type(chooser).__name__} {batch.scores[rank]:.4g}"
    if batch.stands_for is not None and len(batch.stands_for[rank]):
        words += f", stands for {len(batch.stands_for[rank])}"
    if batch.tie_breaks is not None and batch.tie_breaks[rank]:
        words += f", among equals by {batch.tie_breaks[rank]}"
    return words


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record that JSON can hold."""
    return {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in record.items()
        if isinstance(value, (str, int, float, bool, np.generic)) or value is None
    }
