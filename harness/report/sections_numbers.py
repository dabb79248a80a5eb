"""The analysis's numbers as they are read: points, percent, slopes and ratios with their intervals, and refusals."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from harness.analysis.crossfit import CrossFit
from harness.analysis.intervals import Interval
from harness.analysis.line import Coefficient
from harness.analysis.ratios import RatioSet
from harness.analysis.refusals import Refused
from harness.report.sections import Table
from harness.report.wording import LEAST_P, NOTHING, size

POINTS = 100.0  # of a share: percent, or points of a difference
NAMED_MOST = 8
HUGE, LARGE, SMALL = 1e9, 1e4, 1e-3
LEAST_B = 1e-6  # a thousand parameters
Estimate = Interval | Coefficient
Row = tuple[str, ...]


def count(number: int, noun: str) -> str:
    """A number with its noun: "1 model", "1,200 questions"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(names: Sequence[str], most: int = NAMED_MOST) -> str:
    """Names after each other: "a, b and c"; above `most` the others are counted."""
    shown = list(names[:most])
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def points(found: Estimate | Refused | None, unit: str = "") -> str:
    """A difference of shares in points with its interval, within [-100, 100]: "+31.0 [22.4, 40.1]"."""
    if found is None or isinstance(found, Refused):
        return NOTHING
    ends = [min(POINTS, max(-POINTS, POINTS * end)) for end in _ends(found)]
    return f"{signed(POINTS * found.estimate)}{unit}{_bracket(ends, 1)}"


def share(found: Interval | Refused | None) -> str:
    """A share in percent with its interval, within [0, 100]: "41.0 [34.2, 48.1]"."""
    if found is None or isinstance(found, Refused):
        return NOTHING
    ends = [min(POINTS, max(0.0, POINTS * end)) for end in _ends(found)]
    return f"{POINTS * found.estimate:.1f}{_bracket(ends, 1)}"


def decimal(found: Estimate | Refused | None, *, sign: bool = False) -> str:
    """A number in its own unit with its interval: "0.412 [0.380, 0.444]"."""
    if found is None or isinstance(found, Refused):
        return NOTHING
    shown = unsigned_zero(f"{found.estimate:{'+' if sign else ''}.3f}")
    return f"{shown}{_bracket(_ends(found), 3)}"


def cross_fit(found: CrossFit | Refused) -> str:
    """The cross-fitted share in percent with its interval; nothing where there is none."""
    return NOTHING if isinstance(found, Refused) else share(found.estimate)


def questions_of(found: CrossFit | Interval | Refused | None) -> str:
    """How many questions stand behind a number; nothing without one."""
    return NOTHING if found is None or isinstance(found, Refused) else str(found.n)


def signed(value: float, decimals: int = 1) -> str:
    """A number with its sign, and none for 0: "+3.1", "-0.4", "0.0"."""
    shown = f"{value:+.{decimals}f}"
    return shown if float(shown) else shown[1:]


def ratio(estimate: float | None, confidence: RatioSet, unit: str = "") -> str:
    """A ratio with its confidence set, which may lack a bound, lie outside of two numbers, or exclude nothing."""
    low, high = ("no bound" if end is None else f"{three(end)}{unit}" for end in (confidence.low, confidence.high))
    told = {
        "interval": f"[{low}, {high}]",
        "complement": f"(at most {low}, or at least {high})",
        "everything": "(any value)",
        "undefined": "(undefined)",
    }[confidence.kind]
    return told.strip("()") if estimate is None else f"{three(estimate)}{unit} {told}"


def size_set(estimate_b: float | None, confidence: RatioSet) -> str:
    """A size in billions with its confidence set, as people say sizes: "3.2B [1.1B, no bound]"."""
    if estimate_b is None or confidence.kind != "interval":
        told = {"everything": "any size", "undefined": "undefined"}.get(confidence.kind, "two ranges of sizes")
        return told if estimate_b is None else f"{large(estimate_b)} ({told})"
    ends = ["no bound" if end is None else large(end) for end in (confidence.low, confidence.high)]
    return f"{large(estimate_b)} [{', '.join(ends)}]"


def large(params_b: float) -> str:
    """A size as people say it; beyond any model only that it is so."""
    if params_b > LARGE:
        return f"over {size(LARGE)}"
    return f"under {size(LEAST_B)}" if params_b < LEAST_B else size(params_b)


def three(value: float) -> str:
    """A number with three digits, without an exponent where people can read it without one: 0.04, 6.5, 210,000."""
    if LARGE <= abs(value) < HUGE:
        return f"{float(f'{value:.3g}'):,.0f}"
    if value and not SMALL <= abs(value) < LARGE:
        return f"{value:.1e}"
    return f"{float(f'{value:.3g}'):g}"


def probability(p: float | None) -> str:
    """A p-value with three decimals, never 0; nothing for None."""
    if p is None:
        return NOTHING
    return f"< {LEAST_P}" if p < LEAST_P else f"{p:.3f}"


def optional(value: float | None, form: str = ".3f") -> str:
    """A number in a form, nothing for None, and no sign before 0."""
    if value is None:
        return NOTHING
    return unsigned_zero(format(value, form))


def unsigned_zero(shown: str) -> str:
    """A number as it is shown, without the sign of what was rounded to 0."""
    return shown if shown.strip("+-0.") else shown.lstrip("+-")


def refusals(parts: Iterable[tuple[str, object]]) -> Row:
    """One line per reason, with all that it keeps from being computed; nothing for parts that have a result.

    Args:
        parts: what each part is, and the part; only a Refused counts.
    """
    return reasons((name, part.reason if isinstance(part, Refused) else None) for name, part in parts)


def reasons(parts: Iterable[tuple[str, str | None]]) -> Row:
    """The same from bare reasons, which results carry themselves; None is no reason."""
    by_reason: dict[str, dict[str, None]] = {}
    for name, reason in parts:
        if reason is not None:
            by_reason.setdefault(reason, {})[name] = None
    return tuple(f"Not computed: {listed(tuple(names))}: {reason}." for reason, names in by_reason.items())


def table(caption: str, columns: Sequence[str], rows: Iterable[Row], names: int = 1) -> tuple[Table, ...]:
    """A table in a tuple of its own; an empty one without rows."""
    made = tuple(rows)
    return (Table(caption=caption, columns=tuple(columns), rows=made, names=names),) if made else ()


def details(caption: str, columns: Sequence[str], rows: Iterable[Row], names: int = 1) -> tuple[Table, ...]:
    """The same, of a table that is cut before the others."""
    return tuple(replace(found, detail=True) for found in table(caption, columns, rows, names))


def _ends(found: Estimate) -> list[float]:
    refused = isinstance(found, Coefficient) and found.refused is not None
    return [] if found.low is None or found.high is None or refused else [found.low, found.high]


def _bracket(ends: Sequence[float], decimals: int) -> str:
    return f" [{', '.join(unsigned_zero(f'{end:.{decimals}f}') for end in ends)}]" if ends else ""
