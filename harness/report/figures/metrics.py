"""Every metric by model size: how high it is, and what retrieval adds to it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.analysis.crossfit import CrossFit
from harness.analysis.grid_metrics import MetricLines
from harness.analysis.intervals import Interval
from harness.analysis.refusals import Refused
from harness.analysis.searched import ModelUplift
from harness.report.figures.axes import Axis, moved, size_axis, value_axis
from harness.report.figures.figure import Figure, FigureData, Spec
from harness.report.figures.look import look_of
from harness.report.figures.marks import Dot, dot_of, dots, ends
from harness.report.figures.names import short_names
from harness.report.figures.panel import Frame, level, panel
from harness.report.figures.scaling import curve_layers
from harness.report.figures.sheet import Entry, grid_width, key_of, sheet
from harness.report.figures.theme import Style, condition_styles, light
from harness.report.figures.uplift import Found, found_uplifts, uplift_line
from harness.report.figures.words import cell_name, interval_words, n_words, sentence, unsized_words, value_tip

PANEL = 130
SHIFT = 6.0
NAME = 26
AREA = 30.0


def multi_metric_scaling(data: FigureData, width: int) -> Figure | Refused:
    """Every metric against size: direct answering, the best retrieval, and the gain by it."""
    metrics = data.analysis.metrics
    if isinstance(metrics, Refused):
        return metrics
    kept = [one for one in metrics if _has_line(one) and (_levels(one, "direct") or _levels(one, "retrieval"))]
    if not kept:
        return Refused(reason=_reason(metrics[0]))
    look = look_of(data)
    x = size_axis([size for size in look.sizes_b.values() if size is not None], most=4)
    names = _names(kept)
    # metrics with a gain fill a row each, the others stand two in a row below
    ordered = sorted(kept, key=lambda one: not _gains(one))
    panels = [made for one in ordered for made in _panels(one, names[one.metric], x, grid_width(width, 2))]
    left_out = [f"{one.metric.rpartition('@')[0] or one.metric}: {_reason(one)}" for one in metrics if one not in kept]
    told = [found for one in kept for kind in ("direct", "retrieval") for _, found in _levels(one, kind)]
    key = [
        Entry(text=text, style=style, dashed=True)
        for text, style in zip(("direct", "best retrieval"), _styles(), strict=True)
    ]
    return Figure(
        stem="multi_metric_scaling",
        title="Every metric by model size",
        alt=_finding(kept),
        caption=sentence(
            n_words(one.n for one in told),
            interval_words(told),
            "Gain: what the best retrieval adds (cross-fitted), in the metric's better direction.",
            f"Not shown: {'; '.join(left_out)}." if left_out else "",
            unsized_words(look, look.models),
        ),
        spec=sheet(panels, columns=2, key=key_of(key, width)),
        width=width,
    )


def _names(kept: Sequence[MetricLines]) -> Mapping[str, str]:
    """A short name for each metric, with its version only where one metric comes in two."""
    bare = {one.metric: one.metric.rpartition("@")[0] or one.metric for one in kept}
    alone = {metric: name for metric, name in bare.items() if list(bare.values()).count(name) == 1}
    shown = short_names([alone.get(one.metric, one.metric) for one in kept], NAME)
    return {one.metric: shown[alone.get(one.metric, one.metric)] for one in kept}


def _styles() -> tuple[Style, Style]:
    known = condition_styles(("direct", "rag"))
    return known["direct"], known["rag"]


def _panels(one: MetricLines, name: str, x: Axis, plot: float) -> list[Spec]:
    turned = not one.higher_is_better
    levels = {kind: _levels(one, kind) for kind in ("direct", "retrieval")}
    shown = [_upright(found, turned=turned) for points in levels.values() for _, found in points]
    frame = Frame(x=x, y=value_axis(ends(shown), ""), width=plot, height=PANEL, heading=name)
    layers: list[Spec] = []
    for place, (kind, style) in enumerate(zip(levels, _styles(), strict=True)):
        layers += curve_layers(frame, one.direct if kind == "direct" else one.retrieval, style)
        shift = SHIFT * (place - 0.5)
        layers += dots([_dot(frame, kind, style, (pair, turned, shift)) for pair in levels[kind]])
    gains = _gains(one)
    return [panel(frame, layers), *([_gain_panel(one, gains, x, plot)] if gains else [])]


def _gain_panel(one: MetricLines, gains: Sequence[Found], x: Axis, plot: float) -> Spec:
    axis = value_axis([0.0, *ends(found for _, found in gains)], "gain by retrieval")
    frame = Frame(x=x, y=axis, width=plot, height=PANEL)
    style = _styles()[1]
    made = [
        dot_of(uplift.params_b or 1.0, found, style, value_tip(cell_name(uplift.model, "gain"), found, ""), area=AREA)
        for uplift, found in gains
    ]
    line = uplift_line(frame, one.best_uplift_by_size, style)
    return panel(frame, [*level(frame, 0.0, light("axis"), ()), *line, *dots(made)])


def _gains(one: MetricLines) -> list[Found]:
    return [] if isinstance(one.uplifts, Refused) else found_uplifts(one.uplifts, "best_uplift")


def _levels(one: MetricLines, kind: str) -> list[Found]:
    if isinstance(one.uplifts, Refused):
        return []
    return [
        (uplift, found.estimate)
        for uplift in one.uplifts
        if uplift.params_b and isinstance(found := getattr(uplift, kind), CrossFit) and found.estimate is not None
    ]


def _dot(frame: Frame, kind: str, style: Style, told: tuple[tuple[ModelUplift, Interval], bool, float]) -> Dot:
    (one, found), turned, shift = told
    shown = _upright(found, turned=turned)
    x = moved(frame.x, one.params_b or 1.0, shift, frame.width)
    return dot_of(x, shown, style, value_tip(cell_name(one.model, kind), shown, ""), area=AREA)


def _upright(found: Interval, *, turned: bool) -> Interval:
    """The interval of a score that was turned round for being better when lower, the right way up again."""
    if not turned:
        return found
    low = None if found.high is None else -found.high
    high = None if found.low is None else -found.low
    return replace(found, estimate=-found.estimate, low=low, high=high)


def _finding(kept: Sequence[MetricLines]) -> str:
    names = _names(kept)
    told = [
        f"{names[one.metric]} {gains[0][1].estimate:+.2g} for the smallest and {gains[-1][1].estimate:+.2g} for the "
        "largest model"
        for one in kept
        if (gains := _gains(one))
    ]
    if told:
        return f"What retrieval adds: {'; '.join(told)}."
    return (
        f"{len(kept)} metrics by model size, none of them both with and without retrieval: {', '.join(names.values())}."
    )


def _has_line(one: MetricLines) -> bool:
    return not isinstance(one.direct, Refused) or not isinstance(one.retrieval, Refused)


def _reason(one: MetricLines) -> str:
    """Why a metric has no panel."""
    refused = [part.reason for part in (one.direct, one.retrieval, one.uplifts) if isinstance(part, Refused)]
    return refused[0] if refused else "no model of known size has a value"
