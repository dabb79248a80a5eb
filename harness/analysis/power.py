"""What a paired comparison of so many questions can tell, and how many questions a declared margin needs."""

from dataclasses import dataclass
from math import ceil, isfinite, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from harness.analysis.distributions import normal_quantile
from harness.analysis.intervals import NO_SPREAD, Clusters, design_effect, error_of, finite, singletons_dropped

POWER_AIMED = 0.80
ALPHA = 0.05  # one-sided, of non-inferiority


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDesign:
    """A paired comparison over `n` questions, as far as its power goes.

    `discordance` is the mean squared difference between the two cells' scores, at least 0: for right and wrong answers
    the share of questions that only one cell got right. `design_effect` says how many times clusters inflate the
    variance.
    """

    n: int
    discordance: float
    design_effect: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectableEffect:
    """The least true difference that a two-sided test at `level` finds with `power`; None exactly with a reason."""

    n: int
    level: float
    power: float
    effect: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NonInferiorityPower:
    """The chance that the one-sided test at `alpha` shows non-inferiority by `margin`, given the `true_difference`.

    `power` is None exactly when `reason` says why. `n_needed` questions, clustered alike, reach `power_aimed`; it is
    None exactly when `n_reason` says why.
    """

    n: int
    margin: float
    true_difference: float
    alpha: float
    power_aimed: float
    power: float | None = None
    reason: str | None = None
    n_needed: int | None = None
    n_reason: str | None = None


def paired_design(a: ArrayLike, b: ArrayLike, clusters: Clusters | None = None) -> PairedDesign:
    """The design of two cells' scores on the same questions.

    Args:
        a: scores of the first cell, shape (n,), n >= 1.
        b: scores of the second cell, shape (n,).
        clusters: one cluster name per question, or None for independent questions.

    Raises:
        ValueError: no questions, lengths that differ, or a score that is not finite.
    """
    first, second = finite(a), finite(b)
    if len(first) != len(second):
        raise ValueError(f"{len(first)} scores against {len(second)}: a pair is two answers to one question")
    differences = first - second
    names = singletons_dropped(clusters)
    error = error_of(differences, names)
    inflated = 1.0 if names is None or isinstance(error, str) else design_effect(error.se, differences)
    return PairedDesign(n=len(first), discordance=float(np.mean(differences**2)), design_effect=inflated)


def detectable_effect(design: PairedDesign, *, level: float = 0.95, power: float = POWER_AIMED) -> DetectableEffect:
    """The minimum detectable effect, the root D of D = (z_level + z_power) sqrt((discordance - D^2) deff / n).

    With k the factor before sqrt(discordance - D^2) that is k sqrt(discordance / (1 + k^2)), close to
    2.80 sqrt(discordance / n) for large n. Right and wrong answers cannot differ by more than their discordance: a
    larger effect says that no difference is found with this power.

    Args:
        design: the comparison.
        level: of the two-sided test's interval, in (0, 1).
        power: aimed at, in (0, 1).

    Raises:
        ValueError: an impossible design.

    Source: Connor 1987, Biometrics 43(1), for the variance of a paired difference of shares.
    """
    _check(design)
    if design.discordance <= NO_SPREAD:
        return DetectableEffect(n=design.n, level=level, power=power, reason=_nothing_differs(design))
    k = (normal_quantile((1 + level) / 2) + normal_quantile(power)) * sqrt(design.design_effect / design.n)
    effect = k * sqrt(design.discordance / (1 + k**2))
    return DetectableEffect(n=design.n, level=level, power=power, effect=effect)


def noninferiority_power(
    design: PairedDesign, *, margin: float, true_difference: float = 0.0, power: float = POWER_AIMED
) -> NonInferiorityPower:
    """Power of the one-sided .05 test that the difference is above -margin, and the n that reaches `power`.

    Phi((margin + D) / sqrt((discordance - D^2) deff / n) - z_.95) with D the true difference;
    n = (z_.95 + z_power)^2 (discordance - D^2) deff / (margin + D)^2, rounded up.

    Args:
        design: the comparison.
        margin: declared before the run, > 0, in the unit of the scores.
        true_difference: assumed, not observed, in the unit of the scores; its square is at most the discordance.
        power: aimed at, in (0, 1).

    Raises:
        ValueError: an impossible design, margin or difference.
    """
    _check(design)
    _check_margin(margin)
    if true_difference**2 > design.discordance + NO_SPREAD:
        raise ValueError(f"a difference of {true_difference} cannot come from a discordance of {design.discordance}")
    variance = (design.discordance - true_difference**2) * design.design_effect
    value, reason = _power(design, variance, margin + true_difference)
    needed, n_reason = _needed(design, variance, margin + true_difference, power)
    return NonInferiorityPower(
        n=design.n,
        margin=margin,
        true_difference=true_difference,
        alpha=ALPHA,
        power_aimed=power,
        power=value,
        reason=reason,
        n_needed=needed,
        n_reason=n_reason,
    )


def _power(design: PairedDesign, variance: float, distance: float) -> tuple[float | None, str | None]:
    if variance <= NO_SPREAD:
        return None, _nothing_differs(design)
    return NormalDist().cdf(distance / sqrt(variance / design.n) - normal_quantile(1 - ALPHA)), None


def _needed(design: PairedDesign, variance: float, distance: float, power: float) -> tuple[int | None, str | None]:
    if variance <= NO_SPREAD:
        return None, _nothing_differs(design)
    if distance <= 0:
        return None, "no number of questions shows non-inferiority when the true difference is at or below -margin"
    z = normal_quantile(1 - ALPHA) + normal_quantile(power)
    needed = z**2 * variance / distance / distance
    if not isfinite(needed):
        return None, "the margin is too small for any number of questions"
    return max(1, ceil(needed)), None


def _nothing_differs(design: PairedDesign) -> str:
    return f"the differences on the {design.n} questions do not spread, which says nothing of power"


def _check(design: PairedDesign) -> None:
    sound = design.n >= 1 and 0 <= design.discordance < float("inf") and 0 < design.design_effect < float("inf")
    if not sound:
        raise ValueError(f"no paired design: {design}")


def _check_margin(margin: float) -> None:
    if not 0 < margin < float("inf"):
        raise ValueError(f"a margin is above 0 and finite, not {margin}")
