"""How long a learner will take in a round: it is fitted to made samples, and told how fast.

The cost model is that of every learner here: a fit takes time in proportion to the labels, and for
a network to the epochs; a prediction in proportion to the samples. What is measured is as large as
a second or two allow, so that it is close to what is foretold.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.cli.part_options import said_of
from socbi.learners import ImageLearner
from socbi.session.learners_by_name import LearnerMaker, learner_maker

__all__ = ["TrainingTime", "training_time"]

# A fit that takes longer is not followed by one to twice as many labels.
_LONG_S = 0.5
_FEWEST = 32
# So many samples are made at most: 130 MB of embeddings of 1,024 dimensions.
_MOST = 32_768
_MOST_IMAGES = 2_048


@dataclass(frozen=True)
class TrainingTime:
    """Seconds of a learner on a probe, and what follows for other numbers."""

    learner: str
    probe_labels: int
    probe_samples: int
    fit_s_a_label: float
    """All epochs of it."""
    predict_s_a_sample: float

    def fit_s(self, labels: int) -> float:
        """Return how long a fit to so many labels takes."""
        return self.fit_s_a_label * labels

    def predict_s(self, samples: int) -> float:
        """Return how long asking about so many samples takes.

        Examples
        --------
        >>> found = TrainingTime("logistic", 1000, 500, fit_s_a_label=1e-4, predict_s_a_sample=1e-6)
        >>> round(found.fit_s(2000) + found.predict_s(100_000), 3)
        0.3
        """
        return self.predict_s_a_sample * samples


def training_time(
    learner: str | dict[str, Any],
    labels: int,
    dimensions: int,
    classes: int,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> TrainingTime:
    """Measure a learner of a name and parameters, with up to so many labels."""
    maker, epochs = _of_one_epoch(learner_maker(learner))
    most = min(max(labels, _FEWEST), _MOST if maker.images is None else _MOST_IMAGES)
    rows, kinds = _made(maker, most, dimensions, classes)
    made = maker.make(rows, None)

    def fit(number: int) -> float:
        began = clock()
        made.fit(np.arange(number), kinds[:number], classes=classes)
        return clock() - began

    number = _FEWEST
    fit(number)  # loads what it needs
    fit_s = fit(number)
    while fit_s < _LONG_S and number < most:
        number = min(2 * number, most)
        fit_s = fit(number)
    asked = np.arange(most if maker.images is None else number)
    made.predict_proba(asked[:_FEWEST])
    began = clock()
    made.predict_proba(asked)
    predict_s = clock() - began
    return TrainingTime(
        said_of(learner), number, len(asked), epochs * fit_s / number, predict_s / len(asked)
    )


def _of_one_epoch(maker: LearnerMaker) -> tuple[LearnerMaker, int]:
    """Return a network that is trained for one epoch, and how many it is to be; others as is."""
    if maker.images is None or maker.spec is None:
        return maker, 1
    usual = inspect.signature(ImageLearner).parameters["epochs"].default
    epochs = maker.spec.get("epochs", usual)
    return learner_maker({**maker.spec, "epochs": 1}), epochs


def _made(
    maker: LearnerMaker, number: int, dimensions: int, classes: int
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Return samples as the learner sees them, and classes.

    Images are noise. Embeddings are clouds that overlap, with a few wrong labels and columns that
    hang together: a logistic regression takes steps as it does on real ones. How many these are
    is between a third and three times as many, from set to set.
    """
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, classes, number)
    kinds[: min(classes, number)] = np.arange(min(classes, number))
    if maker.images is not None:
        return rng.integers(0, 256, (number, *maker.images.shape), np.uint8), kinds
    rows = 0.4 * rng.normal(size=(classes, dimensions)).astype(np.float32)[kinds]
    rows += rng.normal(size=rows.shape).astype(np.float32)
    rows *= np.arange(1, dimensions + 1, dtype=np.float32) ** np.float32(-0.75)
    turned = np.linalg.qr(rng.normal(size=(dimensions, dimensions)))[0].astype(np.float32)
    wrong = rng.random(number) < 0.1
    kinds[wrong] = rng.integers(0, classes, int(wrong.sum()))
    return rows @ turned, kinds
