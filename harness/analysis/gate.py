"""The gate: is a changed run worse than its baseline by more than the margin, is it not, or can that not be told?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from harness.analysis.gate_cells import CellPair, Refused, pairs
from harness.analysis.gate_clusters import gate_power, gate_tests
from harness.analysis.intervals import FloatArray, IntArray, Interval
from harness.analysis.margin_tests import Margin, MarginTests, bounded_interval
from harness.analysis.multiplicity import Adjusted, adjust
from harness.analysis.power import NonInferiorityPower
from harness.analysis.yardstick import CORRECT, RunCases, Yardstick, changes, yardstick
from harness.errors import HarnessError

Verdict = Literal["regression", "no regression", "underpowered"]
ALPHA = 0.05
LEVEL = 1 - 2 * ALPHA  # the ends of this two-sided interval are the two one-sided bounds
NO_REGRESSION, REGRESSION, NOTHING_COMPARED, UNDERPOWERED = 0, 1, 4, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What the gate holds the runs to: a `margin` on `metric`, on the scale of its scores.

    "correct" is the share of correct answers. `common` compares the common questions where the runs asked others.
    """

    margin: float
    metric: str = CORRECT
    common: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCell:
    """One cell's verdict over its `n` questions.

    `gain` is B - A, turned where lower is better, so that a loss is always below 0: its 90 % interval, whose two ends
    are the bounds of the two one-sided .05 tests before adjustment. `worse` and `held` are the adjusted p-values of a
    regression and of no regression; both are None exactly when `reason` says why nothing was tested. `measurably_worse`
    is True when the interval lies below 0. `power` is that of showing no regression if both were the same, at the
    level of the family's first step.
    """

    model: str
    condition: str
    verdict: Verdict
    n: int
    mean_a: float
    mean_b: float
    gain: Interval
    power: NonInferiorityPower
    method: str
    worse: Adjusted | None = None
    held: Adjusted | None = None
    measurably_worse: bool = False
    reason: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Run B against its baseline A: the cells that were compared, in order, those that were not, and what changed."""

    a: str
    b: str
    rule: Rule
    yardstick: Yardstick
    cells: tuple[GateCell, ...]
    refused: tuple[Refused, ...]
    changed: tuple[str, ...]


def gate(a: RunCases, b: RunCases, rule: Rule) -> Gate:
    """Hold B against the baseline A, cell by cell, on paired questions.

    With d the mean of B - A (turned where lower is better) and m the margin, a cell is

    - a regression when the one-sided test rejects d >= -m: it is worse by more than the margin;
    - no regression when the one-sided test rejects d <= -m: it is non-inferior at the margin;
    - underpowered otherwise; never is "no difference was found" taken for "no regression".

    Both families of p-values, one test per compared cell, are adjusted by Holm. So the chance that any cell which is
    worse by the margin or more is passed as no regression is at most .05, and so is the chance that any cell which is
    not worse by more than the margin is called a regression; whether the whole run passes errs no more often than the
    first. (In simulation the approximate tests err at most .06; see gate_tests for rare losses in few clusters.)
    A cell whose answers all have the same keys and scores in both runs was not changed: no regression, untested.

    Raises:
        HarnessError: the metric cannot be compared (see yardstick), or the margin does not fit its scale.
        MissingExtra: pandas or scipy is not installed.
    """
    stick = yardstick(a, b, rule.metric)
    margin = margin_of(rule, stick)
    found = list(pairs(a, b, stick, common=rule.common))
    compared = [pair for pair in found if isinstance(pair, CellPair)]
    return Gate(
        a=a.name,
        b=b.name,
        rule=rule,
        yardstick=stick,
        cells=_judged(compared, stick, margin),
        refused=tuple(pair for pair in found if isinstance(pair, Refused)),
        changed=changes(a, b),
    )


def exit_code(found: Gate) -> int:
    """1 with a regression in any cell, else 6 when any is underpowered, else 0; 4 when no cell was compared."""
    verdicts = {cell.verdict for cell in found.cells}
    if not verdicts:
        return NOTHING_COMPARED
    if "regression" in verdicts:
        return REGRESSION
    return UNDERPOWERED if "underpowered" in verdicts else NO_REGRESSION


def margin_of(rule: Rule, stick: Yardstick) -> Margin:
    """The rule's margin on the scale of the yardstick.

    Raises:
        HarnessError: it is negative, no number, or not below the span of the scores.
    """
    try:
        return Margin(value=rule.margin, span=stick.span)
    except ValueError as error:
        raise HarnessError(
            f"--margin {rule.margin:g} does not fit {stick.name}: give a number from 0 to below {stick.span:g}"
        ) from error


def _judged(compared: Sequence[CellPair], stick: Yardstick, margin: Margin) -> tuple[GateCell, ...]:
    tests = [None if _unchanged(pair) else gate_tests(*_gain(pair, stick), margin) for pair in compared]
    worse, held = (
        adjust([None if test is None else getattr(test, side) for test in tests], exploratory=False)
        for side in ("worse", "held")
    )
    family = sum(adjusted is not None for adjusted in held)
    return tuple(
        _cell(pair, test, (worse[place], held[place]), _measured(pair, stick, margin, family))
        for place, (pair, test) in enumerate(zip(compared, tests, strict=True))
    )


def _unchanged(pair: CellPair) -> bool:
    return pair.same_answers and bool((pair.a == pair.b).all())


def _gain(pair: CellPair, stick: Yardstick) -> tuple[FloatArray, FloatArray, IntArray]:
    """The scores of B and of A, larger being better, and the clusters."""
    sign = 1.0 if stick.higher_is_better else -1.0
    return sign * pair.b, sign * pair.a, pair.clusters


def _measured(pair: CellPair, stick: Yardstick, margin: Margin, family: int) -> tuple[Interval, NonInferiorityPower]:
    new, old, clusters = _gain(pair, stick)
    interval = bounded_interval(new, old, clusters, level=LEVEL, span=stick.span)
    return interval, gate_power(new, old, clusters, margin, alpha=ALPHA / max(1, family))


def _cell(
    pair: CellPair,
    test: MarginTests | None,
    adjusted: tuple[Adjusted | None, Adjusted | None],
    measured: tuple[Interval, NonInferiorityPower],
) -> GateCell:
    interval, power = measured
    worse, held = adjusted
    cell = GateCell(
        model=pair.model,
        condition=pair.condition,
        verdict="underpowered",
        n=len(pair.a),
        mean_a=float(pair.a.mean()),
        mean_b=float(pair.b.mean()),
        gain=interval,
        power=power,
        method="same answers" if test is None else test.method,
        worse=worse,
        held=held,
        measurably_worse=interval.high is not None and interval.high < 0,
        reason=None if test is None else test.refused,
        notes=(*pair.notes, *_unseen_note(test, interval, power)),
    )
    if test is None:
        # one measurement read twice: there is no difference to estimate
        bare = replace(interval, low=None, high=None, refused="both runs hold the same answers")
        return replace(cell, verdict="no regression", gain=bare, reason=bare.refused)
    return replace(cell, verdict=_verdict(worse, held))


def _unseen_note(test: MarginTests | None, interval: Interval, power: NonInferiorityPower) -> tuple[str, ...]:
    """Why a cell whose interval clears the margin is not passed, where that is for the clusters."""
    clears = interval.low is not None and interval.low > -power.margin and interval.clusters < interval.n
    if test is None or test.held is None or test.held <= ALPHA or not clears:
        return ()
    few = f"{interval.clusters} clusters are too few to have seen a loss that takes whole clusters"
    return (f"its interval clears the margin, but {few}",)


def _verdict(worse: Adjusted | None, held: Adjusted | None) -> Verdict:
    if worse is not None and worse.p <= ALPHA:
        return "regression"
    return "no regression" if held is not None and held.p <= ALPHA else "underpowered"
