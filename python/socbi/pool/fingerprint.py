"""What made an embedding: enough to tell two encoders apart."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

__all__ = ["Fingerprint"]


@dataclass(frozen=True)
class Fingerprint:
    """An encoder's name, its weights, what it does to samples before, and its dimensions.

    Embeddings are kept under the whole of it, so that two encoders never mix.

    Examples
    --------
    >>> one = Fingerprint("mean of pixels", weights="", preprocessing="grey", dim=1)
    >>> other = Fingerprint("mean of pixels", weights="", preprocessing="colour", dim=3)
    >>> one.key == other.key
    False
    """

    name: str
    weights: str
    """A hash of the weights; empty where there are none."""
    preprocessing: str
    dim: int

    @property
    def key(self) -> str:
        """Return a short name that no other fingerprint has."""
        whole = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(whole.encode()).hexdigest()[:16]
