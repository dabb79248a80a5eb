"""What retrieval adds to right answers, by model size."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log10
from typing import TYPE_CHECKING

from harness.analysis.crossfit import CrossFit
from harness.analysis.intervals import Interval
from harness.analysis.refusals import Refused, needs
from harness.analysis.searched import ModelUplift
from harness.analysis.uplift_line import UpliftLine
from harness.analysis.whole import ShareAnalysis
from harness.report import wording
from harness.report.figures.axes import Axis, moved, points_axis, size_axis
from harness.report.figures.figure import ROOMY, Figure, FigureData, Spec
from harness.report.figures.labels import Box
from harness.report.figures.look import Look, look_of
from harness.report.figures.marks import Dot, dot_of, dots, ends, line
from harness.report.figures.panel import LEFT, Frame, labelled, level, panel, path_boxes
from harness.report.figures.sheet import Entry, key_of, sheet
from harness.report.figures.theme import Style, condition_styles, light
from harness.report.figures.words import (
    cell_name,
    interval_words,
    n_words,
    name_words,
    points_tip,
    sentence,
    signed,
    unsized_words,
)

if TYPE_CHECKING:
    from harness.analysis.published import Published

SHIFT = 6.0
PIECES = 24
SIZES_LEAST = 2
Found = tuple[ModelUplift, Interval]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One kind of uplift: its name, look, points from the smallest model on, and line."""

    name: str
    style: Style
    points: Sequence[Found]
    line: UpliftLine | Refused


def rag_uplift(data: FigureData, width: int) -> Figure | Refused:
    """The mean and the best (cross-fitted) uplift of each model against size, and what the published formula says."""
    share = data.analysis.headline
    if isinstance(share, Refused):
        return share
    if isinstance(share.uplifts, Refused):
        return share.uplifts
    series = _series(share, share.uplifts)
    sizes = {one.params_b for one, _ in series[-1].points}
    if len(sizes) < SIZES_LEAST:
        return needs(SIZES_LEAST, "size of models with direct and retrieval cells", len(sizes))
    look = look_of(data)
    published = _published(data.analysis.published, look) if len(series) > 1 else []
    told = [interval for one in series for _, interval in one.points]
    return Figure(
        stem="rag_uplift",
        title="What retrieval adds, by model size",
        alt=_finding(look, series[-1].points),
        caption=sentence(
            n_words(one.n for one in told),
            interval_words(told),
            *(_slope_words(one) for one in series),
            "Hollow: the published formula, the best of many cells in sample less the mean of few, without interval."
            if published
            else "",
            unsized_words(look, look.models),
            name_words(look, look.models),
        ),
        spec=_spec(look, series, published, width),
        width=width,
    )


def found_uplifts(found: Sequence[ModelUplift], name: str) -> list[Found]:
    """The uplifts, by the name of their field, of the models that have one and a size; smallest first."""
    known = [(one, interval) for one in found if one.params_b and isinstance(interval := getattr(one, name), Interval)]
    return sorted(known, key=lambda pair: (pair[0].params_b or 0.0, pair[0].model))


def uplift_line(frame: Frame, found: UpliftLine | Refused, style: Style) -> list[Spec]:
    """The line over the sizes that the frame shows; grey where its slope's interval spans 0, dotted without one."""
    points = _line_points(frame, found)
    if isinstance(found, Refused) or not points:
        return []
    colour = light("flat") if found.spans_zero else style.colour
    dash = (1, 3) if found.spans_zero is None else style.dash
    return [line(_inside([points[0], points[-1]], frame.y), replace(style, colour=colour, dash=dash))]


def uplift_boxes(frame: Frame, found: UpliftLine | Refused) -> list[Box]:
    """Small boxes along the line, for labels to keep off it."""
    return path_boxes(frame, _line_points(frame, found))


def _line_points(frame: Frame, found: UpliftLine | Refused) -> list[tuple[float, float]]:
    if isinstance(found, Refused) or found.slope is None or found.at_centre is None or found.centre is None:
        return []
    slope, middle, centre = found.slope.estimate, found.at_centre.estimate, found.centre
    ratio = (frame.x.high / frame.x.low) ** (1 / PIECES)
    sizes = [frame.x.low * ratio**step for step in range(PIECES + 1)]
    return [(size, middle + slope * (log10(size) - centre)) for size in sizes]


def _inside(points: Sequence[tuple[float, float]], axis: Axis) -> list[tuple[float, float]]:
    """The part of a straight line (over log x) that an upright axis shows."""
    (x, y), (x2, y2) = points
    crossed = [(bound - y) / (y2 - y) for bound in (axis.low, axis.high) if min(y, y2) < bound < max(y, y2)]
    kept = [
        share for share in sorted([0.0, 1.0, *crossed]) if axis.low - 1e-9 <= y + share * (y2 - y) <= axis.high + 1e-9
    ]
    return [(x * (x2 / x) ** share, y + share * (y2 - y)) for share in kept]


