"""Confidence, competence and loss from the grid: calibration of every cell, and lines over size, by task type."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.analysis.arms import CaseGrid, arm_means
from harness.analysis.by_model_size import line_of
from harness.analysis.calibration import BINS, auroc, brier_parts, calibration_error, spiegelhalter
from harness.analysis.cells import LOSS
from harness.analysis.gap import Confidence, Quantity, confidence_gap
from harness.analysis.intervals import FloatArray, IntArray
from harness.analysis.model_sizes import ModelSize, size_of
from harness.analysis.refusals import Refused
from harness.analysis.uplift_line import UpliftLine


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedQuantity:
    """Accuracy, gap or loss of one condition against log10 of the size; `task` is None for all questions.

    Slopes are per tenfold size, in shares and in nats per token, over the answered questions, so that the three can
    stand side by side.
    """

    quantity: Quantity
    condition: str
    task: str | None
    line: UpliftLine | Refused


def tasks_of(grid: CaseGrid) -> tuple[str, ...]:
    """The task types, sorted, where there are several; none where the whole would be told twice."""
    found = sorted({task for task in grid.questions.tasks if task is not None})
    return tuple(found) if len(found) > 1 else ()


def cell_confidences(grid: CaseGrid) -> tuple[Confidence, ...] | Refused:
    """Gap and calibration of each cell and source of confidence, over all questions and then by task."""
    if "confidence" not in grid.columns or not np.isfinite(grid.columns["confidence"]).any():
        answered = int(grid.columns["answered"].sum()) if "answered" in grid.columns else 0
        return Refused(reason=f"needs 1 answer with a confidence, has 0 of {answered}")
    places = task_places(grid)
    return tuple(
        _confidence(grid, cell, source, (task, rows))
        for cell in range(len(grid.arm_of))
        for source in _sources(grid, cell)
        for task, rows in places.items()
    )


def sized_quantities(grid: CaseGrid) -> tuple[SizedQuantity, ...]:
    """Accuracy, gap and loss of every condition over the models that have a value, over all questions and by task."""
    tables = {quantity: arm_means(grid, values) for quantity, values in _quantities(grid).items()}
    conditions = dict.fromkeys(arm.condition for arm in grid.arms)
    return tuple(
        line
        for condition in conditions
        for task, rows in task_places(grid).items()
        for line in _lines(grid, tables, condition, (task, rows))
    )


def _lines(
    grid: CaseGrid, tables: dict[Quantity, FloatArray], condition: str, part: tuple[str | None, IntArray]
) -> Iterator[SizedQuantity]:
    task, rows = part
    arms = [place for place, arm in enumerate(grid.arms) if arm.condition == condition]
    for quantity, values in tables.items():
        known = [place for place in arms if np.isfinite(values[rows, place]).any()]
        if known:
            sizes = [grid.arms[place].size for place in known]
            line = line_of(sizes, values[rows][:, known], grid.questions.clusters[rows])
            yield SizedQuantity(quantity=quantity, condition=condition, task=task, line=line)


def _quantities(grid: CaseGrid) -> dict[Quantity, FloatArray]:
    right = np.where(grid.columns["answered"] == 1, grid.columns["correct"], np.nan)
    found: dict[Quantity, FloatArray] = {"accuracy": right}
    if "confidence" in grid.columns:
        stated = grid.columns["confidence"]
        found["gap"] = np.where((stated >= 0) & (stated <= 1), stated - right, np.nan)
    if LOSS in grid.columns:
        found["loss"] = grid.columns[LOSS]
    return found


def task_places(grid: CaseGrid) -> dict[str | None, IntArray]:
    """All questions, then those of each task if there are several."""
    found: dict[str | None, IntArray] = {None: np.arange(len(grid.questions.ids))}
    if names := tasks_of(grid):
        tasks = np.array([task or "" for task in grid.questions.tasks])
        found |= {name: np.flatnonzero(tasks == name) for name in names}
    return found


def _sources(grid: CaseGrid, cell: int) -> tuple[str | None, ...]:
    if "source" not in grid.columns:
        return (None,)
    codes = grid.columns["source"][cell]
    found = np.unique(codes[np.isfinite(codes)]).astype(np.intp)
    return tuple(grid.sources[code] for code in found) or (None,)


def _confidence(grid: CaseGrid, cell: int, source: str | None, part: tuple[str | None, IntArray]) -> Confidence:
    task, rows = part
    right = np.where(grid.columns["answered"][cell, rows] == 1, grid.columns["correct"][cell, rows], np.nan)
    stated = grid.columns["confidence"][cell, rows]
    if source is not None:
        codes = grid.columns["source"][cell, rows]
        # an answer without a source is one whose confidence could not be read: it counts for every source
        of_source = ~np.isfinite(codes) | (codes == grid.sources.index(source))
        right, stated, rows = right[of_source], stated[of_source], rows[of_source]
    found = confidence_gap(stated, right, grid.questions.clusters[rows])
    used = np.isfinite(right) & (stated >= 0) & (stated <= 1)
    pair = (stated[used], right[used])
    arm = grid.arms[grid.arm_of[cell]]
    return Confidence(
        cell=cell_label(grid, cell),
        model=arm.model,
        params_b=_known(arm.size),
        condition=arm.condition,
        task=task,
        source=source,
        gap=found,
        brier=brier_parts(*pair, bins=None if found.distinct <= BINS else BINS) if found.n else None,
        error=calibration_error(*pair) if found.n else None,
        ranking=auroc(*pair) if found.n else None,
        test=spiegelhalter(*pair) if found.n else None,
    )


def cell_label(grid: CaseGrid, cell: int) -> str:
    """MODEL:CONDITION, with the repeat where the arm has several cells."""
    arm = grid.arm_of[cell]
    label = grid.arms[arm].label
    return f"{label} repeat {grid.repeats[cell]}" if int((grid.arm_of == arm).sum()) > 1 else label


def _known(size: ModelSize) -> float | None:
    return None if isinstance(size_of(size, "total"), str) else size.params_b
