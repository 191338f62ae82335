"""Learners by name and parameters, as a session records them, and what they see of samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from socbi import learners
from socbi.errors import InvalidInputError, InvalidTypeError
from socbi.neighbors.neighbor_index import checked_count
from socbi.session.named import check_parameters, made_with, parameters_of, taken_apart

__all__ = ["ImageForm", "LearnerChoice", "LearnerMaker", "learner_maker", "learner_names"]

LearnerChoice: TypeAlias = Any
"""A name, a `Spec`, a learner, or a function that makes one of the embeddings."""


@dataclass(frozen=True)
class ImageForm:
    """The size of the images that a learner sees: squares, in colour or grey."""

    side: int
    channels: int

    def __post_init__(self) -> None:
        """Refuse what no image has."""
        checked_count(self.side, "side")
        if self.channels not in (1, 3):
            raise InvalidInputError(f"channels must be 1 or 3, got {self.channels!r}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return the shape of one image."""
        return (self.channels, self.side, self.side)


@dataclass(frozen=True)
class LearnerMaker:
    """A learner that is not made yet: of embeddings, or of images of a form."""

    spec: dict[str, Any] | None
    """Name and parameters; None of one that is not of this library."""
    make: Callable[[npt.NDArray[Any], Path | None], Any]
    """From a row a sample, and a file for the state of a fit that takes long, to a learner."""
    images: ImageForm | None = None
    """What it sees of images; None where it sees embeddings."""

    def check(self) -> None:
        """Refuse parameters that no learner can be made with, by making one of blank samples."""
        if self.spec is not None:
            blank: npt.NDArray[Any] = np.zeros((2, 1), np.float32)
            if self.images is not None:
                blank = np.zeros((2, *self.images.shape), np.uint8)
            self.make(blank, None)


@dataclass(frozen=True)
class _Named:
    kind: type
    images: ImageForm | None = None  # of such a size unless said otherwise

    @property
    def parameters(self) -> list[str]:
        if self.images is None:
            return parameters_of(self.kind, without=["embeddings"])
        # A session has a place of its own for checkpoints.
        hidden = ["images", "make_network", "checkpoint"]
        return ["side", "channels", *parameters_of(self.kind, without=hidden)]

    def maker(self, name: str, parameters: Mapping[str, Any]) -> LearnerMaker:
        what = f"the learner {name}"
        check_parameters(what, parameters, self.parameters)
        own, form = dict(parameters), self.images
        if form is not None:
            form = ImageForm(own.pop("side", form.side), own.pop("channels", form.channels))

        def make(rows: npt.NDArray[Any], checkpoint: Path | None) -> Any:
            kept = {} if self.images is None else {"checkpoint": checkpoint}
            return made_with(lambda **given: self.kind(rows, **given, **kept), what, own)

        return LearnerMaker({"name": name, **parameters}, make, form)


_LEARNERS = {
    "lenet5": _Named(learners.LeNetLearner, ImageForm(28, 1)),
    "logistic": _Named(learners.LogisticLearner),
    "resnet18": _Named(learners.ResNetLearner, ImageForm(32, 3)),
}


def learner_names() -> list[str]:
    """Return the names of the learners that a session can make, sorted.

    Examples
    --------
    >>> learner_names()
    ['lenet5', 'logistic', 'resnet18']
    """
    return sorted(_LEARNERS)


def learner_maker(choice: LearnerChoice) -> LearnerMaker:
    """Return how a learner is made that is given by name, by name and parameters, or whole.

    Examples
    --------
    >>> learner_maker({"name": "lenet5", "epochs": 10}).images
    ImageForm(side=28, channels=1)
    """
    if isinstance(choice, (str, Mapping)):
        name, parameters = taken_apart(choice, "learner")
        if name not in _LEARNERS:
            raise InvalidInputError(
                f"learner must be one of {', '.join(learner_names())}, got {name!r}"
            )
        return _LEARNERS[name].maker(name, parameters)
    if hasattr(choice, "fit") and hasattr(choice, "predict_proba"):
        return LearnerMaker(None, lambda rows, checkpoint: choice)
    if callable(choice):
        return LearnerMaker(None, lambda rows, checkpoint: choice(rows))
    raise InvalidTypeError(
        "learner must be a name, a mapping with a name, a learner with fit and predict_proba, or a "
        f"function that makes one of the embeddings; got {type(choice).__name__}"
    )
