"""Claims over two cells on the same questions: one matches the other, or beats it."""

from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from harness.analysis.arms import Missing
from harness.analysis.intervals import NO_SPREAD, FloatArray, IntArray, Interval, singletons_dropped
from harness.analysis.margin_tests import (
    Margin,
    MarginTests,
    bounded_interval,
    independent_units,
    margin_power,
    margin_tests,
)
from harness.analysis.yardstick import CORRECT, Yardstick
from harness.claims.ground import Ground, Spot, modes, scores, spot_of, stick_of
from harness.claims.needs import alike_needed, questions_needed, why_not
from harness.claims.results import ALPHA, Finding, Undecided, undecided
from harness.claims.wording import bounds, change, distance, level
from harness.errors import HarnessError

LEVEL = 1 - 2 * ALPHA  # its two ends are the bounds of the two one-sided tests


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pair:
    """Two cells' scores on the n questions that both scored, larger being better, of `planned` questions."""

    a: FloatArray
    b: FloatArray
    clusters: IntArray
    planned: int

    @property
    def n(self) -> int:
        """The questions that both scored."""
        return len(self.a)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rivals:
    """Two cells by name, and the metric they are compared by."""

    a: str
    b: str
    metric: str = CORRECT

    @property
    def is_share(self) -> bool:
        """Whether they are compared by their shares of right answers."""
        return self.metric == CORRECT


def matches(ground: Ground, rivals: Rivals, margin: float | None = None, *, alpha: float = ALPHA) -> Finding:
    """Whether `a` loses less than the margin against `b`, the study's when None is given (non-inferiority).

    Raises:
        HarnessError: an unknown cell or metric, or a margin that does not fit it.
    """
    value = ground.margin if margin is None else margin
    claim = f"{rivals.a} matches {rivals.b} within {distance(value, share=rivals.is_share)}{_in(rivals)}"
    try:
        spots = _spots(ground, rivals)
        stick = stick_of(spots[0].grid, rivals.metric)
        borne = _margin(value, stick)
        pairs = [_pair(spots, stick, missing) for missing in modes(ground, rivals.a, rivals.b)]
    except Undecided as why:
        return undecided(claim, why)
    tests = [margin_tests(pair.a, pair.b, pair.clusters, borne) for pair in pairs]
    pair = pairs[0]
    interval = _interval(pair, stick)
    power = margin_power(pair.a, pair.b, pair.clusters, borne, alpha=alpha)
    needed = power.n_needed
    if needed is None or needed <= pair.n:
        needed = questions_needed(interval, interval.estimate + value, alpha=alpha)
    found = _finding(claim, pair, interval, (rivals, stick))
    return _tested(found, tests, needed, interval.estimate + value)


def beats(ground: Ground, rivals: Rivals, by: float = 0.0, *, alpha: float = ALPHA) -> Finding:
    """Whether `a` gains more than `by` against `b`.

    Raises:
        HarnessError: an unknown cell or metric, or a gain that does not fit it.
    """
    more = f" by more than {distance(by, share=rivals.is_share)}" if by else ""
    claim = f"{rivals.a} beats {rivals.b}{more}{_in(rivals)}"
    try:
        spots = _spots(ground, rivals)
        stick = stick_of(spots[0].grid, rivals.metric)
        _margin(by, stick)
        pairs = [_pair(spots, stick, missing) for missing in modes(ground, rivals.a, rivals.b)]
    except Undecided as why:
        return undecided(claim, why)
    # moved by the gain, what is tested against 0 can differ by that much more
    borne = Margin(value=0.0, span=stick.span + by)
    tests = [margin_tests(pair.a - by, pair.b, pair.clusters, borne) for pair in pairs]
    pair = pairs[0]
    interval = _interval(pair, stick)
    ahead = interval.estimate - by
    needed = questions_needed(interval, ahead, alpha=alpha)
    if needed is None and (interval.se or 0.0) <= NO_SPREAD:
        per_unit = pair.n / independent_units(singletons_dropped(pair.clusters), pair.n)
        needed = alike_needed(ahead, per_unit, borne.span, alpha=alpha)
    return _tested(_finding(claim, pair, interval, (rivals, stick)), tests, needed, ahead)


def _spots(ground: Ground, rivals: Rivals) -> tuple[Spot, Spot]:
    a, b = (spot_of(ground, name) for name in (rivals.a, rivals.b))
    if a.grid is not b.grid:
        raise Undecided(f"the questions that {rivals.a} and {rivals.b} are asked differ")
    return a, b


def _pair(spots: tuple[Spot, Spot], stick: Yardstick, missing: Missing) -> Pair:
    sign = 1.0 if stick.higher_is_better else -1.0
    a, b = (sign * scores(spot, stick, missing) for spot in spots)
    there = np.isfinite(a) & np.isfinite(b)
    if not there.any():
        raise Undecided(f"none of the {len(a)} questions is scored in both cells")
    return Pair(a=a[there], b=b[there], clusters=spots[0].grid.questions.clusters[there], planned=len(a))


def _interval(pair: Pair, stick: Yardstick) -> Interval:
    return bounded_interval(pair.a, pair.b, pair.clusters, level=LEVEL, span=stick.span)


def _finding(claim: str, pair: Pair, interval: Interval, said: tuple[Rivals, Yardstick]) -> Finding:
    rivals, stick = said
    share = stick.column is None
    sign = 1.0 if stick.higher_is_better else -1.0
    first, second = (level(sign * float(values.mean()), share=share) for values in (pair.a, pair.b))
    what = "right" if share else f"in {stick.name}"
    gain = "" if stick.higher_is_better else " (a fall counts as a gain)"
    asked = "question" if pair.n == 1 else f"{pair.n} questions"
    numbers = (
        f"Of the same {asked} {rivals.a} gets {first} {what} and {rivals.b} {second}: "
        f"{change(interval.estimate, share=share)}{gain} {bounds(interval, share=share, signed=True)}."
        if share
        else f"On the same {asked} {rivals.a} has a mean of {first} {what} and {rivals.b} of {second}: "
        f"{change(interval.estimate, share=share)}{gain} {bounds(interval, share=share, signed=True)}."
    )
    if pair.n < pair.planned:
        numbers += f" {pair.planned - pair.n} of {pair.planned} questions have no score in one of them."
    return Finding(claim=claim, numbers=numbers, n=pair.n)


def _tested(found: Finding, tests: list[MarginTests], needed: int | None, ahead: float) -> Finding:
    """The finding with the larger p-values of the ways to count failed calls: a claim must stand either."""
    held, worse = ([getattr(test, side) for test in tests] for side in ("held", "worse"))
    if None in held:
        return replace(found, why=str(next(test.refused for test in tests if test.refused)))
    why = why_not(ahead)
    if len(tests) > 1:
        why += "; calls that failed were counted as wrong and left out, and the claim must stand both"
    return replace(found, support=max(held), against=max(worse), needed=needed, why=why)


def _margin(value: float, stick: Yardstick) -> Margin:
    try:
        return Margin(value=value, span=stick.span)
    except ValueError as error:
        most = f" to below {stick.span:g}" if isfinite(stick.span) else ""
        raise HarnessError(f"a margin of {value} does not fit {stick.name}: give a number from 0{most}") from error


def _in(rivals: Rivals) -> str:
    return "" if rivals.is_share else f" in {rivals.metric}"
