"""What `load` knows of a set: its splits, its page and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from socbi.pool.datasets.request import Request
from socbi.pool.pool import Label, Pool

__all__ = ["DataSet"]


@dataclass(frozen=True)
class DataSet:
    """One set, or one of its variants."""

    splits: tuple[str, ...]
    """The official ones, the usual one first; ``("all",)`` where there is none."""
    page: str
    """The page of those who publish it."""
    read: Callable[[Request], Pool]
    class_names: Callable[[Request], Mapping[Label, str]] | None = None
    """What the labels are called, where the files have numbers or codes."""
    checksums: bool = False
    """Whether checksums of its files are published and known here."""
    needs_root: bool = True
