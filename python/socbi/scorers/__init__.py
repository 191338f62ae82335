"""From labels, neighbours and probabilities to a score for each sample."""

from socbi.scorers.boundary import BoundaryRound, BoundaryScorer
from socbi.scorers.density import knn_density

__all__ = ["BoundaryRound", "BoundaryScorer", "knn_density"]
