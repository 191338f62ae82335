"""Find the samples worth labelling next, in a pool that is never sorted as a whole.

``import socbi`` needs numpy alone; `Session`, `Pool`, `EmbeddingStore` and `embed` are loaded when
asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from socbi._core import __version__
from socbi.errors import (
    DiskFullError,
    IndexFileError,
    IntakeError,
    InvalidInputError,
    InvalidTypeError,
    LabelError,
    MissingExtraError,
    RankError,
    RemovedIdError,
    SessionError,
    SessionHeldError,
    SocbiError,
    StoreError,
    UnknownIdError,
)
from socbi.index import SemiOrderedIndex

if TYPE_CHECKING:
    from socbi.encoders import embed
    from socbi.pool import EmbeddingStore, Pool
    from socbi.session import CANNOT_TELL, Session

__all__ = [
    "CANNOT_TELL",
    "DiskFullError",
    "EmbeddingStore",
    "IndexFileError",
    "IntakeError",
    "InvalidInputError",
    "InvalidTypeError",
    "LabelError",
    "MissingExtraError",
    "Pool",
    "RankError",
    "RemovedIdError",
    "SemiOrderedIndex",
    "Session",
    "SessionError",
    "SessionHeldError",
    "SocbiError",
    "StoreError",
    "UnknownIdError",
    "__version__",
    "embed",
]

_LATER = {
    "CANNOT_TELL": "socbi.session",
    "EmbeddingStore": "socbi.pool",
    "Pool": "socbi.pool",
    "Session": "socbi.session",
    "embed": "socbi.encoders",
}


def __getattr__(name: str) -> Any:
    """Load the floors above the index when one of their names is asked for."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
