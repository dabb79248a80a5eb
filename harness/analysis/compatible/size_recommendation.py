"""The published rule that turns a CCG and an accuracy change into a recommended size."""

from dataclasses import dataclass, field
from typing import Literal

from harness.analysis.compatible import faults

Advice = Literal["Scale up", "Moderate scaling", "Don't scale - use hybrid", "Test before deciding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRecommendation:
    """What to do about size; `suggested_size` is in parameters, None where the rule names none.

    `hybrid_needed` is None where the rule does not decide.
    """

    recommendation: Advice
    reasoning: str
    suggested_size: str | None
    hybrid_needed: bool | None
    compatible: bool = field(default=True, init=False)
    fault: str = field(default=faults.RECOMMENDATION, init=False)


def recommend_size(ccg: float, accuracy_change: float) -> SizeRecommendation:
    """The first rule that holds, for every pair of numbers, infinite and undefined ones included.

    Change above 20 and CCG above -5: scale up. Above 10 and CCG above -20: moderate scaling. Change below 10 or CCG
    below -20: do not scale. Else test.

    Args:
        ccg: loss slope over accuracy slope.
        accuracy_change: largest model minus smallest; the thresholds were published for percentage points.

    Source: the published formula "size recommendation".
    """
    said = f"accuracy changes by {accuracy_change:+.3g}, CCG is {ccg:.3g}"
    if accuracy_change > 20 and ccg > -5:  # noqa: PLR2004 - the published thresholds, each used once
        return _advice("Scale up", f"{said}: above 20 and above -5", "more than 13B", hybrid_needed=False)
    if accuracy_change > 10 and ccg > -20:  # noqa: PLR2004 - as above
        return _advice("Moderate scaling", f"{said}: above 10 and above -20", "7-13B", hybrid_needed=False)
    if accuracy_change < 10 or ccg < -20:  # noqa: PLR2004 - as above
        return _advice("Don't scale - use hybrid", f"{said}: below 10 or below -20", "3-7B", hybrid_needed=True)
    return _advice("Test before deciding", f"{said}: between the thresholds", None, hybrid_needed=None)


def _advice(
    recommendation: Advice, reasoning: str, suggested_size: str | None, *, hybrid_needed: bool | None
) -> SizeRecommendation:
    return SizeRecommendation(
        recommendation=recommendation,
        reasoning=reasoning,
        suggested_size=suggested_size,
        hybrid_needed=hybrid_needed,
    )
