"""The samples that were picked, as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

from socbi.report.png import data_uri

__all__ = ["Picked", "picked_list"]

# Letters of a text that is shown whole, and of the beginning of a longer one: about six lines.
_LONG, _BEGINNING = 300, 240


@dataclass(frozen=True)
class Picked:
    """A sample that was chosen: what it is, and why.

    Examples
    --------
    >>> Picked(id=7, round=1, label="cat", reason="the most uncertain of all", text="a tabby").id
    7
    """

    id: object
    round: int
    label: str = ""
    reason: str = ""
    image: npt.NDArray[np.uint8] | None = None
    """(h, w) grey or (h, w, 3) colour, small."""
    text: str = ""


def picked_list(picked: Sequence[Picked]) -> str:
    """Return the samples as HTML, round by round."""
    parts = []
    for number in sorted({one.round for one in picked}):
        mine = [one for one in picked if one.round == number]
        looks = "picks wide" if any(one.text and one.image is None for one in mine) else "picks"
        parts.append(f"<h3>Round {number}</h3><ol class='{looks}'>{''.join(map(_item, mine))}</ol>")
    return "".join(parts)


def _quoted(text: str) -> str:
    """Return a text; of a long one the beginning, and all of it where a reader opens it."""
    words = text.strip()
    if len(words) <= _LONG:
        return f"<q>{escape(words)}</q>"
    begin = words[:_BEGINNING]
    begin = begin.rsplit(maxsplit=1)[0] if " " in begin[_BEGINNING // 2 :] else begin
    return (
        f"<q>{escape(begin)} …</q><details><summary>all {len(words):,} letters</summary>"
        f"<q>{escape(words)}</q></details>"
    )


def _item(one: Picked) -> str:
    name = f"sample {one.id}"
    shown = ""
    if one.image is not None:
        alt = f"{name}, labelled {one.label}" if one.label else name
        shown = f'<img src="{data_uri(one.image)}" alt="{escape(alt)}" loading="lazy">'
    elif one.text:
        shown = _quoted(one.text)
    label = f"<br>labelled {escape(one.label)}" if one.label else ""
    reason = f"<br><span>{escape(one.reason)}</span>" if one.reason else ""
    return f"<li class='pick'>{shown}<b>{escape(name)}</b>{label}{reason}</li>"
