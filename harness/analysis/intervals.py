"""Standard errors and intervals of one mean or one share, over questions that may come in clusters."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.analysis.distributions import normal_quantile, t_quantile

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Clusters = Sequence[str] | IntArray  # a name, or a code from 0 on, per question
NO_SPREAD = 1e-12  # a standard error below this is rounding: the values do not spread


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardError:
    """The standard error of a mean, its degrees of freedom, and how many clusters of unequal questions it rests on."""

    se: float
    df: float
    clusters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate over `n` questions with its interval at `level`.

    `low` and `high` are None exactly when `refused` says why there is no interval; the estimate stands all the same.
    `se` is None where one question gives none, `df` where the interval uses the normal quantile. `clusters` equals `n`
    when no two questions share a cluster. `effective_n` is n over the design effect, for shares only.
    """

    estimate: float
    n: int
    clusters: int
    method: str
    level: float
    se: float | None = None
    df: float | None = None
    effective_n: float | None = None
    low: float | None = None
    high: float | None = None
    refused: str | None = None


def iid_error(values: ArrayLike) -> StandardError:
    """The standard error of the mean of independent questions: sqrt(sum (s_i - mean)^2 / (n (n - 1))).

    Raises:
        ValueError: fewer than two values, or one that is not finite.
    """
    data = finite(values)
    if len(data) < 2:  # noqa: PLR2004 - a variance needs two values
        raise ValueError("a standard error needs at least 2 values")
    squares = float(np.sum((data - data.mean()) ** 2))
    return StandardError(se=sqrt(squares / (len(data) * (len(data) - 1))), df=len(data) - 1, clusters=len(data))


def clustered_error(values: ArrayLike, clusters: Clusters) -> StandardError:
    """The CR2 standard error of a mean: (1/n) sqrt(sum_g e_g^2 / (1 - n_g/n)), e_g the cluster's summed residual.

    Clusters of one question each give the standard error and the degrees of freedom of independent questions.

    Raises:
        ValueError: fewer than two clusters, lengths that differ, or a value that is not finite.

    Source: Bell and McCaffrey 2002, Survey Methodology 28(2).
    """
    data = finite(values)
    codes, sizes = cluster_sizes(clusters, len(data))
    if len(sizes) < 2:  # noqa: PLR2004 - one cluster has no spread between clusters
        raise ValueError("a clustered standard error needs at least 2 clusters")
    sums = np.bincount(codes, weights=data - data.mean())
    se = sqrt(float(np.sum(sums**2 / (1 - sizes / len(data))))) / len(data)
    return StandardError(se=se, df=bell_mccaffrey_df(sizes), clusters=len(sizes))


def bell_mccaffrey_df(sizes: ArrayLike) -> float:
    """Degrees of freedom tr(B)^2 / tr(B^2) of the CR2 variance of a mean, from the cluster sizes.

    B = D (diag n_g - n_g n_h / n) D with D = diag((1 - n_g/n)^-1/2). Its diagonal is n_g, so tr(B) = n, and the squares
    off the diagonal add up without the matrix.

    Raises:
        ValueError: fewer than two clusters.

    Source: Bell and McCaffrey 2002, Survey Methodology 28(2).
    """
    counts = np.asarray(sizes, dtype=np.float64)
    if len(counts) < 2:  # noqa: PLR2004 - see clustered_error
        raise ValueError("degrees of freedom need at least 2 clusters")
    n = counts.sum()
    weights = counts**2 / (1 - counts / n)
    off_diagonal = (weights.sum() ** 2 - np.sum(weights**2)) / n**2
    return float(n**2 / (np.sum(counts**2) + off_diagonal))


def wilson(share: float, n: float, quantile: float) -> tuple[float, float]:
    """Wilson's interval of a share in [0, 1] over n > 0 (possibly effective) questions; always within [0, 1].

    Source: Wilson 1927, JASA 22(158).
    """
    square = quantile**2
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = quantile / (1 + square / n) * sqrt(share * (1 - share) / n + square / (4 * n**2))
    return min(max(0.0, centre - half), share), max(min(1.0, centre + half), share)


def mean_interval(values: ArrayLike, clusters: Clusters | None = None, *, level: float = 0.95) -> Interval:
    """The mean of question scores with a t interval, clustered (CR2) when questions share clusters.

    Args:
        values: one score per question, shape (n,), n >= 1.
        clusters: one cluster name per question, or None for independent questions.
        level: of the two-sided interval, in (0, 1).

    Raises:
        ValueError: no values, lengths that differ, or a value that is not finite.
    """
    data, names = finite(values), singletons_dropped(clusters)
    method = "t" if names is None else "t, CR2"
    bare = Interval(estimate=float(data.mean()), n=len(data), clusters=len(data), method=method, level=level)
    error = error_of(data, names)
    if isinstance(error, str):
        return _without_interval(bare, names, error)
    if error.se <= NO_SPREAD:
        return _without_interval(bare, names, _no_spread(data, names), se=0.0)
    half = t_quantile((1 + level) / 2, error.df) * error.se
    return Interval(
        estimate=bare.estimate,
        n=bare.n,
        clusters=error.clusters,
        method=method,
        level=level,
        se=error.se,
        df=error.df,
        low=bare.estimate - half,
        high=bare.estimate + half,
    )


