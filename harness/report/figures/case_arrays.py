"""The cases of a run as arrays, for the few shares that no other part of the analysis has taken."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from harness.analysis.cells import CellSummary, answered_rows, cluster_names, correct_rows
from harness.analysis.intervals import FloatArray, IntArray, Interval, share_interval
from harness.report.figures.figure import FigureData

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CaseArrays:
    """Rows as in the case table, each array of shape (rows,); `cell` is the place in `labels`.

    `kind` is the place in `kinds`, -1 for none. `confidence` is NaN where there is none; `source` is the place in
    `sources`, -1 for none.
    """

    labels: tuple[str, ...]
    cell: IntArray
    answered: BoolArray
    correct: BoolArray
    blank: BoolArray
    answerable: BoolArray
    clusters: IntArray
    kinds: tuple[str, ...]
    kind: IntArray
    confidence: FloatArray
    sources: tuple[str, ...]
    source: IntArray

    def share(self, right: BoolArray, rows: BoolArray) -> Interval | None:
        """The share of true values among some rows with its clustered interval; None for no rows."""
        return share_interval(right[rows], self.clusters[rows]) if rows.any() else None

    def by_cell(self, data: FigureData) -> Iterator[tuple[CellSummary, BoolArray]]:
        """Every cell with the mask of its rows, in the order of the summary."""
        places = {label: place for place, label in enumerate(self.labels)}
        for cell in data.summary.cells:
            yield cell, np.asarray(self.cell == places[cell.cell])


@lru_cache(maxsize=1)  # several figures of a run ask, one after the other
def case_arrays(data: FigureData) -> CaseArrays:
    """The arrays of a run's cases; kinds are its task types, or the types of answer where there is one task or none."""
    cases, details = data.tables.cases, data.tables.details
    labels, cell = _coded(cases["cell"])
    clusters = _coded(cluster_names(cases))[1]
    none: BoolArray = np.zeros(len(cases), dtype=np.bool_)
    if "answerable" in details.columns:
        none = (details["answerable"] == 0).fillna(value=False).to_numpy(dtype=np.bool_)
    tasks = cases["task"].dropna().nunique()
    types = details["answer_type"] if "answer_type" in details.columns else cases["task"]
    kinds, kind = _coded(cases["task"] if tasks > 1 else types)
    sources, source = _coded(cases["confidence_source"])
    return CaseArrays(
        labels=labels,
        cell=cell,
        answered=answered_rows(cases),
        correct=correct_rows(cases),
        blank=(cases["outcome"] == "blank").fillna(value=False).to_numpy(dtype=np.bool_),
        answerable=~none,
        clusters=clusters,
        kinds=kinds,
        kind=kind,
        confidence=cases["confidence"].to_numpy(dtype=np.float64, na_value=np.nan),
        sources=sources,
        source=source,
    )


def _coded(values: Iterable[object]) -> tuple[tuple[str, ...], IntArray]:
    """The sorted distinct texts, and each value's place among them, -1 for one that is missing."""
    from pandas import factorize

    codes, found = factorize(np.asarray(list(values), dtype=object), sort=True)
    return tuple(str(one) for one in found), codes.astype(np.intp)
