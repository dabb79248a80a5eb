"""Rows of points with intervals: models from the top, conditions beside each other, panels for several questions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.report.figures.axes import Axis, pixel, rows_axis
from harness.report.figures.clouds import Reading
from harness.report.figures.figure import Spec
from harness.report.figures.look import Look
from harness.report.figures.marks import Dot, Text, dots, rules, texts
from harness.report.figures.names import text_width
from harness.report.figures.panel import Frame, panel
from harness.report.figures.sheet import sheet
from harness.report.figures.theme import SMALL, light

SLOT = 9.0  # pixels from one condition of a row to the next
ROW_LEAST = 22.0
ROW_PAD = 9.0
LABEL_MOST = 0.36  # of the width, for the names of rows
PANEL_LEAST = 170
BETWEEN = 22
EDGE = 16  # room at the right for half a tick's number
AREA = 36.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A point in a row: which row, the middle of its slot in [0, 1) of the row, and how it looks."""

    row: int
    slot: float
    dot: Dot


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One panel of rows: a heading, an axis, and points; `notes` are texts under the points of rows."""

    heading: str
    axis: Axis
    marks: Sequence[Mark]
    zero: float | None = None
    notes: Mapping[int, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Names of rows from the top, how high a row is in pixels, and the size of their lines."""

    names: Sequence[str]
    row: float


def row_height(slots: int) -> float:
    """The pixels of a row with so many points."""
    return max(ROW_LEAST, SLOT * slots + ROW_PAD)


def row_sheet(table: Table, columns: Sequence[Column], width: int, key: Sequence[Spec]) -> Spec:
    """Panels beside each other where there is room, names of rows at the left of each line of panels."""
    left = label_room(table, width)
    across = max(1, min(len(columns), int((width - left - EDGE + BETWEEN) // (PANEL_LEAST + BETWEEN))))
    # as many lines as needed, each about equally full
    across = -(-len(columns) // -(-len(columns) // across))
    plot = (width - left - EDGE - BETWEEN * (across - 1)) / across
    made = [_panel(table, column, plot, named=place % across == 0) for place, column in enumerate(columns)]
    return sheet(made, columns=across, gap=BETWEEN, key=key)


def label_room(table: Table, width: int) -> float:
    """The pixels that the names of rows take at the left."""
    return min(LABEL_MOST * width, 10 + max((text_width(name, SMALL) for name in table.names), default=0.0))


def marks_of(look: Look, rows: Sequence[str], conditions: Sequence[str], found: Sequence[Reading]) -> list[Mark]:
    """Readings as marks: a row per model, a slot per condition, repeats in the slot of their condition."""
    made = []
    for one in found:
        place = conditions.index(one.condition)
        dot = Dot(
            x=one.value, y=0.0, low=one.low, high=one.high, style=look.styles[one.condition], tip=one.tip, area=AREA
        )
        made.append(Mark(row=rows.index(one.model), slot=(place + 1) / (len(conditions) + 1), dot=dot))
    return made


def _panel(table: Table, column: Column, plot: float, *, named: bool) -> Spec:
    height = table.row * len(table.names)
    frame = Frame(
        x=column.axis, y=rows_axis(height), width=plot, height=height, heading=column.heading, grid=True, indent=0
    )
    lines = [(0.0, table.row * at, plot, table.row * at) for at in range(1, len(table.names))]
    layers = rules(lines, light("grid"))
    if column.zero is not None:
        layers += upright(frame, column.zero)
    moved = [
        Dot(
            x=mark.dot.x,
            y=table.row * (mark.row + mark.slot),
            low=mark.dot.low,
            high=mark.dot.high,
            style=mark.dot.style,
            tip=mark.dot.tip,
            hollow=mark.dot.hollow,
            area=mark.dot.area,
        )
        for mark in column.marks
    ]
    layers += dots(moved, flat=True)
    words = [
        Text(x=2, y=table.row * (row + 1) - 9, text=note, colour=light("muted"))
        for row, note in (column.notes or {}).items()
    ]
    if named:
        words += [
            Text(x=-8, y=table.row * (row + 0.5), text=name, align="right") for row, name in enumerate(table.names)
        ]
    return panel(frame, [*layers, *texts(words)])


def upright(frame: Frame, value: float) -> list[Spec]:
    """A line from top to bottom at a value of x."""
    at = pixel(frame.x, value, frame.width)
    return rules([(at, 0, at, frame.height)], light("axis"))
