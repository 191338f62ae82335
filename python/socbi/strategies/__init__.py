"""From a pool state to the batch that is worth labelling next."""

from socbi.strategies.batch import Batch, Explanation
from socbi.strategies.chance import Random
from socbi.strategies.coverage_margin import CoverageMargin
from socbi.strategies.pool_state import Part, PoolState
from socbi.strategies.scoring import ScoringStrategy
from socbi.strategies.strategy import Strategy

__all__ = [
    "Batch",
    "CoverageMargin",
    "Explanation",
    "Part",
    "PoolState",
    "Random",
    "ScoringStrategy",
    "Strategy",
]
