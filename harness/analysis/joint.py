"""Means of several cells on the same questions, with the covariance that their shared questions and clusters give."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from harness.analysis.intervals import Clusters, FloatArray, IntArray, bell_mccaffrey_df, cluster_sizes, clusters_where


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


def joint_means(scores: ArrayLike, clusters: Clusters) -> JointMeans:
    """Column means and (1/n^2) sum_g e_g e_g' / (1 - n_g/n), e_g the cluster's summed residuals of every column.

    Its diagonal holds the squared standard errors of clustered_error; clusters of one question each give the sample
    covariance over n. Of several draws (fold seeds) the means are averaged, and their covariance is the mean over draws
    of the draw's own plus that of its means around their average: see averaged_interval.

    Args:
        scores: shape (n, columns) or (draws, n, columns), columns >= 1; a question with a value that is not finite is
            dropped and counted.
        clusters: one name per question: its cluster, or the question itself when it has none.

    Raises:
        ValueError: shapes that differ, or fewer than two clusters with a complete row.

    Source: Bell and McCaffrey 2002, Survey Methodology 28(2), for several columns at once; Chernozhukov et al. 2018,
    The Econometrics Journal 21(1), on averaging over sample splits.
    """
    data = np.asarray(scores, dtype=np.float64)
    drawn = data[None] if data.ndim == 2 else data  # noqa: PLR2004 - questions by columns
    if drawn.ndim != 3 or 0 in {len(drawn), drawn.shape[2]} or drawn.shape[1] != len(clusters):  # noqa: PLR2004 - draws
        raise ValueError(f"scores of shape {data.shape} for {len(clusters)} questions, not (questions, columns)")
    there = np.asarray(np.isfinite(drawn).all(axis=(0, 2)))
    kept = drawn[:, there]
    n = kept.shape[1]
    codes, sizes = cluster_sizes(clusters_where(clusters, there), n)
    if len(sizes) < 2:  # noqa: PLR2004 - one cluster has no spread between clusters
        raise ValueError(f"a joint covariance needs complete rows in at least 2 clusters, here {len(sizes)}")
    covariance = _covariance(kept, codes, sizes)
    return JointMeans(
        means=np.asarray(kept.mean(axis=(0, 1))),
        covariance=np.asarray((covariance + covariance.T) / 2),
        n=n,
        clusters=len(sizes),
        df=bell_mccaffrey_df(sizes),
        dropped=len(there) - n,
    )


def _covariance(scores: FloatArray, codes: IntArray, sizes: FloatArray) -> FloatArray:
    """The CR2 covariance of scores, shape (draws, n, columns), averaged over draws, plus that between draws."""
    n = len(codes)
    means = scores.mean(axis=1, keepdims=True)
    residuals = scores - means
    starts = np.concatenate([[0], np.cumsum(sizes[:-1])]).astype(np.intp)
    sums = np.add.reduceat(residuals[:, np.argsort(codes, kind="stable")], starts, axis=1)
    sums /= np.sqrt(1 - sizes / n)[:, None]
    within: FloatArray = np.mean(np.matmul(sums.transpose(0, 2, 1), sums), axis=0) / n**2
    if len(scores) == 1:
        return within
    around = means[:, 0] - means[:, 0].mean(axis=0)
    between: FloatArray = around.T @ around / len(around)
    return within + between
