"""The clustered standard error that other reports give: CR1, which takes no account of few or unequal clusters."""

from dataclasses import dataclass, field, replace
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike

from harness.analysis.compatible import faults
from harness.analysis.distributions import t_quantile
from harness.analysis.intervals import NO_SPREAD, Clusters, cluster_sizes, finite

CLUSTERS_LEAST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusteredMean:
    """A mean over `n` questions with its CR1 standard error and the t interval on `clusters` - 1 degrees of freedom.

    `low` and `high` are None exactly when `reason` says why. `se` is None with one cluster only.
    """

    mean: float
    n: int
    clusters: int
    level: float
    se: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str | None = None
    compatible: bool = field(default=True, init=False)
    fault: str = field(default=faults.CR1, init=False)


def cr1_mean(values: ArrayLike, clusters: Clusters, *, level: float = 0.95) -> ClusteredMean:
    """The mean with sqrt(G/(G - 1) sum_g e_g^2)/n, e_g the cluster's summed residual, and t on G - 1.

    Args:
        values: one score per question, shape (n,), n >= 1.
        clusters: the name or code of each question's cluster.
        level: of the two-sided interval, in (0, 1).

    Raises:
        ValueError: no values, lengths that differ, or a value that is not finite.

    Source: Miller 2024, arXiv:2411.00640, with the factor of MacKinnon and White 1985, Journal of Econometrics 29(3).
    """
    data = finite(values)
    codes, sizes = cluster_sizes(clusters, len(data))
    groups = len(sizes)
    bare = ClusteredMean(mean=float(data.mean()), n=len(data), clusters=groups, level=level)
    if groups < CLUSTERS_LEAST:
        return replace(bare, reason=f"all {len(data)} questions are in one cluster")
    sums = np.bincount(codes, weights=data - data.mean())
    se = sqrt(groups / (groups - 1) * float(np.sum(sums**2))) / len(data)
    if se <= NO_SPREAD:
        return replace(bare, se=0.0, reason=f"all {groups} clusters have the same mean")
    half = t_quantile((1 + level) / 2, groups - 1) * se
    return replace(bare, se=se, low=bare.mean - half, high=bare.mean + half)
