"""Ratios of two uncertain numbers, whose confidence sets need be no intervals."""

from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from harness.analysis.distributions import t_quantile
from harness.analysis.intervals import NO_SPREAD, Clusters, clusters_where, distinct
from harness.analysis.joint import JointMeans, joint_means

SetKind = Literal["interval", "complement", "everything", "undefined"]
FLAT = 1e-12  # a leading coefficient below this share of its parts is 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioSet:
    """A confidence set for a ratio.

    "interval" is [low, high], where None means unbounded on that side; "complement" is everything at or below `low`
    and at or above `high`; "everything" excludes nothing; "undefined" is no set, with the `reason`, which only this
    kind has.
    """

    kind: SetKind
    low: float | None = None
    high: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotient:
    """Estimates of a numerator and a denominator with variances and covariance; `df` are those of the t."""

    numerator: float
    denominator: float
    numerator_variance: float
    denominator_variance: float
    covariance: float
    df: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A ratio with its confidence set at `level`; `estimate` is None where the denominator is 0 or nothing was fitted.

    `n` questions in `clusters` clusters stand behind it; `dropped` ones lacked a score.
    """

    level: float
    n: int
    clusters: int
    dropped: int
    confidence: RatioSet
    numerator: float | None = None
    denominator: float | None = None
    estimate: float | None = None
    df: float | None = None


def fieller_set(quotient: Quotient, *, level: float = 0.95) -> RatioSet:
    """All R with (N - R D)^2 <= t^2 (V_NN - 2 R V_ND + R^2 V_DD), which always holds at R = N/D.

    It is bounded exactly when D^2 > t^2 V_DD; otherwise the denominator may be 0 and the set is the complement of an
    interval, or everything. It tends to the delta-method interval as the variances shrink. With neither a denominator
    nor a variance of it there is no ratio.

    Args:
        quotient: the estimates; a covariance beyond what the variances allow is rounded to what they do.
        level: of the set, in (0, 1).

    Raises:
        ValueError: an estimate that is not finite, a negative variance, or df that are not above 0.

    Source: Fieller 1954, JRSS B 16(2); von Luxburg and Franz 2009, Statistica Sinica 19, for the three shapes.
    """
    _check(quotient)
    n_unit, d_unit = _units(quotient)
    if d_unit <= 0:
        return RatioSet(kind="undefined", reason="the denominator is 0 and does not vary")
    if not isfinite(n_unit / d_unit):
        return RatioSet(kind="undefined", reason="the denominator is too small beside the numerator")
    t2 = t_quantile((1 + level) / 2, quotient.df) ** 2
    n, d = quotient.numerator / n_unit, quotient.denominator / d_unit
    # divided twice, so that no square of a unit overflows or vanishes
    v_nn, v_dd = quotient.numerator_variance / n_unit / n_unit, quotient.denominator_variance / d_unit / d_unit
    most = sqrt(v_nn * v_dd)
    v_nd = min(most, max(-most, quotient.covariance / n_unit / d_unit))
    lead, half = d**2 - t2 * v_dd, n * d - t2 * v_nd
    rest = n**2 - t2 * v_nn
    # half^2 - lead * rest, written so that nothing cancels as the variances shrink
    room = t2 * (v_nn * d**2 - 2 * n * d * v_nd + n**2 * v_dd) - t2**2 * (v_nn * v_dd - v_nd**2)
    if abs(lead) <= FLAT * (d**2 + t2 * v_dd):
        return _half_line(half, rest, n_unit / d_unit)
    if lead < 0 and room <= 0:
        return RatioSet(kind="everything")
    first, second = _roots(lead, half, rest, sqrt(max(0.0, room)))
    unit = n_unit / d_unit
    if lead < 0:
        return RatioSet(kind="complement", low=first * unit, high=second * unit)
    ratio = quotient.numerator / quotient.denominator
    return RatioSet(kind="interval", low=min(first * unit, ratio), high=max(second * unit, ratio))


def contains(confidence: RatioSet, value: float) -> bool:
    """Whether a ratio lies in the set; an undefined set contains nothing."""
    low = float("-inf") if confidence.low is None else confidence.low
    high = float("inf") if confidence.high is None else confidence.high
    if confidence.kind == "complement":
        return value <= low or value >= high
    return confidence.kind == "everything" or (confidence.kind == "interval" and low <= value <= high)


def ratio_of(quotient: Quotient) -> float | None:
    """The point ratio, None when the denominator is 0."""
    return None if quotient.denominator == 0 else quotient.numerator / quotient.denominator


def compensation_ratio(scores: ArrayLike, clusters: Clusters, *, level: float = 0.95) -> Ratio:
    """(small + retrieval - small) / (large - small): 1 means that retrieval buys what the larger size buys.

    Differences come first and one ratio second; ratios of questions or data sets are never averaged. The denominator
    stands in the result: a ratio over a large model that is worse than the small one reads the other way round.

    Args:
        scores: shape (n, 3), or (draws, n, 3) as in joint_means, the columns small, small + retrieval, large;
            incomplete questions are dropped and counted.
        clusters: one name per question: its cluster, or the question itself when it has none.
        level: of the confidence set, in (0, 1).

    Raises:
        ValueError: shapes that differ.
    """
    data = np.asarray(scores, dtype=np.float64)
    drawn = data[None] if data.ndim == 2 else data  # noqa: PLR2004 - questions by cells
    if drawn.ndim != 3 or drawn.shape[1:] != (len(clusters), 3):  # noqa: PLR2004 - draws, and three cells
        raise ValueError(f"scores of shape {data.shape} for {len(clusters)} questions, not (questions, 3)")
    there = np.asarray(np.isfinite(drawn).all(axis=(0, 2)))
    n, groups = int(there.sum()), distinct(clusters_where(clusters, there))
    if groups < 2:  # noqa: PLR2004 - one cluster has no spread between clusters
        why = f"a ratio needs complete questions in at least 2 clusters, here {groups}"
        confidence = RatioSet(kind="undefined", reason=why)
        return Ratio(level=level, n=n, clusters=groups, dropped=len(there) - n, confidence=confidence)
    kept = np.where(there[:, None], drawn, np.nan)  # infinities have no difference
    return _ratio(joint_means(kept[:, :, 1:] - kept[:, :, :1], clusters), level)


def _ratio(joint: JointMeans, level: float) -> Ratio:
    quotient = Quotient(
        numerator=float(joint.means[0]),
        denominator=float(joint.means[1]),
        numerator_variance=float(joint.covariance[0, 0]),
        denominator_variance=float(joint.covariance[1, 1]),
        covariance=float(joint.covariance[0, 1]),
        df=joint.df,
    )
    return Ratio(
        level=level,
        n=joint.n,
        clusters=joint.clusters,
        dropped=joint.dropped,
        confidence=_seen_set(quotient, level),
        numerator=quotient.numerator,
        denominator=quotient.denominator,
        estimate=ratio_of(quotient),
        df=quotient.df,
    )


def _seen_set(quotient: Quotient, level: float) -> RatioSet:
    if max(quotient.numerator_variance, quotient.denominator_variance) <= NO_SPREAD**2:
        return RatioSet(kind="undefined", reason="the differences do not spread")
    return fieller_set(quotient, level=level)


def _units(quotient: Quotient) -> tuple[float, float]:
    """The sizes of numerator (1 for 0) and denominator, so that the set does not depend on their units."""
    return (
        max(abs(quotient.numerator), sqrt(quotient.numerator_variance)) or 1.0,
        max(abs(quotient.denominator), sqrt(quotient.denominator_variance)),
    )


def _roots(lead: float, half: float, rest: float, root: float) -> tuple[float, float]:
    """The ordered roots of lead R^2 - 2 half R + rest, each by the form that does not cancel."""
    far = half + root if half >= 0 else half - root
    if far == 0:
        return 0.0, 0.0
    first, second = far / lead, rest / far
    return min(first, second), max(first, second)


def _half_line(half: float, rest: float, unit: float) -> RatioSet:
    if half == 0:
        return RatioSet(kind="everything")
    end = rest / (2 * half) * unit
    return RatioSet(kind="interval", low=end) if half > 0 else RatioSet(kind="interval", high=end)


def _check(quotient: Quotient) -> None:
    values = (quotient.numerator, quotient.denominator, quotient.covariance)
    variances = (quotient.numerator_variance, quotient.denominator_variance)
    finite = bool(np.isfinite([*values, *variances]).all())
    if not finite or min(variances) < 0 or not quotient.df > 0:
        raise ValueError(f"no ratio: {quotient}")
