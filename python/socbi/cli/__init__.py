"""The command line: parses, builds objects, calls; the only place that chooses and prints."""

from socbi.cli.program import main

__all__ = ["main"]
