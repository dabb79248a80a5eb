"""Which factor of a setup moves the score, by omega squared, beside what factors without any effect would show."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.analysis.intervals import FloatArray, finite

DRAWS = 499
TINY = 1e-9  # relative: an eigenvalue or a sum of squares below this is rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorShare:
    """What one factor, or two together, explain beyond the other factors.

    `omega_squared` estimates the share of variance without bias from chance, at most 1, below 0 where chance explains
    more; `null` is its mean and `null_high` its 95 % point when the scores are shuffled; `eta_squared` is the plain
    share. `low` and `high` are the 95 % percentile bootstrap interval of the first, None where no resample could be
    fitted. All others are None exactly when `refused` says why.
    """

    factors: tuple[str, ...]
    levels: tuple[tuple[str, int], ...]
    n: int
    df: int = 0
    omega_squared: float | None = None
    eta_squared: float | None = None
    low: float | None = None
    high: float | None = None
    null: float | None = None
    null_high: float | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """All factors, then all pairs, over `n` rows; `dropped` rows had no level of some factor.

    `unexplained` is the share of the sum of squares that the factors alone, without pairs, leave over; None when
    nothing could be computed.
    """

    n: int
    dropped: int
    draws: int
    shares: tuple[FactorShare, ...]
    unexplained: float | None = None


def factor_importance(
    scores: ArrayLike,
    factors: Mapping[str, Sequence[object]],
    *,
    rng: np.random.Generator,
    draws: int = DRAWS,
    interactions: bool = True,
) -> Importance:
    """omega^2 = (SS - df MS_e)/(SS_total + MS_e) of every factor and pair, by least squares.

    A factor's SS is what the model of all factors loses without it (type II); a pair's is what that model gains by it.
    MS_e is that of the larger model. Shuffled scores give the null, resampled rows the interval, in any order of rows.

    Args:
        scores: one per row (experiment), shape (n,), finite, n >= 1.
        factors: each factor's level in every row, None where the row has none, which drops the row.
        rng: draws shuffles and resamples.
        draws: of each, at least 1.
        interactions: also pairs of factors.

    Raises:
        ValueError: no rows, a score that is not finite, or lengths that differ.

    Source: Hays 1963, Statistics for Psychologists; Efron 1979, Annals of Statistics 7(1), on resampling.
    """
    rows = finite(scores)
    if bad := [name for name, levels in factors.items() if len(levels) != len(rows)]:
        raise ValueError(f"factor {bad[0]!r} has {len(factors[bad[0]])} levels for {len(rows)} scores")
    data, named = _in_order(*_with_levels(rows, factors))
    effects = [*((name,) for name in named), *(combinations(named, 2) if interactions else ())]
    n, squares = len(data), float(np.sum((data - data.mean()) ** 2)) if len(data) else 0.0
    found = Importance(n=n, dropped=len(rows) - n, draws=draws, shares=())
    if reason := _refusal(n, squares, float(np.abs(data).max(initial=0.0))):
        bare = [FactorShare(factors=effect, levels=_levels(effect, named), n=n) for effect in effects]
        return replace(found, shares=tuple(_refused(share, reason) for share in bare))
    resampled = rng.multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)
    drawn = (data, rng.permuted(np.tile(data, (draws, 1)), axis=1), resampled)
    varied = [name for name, levels in named.items() if len(set(levels)) > 1]
    left = float(_errors(_design(varied, (), named, n), data[None, :], np.ones((1, n)))[0][0]) / squares
    shares = tuple(_share(effect, named, varied, drawn) for effect in effects)
    return replace(found, shares=shares, unexplained=left)


def _share(
    effect: tuple[str, ...],
    named: Mapping[str, list[str]],
    varied: Sequence[str],
    drawn: tuple[FloatArray, FloatArray, FloatArray],
) -> FactorShare:
    data, shuffled, resampled = drawn
    n = len(data)
    bare = FactorShare(factors=effect, levels=_levels(effect, named), n=n)
    if flat := [name for name in effect if name not in varied]:
        return _refused(bare, f"{flat[0]!r} has the same level in every row")
    pair = len(effect) > 1
    larger = _design(varied, effect if pair else (), named, n)
    smaller = _design(varied if pair else [name for name in varied if name not in effect], (), named, n)
    ones = np.ones((1, n))
    told, df, eta = _omega(larger, smaller, data[None, :], ones)
    if df[0] < 1:
        return _refused(bare, "its levels cannot be told from those of other factors")
    if not np.isfinite(told[0]):
        return _refused(bare, f"no rows are left over: {n} rows for as many terms")
    null = _omega(larger, smaller, shuffled, np.ones((1, n)))[0]
    again = _omega(larger, smaller, data[None, :], resampled)[0]
    low, high = _ends(again[np.isfinite(again)])
    return FactorShare(
        factors=effect,
        levels=bare.levels,
        n=n,
        df=int(df[0]),
        omega_squared=float(told[0]),
        eta_squared=float(eta[0]),
        low=low,
        high=high,
        null=float(null.mean()),
        null_high=float(np.quantile(null, 0.95)),
    )


def _omega(
    larger: FloatArray, smaller: FloatArray, rows: FloatArray, weights: FloatArray
) -> tuple[FloatArray, NDArray[np.intp], FloatArray]:
    """omega^2, df and eta^2 of each draw: of rows (draws, n) under one weight, or of one row under weights (draws, n).

    omega^2 is NaN where no degree of freedom is left for the error, or nothing spreads.
    """
    n = weights.sum(axis=1)
    full, rank = _errors(larger, rows, weights)
    less, rank_less = _errors(smaller, rows, weights)
    mean = np.sum(weights * rows, axis=1) / n
    total = np.sum(weights * (rows - mean[:, None]) ** 2, axis=1)
    df = (rank - rank_less) + np.zeros(len(total), dtype=np.intp)
    left = n - rank
    usable = (left > 0) & (total > 0)
    error = full / np.where(usable, left, 1.0)
    gained = np.maximum(0.0, less - full)
    omega = (gained - df * error) / np.where(usable, total + error, 1.0)
    return np.where(usable, omega, np.nan), df, gained / np.where(total > 0, total, 1.0)


def _errors(design: FloatArray, rows: FloatArray, weights: FloatArray) -> tuple[FloatArray, NDArray[np.intp]]:
    """The residual sum of squares of weighted least squares, and the rank of the design, per draw."""
    gram = np.einsum("bn,np,nq->bpq", weights, design, design, optimize=True)
    values, vectors = np.linalg.eigh(gram)
    kept = values > TINY * values[:, -1:]
    sides = np.einsum("bpq,bp->bq", vectors, (weights * rows) @ design)
    explained = np.sum(np.where(kept, sides**2, 0.0) / np.where(kept, values, 1.0), axis=1)
    whole = np.sum(weights * rows**2, axis=1)
    errors = whole - explained
    return np.where(errors > TINY * TINY * whole, errors, 0.0), kept.sum(axis=1)


def _design(varied: Sequence[str], pair: tuple[str, ...], named: Mapping[str, list[str]], n: int) -> FloatArray:
    """A column of ones and an indicator per level; dependent columns are the rank's business."""
    columns = [np.ones((n, 1)), *(_indicators(named[name]) for name in varied)]
    if pair:
        columns.append(
            _indicators(["\x1f".join(levels) for levels in zip(*(named[name] for name in pair), strict=True)])
        )
    return np.hstack(columns)


