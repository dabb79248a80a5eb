"""Where the spread of scores comes from, and how much of it is noise: components, importance, reruns and seconds."""

from dataclasses import dataclass

import numpy as np

from harness.analysis.arms import CaseGrid, ScoreTable
from harness.analysis.distributions import generator
from harness.analysis.grid_confidence import cell_label
from harness.analysis.importance import Importance, factor_importance
from harness.analysis.intervals import FloatArray, Interval, share_interval
from harness.analysis.latency import PERCENTILES, Latency, percentile
from harness.analysis.noise_floor import NoiseFloor, noise_floor
from harness.analysis.refusals import Refused, needs
from harness.analysis.variance_components import (
    CrossedComponents,
    RepeatComponents,
    StudyDesign,
    crossed_components,
    repeat_components,
    study_design,
)
from harness.registry.catalog import TIERS

REPEATS_LEAST = 2
MODELS_LEAST = 2
ROWS_LEAST = 3
DRAWS = 199  # shuffles and resamples of the rows of one tier: p and ends to half a percent


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatSpread:
    """The repeats of one arm: variance components, what a larger study would bring, and the noise of a rerun."""

    model: str
    condition: str
    components: RepeatComponents
    design: StudyDesign | Refused
    noise: NoiseFloor


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionSpread:
    """Models x questions x repeats of one condition, over the questions that every repeat of every model answered."""

    condition: str
    dropped: int
    components: CrossedComponents


@dataclass(frozen=True, slots=True, kw_only=True)
class TierImportance:
    """What moves the mean score of an experiment (model x condition x data set x task), in one tier or (None) in all.

    Only experiments with retrieved passages, the model's own weights and precision count.
    """

    tier: str | None
    importance: Importance | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipRate:
    """How often the same prompt, asked again by itself, got another text, in one cell."""

    cell: str
    rate: Interval


def repeat_spreads(grid: CaseGrid) -> tuple[RepeatSpread, ...] | Refused:
    """Every arm that was run more than once."""
    values = _answered_right(grid)
    cells = {arm: np.flatnonzero(grid.arm_of == arm) for arm in range(len(grid.arms))}
    repeated = {arm: places for arm, places in cells.items() if len(places) >= REPEATS_LEAST}
    if not repeated:
        return needs(REPEATS_LEAST, "repeat of a cell", max((len(places) for places in cells.values()), default=0))
    return tuple(_repeat_spread(grid, arm, values[places].T) for arm, places in repeated.items())


def condition_spreads(grid: CaseGrid) -> tuple[ConditionSpread, ...] | Refused:
    """Every condition that several models ran equally often."""
    values, found = _answered_right(grid), []
    for condition in dict.fromkeys(arm.condition for arm in grid.arms):
        places = [np.flatnonzero(grid.arm_of == arm) for arm, one in enumerate(grid.arms) if one.condition == condition]
        if len(places) < MODELS_LEAST or len({len(cells) for cells in places}) > 1:
            continue
        cube = np.stack([values[cells].T for cells in places])
        there = np.asarray(np.isfinite(cube).all(axis=(0, 2)))
        components = crossed_components(cube[:, there])
        if components.refused is None:
            found.append(ConditionSpread(condition=condition, dropped=int((~there).sum()), components=components))
    models = len({arm.model for arm in grid.arms})
    return tuple(found) or Refused(
        reason=f"needs 2 models and 2 questions that they all answered in one condition, has {models} models"
    )


def tier_importances(table: ScoreTable, seed: int) -> tuple[TierImportance, ...] | Refused:
    """Factor importance in each tier that has retrieval cells, and over all of them together."""
    tiers: list[str | None] = [name for name in TIERS if table.places(tier=name, context="retrieved")]
    if not table.places(context="retrieved"):
        return needs(1, "retrieval cell", 0)
    return tuple(TierImportance(tier=tier, importance=_importance(table, tier, seed)) for tier in [*tiers, None])


