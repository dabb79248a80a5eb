"""Two cells on the same questions: the paired difference, its interval and its p-value."""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from sys import float_info

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.analysis.distributions import fair_binomial_cdf, normal_quantile, t_two_sided_p
from harness.analysis.intervals import (
    Clusters,
    FloatArray,
    Interval,
    cluster_sizes,
    finite,
    mean_interval,
    singletons_dropped,
)

ENUMERATED_MOST = 20_000
DRAWS = 9_999
CLUSTERS_LEAST = 6
WORD = 64  # bits drawn at once
CHUNK = 500_000  # values drawn at once, so that memory stays in the tens of megabytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """The difference a - b over the questions that both answered.

    `difference` carries the interval (see Interval for what a refusal means). `p` is two-sided and None exactly when
    `p_refused` says why. `only_a` and `only_b` count the discordant questions, None for scores that are not binary.
    """

    mean_a: float
    mean_b: float
    difference: Interval
    p_method: str
    p: float | None = None
    p_refused: str | None = None
    only_a: int | None = None
    only_b: int | None = None


def paired_means(
    a: ArrayLike, b: ArrayLike, clusters: Clusters | None = None, *, rng: np.random.Generator, level: float = 0.95
) -> Paired:
    """Compare two scores per question: a t interval on a - b and its p; CR2 and sign flips when clustered.

    Args:
        a: scores of the first cell, shape (n,), n >= 1.
        b: scores of the second cell on the same questions, shape (n,).
        clusters: one cluster name per question, or None for independent questions.
        rng: draws the sign flips when there are too many to enumerate.
        level: of the two-sided interval, in (0, 1).

    Raises:
        ValueError: no questions, lengths that differ, or a score that is not finite.
    """
    first, second = _pair(a, b)
    names = singletons_dropped(clusters)
    difference = mean_interval(first - second, names, level=level)
    if names is not None:
        method, (p, refused) = "sign flips of clusters", sign_flip_p(_cluster_sums(first - second, names), rng)
    elif difference.refused is not None or difference.se is None or difference.df is None:
        method, p, refused = "paired t", None, difference.refused
    else:
        method, refused = "paired t", None
        p = max(float_info.min, t_two_sided_p(difference.estimate / difference.se, difference.df))
    return Paired(
        mean_a=float(first.mean()),
        mean_b=float(second.mean()),
        difference=difference,
        p_method=method,
        p=p,
        p_refused=refused,
    )


def paired_shares(
    a: ArrayLike, b: ArrayLike, clusters: Clusters | None = None, *, rng: np.random.Generator, level: float = 0.95
) -> Paired:
    """Compare two truth values per question: Tango's interval and the mid-p McNemar test; clustered as paired_means.

    Arguments and errors are those of paired_means; values must be 0 or 1.
    """
    first, second = _pair(a, b)
    if not np.isin(np.concatenate([first, second]), (0.0, 1.0)).all():
        raise ValueError("shares are compared on values that are 0 or 1")
    only_a, only_b = int(np.sum(first > second)), int(np.sum(first < second))
    clustered = paired_means(first, second, clusters, rng=rng, level=level)
    if singletons_dropped(clusters) is not None:
        difference, method = clustered.difference, clustered.p_method
        p, refused = clustered.p, clustered.p_refused
    else:
        difference = _tango(only_a, only_b, len(first), clustered.difference.se, level)
        method, p, refused = "mid-p McNemar", mcnemar_mid_p(only_a, only_b), None
    return Paired(
        mean_a=clustered.mean_a,
        mean_b=clustered.mean_b,
        difference=difference,
        p_method=method,
        p=p,
        p_refused=refused,
        only_a=only_a,
        only_b=only_b,
    )


def mcnemar_mid_p(only_a: int, only_b: int) -> float:
    """Two-sided mid-p McNemar test from the discordant counts, in (0, 1]; 1 when they are equal.

    2 F(m - 1) + f(m) with m the smaller count and F, f of Bin(only_a + only_b, 1/2), written as F(m - 1) + F(m).

    Source: Fagerland, Lydersen and Laake 2013, BMC Medical Research Methodology 13:91.
    """
    if only_a == only_b:
        return 1.0
    least, n = min(only_a, only_b), only_a + only_b
    # a tail below the least float is small, not 0
    return max(float_info.min, fair_binomial_cdf(least - 1, n) + fair_binomial_cdf(least, n))


def tango_statistic(only_a: int, only_b: int, n: int, delta: float) -> float:
    """Tango's score statistic for p_a - p_b = delta in (-1, 1), over n questions; falls as delta grows.

    Source: Tango 1998, Statistics in Medicine 17(8).
    """
    if only_a == only_b == 0 and delta == 0:
        return 0.0
    if delta < 0:
        # the mirrored form keeps the root that cancels least
        return -tango_statistic(only_b, only_a, n, -delta)
    linear = -only_a - only_b + (2 * n - only_a + only_b) * delta
    constant = -only_b * delta * (1 - delta)
    root = sqrt(linear**2 - 8 * n * constant)
    q = (root - linear) / (4 * n) if linear <= 0 else -2 * constant / (root + linear)
    spread = sqrt(n * (2 * q + delta * (1 - delta)))
    return (only_a - only_b - n * delta) / spread


def tango_interval(only_a: int, only_b: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Tango's interval for p_a - p_b, within [-1, 1]; an end where the statistic never reaches z is -1 or 1.

    Raises:
        ValueError: n is 0, or the discordant counts exceed it.
    """
    if n < 1 or only_a < 0 or only_b < 0 or only_a + only_b > n:
        raise ValueError(f"{only_a} and {only_b} discordant of {n} questions")
    z = normal_quantile((1 + level) / 2)
    estimate = (only_a - only_b) / n
    low = _crossing(lambda delta: tango_statistic(only_a, only_b, n, -delta) <= z, -estimate)
    high = _crossing(lambda delta: tango_statistic(only_a, only_b, n, delta) >= -z, estimate)
    return -low, high