def _indicators(levels: Sequence[str]) -> FloatArray:
    names, codes = np.unique(np.asarray(levels), return_inverse=True)
    return np.eye(len(names))[codes]


def _ends(draws: FloatArray) -> tuple[float | None, float | None]:
    """The 95 % percentile interval.

    Simulated with 200 replications at 48 and 120 rows and true shares of 0, .1 and .3 it covers .94 to .98, where the
    bias-corrected interval covers .72 to .95.
    """
    if not len(draws):
        return None, None
    low, high = np.quantile(draws, (0.025, 0.975))
    return float(low), float(high)


def _levels(effect: tuple[str, ...], named: Mapping[str, list[str]]) -> tuple[tuple[str, int], ...]:
    joint = [" x ".join(levels) for levels in zip(*(named[name] for name in effect), strict=True)]
    return tuple(sorted(Counter(joint).items()))


def _with_levels(
    scores: FloatArray, factors: Mapping[str, Sequence[object]]
) -> tuple[FloatArray, dict[str, list[str]]]:
    """The rows that have a level of every factor: their scores, and each factor's levels as text."""
    kept = np.array([_has_levels(row) for row in zip(*factors.values(), strict=True)] or [True] * len(scores))
    named = {
        name: [str(level) for level, there in zip(levels, kept, strict=True) if there]
        for name, levels in factors.items()
    }
    return scores[kept], named


def _in_order(scores: FloatArray, named: dict[str, list[str]]) -> tuple[FloatArray, dict[str, list[str]]]:
    """The rows by score, then by level, so that the draws do not hang on the order they came in."""
    order = np.lexsort([*(np.asarray(levels, dtype=np.str_) for levels in named.values()), scores])
    return scores[order], {name: [levels[place] for place in order] for name, levels in named.items()}


def _has_levels(row: tuple[object, ...]) -> bool:
    # NaN and pandas' NA are no level: neither is equal to itself
    return all(level is not None and (level == level) is True for level in row)  # noqa: PLR0124 - see above


def _refusal(n: int, squares: float, most: float) -> str | None:
    if n < 3:  # noqa: PLR2004 - a difference and an error around it
        return f"an effect needs at least 3 rows, here {n}"
    return f"the {n} scores do not spread" if squares <= (TINY * most) ** 2 * n else None


def _refused(bare: FactorShare, reason: str) -> FactorShare:
    return FactorShare(factors=bare.factors, levels=bare.levels, n=bare.n, refused=reason)
