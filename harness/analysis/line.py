"""Lines through the scores of few models: ordinary least squares, and least squares with known sampling covariance."""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from harness.analysis.distributions import t_quantile
from harness.analysis.intervals import NO_SPREAD, FloatArray

GRID = 400
ZOOMS = 6
LEAST_SHARE = 1e-9  # of the largest tau^2 that can be the maximum; below it tau^2 is 0 for all that follows
ROUNDING = 1e-13


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficient:
    """A coefficient with its t interval at `level`; `low` and `high` are None exactly when `refused` says why."""

    estimate: float
    level: float
    se: float | None = None
    df: int | None = None
    low: float | None = None
    high: float | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Line:
    """A fitted line: coefficients, shape (p,), their covariance, shape (p, p), on `df` degrees of freedom.

    `weights`, shape (p, models), are what each model's value counts in each coefficient. `scatter` is the residual
    variance of ordinary least squares, or tau^2, the variance between models beyond sampling; None on 0 df.
    """

    coefficients: FloatArray
    covariance: FloatArray
    weights: FloatArray
    df: int
    scatter: float | None


def ordinary_line(y: FloatArray, design: FloatArray) -> Line:
    """Ordinary least squares, with covariance s^2 (X'X)^-1 on M - p degrees of freedom; zero covariance on 0.

    Args:
        y: one value per model, shape (M,).
        design: shape (M, p), of full column rank, p <= M.
    """
    weights = np.asarray(np.linalg.pinv(design), dtype=np.float64)
    coefficients = weights @ y
    df = len(y) - design.shape[1]
    residuals = y - design @ coefficients
    scatter = float(residuals @ residuals) / df if df else None
    covariance = (scatter or 0.0) * (weights @ weights.T)
    return Line(coefficients=coefficients, covariance=covariance, weights=weights, df=df, scatter=scatter)


def mixed_line(y: FloatArray, design: FloatArray, sampling: FloatArray) -> Line:
    """Generalised least squares with covariance `sampling` + tau^2 I, tau^2 by REML, errors after Knapp and Hartung.

    The covariance of the coefficients is q (X' S^-1 X)^-1 with q = r' S^-1 r / (M - p), for a t on M - p degrees of
    freedom. All is written in the residual contrasts K'y (K spans what the design cannot fit), so that S itself need
    not have an inverse.

    Args:
        y: one value per model, shape (M,).
        design: shape (M, p), of full column rank, p < M.
        sampling: covariance of y from the questions, shape (M, M), positive semidefinite.

    Source: Patterson and Thompson 1971, Biometrika 58(3); Knapp and Hartung 2003, Statistics in Medicine 22(17).
    """
    models, p = design.shape
    least = np.linalg.pinv(design)
    contrasts = np.linalg.qr(design, mode="complete")[0][:, p:]
    # what all models share cancels in the contrasts, down to rounding
    seen = contrasts.T @ sampling @ contrasts
    seen = seen if np.max(np.abs(seen)) > ROUNDING * np.max(np.diag(sampling)) else np.zeros_like(seen)
    tau2 = reml_variance(contrasts.T @ y, seen)
    total = sampling + tau2 * np.eye(models)
    inverse = _inverse(contrasts.T @ total @ contrasts, ROUNDING * float(np.max(np.diag(total))))
    weights = least - least @ total @ contrasts @ inverse @ contrasts.T
    z = contrasts.T @ y
    q = float(z @ inverse @ z) / (models - p)
    covariance = q * (weights @ total @ weights.T)
    return Line(coefficients=weights @ y, covariance=covariance, weights=weights, df=models - p, scatter=tau2)


def reml_variance(z: FloatArray, covariance: FloatArray) -> float:
    """The tau^2 >= 0 that makes contrasts z ~ N(0, covariance + tau^2 I) most likely.

    The likelihood may have several maxima: the best of a grid is refined on ever finer ones. No tau^2 above the
    largest w_i^2 - l_i (w the contrasts in the covariance's axes, l its eigenvalues) can be the maximum.

    Args:
        z: contrasts free of the design, shape (M - p,).
        covariance: of z from sampling alone, positive semidefinite.
    """
    values, axes = np.linalg.eigh(covariance)
    squares = (axes.T @ z) ** 2
    # an eigenvalue that is rounding beside the contrasts would make the likelihood of tau^2 = 0 endless
    values = np.where(values > ROUNDING * float(np.max(squares)), values, 0.0)
    most = float(np.max(squares - values))
    if most <= NO_SPREAD**2:
        return 0.0
    grid = np.concatenate([[0.0], most * np.geomspace(LEAST_SHARE, 1.0, GRID)])
    for _ in range(ZOOMS):
        place = int(np.argmin(_losses(grid, values, squares)))
        found = float(grid[place])
        grid = np.linspace(grid[max(0, place - 1)], grid[min(len(grid) - 1, place + 1)], GRID // 4 + 1)
    return found


def coefficient(line: Line, place: int, *, level: float, scale: float) -> Coefficient:
    """One coefficient of a line with its t interval.

    Args:
        line: the fit.
        place: of the coefficient.
        level: of the two-sided interval, in (0, 1).
        scale: the size of the values behind the fit; a standard error below rounding of it is no error at all.
    """
    estimate = float(line.coefficients[place])
    if line.df < 1:
        refused = "no degrees of freedom are left to see how models scatter around the line"
        return Coefficient(estimate=estimate, level=level, refused=refused)
    se = sqrt(max(0.0, float(line.covariance[place, place])))
    if se <= NO_SPREAD * max(1.0, scale):
        refused = "the models lie exactly on the line: their scatter cannot be seen"
        return Coefficient(estimate=estimate, level=level, se=0.0, df=line.df, refused=refused)
    half = t_quantile((1 + level) / 2, line.df) * se
    return Coefficient(estimate=estimate, level=level, se=se, df=line.df, low=estimate - half, high=estimate + half)


def _inverse(matrix: FloatArray, least: float) -> FloatArray:
    """The inverse of a symmetric matrix over the axes whose eigenvalue is above `least`."""
    values, axes = np.linalg.eigh(matrix)
    kept = axes[:, values > least]
    return np.asarray(kept / values[values > least] @ kept.T)


def _losses(tau2: FloatArray, values: FloatArray, squares: FloatArray) -> FloatArray:
    """Minus twice the restricted log-likelihood of each tau^2, up to a constant; infinite where a variance is 0."""
    variances = values + tau2[:, None]
    sound = np.min(variances, axis=1) > 0
    losses = np.full(len(tau2), np.inf)
    losses[sound] = np.sum(np.log(variances[sound]) + squares / variances[sound], axis=1)
    return losses
