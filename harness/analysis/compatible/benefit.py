"""What each retrieval cell gains over direct answering by the same model on the same data set."""

from dataclasses import dataclass, field, replace

import numpy as np
from pandas import DataFrame

from harness.analysis.compatible import faults
from harness.analysis.compatible.experiments import DIRECT, RETRIEVAL, scored

HELPS = 0.01  # a benefit within plus and minus this is neutral
PAIR = ["model", "dataset"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BenefitDistribution:
    """How many of `n` retrieval cells help, hurt or do neither; `left_out` had no direct cell to compare with.

    Percentages, means and extremes are None where there is nothing to take them over; `reason` says so for n = 0.
    """

    metric: str
    n: int
    left_out: int
    helps: int
    hurts: int
    neutral: int
    helps_percent: float | None = None
    hurts_percent: float | None = None
    neutral_percent: float | None = None
    mean_when_helps: float | None = None
    mean_when_hurts: float | None = None
    best: float | None = None
    worst: float | None = None
    reason: str | None = None
    compatible: bool = field(default=True, init=False)
    fault: str = field(default=faults.ROWS, init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BestRetrieval:
    """The mean of the best `k` (or fewer) retrieval cells of one model on one data set against its direct mean.

    `cells` counts the retrieval cells that were searched. `advantage_percent` is None for a direct mean of 0.
    """

    model: str
    dataset: str
    k: int
    cells: int
    direct_mean: float
    best_k_mean: float
    best: float
    advantage: float
    advantage_percent: float | None
    compatible: bool = field(default=True, init=False)
    fault: str = field(default=faults.SELECTION, init=False)


def retrieval_benefits(rows: DataFrame, metric: str) -> DataFrame:
    """The scored retrieval rows with columns `value`, `direct` and `benefit` = value - direct.

    `direct` is the mean of the direct cells of the same model and data set, NaN where there is none.

    Raises:
        UnknownName: no column has the metric's name.
    """
    direct = scored(rows, metric, DIRECT).groupby(PAIR)["value"].mean().rename("direct").reset_index()
    retrieval = scored(rows, metric, RETRIEVAL)
    joined = retrieval.drop(columns="direct", errors="ignore").merge(direct, how="left", on=PAIR)
    return joined.assign(benefit=joined["value"] - joined["direct"])


def benefit_distribution(rows: DataFrame, metric: str) -> BenefitDistribution:
    """Benefits above +0.01 help, below -0.01 hurt, and are neutral in between.

    Raises:
        UnknownName: no column has the metric's name.

    Source: the published formula "retrieval benefit distribution".
    """
    every = retrieval_benefits(rows, metric)["benefit"].to_numpy(dtype=np.float64)
    benefits = every[~np.isnan(every)]
    n, left_out = len(benefits), len(every) - len(benefits)
    helping, hurting = benefits[benefits > HELPS], benefits[benefits < -HELPS]
    neutral = n - len(helping) - len(hurting)
    bare = BenefitDistribution(
        metric=metric, n=n, left_out=left_out, helps=len(helping), hurts=len(hurting), neutral=neutral
    )
    if not n:
        return replace(bare, reason="no retrieval cell has a direct cell of the same model and data set")
    return replace(
        bare,
        helps_percent=100 * len(helping) / n,
        hurts_percent=100 * len(hurting) / n,
        neutral_percent=100 * neutral / n,
        mean_when_helps=float(helping.mean()) if len(helping) else None,
        mean_when_hurts=float(hurting.mean()) if len(hurting) else None,
        best=float(benefits.max()),
        worst=float(benefits.min()),
    )


def best_retrieval(rows: DataFrame, metric: str, k: int = 5) -> tuple[BestRetrieval, ...]:
    """The k best retrieval cells of each model and data set that also has direct cells, sorted by both names.

    Raises:
        UnknownName: no column has the metric's name.
        ValueError: k is below 1.

    Source: the published formula "best-k retrieval vs direct".
    """
    if k < 1:
        raise ValueError(f"the {k} best cells: k must be at least 1")
    known = retrieval_benefits(rows, metric).dropna(subset=["direct"])
    return tuple(_best(part, k) for _, part in known.groupby(PAIR, sort=True))


def _best(part: DataFrame, k: int) -> BestRetrieval:
    values = np.sort(part["value"].to_numpy(dtype=np.float64))[::-1]
    direct, best_k = float(part["direct"].iloc[0]), float(values[:k].mean())
    return BestRetrieval(
        model=str(part["model"].iloc[0]),
        dataset=str(part["dataset"].iloc[0]),
        k=k,
        cells=len(values),
        direct_mean=direct,
        best_k_mean=best_k,
        best=float(values[0]),
        advantage=best_k - direct,
        advantage_percent=100 * (best_k - direct) / direct if direct else None,
    )
