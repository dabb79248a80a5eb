"""How far a judge can be believed: verdicts from scores, agreement, both orders, a mean corrected by labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum, isfinite, sqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from harness.analysis.distributions import t_quantile
from harness.analysis.intervals import (
    NO_SPREAD,
    Clusters,
    FloatArray,
    Interval,
    cluster_sizes,
    error_of,
    share_interval,
    singletons_dropped,
)
from harness.analysis.paired import mcnemar_mid_p

Verdict = Literal["pass", "fail", "unparsed"]
Choice = Literal["first", "second", "tie", "unparsed"]
LABELLED_LEAST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The weighted sum of a judge's scores and the verdict that follows; the sum is None exactly when unparsed."""

    verdict: Verdict
    weighted: float | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Two raters on the `n` questions that both could rate; `unrated` counts the others.

    `kappa` is 1 for full agreement, 0 for what chance gives, and None exactly when `refused` says why.
    """

    n: int
    unrated: int
    observed: Interval | None = None
    expected: float | None = None
    kappa: float | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """One judge on the same `n` pairs in both orders of presentation.

    `wins_a`, `wins_b` and `ties` are what both orders agree on; `torn` counts pairs on which they differ, and
    `unparsed` those where either could not be read: they are neither ties nor losses. `for_first` and `for_second`
    count the torn pairs where the judge chose by place alone, `p` tests that these are equal (mid-p, in (0, 1]).
    """

    n: int
    wins_a: int
    wins_b: int
    ties: int
    torn: int
    unparsed: int
    for_first: int
    for_second: int
    p: float


def judge_again(scores: Mapping[str, float | None], weights: Mapping[str, float], least: float) -> Judgement:
    """The weighted mean of the scores, sum w_k s_k / sum w_k, and "pass" when it is at least `least`.

    Args:
        scores: one per criterion, None where the judge's could not be read; other criteria are not looked at.
        weights: one per criterion, each at least 0, not all 0.
        least: the weighted mean that passes, in the unit of the scores.

    Raises:
        ValueError: a weight is negative or not finite, or they add up to 0.
    """
    total = fsum(weights.values())
    if not all(isfinite(weight) and weight >= 0 for weight in weights.values()) or total <= 0:
        raise ValueError(f"weights must be at least 0 and not all 0, not {dict(weights)}")
    read = {name: score for name in weights if (score := scores.get(name)) is not None and isfinite(score)}
    if missing := sorted(set(weights) - set(read)):
        return Judgement(verdict="unparsed", refused=f"no score for {', '.join(missing)}")
    weighted = fsum(weights[name] * score for name, score in read.items()) / total
    return Judgement(verdict="pass" if weighted >= least else "fail", weighted=weighted)


def agreement(
    first: Sequence[str | None], second: Sequence[str | None], clusters: Sequence[str] | None = None
) -> Agreement:
    """Cohen's kappa, (p_o - p_e)/(1 - p_e), with p_e from the raters' own shares of each category.

    Args:
        first: one category per question, None where the rater gave none (a judge's parse failure).
        second: the other rater's, in the same order.
        clusters: one cluster name per question, for the interval of the observed agreement.

    Raises:
        ValueError: lengths that differ.

    Source: Cohen 1960, Educational and Psychological Measurement 20(1).
    """
    rows = zip(first, second, clusters if clusters is not None else [str(k) for k in range(len(first))], strict=True)
    rated = [(a, b, name) for a, b, name in rows if a is not None and b is not None]
    n, unrated = len(rated), len(first) - len(rated)
    if n == 0:
        return Agreement(n=0, unrated=unrated, refused="no question was rated by both")
    _, codes = np.unique([a for a, _, _ in rated] + [b for _, b, _ in rated], return_inverse=True)
    same = codes[:n] == codes[n:]
    shares = [np.bincount(half, minlength=int(codes.max()) + 1) / n for half in (codes[:n], codes[n:])]
    observed, expected = float(same.mean()), float(shares[0] @ shares[1])
    interval = share_interval(same, [name for _, _, name in rated])
    if expected >= 1 - NO_SPREAD:
        reason = f"both raters gave all {n} questions the same category"
        return Agreement(n=n, unrated=unrated, observed=interval, expected=expected, refused=reason)
    kappa = (observed - expected) / (1 - expected)
    return Agreement(n=n, unrated=unrated, observed=interval, expected=expected, kappa=kappa)


def both_orders(a_first: Sequence[Choice], b_first: Sequence[Choice]) -> Orders:
    """What a judge prefers when a is shown first and when b is, pair by pair.

    Args:
        a_first: the choice with a in the first place, one per pair.
        b_first: the choice with b in the first place, in the same order.

    Raises:
        ValueError: lengths that differ.
    """
    table = {(one, two): 0 for one in ("first", "second", "tie") for two in ("first", "second", "tie")}
    unparsed = 0
    for one, two in zip(a_first, b_first, strict=True):
        if "unparsed" in {one, two}:
            unparsed += 1
        else:
            table[one, two] += 1
    wins_a, wins_b, ties = table["first", "second"], table["second", "first"], table["tie", "tie"]
    for_first, for_second = table["first", "first"], table["second", "second"]
    return Orders(
        n=len(a_first),
        wins_a=wins_a,
        wins_b=wins_b,
        ties=ties,
        torn=sum(table.values()) - wins_a - wins_b - ties,
        unparsed=unparsed,
        for_first=for_first,
        for_second=for_second,
        p=mcnemar_mid_p(for_first, for_second),
    )


def prediction_powered_mean(
    judged: ArrayLike, labels: ArrayLike, clusters: Sequence[str] | None = None, *, level: float = 0.95
) -> Interval:
    """mean_N(f) + mean_L(y - f): the judge's mean over all N questions, corrected by the n_L labelled ones.

    The standard error is that of the mean of f_i + (N/n_L) 1_L(i) (d_i - d) sqrt(n_L/(n_L - 1)) over all questions,
    d_i = y_i - f_i: the labelled questions are among the N, and their covariance counts. The t quantile has one degree
    of freedom less than there are labelled questions (clusters when clustered).

    Args:
        judged: the judge's score f of every question, shape (N,), finite, N >= 1.
        labels: the true score y, shape (N,), NaN where a question is not labelled; labelled at random.
        clusters: one cluster name per question, or None for independent questions.
        level: of the two-sided interval, in (0, 1).

    Raises:
        ValueError: no questions, none labelled, lengths that differ, or a score that is not finite.

    Source: Angelopoulos et al. 2023, arXiv:2301.09633.
    """
    scores, truth = np.asarray(judged, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    labelled = ~np.isnan(truth)
    if scores.ndim != 1 or scores.shape != truth.shape or not labelled.any():
        raise ValueError("every question needs the judge's score, and at least 1 of them a label")
    if not np.isfinite(scores).all() or np.isinf(truth).any():
        raise ValueError("scores must be finite; leave out and count what the judge gave no score")
    differences = truth[labelled] - scores[labelled]
    bare = Interval(
        estimate=float(scores.mean() + differences.mean()),
        n=len(scores),
        clusters=len(scores) if clusters is None else len(set(clusters)),
        method="prediction-powered",
        level=level,
    )
    return _powered_interval(bare, scores, truth, singletons_dropped(clusters))


def _powered_interval(bare: Interval, scores: FloatArray, truth: FloatArray, clusters: Clusters | None) -> Interval:
    labelled = ~np.isnan(truth)
    n_labelled, differences = int(labelled.sum()), truth[labelled] - scores[labelled]
    units = n_labelled
    if clusters is not None:
        units = int(np.count_nonzero(np.bincount(cluster_sizes(clusters, len(scores))[0][labelled])))
    if units < LABELLED_LEAST:
        return _without(bare, f"an interval needs labels in at least {LABELLED_LEAST} units, here {units}")
    values = scores.copy()
    values[labelled] += len(scores) / n_labelled * sqrt(units / (units - 1)) * (differences - differences.mean())
    error = error_of(values, clusters)
    if isinstance(error, str):
        return _without(bare, error)
    if error.se <= NO_SPREAD:
        return _without(bare, f"the {bare.n} values do not spread")
    df = min(error.df, units - 1)
    half = t_quantile((1 + bare.level) / 2, df) * error.se
    return Interval(
        estimate=bare.estimate,
        n=bare.n,
        clusters=error.clusters,
        method=bare.method,
        level=bare.level,
        se=error.se,
        df=df,
        low=bare.estimate - half,
        high=bare.estimate + half,
    )


def _without(bare: Interval, reason: str) -> Interval:
    return Interval(
        estimate=bare.estimate,
        n=bare.n,
        clusters=bare.clusters,
        method=bare.method,
        level=bare.level,
        refused=reason,
    )
