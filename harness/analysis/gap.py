"""Confidence against competence: how far what a model claims lies from what it gets right, by model and size."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike

from harness.analysis.calibration import (
    BINS,
    BrierParts,
    CalibrationError,
    Ranking,
    Spiegelhalter,
    auroc,
    brier_parts,
    calibration_error,
    spiegelhalter,
)
from harness.analysis.cells import LOSS, cluster_names
from harness.analysis.intervals import Clusters, Interval, clusters_where, mean_interval
from harness.analysis.question_table import case_scores

if TYPE_CHECKING:
    from pandas import DataFrame

Quantity = Literal["accuracy", "gap", "loss"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Mean (confidence - correct) over the `n` answers with a confidence in [0, 1]; above 0 is overconfident.

    `left_out` counts answers whose confidence is missing or out of range, `distinct` the different confidences. `gap`
    and the means are None exactly when `refused` says why.
    """

    n: int
    left_out: int
    distinct: int
    gap: Interval | None = None
    mean_confidence: float | None = None
    share_correct: float | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """The gap of one cell, or of one task in it, with the measures of calibration; those are None when the gap is.

    The Brier score is split by distinct confidence when there are at most 15 of them, else by bins of equal mass.
    """

    cell: str
    model: str
    params_b: float | None
    condition: str
    task: str | None
    source: str | None
    gap: Gap
    brier: BrierParts | None = None
    error: CalibrationError | None = None
    ranking: Ranking | None = None
    test: Spiegelhalter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SizePoint:
    """One model's accuracy, gap or loss under one condition, for a fit against log10 of its size.

    `task` is None for all questions. `mean` is None exactly when `refused` says why.
    """

    quantity: Quantity
    model: str
    params_b: float | None
    condition: str
    task: str | None
    mean: Interval | None = None
    refused: str | None = None


def confidence_gap(confidence: ArrayLike, correct: ArrayLike, clusters: Clusters | None = None) -> Gap:
    """The paired gap with a t interval, clustered (CR2) when questions share clusters.

    Args:
        confidence: shape (n,); not finite or outside [0, 1] is left out and counted.
        correct: 1 for right and 0 for wrong, shape (n,); NaN (no answer) is left out without being counted.
        clusters: one cluster name per question, or None for independent questions.

    Raises:
        ValueError: lengths that differ.
    """
    stated, right = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if stated.shape != right.shape:
        raise ValueError(f"{len(stated)} confidences for {len(right)} outcomes")
    answered = np.isfinite(right)
    used = answered & (stated >= 0) & (stated <= 1)
    n, left_out = int(used.sum()), int(answered.sum() - used.sum())
    if n == 0:
        return Gap(
            n=0, left_out=left_out, distinct=0, refused=f"none of {int(answered.sum())} answers has a confidence"
        )
    names = None if clusters is None else clusters_where(clusters, used)
    return Gap(
        n=n,
        left_out=left_out,
        distinct=len(np.unique(stated[used])),
        gap=mean_interval(stated[used] - right[used], names),
        mean_confidence=float(stated[used].mean()),
        share_correct=float(right[used].mean()),
    )


def confidences(cases: "DataFrame", *, by_task: bool = False) -> tuple[Confidence, ...]:
    """Each cell's gap and calibration per source of confidence, in the order of the rows; by task when asked."""
    return tuple(_confidences(cases, by_task=by_task))


def size_points(cases: "DataFrame", *, by_task: bool = False) -> tuple[SizePoint, ...]:
    """Accuracy, gap and loss of each model under each condition, repeats averaged per question; ready for a fit."""
    keys = ["model", "condition", *(["task"] if by_task else [])]
    found = cases.groupby(keys, sort=False)
    return tuple(point for _, part in found for point in _points(part, by_task=by_task))


def _confidences(cases: "DataFrame", *, by_task: bool) -> Iterator[Confidence]:
    for _, part in cases.groupby(["cell", *(["task"] if by_task else [])], sort=False):
        sources = part["confidence_source"].dropna().unique()
        for source in sources if len(sources) else (None,):
            # an answer without a confidence belongs to every source: it is one that could not be read
            rows = part if source is None else part[part["confidence_source"].fillna(source) == source]
            yield _confidence(rows, None if source is None else str(source), by_task=by_task)


def _confidence(cases: "DataFrame", source: str | None, *, by_task: bool) -> Confidence:
    first = cases.iloc[0]
    right, stated = case_scores(cases), cases["confidence"].to_numpy(dtype=np.float64, na_value=np.nan)
    found = confidence_gap(stated, right, cluster_names(cases))
    used = np.isfinite(right) & (stated >= 0) & (stated <= 1)
    pair = (stated[used], right[used])
    return Confidence(
        cell=str(first["cell"]),
        model=str(first["model"]),
        params_b=_size(cases),
        condition=str(first["condition"]),
        task=str(first["task"]) if by_task else None,
        source=source,
        gap=found,
        brier=brier_parts(*pair, bins=None if found.distinct <= BINS else BINS) if found.n else None,
        error=calibration_error(*pair) if found.n else None,
        ranking=auroc(*pair) if found.n else None,
        test=spiegelhalter(*pair) if found.n else None,
    )


def _points(cases: "DataFrame", *, by_task: bool) -> Iterator[SizePoint]:
    right = case_scores(cases)
    stated = cases["confidence"].to_numpy(dtype=np.float64, na_value=np.nan)
    stated = np.where((stated >= 0) & (stated <= 1), stated, np.nan)
    quantities: dict[Quantity, np.ndarray] = {
        "accuracy": right,
        "gap": stated - right,
        "loss": case_scores(cases, LOSS),
    }
    rows = cases[["dataset", "question_id"]].assign(unit=cluster_names(cases), **quantities)
    grouped = rows.groupby(["dataset", "question_id"], sort=True)
    units, means = grouped["unit"].first(), grouped[list(quantities)].mean()
    for quantity in quantities:
        values = means[quantity].to_numpy(dtype=np.float64)
        known = np.isfinite(values)
        yield SizePoint(
            quantity=quantity,
            model=str(cases["model"].iloc[0]),
            params_b=_size(cases),
            condition=str(cases["condition"].iloc[0]),
            task=str(cases["task"].iloc[0]) if by_task else None,
            mean=mean_interval(values[known], units[known].tolist()) if known.any() else None,
            refused=None if known.any() else f"none of {len(values)} questions has a value",
        )


def _size(cases: "DataFrame") -> float | None:
    size = float(cases["params_b"].iloc[0])
    return size if np.isfinite(size) and size > 0 else None
