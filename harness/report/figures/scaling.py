"""How right answers grow with size: direct answering, and the best retrieval beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.analysis.by_model_size import FamilyBands, SizeLine
from harness.analysis.crossfit import CrossFit
from harness.analysis.intervals import Interval
from harness.analysis.refusals import Refused
from harness.analysis.searched import ModelUplift
from harness.analysis.whole import ShareAnalysis
from harness.report import wording
from harness.report.figures.axes import moved, pixel, share_axis, size_axis
from harness.report.figures.figure import ROOMY, Figure, FigureData, Spec
from harness.report.figures.labels import Box, spread
from harness.report.figures.look import Look, look_of
from harness.report.figures.marks import Dot, Text, band, dot_of, dots, ends, line, texts
from harness.report.figures.panel import LEFT, Frame, labelled, panel, path_boxes
from harness.report.figures.sheet import Entry, key_of, sheet
from harness.report.figures.theme import SMALL, Style, condition_styles, light
from harness.report.figures.words import (
    cell_name,
    interval_words,
    n_words,
    name_words,
    reasons,
    sentence,
    share_tip,
    signed,
    unsized_words,
    whole,
)

DIRECT, BEST = "direct", "best retrieval"
DODGE = 3.0  # pixels by which two points of a model stand apart
END = 92  # pixels for the names at the ends of lines
HEIGHT = 0.48  # of the width
HEIGHT_LEAST = 230.0
ALONE, SEVERAL = 0.13, 0.05  # how much of the paper a band covers


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One line of a figure: its name, look, fit, and points from the smallest model on.

    `by_family` gives the points their family's colour, and the line none.
    """

    name: str
    style: Style
    line: SizeLine | Refused
    points: Sequence[tuple[ModelUplift, Interval]]
    by_family: bool = False


def key_figure(data: FigureData, width: int) -> Figure | Refused:
    """Direct answering and the best retrieval (cross-fitted) against size, each with its line and band."""
    share = data.analysis.headline
    if isinstance(share, Refused):
        return share
    if isinstance(share.direct, Refused):
        return share.direct
    look = look_of(data)
    curves = [curve for curve in (_direct(share, look), _best(share, look)) if curve.points]
    return Figure(
        stem="key_figure",
        title="What size and retrieval buy",
        alt=_finding(look, curves),
        caption=sentence(_caption(look, curves), _search_words(curves), reasons({BEST: share.retrieval})),
        spec=_drawn(look, curves, width),
        width=width,
    )


def direct_scaling(data: FigureData, width: int) -> Figure | Refused:
    """Direct answering against size, in the colours of the families."""
    share = data.analysis.headline
    if isinstance(share, Refused):
        return share
    if isinstance(share.direct, Refused):
        return share.direct
    look = look_of(data)
    curves = [replace(_direct(share, look), by_family=True)]
    return Figure(
        stem="direct_scaling",
        title="Direct answering by model size",
        alt=_finding(look, curves),
        caption=_caption(look, curves),
        spec=_drawn(look, curves, width),
        width=width,
    )


def curve_layers(frame: Frame, found: SizeLine | Refused, style: Style) -> list[Spec]:
    """The fitted line with its band; grey where the slope's interval spans 0, dotted and bare without an interval.

    Bands of several families are paler, since they cover each other.
    """
    if isinstance(found, Refused):
        return []
    spans = found.fit.spans_zero
    colour = light("flat") if spans else style.colour
    layers = []
    for family in found.bands:
        shown = [one for one in family.bands if frame.x.low <= one.params_b <= frame.x.high]
        around = [(one.params_b, *one.mean) for one in shown if one.mean is not None]
        if around:
            layers.append(band(around, colour, ALONE if len(found.bands) == 1 else SEVERAL))
        dash = style.dash if spans is not None else (1, 3)
        path = [(one.params_b, one.estimate) for one in shown]
        layers.append(line(path, replace(style, colour=colour, dash=dash)))
    return layers


def line_words(found: SizeLine | Refused, name: str) -> str:
    """What can be said of a fitted line: its slope with the interval, or that it says nothing about size."""
    if isinstance(found, Refused):
        return ""
    slope = found.fit.slope
    if slope is None:
        return f"{name}: no line ({found.fit.reason})."
    if slope.low is None or slope.high is None:
        return f"{name}: the line has no interval ({slope.refused})."
    unit = "logit" if found.fit.scale is not None and found.fit.scale.name == "logit" else "share"
    flat = ", grey since it spans 0" if found.fit.spans_zero else ""
    told = f"{slope.estimate:+.2f} [{slope.low:+.2f}, {slope.high:+.2f}] {unit} per tenfold size"
    return f"{name}: slope {told}{flat}."


def _direct(share: ShareAnalysis, look: Look) -> Curve:
    return Curve(name=DIRECT, style=_style(look, "direct"), line=share.direct, points=_points(share, look, "direct"))


def _best(share: ShareAnalysis, look: Look) -> Curve:
    return Curve(name=BEST, style=_style(look, "rag"), line=share.retrieval, points=_points(share, look, "retrieval"))


def _points(share: ShareAnalysis, look: Look, kind: str) -> list[tuple[ModelUplift, Interval]]:
    if isinstance(share.uplifts, Refused):
        return []
    sized = [one for one in share.uplifts if one.params_b is not None]
    return [
        (one, found.estimate)
        for one in sorted(sized, key=lambda one: look.models.index(one.model))
        if isinstance(found := getattr(one, kind), CrossFit) and found.estimate is not None
    ]


