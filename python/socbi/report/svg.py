"""Charts as SVG: a frame with axes, and what is drawn into it.

Colours are CSS variables (`style.py`), so that one drawing serves light, dark and print.
Whatever is told by colour is told by a dash or a word as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np
import numpy.typing as npt

from socbi.report.style import PICTURE_STYLE, plain

__all__ = ["BASELINE", "DASHES", "Frame", "color", "is_baseline", "ticks"]

DASHES = ("", "7 3", "2 3", "9 3 2 3", "12 4", "4 2", "3 1.5", "6 2 1 2")
_COLORS = 8

BASELINE = 6
"""The grey slot, for what all others are measured by."""


def color(slot: int) -> str:
    """Return the CSS colour of a slot.

    Examples
    --------
    >>> color(1), color(9)
    ('var(--c1)', 'var(--c1)')
    """
    return f"var(--c{slot % _COLORS})"


def is_baseline(slot: int) -> bool:
    """Say whether a slot is as grey as `BASELINE`."""
    return slot % _COLORS == BASELINE


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round numbers within a range.

    Examples
    --------
    >>> ticks(0.52, 0.97)
    [0.6, 0.7, 0.8, 0.9]
    """
    if not high > low:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * one for one in (1, 2, 2.5, 5, 10) if power * one >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 10) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


