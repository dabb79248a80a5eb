"""The full report: the first screen, then every section in its order, each with a result or the reason for none."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.analysis.compatible.clustered import ClusteredMean
from harness.analysis.summary import RunSummary
from harness.analysis.whole import Analysis
from harness.report.clustered import clustered_tables
from harness.report.sections import Report, Section
from harness.report.sections_confidence import confidence_section
from harness.report.sections_cost import cost_section, vote_section
from harness.report.sections_effects import comparison_part, effect_section
from harness.report.sections_factors import factor_section, grounding_section
from harness.report.sections_opening import opening_sections
from harness.report.sections_questions import audit_part, method_section, question_section
from harness.report.sections_scaling import direct_section, metric_section, uplift_section
from harness.report.sections_tiers import tier_section
from harness.report.sections_verdicts import Claimed
from harness.report.wording import correct_rule

SOURCES = (
    "summary.json holds every number here unrounded, results.parquet every case.",
    "Brackets are 95 % intervals unless another level is named; - stands where there is no number.",
)


def full_report(
    summary: RunSummary,
    analysis: Analysis,
    claims: Sequence[Claimed] = (),
    clustered: Mapping[str, ClusteredMean] | None = None,
) -> Report:
    """The whole report of a run, for every format.

    Args:
        summary: cells, coverage, comparisons by task, audit and flags.
        analysis: of the same run.
        claims: the study's claims after the run, told before all else.
        clustered: the compatible intervals of cells by their labels, to stand below the cells.
    """
    info = summary.info
    answered = sum(cell.coverage.answered for cell in summary.cells)
    numbered = (
        direct_section(analysis),
        uplift_section(analysis),
        metric_section(summary, analysis),
        tier_section(analysis),
        factor_section(analysis),
        grounding_section(analysis),
        confidence_section(analysis),
        effect_section(analysis),
        comparison_part(summary, analysis),
        cost_section(summary, analysis),
        vote_section(analysis),
        question_section(summary, analysis),
        audit_part(summary, analysis),
        method_section(summary, analysis),
    )
    return Report(
        title=f"{info.run}: what size and retrieval buy",
        lead=(
            f"Study {info.study}: {answered:,} of {info.planned:,} planned cases answered. "
            f"Correct means {correct_rule(info)}."
        ),
        sections=(*_told(_opening(opening_sections(summary, analysis, claims), clustered or {})), *_numbered(numbered)),
        notes=SOURCES,
    )


def _opening(sections: Sequence[Section], clustered: Mapping[str, ClusteredMean]) -> list[Section]:
    """The first screen, with the compatible intervals below the table of cells."""
    more = clustered_tables(clustered)
    return [replace(found, tables=(*found.tables, *more)) if found.key == "cells" else found for found in sections]


def _told(sections: Sequence[Section]) -> list[Section]:
    return [found for found in sections if found.lines or found.tables]


def _numbered(sections: Sequence[Section]) -> tuple[Section, ...]:
    return tuple(replace(found, title=f"{place}. {found.title}") for place, found in enumerate(sections, 1))
