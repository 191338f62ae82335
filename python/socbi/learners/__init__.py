"""From labels to the probability of each class, for every sample."""

from socbi.learners.learner import Learner
from socbi.learners.logistic import LogisticLearner
from socbi.learners.training_set import Probabilities, Start
from socbi.learners.wrapped import SklearnLearner

__all__ = [
    "Learner",
    "LogisticLearner",
    "Probabilities",
    "SklearnLearner",
    "Start",
]