class Frame:
    """A chart with a title and a description for those who do not see it.

    Examples
    --------
    >>> frame = Frame("Curve", "It rises.", (0, 10), (0, 1))
    >>> frame.line([0, 10], [0, 1], 0)
    >>> frame.svg().startswith("<svg")
    True
    """

    def __init__(
        self,
        title: str,
        description: str,
        x: tuple[float, float],
        y: tuple[float, float],
        *,
        size: tuple[int, int] = (1000, 420),
        margins: tuple[int, int, int, int] = (14, 118, 46, 72),
    ) -> None:
        self._title, self._description = title, description
        self._x = x if x[1] > x[0] else (x[0] - 0.5, x[0] + 0.5)
        self._y = y if y[1] > y[0] else (y[0] - 0.5, y[0] + 0.5)
        self.width, self.height = size
        self.top, self._right, self._bottom, self.left = margins
        self._parts: list[str] = []

    @property
    def right(self) -> float:
        """Return where the plotted area ends."""
        return self.width - self._right

    @property
    def bottom(self) -> float:
        """Return where the plotted area ends below."""
        return self.height - self._bottom

    def px(self, value: float) -> float:
        """Return the place of a value of x."""
        return self.left + (value - self._x[0]) / (self._x[1] - self._x[0]) * (
            self.right - self.left
        )

    def py(self, value: float) -> float:
        """Return the place of a value of y."""
        return self.bottom - (value - self._y[0]) / (self._y[1] - self._y[0]) * (
            self.bottom - self.top
        )

    def add(self, part: str) -> None:
        """Draw anything."""
        self._parts.append(part)

    def axes(
        self, x_name: str, y_name: str, *, percent: bool = False, numbers: bool = True
    ) -> None:
        """Draw grid lines, numbers and names; along x whole numbers, or none if so asked."""
        for value in ticks(*self._y):
            at = _number(self.py(value))
            text = f"{value:.0%}" if percent else f"{value:,.6g}"
            if percent and abs(100 * value - round(100 * value)) > 1e-6:
                text = f"{value:.1%}"
            self.add(
                f'<line class="grid" x1="{self.left}" x2="{_number(self.right)}" y1="{at}" '
                f'y2="{at}"/>'
            )
            self.text(self.left - 8, self.py(value) + 4, text, anchor="end")
        room = int((self.right - self.left) / 62)  # for numbers such as 12,500
        across = ticks(*self._x, max(2, min(8, room))) if numbers else []
        for value in [one for one in across if one == int(one)]:
            self.text(self.px(value), self.bottom + 18, f"{value:,.6g}", anchor="middle")
        self.add(
            f'<line class="axis" x1="{self.left}" x2="{_number(self.right)}" '
            f'y1="{_number(self.bottom)}" y2="{_number(self.bottom)}"/>'
        )
        middle = (self.left + self.right) / 2
        self.text(middle, self.height - 8, x_name, anchor="middle", kind="name")
        up = (self.top + self.bottom) / 2
        self.add(
            f'<text class="name" text-anchor="middle" transform="translate(14 {_number(up)}) '
            f'rotate(-90)">{escape(y_name)}</text>'
        )

    def text(
        self, x: float, y: float, words: str, *, anchor: str = "start", kind: str = "tick",
        style: str = "",
    ) -> None:  # fmt: skip
        """Write words."""
        looks = f' style="{style}"' if style else ""
        self.add(
            f'<text class="{kind}" x="{_number(x)}" y="{_number(y)}" text-anchor="{anchor}"{looks}>'
            f"{escape(words)}</text>"
        )

    def line(self, x: npt.ArrayLike, y: npt.ArrayLike, slot: int, *, width: float = 2) -> None:
        """Draw a line through points; a dot where there is one."""
        if np.size(x) == 1:
            self.dots(x, y, f'style="stroke:{color(slot)}"', 8)
            return
        points = " ".join(f"{_number(a)},{_number(b)}" for a, b in self._places(x, y))
        dash = DASHES[(slot + slot // _COLORS) % len(DASHES)]  # another one where a colour repeats
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.add(
            f'<polyline points="{points}" fill="none" stroke-width="{width}"{dashes} '
            f'stroke-linejoin="round" style="stroke:{color(slot)}"/>'
        )

    def band(self, x: npt.ArrayLike, low: npt.ArrayLike, high: npt.ArrayLike, slot: int) -> None:
        """Fill the space between two curves."""
        there, back = list(self._places(x, high)), list(self._places(x, low))[::-1]
        points = " ".join(f"{_number(a)},{_number(b)}" for a, b in there + back)
        self.add(f'<polygon points="{points}" class="band" style="fill:{color(slot)}"/>')

    def level(self, value: float, words: str) -> None:
        """Draw a dotted line across, with words on it."""
        at = self.py(value)
        self.add(
            f'<line class="level" x1="{self.left}" x2="{_number(self.right)}" y1="{_number(at)}" '
            f'y2="{_number(at)}"/>'
        )
        self.text(self.left + 6, at - 5, words, kind="note")

    def rect(self, x: float, y: float, width: float, height: float, fill: str, hint: str) -> None:
        """Draw a bar, by places and not by values; the hint shows where a pointer rests."""
        self.add(
            f'<rect x="{_number(x)}" y="{_number(y)}" width="{_number(max(width, 0))}" '
            f'height="{_number(max(height, 0))}" style="fill:{fill}">'
            f"<title>{escape(hint)}</title></rect>"
        )

    def dots(self, x: npt.ArrayLike, y: npt.ArrayLike, looks: str, size: float) -> None:
        """Draw many dots as one path, which stays small however many they are."""
        places = self._places(x, y)
        path = "".join(f"M{_number(a)} {_number(b)}h0" for a, b in places)
        if path:
            self.add(
                f'<path d="{path}" fill="none" stroke-linecap="round" stroke-width="{size}" '
                f"{looks}/>"
            )

    def room_for(self, names: Sequence[str]) -> None:
        """Leave as much room on the right as the longest name takes."""
        self._right = 22 + 8 * max(map(len, names), default=0)

    def end_labels(self, ends: Sequence[tuple[float, str, int]]) -> None:
        """Write names beside the ends of lines, moved apart where they would overlap."""
        order = sorted(ends, key=lambda one: -one[0])
        at = [self.py(value) for value, _, _ in order]
        for number in range(1, len(at)):
            at[number] = max(at[number], at[number - 1] + 15)
        over = at[-1] - (self.bottom - 2) if at else 0
        for number in range(len(at) - 1, -1, -1):
            if over > 0:
                room = at[number + 1] - 15 if number + 1 < len(at) else self.bottom - 2
                at[number] = min(at[number], room)
        for place, (value, words, slot) in zip(at, order, strict=True):
            self.add(
                f'<line x1="{_number(self.right + 2)}" y1="{_number(self.py(value))}" '
                f'x2="{_number(self.right + 10)}" y2="{_number(place)}" stroke-width="1" '
                f'style="stroke:{color(slot)}"/>'
            )
            self.text(self.right + 13, place + 4, words, kind="label", style=f"fill:{color(slot)}")

    def svg(self) -> str:
        """Return the drawing as a part of a page, which has its style."""
        return (
            f'<svg class="chart" role="img" {self._view}>{self._told}{"".join(self._parts)}</svg>'
        )

    def picture(self) -> str:
        """Return the drawing as a file of its own: on white, for paper and for any program."""
        return plain(
            f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" {self._view} '
            f'width="{self.width}" height="{self.height}">{self._told}'
            f"<style>{PICTURE_STYLE}</style>"
            f'<rect class="paper" width="100%" height="100%"/>{"".join(self._parts)}</svg>'
        )

    @property
    def _view(self) -> str:
        return f'viewBox="0 0 {self.width} {self.height}"'

    @property
    def _told(self) -> str:
        return f"<title>{escape(self._title)}</title><desc>{escape(self._description)}</desc>"

    def _places(self, x: npt.ArrayLike, y: npt.ArrayLike) -> list[tuple[float, float]]:
        across, up = np.asarray(x, np.float64), np.asarray(y, np.float64)
        return [(self.px(a), self.py(b)) for a, b in zip(across, up, strict=True)]
