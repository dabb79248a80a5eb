"""Amounts read from text: numbers, bounds and ranges, with their units; what is none of these stays words."""

import math
import re
from dataclasses import dataclass, replace
from typing import Literal

from harness.metrics.units import SIGNS, is_known, stands_for, unit_name

Side = Literal["<", "<=", ">", ">="]

_SPACES = re.compile(r"[\s\u00a0\u2009\u202f]+")
_NUMBER = re.compile(
    r"(?P<sign>[+-]?)\s*(?P<head>[^\W\d_]*[^\w\s.,+-]?)\s*"
    r"(?P<digits>(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,3}(?: [0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+)"
    r"(?:e(?P<exponent>[+-]?[0-9]{1,3})(?![0-9])|\s*[x\u00d7*]\s*10\s*\^\s*(?P<power>[+-]?[0-9]{1,3})(?![0-9]))?"
    r"\s*(?P<tail>.*)",
    re.IGNORECASE,
)
_SCALES = {
    "k": 1e3,
    "thousand": 1e3,
    "m": 1e6,
    "mn": 1e6,
    "million": 1e6,
    "b": 1e9,
    "bn": 1e9,
    "billion": 1e9,
    "t": 1e12,
    "tn": 1e12,
    "trillion": 1e12,
}
_SCALE = re.compile(rf"({'|'.join(sorted(_SCALES, key=len, reverse=True))})\b\s*(.*)", re.IGNORECASE)
_ABOUT = re.compile(
    r"(?:(?:approximately|approx\.?|about|around|nearly|almost|roughly|circa)\s+|[~≈]\s*)", re.IGNORECASE
)
_BOUNDS: tuple[tuple[Side, re.Pattern[str]], ...] = (
    ("<=", re.compile(r"(?:(?:no|not)\s+more\s+than|at\s+most|up\s+to)\s+|(?:<=|≤)\s*", re.IGNORECASE)),
    (">=", re.compile(r"(?:(?:no|not)\s+(?:less|fewer)\s+than|at\s+least)\s+|(?:>=|≥)\s*", re.IGNORECASE)),
    ("<", re.compile(r"(?:(?:less|fewer|lower|smaller)\s+than|under|below)\s+|<\s*", re.IGNORECASE)),
    (">", re.compile(r"(?:(?:more|greater|higher|larger)\s+than|over|above)\s+|>\s*", re.IGNORECASE)),
)
_BRACKETED = re.compile(r"[\[(]\s*(.+?)\s*[\])]\s*(.*)")
_BETWEEN = re.compile(r"(?:from|between)\s+", re.IGNORECASE)
_SEPARATOR = re.compile(r"\s*[-–—]\s*|\s+(?:to|and)\s+", re.IGNORECASE)  # noqa: RUF001 - dashes are meant
_COMMA = re.compile(r"\s*[,;]\s*")
# A longer text is prose; reading it as an amount would only cost time.
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A finite amount; `unit` is what it carries beyond the question's own unit, "" for nothing."""

    amount: float
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """An amount that is only a limit: "less than 10" is not 10."""

    side: Side
    limit: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """From `low` to `high`, in that order."""

    low: Number
    high: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far two amounts may differ: absolutely where that is given, else relative to the larger one."""

    relative: float = 1e-3
    absolute: float | None = None


Quantity = Number | Bound | Range


def read_number(text: str, unit: str = "") -> Number | None:
    """The text as one number in the question's unit, or None.

    Thousands separators, a magnitude (k, million, 2B), an exponent, a currency sign and a per cent sign are read. The
    question's unit may stand before or after the number in any spelling; another unit is kept where the question names
    none, and makes the text no number where it names one. "nan", "inf" and overflowing numbers are no numbers.
    """
    found = _NUMBER.fullmatch(_tidy(text)) if len(text) <= _LONGEST else None
    if found is None:
        return None
    scale, carried = _tail(found["tail"], found["head"], unit_name(unit))
    if carried is None:
        return None
    digits = found["sign"] + re.sub(r"[, ]", "", found["digits"])
    power = found["exponent"] or found["power"] or "0"
    amount = float(f"{digits}e{power}") * scale
    return Number(amount=amount, unit=carried) if math.isfinite(amount) else None


def read_quantity(text: str, unit: str = "") -> Quantity | None:
    """The text as a number, a bound or a range, or None; a hedge such as "about" is left out.

    Ranges: "[a, b]", "a-b", "a to b", "from a to b", "between a and b"; a unit or magnitude behind the second end holds
    for both.
    """
    if len(text) > _LONGEST:
        return None
    bare = _tidy(text)
    for side, prefix in _BOUNDS:
        if start := prefix.match(bare):
            limit = read_number(bare[start.end() :], unit)
            return None if limit is None else Bound(side=side, limit=limit)
    bare = _ABOUT.sub("", bare, count=1) if _ABOUT.match(bare) else bare
    return read_number(bare, unit) or _read_range(bare, unit)


def same_quantity(left: Quantity, right: Quantity, tolerance: Tolerance) -> bool:
    """Whether two quantities agree: of one kind, with equal sides and units, and amounts within the tolerance."""
    match left, right:
        case Number(), Number():
            return _same_unit(left.unit, right.unit) and _close(left.amount, right.amount, tolerance)
        case Bound(), Bound():
            return left.side == right.side and same_quantity(left.limit, right.limit, tolerance)
        case Range(), Range():
            lows = same_quantity(left.low, right.low, tolerance)
            return lows and same_quantity(left.high, right.high, tolerance)
        case _:
            return False


def within(amount: Number, limits: Range, tolerance: Tolerance) -> bool:
    """Whether a number lies in a range, its ends widened by the tolerance."""
    at_an_end = same_quantity(amount, limits.low, tolerance) or same_quantity(amount, limits.high, tolerance)
    between = limits.low.amount <= amount.amount <= limits.high.amount
    return at_an_end or (between and _same_unit(amount.unit, limits.low.unit))


def _tidy(text: str) -> str:
    spaced = _SPACES.sub(" ", text.replace("\N{MINUS SIGN}", "-")).strip()
    return re.sub(r"(?<=[^.])\.$", "", spaced)


def _tail(tail: str, head: str, unit: str) -> tuple[float, str | None]:
    """The magnitude and the unit carried beyond the question's one; None for a unit that cannot stand there."""
    around = f"{tail} {head}"
    if stands_for(unit_name(around), unit):
        return 1.0, ""
    if scaled := _SCALE.fullmatch(tail):
        scale = _SCALES[scaled[1].lower()]
        around = f"{scaled[2]} {head}"
    else:
        scale = 1.0
    carried = unit_name(around)
    if stands_for(carried, unit):
        return scale, ""
    return scale, carried if not unit and is_known(carried) else None


