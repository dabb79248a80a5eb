"""Means of several cells on the same questions, with the covariance that their shared questions and clusters give."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from harness.analysis.intervals import FloatArray, bell_mccaffrey_df, cluster_sizes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JointMeans:
    """Means over the `n` questions that every column scored, shape (columns,), with their CR2 `covariance`.

    `df` are the degrees of freedom of each variance, `dropped` counts the questions with an unscored column.
    """

    means: FloatArray
    covariance: FloatArray
    n: int
    clusters: int
    df: float
    dropped: int


def joint_means(scores: ArrayLike, clusters: Sequence[str]) -> JointMeans:
    """Column means and (1/n^2) sum_g e_g e_g' / (1 - n_g/n), e_g the cluster's summed residuals of every column.

    Its diagonal holds the squared standard errors of clustered_error; clusters of one question each give the sample
    covariance over n.

    Args:
        scores: shape (n, columns), columns >= 1; rows with a value that is not finite are dropped and counted.
        clusters: one name per question: its cluster, or the question itself when it has none.

    Raises:
        ValueError: shapes that differ, or fewer than two clusters with a complete row.

    Source: Bell and McCaffrey 2002, Survey Methodology 28(2), for several columns at once.
    """
    data = np.asarray(scores, dtype=np.float64)
    if data.ndim != 2 or not data.shape[1] or len(data) != len(clusters):  # noqa: PLR2004 - questions by columns
        raise ValueError(f"scores of shape {data.shape} for {len(clusters)} questions, not (questions, columns)")
    there = np.asarray(np.isfinite(data).all(axis=1))
    kept = data[there]
    codes, sizes = cluster_sizes([name for name, keep in zip(clusters, there, strict=True) if keep], len(kept))
    if len(sizes) < 2:  # noqa: PLR2004 - one cluster has no spread between clusters
        raise ValueError(f"a joint covariance needs complete rows in at least 2 clusters, here {len(sizes)}")
    residuals = kept - kept.mean(axis=0)
    sums = np.stack([np.bincount(codes, weights=column) for column in residuals.T], axis=1)
    n = len(kept)
    covariance = (sums / (1 - sizes / n)[:, None]).T @ sums / n**2
    return JointMeans(
        means=kept.mean(axis=0),
        covariance=np.asarray((covariance + covariance.T) / 2),
        n=n,
        clusters=len(sizes),
        df=bell_mccaffrey_df(sizes),
        dropped=len(data) - n,
    )
