"""The samples that were picked, as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

from socbi.report.png import data_uri

__all__ = ["Picked", "picked_list"]


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
        parts.append(f"<h3>Round {number}</h3><ol class='picks'>{''.join(map(_item, mine))}</ol>")
    return "".join(parts)


def _item(one: Picked) -> str:
    name = f"sample {one.id}"
    shown = ""
    if one.image is not None:
        alt = f"{name}, labelled {one.label}" if one.label else name
        shown = f'<img src="{data_uri(one.image)}" alt="{escape(alt)}" loading="lazy">'
    elif one.text:
        shown = f"<q>{escape(one.text)}</q>"
    label = f"<br>labelled {escape(one.label)}" if one.label else ""
    reason = f"<br><span>{escape(one.reason)}</span>" if one.reason else ""
    return f"<li class='pick'>{shown}<b>{escape(name)}</b>{label}{reason}</li>"
