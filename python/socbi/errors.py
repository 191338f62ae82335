"""What socbi raises.

::

    SocbiError
    ├── InvalidInputError   (ValueError)   a value that cannot be: NaN, a wrong length, ...
    ├── InvalidTypeError    (TypeError)    a wrong dtype or kind of object
    ├── UnknownIdError      (KeyError)     an id that no sample has
    │   └── RemovedIdError                 an id whose sample was removed or popped
    ├── RankError           (IndexError)   a rank beyond the samples that are left
    ├── IndexFileError      (ValueError)   a file that cannot be read as a saved index
    ├── IntakeError         (ValueError)   a sample that cannot be taken into a pool
    ├── StoreError          (ValueError)   a store of embeddings that cannot be used
    ├── LabelError          (ValueError)   labels of unknown samples or classes
    ├── SessionError        (ValueError)   a folder that cannot be used as a session
    │   └── SessionHeldError               a session that another process has open
    ├── DiskFullError       (OSError)      no room left for what had to be kept
    └── MissingExtraError   (ImportError)  a package that only some calls need is not installed

Every message says what was given, what was expected, and the way out. A call that raises has
changed nothing.
"""

from collections.abc import Sequence

__all__ = [
    "DiskFullError",
    "IndexFileError",
    "IntakeError",
    "InvalidInputError",
    "InvalidTypeError",
    "LabelError",
    "MissingExtraError",
    "RankError",
    "RemovedIdError",
    "SessionError",
    "SessionHeldError",
    "SocbiError",
    "StoreError",
    "UnknownIdError",
]


class SocbiError(Exception):
    """Whatever this library raises by itself."""


class InvalidInputError(SocbiError, ValueError):
    """A value that cannot be: NaN, an infinite score, lengths that differ, an unknown option."""


class InvalidTypeError(SocbiError, TypeError):
    """A wrong dtype or kind of object."""


class UnknownIdError(SocbiError, KeyError):
    """An id that no sample has."""

    def __str__(self) -> str:
        """Return the message as it is; a bare KeyError would quote it."""
        return str(self.args[0]) if self.args else ""


class RemovedIdError(UnknownIdError):
    """An id whose sample was removed or popped."""


class RankError(SocbiError, IndexError):
    """A rank beyond the samples that are left."""


class IndexFileError(SocbiError, ValueError):
    """A file that cannot be read as a saved index."""


class IntakeError(SocbiError, ValueError):
    """A sample that cannot be taken into a pool."""


class StoreError(SocbiError, ValueError):
    """A store of embeddings that cannot be used: damaged, of another release, or in use."""


class LabelError(SocbiError, ValueError):
    """Labels of which some cannot be taken, and of which therefore none was."""

    def __init__(
        self,
        message: str,
        unknown_ids: Sequence[object] = (),
        unknown_classes: Sequence[object] = (),
    ) -> None:
        super().__init__(message)
        self.unknown_ids = tuple(unknown_ids)
        self.unknown_classes = tuple(unknown_classes)


class SessionError(SocbiError, ValueError):
    """A folder that cannot be used as a session: none there, damaged, of a newer release."""


class SessionHeldError(SessionError):
    """A session that another process has open."""


class DiskFullError(SocbiError, OSError):
    """No room is left for what had to be kept; the call has changed nothing."""


class MissingExtraError(SocbiError, ImportError):
    """A package that only some calls need is not installed; the message has the pip command."""
