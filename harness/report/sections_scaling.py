"""Sections 1 to 3: direct answering against size, what retrieval adds, and the same for every metric."""

from collections.abc import Sequence

from harness.analysis.by_model_size import SizeLine
from harness.analysis.grid_metrics import MetricLines
from harness.analysis.intervals import Interval
from harness.analysis.refusals import Refused
from harness.analysis.scaling_bands import Band, band
from harness.analysis.scaling_fit import ScalingFit
from harness.analysis.searched import ModelUplift
from harness.analysis.summary import RunSummary
from harness.analysis.uplift_line import UpliftLine
from harness.analysis.whole import Analysis
from harness.report import sections_published as published
from harness.report.sections import Section, Table, metric_table
from harness.report.sections_numbers import (
    POINTS,
    Row,
    count,
    cross_fit,
    decimal,
    listed,
    points,
    questions_of,
    reasons,
    refusals,
    table,
    unsigned_zero,
)
from harness.report.wording import NOTHING, size

DIRECT_NOTES = (
    (
        "The line is least squares of the score on log10 of the parameters, on the logit scale above chance where all "
        "scores allow it; its interval holds both the questions and the scatter of models around the line (t, models "
        "less intercepts less 1 degrees of freedom). Where a model has several direct cells, its score is that of "
        "the best, chosen on other questions (cross-fit). REML takes the sampling errors of the scores as known and "
        "fits how far models scatter beyond them; the bands and verdicts are those of least squares."
    ),
)
UPLIFT_NOTES = (
    (
        "Cross-fit: the best cell is chosen on some questions and scored on the others, for direct cells as for "
        "retrieval cells. Optimism is what the maximum on all questions would have told too much. Uplift: retrieval "
        "minus direct, paired by question."
    ),
)
METRIC_NOTES = (
    (
        "Slopes are per tenfold size on the scale named. Where lower is better, an uplift above 0 is a fall of the "
        "metric. A metric counts only the cases it scored; unscored ones are counted, never 0."
    ),
)


def direct_section(analysis: Analysis) -> Section:
    """1. Direct answering against size."""
    shares = analysis.headline
    line = shares if isinstance(shares, Refused) else shares.direct
    if isinstance(line, Refused):
        return Section(title="Direct scaling", key="direct-scaling", lines=refusals([("the direct line", line)]))
    rows = (
        (
            *(point.size.model, size(point.size.params_b), str(point.n), f"{POINTS * point.mean:.1f}"),
            NOTHING if point.se is None else f"{POINTS * point.se:.1f}",
        )
        for point in line.points
    )
    made = table("Direct answering by model", ("model", "params", "n", "right %", "SE, points"), rows)
    return Section(
        title="Direct scaling",
        key="direct-scaling",
        lines=line_sentences("Direct answering", line, unit="%"),
        tables=(*made, *_published(analysis, "direct")),
        notes=DIRECT_NOTES,
        figures=("direct_scaling", "size_vs_overall", "size_vs_scores"),
    )


def uplift_section(analysis: Analysis) -> Section:
    """2. What retrieval adds, by size: the mean and the best, cross-fitted."""
    shares = analysis.headline
    title, key, figures = "Retrieval uplift by size", "retrieval-uplift", ("rag_uplift",)
    if isinstance(shares, Refused):
        return Section(title=title, key=key, lines=refusals([("the uplift", shares)]), figures=figures)
    lines = (
        *uplift_sentence("The mean uplift", shares.mean_uplift_by_size),
        *uplift_sentence("The best uplift", shares.best_uplift_by_size),
        *_retrieval_line(shares.retrieval),
        *refusals(
            [
                ("the mean uplift by size", shares.mean_uplift_by_size),
                ("the best uplift by size", shares.best_uplift_by_size),
                ("the line of retrieval", shares.retrieval),
                ("uplifts", shares.uplifts),
                *_row_refusals(() if isinstance(shares.uplifts, Refused) else shares.uplifts),
            ]
        ),
    )
    rows = () if isinstance(shares.uplifts, Refused) else tuple(_uplift_row(row) for row in shares.uplifts)
    made = table("Uplift by model, in points", UPLIFT_COLUMNS, rows)
    return Section(
        title=title,
        key=key,
        lines=lines,
        tables=(*made, *_published(analysis, "uplift")),
        notes=UPLIFT_NOTES,
        figures=figures,
    )


