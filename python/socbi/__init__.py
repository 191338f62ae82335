"""Find the samples worth labelling next, in a pool that is never sorted as a whole.

``import socbi`` needs numpy alone; `Pool`, `EmbeddingStore` and `embed` are loaded when asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from socbi._core import __version__
from socbi.errors import (
    IndexFileError,
    IntakeError,
    InvalidInputError,
    InvalidTypeError,
    MissingExtraError,
    RankError,
    RemovedIdError,
    SocbiError,
    StoreError,
    UnknownIdError,
)
from socbi.index import SemiOrderedIndex

if TYPE_CHECKING:
    from socbi.encoders import embed
    from socbi.pool import EmbeddingStore, Pool

__all__ = [
    "EmbeddingStore",
    "IndexFileError",
    "IntakeError",
    "InvalidInputError",
    "InvalidTypeError",
    "MissingExtraError",
    "Pool",
    "RankError",
    "RemovedIdError",
    "SemiOrderedIndex",
    "SocbiError",
    "StoreError",
    "UnknownIdError",
    "__version__",
    "embed",
]

_LATER = {"EmbeddingStore": "socbi.pool", "Pool": "socbi.pool", "embed": "socbi.encoders"}


def __getattr__(name: str) -> Any:
    """Load the floors above the index when one of their names is asked for."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
