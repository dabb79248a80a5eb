"""What panels are drawn with, as Vega-Lite layers: points with intervals, lines, bands, bars, tiles and texts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from harness.analysis.intervals import Interval
from harness.report.figures.figure import Spec
from harness.report.figures.names import clean
from harness.report.figures.theme import SMALL, Style, light

TIP_MOST = 400  # characters
DOT = 46.0  # area of a point's mark in square pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A point with its interval along one axis, where it has one; `tip` names it in full."""

    x: float
    y: float
    style: Style
    tip: str
    low: float | None = None
    high: float | None = None
    hollow: bool = False
    area: float = DOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A line of text at a place in pixels of the plotting area; y is its middle."""

    x: float
    y: float
    text: str
    colour: str = field(default_factory=lambda: light("ink"))
    align: str = "left"
    size: int = SMALL
    bold: bool = False
    angle: int = 0


def dot_of(x: float, found: Interval, style: Style, tip: str, *, area: float = DOT) -> Dot:
    """A point at an estimate, upright, with its interval."""
    return Dot(x=x, y=found.estimate, low=found.low, high=found.high, style=style, tip=tip, area=area)


def ends(found: Iterable[Interval]) -> list[float]:
    """Every estimate and every end of an interval, for an axis to reach over."""
    return [end for one in found for end in (one.estimate, one.low, one.high) if end is not None]


def dots(found: Sequence[Dot], *, flat: bool = False) -> list[Spec]:
    """Intervals, then points over them; `flat` lays the intervals along x. None for no points."""
    known = [dot for dot in found if dot.low is not None and dot.high is not None]
    layers = [_intervals(known, flat=flat)] if known else []
    return [*layers, _points(found)] if found else []


def line(points: Sequence[tuple[float, float]], style: Style, *, width: float = 1.5) -> Spec:
    """A line through points, in their order."""
    rows: list[Spec] = [{"x": x, "y": y, "order": order} for order, (x, y) in enumerate(points)]
    mark: Spec = {"type": "line", "stroke": style.colour, "strokeWidth": width}
    if style.dash:
        mark["strokeDash"] = list(style.dash)
    return _layer(rows, mark, {"order": {"field": "order", "type": "quantitative"}})


def band(ends: Sequence[tuple[float, float, float]], colour: str, opacity: float = 0.13) -> Spec:
    """The area between two values of y, from (x, low, high)."""
    rows: list[Spec] = [{"x": x, "low": low, "high": high} for x, low, high in ends]
    mark: Spec = {"type": "area", "fill": colour, "fillOpacity": opacity, "line": False}
    return _layer(rows, mark, {"y": _value("low"), "y2": {"field": "high"}})


def bars(rows: Sequence[Spec], height: float) -> Spec:
    """Bars along x from `start` to `x`, each at pixel y, filled as `fill` says with a rim in `colour`."""
    mark: Spec = {"type": "bar", "height": height, "strokeWidth": 1, "fillOpacity": 0.45}
    encoding: Spec = {
        "x": _value("start"),
        "x2": {"field": "x"},
        "fill": _as_is("fill"),
        "stroke": _as_is("colour"),
        "description": {"field": "tip", "type": "nominal"},
    }
    return _layer(rows, mark, encoding, told=True)


def tiles(rows: Sequence[Spec]) -> Spec:
    """Rectangles in pixels, from (left, top) to (right, bottom), filled as `fill` says."""
    encoding: Spec = {
        "x": _pixels("left"),
        "x2": {"field": "right"},
        "y": _pixels("top"),
        "y2": {"field": "bottom"},
        "fill": _as_is("fill"),
        "description": {"field": "tip", "type": "nominal"},
    }
    return _layer(rows, {"type": "rect"}, encoding, told=True)


def texts(found: Sequence[Text]) -> list[Spec]:
    """Texts at pixels, in one layer per way to set them."""
    kinds = dict.fromkeys(_kind(text) for text in found)
    return [_text_layer([one for one in found if _kind(one) == kind]) for kind in kinds]


def rules(ends: Sequence[tuple[float, float, float, float]], colour: str, dash: tuple[int, ...] = ()) -> list[Spec]:
    """Straight lines in pixels, from (x, y) to (x2, y2); none for none."""
    rows: list[Spec] = [{"x": x, "y": y, "x2": x2, "y2": y2} for x, y, x2, y2 in ends]
    mark: Spec = {"type": "rule", "stroke": colour, "strokeWidth": 1}
    if dash:
        mark["strokeDash"] = list(dash)
    encoding: Spec = {"x": _pixels("x"), "x2": {"field": "x2"}, "y": _pixels("y"), "y2": {"field": "y2"}}
    return [_layer(rows, mark, encoding)] if rows else []


def _intervals(found: Sequence[Dot], *, flat: bool) -> Spec:
    along, across = ("x", "y") if flat else ("y", "x")
    rows: list[Spec] = [
        {across: dot.y if flat else dot.x, "low": dot.low, "high": dot.high, "colour": dot.style.colour}
        for dot in found
    ]
    encoding: Spec = {along: _value("low"), f"{along}2": {"field": "high"}, "color": _as_is("colour")}
    return _layer(rows, {"type": "rule", "strokeWidth": 1.5}, encoding)


def _points(found: Sequence[Dot]) -> Spec:
    rows: list[Spec] = [
        {
            "x": dot.x,
            "y": dot.y,
            "colour": dot.style.colour,
            "fill": light("paper") if dot.hollow else dot.style.colour,
            "shape": dot.style.shape,
            "area": dot.area,
            "tip": clean(dot.tip, TIP_MOST),
        }
        for dot in found
    ]
    encoding: Spec = {
        "fill": _as_is("fill"),
        "stroke": _as_is("colour"),
        "shape": _as_is("shape"),
        "size": {"field": "area", "type": "quantitative", "scale": None},
        "description": {"field": "tip", "type": "nominal"},
    }
    return _layer(rows, {"type": "point", "strokeWidth": 1.5, "opacity": 1}, encoding, told=True)


def _layer(rows: Sequence[Spec], mark: Spec, encoding: Spec, *, told: bool = False) -> Spec:
    return {"data": {"values": list(rows)}, "mark": mark | {"aria": told}, "encoding": encoding}


def _kind(text: Text) -> tuple[object, ...]:
    return text.align, text.size, text.bold, text.angle


def _text_layer(found: Sequence[Text]) -> Spec:
    kind = found[0]
    rows: list[Spec] = [
        {"x": one.x, "y": one.y, "text": clean(one.text, TIP_MOST), "colour": one.colour} for one in found
    ]
    mark: Spec = {"type": "text", "align": kind.align, "baseline": "middle", "fontSize": kind.size}
    mark |= ({"fontWeight": "bold"} if kind.bold else {}) | ({"angle": kind.angle} if kind.angle else {})
    encoding: Spec = {
        "x": _pixels("x"),
        "y": _pixels("y"),
        "text": {"field": "text", "type": "nominal"},
        "color": _as_is("colour"),
    }
    return _layer(rows, mark, encoding)


def _value(name: str) -> Spec:
    return {"field": name, "type": "quantitative"}


def _pixels(name: str) -> Spec:
    return {"field": name, "type": "quantitative", "scale": None, "axis": None, "title": None}


def _as_is(name: str) -> Spec:
    return {"field": name, "type": "nominal", "scale": None}
