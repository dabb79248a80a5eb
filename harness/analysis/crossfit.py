"""What the best of several cells scores, without the gain of having picked it on the same questions."""

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np

from harness.analysis.distributions import generator, t_quantile
from harness.analysis.intervals import (
    NO_SPREAD,
    Clusters,
    FloatArray,
    IntArray,
    Interval,
    cluster_sizes,
    clusters_where,
    distinct,
    mean_interval,
    share_interval,
)
from harness.analysis.joint import joint_means

FOLDS_MOST = 5
FOLD_SEEDS = 20
TIE = 1e-12  # means closer than this are equal up to rounding


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SearchedCells:
    """The cells that one arm searched, in study order, on the same questions.

    `scores` has shape (n, cells), higher is better; a row with a value that is not finite is left out and counted.
    `clusters` names the cluster of each question, or the question itself when it has none.
    """

    names: tuple[str, ...]
    scores: FloatArray
    clusters: Clusters


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossFit:
    """The cross-fitted score of the best of `searched` cells over `n` questions in `clusters` clusters.

    `estimate` is None exactly when `reason` says why. `optimism` is the in-sample maximum minus the estimate.
    `chosen` gives each cell's share of the (fold seed, fold) choices, in study order. `dropped` questions lacked a
    score in some cell. `folds` and `fold_seeds` are 1 when there is one cell and so nothing to choose.
    """

    searched: int
    n: int
    clusters: int
    dropped: int
    folds: int
    fold_seeds: int
    estimate: Interval | None = None
    best_in_sample: str | None = None
    in_sample_maximum: float | None = None
    optimism: float | None = None
    chosen: tuple[tuple[str, float], ...] = ()
    reason: str | None = None


def cross_fit(cells: SearchedCells, *, seed: int) -> CrossFit:
    """Score the best cell by choosing it on the other folds: (1/n) sum_f sum_{i in f} s_{i, best without f}.

    Whole clusters are dealt into min(5, G) folds, by 20 fold seeds over which the questions' scores are averaged. A
    tie goes to the first cell in study order. One cell gives the plain mean. The interval takes the choices as given,
    see averaged_interval.

    Raises:
        ValueError: no cells, or shapes that differ.

    Source: Chernozhukov et al. 2018, The Econometrics Journal 21(1), on cross-fitting.
    """
    kept, dropped = _complete(cells)
    n, searched = kept.scores.shape
    groups = distinct(kept.clusters)
    folds = 1 if searched == 1 else min(FOLDS_MOST, groups)
    seeds = 1 if searched == 1 else FOLD_SEEDS
    bare = CrossFit(searched=searched, n=n, clusters=groups, dropped=dropped, folds=folds, fold_seeds=seeds)
    if not n:
        return replace(bare, reason="no question is scored in every searched cell")
    if searched > 1 and groups == 1:
        return replace(bare, reason=f"all {n} questions are in one cluster: none is left to choose on")
    scores, choices = _fitted(kept, seed)
    place, most = _in_sample(kept.scores)
    estimate = averaged_interval(scores, kept.clusters)
    return replace(
        bare,
        estimate=estimate,
        best_in_sample=kept.names[place],
        in_sample_maximum=most,
        optimism=most - estimate.estimate,
        chosen=tuple(zip(kept.names, choices.tolist(), strict=True)),
    )


def cross_fit_rows(cells: SearchedCells, *, seed: int) -> tuple[CrossFit, FloatArray]:
    """The cross-fit and the scores behind it, shape (fold seeds, n) over all questions, NaN where one was dropped.

    Arguments and errors are those of cross_fit. Without an estimate there is one row of NaN.
    """
    found = cross_fit(cells, seed=seed)
    kept, _ = _complete(cells)
    rows = np.full((found.fold_seeds if found.estimate is not None else 1, len(cells.scores)), np.nan)
    if found.estimate is not None:
        rows[:, np.isfinite(cells.scores).all(axis=1)] = _fitted(kept, seed)[0]
    return found, rows


def cross_fit_scores(cells: SearchedCells, *, seed: int) -> FloatArray:
    """Each question's score under the cells chosen without its fold, shape (fold seeds, n); (1, n) for one cell.

    The folds depend on the seed and the clusters' names alone: arms with the same questions share them, and the order
    of questions changes nothing.

    Raises:
        ValueError: no cells, shapes that differ, a score that is not finite, or several cells over one cluster.
    """
    kept, dropped = _complete(cells)
    if dropped or not len(kept.scores):
        raise ValueError(f"{dropped} of {dropped + len(kept.scores)} questions lack a score in some cell")
    if kept.scores.shape[1] > 1 and distinct(kept.clusters) == 1:
        raise ValueError("choosing among several cells needs at least 2 clusters")
    return _fitted(kept, seed)[0]


