"""What a fitted line says at a size: the mean of models there, and one new model, with how far it extrapolates."""

from dataclasses import dataclass, replace
from math import isfinite, log10, sqrt

import numpy as np

from harness.analysis.distributions import t_quantile
from harness.analysis.intervals import FloatArray
from harness.analysis.scaling_fit import ScalingFit
from harness.analysis.score_scale import ScoreScale, from_scale

ABOVE_MOST, BELOW_LEAST = 2.0, 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A fitted line at one size, in the unit of the scores.

    `mean` bounds the mean of models of that size, `new` the score of one new model; both are None exactly when
    `refused` says why. `extrapolated` is True above twice the largest and below half of the smallest fitted size.
    """

    params_b: float
    estimate: float
    level: float
    extrapolated: bool
    mean: tuple[float, float] | None = None
    new: tuple[float, float] | None = None
    refused: str | None = None


def band(fit: ScalingFit, params_b: float, family: str | None = None) -> Band:
    """The line at a size: estimate -+ t s sqrt(1/M + (x0 - mean)^2 / Sxx), with + 1 under the root for a new model.

    Args:
        fit: a line; on the identity scale its values may leave [0, 1].
        params_b: in billions, > 0.
        family: whose intercept to use; needed exactly when families have their own.

    Raises:
        ValueError: the fit has no line, the size is not above 0 and finite, or the fit knows no such family.
    """
    if fit.line is None or fit.scale is None or fit.slope is None:
        raise ValueError(f"no line was fitted: {fit.reason}")
    row = band_row(fit, params_b, family)
    value = float(row @ fit.line.coefficients)
    bare = Band(
        params_b=params_b,
        estimate=from_scale(value, fit.scale),
        level=fit.rules.level,
        extrapolated=is_extrapolated(fit, params_b),
        refused=fit.slope.refused,
    )
    if fit.slope.refused is not None:
        return bare
    mean_variance = float(row @ fit.line.covariance @ row)
    new_variance = mean_variance + (fit.line.scatter or 0.0) + (fit.sampling or 0.0)
    quantile = t_quantile((1 + fit.rules.level) / 2, fit.line.df)
    mean, new = (_ends(value, quantile * sqrt(each), fit.scale) for each in (mean_variance, new_variance))
    return replace(bare, mean=mean, new=new)


def is_extrapolated(fit: ScalingFit, params_b: float) -> bool:
    """Whether a size lies above twice the largest or below half of the smallest fitted size.

    Raises:
        ValueError: the fit has no line.
    """
    if fit.most_b is None or fit.least_b is None:
        raise ValueError(f"no line was fitted: {fit.reason}")
    return params_b > ABOVE_MOST * fit.most_b or params_b < BELOW_LEAST * fit.least_b


def intercept_place(fit: ScalingFit, family: str | None) -> int:
    """The place of the intercept for a family: the common one, or the family's own.

    Raises:
        ValueError: families have their own intercepts and this one is not among them.
    """
    names = [name for name, _ in fit.intercepts]
    if len(names) == 1:
        return 0
    if family not in names:
        raise ValueError(f"no family {family!r} in the fit: it has {', '.join(names)}")
    return names.index(family)


def band_row(fit: ScalingFit, params_b: float, family: str | None) -> FloatArray:
    """The row of the design at a size, shape (p,)."""
    if not isfinite(params_b) or params_b <= 0:
        raise ValueError(f"a size is above 0 and finite, not {params_b}")
    row = np.zeros(len(fit.intercepts) + 1)
    row[intercept_place(fit, family)] = 1.0
    row[-1] = log10(params_b) - (fit.centre or 0.0)
    return row


def _ends(value: float, half: float, scale: ScoreScale) -> tuple[float, float]:
    return from_scale(value - half, scale), from_scale(value + half, scale)
