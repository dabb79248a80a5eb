"""Two one-sided tests of a paired difference against one point, -margin: is it below, or is it above?"""

from dataclasses import dataclass, replace
from math import ceil, hypot, inf, isfinite, log, log1p, sqrt
from statistics import NormalDist
from sys import float_info

import numpy as np
from numpy.typing import ArrayLike

from harness.analysis.distributions import normal_quantile, t_two_sided_p
from harness.analysis.intervals import (
    NO_SPREAD,
    Clusters,
    FloatArray,
    Interval,
    StandardError,
    cluster_sizes,
    design_effect,
    error_of,
    finite,
    singletons_dropped,
)
from harness.analysis.margin import difference_interval
from harness.analysis.paired import mcnemar_mid_p, tango_statistic
from harness.analysis.power import POWER_AIMED, NonInferiorityPower, PairedDesign, paired_design


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """A loss of `value` that is borne, for scores of which two differ by at most `span` (infinite when unbounded).

    Raises:
        ValueError: not 0 <= value < span.
    """

    value: float
    span: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.value < self.span or not isfinite(self.value):
            raise ValueError(f"a margin is at least 0 and below the span {self.span:g} of the scores, not {self.value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginTests:
    """One-sided p-values of the mean of new - old, in (0, 1].

    `worse` tests that it is at least -margin: a small one says that new is worse by more than the margin. `held` tests
    that it is at most -margin: a small one says that new loses less than the margin. Both are None exactly when
    `refused` says why.
    """

    method: str
    worse: float | None = None
    held: float | None = None
    refused: str | None = None


def margin_tests(new: ArrayLike, old: ArrayLike, clusters: Clusters | None, margin: Margin) -> MarginTests:
    """Both one-sided tests of new - old against -margin; higher scores are better.

    Independent right and wrong answers: Tango's score statistic, each p at least the exact binomial tail when nothing
    was gained (the score statistic is too sure of rare losses); at margin 0 the mid-p McNemar test. Other scores: t
    with the (CR2) standard error, where `held` counts one more, unseen, worst possible loss, which weighs as many
    questions as the design effect says: without it n questions that lost nothing large would prove that there is
    nothing large to lose. Differences that do not spread, or that come in one cluster: the bounds of `no_spread_tests`.

    Args:
        new: scores of the changed cell, shape (n,), n >= 1.
        old: scores of its baseline on the same questions, shape (n,).
        clusters: the name or code of each question's cluster, or None for independent questions.
        margin: on the scale of the scores.

    Raises:
        ValueError: no questions, lengths that differ, or a score that is not finite.

    Source: Tango 1998, Statistics in Medicine 17(8); Fagerland et al. 2013, BMC Medical Research Methodology 13:91.
    """
    first, second = _pair(new, old)
    names = singletons_dropped(clusters)
    if names is None and _is_binary(first, second):
        return _score_tests(int(np.sum(first > second)), int(np.sum(first < second)), len(first), margin.value)
    differences = first - second
    error = error_of(differences, names)
    if isinstance(error, str) or error.se <= NO_SPREAD:
        return no_spread_tests(float(differences.mean()), independent_units(names, len(differences)), margin)
    weight = 1.0 if names is None else design_effect(error.se, differences)
    return _t_tests(float(differences.mean()), error, (len(differences), weight), margin)


def no_spread_tests(difference: float, units: float, margin: Margin) -> MarginTests:
    """Exact tests when each of `units` independent units has the same mean difference c, by Markov's inequality.

    A unit reaches c with probability at most (span - m)/(span + c) when the mean is at most -m, and stays at or below
    c with probability at most (span + m)/(span - c) when it is at least -m; p is that to the power of `units`. For
    c = 0, m = .03 and a span of 1 that is .97^n: 99 equal answers rule out a loss of 3 points, 98 do not.

    Raises:
        ValueError: fewer than 1 unit.
    """
    if units < 1:
        raise ValueError(f"there is at least 1 unit, not {units}")
    method, m, span = "bound", margin.value, margin.span
    if not isfinite(span):
        return MarginTests(method=method, refused="the differences do not spread, and the metric has no bounds")
    held = ((span - m) / (span + difference)) ** units if difference > -m else 1.0
    worse = ((span + m) / (span - difference)) ** units if difference < -m else 1.0
    return MarginTests(method=method, worse=max(float_info.min, worse), held=max(float_info.min, held))


def bounded_interval(
    new: ArrayLike, old: ArrayLike, clusters: Clusters | None, *, level: float, span: float
) -> Interval:
    """The interval of difference_interval; without spread, of a metric with bounds, the one of `no_spread_tests`.

    Arguments and errors are those of margin_tests; level is two-sided, in (0, 1).
    """
    found = difference_interval(new, old, clusters, level=level)
    if found.refused is None or not isfinite(span):
        return found
    root = float(((1 - level) / 2) ** (1 / independent_units(singletons_dropped(clusters), found.n)))
    low = (span + found.estimate) * root - span
    high = span - (span - found.estimate) * root
    return replace(found, method="bound", low=low, high=high, refused=None)


def margin_power(
    new: ArrayLike, old: ArrayLike, clusters: Clusters | None, margin: Margin, *, alpha: float
) -> NonInferiorityPower:
    """The chance that `held` is at most alpha if new and old were the same, and the questions that reach .80.

    Phi((m - w/n)/sqrt(V/n) - z) with V the discordance times the design effect and w the weight of the unseen loss (0
    for independent right and wrong answers, and without bounds); without spread, the questions that the exact bound
    needs. Arguments and errors are those of margin_tests.
    """
    design = paired_design(new, old, clusters)
    first, second = _pair(new, old)
    names = singletons_dropped(clusters)
    exempt = (names is None and _is_binary(first, second)) or not isfinite(margin.span)
    unseen = 0.0 if exempt else margin.span * design.design_effect
    bare = NonInferiorityPower(
        n=design.n, margin=margin.value, true_difference=0.0, alpha=alpha, power_aimed=POWER_AIMED
    )
    if margin.value <= 0:
        reason = "equal cells are never shown to lose less than nothing: declare a margin above 0"
        return replace(bare, reason=reason, n_reason=reason)
    if design.discordance * design.design_effect <= NO_SPREAD:
        return _power_without_spread(bare, independent_units(names, design.n), margin)
    return _power(bare, design, unseen)


def independent_units(clusters: Clusters | None, n: int) -> float:
    """How many independent units n questions are when clusters answer alike: n^2 / sum n_g^2, at most their number.

    Source: Kish 1965, Survey Sampling, on unequal weights.
    """
    if clusters is None:
        return float(n)
    _, sizes = cluster_sizes(clusters, n)
    return float(n**2 / np.sum(sizes**2))


def _score_tests(gains: int, losses: int, n: int, margin: float) -> MarginTests:
    if margin == 0:
        half = mcnemar_mid_p(gains, losses) / 2
        worse = half if losses > gains else 1 - half
        return MarginTests(method="mid-p McNemar", worse=worse, held=1 - half if losses > gains else half)
    z = tango_statistic(gains, losses, n, -margin)
    worse, held = NormalDist().cdf(z), NormalDist().cdf(-z)
    if not gains:
        from scipy.special import bdtr, bdtrc

        held = max(held, float(bdtr(losses, n, margin)))
        worse = max(worse, float(bdtrc(losses - 1, n, margin)) if losses else 1.0)
    return MarginTests(method="Tango", worse=max(float_info.min, worse), held=max(float_info.min, held))


def _t_tests(mean: float, error: StandardError, questions: tuple[int, float], margin: Margin) -> MarginTests:
    n, weight = questions
    worse = _below((mean + margin.value) / error.se, error.df)
    held = _below(-(mean + margin.value) / error.se, error.df)
    if margin.span < inf:
        moved = (n * mean - weight * margin.span) / (n + weight)
        spread = hypot(n * error.se, weight * margin.span) / (n + weight)
        held = max(held, _below(-(moved + margin.value) / spread, error.df))
    return MarginTests(method="t", worse=worse, held=held)


def _below(t: float, df: float) -> float:
    half = t_two_sided_p(t, df) / 2
    return max(float_info.min, half if t < 0 else 1 - half)


def _power(bare: NonInferiorityPower, design: PairedDesign, unseen: float) -> NonInferiorityPower:
    variance = design.discordance * design.design_effect
    z = normal_quantile(1 - bare.alpha)
    distance = (bare.margin - unseen / design.n) / sqrt(variance / design.n)
    aimed = (z + normal_quantile(bare.power_aimed)) * sqrt(variance)
    root = (aimed + sqrt(aimed**2 + 4 * bare.margin * unseen)) / (2 * bare.margin)
    return _with_needed(replace(bare, power=NormalDist().cdf(distance - z)), root * root)


def _power_without_spread(bare: NonInferiorityPower, units: float, margin: Margin) -> NonInferiorityPower:
    reason = f"the differences on the {bare.n} questions do not spread, which says nothing of power"
    if not isfinite(margin.span):
        return replace(bare, reason=reason, n_reason=reason)
    needed = log(bare.alpha) / log1p(-margin.value / margin.span)
    return _with_needed(replace(bare, reason=reason), needed * bare.n / units)


def _with_needed(bare: NonInferiorityPower, questions: float) -> NonInferiorityPower:
    if not isfinite(questions):
        return replace(bare, n_reason="the margin is too small for any number of questions")
    return replace(bare, n_needed=max(1, ceil(questions)))


def _is_binary(first: FloatArray, second: FloatArray) -> bool:
    return bool(np.isin(np.concatenate([first, second]), (0.0, 1.0)).all())


def _pair(new: ArrayLike, old: ArrayLike) -> tuple[FloatArray, FloatArray]:
    first, second = finite(new), finite(old)
    if len(first) != len(second):
        raise ValueError(f"{len(first)} scores against {len(second)}: a pair is two answers to one question")
    return first, second
