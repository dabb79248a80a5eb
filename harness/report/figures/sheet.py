"""Panels on a sheet, below the key that says what colours, shapes and dashes stand for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from harness.report.figures.axes import Axis, rows_axis
from harness.report.figures.figure import Spec
from harness.report.figures.marks import Dot, Text, dots, rules, texts
from harness.report.figures.names import text_width
from harness.report.figures.panel import LEFT, TITLE_OFFSET, Frame, panel
from harness.report.figures.theme import FONT, FONT_SIZE, SMALL, Style, light

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
KEY_LINE, KEY_GAP, KEY_MARK, KEY_BELOW = 19, 16, 16, 6
STROKE = 12  # pixels that a key's stroke takes beside its mark
BELOW = 30  # room for the numbers of a level axis
TITLE_LINE = 15
BETWEEN = LEFT + 14  # pixels from one panel to the next, which has an axis of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One series in the key above the panels."""

    text: str
    style: Style
    hollow: bool = False
    dashed: bool = False


def sheet(
    panels: Sequence[Spec],
    *,
    columns: int = 1,
    gap: float = BETWEEN,
    key: Sequence[Spec] = (),
    head: tuple[float, float] = (0.0, 0.0),
) -> Spec:
    """Panels in rows of `columns`, `gap` pixels apart, below the key; only the lowest name their x.

    `head` pixels stay free above the first and above every later row for what stands there beside headings.
    """
    named = [_unnamed(one) if place + columns < len(panels) else one for place, one in enumerate(panels)]
    above = max((_above(one) for one in panels[columns:]), default=0.0) + head[1]
    grid: Spec = {
        "concat": named,
        "columns": columns,
        "bounds": "flush",
        "spacing": {"column": gap, "row": above + BELOW},
    }
    body: Spec = {
        "vconcat": [*key, grid],
        "bounds": "flush",
        "spacing": max(_above(one) for one in panels[:columns]) + head[0] + KEY_BELOW,
    }
    return {"$schema": SCHEMA, **(body if key else grid), "config": _config()}


def key_of(entries: Sequence[Entry], width: float, indent: float = LEFT) -> list[Spec]:
    """What colours, shapes and dashes stand for, in lines of `width` pixels from `indent` left of the panels on."""
    if not entries:
        return []
    places = _places(entries, width, indent)
    height = KEY_LINE * (1 + max(row for _, row in places))
    across = max(1.0, width - indent)
    frame = Frame(
        x=Axis(kind="linear", low=0, high=across, open=True), y=rows_axis(height), width=across, height=height
    )
    layers: list[Spec] = []
    marks: list[Dot] = []
    words: list[Text] = []
    for (x, row), entry in zip(places, entries, strict=True):
        y, stroke = KEY_LINE * (row + 0.5), STROKE if entry.dashed else 0
        if entry.dashed:
            layers += rules([(x - 2, y, x + 26, y)], entry.style.colour, entry.style.dash)
        marks.append(Dot(x=x + 6 + stroke / 2, y=y, style=entry.style, tip="", hollow=entry.hollow))
        words.append(Text(x=x + KEY_MARK + stroke, y=y, text=entry.text))
    return [panel(frame, [*layers, *dots(marks), *texts(words)])]


def grid_width(width: int, columns: int) -> float:
    """The width of one of several panels beside each other."""
    return (width - LEFT - 12 - BETWEEN * (columns - 1)) / columns


def _places(entries: Sequence[Entry], width: float, indent: float) -> list[tuple[float, int]]:
    """The left end and the line of each entry."""
    places, row, at = [], 0, 0.0
    for entry in entries:
        takes = KEY_MARK + (STROKE if entry.dashed else 0) + text_width(entry.text, SMALL)
        if at and at + takes > width:
            row, at = row + 1, 0.0
        places.append((at - indent, row))
        at += takes + KEY_GAP
    return places


def _above(made: Spec) -> float:
    """The pixels that the title of a panel takes."""
    title = made.get("title")
    if not isinstance(title, dict):
        return TITLE_OFFSET
    return float(TITLE_LINE * (len(title["text"]) + len(title.get("subtitle", ()))) + TITLE_OFFSET)


def _unnamed(made: Spec) -> Spec:
    encoding = cast(dict[str, Spec], made["encoding"])
    drawn = cast(Spec | None, encoding["x"]["axis"])
    x = encoding["x"] | {"axis": None if drawn is None else drawn | {"title": None}, "title": None}
    return made | {"encoding": encoding | {"x": x}}


def _config() -> Spec:
    ink, muted, axis, grid = (light(role) for role in ("ink", "muted", "axis", "grid"))
    return {
        "aria": True,
        "background": light("paper"),
        "padding": 4,
        "font": FONT,
        "view": {"stroke": None},
        "axis": {
            "aria": False,
            "labelColor": muted,
            "labelFontSize": SMALL,
            "titleColor": muted,
            "titleFontSize": SMALL,
            "titleFontWeight": "normal",
            "titlePadding": 6,
            "gridColor": grid,
            "domainColor": axis,
            "tickColor": axis,
            "labelOverlap": False,
        },
        "axisY": {"domain": False, "ticks": False, "labelPadding": 6},
        "axisX": {"grid": False, "labelFlush": False},
        "title": {
            "anchor": "start",
            "frame": "group",
            "color": ink,
            "fontSize": FONT_SIZE,
            "fontWeight": "bold",
            "subtitleColor": muted,
            "subtitleFontSize": SMALL,
            "offset": 8,
        },
    }
