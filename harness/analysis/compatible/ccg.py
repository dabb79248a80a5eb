"""The confidence-competence gap as a ratio of slopes: loss over accuracy, both on the logarithm of model size."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf, isinf
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from harness.analysis.compatible import faults
from harness.analysis.compatible.experiments import known_size
from harness.analysis.compatible.logfit import LogFit, ln_fit
from harness.analysis.compatible.size_recommendation import SizeRecommendation, recommend_size
from harness.analysis.intervals import FloatArray

FLAT = 0.01  # an accuracy slope below this, in the unit used, is taken as flat
SEVERE = -10.0

AccuracyUnit = Literal["percentage points", "fraction"]
CcgLabel = Literal["pathological", "severe pathology", "mild pathology", "healthy"]
POINTS: dict[AccuracyUnit, float] = {"percentage points": 1.0, "fraction": 0.01}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ccg:
    """CCG over `models` models, with accuracy in `unit`; infinite where the accuracy slope is flat.

    `loss_improvement_percent` and `accuracy_change` compare the smallest model with the largest; the former is None for
    a first loss of 0. All numbers, the label and the recommendation are None exactly when `reason` says why.
    """

    models: int
    left_out: int
    unit: AccuracyUnit
    loss: LogFit
    accuracy: LogFit
    ccg: float | None = None
    label: CcgLabel | None = None
    loss_improvement_percent: float | None = None
    accuracy_change: float | None = None
    recommendation: SizeRecommendation | None = None
    reason: str | None = None
    compatible: bool = field(default=True, init=False)
    fault: str = field(default=faults.CCG, init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceGap:
    """Mean confidence minus accuracy of each model, in percentage points, and both slopes on ln of size.

    `left_out` counts the models without a usable size, confidence or accuracy.
    """

    gaps_pp: tuple[float, ...]
    left_out: int
    confidence: LogFit
    gap: LogFit
    compatible: bool = field(default=True, init=False)
    fault: str = field(default=faults.LINE, init=False)


def ccg_series(
    params_b: Sequence[object],
    losses: ArrayLike,
    accuracies_percent: ArrayLike,
    *,
    unit: AccuracyUnit = "percentage points",
) -> Ccg:
    """Slope of loss on ln N over slope of accuracy on ln N, its label and the published recommendation.

    Args:
        params_b: sizes in billions; the unit of size changes nothing.
        losses: one per model, in nats per token, shape (models,).
        accuracies_percent: one per model, in [0, 100], shape (models,).
        unit: what accuracy is expressed in before anything is computed; the published one is percentage points.

    A model without a usable size, loss or accuracy is left out and counted.

    Raises:
        ValueError: lengths that differ.

    Source: the published formula "CCG".
    """
    sizes, loss, percent = _usable(params_b, losses, accuracies_percent)
    accuracy = percent * POINTS[unit]
    loss_fit, accuracy_fit = ln_fit(list(sizes), loss), ln_fit(list(sizes), accuracy)
    models, left_out = len(sizes), len(params_b) - len(sizes)
    bare = Ccg(models=models, left_out=left_out, unit=unit, loss=loss_fit, accuracy=accuracy_fit)
    if loss_fit.slope is None or accuracy_fit.slope is None:
        return replace(bare, reason=loss_fit.reason or accuracy_fit.reason)
    ccg, change = ccg_ratio(loss_fit.slope, accuracy_fit.slope), float(accuracy[-1] - accuracy[0])
    return replace(
        bare,
        ccg=ccg,
        label=ccg_label(ccg),
        loss_improvement_percent=float(100 * (loss[0] - loss[-1]) / loss[0]) if loss[0] else None,
        accuracy_change=change,
        recommendation=recommend_size(ccg, change),
    )


def ccg_ratio(loss_slope: float, accuracy_slope: float) -> float:
    """loss_slope / accuracy_slope; for |accuracy_slope| < 0.01 infinite: below 0 when the loss falls, else above."""
    if abs(accuracy_slope) < FLAT:
        return -inf if loss_slope < 0 else inf
    return loss_slope / accuracy_slope


def ccg_label(ccg: float) -> CcgLabel:
    """The published word: infinite is pathological, below -10 severe, below 0 mild, else healthy."""
    if isinf(ccg):
        return "pathological"
    if ccg < SEVERE:
        return "severe pathology"
    return "mild pathology" if ccg < 0 else "healthy"


def confidence_gap(
    params_b: Sequence[object], confidences_percent: ArrayLike, accuracies_percent: ArrayLike
) -> ConfidenceGap:
    """Confidence - accuracy per usable model, smallest first, with its slope on ln N and that of confidence.

    Raises:
        ValueError: lengths that differ.
    """
    sizes, confidence, accuracy = _usable(params_b, confidences_percent, accuracies_percent)
    gaps = confidence - accuracy
    known, left_out = list(sizes), len(params_b) - len(sizes)
    return ConfidenceGap(
        gaps_pp=tuple(float(gap) for gap in gaps),
        left_out=left_out,
        confidence=ln_fit(known, confidence),
        gap=ln_fit(known, gaps),
    )


def _usable(
    params_b: Sequence[object], first: ArrayLike, second: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The series where all are usable, sorted by size, equal sizes by their values: the order given changes nothing."""
    sizes = np.array([np.nan if (size := known_size(value)) is None else size for value in params_b], dtype=np.float64)
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if not a.shape == b.shape == sizes.shape:
        raise ValueError(f"{len(sizes)} sizes for values of shapes {a.shape} and {b.shape}")
    usable = np.isfinite(sizes) & np.isfinite(a) & np.isfinite(b)
    order = np.lexsort((b[usable], a[usable], sizes[usable]))
    return sizes[usable][order], a[usable][order], b[usable][order]
