"""A straight line over the logarithm of model size, as `scipy.stats.linregress` gives it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from sys import float_info

import numpy as np
from numpy.typing import ArrayLike

from harness.analysis.compatible import faults
from harness.analysis.compatible.experiments import known_size
from harness.analysis.intervals import FloatArray

SLOPE_LEAST = 2  # points that a slope needs
TEST_LEAST = 3  # points that a standard error and a p-value need


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFit:
    """y = intercept + slope * log(size) over `models` points; `left_out` had no usable size or value.

    Slope and intercept are None exactly when `reason` says why. `p` and `stderr` are None with two points as well, and
    `p` and `r_squared` where all values are equal.
    """

    models: int
    left_out: int = 0
    slope: float | None = None
    intercept: float | None = None
    r_squared: float | None = None
    p: float | None = None
    stderr: float | None = None
    reason: str | None = None
    compatible: bool = field(default=True, init=False)
    fault: str = field(default=faults.LINE, init=False)


def log10_fit(params_b: Sequence[object], values: ArrayLike, *, least: int = TEST_LEAST) -> LogFit:
    """Least squares of the values on log10 of the sizes: the slope is the gain per tenfold size.

    Args:
        params_b: sizes in billions; None, NaN, infinite or not above 0 leaves the point out.
        values: one per model, shape (models,); one that is not finite leaves the point out.
        least: fewer points than this are refused, at least 2.

    Raises:
        ValueError: lengths that differ.

    Source: `scipy.stats.linregress(log10 N, mean)`.
    """
    return _fit(params_b, values, np.log10, least)


def ln_fit(params_b: Sequence[object], values: ArrayLike, *, least: int = SLOPE_LEAST) -> LogFit:
    """Least squares of the values on the natural logarithm of the sizes; else as log10_fit."""
    return _fit(params_b, values, np.log, least)


def _fit(params_b: Sequence[object], values: ArrayLike, log: np.ufunc, least: int) -> LogFit:
    data = np.asarray(values, dtype=np.float64)
    if data.shape != (len(params_b),):
        raise ValueError(f"{len(params_b)} sizes for values of shape {data.shape}")
    sizes = np.array([np.nan if (size := known_size(value)) is None else size for value in params_b], dtype=np.float64)
    usable = np.isfinite(sizes) & np.isfinite(data)
    models, least = int(usable.sum()), max(least, SLOPE_LEAST)
    bare = LogFit(models=models, left_out=len(data) - models)
    if models < least:
        return replace(bare, reason=f"a fit needs at least {least} models, here {models}")
    x = log(sizes[usable])
    if np.ptp(x) == 0:
        return replace(bare, reason=f"all {models} models are of one size")
    return _line(x, data[usable], bare)


def _line(x: FloatArray, y: FloatArray, bare: LogFit) -> LogFit:
    from scipy.stats import linregress

    # in units of the spread, so that no square overflows or vanishes
    with np.errstate(all="ignore"):
        spread = float(np.abs(y - y[0]).max())
        found = linregress(x, (y - y[0]) / (spread or 1.0))
        slope, intercept = float(found.slope) * spread, float(found.intercept) * spread + float(y[0])
    if not np.isfinite([slope, intercept, spread]).all():
        return replace(bare, reason=f"{bare.models} models too close in size or too far apart in value for a fit")
    tested = bare.models >= TEST_LEAST
    return replace(
        bare,
        slope=slope,
        intercept=intercept,
        r_squared=float(found.rvalue) ** 2 if spread else None,
        # a tail below the least float is small, not 0
        p=max(float_info.min, float(found.pvalue)) if tested and spread else None,
        stderr=(float(found.stderr) * spread if spread else 0.0) if tested else None,
    )
