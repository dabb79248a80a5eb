"""Every figure by the stem of its file."""

from collections.abc import Mapping
from importlib import import_module
from typing import cast

from harness.analysis.refusals import Refused
from harness.errors import UnknownName
from harness.report.figures.figure import WIDE, Drawer, Figure, FigureData

FIGURES: Mapping[str, str] = {
    "key_figure": "harness.report.figures.scaling:key_figure",
    "size_vs_overall": "harness.report.figures.sizes:size_vs_overall",
    "size_vs_scores": "harness.report.figures.sizes:size_vs_scores",
    "size_vs_latency": "harness.report.figures.sizes:size_vs_latency",
    "size_vs_cost": "harness.report.figures.costs:size_vs_cost",
    "size_score_cost_bubble": "harness.report.figures.costs:size_score_cost_bubble",
    "overall_ranking": "harness.report.figures.ranking:overall_ranking",
    "cost_vs_performance": "harness.report.figures.tradeoff:cost_vs_performance",
    "score_breakdown": "harness.report.figures.shares:score_breakdown",
    "energy_per_experiment": "harness.report.figures.energy:energy_per_experiment",
    "size_vs_energy": "harness.report.figures.sizes:size_vs_energy",
    "accuracy_by_type": "harness.report.figures.shares:accuracy_by_type",
    "agreement_heatmap": "harness.report.figures.together:agreement_heatmap",
    "unique_wins": "harness.report.figures.together:unique_wins",
    "refusal_rates": "harness.report.figures.shares:refusal_rates",
    "cost_vs_score": "harness.report.figures.tradeoff:cost_vs_score",
    "overall_scores": "harness.report.figures.shares:overall_scores",
    "direct_scaling": "harness.report.figures.scaling:direct_scaling",
    "rag_uplift": "harness.report.figures.uplift:rag_uplift",
    "multi_metric_scaling": "harness.report.figures.metrics:multi_metric_scaling",
    "tier_compensation": "harness.report.figures.tiers:tier_compensation",
    "variance_by_tier": "harness.report.figures.importance:variance_by_tier",
    "groundedness_by_size": "harness.report.figures.grounding:groundedness_by_size",
    "loss_accuracy_confidence": "harness.report.figures.confidence:loss_accuracy_confidence",
    "ccg_by_task": "harness.report.figures.slopes:ccg_by_task",
    "reliability": "harness.report.figures.reliability:reliability",
    "six_condition_effects": "harness.report.figures.effects:six_condition_effects",
}


def draw(stem: str, data: FigureData, width: int = WIDE) -> Figure | Refused:
    """One figure, or why the data do not allow it.

    Args:
        stem: its name.
        data: what to draw.
        width: the pixels it is laid out for, 320 or more; text has the same size at any width.

    Raises:
        UnknownName: there is no such figure.
    """
    if stem not in FIGURES:
        raise UnknownName("figure", stem, FIGURES)
    module, _, name = FIGURES[stem].partition(":")
    return cast(Drawer, getattr(import_module(module), name))(data, width)


def draw_all(data: FigureData, width: int = WIDE) -> dict[str, Figure | Refused]:
    """Every figure, in the order of the table."""
    return {stem: draw(stem, data, width) for stem in FIGURES}