def _style(look: Look, condition: str) -> Style:
    return look.styles.get(condition) or condition_styles([condition])[condition]


def _drawn(look: Look, curves: Sequence[Curve], width: int) -> Spec:
    several = len(curves) > 1
    roomy = width >= ROOMY and several
    told = [pair for curve in curves for pair in curve.points]
    frame = Frame(
        x=size_axis([one.params_b or 1.0 for one, _ in told], most=7 if width >= ROOMY else 4),
        y=share_axis(ends(found for _, found in told), "right answers, %"),
        width=width - LEFT - 12 - (END if roomy else 0),
        height=max(HEIGHT_LEAST, round(HEIGHT * width)),
    )
    layers = [layer for curve in curves for layer in curve_layers(frame, curve.line, _line_style(curve))]
    shifts = [DODGE * (2 * place - 1) if several else 0.0 for place in range(len(curves))]
    marks = [_dots(frame, look, curve, shift) for curve, shift in zip(curves, shifts, strict=True)]
    layers += [layer for found in marks for layer in dots(found)]
    boxes = [
        box for curve in curves if not isinstance(curve.line, Refused) for box in _line_boxes(frame, curve.line.bands)
    ]
    names = [look.names[one.model] for one, _ in curves[0].points]
    layers += labelled(frame, marks[0], names, [dot for found in marks[1:] for dot in found], boxes)
    if roomy:
        layers += _end_texts(frame, curves)
    key = [Entry(text=curve.name, style=curve.style, dashed=True) for curve in curves]
    return sheet([panel(frame, layers)], key=key_of(key if several and not roomy else [], width))


def _line_style(curve: Curve) -> Style:
    return replace(curve.style, colour=light("muted")) if curve.by_family else curve.style


def _dots(frame: Frame, look: Look, curve: Curve, shift: float) -> list[Dot]:
    return [
        dot_of(
            moved(frame.x, one.params_b or 1.0, shift, frame.width),
            found,
            look.by_family[one.model] if curve.by_family else curve.style,
            share_tip(f"{cell_name(one.model, curve.name)}, {wording.size(one.params_b)}", found),
        )
        for one, found in curve.points
    ]


def _end_texts(frame: Frame, curves: Sequence[Curve]) -> list[Spec]:
    """The names of lines at the right of the panel, at their last values, moved apart."""
    wanted = [pixel(frame.y, _last(frame, curve), frame.height, up=True) for curve in curves]
    places = spread(wanted, SMALL + 3, (6, frame.height - 6))
    told = [
        Text(x=frame.width + 6, y=y, text=curve.name, colour=curve.style.colour, bold=True)
        for curve, y in zip(curves, places, strict=True)
    ]
    return texts(told)


def _last(frame: Frame, curve: Curve) -> float:
    if not isinstance(curve.line, Refused) and curve.line.bands:
        return [one.estimate for one in curve.line.bands[-1].bands if one.params_b <= frame.x.high][-1]
    return curve.points[-1][1].estimate


def _line_boxes(frame: Frame, bands: Sequence[FamilyBands]) -> list[Box]:
    """The boxes of fitted lines where the frame shows them."""
    paths = [
        [(one.params_b, one.estimate) for one in family.bands if frame.x.low <= one.params_b <= frame.x.high]
        for family in bands
    ]
    return [box for path in paths for box in path_boxes(frame, path)]


def _caption(look: Look, curves: Sequence[Curve]) -> str:
    told = [found for curve in curves for _, found in curve.points]
    families = [curve.line.bands for curve in curves if not isinstance(curve.line, Refused)]
    shaded = any(one.mean is not None for bands in families for family in bands for one in family.bands)
    several = " of each family (one slope for all)" if any(len(bands) > 1 for bands in families) else ""
    return sentence(
        n_words([one.n for one in told]),
        interval_words(told),
        f"Shaded: 95 % band of the mean of models{several}." if shaded else "",
        *(line_words(curve.line, curve.name) for curve in curves),
        "Questions without an answer count as not right.",
        unsized_words(look, look.models),
        name_words(look, [one.model for one, _ in curves[0].points]),
    )


def _search_words(curves: Sequence[Curve]) -> str:
    searched = [
        one.retrieval.searched
        for curve in curves
        if curve.name == BEST
        for one, _ in curve.points
        if isinstance(one.retrieval, CrossFit)
    ]
    if max(searched, default=1) == 1:
        return ""
    return f"{BEST}: chosen among up to {max(searched)} cells on other questions than it is scored on (cross-fitted)."


def _finding(look: Look, curves: Sequence[Curve]) -> str:
    parts = []
    for curve in curves:
        (first, low), (last, high) = curve.points[0], curve.points[-1]
        told = [
            f"{whole(found.estimate)} ({wording.size(one.params_b)})" for one, found in ((first, low), (last, high))
        ]
        parts.append(f"{curve.name} goes from {' to '.join(told)}")
    goes = f"Share of right answers by model size: {', '.join(parts)}"
    pairs = [(one.best_uplift, one.model) for one, _ in curves[-1].points] if len(curves) > 1 else []
    gains = {model: found.estimate for found, model in pairs if isinstance(found, Interval)}
    if not gains:
        return f"{goes}."
    most = max(gains, key=lambda model: gains[model])
    return f"{goes}; retrieval adds most to {look.names[most]}, {signed(gains[most])} points."