def metric_section(summary: RunSummary, analysis: Analysis) -> Section:
    """3. Every metric: direct, retrieval and uplift against size, then its mean in each cell."""
    cells = metric_table(summary)
    by_cell = () if cells is None else (_renamed(cells, "Every metric in every cell"),)
    metrics = () if isinstance(analysis.metrics, Refused) else analysis.metrics
    lines = refusals(
        [
            ("metrics against size", analysis.metrics),
            *((f"{row.metric}, direct", row.direct) for row in metrics),
            *((f"{row.metric}, retrieval", row.retrieval) for row in metrics),
            *((f"{row.metric}, uplift", row.best_uplift_by_size) for row in metrics),
        ]
    )
    told = any(not isinstance(row.direct, Refused) for row in metrics)
    made = table("Metrics against size, per tenfold", METRIC_COLUMNS, (_metric_row(row) for row in metrics))
    return Section(
        title="Multi-metric scaling",
        key="multi-metric-scaling",
        lines=() if told else lines,
        tables=(*made, *by_cell, *_published(analysis, "metric")),
        notes=(*METRIC_NOTES, *(lines if told else ())),
        figures=("multi_metric_scaling", "score_breakdown"),
    )


def line_sentences(what: str, line: SizeLine, *, unit: str = "") -> Row:
    """What a line over sizes says: its ends, its slope, its robustness, and what limits it."""
    fit = line.fit
    on = f"{count(len(line.points), 'model')}, {count(line.n, 'question')}"
    if fit.slope is None or fit.scale is None:
        return reasons([(f"the line of {what[0].lower()}{what[1:]} ({on})", fit.reason)])
    slope = f"{decimal(fit.slope, sign=True)} per tenfold size on the {fit.scale.name} scale"
    loo = "" if fit.leave_one_out is None else _range(fit.leave_one_out)
    return (
        *_end_sentences(what, fit, unit, on),
        f"Slope: {slope} ({on}){loo}.",
        *_reml_sentence(line.reml),
        *_slope_caveats(fit),
        *_set_aside(line),
    )


def uplift_sentence(what: str, line: UpliftLine | Refused) -> Row:
    """What an uplift line says, in points: at its centre, and per tenfold size."""
    if isinstance(line, Refused) or line.slope is None or line.centre is None:
        return ()
    trend = {
        True: "no trend with size is shown",
        None: f"no interval ({line.slope.refused})",
        False: "larger for larger models" if line.slope.estimate > 0 else "smaller for larger models",
    }[line.spans_zero]
    on = f"{count(len(line.models), 'model')}, {count(line.n, 'question')}"
    at = f"{points(line.at_centre, ' points')} at {size(10**line.centre)}"
    return (f"{what}: {at}; {points(line.slope, ' points')} per tenfold size ({on}): {trend}.",)


UPLIFT_COLUMNS = (
    *("model", "params", "n", "direct %", "direct cells", "best retrieval %", "retrieval cells", "optimism, points"),
    *("mean uplift", "best uplift"),
)


def _uplift_row(row: ModelUplift) -> Row:
    fits = (row.direct, row.retrieval)
    cells = [NOTHING if isinstance(fit, Refused) else str(fit.searched) for fit in fits]
    optimism = None if isinstance(row.retrieval, Refused) else row.retrieval.optimism
    n = row.best_uplift if isinstance(row.best_uplift, Interval) else row.direct
    return (
        *(row.model, size(row.params_b), questions_of(n), cross_fit(row.direct), cells[0]),
        *(cross_fit(row.retrieval), cells[1], NOTHING if optimism is None else f"{POINTS * optimism:.1f}"),
        *(points(row.mean_uplift), points(row.best_uplift)),
    )


def _row_refusals(rows: Sequence[ModelUplift]) -> list[tuple[str, object]]:
    return [
        (f"{row.model}, {what}", part)
        for row in rows
        for what, part in (("direct", row.direct), ("retrieval", row.retrieval), ("uplift", row.best_uplift))
    ]


METRIC_COLUMNS = (
    *("metric", "scale", "better", "scored of answered", "models", "n", "direct slope", "retrieval slope"),
    *("best uplift", "uplift slope"),
)


