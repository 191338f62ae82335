"""From a pool state to the batch that is worth labelling next."""

from socbi.strategies.batch import Batch, Explanation
from socbi.strategies.chance import Random
from socbi.strategies.coverage_margin import CoverageMargin
from socbi.strategies.duplicate_guard import DuplicateGuard
from socbi.strategies.group_limits import ClassQuotas, ClusterCap
from socbi.strategies.guard import Guard
from socbi.strategies.pool_state import Part, PoolState
from socbi.strategies.prescreen import Prescreen, RandomHalf
from socbi.strategies.rank_sum import RankSum
from socbi.strategies.scoring import ScoringStrategy
from socbi.strategies.socbi import FewestHits, SoCBI
from socbi.strategies.strategy import Strategy

__all__ = [
    "Batch",
    "ClassQuotas",
    "ClusterCap",
    "CoverageMargin",
    "DuplicateGuard",
    "Explanation",
    "FewestHits",
    "Guard",
    "Part",
    "PoolState",
    "Prescreen",
    "Random",
    "RandomHalf",
    "RankSum",
    "ScoringStrategy",
    "SoCBI",
    "Strategy",
]
