"""The whole analysis of a run as one value: every part either has a result or the reason why it has none."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from harness.analysis.adapters import case_grid
from harness.analysis.arms import Arm, CaseGrid, Missing, ScoreTable, models_of, score_table
from harness.analysis.by_model_size import (
    Compensation,
    SizeLine,
    Worth,
    compensations,
    size_line,
    uplift_lines,
    worths,
)
from harness.analysis.frame import CaseTables
from harness.analysis.gap import Confidence
from harness.analysis.grid_answers import ConditionVote, QuestionViews, condition_votes, question_views
from harness.analysis.grid_confidence import SizedQuantity, cell_confidences, sized_quantities
from harness.analysis.grid_effects import Effects, condition_effects_of
from harness.analysis.grid_metrics import MetricLines, metric_lines
from harness.analysis.grid_spread import (
    ConditionSpread,
    FlipRate,
    RepeatSpread,
    TierImportance,
    cell_latencies,
    condition_spreads,
    flip_rates,
    repeat_spreads,
    tier_importances,
)
from harness.analysis.judged import JudgeCheck, JudgedPairs, Verdicts, judge_checks, judged_pairs
from harness.analysis.latency import Latency
from harness.analysis.model_sizes import ModelSize, size_of, usable
from harness.analysis.refusals import Refused
from harness.analysis.run import RunInfo
from harness.analysis.searched import ModelUplift, model_uplifts, search_models
from harness.analysis.size_advice import AdviceRules, IntervalAdvice, size_advice
from harness.analysis.substitutes import (
    BestSubstitute,
    Substitute,
    WithinModel,
    best_substitutes,
    substitutes,
    within_models,
)
from harness.analysis.tiers_by_interval import TierStanding, tier_standings
from harness.analysis.uplift_line import UpliftLine

if TYPE_CHECKING:
    from harness.analysis.published import Published

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What is compared: the arms, the questions that every cell was asked, and the cells that cannot stand with them.

    `missing` counts the cases without an answer among the kept cells. A size that cannot be used is None in `arms`;
    `unsized` says of each such model why.
    """

    arms: tuple[Arm, ...]
    unsized: tuple[tuple[str, str], ...]
    cells: int
    questions: int
    clusters: int
    missing: int
    left_out: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareAnalysis:
    """All that is said of the share of right answers, a case without an answer being not right, or left out."""

    missing: Missing
    direct: SizeLine | Refused
    retrieval: SizeLine | Refused
    uplifts: tuple[ModelUplift, ...] | Refused
    mean_uplift_by_size: UpliftLine | Refused
    best_uplift_by_size: UpliftLine | Refused
    worths: tuple[Worth, ...] | Refused
    compensations: tuple[Compensation, ...] | Refused
    within: tuple[WithinModel, ...] | Refused
    substitutes: tuple[Substitute, ...] | Refused
    best_substitutes: tuple[BestSubstitute, ...] | Refused
    tiers: tuple[TierStanding, ...] | Refused
    effects: Effects | Refused
    importance: tuple[TierImportance, ...] | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """One run, every part with a result or a refusal; the same cases in any order give the same value.

    `headline` counts a case without an answer as not right (intent-to-test), `complete_case` leaves it out; refused
    when no answer is missing, since it would say the same. `published` repeats the compatible formulas and is never to
    be mixed with the other parts. `advice` is the size recommendation by intervals; the published one stands in
    `published.ccg`.
    """

    seed: int
    margin: float
    compared: Compared
    headline: ShareAnalysis | Refused
    complete_case: ShareAnalysis | Refused
    metrics: tuple[MetricLines, ...] | Refused
    confidences: tuple[Confidence, ...] | Refused
    quantities: tuple[SizedQuantity, ...] | Refused
    advice: tuple[IntervalAdvice, ...] | Refused
    repeats: tuple[RepeatSpread, ...] | Refused
    components: tuple[ConditionSpread, ...] | Refused
    flips: tuple[FlipRate, ...] | Refused
    latencies: tuple[Latency, ...] | Refused
    votes: tuple[ConditionVote, ...] | Refused
    questions: QuestionViews | Refused
    preferences: JudgedPairs | Refused
    judges: tuple[JudgeCheck, ...] | Refused
    published: "Published | Refused"


