"""Fixtures that several files of tests use."""

from together import eager_interpreter

__all__ = ["eager_interpreter"]
