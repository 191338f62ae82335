"""A chart as a PNG file at the size of print."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from socbi.errors import MissingExtraError
from socbi.report.style import FONT

__all__ = ["check_raster", "raster"]

# Pixels for each unit of a chart, of which 96 are an inch: 288 to the inch on paper.
_ZOOM = 3
_WEIGHTS = ("Regular", "Semibold")  # what charts are written in


def check_raster() -> None:
    """Refuse where the packages for it are missing."""
    for package in ("resvg_py", "font_source_sans_pro"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(
                f"PNG needs {package.replace('_', '-')}: pip install 'socbi[png]'; SVG does without"
            )


def raster(svg: str) -> bytes:
    r"""Return the PNG of a drawing that stands alone, as `Frame.picture` gives it.

    Text is set in a font that comes with the extra ``png``: where a system has no font, the
    renderer would leave text out without a word. Letters that this font lacks are taken from the
    fonts of the system; one that no font has becomes a box.

    Examples
    --------
    >>> raster('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>')[:4]
    b'\x89PNG'
    """
    check_raster()
    import resvg_py

    drawn: bytes = resvg_py.svg_to_bytes(
        svg_string=svg,
        zoom=_ZOOM,
        background="#ffffff",
        font_files=_font_files(),
        font_family=FONT,
        sans_serif_family=FONT,
    )
    return drawn


def _font_files() -> list[str]:
    # Looked up and not imported: on import the package would list its folder for each call.
    found = importlib.util.find_spec("font_source_sans_pro")
    assert found is not None
    assert found.origin is not None
    folder = Path(found.origin).parent / "files"
    return [str(folder / f"SourceSansPro-{weight}.ttf") for weight in _WEIGHTS]
