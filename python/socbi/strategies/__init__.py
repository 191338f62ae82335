"""From a pool state to the batch that is worth labelling next."""

from socbi.strategies.badge import BADGE
from socbi.strategies.batch import Batch, Explanation
from socbi.strategies.chance import Random
from socbi.strategies.coverage_margin import CoverageMargin
from socbi.strategies.diverse import Diverse
from socbi.strategies.duplicate_guard import DuplicateGuard
from socbi.strategies.entropy import Entropy
from socbi.strategies.group_limits import ClassQuotas, ClusterCap
from socbi.strategies.guard import Guard
from socbi.strategies.instability import Instability
from socbi.strategies.k_center import KCenterGreedy
from socbi.strategies.least_confidence import LeastConfidence
from socbi.strategies.margin import Margin
from socbi.strategies.pool_state import Part, PoolState
from socbi.strategies.prescreen import Prescreen, RandomHalf
from socbi.strategies.rank_sum import RankSum
from socbi.strategies.scoring import ScoringStrategy
from socbi.strategies.socbi import FewestHits, SoCBI
from socbi.strategies.strategy import Strategy
from socbi.strategies.typiclust import TypiClust

__all__ = [
    "BADGE",
    "Batch",
    "ClassQuotas",
    "ClusterCap",
    "CoverageMargin",
    "Diverse",
    "DuplicateGuard",
    "Entropy",
    "Explanation",
    "FewestHits",
    "Guard",
    "Instability",
    "KCenterGreedy",
    "LeastConfidence",
    "Margin",
    "Part",
    "PoolState",
    "Prescreen",
    "Random",
    "RandomHalf",
    "RankSum",
    "ScoringStrategy",
    "SoCBI",
    "Strategy",
    "TypiClust",
]
