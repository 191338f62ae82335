"""Has the representation collapsed? Entropy and variance of what the teacher says."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

__all__ = ["CollapseWarning", "EpochRecord", "Watch", "warn_of_collapse"]

# Shares of what is possible, beyond which nothing is told apart any more.
_ONE_ANSWER = 0.1
_EVERY_ANSWER = 0.999
_SAME_FEATURES = 0.1


class CollapseWarning(UserWarning):
    """All images get the same answer."""


@dataclass(frozen=True)
class EpochRecord:
    """What an epoch came to."""

    epoch: int
    loss: float
    sample_entropy: float
    """Of what the teacher says of one view, as a share of the most there can be."""
    mean_entropy: float
    """Of what it says on average: small when it says the same of all."""
    feature_spread: float
    """Standard deviation of features at length 1, as a share of that of random directions."""
    elapsed_s: float


class Watch:
    """Gathers means over an epoch."""

    def __init__(self, out_dim: int) -> None:
        self._most = math.log(out_dim)
        self._samples = 0
        self._entropy = 0.0
        self._mean: Any = 0.0
        self._spread = 0.0
        self._batches = 0

    def see(self, targets: Any, features: Any) -> None:
        """Take in what the teacher said, (n, out_dim), and its features, (n, d)."""
        logs = targets.clamp_min(1e-30).log()
        self._entropy += float(-(targets * logs).sum())
        self._mean = self._mean + targets.sum(0)
        self._samples += len(targets)
        directions = features / features.norm(dim=1, keepdim=True).clamp_min(1e-12)
        if len(directions) > 1:
            self._spread += float(directions.std(0).mean()) * math.sqrt(features.shape[1])
            self._batches += 1

    def record(self, epoch: int, loss: float, elapsed_s: float) -> EpochRecord:
        """Return the means."""
        mean = self._mean / self._samples
        mean_entropy = float(-(mean * mean.clamp_min(1e-30).log()).sum())
        return EpochRecord(
            epoch,
            loss,
            self._entropy / self._samples / self._most,
            mean_entropy / self._most,
            self._spread / max(self._batches, 1),
            elapsed_s,
        )


def warn_of_collapse(record: EpochRecord) -> None:
    """Warn when the teacher says the same of all images, or nothing of any."""
    fault = None
    if record.mean_entropy < _ONE_ANSWER:
        fault = f"the teacher gives all images the same answer (entropy {record.mean_entropy:.3f})"
    elif record.sample_entropy > _EVERY_ANSWER:
        fault = "the teacher finds every answer equally likely"
    elif record.feature_spread < _SAME_FEATURES:
        fault = f"all features point the same way (spread {record.feature_spread:.3f})"
    if fault:
        warnings.warn(
            f"epoch {record.epoch}: the representation has collapsed: {fault}; lower base_rate or "
            "teacher_temperature, or take larger batches",
            CollapseWarning,
            stacklevel=3,
        )
