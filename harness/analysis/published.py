"""Every published formula over one run, from the grid: the compatible column of the analysis."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.aggregates import AggregateInfo, experiment_numbers
from harness.analysis.arms import CaseGrid, arm_means, models_of
from harness.analysis.cells import LOSS
from harness.analysis.compatible.benefit import BenefitDistribution, BestRetrieval
from harness.analysis.compatible.ccg import ccg_series, confidence_gap
from harness.analysis.compatible.ccg_by_task import TaskCcg
from harness.analysis.compatible.experiments import DIRECT, FACTORS, LEADING, RETRIEVAL
from harness.analysis.compatible.groundedness import FaithfulnessGap, Groundedness
from harness.analysis.compatible.scaling import DirectCurve, MetricCurves, ModelRow, dataset_cells, model_rows
from harness.analysis.compatible.six_conditions import SixConditions, six_conditions
from harness.analysis.compatible.tiers import TierRow, TierSensitivity, TierVerdict
from harness.analysis.compatible.variance import VarianceShares
from harness.analysis.frame import template_marks
from harness.analysis.grid_confidence import task_places
from harness.analysis.intervals import FloatArray, IntArray
from harness.analysis.published_effects import PublishedEffects, with_levels
from harness.analysis.published_pairs import percent
from harness.analysis.published_sizes import size_tables
from harness.analysis.run import RunInfo

if TYPE_CHECKING:
    from pandas import DataFrame

MEASURED = ("primary", "confidence", LOSS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The compatible numbers over `rows` experiment rows of `metric` ("primary", or "pass_rate" without one).

    Each part names the known fault of its formula. `condition` is the direct condition of the CCG.
    """

    metric: str
    rows: int
    condition: str | None
    direct: DirectCurve
    models: tuple[ModelRow, ...]
    curves: tuple[MetricCurves, ...]
    tiers: tuple[TierRow, ...]
    verdicts: tuple[TierVerdict, ...]
    sensitivity: tuple[TierSensitivity, ...]
    benefits: BenefitDistribution
    best_cells: tuple[BestRetrieval, ...]
    variance: VarianceShares
    variance_by_tier: tuple[VarianceShares, ...]
    effects: PublishedEffects
    groundedness: tuple[Groundedness, ...]
    faithfulness: tuple[FaithfulnessGap, ...]
    six_conditions: tuple[SixConditions, ...]
    ccg: tuple[TaskCcg, ...]


def published(grid: CaseGrid, run: RunInfo, seed: int) -> Published:
    """All published formulas over the cells of a grid; without cells each part has its own reason.

    Args:
        grid: the cases.
        run: the metrics' directions, and the levels of the conditions' factors.
        seed: of the bootstrap of the weighted means.
    """
    rows = grid_rows(grid, run)
    scored = bool(np.isfinite(rows["primary"].to_numpy(dtype=np.float64)).any())
    metric = "primary" if scored else "pass_rate"
    about = AggregateInfo(metric=metric, metrics=grid.metrics, higher_is_better=run.higher_is_better, seed=seed)
    numbers = experiment_numbers(rows, about)
    sizes = size_tables(model_rows(dataset_cells(rows, metric)))
    condition = next((arm.condition for arm in grid.arms if arm.is_base and arm.context == "none"), None)
    return Published(
        metric=metric,
        rows=numbers.rows,
        condition=condition,
        direct=numbers.direct,
        models=sizes.models,
        curves=numbers.curves,
        tiers=sizes.tiers,
        verdicts=sizes.verdicts,
        sensitivity=sizes.sensitivity,
        benefits=numbers.benefits,
        best_cells=numbers.best_cells,
        variance=numbers.variance,
        variance_by_tier=numbers.variance_by_tier,
        effects=numbers.effects,
        groundedness=numbers.groundedness,
        faithfulness=numbers.faithfulness,
        six_conditions=tuple(six_conditions(size.model, _counts(grid, size.model)) for size in models_of(grid.arms)),
        ccg=tuple(_ccg(grid, condition)),
    )


