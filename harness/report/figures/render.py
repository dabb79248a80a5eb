"""Figures as files: SVG, PNG and PDF, drawn here, from the same specification.

All are the same bytes each time, but for a PDF with names in scripts that need a second font.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from harness.analysis.extras import require
from harness.errors import UnknownName
from harness.report.figures.figure import Figure
from harness.report.figures.svg import page_svg
from harness.report.figures.theme import Theme

GRAMMAR = "6.4"  # of the specifications; a renderer holds several
DRAWN_MOST = 64  # above the number of figures, laid out wide and narrow
SCALE = 2.0  # pixels of a PNG per pixel of the figure
# the renderer writes fonts, and the names of resources, in an order that differs from run to run
BOLD = re.compile(r'(<[^<>]*) font-weight="bold"')
RESOURCES = re.compile(rb"(?:^ +/[A-Za-z]+\d+ \d+ 0 R\n){2,}", re.MULTILINE)


def svg(figure: Figure, theme: Theme = "light", drawn: str | None = None) -> str:
    """The figure as SVG; theme "page" follows the custom properties of `theme.stylesheet()` and has no background.

    `drawn` is its `drawing_of`, where that is known.

    Raises:
        MissingExtra: vl-convert is not installed.
    """
    require("vl_convert")
    return page_svg(drawing_of(figure) if drawn is None else drawn, figure, theme)


@lru_cache(maxsize=DRAWN_MOST)  # a figure's files and its place in the page are one drawing
def drawing_of(figure: Figure) -> str:
    """What the renderer makes of the specification, unchanged."""
    import vl_convert

    text: str = vl_convert.vegalite_to_svg(figure.spec, vl_version=GRAMMAR)
    return text


def png(figure: Figure, theme: Theme = "light") -> bytes:
    """The figure as PNG, two pixels per pixel of its width.

    Raises:
        MissingExtra: vl-convert is not installed.
    """
    text = svg(figure, theme)
    import vl_convert

    return vl_convert.svg_to_png(text, scale=SCALE)


def pdf(figure: Figure) -> bytes:
    """The figure as PDF, all in one weight.

    With names in scripts that need a second font, its bytes are the same within a process only.

    Raises:
        MissingExtra: vl-convert is not installed.
    """
    text = BOLD.sub(r"\1", svg(figure))
    import vl_convert

    return RESOURCES.sub(lambda hit: b"".join(sorted(hit[0].splitlines(keepends=True))), vl_convert.svg_to_pdf(text))


FORMATS: dict[str, Callable[[Figure], bytes]] = {
    "svg": lambda figure: svg(figure).encode(),
    "png": png,
    "pdf": pdf,
}


def write(figure: Figure, folder: Path, formats: Sequence[str] = ("svg", "png", "pdf")) -> tuple[Path, ...]:
    """Write STEM.FORMAT for each format into a folder, which is made if need be, and tell the paths.

    Raises:
        UnknownName: a format is not svg, png or pdf.
        MissingExtra: vl-convert is not installed.
    """
    for name in formats:
        if name not in FORMATS:
            raise UnknownName("figure format", name, FORMATS)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{figure.stem}.{name}" for name in formats]
    for name, path in zip(formats, paths, strict=True):
        path.write_bytes(FORMATS[name](figure))
    return tuple(paths)
