"""Which size to take, read from intervals: whether size, or retrieval, is sure to buy more than the margin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log10
from typing import Literal

from harness.analysis.grid_confidence import SizedQuantity
from harness.analysis.intervals import Interval
from harness.analysis.line import Coefficient
from harness.analysis.refusals import Refused
from harness.analysis.searched import ModelUplift
from harness.analysis.substitutes import BestSubstitute
from harness.analysis.uplift_line import UpliftLine

SizeCall = Literal["scale up", "do not scale", "test before deciding"]
HELD = {"superior", "equivalent", "non-inferior"}


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalAdvice:
    """What the intervals say of size, for all questions (`task` None) or one task type.

    `gain` is what the line says that the largest fitted size scores above the smallest, with its interval at the level
    of the slope. "scale up" holds when that interval lies wholly above the margin, "do not scale" when it lies wholly
    below, else "test before deciding". `hybrid_helps` names the models whose best uplift by retrieval is above 0 with
    its whole interval. `overconfident` is True when the gap between confidence and accuracy surely grows with size,
    False when it surely does not, None when neither is sure. `smallest_enough` is the smallest model that with
    retrieval surely holds its own against the largest one, within the margin; None when there is none.
    """

    task: str | None
    call: SizeCall
    margin: float
    least_b: float
    most_b: float
    gain: float
    low: float | None
    high: float | None
    reasoning: str
    hybrid_helps: tuple[str, ...]
    overconfident: bool | None
    smallest_enough: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceRules:
    """The direct condition whose lines count, the declared margin, and the models with a usable size in billions."""

    condition: str
    margin: float
    sizes_b: Mapping[str, float]


def size_advice(
    lines: Sequence[SizedQuantity],
    uplifts: Sequence[ModelUplift],
    best: Sequence[BestSubstitute],
    rules: AdviceRules,
) -> tuple[IntervalAdvice, ...] | Refused:
    """The advice over all questions and for each task type that has a line of accuracy under the condition.

    Args:
        lines: accuracy and gap by size.
        uplifts: what each model gains by retrieval, over all questions.
        best: the verdicts of small models with retrieval against larger ones.
        rules: the condition, the margin (> 0, else refused) and the sizes.
    """
    condition, margin, sizes_b = rules.condition, rules.margin, rules.sizes_b
    if not 0 < margin < float("inf"):
        return Refused(reason=f"advice needs a declared margin above 0, has {margin:g}")
    wanted = [line for line in lines if line.condition == condition and line.quantity == "accuracy"]
    told = [line for line in wanted if isinstance(line.line, UpliftLine) and line.line.slope is not None]
    if not told:
        why = next(
            (line.line.reason for line in wanted if isinstance(line.line, Refused)), "no model answered directly"
        )
        return Refused(reason=why)
    gaps = {line.task: line.line for line in lines if line.condition == condition and line.quantity == "gap"}
    helped = tuple(
        row.model for row in uplifts if isinstance(row.best_uplift, Interval) and _above_zero(row.best_uplift)
    )
    enough = _smallest_enough(best, sizes_b)
    return tuple(_advice(line, gaps.get(line.task), (helped, enough), margin, sizes_b) for line in told)


def _advice(
    line: SizedQuantity,
    gap: UpliftLine | Refused | None,
    found: tuple[tuple[str, ...], str | None],
    margin: float,
    sizes_b: Mapping[str, float],
) -> IntervalAdvice:
    if not isinstance(line.line, UpliftLine) or line.line.slope is None:
        raise ValueError("advice needs a line with a slope")
    slope, models = line.line.slope, [sizes_b[model] for model in line.line.models]
    decades = log10(max(models)) - log10(min(models))
    low, high = (None if end is None else end * decades for end in (slope.low, slope.high))
    call, why = _call(slope, (low, high), margin)
    return IntervalAdvice(
        task=line.task,
        call=call,
        margin=margin,
        least_b=min(models),
        most_b=max(models),
        gain=slope.estimate * decades,
        low=low,
        high=high,
        reasoning=why,
        hybrid_helps=found[0],
        overconfident=_grows(gap),
        smallest_enough=found[1],
    )


def _call(slope: Coefficient, ends: tuple[float | None, float | None], margin: float) -> tuple[SizeCall, str]:
    low, high = ends
    if low is None or high is None:
        return "test before deciding", f"the slope has no interval: {slope.refused}"
    told = f"from the smallest to the largest size accuracy changes by [{100 * low:.1f}, {100 * high:.1f}] points"
    if low > margin:
        return "scale up", f"{told}, wholly above the margin of {100 * margin:g}"
    if high < margin:
        return "do not scale", f"{told}, wholly below the margin of {100 * margin:g}"
    return "test before deciding", f"{told}, on both sides of the margin of {100 * margin:g}"


def _grows(gap: UpliftLine | Refused | None) -> bool | None:
    if not isinstance(gap, UpliftLine) or gap.slope is None or gap.slope.low is None or gap.slope.high is None:
        return None
    if gap.slope.low <= 0 <= gap.slope.high:
        return None
    return gap.slope.low > 0


def _smallest_enough(best: Sequence[BestSubstitute], sizes_b: Mapping[str, float]) -> str | None:
    if not best:
        return None
    largest = max((row.large for row in best), key=lambda model: sizes_b[model])
    held = [
        row.small
        for row in best
        if row.large == largest and not isinstance(row.verdict, Refused) and row.verdict.standing in HELD
    ]
    return min(held, key=lambda model: sizes_b[model], default=None)


def _above_zero(found: Interval) -> bool:
    return found.low is not None and found.low > 0
