"""Find the samples worth labelling next, in a pool that is never sorted as a whole.

``import socbi`` needs numpy alone; a `Session` is imported when it is first asked for.
"""

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
    from socbi.session import CANNOT_TELL, Session

__all__ = [
    "CANNOT_TELL",
    "DiskFullError",
    "IndexFileError",
    "IntakeError",
    "InvalidInputError",
    "InvalidTypeError",
    "LabelError",
    "MissingExtraError",
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
]


def __getattr__(name: str) -> Any:
    """Return what is not loaded with the package."""
    if name in ("CANNOT_TELL", "Session"):
        # By name: the floors below import this package, and must not import the session.
        return getattr(import_module("socbi.session"), name)
    raise AttributeError(f"module 'socbi' has no attribute {name!r}")
