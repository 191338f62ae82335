"""What a campaign will cost: memory, disk, and the time of its parts and of a round."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from socbi.cli.embedding_time import made_samples, seconds_a_sample
from socbi.cli.encoders_by_name import encoder_kind, encoder_of
from socbi.cli.training_time import TrainingTime, training_time
from socbi.errors import InvalidInputError
from socbi.neighbors import plan
from socbi.neighbors.neighbor_index import checked_count
from socbi.session.learners_by_name import learner_maker

__all__ = ["CampaignPlan", "embedding_s", "planned"]


@dataclass(frozen=True)
class CampaignPlan:
    """The size of a campaign, and what it costs."""

    samples: int
    labels: int
    batch: int
    graph: Any
    """The plan of the neighbour graph."""
    counts: Any
    """That of the neighbours of all labels."""
    disk: dict[str, int]
    training: TrainingTime

    @property
    def rounds(self) -> int:
        """Return how many rounds there will be."""
        return -(-self.labels // self.batch)

    def round_s(self, labels: int) -> float:
        """Return the seconds of a round that ends with so many labels, choosing not among them."""
        search_s: float = self.counts.choice.query_s * self.batch / self.labels
        training = self.training
        return training.fit_s(labels) + training.predict_s(self.samples) + search_s

    def said(self) -> dict[str, Any]:
        """Return it for scripts."""
        training = self.training
        return {
            "graph": asdict(self.graph.choice),
            "counts": asdict(self.counts.choice),
            "disk_bytes": self.disk,
            "disk_total_bytes": sum(self.disk.values()),
            "memory_bytes": max(self.graph.choice.memory_bytes, self.counts.choice.memory_bytes),
            "training": asdict(training),
            "fit_s": training.fit_s(self.labels),
            "predict_s": training.predict_s(self.samples),
            "round_s": {
                "half_way": self.round_s(self.labels // 2),
                "last": self.round_s(self.labels),
            },
            "rounds": self.rounds,
            "rounds_s": self.rounds * self.round_s(self.labels // 2),
        }

    def __str__(self) -> str:
        """Return it in words."""
        parts = ", ".join(f"{name} {size / 1e6:,.0f} MB" for name, size in self.disk.items())
        return "\n".join(
            [
                f"The neighbour graph, once:\n{self.graph}\n",
                f"The neighbours of {self.labels:,} labels, over all rounds:\n{self.counts}\n",
                f"Disk: {sum(self.disk.values()) / 1e6:,.0f} MB ({parts})",
                *self._times(),
            ]
        )

    def _times(self) -> list[str]:
        half, training = self.labels // 2, self.training
        return [
            f"Training, {training.learner}: {_time(training.fit_s(half))} half way, "
            f"{_time(training.fit_s(self.labels))} at {self.labels:,} labels; predictions "
            f"{_time(training.predict_s(self.samples))}",
            f"  (measured with {training.probe_labels:,} labels and {training.probe_samples:,} "
            "predictions of made samples, and in proportion)",
            f"A round of {self.batch:,} labels: {_time(self.round_s(half))} half way, "
            f"{_time(self.round_s(self.labels))} at the end, and choosing; all {self.rounds:,} "
            f"rounds {_time(self.rounds * self.round_s(half))}",
        ]


def planned(
    samples: int,
    dimensions: int,
    labels: int,
    batch: int,
    classes: int,
    k: int,
    learner: str | dict[str, Any],
) -> CampaignPlan:
    """Plan a campaign; its learner is measured."""
    checked_count(classes, "classes", least=2)
    checked_count(batch, "batch")
    checked_count(samples, "samples", least=2)
    checked_count(labels, "labels")
    if k >= samples:
        raise InvalidInputError(f"--k must be below the {samples:,} samples, got {k}")
    labels = min(labels, samples)
    graph = plan(samples, dimensions, k, samples)
    disk = {
        "embeddings": 2 * samples * dimensions,
        "graph": graph.graph_bytes,
        "predictions": 3 * 4 * samples * classes,
    }
    seen = learner_maker(learner).images
    if seen is not None:  # what a network sees of the images is kept beside the embeddings
        disk["images"] = samples * math.prod(seen.shape)
    return CampaignPlan(
        samples,
        labels,
        batch,
        graph,
        plan(samples, dimensions, k, labels),
        disk,
        training_time(learner, labels, dimensions, classes),
    )


def embedding_s(encoder: str | Mapping[str, Any], samples: int) -> float:
    """Return the seconds that embeddings of so many samples take, without reading them."""
    probe = made_samples(encoder_kind(encoder))
    return samples * seconds_a_sample(encoder_of(encoder, probe), probe)


def _time(seconds: float) -> str:
    """Return a time as it is said.

    Examples
    --------
    >>> _time(0.0421), _time(7.31), _time(640.0), _time(9000.0)
    ('42 ms', '7.3 s', '10.7 min', '2.5 h')
    """
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
