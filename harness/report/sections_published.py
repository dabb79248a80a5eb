"""Numbers by published formulas, to compare with older results: in tables of their own, each with its known fault."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.analysis.compatible import faults
from harness.report.sections import Table
from harness.report.sections_numbers import POINTS, Row, details, listed, optional, probability, signed
from harness.report.wording import NOTHING, size

if TYPE_CHECKING:
    from harness.analysis.compatible.logfit import LogFit
    from harness.analysis.published import Published

Tables = tuple[Table, ...]


def published_table(title: str, fault: str, columns: Sequence[str], rows: Iterable[Row], names: int = 1) -> Tables:
    """A table of compatible numbers, marked as such in its caption, which also tells the fault; none without rows."""
    caption = f"Compatible (published formula): {title}. Its fault: {fault}."
    return tuple(replace(found, compatible=True) for found in details(caption, columns, rows, names))


def direct_tables(found: "Published") -> Tables:
    """The direct curve: each model's mean, and the fits over size."""
    points = (
        (point.model, _size(point.params_b), str(point.count), _percent(point.mean), _percent(point.std))
        for point in found.direct.points
    )
    columns = ("model", "params", "rows", "mean %", "sd")
    fit = _fit_rows([("direct", found.direct.fit)])
    return (
        *published_table(f"direct scaling curve of {found.metric}", faults.LINE, columns, points),
        *published_table("direct scaling fit on log10 of size", faults.LINE, FIT_COLUMNS, fit),
    )


def uplift_tables(found: "Published") -> Tables:
    """Best and mean retrieval by model."""
    columns = ("model", "params", "direct cells", "rag cells", "direct %", "best_rag %", "mean_rag %", "uplift points")
    rows = (
        (
            *(row.model, _size(row.params_b), str(row.direct_cells), str(row.rag_cells)),
            *(_percent(value) for value in (row.direct, row.best_rag, row.mean_rag)),
            _points(row.uplift),
        )
        for row in found.models
    )
    benefits = found.benefits
    spread = (
        (str(benefits.n), str(benefits.helps), str(benefits.hurts), str(benefits.neutral), _points(benefits.best)),
    )
    return (
        *published_table("retrieval uplift by model", faults.SELECTION, columns, rows),
        *published_table(
            "retrieval benefit by experiment",
            faults.ROWS,
            ("n", "helps", "hurts", "neutral", "best, points"),
            spread if benefits.n else (),
            names=0,
        ),
    )


def metric_tables(found: "Published") -> Tables:
    """Both fits of every metric."""
    rows = [
        (f"{curve.metric} {kind}", fit)
        for curve in found.curves
        for kind, fit in (("direct", curve.direct), ("best retrieval", curve.best))
        if fit is not None
    ]
    return published_table("multi-metric scaling", faults.SELECTION, FIT_COLUMNS, _fit_rows(rows))


def tier_tables(found: "Published") -> Tables:
    """The tier table, and the verdict with the maximum and the mean on either side."""
    columns = ("tier", "models", "direct %", "best_rag %", "next tier", "next direct %", "ratio", "can match")
    rows = (
        (
            *(row.tier, listed(row.models), _percent(row.direct), _percent(row.best_rag)),
            *(row.next_tier or NOTHING, _percent(row.next_direct), optional(row.compensation_ratio, ".2f")),
            _word(row.can_match),
        )
        for row in found.tiers
    )
    sides = ("tier", "next tier", "best_rag over models", "direct over models", "ratio", "can match")
    other = (
        (
            *(row.tier, row.next_tier, row.best_over_models, row.direct_over_models),
            *(optional(row.ratio, ".2f"), _word(row.can_match)),
        )
        for row in found.sensitivity
    )
    return (
        *published_table("tier compensation", faults.SELECTION, columns, rows, names=2),
        *published_table("sensitivity of the tier verdict", faults.SELECTION, sides, other, names=4),
    )