def averaged_interval(rows: FloatArray, clusters: Clusters, *, level: float = 0.95) -> Interval:
    """The interval of a mean that is averaged over fold seeds: a t interval with the seeds' mean variance + spread.

    The variance is the mean over fold seeds of the seed's own plus the squared distance of its mean from their average,
    which is how much the choice hangs on the folds. The variance of the averaged scores would not do: averaging over
    unlike choices evens the scores out, but not the error that all choices share (simulated at nominal .95 with 8
    independent equal cells, the worst case: .78 covered, this .94; with one clearly best cell both .95).

    Args:
        rows: scores, or differences of scores, shape (fold seeds, n). One row alone is a plain mean or share.
        clusters: one name per question; at least 2 different ones when there are several rows.
        level: of the two-sided interval, in (0, 1).

    Source: Chernozhukov et al. 2018, The Econometrics Journal 21(1), on averaging over sample splits.
    """
    if len(rows) == 1:
        # a normal-theory interval fails for shares near 0 and 1, so plain right and wrong answers get a share's
        binary = bool(np.isin(rows, (0.0, 1.0)).all())
        return (share_interval if binary else mean_interval)(rows[0], clusters, level=level)
    joint = joint_means(rows[:, :, None], clusters)
    se = sqrt(float(joint.covariance[0, 0]))
    bare = Interval(
        estimate=float(rows.mean()),
        n=joint.n,
        clusters=joint.clusters,
        method="t" if joint.clusters == joint.n else "t, CR2",
        level=level,
        se=se,
        df=joint.df,
    )
    if se <= NO_SPREAD:
        return replace(bare, se=0.0, df=None, refused=f"the {joint.n} values do not spread")
    half = t_quantile((1 + level) / 2, joint.df) * se
    return replace(bare, low=bare.estimate - half, high=bare.estimate + half)


def at_level(found: Interval, level: float) -> Interval:
    """The t interval of the same estimate at another level, in (0, 1); a refused one stays refused."""
    if found.se is None or found.df is None or found.refused is not None:
        return replace(found, level=level)
    half = t_quantile((1 + level) / 2, found.df) * found.se
    return replace(found, level=level, low=found.estimate - half, high=found.estimate + half)


def best_in_sample(cells: SearchedCells) -> int:
    """The place of the cell with the highest mean on all questions; the first in study order among equals.

    Raises:
        ValueError: no cells, shapes that differ, or no complete question.
    """
    kept, _ = _complete(cells)
    if not len(kept.scores):
        raise ValueError("no question is scored in every searched cell")
    return _in_sample(kept.scores)[0]


def _fitted(cells: SearchedCells, seed: int) -> tuple[FloatArray, FloatArray]:
    """The questions' scores by fold seed, and each cell's share of the choices."""
    n, searched = cells.scores.shape
    if searched == 1:
        return cells.scores.T.copy(), np.ones(1)
    codes, sizes = cluster_sizes(cells.clusters, n)
    sums: FloatArray = np.stack([np.bincount(codes, weights=column) for column in cells.scores.T], axis=1)
    found, rows = np.empty((FOLD_SEEDS, n)), np.arange(n)
    choices = np.zeros(searched)
    for fold_seed in range(FOLD_SEEDS):
        fold_of = _folds(len(sizes), seed, fold_seed)
        best = _best_without(fold_of, sums, sizes)
        choices += np.bincount(best, minlength=searched)
        found[fold_seed] = cells.scores[rows, best[fold_of[codes]]]
    return found, choices / choices.sum()


def _folds(clusters: int, seed: int, fold_seed: int) -> IntArray:
    order = generator(seed, "cross-fit folds", str(fold_seed)).permutation(clusters)
    folds = np.empty(clusters, dtype=np.intp)
    folds[order] = np.arange(clusters) % min(FOLDS_MOST, clusters)
    return folds


def _best_without(fold_of: IntArray, sums: FloatArray, sizes: FloatArray) -> IntArray:
    """The best cell on the questions outside each fold, shape (folds,)."""
    outside = fold_of[None, :] != np.arange(fold_of.max() + 1)[:, None]
    means = (outside @ sums) / (outside @ sizes)[:, None]
    return _first_best(means)


def _first_best(means: FloatArray) -> IntArray:
    return np.asarray(np.argmax(means >= means.max(axis=1, keepdims=True) - TIE, axis=1), dtype=np.intp)


def _in_sample(scores: FloatArray) -> tuple[int, float]:
    means = scores.mean(axis=0)
    place = int(_first_best(means[None, :])[0])
    return place, float(means.max())


def _complete(cells: SearchedCells) -> tuple[SearchedCells, int]:
    scores = np.asarray(cells.scores, dtype=np.float64)
    if scores.ndim != 2 or not cells.names or scores.shape != (len(cells.clusters), len(cells.names)):  # noqa: PLR2004 - questions by cells
        raise ValueError(
            f"scores of shape {scores.shape} for {len(cells.clusters)} questions and {len(cells.names)} cells, "
            "of which there must be at least 1"
        )
    there = np.asarray(np.isfinite(scores).all(axis=1))
    kept = SearchedCells(names=cells.names, scores=scores[there], clusters=clusters_where(cells.clusters, there))
    return kept, int((~there).sum())
