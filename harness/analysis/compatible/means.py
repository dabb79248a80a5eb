"""Means over data sets: weighted means with a bootstrap interval, and marginal means of a factor's levels."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from pandas import DataFrame

from harness.analysis.compatible import faults
from harness.analysis.compatible.experiments import has_columns, mean_of_means, scored
from harness.analysis.intervals import FloatArray

STRATA_LEAST = 2
VALUES_LEAST = 3
CHUNK = 500_000  # values drawn at once, so that memory stays in the tens of megabytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """How the interval is drawn; `rng` is drawn from, group after group in their sorted order."""

    rng: np.random.Generator
    draws: int = 1000
    level: float = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedMean:
    """The mean of the strata's means over `n` rows of one group, with a percentile interval.

    `std` (ddof 0), `least` and `most` are of the raw values. `low` and `high` equal the mean when `no_interval` says
    why no interval was drawn.
    """

    group: str
    mean: float
    std: float
    n: int
    strata: int
    least: float
    most: float
    low: float
    high: float
    no_interval: str | None = None
    compatible: bool = field(default=True, init=False)
    fault: str = field(default=faults.ROWS, init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginalMean:
    """One level of a factor: the mean of its stratum means, and the mean of its rows as they stand."""

    factor: str
    level: str
    mean: float
    raw_mean: float
    rows: int
    strata: int
    compatible: bool = field(default=True, init=False)
    fault: str = field(default=faults.MARGINAL, init=False)


def weighted_means(
    rows: DataFrame, metric: str, by: str, bootstrap: Bootstrap, *, weight_by: str | None = None
) -> tuple[WeightedMean, ...]:
    """The weighted mean of each level of `by`, highest first; none for no scored rows.

    Without `weight_by` the strata are the data sets; the interval resamples rows within each, and is drawn only with at
    least 2 strata and 3 values. With `weight_by` the mean is over that column's levels, unstratified: the interval is
    the point.

    Raises:
        UnknownName: no column has the metric's name, or another one given.

    Source: the published formula "weighted mean with CI".
    """
    has_columns(rows, by, weight_by or "dataset")
    known = scored(rows, metric)
    found = [_weighted(str(name), part, weight_by, bootstrap) for name, part in known.groupby(by, sort=True)]
    return tuple(sorted(found, key=lambda mean: -mean.mean))


def marginal_means(rows: DataFrame, metric: str, factor: str) -> tuple[MarginalMean, ...]:
    """The mean over (model, data set) strata of the stratum's mean, per level of the factor, highest first.

    Raises:
        UnknownName: no column has the metric's name, or another one given.

    Source: the published formula "marginal means".
    """
    has_columns(rows, factor)
    known = scored(rows, metric).dropna(subset=["model", "dataset"])
    found = [_marginal(factor, str(level), part) for level, part in known.groupby(factor, sort=True)]
    return tuple(sorted(found, key=lambda mean: -mean.mean))


def _weighted(group: str, part: DataFrame, weight_by: str | None, bootstrap: Bootstrap) -> WeightedMean:
    values = part["value"].to_numpy(dtype=np.float64)
    strata = [
        stratum["value"].to_numpy(dtype=np.float64) for _, stratum in part.groupby(weight_by or "dataset", sort=True)
    ]
    # rows without a stratum are in none; with no stratum at all the mean is the raw one
    mean = float(np.mean([stratum.mean() for stratum in strata])) if strata else float(values.mean())
    refused = _refused(strata, values, weight_by)
    low, high = (mean, mean) if refused else _percentile_interval(strata, bootstrap)
    return WeightedMean(
        group=group,
        mean=mean,
        std=float(values.std()),
        n=len(values),
        strata=len(strata),
        least=float(values.min()),
        most=float(values.max()),
        low=low,
        high=high,
        no_interval=refused,
    )


def _refused(strata: Sequence[FloatArray], values: FloatArray, weight_by: str | None) -> str | None:
    if weight_by is not None:
        return f"weighted by {weight_by}: no strata to resample"
    if len(strata) < STRATA_LEAST:
        return f"an interval needs at least {STRATA_LEAST} data sets, here {len(strata)}"
    return (
        f"an interval needs at least {VALUES_LEAST} values, here {len(values)}" if len(values) < VALUES_LEAST else None
    )


def _percentile_interval(strata: Sequence[FloatArray], bootstrap: Bootstrap) -> tuple[float, float]:
    rng, draws = bootstrap.rng, bootstrap.draws
    # sorted, so that the order of the rows changes no draw
    means = [_resampled_means(np.sort(stratum), rng, draws) for stratum in strata]
    tail = (1 - bootstrap.level) / 2
    low, high = np.quantile(np.mean(means, axis=0), [tail, 1 - tail])
    return float(low), float(high)


def _resampled_means(values: FloatArray, rng: np.random.Generator, draws: int) -> FloatArray:
    n = len(values)
    rows = max(1, CHUNK // n)
    sizes = [min(rows, draws - start) for start in range(0, draws, rows)]
    return np.concatenate([values[rng.integers(0, n, size=(size, n))].mean(axis=1) for size in sizes])


def _marginal(factor: str, level: str, part: DataFrame) -> MarginalMean:
    strata = mean_of_means(part, ["model", "dataset"])
    return MarginalMean(
        factor=factor,
        level=level,
        mean=float(strata.mean()),
        raw_mean=float(part["value"].mean()),
        rows=len(part),
        strata=len(strata),
    )