def share_interval(correct: ArrayLike, clusters: Clusters | None = None, *, level: float = 0.95) -> Interval:
    """The share of true values with Wilson's interval; clustered, over n_eff = n/deff with the t quantile.

    The design effect is max(1, SE_clustered^2 / SE_iid^2), and 1 where SE_iid is 0.

    Args:
        correct: one truth value per question, shape (n,), n >= 1.
        clusters: one cluster name per question, or None for independent questions.
        level: of the two-sided interval, in (0, 1).

    Raises:
        ValueError: no values, or lengths that differ.

    Source: Bowyer et al. 2025, arXiv:2503.01747, on why not the normal interval.
    """
    data, names = finite(correct), singletons_dropped(clusters)
    share, n = float(data.mean()), len(data)
    error = error_of(data, names)
    method = "Wilson" if names is None else "Wilson, CR2"
    if names is not None and isinstance(error, str):
        bare = Interval(estimate=share, n=n, clusters=n, method=method, level=level)
        return _without_interval(bare, names, error)
    tail = (1 + level) / 2
    se, df = (None, None) if isinstance(error, str) else (error.se, error.df)
    effective_n = n if names is None or se is None else n / design_effect(se, data)
    quantile = normal_quantile(tail) if names is None or df is None else t_quantile(tail, df)
    low, high = wilson(share, effective_n, quantile)
    return Interval(
        estimate=share,
        n=n,
        clusters=n if isinstance(error, str) else error.clusters,
        method=method,
        level=level,
        se=se,
        df=None if names is None else df,
        effective_n=effective_n,
        low=low,
        high=high,
    )


def design_effect(clustered_se: float, values: FloatArray) -> float:
    """How many times the clustering inflates the variance, at least 1; 1 where the independent error is 0."""
    independent = iid_error(values).se
    return max(1.0, (clustered_se / independent) ** 2) if independent > NO_SPREAD else 1.0


def error_of(values: FloatArray, clusters: Clusters | None) -> StandardError | str:
    """The standard error that fits the data, or why there is none."""
    if len(values) == 1:
        return "one question has no standard error"
    if clusters is None:
        return iid_error(values)
    if distinct(clusters) == 1:
        return f"all {len(values)} questions are in one cluster"
    return clustered_error(values, clusters)


def singletons_dropped(clusters: Clusters | None) -> Clusters | None:
    """The clusters, or None when no two questions share one: they are then independent questions."""
    return None if clusters is None or distinct(clusters) == len(clusters) else clusters


def cluster_sizes(clusters: Clusters, n: int) -> tuple[IntArray, FloatArray]:
    """Each question's cluster as a code, shape (n,), and each cluster's size; codes follow the order of the names.

    Raises:
        ValueError: there are not n clusters named.
    """
    if len(clusters) != n:
        raise ValueError(f"{len(clusters)} clusters for {n} values")
    if isinstance(clusters, np.ndarray):
        counts = np.bincount(clusters)
        there = counts > 0
        codes = clusters if there.all() else (np.cumsum(there) - 1)[clusters]
        return codes, counts[there].astype(np.float64)
    _, codes, sizes = np.unique(np.asarray(clusters), return_inverse=True, return_counts=True)
    return codes, sizes.astype(np.float64)


def distinct(clusters: Clusters) -> int:
    """How many different clusters there are; 0 without questions."""
    if isinstance(clusters, np.ndarray):
        return int(np.count_nonzero(np.bincount(clusters)))
    return len(set(clusters))


def clusters_where(clusters: Clusters, there: NDArray[np.bool_]) -> Clusters:
    """The clusters of the questions that are there, in their order."""
    if isinstance(clusters, np.ndarray):
        return clusters[there]
    return tuple(name for name, keep in zip(clusters, there, strict=True) if keep)


def finite(values: ArrayLike) -> FloatArray:
    """The values as floats, shape (n,) with n >= 1.

    Raises:
        ValueError: none, or one that is not finite.
    """
    data = np.asarray(values, dtype=np.float64)
    if data.ndim != 1 or not len(data):
        raise ValueError("values must be one row of at least 1 number")
    if not np.isfinite(data).all():
        raise ValueError("values must be finite; leave unscored cases out and count them")
    return data


def _no_spread(data: FloatArray, names: Clusters | None) -> str:
    if names is None or np.ptp(data) <= NO_SPREAD:
        return f"all {len(data)} values are equal"
    return f"all {distinct(names)} clusters have the same mean"


def _without_interval(bare: Interval, names: Clusters | None, reason: str, se: float | None = None) -> Interval:
    return Interval(
        estimate=bare.estimate,
        n=bare.n,
        clusters=bare.n if names is None else distinct(names),
        method=bare.method,
        level=bare.level,
        se=se,
        refused=reason,
    )
