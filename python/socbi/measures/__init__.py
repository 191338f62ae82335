"""How good a model, a label set or a campaign is, and what is kept of each round."""

from socbi.measures.balance import l1_balance
from socbi.measures.comparisons import (
    Interval,
    Paired,
    bootstrap_interval,
    paired_difference,
    penalty_matrix,
)
from socbi.measures.curves import area_under_curve, labels_needed, labels_saved
from socbi.measures.quality import accuracy, mean_average_precision, quadratic_kappa
from socbi.measures.round_record import RoundRecord
from socbi.measures.summary import ArmSummary, Curves, curves_of, summarised

__all__ = [
    "ArmSummary",
    "Curves",
    "Interval",
    "Paired",
    "RoundRecord",
    "accuracy",
    "area_under_curve",
    "bootstrap_interval",
    "curves_of",
    "l1_balance",
    "labels_needed",
    "labels_saved",
    "mean_average_precision",
    "paired_difference",
    "penalty_matrix",
    "quadratic_kappa",
    "summarised",
]