def analyse(tables: CaseTables, run: RunInfo, seed: int, verdicts: Verdicts | None = None) -> Analysis:
    """Everything that the cases allow to be said.

    Args:
        tables: the cases; their order changes nothing.
        run: the declared margin and the metrics' directions.
        seed: of every draw.
        verdicts: what judges said of the answers, None where none was asked.

    Raises:
        HarnessError: as case_grid, or a table of verdicts is damaged.
        MissingExtra: scipy is not installed.
    """
    from harness.analysis.published import published  # needs pandas

    grid, said = case_grid(tables), verdicts or Verdicts()
    if not grid.arms:
        return _nothing(grid, run, seed, said)
    planned = score_table(grid)
    missing = int((grid.columns["answered"] != 1).sum())
    headline = _shares(planned, run, seed)
    complete: ShareAnalysis | Refused = Refused(reason="no answer is missing: as the headline")
    if missing:
        complete = _shares(score_table(grid, missing="left out"), run, seed)
    quantities = sized_quantities(grid)
    return Analysis(
        seed=seed,
        margin=run.margin,
        compared=_compared(grid, missing),
        headline=headline,
        complete_case=complete,
        metrics=metric_lines(grid, run, seed),
        confidences=cell_confidences(grid),
        quantities=quantities,
        advice=_advice(grid, headline, quantities, run),
        repeats=repeat_spreads(grid),
        components=condition_spreads(grid),
        flips=flip_rates(grid),
        latencies=cell_latencies(grid),
        votes=condition_votes(grid, seed),
        questions=question_views(planned),
        preferences=judged_pairs(said),
        judges=judge_checks(said, tables.cases),
        published=published(grid, run, seed),
    )


def _shares(table: ScoreTable, run: RunInfo, seed: int) -> ShareAnalysis:
    searches = search_models(table, seed)
    mean, best = uplift_lines(table, searches)
    return ShareAnalysis(
        missing=table.missing,
        direct=size_line(table, searches),
        retrieval=size_line(table, searches, retrieval=True),
        uplifts=model_uplifts(searches, table.clusters),
        mean_uplift_by_size=mean,
        best_uplift_by_size=best,
        worths=worths(table, searches),
        compensations=compensations(table, searches),
        within=within_models(table, seed, run.margin),
        substitutes=substitutes(table, run.margin, seed),
        best_substitutes=best_substitutes(table, searches, run.margin),
        tiers=tier_standings(table, run.margin, seed),
        effects=condition_effects_of(table, seed),
        importance=tier_importances(table, seed),
    )


def _advice(
    grid: CaseGrid, headline: ShareAnalysis, quantities: tuple[SizedQuantity, ...], run: RunInfo
) -> tuple[IntervalAdvice, ...] | Refused:
    condition = next((arm.condition for arm in grid.arms if arm.is_base and arm.context == "none"), None)
    if condition is None:
        return Refused(reason="needs 1 direct cell, has 0")
    sizes = {
        size.model: size.params_b or 0.0 for size in models_of(grid.arms) if not isinstance(size_of(size, "total"), str)
    }
    return size_advice(
        quantities,
        _or_none(headline.uplifts),
        _or_none(headline.best_substitutes),
        AdviceRules(condition=condition, margin=run.margin, sizes_b=sizes),
    )


def _or_none(part: tuple[Part, ...] | Refused) -> tuple[Part, ...]:
    return () if isinstance(part, Refused) else part


def _usable_size(size: ModelSize) -> ModelSize:
    return replace(size, params_b=None) if isinstance(size_of(size, "total"), str) else size


def _compared(grid: CaseGrid, missing: int) -> Compared:
    return Compared(
        arms=tuple(replace(arm, size=_usable_size(arm.size)) for arm in grid.arms),
        unsized=usable(models_of(grid.arms), "total")[1],
        cells=len(grid.arm_of),
        questions=len(grid.questions.ids),
        clusters=len(np.unique(grid.questions.clusters)),
        missing=missing,
        left_out=grid.left_out,
    )


def _nothing(grid: CaseGrid, run: RunInfo, seed: int, said: Verdicts) -> Analysis:
    cells = len(grid.left_out)
    why = Refused(reason=f"needs 1 cell with an answer, has 0 of {cells}" if cells else "needs 1 case, has 0")
    return Analysis(
        seed=seed,
        margin=run.margin,
        compared=_compared(grid, 0),
        headline=why,
        complete_case=why,
        metrics=why,
        confidences=why,
        quantities=why,
        advice=why,
        repeats=why,
        components=why,
        flips=why,
        latencies=why,
        votes=why,
        questions=why,
        preferences=judged_pairs(said),
        judges=why,
        published=why,
    )
