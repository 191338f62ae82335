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
    └── MissingExtraError   (ImportError)  a package that only some calls need is not installed

Every message says what was given, what was expected, and the way out. A call that raises has
changed nothing.
"""

__all__ = [
    "IndexFileError",
    "IntakeError",
    "InvalidInputError",
    "InvalidTypeError",
    "MissingExtraError",
    "RankError",
    "RemovedIdError",
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


class MissingExtraError(SocbiError, ImportError):
    """A package that only some calls need is not installed; the message has the pip command."""