def _read_range(text: str, unit: str) -> Range | None:
    if bracketed := _BRACKETED.fullmatch(text):
        inner, tail, cuts = bracketed[1], bracketed[2], _COMMA
    else:
        inner, tail, cuts = (_BETWEEN.sub("", text, count=1) if _BETWEEN.match(text) else text), "", _SEPARATOR
    for cut in cuts.finditer(inner):
        if found := _ends(inner[: cut.start()], f"{inner[cut.end() :]} {tail}", unit):
            return found
    return None


def _ends(first: str, second: str, unit: str) -> Range | None:
    low, high = read_number(first, unit), read_number(second, unit)
    if low is None or high is None or not _same_unit(low.unit, high.unit):
        return None
    low = replace(low, amount=_shared_scale(low, first, high, second), unit=low.unit or high.unit)
    high = replace(high, unit=low.unit)
    return Range(low=min(low, high, key=_amount), high=max(low, high, key=_amount))


def _shared_scale(low: Number, first: str, high: Number, second: str) -> float:
    """The first end's amount, in the second's magnitude where only that has one ("2-3 million")."""
    scaled = re.search(r"[0-9.]\s*([a-z]+)", second, re.IGNORECASE)
    scale = _SCALES.get(scaled[1].lower(), 1.0) if scaled else 1.0
    bare_first = re.fullmatch(r"[^a-z]*", first, re.IGNORECASE) is not None
    lifted = low.amount * scale
    return lifted if bare_first and abs(high.amount) >= scale and lifted <= high.amount else low.amount


def _amount(number: Number) -> float:
    return number.amount


def _same_unit(left: str, right: str) -> bool:
    return left == right or (not left and right in SIGNS) or (not right and left in SIGNS)


def _close(left: float, right: float, tolerance: Tolerance) -> bool:
    if tolerance.absolute is None:
        return math.isclose(left, right, rel_tol=tolerance.relative)
    # Decimal fractions are inexact in binary: 0.3 - 0.2 must be within 0.1.
    slack = 1e-12 * max(abs(left), abs(right))
    return abs(left - right) <= tolerance.absolute + slack