def variance_tables(found: "Published") -> Tables:
    """The marginal shares of variance, over all and by tier."""
    columns = ("tier", "factor", "share of variance %", "levels", "rows", "data sets")
    rows = (
        (
            *(part.tier or "all", share.factor, f"{share.percent:.1f}"),
            *(str(share.levels), str(share.rows), str(share.datasets)),
        )
        for part in (found.variance, *found.variance_by_tier)
        for share in part.shares
    )
    return published_table("variance explained", faults.SHARES, columns, rows, names=2)


def grounding_tables(found: "Published") -> Tables:
    """Groundedness by model and by tier, and the gap of F1 to faithfulness."""
    columns = ("metric", "of", "rows", "mean", "mean - 1.96 se", "mean + 1.96 se")
    models = [
        (part.metric, row.model, str(row.n), f"{row.mean:.3f}", optional(row.low), optional(row.high))
        for part in found.groundedness
        for row in part.models
    ]
    tiers = [
        (part.metric, f"tier {row.tier}", str(row.n), f"{row.mean:.3f}", NOTHING, NOTHING)
        for part in found.groundedness
        for row in part.tiers
    ]
    gaps = [
        (row.tier, str(row.n), optional(row.f1), optional(row.faithfulness), optional(row.gap))
        for row in found.faithfulness
    ]
    return (
        *published_table("groundedness by size", faults.ROWS, columns, [*models, *tiers], names=2),
        *published_table("F1 against faithfulness", faults.ROWS, ("tier", "rows", "F1", "faithfulness", "gap"), gaps),
    )


def ccg_tables(found: "Published") -> Tables:
    """The CCG of all questions and of each task, with the published recommendation."""
    columns = ("task", "models", "answered", "CCG", "label", "accuracy change, points", "recommendation")
    rows = (
        (
            *(row.task or "all", str(row.ccg.models), str(row.answered), _ccg(row.ccg.ccg), row.ccg.label or NOTHING),
            NOTHING if row.ccg.accuracy_change is None else signed(row.ccg.accuracy_change),
            NOTHING if row.ccg.recommendation is None else row.ccg.recommendation.recommendation,
        )
        for row in found.ccg
        if row.ccg.ccg is not None
    )
    return published_table(
        "CCG, slope of loss over slope of accuracy in points on ln of size", faults.CCG, columns, rows
    )


def condition_tables(found: "Published") -> Tables:
    """The pass rates of the six conditions and the differences between them."""
    rates = (
        (row.model, rate.condition, str(rate.n), str(rate.passed), _percent(rate.rate))
        for row in found.six_conditions
        for rate in row.rates
        if rate.n
    )
    effects = (
        (
            row.model,
            f"{effect.of} - {effect.over}",
            effect.kind,
            _points(effect.difference),
            optional(effect.ratio, ".2f"),
        )
        for row in found.six_conditions
        for effect in row.effects
        if effect.difference is not None
    )
    return (
        *published_table(
            "six conditions", faults.RATES, ("model", "condition", "n", "passed", "rate %"), rates, names=2
        ),
        *published_table(
            "six-condition effects (n as in the pass rates)",
            faults.RATES,
            ("model", "effect", "kind", "points", "ratio"),
            effects,
            names=3,
        ),
    )


FIT_COLUMNS = ("fit", "models", "slope", "intercept", "r squared", "p", "SE of slope")


def _fit_rows(fits: Iterable[tuple[str, "LogFit"]]) -> list[Row]:
    return [
        (
            *(name, str(fit.models), optional(fit.slope, ".4f"), optional(fit.intercept, ".4f")),
            *(optional(fit.r_squared), probability(fit.p), optional(fit.stderr, ".4f")),
        )
        for name, fit in fits
        if fit.slope is not None
    ]


def _size(params_b: float | None) -> str:
    return size(params_b)


def _percent(value: float | None) -> str:
    return NOTHING if value is None else f"{POINTS * value:.1f}"


def _points(value: float | None) -> str:
    return NOTHING if value is None else signed(POINTS * value)


def _word(found: bool | None) -> str:
    return {None: NOTHING, True: "yes", False: "no"}[found]


def _ccg(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:.2f}" if abs(value) < float("inf") else f"{'below' if value < 0 else 'above'} every number"
