"""Whether stated confidence means what it says: Brier and its parts, calibration errors, ranking, and a test."""

from dataclasses import dataclass
from math import erfc, sqrt
from sys import float_info

import numpy as np
from numpy.typing import ArrayLike

from harness.analysis.intervals import NO_SPREAD, FloatArray, IntArray

BINS = 15
BIN_LEAST = 2  # the variance of a bin's outcomes needs two


@dataclass(frozen=True, slots=True, kw_only=True)
class BrierParts:
    """score = reliability - resolution + uncertainty + within, over `n` answers in `groups` groups of confidences.

    `within` is what grouping unequal confidences leaves over; it is 0 when each distinct confidence is its own group.
    """

    n: int
    groups: int
    score: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationError:
    """Calibration error over `n` answers in `bins` bins of about equal mass.

    `plug_in` is the L1 error (ECE) in [0, 1] and biased upwards. `debiased_squared` estimates the squared L2 error
    without that bias and may be negative; it is None exactly when `refused` says why.
    """

    n: int
    bins: int
    plug_in: float
    debiased_squared: float | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The chance that a right answer is more confident than a wrong one, in [0, 1]; ties count half.

    `auroc` is None exactly when `refused` says why; the counts stand all the same.
    """

    right: int
    wrong: int
    auroc: float | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spiegelhalter:
    """Spiegelhalter's test that every confidence is the chance of being right; None exactly when `refused` says why."""

    n: int
    z: float | None = None
    p: float | None = None
    refused: str | None = None


def brier_parts(confidence: ArrayLike, correct: ArrayLike, *, bins: int | None = None) -> BrierParts:
    """The Brier score, mean (c - y)^2 in [0, 1], split into reliability, resolution and uncertainty.

    With groups k of n_k answers: reliability = sum n_k (c_k - y_k)^2 / n, resolution = sum n_k (y_k - y)^2 / n,
    uncertainty = y (1 - y).

    Args:
        confidence: probability of being right, shape (n,), in [0, 1], n >= 1.
        correct: 1 for a right answer and 0 for a wrong one, shape (n,).
        bins: groups of about equal mass, or None for one group per distinct confidence, where the parts add up exactly.

    Raises:
        ValueError: no answers, lengths that differ, or a value out of range.

    Source: Murphy 1973, Journal of Applied Meteorology 12(4).
    """
    stated, right = confidence_pair(confidence, correct)
    codes = np.unique(stated, return_inverse=True)[1] if bins is None else equal_mass_bins(stated, bins)
    sizes, said, true = _bin_means(stated, right, codes)
    base, shares = float(right.mean()), sizes / len(right)
    score = float(np.mean((stated - right) ** 2))
    reliability, resolution = float(shares @ (said - true) ** 2), float(shares @ (true - base) ** 2)
    uncertainty = base * (1 - base)
    exact = score - reliability + resolution - uncertainty
    return BrierParts(
        n=len(right),
        groups=len(sizes),
        score=score,
        reliability=reliability,
        resolution=resolution,
        uncertainty=uncertainty,
        within=0.0 if bins is None else exact,
    )


def calibration_error(confidence: ArrayLike, correct: ArrayLike, *, bins: int = BINS) -> CalibrationError:
    """Plug-in ECE, sum n_k/n |c_k - y_k|, beside sum n_k/n [(c_k - y_k)^2 - y_k (1 - y_k)/(n_k - 1)].

    Equal confidences share a bin, so that the order of the answers changes nothing; there may be fewer bins than asked
    for. Arguments and errors are those of brier_parts, and ValueError when `bins` is below 1.

    Source: Kumar, Liang and Ma 2019, arXiv:1909.10155.
    """
    stated, right = confidence_pair(confidence, correct)
    sizes, said, true = _bin_means(stated, right, equal_mass_bins(stated, bins))
    shares, gaps = sizes / len(right), said - true
    plug_in = min(1.0, float(shares @ np.abs(gaps)))
    if len(right) < BIN_LEAST:
        return CalibrationError(n=1, bins=1, plug_in=plug_in, refused="one answer has no variance to take off")
    squared = float(shares @ (gaps**2 - true * (1 - true) / (sizes - 1)))
    return CalibrationError(n=len(right), bins=len(sizes), plug_in=plug_in, debiased_squared=squared)


