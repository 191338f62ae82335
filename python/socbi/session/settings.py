"""What a session was created with, and keeps for all of its life."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np

from socbi.errors import InvalidInputError, InvalidTypeError
from socbi.neighbors.metrics import MetricName, metric_of
from socbi.neighbors.neighbor_index import checked_count
from socbi.session.labels import POLICIES, ConflictPolicy

__all__ = ["ClassName", "Settings", "checked_classes", "checked_seconds"]

ClassName: TypeAlias = str | int


@dataclass(frozen=True)
class Settings:
    """What the picks follow from, beside labels and embeddings."""

    classes: tuple[ClassName, ...]
    seed: int
    policy: ConflictPolicy
    lease_s: float
    metric: MetricName
    graph_k: int
    counts: Mapping[str, Any] | None
    """Parameters of the `BoundaryScorer`; None for no counts."""
    models: int
    """How many models' predictions are kept."""
    dim: int = 0
    dtype: str = "float32"
    encoder: str | None = None
    """The key of the encoder's fingerprint; None where embeddings were given."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        checked_count(self.seed, "seed", least=0)
        checked_count(self.graph_k, "graph_k")
        checked_count(self.models, "models")
        checked_seconds(self.lease_s, "lease_s")
        metric_of(self.metric)
        if self.policy not in POLICIES:
            raise InvalidInputError(
                f"policy must be one of {', '.join(POLICIES)}, got {self.policy!r}"
            )
        if self.counts is not None and not isinstance(self.counts, Mapping):
            raise InvalidTypeError(
                "counts must be a mapping of parameters of a BoundaryScorer, or None, got "
                f"{type(self.counts).__name__}"
            )

    def to_json(self) -> str:
        """Return them as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """Return what `to_json` was called on."""
        held = json.loads(text)
        return cls(**{**held, "classes": tuple(held["classes"])})


def checked_classes(classes: Sequence[ClassName]) -> tuple[ClassName, ...]:
    """Return the names of classes: two or more, all strings or all whole numbers."""
    if isinstance(classes, str):
        raise InvalidTypeError(f"classes must be a sequence of names, got the string {classes!r}")
    found = tuple(int(one) if isinstance(one, np.integer) else one for one in classes)
    kinds = {type(one) for one in found}
    if len(found) < 2 or len(set(found)) < len(found):
        raise InvalidInputError(f"classes must be two or more different names, got {list(found)}")
    if len(kinds) > 1 or not kinds <= {str, int}:
        raise InvalidTypeError(
            f"classes must be all strings or all whole numbers, got {list(found)}"
        )
    return found


def checked_seconds(seconds: float, name: str) -> float:
    """Return a time that is above zero."""
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not is_number or not 0 < seconds < math.inf:
        raise InvalidInputError(f"{name} must be seconds above 0, got {seconds!r}")
    return float(seconds)
