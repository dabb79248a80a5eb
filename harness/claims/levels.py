"""Claims over one cell: its share of right answers, or the mean of a metric, against a number."""

from dataclasses import dataclass, replace
from math import isfinite
from sys import float_info
from typing import Literal

import numpy as np

from harness.analysis.intervals import (
    NO_SPREAD,
    FloatArray,
    IntArray,
    Interval,
    mean_interval,
    share_interval,
    singletons_dropped,
)
from harness.analysis.margin_tests import Margin, independent_units, margin_tests
from harness.analysis.yardstick import CORRECT, Yardstick
from harness.claims.ground import Ground, Spot, modes, scores, spot_of, stick_of
from harness.claims.needs import alike_needed, questions_needed, why_not
from harness.claims.pairs import LEVEL
from harness.claims.results import ALPHA, Finding, Undecided, undecided
from harness.claims.wording import bounds, level
from harness.errors import HarnessError

Side = Literal["at least", "at most"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A cell's mean of a metric held against a value, strictly inside the metric's range."""

    cell: str
    side: Side
    value: float
    metric: str = CORRECT


def bounded(ground: Ground, bound: Bound, *, alpha: float = ALPHA) -> Finding:
    """Whether the mean keeps its bound: exact binomial tests of independent right and wrong answers, else t (CR2).

    Raises:
        HarnessError: an unknown cell or metric, or a value at or beyond the ends of its range.
    """
    share = bound.metric == CORRECT
    what = "right" if share else bound.metric
    claim = f"{bound.cell} has {bound.side} {level(bound.value, share=share)} {what}"
    try:
        spot = spot_of(ground, bound.cell)
        stick = stick_of(spot.grid, bound.metric)
        _check(bound, stick)
        samples = [_sample(spot, scores(spot, stick, missing), stick) for missing in modes(ground, bound.cell)]
    except Undecided as why:
        return undecided(claim, why)
    values, clusters = samples[0]
    tests = [_tests(*sample, bound, stick) for sample in samples]
    interval = _interval(values, clusters)
    ahead = (interval.estimate - bound.value) * (1 if bound.side == "at least" else -1)
    numbers = (
        f"It has {level(interval.estimate, share=share)} {bounds(interval, share=share, signed=False)} "
        f"over {len(values)} questions."
    )
    found = Finding(claim=claim, numbers=numbers, n=len(values), why=why_not(ahead))
    if isinstance(tests[0], str):
        return replace(found, why=tests[0])
    needed = _needed(values, clusters, (interval, ahead, stick.span), alpha)
    support, against = (max(float(test[side]) for test in tests) for side in (0, 1))
    return replace(found, support=support, against=against, needed=needed)


def _check(bound: Bound, stick: Yardstick) -> None:
    if not (stick.low < bound.value < stick.high and isfinite(bound.value)):
        raise HarnessError(
            f"{bound.side} {bound.value} of {stick.name} is no claim: give a number between {stick.low:g} and "
            f"{stick.high:g}, both excluded"
        )


def _sample(spot: Spot, values: FloatArray, stick: Yardstick) -> tuple[FloatArray, IntArray]:
    there = np.isfinite(values)
    if not there.any():
        raise Undecided(f"none of its {len(values)} questions has a value of {stick.name}")
    return values[there], spot.grid.questions.clusters[there]


def _tests(values: FloatArray, clusters: IntArray, bound: Bound, stick: Yardstick) -> tuple[float, float] | str:
    """p-values for and against the claim, or why there are none."""
    if _is_share(values) and singletons_dropped(clusters) is None:
        low, high = _binomial(int(values.sum()), len(values), bound.value)
        return (high, low) if bound.side == "at least" else (low, high)
    fixed = np.full(len(values), bound.value)
    new, old = (values, fixed) if bound.side == "at least" else (fixed, values)
    found = margin_tests(new, old, clusters, Margin(value=0.0, span=stick.span))
    if found.held is None or found.worse is None:
        return str(found.refused)
    return found.held, found.worse


def _binomial(right: int, n: int, share: float) -> tuple[float, float]:
    """P(X <= right) and P(X >= right) for X of Bin(n, share): small when the true share is below, or above."""
    from scipy.special import bdtr, bdtrc

    above = float(bdtrc(right - 1, n, share)) if right else 1.0
    # a tail below the least float is small, not 0
    return max(float_info.min, float(bdtr(right, n, share))), max(float_info.min, above)


def _interval(values: FloatArray, clusters: IntArray) -> Interval:
    return (share_interval if _is_share(values) else mean_interval)(values, clusters, level=LEVEL)


def _is_share(values: FloatArray) -> bool:
    return bool(np.isin(values, (0.0, 1.0)).all())


def _needed(
    values: FloatArray, clusters: IntArray, measured: tuple[Interval, float, float], alpha: float
) -> int | None:
    interval, ahead, span = measured
    if np.ptp(values) > NO_SPREAD:
        return questions_needed(interval, ahead, alpha=alpha)
    per_unit = len(values) / independent_units(singletons_dropped(clusters), len(values))
    return alike_needed(ahead, per_unit, span, alpha=alpha)
