"""A whole campaign in a minute, on data that is at hand."""

from socbi.demo.campaigns import Demo, run_demo
from socbi.demo.program import main

__all__ = ["Demo", "main", "run_demo"]
