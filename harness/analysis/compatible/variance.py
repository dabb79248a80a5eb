"""Variance explained by each factor of the retrieval rows, one factor at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from pandas import DataFrame

from harness.analysis.compatible import faults
from harness.analysis.compatible.experiments import FACTORS, RETRIEVAL, scored

ROWS_LEAST = 3
TIER_ROWS_LEAST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorShare:
    """One factor's share of the variance in percent, averaged over the `datasets` in which it varied.

    `levels` and `rows` count over those data sets.
    """

    factor: str
    percent: float
    levels: int
    rows: int
    datasets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceShares:
    """The factors that varied, largest share first, over `rows` retrieval rows; `reason` says why there are none.

    `tier` is None for all sizes together.
    """

    metric: str
    rows: int
    shares: tuple[FactorShare, ...] = ()
    tier: str | None = None
    reason: str | None = None
    compatible: bool = field(default=True, init=False)
    fault: str = field(default=faults.SHARES, init=False)


def variance_shares(
    rows: DataFrame, metric: str, factors: Sequence[str] = FACTORS, *, by_dataset: bool = True
) -> VarianceShares:
    """100 * sum_g n_g (mean_g - mean)^2 / N over the sample variance, per factor, in the retrieval rows.

    That is eta squared times (N - 1)/N, in percent. A data set with fewer than 3 rows or without variance is skipped,
    and so is a factor with one level; rows without a level of the factor are left out of it.

    Args:
        rows: experiment rows.
        metric: the column to explain.
        factors: columns to look at; one that the rows do not have is skipped.
        by_dataset: within each data set, then averaged; otherwise over all rows at once.

    Raises:
        UnknownName: no column has the metric's name.

    Source: the published formula "variance explained".
    """
    known = scored(rows, metric, RETRIEVAL)
    parts = [part for _, part in known.groupby("dataset", sort=True)] if by_dataset else [known]
    found = [share for name in factors if name in known.columns and (share := _share(parts, name)) is not None]
    shares = tuple(sorted(found, key=lambda share: -share.percent))
    reason = None if shares else f"no factor varies within {ROWS_LEAST} or more rows of unequal scores"
    return VarianceShares(metric=metric, rows=len(known), shares=shares, reason=reason)


def variance_shares_by_tier(
    rows: DataFrame, metric: str, factors: Sequence[str] = FACTORS
) -> tuple[VarianceShares, ...]:
    """The shares within each tier of size that the rows name, in their order; none of fewer than 10 rows.

    Raises:
        UnknownName: no column has the metric's name.
    """
    known = scored(rows, metric, RETRIEVAL)
    if "tier" not in known.columns:
        return ()
    return tuple(_of_tier(part, metric, str(name), factors) for name, part in known.groupby("tier", sort=False))


def variance_shares_by_metric(
    rows: DataFrame, metrics: Sequence[str], factors: Sequence[str] = FACTORS
) -> tuple[VarianceShares, ...]:
    """The shares of each metric, in the given order.

    Raises:
        UnknownName: no column has a metric's name.
    """
    return tuple(variance_shares(rows, metric, factors) for metric in metrics)


def _of_tier(part: DataFrame, metric: str, tier: str, factors: Sequence[str]) -> VarianceShares:
    if len(part) < TIER_ROWS_LEAST:
        reason = f"{len(part)} retrieval rows, at least {TIER_ROWS_LEAST} are needed"
        return VarianceShares(metric=metric, rows=len(part), tier=tier, reason=reason)
    found = variance_shares(part, metric, factors)
    return VarianceShares(metric=metric, rows=found.rows, shares=found.shares, tier=tier, reason=found.reason)


def _share(parts: Sequence[DataFrame], factor: str) -> FactorShare | None:
    known = [part.dropna(subset=[factor]) for part in parts]
    varied = [part for part in known if _varies(part, factor)]
    if not varied:
        return None
    return FactorShare(
        factor=factor,
        percent=float(np.mean([_percent(part, factor) for part in varied])),
        levels=len(set().union(*(part[factor].unique() for part in varied))),
        rows=sum(len(part) for part in varied),
        datasets=len(varied),
    )


def _varies(part: DataFrame, factor: str) -> bool:
    if len(part) < ROWS_LEAST or part[factor].nunique() < 2:  # noqa: PLR2004 - one level explains nothing
        return False
    values = part["value"].to_numpy(dtype=np.float64)
    return bool(np.ptp(values) > 0 and np.var(values) > 0)


def _percent(part: DataFrame, factor: str) -> float:
    values = part["value"].to_numpy(dtype=np.float64)
    groups = part.groupby(factor, observed=True)["value"].agg(["mean", "size"])
    means, sizes = groups["mean"].to_numpy(dtype=np.float64), groups["size"].to_numpy(dtype=np.float64)
    between = float(np.sum((means - values.mean()) ** 2 * sizes)) / len(values)
    return 100 * between / float(values.var(ddof=1))
