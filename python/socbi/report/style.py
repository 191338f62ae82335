"""How a page looks: on a laptop, on paper, in light and dark.

The colours are after Okabe and Ito, which keep apart for every kind of colour vision: the light
ones darkened on white, the dark ones lightened on black, so that names can be read in them.
"""

from __future__ import annotations

import re

__all__ = ["CHART_STYLE", "FONT", "PAGE_STYLE", "PICTURE_STYLE", "plain"]

FONT = "Source Sans Pro"
"""What pictures are written in where it is there."""

_LIGHT = """
--paper:#fff;--ink:#1a1d21;--soft:#5b636e;--line:#dfe3e8;--panel:#f6f7f9;--dots:#c3cad3;
--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#a8558a;--c4:#b97f00;--c5:#2b8fc4;--c6:#5b636e;--c7:#8a7c00;
--early:#00224e;--late:#d9a400;
--search:#0b5345;--update:#2e9e83;--sort:#8fd3c0;--embed:#5b3f8c;--predict:#a58fd0;--train:#4f5661;--test:#b4bcc6;"""
_DARK = """
--paper:#14171b;--ink:#e8eaed;--soft:#a4adb8;--line:#2e343c;--panel:#1c2026;--dots:#465060;
--c0:#56b4e9;--c1:#f0803c;--c2:#2fc79a;--c3:#cc79a7;--c4:#e69f00;--c5:#7f9fd8;--c6:#a4adb8;--c7:#f0e442;
--early:#5b8bd0;--late:#ffe14d;
--search:#1f7a66;--update:#35b898;--sort:#a5e0d1;--embed:#8a6fc0;--predict:#c3b3e8;--train:#7d8793;--test:#c4ccd6;"""

_FONTS = 'system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif'
_MARKS = """
svg.chart .paper{fill:var(--paper)}
svg.chart text{fill:var(--ink)}
svg.chart .tick,svg.chart .note{fill:var(--soft)}
svg.chart .note{stroke:var(--paper);stroke-width:4px;stroke-linejoin:round;paint-order:stroke}
svg.chart .name{fill:var(--soft)}
svg.chart .label{font-weight:600}
svg.chart .grid{stroke:var(--line);stroke-width:1}
svg.chart .axis{stroke:var(--soft);stroke-width:1}
svg.chart .level{stroke:var(--soft);stroke-width:1.2;stroke-dasharray:1 4;stroke-linecap:round}
svg.chart .band{opacity:.16}
"""

CHART_STYLE = (
    f":root{{{_LIGHT}}}"
    f"@media (prefers-color-scheme:dark){{:root{{{_DARK}}}}}"
    f"\nsvg.chart{{font:12px {_FONTS}}}{_MARKS}"
)

_COLORS = dict(re.findall(r"--(\w+):(#\w+)", _LIGHT))


def plain(drawing: str) -> str:
    """Return a drawing or style with its colours as numbers, those of light and of print.

    Word processors and most programs that draw SVG know neither variables nor mixtures.

    Examples
    --------
    >>> plain("fill:var(--c1)"), plain("stroke:color-mix(in srgb,var(--paper) 50%,var(--c0))")
    ('fill:#d55e00', 'stroke:#80b8d8')
    """
    numbers = re.sub(r"var\(--(\w+)\)", lambda found: _COLORS[found[1]], drawing)
    mixture = r"color-mix\(in srgb,(#\w+) (\d+)%,(#\w+)\)"
    return re.sub(
        mixture, lambda found: _mixed(_rgb(found[1]), _rgb(found[3]), int(found[2])), numbers
    )


def _rgb(color: str) -> tuple[int, ...]:
    digits = color[1:] if len(color) == 7 else "".join(2 * digit for digit in color[1:])
    return tuple(bytes.fromhex(digits))


def _mixed(one: tuple[int, ...], other: tuple[int, ...], percent: int) -> str:
    parts = zip(one, other, strict=True)
    return "#" + "".join(
        f"{round((a * percent + b * (100 - percent)) / 100):02x}" for a, b in parts
    )


PICTURE_STYLE = plain(f'svg.chart{{font-size:12px;font-family:"{FONT}",{_FONTS}}}{_MARKS}')
"""Of a chart that is a file: light on any screen, as on paper."""

