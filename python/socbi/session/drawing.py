"""From a pool state to what is kept of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from socbi.session.proposals import Drawn
from socbi.strategies import Batch, Explanation, PoolState, Strategy

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
    return [
        {
            "score": one.score,
            "why": _words(one, chooser),
            "nearest_labelled": [[id, apart] for id, apart in one.nearest_labelled],
            "stands_for": list(one.stands_for[:_SERVED]),
        }
        for one in batch.explain()
    ]


def _words(one: Explanation, chooser: Strategy) -> str:
    words = f"{type(chooser).__name__} {one.score:.4g}"
    if one.stands_for:
        words += f", stands for {len(one.stands_for)}"
    if one.tie_break:
        words += f", {one.tie_break}"
    return words


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record that JSON can hold."""
    return {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in record.items()
        if isinstance(value, (str, int, float, bool, np.generic)) or value is None
    }
