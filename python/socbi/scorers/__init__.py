"""From labels, neighbours and probabilities to a score for each sample."""

from socbi.scorers.boundary import BoundaryRound, BoundaryScorer
from socbi.scorers.density import knn_density
from socbi.scorers.instability import PredictionDistance, instability
from socbi.scorers.prediction_history import HistoryFloat, PredictionHistory
from socbi.scorers.typicality import knn_typicality
from socbi.scorers.uncertainty import entropy, least_confidence, margin

__all__ = [
    "BoundaryRound",
    "BoundaryScorer",
    "HistoryFloat",
    "PredictionDistance",
    "PredictionHistory",
    "entropy",
    "instability",
    "knn_density",
    "knn_typicality",
    "least_confidence",
    "margin",
]