def _series(share: ShareAnalysis, uplifts: Sequence[ModelUplift]) -> list[Series]:
    """The best uplift, and before it the mean one where any model has several retrieval cells."""
    best = found_uplifts(uplifts, "best_uplift")
    several = any(isinstance(one.retrieval, CrossFit) and one.retrieval.searched > 1 for one, _ in best)
    name = "best retrieval, cross-fitted" if several else "retrieval"
    found = [Series(name=name, style=condition_styles(("rag",))["rag"], points=best, line=share.best_uplift_by_size)]
    if several:
        mean = found_uplifts(uplifts, "mean_uplift")
        style = Style(colour=light("green"), shape="square", dash=(2, 2))
        name = "mean of retrieval cells"
        found.insert(0, Series(name=name, style=style, points=mean, line=share.mean_uplift_by_size))
    return found


def _published(found: "Published | Refused", look: Look) -> list[tuple[str, float, float]]:
    if isinstance(found, Refused):
        return []
    return [
        (row.model, size, row.uplift)
        for row in found.models
        if row.uplift is not None and (size := look.sizes_b.get(row.model))
    ]


def _spec(look: Look, series: Sequence[Series], published: Sequence[tuple[str, float, float]], width: int) -> Spec:
    told = [pair for one in series for pair in one.points]
    x = size_axis([one.params_b or 1.0 for one, _ in told], most=7 if width >= ROOMY else 4)
    reach = [*ends(found for _, found in told), *(value for *_, value in published)]
    y = points_axis(reach, "gain over direct answering, percentage points")
    frame = Frame(x=x, y=y, width=width - LEFT - 20, height=320 if width >= ROOMY else 250)
    lines = [layer for one in series for layer in uplift_line(frame, one.line, one.style)]
    marks = [
        [_dot(frame, one, pair, SHIFT * (place - (len(series) - 1) / 2)) for pair in one.points]
        for place, one in enumerate(series)
    ]
    hollow = _hollow(frame, published, SHIFT * (len(series) + 1) / 2)
    names = [look.names[one.model] for one, _ in series[-1].points]
    boxes = [box for one in series for box in uplift_boxes(frame, one.line)]
    others = [dot for more in (*marks[:-1], hollow) for dot in more]
    points = [layer for more in (*marks, hollow) for layer in dots(more)]
    labels = labelled(frame, marks[-1], names, others, boxes)
    key = [Entry(text=one.name, style=one.style, dashed=True) for one in series] if len(series) > 1 else []
    key += [Entry(text="published formula", style=hollow[0].style, hollow=True)] if hollow else []
    layers = [*level(frame, 0.0, light("axis"), ()), *lines, *points, *labels]
    return sheet([panel(frame, layers)], key=key_of(key, width))


def _dot(frame: Frame, series: Series, pair: Found, shift: float) -> Dot:
    one, found = pair
    x = moved(frame.x, one.params_b or 1.0, shift, frame.width)
    return dot_of(x, found, series.style, points_tip(cell_name(one.model, series.name), found))


def _hollow(frame: Frame, published: Sequence[tuple[str, float, float]], shift: float) -> list[Dot]:
    style = Style(colour=light("flat"), shape="diamond")
    return [
        Dot(
            x=moved(frame.x, size, shift, frame.width),
            y=value,
            style=style,
            hollow=True,
            tip=f"{cell_name(model, 'published formula')}: {signed(value)} points",
        )
        for model, size, value in published
    ]


def _slope_words(one: Series) -> str:
    found = one.line
    if isinstance(found, Refused) or found.slope is None:
        return f"{one.name}: no line ({found.reason})."
    slope = found.slope
    if slope.low is None or slope.high is None:
        return f"{one.name}: the line has no interval ({slope.refused})."
    flat = ", grey since it spans 0" if found.spans_zero else ""
    told = f"{signed(slope.estimate)} [{signed(slope.low)}, {signed(slope.high)}] points per tenfold size"
    return f"{one.name}: slope {told}{flat}."


def _finding(look: Look, best: Sequence[Found]) -> str:
    (most, gain), (largest, last) = max(best, key=lambda pair: pair[1].estimate), best[-1]
    names = [f"{look.names[one.model]} ({wording.size(one.params_b)})" for one in (most, largest)]
    told = f"Retrieval adds most to {names[0]}, {signed(gain.estimate)} points"
    if largest is most:
        return f"{told}, the largest model."
    return f"{told}, and {signed(last.estimate)} to the largest, {names[1]}."
