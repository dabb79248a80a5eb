"""Section 4: does the best retrieval of one tier, or of one model, hold its own against larger direct answering?"""

from collections.abc import Sequence

from harness.analysis.by_model_size import Worth
from harness.analysis.margin import MarginVerdict
from harness.analysis.margin_sensitivity import SensitivityRow
from harness.analysis.refusals import Refused
from harness.analysis.size_worth import RetrievalWorth, SizeRatio
from harness.analysis.substitutes import BestSubstitute
from harness.analysis.tiers_by_interval import TierStanding
from harness.analysis.whole import Analysis, ShareAnalysis
from harness.report import sections_published as published
from harness.report.sections import Section, Table
from harness.report.sections_numbers import (
    Row,
    cross_fit,
    details,
    listed,
    optional,
    points,
    questions_of,
    ratio,
    reasons,
    refusals,
    size_set,
    table,
)
from harness.report.sections_verdicts import Pair, margin_points, pair_names, verdict_sentence
from harness.report.wording import NOTHING

TITLE, KEY, FIGURES = "Tiers and substitutes", "tiers", ("tier_compensation",)
NOTES = (
    (
        "Best is cross-fitted on both sides. 95 % tells superior and inferior, 90 % equivalent and non-inferior. "
        "Chance: of showing non-inferiority with these questions, were the two equal. Rules: of nine ways to sum up "
        "the cells of both sides (maximum, mean, cross-fit), how many give the same verdict as cross-fit against "
        "cross-fit."
    ),
    (
        "Compensation is (small with retrieval - small) / (large - small): 1 buys what the larger size buys. Worth is "
        "the factor of parameters that would gain as much on the direct line, catch-up the size at which that line "
        "reaches the model with retrieval. Both have Fieller sets, which may lack a bound, and are undefined where "
        "the slope's interval spans 0."
    ),
)
PAIR_COLUMNS = (
    *("smaller, with retrieval", "larger, direct", "n", "difference, 95 %", "90 %", "verdict", "chance", "needs n"),
    "rules",
)
TIER_COLUMNS = (
    *(
        "tier",
        "models",
        "next tier",
        "n",
        "direct %",
        "best retrieval %",
        "next direct %",
        "difference, 95 %",
        "verdict",
    ),
    *("compensation", "rules"),
)


def tier_section(analysis: Analysis) -> Section:
    """4. The tier table, compensation, verdicts within the margin, and how they hang on the rule of choice."""
    shares = analysis.headline
    if isinstance(shares, Refused):
        return Section(title=TITLE, key=KEY, lines=refusals([("tiers and substitutes", shares)]), figures=FIGURES)
    tiers = () if isinstance(shares.tiers, Refused) else shares.tiers
    pairs = () if isinstance(shares.best_substitutes, Refused) else shares.best_substitutes
    tables = (
        *table(
            "Tiers: best retrieval against the next tier's direct answering", TIER_COLUMNS, map(_tier_row, tiers), 3
        ),
        *_sensitivity_table([(f"{row.tier} against {row.next_tier}", row.sensitivity) for row in tiers]),
        *table("Pairs of models", PAIR_COLUMNS, (_pair_row(analysis, row) for row in pairs), 2),
        *_single_sensitivity(analysis, pairs),
        *_worth_table(shares),
        *_compensation_table(shares),
        *(() if isinstance(analysis.published, Refused) else published.tier_tables(analysis.published)),
    )
    lines = (*_tier_lines(analysis, tiers), *refusals(_parts(shares, tiers)), *_unworthy(shares))
    return Section(title=TITLE, key=KEY, lines=lines, tables=tables, notes=NOTES, figures=FIGURES)


def _parts(shares: ShareAnalysis, tiers: Sequence[TierStanding]) -> list[tuple[str, object]]:
    rows = [
        (f"tier {row.tier}, {what}", part)
        for row in tiers
        if row.next_tier is not None
        for what, part in (("verdict", row.verdict), ("compensation", row.compensation))
    ]
    whole: list[tuple[str, object]] = [
        ("tiers", shares.tiers),
        ("pairs of models", shares.best_substitutes),
        ("worth in parameters", shares.worths),
        ("compensation by pair", shares.compensations),
    ]
    return [*whole, *rows]


def _tier_lines(analysis: Analysis, tiers: Sequence[TierStanding]) -> Row:
    return tuple(
        f"{verdict_sentence(_tier_pair(row), row.verdict, analysis.margin)}."
        for row in tiers
        if row.next_tier is not None and not isinstance(row.verdict, Refused)
    )


def _tier_pair(row: TierStanding) -> Pair:
    return Pair(small=f"Tier {row.tier} + best retrieval", large=f"tier {row.next_tier} direct")


