"""What the factors of retrieval do by published formulas: means, success, synergy and effect sizes."""

from typing import TYPE_CHECKING

from harness.analysis.compatible import faults
from harness.report.sections import Table
from harness.report.sections_numbers import Row, optional, probability, signed
from harness.report.sections_published import published_table
from harness.report.wording import NOTHING

if TYPE_CHECKING:
    from harness.analysis.published_effects import PublishedEffects

MEAN_COLUMNS = ("factor", "level", "weighted by", "rows", "strata", "mean", "interval")
MARGINAL_COLUMNS = ("factor", "level", "rows", "strata", "marginal mean", "raw mean")
SUCCESS_COLUMNS = ("factor", "level", "rows", "data sets", "helps, share", "mean benefit", "sd", "benefit %")
SYNERGY_COLUMNS = ("factors", "levels", "rows", "actual", "expected", "interaction", "label")
EFFECT_COLUMNS = ("model", "retrieval rows", "direct rows", "d", "p", "label")


def effect_tables(found: "PublishedEffects") -> tuple[Table, ...]:
    """One table per formula, each with its fault; none for a formula that had nothing to work on."""
    success = (
        (
            *(row.factor, row.level, str(row.rows), str(row.datasets), f"{row.helps_share:.3f}"),
            *(signed(row.mean_benefit, 3), optional(row.std_benefit), optional(row.benefit_percent, ".1f")),
        )
        for row in found.success_factors
    )
    marginal = (
        (row.factor, row.level, str(row.rows), str(row.strata), f"{row.mean:.3f}", f"{row.raw_mean:.3f}")
        for row in found.marginal_means
    )
    return (
        *published_table("weighted means", faults.ROWS, MEAN_COLUMNS, _mean_rows(found), names=3),
        *published_table("marginal means", faults.MARGINAL, MARGINAL_COLUMNS, marginal, names=2),
        *published_table("success factors", faults.MARGINAL, SUCCESS_COLUMNS, success, names=2),
        *published_table("synergy", faults.MARGINAL, SYNERGY_COLUMNS, _synergy_rows(found), names=2),
        *published_table("effect size of retrieval", faults.ROWS, EFFECT_COLUMNS, _effect_rows(found)),
    )


def _mean_rows(found: "PublishedEffects") -> list[Row]:
    return [
        (
            *(part.factor, row.group, part.weight_by or "data set", str(row.n), str(row.strata), f"{row.mean:.3f}"),
            NOTHING if row.no_interval is not None else f"[{row.low:.3f}, {row.high:.3f}]",
        )
        for part in (*found.means, *found.means_over_models)
        for row in part.means
    ]


def _synergy_rows(found: "PublishedEffects") -> list[Row]:
    return [
        (
            *(f"{pair.first} x {pair.second}", f"{row.first} x {row.second}", str(row.rows), f"{row.actual:.3f}"),
            *(f"{row.expected:.3f}", signed(row.interaction, 3), row.label),
        )
        for pair in found.synergies
        for row in pair.synergies
    ]


def _effect_rows(found: "PublishedEffects") -> list[Row]:
    return [
        (
            *(row.model or "all", str(row.size.treated), str(row.size.untreated), optional(row.size.d, ".2f")),
            *(probability(row.size.p), row.size.label or NOTHING),
        )
        for row in found.effects
        if row.size.d is not None
    ]
