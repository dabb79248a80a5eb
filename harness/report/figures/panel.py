"""One panel of a figure: its axes, its heading, and the names of its points where there is room for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

from harness.report.figures.axes import Axis, pixel
from harness.report.figures.figure import Spec
from harness.report.figures.labels import Anchor, Box, place
from harness.report.figures.marks import Dot, Text, rules, texts
from harness.report.figures.names import wrapped
from harness.report.figures.theme import FONT_SIZE, SMALL, light

LEFT = 46  # room for the numbers of an upright axis
TITLE_OFFSET = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The plotting area of one panel; `heading` stands above it, and below that what goes up, with its unit.

    `grid` draws lines at the ticks of x; `indent` is how far left of the area its heading begins.
    """

    x: Axis
    y: Axis
    width: float
    height: float
    heading: str = ""
    grid: bool = False
    indent: float = LEFT - 10


def panel(frame: Frame, layers: Sequence[Spec]) -> Spec:
    """One panel; all layers share its axes, and a layer's fields x and y are values on them."""
    made: Spec = {
        "width": frame.width,
        "height": frame.height,
        "layer": list(layers),
        "encoding": {"x": _channel(frame.x, "x", grid=frame.grid), "y": _channel(frame.y, "y")},
    }
    title = _title(frame)
    return made | ({"title": title} if title else {})


def level(frame: Frame, value: float, colour: str, dash: tuple[int, ...] = (4, 3)) -> list[Spec]:
    """A line across the panel at a value of y, where the axis reaches it."""
    if not min(frame.y.low, frame.y.high) <= value <= max(frame.y.low, frame.y.high):
        return []
    at = pixel(frame.y, value, frame.height, up=True)
    return rules([(0, at, frame.width, at)], colour, dash)


def labelled(
    frame: Frame, found: Sequence[Dot], names: Sequence[str | None], more: Sequence[Dot] = (), taken: Sequence[Box] = ()
) -> list[Spec]:
    """The names of points beside them, where there is room; intervals, `more` points and `taken` boxes stay free."""
    centres = [_centre(frame, dot) for dot in found]
    anchors = [
        Anchor(text=name, x=x, y=y, reach=_reach(dot), ends=_ends(frame, dot))
        for (x, y), dot, name in zip(centres, found, names, strict=True)
        if name
    ]
    blocked = [*taken, *(box for dot in (*found, *more) for box in _boxes(frame, dot))]
    area = Box(left=2, top=0, right=frame.width, bottom=frame.height - 1)
    placed = place(anchors, blocked, area)
    leaders = [(*one.leader[0], *one.leader[1]) for one in placed if one.leader is not None]
    shown = [Text(x=one.x, y=one.y, text=one.text, colour=light("muted"), align=one.align) for one in placed]
    return [*rules(leaders, light("axis")), *texts(shown)]


def path_boxes(frame: Frame, points: Sequence[tuple[float, float]]) -> list[Box]:
    """Small boxes along a path through points, for labels to keep off it."""
    places = [(pixel(frame.x, x, frame.width), pixel(frame.y, y, frame.height, up=True)) for x, y in points]
    return [Box(left=x, top=min(y, y2) - 1, right=x2, bottom=max(y, y2) + 1) for (x, y), (x2, y2) in pairwise(places)]


def _title(frame: Frame) -> Spec | None:
    lines = wrapped(frame.heading, frame.width + LEFT, FONT_SIZE)
    under = wrapped(frame.y.title, frame.width + LEFT, SMALL)
    # a renderer counts the offset from whatever stands above the area
    offset: Spec = {"offset": TITLE_OFFSET, "dx": -frame.indent}
    if lines:
        return {"text": lines} | ({"subtitle": under} if under else {}) | offset
    if not under:
        return None
    return {"text": under, "color": light("muted"), "fontSize": SMALL, "fontWeight": "normal"} | offset


def _channel(axis: Axis, name: str, *, grid: bool = False) -> Spec:
    scale: Spec = {"type": axis.kind, "domain": [axis.low, axis.high], "nice": False, "clamp": not axis.open}
    if axis.kind == "linear":
        scale["zero"] = False
    title = axis.title if name == "x" and axis.title else None
    drawn: Spec | None = None
    if axis.ticks:
        drawn = {"values": list(axis.ticks), "labelExpr": axis.label, "title": title}
        drawn |= {"grid": True} if grid else {}
    return {"field": name, "type": "quantitative", "scale": scale, "axis": drawn, "title": title}


def _centre(frame: Frame, dot: Dot) -> tuple[float, float]:
    return pixel(frame.x, dot.x, frame.width), pixel(frame.y, dot.y, frame.height, up=True)


def _reach(dot: Dot) -> float:
    return sqrt(dot.area) / 2 + 1.0


def _boxes(frame: Frame, dot: Dot) -> list[Box]:
    x, y = _centre(frame, dot)
    reach = _reach(dot)
    found = [Box(left=x - reach, top=y - reach, right=x + reach, bottom=y + reach)]
    if (ends := _ends(frame, dot)) is not None:
        found.append(Box(left=x - 1.5, top=ends[0], right=x + 1.5, bottom=ends[1]))
    return found


def _ends(frame: Frame, dot: Dot) -> tuple[float, float] | None:
    """The top and the bottom of a point's interval in pixels."""
    if dot.low is None or dot.high is None:
        return None
    return pixel(frame.y, dot.high, frame.height, up=True), pixel(frame.y, dot.low, frame.height, up=True)
