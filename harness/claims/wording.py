"""Numbers in the words of claims: shares in percent and points, all else as it is."""

from harness.analysis.intervals import Interval


def level(value: float, *, share: bool) -> str:
    """A mean: "62.0 %" of a share of right answers, ".62" of another score."""
    return f"{100 * value:.1f} %" if share else number(value)


def number(value: float) -> str:
    """Three significant digits, without an exponent where it is not needed."""
    return f"{value:.3g}"


def change(value: float, *, share: bool) -> str:
    """A difference with its sign: "+2.0 points", "-.05"."""
    return f"{100 * value:+.1f} points" if share else f"{value:+.3g}"


def distance(value: float, *, share: bool) -> str:
    """A difference without a sign: "5 points", "0.05"."""
    if not share:
        return number(value)
    points = f"{100 * value:.3g}"
    return f"{points} point{'' if points == '1' else 's'}"


def bounds(found: Interval, *, share: bool, signed: bool) -> str:
    """The interval behind an estimate: "[-1.0, +5.0] (90 % interval)"; why there is none where there is none."""
    if found.low is None or found.high is None:
        return f"(no interval: {found.refused})"
    return span(found.low, found.high, share=share, signed=signed, at=found.level)


def span(low: float, high: float, *, share: bool, signed: bool, at: float = 0.9) -> str:
    """Both ends of an interval at a level."""
    form = ("+.1f" if share else "+.3g") if signed else (".1f" if share else ".3g")
    ends = ", ".join(format(100 * end if share else end, form) for end in (low, high))
    return f"[{ends}] ({100 * at:.0f} % interval)"
