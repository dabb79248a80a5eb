"""Sections 5 and 6: what matters at each tier, and how well answers rest on their passages."""

from harness.analysis.grid_metrics import MetricLines
from harness.analysis.grid_spread import ConditionSpread, TierImportance
from harness.analysis.importance import FactorShare
from harness.analysis.refusals import Refused
from harness.analysis.variance_components import Component
from harness.analysis.whole import Analysis
from harness.report import sections_published as published
from harness.report.sections import Section, Table
from harness.report.sections_numbers import Row, decimal, listed, optional, reasons, refusals, table
from harness.report.sections_published_effects import effect_tables
from harness.report.sections_scaling import line_sentences
from harness.report.wording import NOTHING

GROUNDED = ("faithfulness", "hallucination", "answer_in_context", "context_recall")
FACTOR_NOTES = (
    (
        "omega squared estimates the share of variance between experiments (model x condition x data set x task, "
        "retrieval only) that a factor explains beyond the others; it is below 0 where chance explains more. Chance: "
        "its mean and its 95 % point when the scores are shuffled. A share within chance says nothing."
    ),
    (
        "Components: how much of the variance lies between models, between questions, in models that find other "
        "questions hard, and in repeats; without repeats the last two cannot be told apart."
    ),
)


def factor_section(analysis: Analysis) -> Section:
    """5. What matters at each tier: importance with its null, and the components of variance."""
    shares = analysis.headline
    found = shares if isinstance(shares, Refused) else shares.importance
    tiers = () if isinstance(found, Refused) else found
    spreads = () if isinstance(analysis.components, Refused) else analysis.components
    lines = (
        *_clear(tiers),
        *refusals(
            [
                ("importance", found),
                *((f"importance, {_tier(row)}", row.importance) for row in tiers),
                ("components of variance", analysis.components),
            ]
        ),
        *(line for row in tiers for line in _reasons(row)),
        *reasons((f"components of {row.condition}", row.components.refused) for row in spreads),
    )
    tables = (
        *table("Importance of factors", IMPORTANCE_COLUMNS, (r for row in tiers for r in _importance_rows(row)), 3),
        *table("Components of variance", SPREAD_COLUMNS, map(_spread_row, _told(spreads))),
        *_published(analysis),
    )
    return Section(
        title="What matters at each tier",
        key="factors",
        lines=lines,
        tables=tables,
        notes=FACTOR_NOTES,
        figures=("variance_by_tier",),
    )


def grounding_section(analysis: Analysis) -> Section:
    """6. Faithfulness, hallucination, answers in the context and context recall, by size."""
    rows = () if isinstance(analysis.metrics, Refused) else tuple(row for row in analysis.metrics if _grounds(row))
    why = f"needs one of the metrics {', '.join(GROUNDED)}; the study has none"
    missing = analysis.metrics if isinstance(analysis.metrics, Refused) else Refused(reason=why)
    lines = (
        *(line for row in rows for line in _grounding_lines(row)),
        *refusals(
            [
                *((row.metric, row.retrieval) for row in rows),
                *([] if rows else [("groundedness", missing)]),
            ]
        ),
    )
    tables = () if isinstance(analysis.published, Refused) else published.grounding_tables(analysis.published)
    return Section(
        title="Groundedness by size",
        key="groundedness",
        lines=lines,
        tables=(*table("Groundedness with retrieval", GROUNDED_COLUMNS, _grounding_rows(rows), 2), *tables),
        figures=("groundedness_by_size",),
    )


def _published(analysis: Analysis) -> tuple[Table, ...]:
    if isinstance(analysis.published, Refused):
        return ()
    return (*published.variance_tables(analysis.published), *effect_tables(analysis.published.effects))


IMPORTANCE_COLUMNS = (
    *("tier", "factor", "levels", "n", "omega squared", "95 %", "chance", "chance, 95 % point", "eta squared"),
)
SPREAD_COLUMNS = ("condition", "models", "n", "repeats", "models %", "questions %", "models x questions %", "repeats %")
GROUNDED_COLUMNS = ("metric", "model", "n", "mean", "SE")


def _clear(tiers: tuple[TierImportance, ...]) -> Row:
    """The factors that explain more than chance, by tier."""
    made = []
    for row in tiers:
        if not isinstance(row.importance, Refused):
            names = [" x ".join(share.factors) for share in row.importance.shares if _beyond_chance(share)]
            what = listed(names) if names else "no factor"
            made.append(f"{_tier(row)}: {what} explains more than chance ({row.importance.n} experiments).")
    return tuple(made)


def _beyond_chance(share: FactorShare) -> bool:
    known = share.omega_squared is not None and share.null_high is not None
    return known and (share.omega_squared or 0.0) > (share.null_high or 0.0)


def _tier(row: TierImportance) -> str:
    return "All tiers" if row.tier is None else f"Tier {row.tier}"


def _reasons(row: TierImportance) -> Row:
    if isinstance(row.importance, Refused):
        return ()
    return reasons((f"{_tier(row)}: {' x '.join(share.factors)}", share.refused) for share in row.importance.shares)


def _importance_rows(row: TierImportance) -> list[Row]:
    if isinstance(row.importance, Refused):
        return []
    return [_share_row(row, share) for share in row.importance.shares if share.refused is None]


def _share_row(row: TierImportance, share: FactorShare) -> Row:
    ends = [optional(end, ".2f") for end in (share.low, share.high) if end is not None]
    between = f"[{', '.join(ends)}]" if ends else NOTHING
    rows = [number for _, number in share.levels]
    levels = f"{len(rows)} ({min(rows)} to {max(rows)} rows)" if rows else "0"
    return (
        *(row.tier or "all", " x ".join(share.factors), levels, str(share.n), optional(share.omega_squared, ".2f")),
        *(between, optional(share.null, ".2f"), optional(share.null_high, ".2f"), optional(share.eta_squared, ".2f")),
    )


def _told(spreads: tuple[ConditionSpread, ...]) -> tuple[ConditionSpread, ...]:
    return tuple(row for row in spreads if row.components.refused is None)


def _spread_row(row: ConditionSpread) -> Row:
    found = row.components
    parts = (found.model, found.question, found.model_question, found.residual)
    total = sum(part.variance for part in parts if part is not None)
    return (
        *(row.condition, str(found.models), str(found.n), str(found.repeats)),
        *(_of_total(part, total) for part in parts),
    )


def _of_total(part: Component | None, total: float) -> str:
    return NOTHING if part is None or not total else f"{100 * part.variance / total:.0f}"


def _grounds(row: MetricLines) -> bool:
    return row.metric.rpartition("@")[0] in GROUNDED


def _grounding_lines(row: MetricLines) -> Row:
    line = row.retrieval
    if isinstance(line, Refused):
        return ()
    name = f"{row.metric} with retrieval ({'higher' if row.higher_is_better else 'lower'} is better)"
    uplift = row.best_uplift_by_size
    if isinstance(uplift, Refused) or uplift.slope is None:
        return line_sentences(name, line)
    change = f"{row.metric}, change by retrieval: {decimal(uplift.slope, sign=True)} per tenfold size (n {uplift.n})."
    return (*line_sentences(name, line), change)


def _grounding_rows(rows: tuple[MetricLines, ...]) -> list[Row]:
    return [
        (row.metric, point.size.model, str(point.n), f"{point.mean:.3f}", optional(point.se))
        for row in rows
        if not isinstance(row.retrieval, Refused)
        for point in row.retrieval.points
    ]
