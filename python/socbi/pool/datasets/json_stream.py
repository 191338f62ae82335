"""Large JSON files item by item, in memory of the size of an item.

COCO's instances are 450 MB and Visual Genome's phrases more; parsed as a whole they take several
times as much.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

__all__ = ["json_items"]

_FIRST_READ = 1 << 18  # characters; an item of the files above has at most some 100,000


def json_items(path: Path) -> Iterator[tuple[str, Any]]:
    r"""Yield the items of a list as ("", item), those of an object's lists as (key, item).

    A value of the object that is no list comes as one item. ValueError where it is no JSON.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.json")
    ...     _ = path.write_text('{"info": {"year": 2017}, "images": [{"id": 1}, {"id": 2}]}')
    ...     list(json_items(path))
    [('info', {'year': 2017}), ('images', {'id': 1}), ('images', {'id': 2})]
    """
    with open(path, encoding="utf-8") as file:
        source = _Source(file)
        if source.peek() == "[":
            yield from (("", item) for item in source.elements())
        else:
            source.expect("{")
            more = source.peek() != "}"
            while more:
                key = str(source.value())
                source.expect(":")
                if source.peek() == "[":
                    yield from ((key, item) for item in source.elements())
                else:
                    yield key, source.value()
                more = source.another("}")
            source.expect("}")
        if source.peek():
            raise ValueError(f"there is more behind its end: {source.peek()!r}")


class _Source:
    """The part of a file that is in memory, and how far it is read."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._decoder = json.JSONDecoder()
        self._text = ""
        self._at = 0

    def _more(self) -> bool:
        # Each read doubles what is left, so that a file that never parses costs no squares.
        piece = self._file.read(max(_FIRST_READ, len(self._text) - self._at))
        self._text = self._text[self._at :] + piece
        self._at = 0
        return bool(piece)

    def peek(self) -> str:
        """Return the next character that is no space, empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in " \t\r\n\ufeff":
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def expect(self, wanted: str) -> None:
        """Pass over a character."""
        found = self.peek()
        if found != wanted:
            raise ValueError(f"{wanted!r} is expected, and there is {found!r}" if found else _CUT)
        self._at += 1

    def another(self, end: str) -> bool:
        """Pass over a comma, or see the end."""
        if self.peek() == end:
            return False
        self.expect(",")
        return True

    def elements(self) -> Iterator[Any]:
        """Yield the elements of a list."""
        self.expect("[")
        more = self.peek() != "]"
        while more:
            yield self.value()
            more = self.another("]")
        self.expect("]")

    def value(self) -> Any:
        """Return the next value, having read as much as it needs."""
        if not self.peek():
            raise ValueError(_CUT)
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except ValueError as error:
                if not self._more():
                    raise ValueError(f"{_CUT}, or no JSON: {error}") from error
                continue
            if end == len(self._text) and self._more():
                continue  # a number may go on
            self._at = end
            return value


_CUT = "it is cut off"
