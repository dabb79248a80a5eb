"""Rows of the case tables: no case with two values, and where it stands among cells and questions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.analysis.frame import CaseTables
from harness.analysis.intervals import IntArray
from harness.errors import HarnessError

if TYPE_CHECKING:
    from pandas import DataFrame, Series

CASE = ("model", "condition", "repeat", "dataset", "question_id")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """Where each row stands: `cell` and `question` codes, shape (rows,), and the first row of every cell."""

    cell: IntArray
    question: IntArray
    cells: int
    questions: int
    first_of_cell: IntArray

    def dense(self, values: NDArray[np.generic], fill: float) -> NDArray[np.generic]:
        """Row values as an array of shape (cells, questions); `fill` where there is no row."""
        made = np.full(self.cells * self.questions, fill, dtype=values.dtype)
        made[self.cell * self.questions + self.question] = values
        return made.reshape(self.cells, self.questions)


def case_rows(tables: CaseTables) -> "tuple[DataFrame, DataFrame]":
    """Case and detail rows side by side, checked: rows of the same case are alike.

    Raises:
        HarnessError: a column is missing, a row lacks a part of its case's name, or a case stands twice with different
            values.
    """
    cases, details = tables.cases, tables.details
    if not cases.index.equals(details.index):
        details = details.loc[cases.index]
    if "context" not in details.columns:
        raise HarnessError("the detail table has no column 'context': conditions cannot be told apart")
    for name in (*CASE, "outcome"):
        if name not in cases.columns:
            raise HarnessError(f"the case table has no column {name!r}")
        if name != "outcome" and (unnamed := int(cases[name].isna().sum())):
            raise HarnessError(f"{unnamed} of {len(cases)} rows of the case table have no {name}")
    _check_once(cases, details)
    return cases, details


def _check_once(cases: "DataFrame", details: "DataFrame") -> None:
    """Rows of one case must be alike; they then have one place among the cells and questions."""
    from pandas import concat

    repeated = _repeated(cases)
    if not repeated.any():
        return
    whole = concat([cases[repeated], details[repeated]], axis=1).astype("object")
    alike = whole.where(whole.notna(), None).astype("str").drop_duplicates()
    names = list(CASE)
    different = alike.duplicated(subset=names, keep=False)
    if different.any():
        model, condition, repeat, dataset, question = alike[different][names].sort_values(names).iloc[0]
        raise HarnessError(
            f"case {question!r} of data set {dataset!r}, {model}:{condition} repeat {repeat}, stands "
            "twice with different values: report one run"
        )


def _repeated(cases: "DataFrame") -> NDArray[np.bool_]:
    """Which rows share their case with another row."""
    _, codes, counts = np.unique(_combined(cases, CASE), return_inverse=True, return_counts=True)
    return np.asarray(counts[codes] > 1)


def _combined(cases: "DataFrame", names: Sequence[str]) -> IntArray:
    """One code per row for the values of several columns, in the order of their sorted values."""
    made = np.zeros(len(cases), dtype=np.int64)
    for name in names:
        codes, found = value_codes(cases[name])
        made = made * max(1, len(found)) + codes
    return made


def value_codes(values: "Series") -> tuple[IntArray, list[object]]:
    """Each value's code in the order of the sorted distinct values, -1 for missing, and those values."""
    from pandas import factorize

    codes, found = factorize(values, sort=True)
    return codes.astype(np.intp), list(found)


def places_of(cases: "DataFrame") -> Places:
    """Cells sorted by model, condition and repeat, questions by data set and id."""
    cells, first_of_cell, cell = np.unique(
        _combined(cases, ("model", "condition", "repeat")), return_index=True, return_inverse=True
    )
    questions, question = np.unique(_combined(cases, ("dataset", "question_id")), return_inverse=True)
    return Places(
        cell=cell,
        question=question,
        cells=len(cells),
        questions=len(questions),
        first_of_cell=first_of_cell,
    )
