"""The published CCG and confidence gap of one condition of a run, over all questions and by task."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pandas import DataFrame

from harness.analysis.cells import answered_rows, correct_rows
from harness.analysis.compatible.ccg import AccuracyUnit, Ccg, ConfidenceGap, ccg_series, confidence_gap
from harness.analysis.compatible.experiments import size_of
from harness.analysis.order import BASELINE


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCcg:
    """CCG and gap over the `answered` cases of one condition; `task` is None for all questions."""

    task: str | None
    condition: str
    answered: int
    ccg: Ccg
    gap: ConfidenceGap


def ccg_by_task(
    cases: DataFrame, condition: str = BASELINE, *, unit: AccuracyUnit = "percentage points"
) -> tuple[TaskCcg, ...]:
    """All questions first, then each task if there are several; accuracy is the share correct of the answered cases.

    Loss and confidence are means over the answered cases that have them; a model without a size, or without any of
    them, is left out of the fit that needs it. No answers give one result with its reason.

    Args:
        cases: the case table.
        condition: the condition's name.
        unit: what accuracy is expressed in for the CCG.
    """
    told = cases.assign(correct=correct_rows(cases))[answered_rows(cases)]
    told = told[(told["condition"] == condition).fillna(value=False)]
    return tuple(_of_task(task, condition, part, unit) for task, part in _parts(told))


def _parts(told: DataFrame) -> Iterator[tuple[str | None, DataFrame]]:
    yield None, told
    by_task = told.groupby("task", sort=True)
    if by_task.ngroups > 1:
        yield from ((str(task), part) for task, part in by_task)


def _of_task(task: str | None, condition: str, part: DataFrame, unit: AccuracyUnit) -> TaskCcg:
    models = [model for _, model in part.groupby("model", sort=True)]
    sizes = [size_of(model) for model in models]
    accuracies = [100 * float(model["correct"].mean()) for model in models]
    losses = [_finite_mean(model, "loss_nll") for model in models]
    confidences = [100 * _finite_mean(model, "confidence") for model in models]
    return TaskCcg(
        task=task,
        condition=condition,
        answered=len(part),
        ccg=ccg_series(sizes, losses, accuracies, unit=unit),
        gap=confidence_gap(sizes, confidences, accuracies),
    )


def _finite_mean(cases: DataFrame, column: str) -> float:
    """NaN without a finite value: the series leave such a model out and count it."""
    values = cases[column].to_numpy(dtype=np.float64, na_value=np.nan)
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else float("nan")
