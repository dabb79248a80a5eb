"""How many questions a claim would need, and why none would do."""

from math import ceil, isfinite, log

from harness.analysis.distributions import normal_quantile
from harness.analysis.intervals import NO_SPREAD, Interval
from harness.analysis.power import POWER_AIMED

MOST = 10**9
CONTRARY = "the contrary was measured, and if that is so no number of questions helps"
NO_SPREAD_WHY = "the questions are too alike to say how many more would tell"


def questions_needed(found: Interval, distance: float, *, alpha: float) -> int | None:
    """(z_alpha + z_.80)^2 SE^2 n / distance^2, the questions, clustered alike, that tell with a chance of .80.

    Args:
        found: what was measured, with its standard error over n questions.
        distance: how far on its own side of the bound the truth is assumed to lie.
        alpha: of the one-sided test, in (0, 1).

    Returns:
        None when the distance is not above 0 or nothing spreads.

    Source: Connor 1987, Biometrics 43(1), for paired differences of shares; the same holds for any mean.
    """
    if distance <= 0 or found.se is None or found.se <= NO_SPREAD:
        return None
    z = normal_quantile(1 - alpha) + normal_quantile(POWER_AIMED)
    return _whole(z**2 * found.se**2 * found.n / distance**2)


def alike_needed(distance: float, per_unit: float, span: float, *, alpha: float) -> int | None:
    """The questions that tell when all are as far from the bound as these, by the exact bound (span/(span + d))^n.

    Args:
        distance: of every question's score from the bound, on the claim's side.
        per_unit: questions for each independent unit, at least 1.
        span: how far two scores can lie apart.
        alpha: of the one-sided test, in (0, 1).
    """
    if distance <= 0 or not isfinite(span):
        return None
    return _whole(per_unit * log(alpha) / log(span / (span + distance)))


def why_not(distance: float) -> str:
    """Why no number of questions is given: the claim's contrary was measured, or nothing spreads."""
    return CONTRARY if distance <= 0 else NO_SPREAD_WHY


def _whole(questions: float) -> int | None:
    return max(1, ceil(questions)) if questions < MOST else None
