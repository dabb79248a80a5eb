"""Figures and page of a run: drawn once, and written into its folder."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.analysis.refusals import Refused
from harness.errors import HarnessError
from harness.records import Template
from harness.report.figures.apart import drawn_apart
from harness.report.figures.catalog import draw, draw_all
from harness.report.figures.figure import NARROW, WIDE, Figure, FigureData
from harness.report.figures.render import svg, write
from harness.report.html.explorer import explorer
from harness.report.html.page import page
from harness.report.html.pictures import Picture
from harness.report.sections import Report

EPOCH = "SOURCE_DATE_EPOCH"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures that a run's data allow, by stem, laid out wide and narrow."""

    wide: Mapping[str, Figure]
    narrow: Mapping[str, Figure]

    @property
    def alts(self) -> dict[str, str]:
        """What each says, in a sentence."""
        return {stem: figure.alt for stem, figure in self.wide.items()}


def figures_of(data: FigureData) -> Figures:
    """Every figure that the data allow; those that are refused are told of in the sections they belong to."""
    return Figures(wide=_drawn(data, WIDE), narrow=_drawn(data, NARROW))


def _drawn(data: FigureData, width: int) -> dict[str, Figure]:
    found = draw_all(data, width).items()
    return {stem: figure for stem, figure in found if not isinstance(figure, Refused)}


def pictures_of(figures: Figures, drawn: Mapping[Figure, str]) -> dict[str, Picture]:
    """The figures as they stand in the page; `drawn` is what the renderer made of them, as far as that is known."""
    return {stem: _picture(figure, figures.narrow.get(stem), drawn) for stem, figure in figures.wide.items()}


def write_page(
    report: Report, pictures: Mapping[str, Picture], data: FigureData, templates: Mapping[str, Template], folder: Path
) -> None:
    """Write index.html; `templates` are the study's by data set, from which the page writes prompts again."""
    text = page(report, pictures, explorer(data.tables.results, templates), generated=when())
    (folder / "index.html").write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def figures_written(figures: Figures, folder: Path, *, apart: bool) -> Iterator[dict[Figure, str]]:
    """Write figures/STEM.svg, .png and .pdf, `apart` beside the body; what was drawn is known behind it."""
    wide, place = tuple(figures.wide.values()), folder / "figures"
    drawn: dict[Figure, str] = {}
    with drawn_apart(wide, tuple(figures.narrow.values()), place, drawn) if apart else nullcontext():
        yield drawn
    for figure in wide:
        if figure not in drawn:
            write(figure, place)


def draw_files(data: FigureData, names: Sequence[str], folder: Path, formats: Sequence[str]) -> list[str]:
    """Draw the named figures into a folder; returns a line for each: its files, or why it cannot be drawn.

    Raises:
        UnknownName: there is no such figure, or no such format.
    """
    found = {name: draw(name, data) for name in dict.fromkeys(names)}
    return [
        f"{name} cannot be drawn: {figure.reason}"
        if isinstance(figure, Refused)
        else ", ".join(map(str, write(figure, folder, formats)))
        for name, figure in found.items()
    ]


def _picture(figure: Figure, narrow: Figure | None, drawn: Mapping[Figure, str]) -> Picture:
    return Picture(
        svg=svg(figure, "page", drawn.get(figure)),
        alt=figure.alt,
        caption=figure.caption,
        narrow="" if narrow is None else svg(narrow, "page", drawn.get(narrow)),
    )


def when() -> str:
    """The day that SOURCE_DATE_EPOCH names, empty without it: two reports of one store are the same bytes.

    Source: https://reproducible-builds.org/specs/source-date-epoch/.

    Raises:
        HarnessError: it is no number of seconds.
    """
    told = os.environ.get(EPOCH, "")
    try:
        return datetime.fromtimestamp(int(told), UTC).strftime("%Y-%m-%d") if told else ""
    except (ValueError, OverflowError, OSError):
        raise HarnessError(f"{EPOCH} is {told!r}: a number of seconds since 1970-01-01 UTC, or unset") from None
