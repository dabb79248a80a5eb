"""Effects, gaps and losses against the size of the model, over the questions that all models share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.cells import LOSS
from harness.analysis.gap import Quantity
from harness.analysis.interaction import CONTRASTS, Contrast, contrast_values
from harness.analysis.intervals import FloatArray
from harness.analysis.model_sizes import ModelSize
from harness.analysis.question_table import CORRECT, QuestionTable, case_scores, question_table
from harness.analysis.six_conditions import CONDITIONS
from harness.analysis.uplift_line import UpliftLine, uplift_by_size

if TYPE_CHECKING:
    from pandas import DataFrame

SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectLine:
    """One contrast of the conditions against log10 of the size."""

    contrast: Contrast
    column: str
    line: UpliftLine


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantityLine:
    """The accuracy, the gap or the loss of one condition against log10 of the size; `task` is None for all questions.

    All three are on their own scale, in shares and in nats per token, so that their slopes can stand side by side; the
    accuracy's own curve is the one of the scaling fit.
    """

    quantity: Quantity
    condition: str
    task: str | None
    line: UpliftLine


def effects_by_size(
    cases: "DataFrame", *, conditions: Mapping[str, int] = CONDITIONS, column: str = CORRECT
) -> tuple[EffectLine, ...]:
    """Every contrast that at least one model ran, fitted over the models that ran it, in the order of CONTRASTS.

    Args:
        cases: columns of the case table; none gives no lines.
        conditions: the number, 1 to 6, of each condition's name.
        column: "correct", or the column of a metric.
    """
    rows = cases.assign(arm=cases["model"] + SEPARATOR + cases["condition"])
    table, sizes = question_table(rows, "arm", column), model_sizes(cases)
    lines = []
    for contrast in CONTRASTS:
        values = {size: contrast_values(_of_model(table, size.model, conditions), contrast) for size in sizes}
        ran = {size: found for size, found in values.items() if found is not None}
        if ran:
            line = uplift_by_size(tuple(ran), np.column_stack(list(ran.values())), table.clusters)
            lines.append(EffectLine(contrast=contrast, column=column, line=line))
    return tuple(lines)


def quantities_by_size(cases: "DataFrame", *, by_task: bool = False) -> tuple[QuantityLine, ...]:
    """Accuracy, gap and loss of every condition against size, each over the models that have a value; by task if asked.

    A confidence outside [0, 1] counts as missing; a quantity that no model has is left out.
    """
    right = case_scores(cases)
    stated = cases["confidence"].to_numpy(dtype=np.float64, na_value=np.nan)
    gap = np.where((stated >= 0) & (stated <= 1), stated - right, np.nan)
    rows = cases.assign(accuracy=right, gap=gap, loss=case_scores(cases, LOSS))
    found = rows.groupby(["condition", *(["task"] if by_task else [])], sort=False)
    return tuple(line for _, part in found for line in _lines(part, by_task=by_task))


def model_sizes(cases: "DataFrame") -> tuple[ModelSize, ...]:
    """Each model of the case table with its size, in the order of the rows."""
    sizes = cases.drop_duplicates("model")
    return tuple(
        ModelSize(model=str(name), params_b=None if np.isnan(size) else float(size))
        for name, size in zip(sizes["model"], sizes["params_b"], strict=True)
    )


def _lines(cases: "DataFrame", *, by_task: bool) -> list[QuantityLine]:
    sizes, lines = model_sizes(cases), []
    quantities: tuple[Quantity, ...] = ("accuracy", "gap", "loss")
    for quantity in quantities:
        table = question_table(cases, "model", quantity)
        known = [size for size in sizes if np.isfinite(table.arm(size.model)).any()]
        if known:
            values = np.column_stack([table.arm(size.model) for size in known])
            line = QuantityLine(
                quantity=quantity,
                condition=str(cases["condition"].iloc[0]),
                task=str(cases["task"].iloc[0]) if by_task else None,
                line=uplift_by_size(known, values, table.clusters),
            )
            lines.append(line)
    return lines


def _of_model(table: QuestionTable, model: str, conditions: Mapping[str, int]) -> dict[int, FloatArray]:
    arms = {number: SEPARATOR.join((model, name)) for name, number in conditions.items()}
    return {number: table.arm(arm) for number, arm in arms.items() if arm in table.arms}