PAGE_STYLE = (
    CHART_STYLE
    + """
*{box-sizing:border-box}
html{color-scheme:light dark}
body{margin:0;background:var(--paper);color:var(--ink);
 font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1060px;margin:0 auto;padding:40px 28px 64px}
h1{font-size:34px;line-height:1.15;margin:0 0 6px;letter-spacing:-.02em}
h2{font-size:21px;margin:52px 0 4px;letter-spacing:-.01em}
h3{font-size:15px;margin:22px 0 6px}
p{margin:0 0 12px;max-width:72ch}
.lead,.soft{color:var(--soft)}
.lead{font-size:17px}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(170px,1fr));gap:14px;
 margin:26px 0 8px}
.tile{background:var(--panel);border:1px solid var(--line);border-radius:12px;padding:16px 18px}
.tile b{display:block;font-size:24px;line-height:1.15;letter-spacing:-.02em;
 font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:14px;line-height:1.4;display:block}
figure{margin:14px 0 0}
.pair figure{margin:0}.pair h3{margin:6px 0 4px}
figcaption{color:var(--soft);font-size:14px;max-width:78ch;margin-top:4px}
svg.chart{display:block;width:100%;height:auto}
.pair{display:grid;grid-template-columns:repeat(auto-fill,minmax(420px,1fr));gap:28px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums;margin-top:10px}
th,td{padding:7px 10px;border-bottom:1px solid var(--line);text-align:right;vertical-align:baseline}
th:first-child,td:first-child{text-align:left;padding-left:0}
thead th{color:var(--soft);font-weight:600;border-bottom-color:var(--soft)}
tbody th{font-weight:600;white-space:nowrap}
.swatch{display:inline-block;width:12px;height:12px;border-radius:3px;margin-right:8px;vertical-align:-1px}
tbody+tbody .group,.group{padding:16px 0 6px;color:var(--soft);font-weight:600;text-align:left}
p.note{color:var(--soft);font-size:14px;margin-top:8px;max-width:78ch}
.range{color:var(--soft);font-size:12.5px;white-space:nowrap}
.clear{font-weight:600}
.picks{display:grid;grid-template-columns:repeat(auto-fill,minmax(144px,1fr));gap:12px;margin-top:8px;
 padding:0;list-style:none}
.picks.wide{grid-template-columns:repeat(auto-fill,minmax(236px,1fr))}
.pick{border:1px solid var(--line);border-radius:10px;padding:10px;background:var(--panel);
 font-size:12.5px;line-height:1.45;break-inside:avoid;overflow-wrap:anywhere}
.pick img{display:block;width:100%;aspect-ratio:1;object-fit:contain;border-radius:6px;
 background:#0b0d10;image-rendering:pixelated;margin-bottom:8px}
.pick q{display:block;font-size:14px;margin-bottom:8px;quotes:none;white-space:pre-line}
.pick details{margin:0 0 8px}.pick summary{font-size:12.5px;font-weight:400}
.pick details q{margin-top:6px;max-height:320px;overflow-y:auto}
.pick b{font-size:13.5px;overflow-wrap:anywhere}
.pick span{color:var(--soft)}
.task{break-inside:avoid}
details{margin-top:18px}
summary{cursor:pointer;color:var(--soft);font-size:14px;font-weight:600}
.slide{display:flex;gap:12px;align-items:center;margin:8px 0 0;color:var(--soft);font-size:14px}
.slide input{flex:1;max-width:340px;accent-color:var(--c0)}
footer{margin-top:56px;color:var(--soft);font-size:13px;border-top:1px solid var(--line);
 padding-top:14px}
@media (max-width:560px){main{padding:24px 16px}h1{font-size:27px}.pair{grid-template-columns:1fr}}
@media print{
 :root{"""
    + _LIGHT
    + """}
 @page{margin:15mm}
 html{color-scheme:light}
 body{font-size:10.5pt;background:#fff}
 main{max-width:none;padding:0}
 h2{margin-top:20pt;break-after:avoid}h3{break-after:avoid}
 figure,.tile,tr{break-inside:avoid}
 .pair{grid-template-columns:1fr 1fr;gap:12pt}
 .picks{grid-template-columns:repeat(6,1fr)}.picks.wide{grid-template-columns:repeat(3,1fr)}
 .slide,.pick summary{display:none}
 details:not([open])>summary::after{content:" (folded on the screen)";font-weight:400}
 p.note,figcaption{font-size:9pt}footer{margin-top:20pt}
 .tiles{grid-template-columns:repeat(5,1fr);gap:6pt}.tile{padding:8pt}.tile b{font-size:12.5pt}
 .tile span{font-size:8.5pt}
 .scroll{overflow:visible}table{font-size:8pt}th,td{padding:4pt}.range{font-size:7pt}
 .pick{font-size:8pt;padding:5pt}.pick b{font-size:8.5pt}
 *{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}
"""
)