def grid_rows(grid: CaseGrid, run: RunInfo) -> "DataFrame":
    """The experiment rows of a grid, as `experiment_rows` makes them of a run, with the levels that the run tells."""
    from pandas import DataFrame

    names = [*grid.metrics, *MEASURED]
    empty = np.full((len(grid.arm_of), len(grid.questions.ids)), np.nan)
    told = {name: arm_means(grid, grid.columns.get(name, empty)) for name in names} | {"pass_rate": _right(grid)}
    datasets = np.array(grid.questions.datasets, dtype=object)
    marks = template_marks(run, set(grid.questions.datasets))
    rows = [
        _row(grid, arm, str(dataset), np.flatnonzero(datasets == dataset), told)
        for arm in range(len(grid.arms))
        for dataset in sorted(set(grid.questions.datasets))
    ]
    missing = {name: None for name in FACTORS if name != "model"}
    made = DataFrame([row | missing for row in rows], columns=[*LEADING, *missing, *told])
    texts = dict.fromkeys(["model", "tier", "dataset", "kind", "condition"], "string")
    floats = dict.fromkeys(["params_b", *told], "float64")
    made = with_levels(made.astype(texts | floats), run.factors)
    templates = made["dataset"].astype("object").map({name: mark.name for name, mark in marks.items()})
    return made.assign(prompt=made["prompt"].where(made["prompt"].notna(), templates))


def _row(grid: CaseGrid, place: int, dataset: str, where: IntArray, told: dict[str, FloatArray]) -> dict[str, object]:
    arm, cells = grid.arms[place], grid.arm_of == place
    kinds = {"none": DIRECT, "retrieved": RETRIEVAL}
    answered = grid.columns["answered"][cells][:, where]
    return {
        "model": arm.model,
        "params_b": arm.size.params_b,
        "tier": arm.tier,
        "dataset": dataset,
        "kind": kinds.get(arm.context, arm.condition) if arm.is_base else arm.condition,
        "condition": arm.condition,
        "planned": answered.size,
        "answered": int(answered.sum()),
        **{name: _mean(values[where, place]) for name, values in told.items()},
    }


def _counts(grid: CaseGrid, model: str) -> dict[str, tuple[int, int]]:
    made = {}
    for place, arm in enumerate(grid.arms):
        if arm.model == model:
            cells = grid.arm_of == place
            answered = grid.columns["answered"][cells] == 1
            made[arm.condition] = (int(grid.columns["correct"][cells][answered].sum()), int(answered.sum()))
    return made


def _ccg(grid: CaseGrid, condition: str | None) -> Iterator[TaskCcg]:
    arms = [place for place, arm in enumerate(grid.arms) if arm.condition == condition]
    arms.sort(key=lambda place: grid.arms[place].model)
    for task, where in task_places(grid).items() if condition is not None else ():
        found = [_means(grid, place, where) for place in arms]
        known = [(place, one) for place, one in zip(arms, found, strict=True) if one[0]]
        sizes = [grid.arms[place].size.params_b for place, _ in known]
        accuracies = [percent(one[1]) for _, one in known]
        yield TaskCcg(
            task=task,
            condition=condition or "",
            answered=sum(one[0] for _, one in known),
            ccg=ccg_series(sizes, [one[2] for _, one in known], accuracies),
            gap=confidence_gap(sizes, [percent(one[3]) for _, one in known], accuracies),
        )


def _means(grid: CaseGrid, place: int, where: IntArray) -> tuple[int, float, float, float]:
    """Answered cases of an arm, and their mean accuracy, loss and confidence, NaN where none has a value."""
    cells = grid.arm_of == place
    answered = grid.columns["answered"][cells][:, where] == 1
    values = [
        grid.columns[name][cells][:, where][answered] if name in grid.columns else np.zeros(0)
        for name in ("correct", LOSS, "confidence")
    ]
    right, loss, stated = (_mean(one) for one in values)
    return int(answered.sum()), right, loss, stated


def _right(grid: CaseGrid) -> FloatArray:
    return arm_means(grid, np.where(grid.columns["answered"] == 1, grid.columns["correct"], np.nan))


def _mean(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