def _metric_row(row: MetricLines) -> Row:
    better = {None: NOTHING, True: "higher", False: "lower"}[row.higher_is_better]
    direct, uplift = row.direct, row.best_uplift_by_size
    fit = None if isinstance(direct, Refused) else direct.fit
    at = None if isinstance(uplift, Refused) else uplift.at_centre
    return (
        row.metric,
        NOTHING if fit is None or fit.scale is None else fit.scale.name,
        better,
        f"{row.scored} of {row.answered}",
        NOTHING if isinstance(direct, Refused) else str(len(direct.points)),
        NOTHING if isinstance(direct, Refused) else str(direct.n),
        _slope(direct),
        _slope(row.retrieval),
        decimal(at, sign=True),
        decimal(None if isinstance(uplift, Refused) else uplift.slope, sign=True),
    )


def _slope(line: SizeLine | Refused) -> str:
    return NOTHING if isinstance(line, Refused) else decimal(line.fit.slope, sign=True)


def _retrieval_line(line: SizeLine | Refused) -> Row:
    return () if isinstance(line, Refused) else line_sentences("Answering with the best retrieval", line, unit="%")[:1]


def _end_sentences(what: str, fit: ScalingFit, unit: str, on: str) -> Row:
    if fit.least_b is None or fit.most_b is None:
        return ()
    made = []
    for family, _ in fit.intercepts:
        ends = [_at(band(fit, at, family), unit) for at in (fit.least_b, fit.most_b)]
        who = what if family == "all" else f"{what} ({family})"
        made.append(f"{who}: the line runs from {ends[0]} to {ends[1]} ({on}).")
    return tuple(made)


def _at(found: Band, unit: str) -> str:
    scale = POINTS if unit == "%" else 1.0
    places, shown_unit = (1, f" {unit}") if unit else (3, "")
    shown = f"{scale * found.estimate:.{places}f}{shown_unit}"
    if found.mean is None:
        return f"{shown} at {size(found.params_b)}"
    low, high = (f"{scale * end:.{places}f}" for end in found.mean)
    return f"{shown} [{low}, {high}] at {size(found.params_b)}"


def _reml_sentence(fit: ScalingFit | Refused) -> Row:
    """The slope by the other estimator, for whoever takes the sampling errors as known."""
    name = "the slope by REML with the errors of Knapp and Hartung"
    if isinstance(fit, Refused) or fit.slope is None or fit.scale is None:
        return reasons([(name, fit.reason)])
    if fit.slope.low is None:
        return ()
    scatter = "" if fit.scatter is None else f"; models scatter by {fit.scatter:.3g} around the line (tau)"
    slope = f"{decimal(fit.slope, sign=True)} on the {fit.scale.name} scale"
    return (f"{name[0].upper()}{name[1:]}: {slope} ({count(len(fit.models), 'model')}){scatter}.",)


def _slope_caveats(fit: ScalingFit) -> Row:
    told_scale = fit.scale.reason if fit.scale is not None else None
    no_interval = fit.slope.refused if fit.slope is not None else None
    return (
        *(("The interval of the slope spans 0: no trend with size is shown.",) if fit.spans_zero else ()),
        *((f"The slope has no interval: {no_interval}.",) if no_interval else ()),
        *((f"The fit is on the identity scale: {told_scale}.",) if told_scale else ()),
        *((f"Families share one intercept: {fit.why_common}.",) if fit.why_common else ()),
        *((f"A share of 0 or 1 was moved by half a question: {listed(fit.corrected)}.",) if fit.corrected else ()),
    )


def _set_aside(line: SizeLine) -> Row:
    dropped = f"{count(line.dropped, 'question')} lack some model's score and do not count."
    return (
        *((f"Not on the line, since they have no size: {listed(line.unsized)}.",) if line.unsized else ()),
        *((dropped,) if line.dropped else ()),
    )


def _range(ends: tuple[float, float]) -> str:
    low, high = (unsigned_zero(f"{end:.3f}") for end in ends)
    return f"; from {low} to {high} when one model is left out"


def _published(analysis: Analysis, kind: str) -> tuple[Table, ...]:
    if isinstance(analysis.published, Refused):
        return ()
    makers = {
        "direct": published.direct_tables,
        "uplift": published.uplift_tables,
        "metric": published.metric_tables,
    }
    return makers[kind](analysis.published)


def _renamed(found: Table, caption: str) -> Table:
    return Table(columns=found.columns, rows=found.rows, names=found.names, caption=caption, detail=True)
