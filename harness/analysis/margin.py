"""Whether one cell matches another within a margin that was declared before the run."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from harness.analysis.intervals import Clusters, FloatArray, Interval, finite, mean_interval, singletons_dropped
from harness.analysis.paired import tango_interval
from harness.analysis.power import NonInferiorityPower, noninferiority_power, paired_design

Standing = Literal[
    "superior", "inferior by more than the margin", "equivalent", "non-inferior", "inferior", "inconclusive"
]
OUTER, INNER = 0.95, 0.90


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginVerdict:
    """How a - b stands to a margin.

    `outer` and `inner` are the two-sided 95 % and 90 % intervals of a - b. `measurably_worse` is True when an
    equivalent or non-inferior cell lies wholly below 0. `power` is that of non-inferiority if the two were the same,
    with the questions it would need. `reason` says why there is no interval; the standing is then inconclusive.
    """

    standing: Standing
    margin: float
    outer: Interval
    inner: Interval
    measurably_worse: bool
    power: NonInferiorityPower
    reason: str | None = None


def margin_verdict(a: ArrayLike, b: ArrayLike, clusters: Clusters | None = None, *, margin: float) -> MarginVerdict:
    """Judge a - b, paired by question, against the declared margin.

    Args:
        a: scores of the cell that should hold its own, shape (n,), n >= 1; higher is better.
        b: scores of the cell that it is held against, on the same questions, shape (n,).
        clusters: one cluster name per question, or None for independent questions.
        margin: > 0, in the unit of the scores.

    Raises:
        ValueError: no questions, lengths that differ, a score that is not finite, or a margin that is not above 0.

    Source: Piaggio et al. 2012, JAMA 308(24), on non-inferiority and equivalence.
    """
    power = noninferiority_power(paired_design(a, b, clusters), margin=margin)
    outer, inner = (difference_interval(a, b, clusters, level=level) for level in (OUTER, INNER))
    return verdict_of(outer, inner, power)


def verdict_of(outer: Interval, inner: Interval, power: NonInferiorityPower) -> MarginVerdict:
    """The verdict of the 95 % and 90 % intervals of one difference against the margin of its power."""
    margin = power.margin
    found: Standing = "inconclusive" if outer.refused is not None else standing(_ends(outer), _ends(inner), margin)
    held = found in {"equivalent", "non-inferior"}
    return MarginVerdict(
        standing=found,
        margin=margin,
        outer=outer,
        inner=inner,
        measurably_worse=held and _ends(outer)[1] < 0,
        power=power,
        reason=outer.refused,
    )


def standing(outer: tuple[float, float], inner: tuple[float, float], margin: float) -> Standing:
    """The first verdict that holds for the 95 % and 90 % intervals of a difference; every input gets exactly one.

    Superior L95 > 0; inferior by more than the margin U95 < -margin; equivalent L90 > -margin and U90 < margin;
    non-inferior L90 > -margin; inferior U95 < 0; else inconclusive. An end that equals its bound does not pass it.
    """
    (low_95, high_95), (low_90, high_90) = outer, inner
    rules: tuple[tuple[Standing, bool], ...] = (
        ("superior", low_95 > 0),
        ("inferior by more than the margin", high_95 < -margin),
        ("equivalent", low_90 > -margin and high_90 < margin),
        ("non-inferior", low_90 > -margin),
        ("inferior", high_95 < 0),
    )
    return next((name for name, holds in rules if holds), "inconclusive")


def difference_interval(
    a: ArrayLike, b: ArrayLike, clusters: Clusters | None = None, *, level: float = OUTER
) -> Interval:
    """The interval of the mean of a - b: Tango for independent right and wrong answers, else t, CR2 when clustered.

    Arguments and errors are those of margin_verdict. It equals the interval of paired_shares and paired_means, and
    draws nothing.
    """
    first, second = finite(a), finite(b)
    found = mean_interval(first - second, clusters, level=level)
    if singletons_dropped(clusters) is not None or not _is_binary(first, second):
        return found
    only_a, only_b = int(np.sum(first > second)), int(np.sum(first < second))
    low, high = tango_interval(only_a, only_b, len(first), level)
    estimate = (only_a - only_b) / len(first)
    return Interval(
        estimate=estimate,
        n=found.n,
        clusters=found.n,
        method="Tango",
        level=level,
        se=found.se,
        low=low,
        high=high,
    )


def _is_binary(first: FloatArray, second: FloatArray) -> bool:
    return bool(np.isin(np.concatenate([first, second]), (0.0, 1.0)).all())


def _ends(found: Interval) -> tuple[float, float]:
    if found.low is None or found.high is None:
        raise ValueError(f"no interval: {found.refused}")
    return found.low, found.high