def auroc(confidence: ArrayLike, correct: ArrayLike) -> Ranking:
    """The area under the ROC curve by mid-ranks: [P(c_right > c_wrong) + P(c_right = c_wrong)/2].

    Arguments and errors are those of brier_parts.

    Source: Hanley and McNeil 1982, Radiology 143(1).
    """
    stated, answers = confidence_pair(confidence, correct)
    positives = int(answers.sum())
    negatives = len(answers) - positives
    if not positives or not negatives:
        only = "right" if positives else "wrong"
        return Ranking(right=positives, wrong=negatives, refused=f"all {len(answers)} answers are {only}")
    _, codes, counts = np.unique(stated, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2  # the mean rank, from 1, of each distinct confidence
    above = float(middle[codes[answers == 1]].sum()) - positives * (positives + 1) / 2
    return Ranking(right=positives, wrong=negatives, auroc=above / (positives * negatives))


def spiegelhalter(confidence: ArrayLike, correct: ArrayLike) -> Spiegelhalter:
    """Z = sum (y - c)(1 - 2c) / sqrt(sum (1 - 2c)^2 c (1 - c)), two-sided normal p in (0, 1]; independent answers.

    Arguments and errors are those of brier_parts.

    Source: Spiegelhalter 1986, Statistics in Medicine 5(5).
    """
    stated, right = confidence_pair(confidence, correct)
    tilt = 1 - 2 * stated
    spread = sqrt(float(np.sum(tilt**2 * stated * (1 - stated))))
    if spread <= NO_SPREAD:
        return Spiegelhalter(n=len(right), refused="every confidence is 0, 0.5 or 1: the test has nothing to weigh")
    z = float(np.sum((right - stated) * tilt)) / spread
    # a tail below the least float is small, not 0
    return Spiegelhalter(n=len(right), z=z, p=max(float_info.min, erfc(abs(z) / sqrt(2))))


def equal_mass_bins(confidence: FloatArray, bins: int) -> IntArray:
    """Each answer's bin, from 0 without gaps, shape (n,): by the mid-rank of its confidence, at least 2 to a bin.

    Raises:
        ValueError: `bins` is below 1.
    """
    if bins < 1:
        raise ValueError(f"there must be at least 1 bin, not {bins}")
    _, codes, counts = np.unique(confidence, return_inverse=True, return_counts=True)
    middle = (np.cumsum(counts) - counts / 2) / len(confidence)
    wanted = np.minimum((middle * bins).astype(np.intp), bins - 1)
    merged = _merged(np.bincount(wanted, weights=counts, minlength=bins).astype(np.float64))
    return np.unique(merged[wanted[codes]], return_inverse=True)[1]


def confidence_pair(confidence: ArrayLike, correct: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Confidences and outcomes as floats, both of shape (n,), n >= 1.

    Raises:
        ValueError: no answers, lengths that differ, a confidence outside [0, 1] or an outcome that is not 0 or 1.
    """
    stated, right = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if stated.ndim != 1 or stated.shape != right.shape or not len(stated):
        raise ValueError(f"confidences and outcomes must be two rows of n >= 1, not {stated.shape} and {right.shape}")
    if not ((stated >= 0) & (stated <= 1)).all():
        raise ValueError("confidences must be in [0, 1]; leave those that could not be read out and count them")
    if not np.isin(right, (0.0, 1.0)).all():
        raise ValueError("outcomes must be 0 or 1")
    return stated, right


def _bin_means(stated: FloatArray, right: FloatArray, codes: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    sizes = np.bincount(codes).astype(np.float64)
    return sizes, np.bincount(codes, weights=stated) / sizes, np.bincount(codes, weights=right) / sizes


def _merged(sizes: FloatArray) -> IntArray:
    """The bin that each bin ends up in: one with too few answers joins the next, the last joins the one before."""
    targets, held, target = np.zeros(len(sizes), dtype=np.intp), 0.0, 0
    for place, size in enumerate(sizes):
        if held >= BIN_LEAST and size > 0:
            target, held = place, 0.0
        targets[place] = target
        held += size
    if held < BIN_LEAST and target > 0:
        before = targets[target - 1]
        targets[targets == target] = before
    return targets