def _tier_row(row: TierStanding) -> Row:
    compensation = row.compensation
    found = None if isinstance(row.verdict, Refused) else row.verdict.outer
    n = questions_of(row.direct if found is None else found)
    return (
        *(row.tier, listed(row.models), row.next_tier or NOTHING, n),
        *(cross_fit(row.direct), cross_fit(row.retrieval), cross_fit(row.next_direct)),
        *(points(found), _verdict(row.verdict)),
        NOTHING if isinstance(compensation, Refused) else ratio(compensation.estimate, compensation.confidence),
        _agreeing(row.sensitivity),
    )


def _pair_row(analysis: Analysis, row: BestSubstitute) -> Row:
    names, found = pair_names(analysis, row), row.verdict
    if isinstance(found, Refused):
        return (names.small, names.large, "0", *([NOTHING] * 2), found.reason, *([NOTHING] * 3))
    return (
        *(names.small, names.large, str(found.outer.n), points(found.outer), points(found.inner), _verdict(found)),
        *(optional(found.power.power, ".2f"), _needed(found), _agreeing(row.sensitivity)),
    )


def _needed(found: MarginVerdict) -> str:
    return NOTHING if found.power.n_needed is None else f"{found.power.n_needed:,}"


def _verdict(found: MarginVerdict | Refused) -> str:
    if isinstance(found, Refused):
        return NOTHING
    slightly = ", measurably worse" if found.measurably_worse else ""
    return f"{found.standing} (margin {margin_points(found.margin)}){slightly}"


def _agreeing(rows: Sequence[SensitivityRow]) -> str:
    """How many of the rules have the last row's verdict, among those that have any."""
    found = [row.verdict.standing for row in rows if row.verdict is not None]
    return f"{found.count(found[-1])} of {len(found)}" if found and rows[-1].verdict is not None else NOTHING


def _sensitivity_table(parts: Sequence[tuple[str, Sequence[SensitivityRow]]]) -> tuple[Table, ...]:
    columns = ("pair", "retrieval by", "direct by", "cells searched", "n", "difference, 95 %", "verdict")
    rows = tuple(
        (
            *(name, row.rule_a, row.rule_b, f"{row.searched_a} and {row.searched_b}"),
            *(("0", NOTHING) if row.verdict is None else (str(row.verdict.outer.n), points(row.verdict.outer))),
            row.reason or NOTHING if row.verdict is None else row.verdict.standing,
        )
        for name, found in parts
        for row in found
        if row.searched_a > 1 or row.searched_b > 1
    )
    return details("Sensitivity of the verdict to the rule", columns, rows, 3)


def _single_sensitivity(analysis: Analysis, pairs: Sequence[BestSubstitute]) -> tuple[Table, ...]:
    """The nine rules of the pairs where something was chosen and the verdict hangs on the rule."""
    torn = [row for row in pairs if len({each.verdict.standing for each in row.sensitivity if each.verdict}) > 1]
    named = [(pair_names(analysis, row), row.sensitivity) for row in torn]
    return _sensitivity_table([(f"{names.small} against {names.large}", rows) for names, rows in named])


def _worth_table(shares: ShareAnalysis) -> tuple[Table, ...]:
    if isinstance(shares.worths, Refused):
        return ()
    columns = ("model", "n", "models", "worth, factor of size [95 %]", "catch-up size [95 %]")
    rows = (
        (row.model, *_worth_row(row.worth))
        for row in shares.worths
        if isinstance(row.worth, RetrievalWorth) and row.worth.multiplier.estimate is not None
    )
    return table("What retrieval is worth in parameters", columns, rows)


def _worth_row(found: RetrievalWorth) -> Row:
    multiplier, size_b = found.multiplier, found.catch_up_b
    beyond = ", extrapolated" if size_b.extrapolated else ""
    return (
        *(str(found.n), str(len(found.fit.models)), ratio(multiplier.estimate, multiplier.confidence)),
        f"{size_set(size_b.estimate, size_b.confidence)}{beyond}",
    )


def _unworthy(shares: ShareAnalysis) -> Row:
    """Why some models' worth is undefined."""
    if isinstance(shares.worths, Refused):
        return ()
    return reasons((f"worth in parameters of {row.model}", _why(row)) for row in shares.worths)


def _why(row: Worth) -> str | None:
    if isinstance(row.worth, Refused):
        return row.worth.reason
    parts: tuple[SizeRatio, ...] = (row.worth.multiplier, row.worth.catch_up_b)
    return next((part.reason for part in parts if part.reason is not None), None)


def _compensation_table(shares: ShareAnalysis) -> tuple[Table, ...]:
    if isinstance(shares.compensations, Refused):
        return ()
    columns = ("smaller", "larger", "n", "compensation [95 %]", "retrieval buys, points", "size buys, points")
    rows = tuple(
        (
            *(row.small, row.large, str(row.ratio.n), ratio(row.ratio.estimate, row.ratio.confidence)),
            *(_in_points(row.ratio.numerator), _in_points(row.ratio.denominator)),
        )
        for row in shares.compensations
    )
    return details("Compensation by pair", columns, rows, 2)


def _in_points(value: float | None) -> str:
    return NOTHING if value is None else f"{100 * value:+.1f}"
