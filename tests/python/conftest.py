"""Fixtures that several files of tests use."""

import signal

from together import eager_interpreter

__all__ = ["eager_interpreter"]

# A shell starts what it puts in the background with Ctrl-C ignored, and so are its children; tests
# that press it would wait for nothing.
signal.signal(signal.SIGINT, signal.default_int_handler)
