"""Comparisons as sentences, and the numbers in them as text."""

from harness.analysis.cells import CellSummary, Slice
from harness.analysis.comparisons import Comparison
from harness.analysis.intervals import Interval
from harness.analysis.paired import Paired

DECIMALS_MOST = 3
SURE_BELOW = 0.05  # of an adjusted p-value, the complement of the intervals' level


def verdict(comparison: Comparison) -> str:
    """What a comparison says, in one sentence with its interval, its number of questions and how many it dropped.

    Beating needs both: an interval that excludes 0 and an adjusted p-value below .05; "may" stands for the first alone.
    """
    pair = comparison.answered
    about = f"{comparison.task} " if comparison.task else ""
    names = f"{comparison.condition} and {comparison.baseline}"
    if pair is None:
        return f"{comparison.model}: {names} share no answered {about}question ({comparison.dropped} planned)"
    n = pair.difference.n
    if pair.only_a == pair.only_b == 0 and pair.difference.refused is not None:
        same = f"{names} came out the same on every one of {n} {about}question{'' if n == 1 else 's'}"
        return f"{comparison.model}: {same}{_dropped(comparison)}, which gives no interval"
    tail = f" on {n} {about}question{'' if n == 1 else 's'}{_dropped(comparison)}"
    return f"{comparison.model}: {_claim(comparison, pair)}{tail}{_caveat(comparison)}"


def is_clear(comparison: Comparison) -> bool:
    """Whether the interval of a comparison excludes 0 and its adjusted p-value is below .05."""
    sure = comparison.adjusted is not None and comparison.adjusted.p < SURE_BELOW
    return sure and _excludes_zero(comparison)


def is_likely(comparison: Comparison) -> bool:
    """Whether only the interval of a comparison speaks: it excludes 0, but no adjusted p-value is below .05."""
    return _excludes_zero(comparison) and not is_clear(comparison)


def alone(cell: CellSummary | Slice) -> str:
    """What a cell that nothing is compared with says: its share of correct answers."""
    share = cell.share.intent_to_test
    return f"{cell.model}: {cell.condition} gets {percent(share)} % of {share.n} questions right"


def points(pair: Paired, unit: str = "") -> str:
    """The difference in points with its interval: "+31 [22, 40]", or the difference alone where there is none."""
    found = pair.difference
    ends = [found.estimate, *_ends(found)]
    digits = _decimals([100 * end for end in ends])
    shown = [f"{_inside(100 * end):.{digits}f}" for end in ends]
    sign = "+" if found.estimate > 0 else ""
    return f"{sign}{shown[0]}{unit}" + (f" [{shown[1]}, {shown[2]}]" if len(shown) > 1 else "")


def percent(share: Interval, decimals: int = 0) -> str:
    """A share in percent with its interval: "41 [34, 48]"; the share alone where there is no interval."""
    shown = [f"{100 * end:.{decimals}f}" for end in (share.estimate, *_ends(share))]
    return shown[0] + (f" [{shown[1]}, {shown[2]}]" if len(shown) > 1 else "")


def _claim(comparison: Comparison, pair: Paired) -> str:
    found = pair.difference
    condition, baseline = comparison.condition, comparison.baseline
    shown = points(pair, " points")
    if found.low is None or found.high is None:
        return f"{condition} against {baseline} {shown}, no interval ({found.refused}),"
    if found.low > 0:
        ahead = "beats" if is_clear(comparison) else "may beat"
        return f"{condition} {ahead} {baseline} by {shown.removeprefix('+')}"
    if found.high < 0:
        behind = "falls behind" if is_clear(comparison) else "may fall behind"
        return f"{condition} {behind} {baseline}: {shown}"
    return f"no clear difference between {condition} and {baseline}: {shown}"


def _excludes_zero(comparison: Comparison) -> bool:
    found = None if comparison.answered is None else comparison.answered.difference
    return found is not None and found.low is not None and found.high is not None and found.low * found.high > 0


def _caveat(comparison: Comparison) -> str:
    """Why a difference whose interval excludes 0 is no finding all the same; nothing for all others."""
    pair, adjusted = comparison.answered, comparison.adjusted
    if pair is None or not is_likely(comparison):
        return ""
    if adjusted is None:
        return f" (no p-value: {pair.p_refused})"
    return f" ({adjusted.method} p {adjusted.p:.3f} over {adjusted.size})"


def _dropped(comparison: Comparison) -> str:
    other = comparison.missing_wrong
    if comparison.answered is None or not (comparison.dropped or other):
        return ""
    planned = comparison.answered.difference.n + comparison.dropped
    counted = "" if other is None else f"; missing as wrong: {points(other)}"
    return f" ({comparison.dropped} of {planned} dropped{counted})"


def _ends(found: Interval) -> list[float]:
    return [] if found.low is None or found.high is None else [found.low, found.high]


def _inside(value: float) -> float:
    # a t interval over few clusters can reach beyond what a difference of shares can be
    return min(100.0, max(-100.0, value))


def _decimals(values: list[float]) -> int:
    """As few decimals as keep every value that is not 0 from being shown as 0."""
    return next(
        (digits for digits in range(DECIMALS_MOST) if all(value == 0 or round(value, digits) for value in values)),
        DECIMALS_MOST,
    )
