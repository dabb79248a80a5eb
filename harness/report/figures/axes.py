"""Axes: what they reach over, where their ticks are, how tick numbers read, and where a value lies in pixels."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Literal

PAD = 0.06  # of an axis' length that stays free beyond the outermost values
DECADES_LEAST = 0.6
SHARE_LEAST = 0.3  # an axis of shares reaches over at least 30 points: less would blow noise up
MANTISSAS = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0))
TICKS_LEAST = 3
NUMBER = "format(datum.value, '~g')"
PARAMETERS = (
    " : ".join(
        f"datum.value >= {least!r} ? format(datum.value * {scale!r}, '.3~g') + '{unit}'"
        for unit, scale, least in (("T", 1e-3, 1e3), ("B", 1.0, 1.0), ("M", 1e3, 1e-3))
    )
    + " : format(datum.value * 1e6, '.3~g') + 'K'"
)
PERCENT = "format(round(1000 * datum.value) / 10, '~g')"
SIGNED_POINTS = "datum.value == 0 ? '0' : format(round(1000 * datum.value) / 10, '+~g')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A scale from `low` to `high`; `label` is the Vega expression that writes a tick, `title` names it with its unit.

    A linear axis may run backwards. Without ticks nothing of it is drawn. What lies beyond the ends is drawn at them,
    unless the axis is `open`.
    """

    kind: Literal["linear", "log"]
    low: float
    high: float
    ticks: tuple[float, ...] = ()
    title: str = ""
    label: str = NUMBER
    open: bool = False


def size_axis(sizes_b: Iterable[float], title: str = "parameters, log scale", *, most: int = 7) -> Axis:
    """An axis of at least one model size in billions of parameters, all above 0, read as in tables: 30K, 135M, 7B."""
    return log_axis(sizes_b, title, label=PARAMETERS, most=most)


def log_axis(values: Iterable[float], title: str, *, label: str = NUMBER, most: int = 7) -> Axis:
    """An axis over the orders of magnitude of at least one value, all above 0."""
    logs = [log10(value) for value in values]
    least, greatest = min(logs), max(logs)
    missing = max(0.0, DECADES_LEAST - (greatest - least)) / 2
    pad = missing + PAD * max(DECADES_LEAST, greatest - least)
    low, high = 10 ** (least - pad), 10 ** (greatest + pad)
    return Axis(kind="log", low=low, high=high, ticks=_log_ticks(low, high, most), title=title, label=label)


def share_axis(values: Iterable[float], title: str, *, least: float = SHARE_LEAST) -> Axis:
    """An axis of shares in percent around at least one value, inside [0, 1], that reaches over at least `least`.

    It ends at full tenths, or at full fiftieths where it is short.
    """
    known = [min(1.0, max(0.0, value)) for value in values]
    grain = 10 if max(known) - min(known) > SHARE_LEAST or least >= SHARE_LEAST else 50
    low, high = floor(grain * min(known) - 0.1) / grain, ceil(grain * max(known) + 0.1) / grain
    low, high = max(0.0, low), min(1.0, high)
    while high - low < least - 1e-9:
        low, high = max(0.0, round(low - 0.5 / grain, 9)), min(1.0, round(high + 0.5 / grain, 9))
    return Axis(kind="linear", low=low, high=high, ticks=_ticks(low, high, 6), title=title, label=PERCENT)


def points_axis(values: Iterable[float], title: str) -> Axis:
    """An axis of differences of shares in percentage points, always with 0 on it."""
    low, high = _padded([0.0, *values], least=0.1)
    return Axis(kind="linear", low=low, high=high, ticks=_ticks(low, high, 6), title=title, label=SIGNED_POINTS)


def value_axis(values: Iterable[float], title: str, *, zero: bool = False, label: str = NUMBER) -> Axis:
    """A linear axis around at least one value, from 0 on where `zero` is set."""
    low, high = _padded([*values, *([0.0] if zero else [])], least=0.0)
    low = 0.0 if zero else low
    return Axis(kind="linear", low=low, high=high, ticks=_ticks(low, high, 6), title=title, label=label)


def rows_axis(height: float) -> Axis:
    """A bare axis of pixels from the top, for rows."""
    return Axis(kind="linear", low=height, high=0.0, open=True)


def pixel(axis: Axis, value: float, length: float, *, up: bool = False) -> float:
    """Where a value lies on an axis of `length` pixels, from the left, or from the top of an axis that runs up."""
    inside = min(max(axis.low, axis.high), max(min(axis.low, axis.high), value))
    share = _share(axis, inside)
    return length * ((1 - share) if up else share)


def moved(axis: Axis, value: float, by: float, length: float) -> float:
    """The value that lies so many pixels farther along an axis of `length` pixels."""
    share = by / length
    if axis.kind == "log":
        return float(value * (axis.high / axis.low) ** share)
    return value + share * (axis.high - axis.low)


def _share(axis: Axis, value: float) -> float:
    if axis.kind == "log":
        return log10(value / axis.low) / log10(axis.high / axis.low)
    return (value - axis.low) / (axis.high - axis.low)


def _padded(values: Sequence[float], *, least: float) -> tuple[float, float]:
    low, high = min(values), max(values)
    reach = max(high - low, least) or abs(high) or 1.0
    missing = (reach - (high - low)) / 2
    return low - missing - PAD * reach, high + missing + PAD * reach


def _ticks(low: float, high: float, most: int) -> tuple[float, ...]:
    """The multiples of the least of 1, 2, 5 times a power of ten of which at most `most` fit."""
    rough = 10.0 ** floor(log10((high - low) / most))
    step = next(
        step for step in (rough, 2 * rough, 5 * rough, 10 * rough, 20 * rough) if _count(low, high, step) <= most
    )
    first = ceil(low / step - 1e-9)
    return tuple(round((first + place) * step, 12) + 0.0 for place in range(_count(low, high, step)))


def _count(low: float, high: float, step: float) -> int:
    return floor(high / step + 1e-9) - ceil(low / step - 1e-9) + 1


def _log_ticks(low: float, high: float, most: int) -> tuple[float, ...]:
    """The densest familiar row of ticks that is short enough; powers of ten far apart where none is."""
    rows = [_multiples(low, high, mantissas) for mantissas in MANTISSAS]
    short = [row for row in rows if len(row) <= most]
    enough = [row for row in short if len(row) >= TICKS_LEAST]
    if enough:
        return enough[-1] if len(enough) == 1 or enough[-1] != rows[-1] else enough[-2]
    if short:
        return short[-1]
    tens = rows[0]
    return tens[:: ceil(len(tens) / most)]


def _multiples(low: float, high: float, mantissas: Sequence[float]) -> tuple[float, ...]:
    exponents = range(floor(log10(low)), ceil(log10(high)) + 1)
    return tuple(
        float(f"{mantissa * 10.0**exponent:.3g}")
        for exponent in exponents
        for mantissa in mantissas
        if low <= mantissa * 10.0**exponent <= high
    )
