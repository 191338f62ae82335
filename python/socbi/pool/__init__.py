"""Samples by the ids of their owner, and the store of their embeddings."""

from socbi.pool.fingerprint import Fingerprint
from socbi.pool.sample_ids import SampleId, SampleIds
from socbi.pool.store import EmbeddingStore, Shelf

__all__ = ["EmbeddingStore", "Fingerprint", "SampleId", "SampleIds", "Shelf"]