def sign_flip_p(sums: ArrayLike, rng: np.random.Generator) -> tuple[float | None, str | None]:
    """Two-sided p of the summed differences under sign flips of whole clusters, or None and why there is none.

    Enumerated when 2^G <= 20,000; else (b + 1)/(B + 1) over 9,999 draws. Clusters with equal absolute sums are drawn
    together: their flips add up to a binomial count, which is that of the ones among as many random bits.
    """
    values = np.abs(np.asarray(sums, dtype=np.float64))
    if len(values) < CLUSTERS_LEAST:
        return None, f"sign flips need at least {CLUSTERS_LEAST} clusters, here {len(values)}"
    observed = abs(float(np.sum(sums))) - 1e-9 * float(values.sum())  # ties up to rounding count as ties
    if 2 ** len(values) <= ENUMERATED_MOST:
        return float(np.mean(np.abs(_all_flips(values)) >= observed)), None
    reached = sum(int(np.sum(np.abs(total) >= observed)) for total in _drawn_flips(values, rng))
    return (reached + 1) / (DRAWS + 1), None


def _all_flips(values: FloatArray) -> FloatArray:
    totals = np.zeros(1)
    for value in values:
        totals = np.concatenate([totals + value, totals - value])
    return totals


def _drawn_flips(values: FloatArray, rng: np.random.Generator) -> list[FloatArray]:
    distinct, counts = np.unique(values[values > 0], return_counts=True)
    if not len(distinct):
        return [np.zeros(DRAWS)]
    words = np.repeat(np.arange(len(counts)), (counts + WORD - 1) // WORD)
    first = np.searchsorted(words, words)  # the place of the first word of the same value
    bits = np.minimum(WORD, counts[words] - WORD * (np.arange(len(words)) - first)).astype(np.uint64)
    mask = np.uint64(2**WORD - 1) >> (np.uint64(WORD) - bits)
    rows = max(1, min(DRAWS, CHUNK // len(words)))
    return [
        (2.0 * np.bitwise_count(_words(rng, (min(rows, DRAWS - start), len(words))) & mask) - bits) @ distinct[words]
        for start in range(0, DRAWS, rows)
    ]


def _words(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.uint64]:
    return rng.integers(0, 2**WORD, size=shape, dtype=np.uint64)


def _crossing(inside: Callable[[float], bool], start: float) -> float:
    low, high = start, 1.0
    if inside(1.0 - 1e-15):
        return 1.0
    while (middle := (low + high) / 2) not in {low, high}:
        low, high = (middle, high) if inside(middle) else (low, middle)
    return low


def _tango(only_a: int, only_b: int, n: int, se: float | None, level: float) -> Interval:
    low, high = tango_interval(only_a, only_b, n, level)
    return Interval(
        estimate=(only_a - only_b) / n, n=n, clusters=n, method="Tango", level=level, se=se, low=low, high=high
    )


def _cluster_sums(differences: FloatArray, clusters: Clusters) -> FloatArray:
    codes, _ = cluster_sizes(clusters, len(differences))
    return np.bincount(codes, weights=differences).astype(np.float64)


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[FloatArray, FloatArray]:
    first, second = finite(a), finite(b)
    if len(first) != len(second):
        raise ValueError(f"{len(first)} scores against {len(second)}: a pair is two answers to one question")
    return first, second
