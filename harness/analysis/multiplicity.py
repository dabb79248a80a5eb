"""p-values adjusted for how many comparisons were made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """A p-value over its family: `size` comparisons that have a p-value at all.

    `exploratory` is False for the declared family only.
    """

    p: float
    method: str
    size: int
    exploratory: bool


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that hold the chance of any false finding, in the given order; none for none.

    Each is at least its raw value and at most 1, and their order is that of the raw ones.

    Source: Holm 1979, Scandinavian Journal of Statistics 6(2).
    """
    adjusted = [0.0] * len(p_values)
    least = 0.0
    for rank, place in enumerate(_ascending(p_values)):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = least
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that hold the expected share of false findings, in the given order; none for none.

    Source: Benjamini and Hochberg 1995, JRSS B 57(1).
    """
    adjusted = [0.0] * len(p_values)
    most = 1.0
    for rank, place in reversed(list(enumerate(_ascending(p_values), start=1))):
        most = min(most, len(p_values) / rank * p_values[place])
        adjusted[place] = most
    return adjusted


def adjust(p_values: Sequence[float | None], *, exploratory: bool) -> list[Adjusted | None]:
    """One family adjusted: Holm when declared, Benjamini-Hochberg when exploratory; None where there is no p-value."""
    known = [p for p in p_values if p is not None]
    method: Callable[[Sequence[float]], list[float]] = benjamini_hochberg if exploratory else holm
    name = "Benjamini-Hochberg" if exploratory else "Holm"
    found = iter(method(known))
    return [
        None if p is None else Adjusted(p=next(found), method=name, size=len(known), exploratory=exploratory)
        for p in p_values
    ]


def _ascending(p_values: Sequence[float]) -> list[int]:
    return sorted(range(len(p_values)), key=lambda place: p_values[place])