def cell_latencies(grid: CaseGrid) -> tuple[Latency, ...] | Refused:
    """Each cell's percentiles over the answers that ran alone (concurrency 1), in study order."""
    if "latency_s" not in grid.columns or not np.isfinite(grid.columns["latency_s"]).any():
        return needs(1, "answer with a latency", 0)
    return tuple(_latency(grid, cell) for cell in range(len(grid.arm_of)))


def flip_rates(grid: CaseGrid) -> tuple[FlipRate, ...] | Refused:
    """Each cell whose prompts were asked again by themselves."""
    flipped, clusters = grid.columns["flipped"], grid.questions.clusters
    checked = [cell for cell in range(len(flipped)) if np.isfinite(flipped[cell]).any()]
    if not checked:
        return needs(1, "prompt that was asked again by itself", 0)
    found = []
    for cell in checked:
        there = np.isfinite(flipped[cell])
        rate = share_interval(flipped[cell, there], clusters[there])
        found.append(FlipRate(cell=cell_label(grid, cell), rate=rate))
    return tuple(found)


def _repeat_spread(grid: CaseGrid, arm: int, values: FloatArray) -> RepeatSpread:
    components = repeat_components(values)
    design: StudyDesign | Refused = Refused(reason=components.refused or "")
    if components.refused is None:
        design = study_design(components, components.n, values.shape[1])
    return RepeatSpread(
        model=grid.arms[arm].model,
        condition=grid.arms[arm].condition,
        components=components,
        design=design,
        noise=noise_floor(values, grid.questions.clusters),
    )


def _importance(table: ScoreTable, tier: str | None, seed: int) -> Importance | Refused:
    places = table.places(tier=tier, context="retrieved")
    questions = table.questions
    strata = sorted(set(zip(questions.datasets, (task or "" for task in questions.tasks), strict=True)))
    keys = list(zip(questions.datasets, (task or "" for task in questions.tasks), strict=True))
    codes = (
        np.array([strata.index(key) for key in keys], dtype=np.intp) if len(strata) > 1 else np.zeros(len(keys), int)
    )
    scores, levels = [], []
    for place in places:
        values = table.scores[:, place]
        there = np.isfinite(values)
        sums = np.bincount(codes[there], weights=values[there], minlength=len(strata))
        counts = np.bincount(codes[there], minlength=len(strata))
        for stratum in np.flatnonzero(counts):
            scores.append(float(sums[stratum] / counts[stratum]))
            levels.append((table.arms[place].model, table.arms[place].condition, *strata[stratum]))
    if len(scores) < ROWS_LEAST:
        return needs(ROWS_LEAST, "experiment with retrieval", len(scores))
    names = ("model", "condition", "dataset", "task")
    factors = {name: list(column) for name, column in zip(names, zip(*levels, strict=True), strict=True)}
    varied = {name: column for name, column in factors.items() if len(set(column)) > 1}
    if not varied:
        return Refused(reason=f"no factor varies over {len(scores)} experiments")
    rng = generator(seed, "importance", table.name, table.missing, tier or "all")
    return factor_importance(scores, varied, rng=rng, draws=DRAWS, interactions=tier is not None)


def _latency(grid: CaseGrid, cell: int) -> Latency:
    seconds, label = grid.columns["latency_s"][cell], cell_label(grid, cell)
    timed = np.isfinite(seconds) & (seconds >= 0)
    alone = timed & (grid.columns["concurrency"][cell] == 1) if "concurrency" in grid.columns else timed & False
    n, contended = int(alone.sum()), int(timed.sum() - alone.sum())
    if n == 0:
        reason = f"all {contended} answers ran beside others" if contended else "no answer reports a latency"
        return Latency(cell=label, n=0, contended=contended, refused=reason)
    found = tuple(percentile(seconds[alone], quantile) for quantile in PERCENTILES)
    return Latency(cell=label, n=n, contended=contended, percentiles=found)


def _answered_right(grid: CaseGrid) -> FloatArray:
    return np.where(grid.columns["answered"] == 1, grid.columns["correct"], np.nan)
