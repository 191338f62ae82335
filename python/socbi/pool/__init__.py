"""Samples by the ids of their owner, and the store of their embeddings."""

from socbi.pool.fingerprint import Fingerprint
from socbi.pool.intake import Intake, Problem
from socbi.pool.longtail import step_imbalance
from socbi.pool.pool import Pool, Sample
from socbi.pool.sample_ids import SampleId, SampleIds
from socbi.pool.store import EmbeddingStore, Shelf

__all__ = [
    "EmbeddingStore",
    "Fingerprint",
    "Intake",
    "Pool",
    "Problem",
    "Sample",
    "SampleId",
    "SampleIds",
    "Shelf",
    "step_imbalance",
]
