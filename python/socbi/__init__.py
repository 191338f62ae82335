"""Find the samples worth labelling next, in a pool that is never sorted as a whole.

``import socbi`` needs numpy alone.
"""

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

__all__ = [
    "IndexFileError",
    "IntakeError",
    "InvalidInputError",
    "InvalidTypeError",
    "MissingExtraError",
    "RankError",
    "RemovedIdError",
    "SemiOrderedIndex",
    "SocbiError",
    "StoreError",
    "UnknownIdError",
    "__version__",
]
