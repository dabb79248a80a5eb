"""Seeded choices that are the same on every machine and Python version: each is a hash of the seed and a label."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import TypeVar

T = TypeVar("T")


def _weight(seed: int, label: str) -> int:
    return int.from_bytes(sha256(f"{seed}:{label}".encode()).digest()[:8], "big")


def between(low: int, high: int, seed: int, label: str) -> int:
    """A whole number in [low, high], both ends included.

    Raises:
        ValueError: high is below low.
    """
    if high < low:
        raise ValueError(f"no whole number between {low} and {high}: the second must not be below the first")
    return low + _weight(seed, label) % (high - low + 1)


def pick(choices: Sequence[T], seed: int, label: str) -> T:
    """One of the choices.

    Raises:
        ValueError: there are no choices.
    """
    return choices[between(0, len(choices) - 1, seed, label)]


def shuffled(items: Iterable[T], seed: int, label: str) -> list[T]:
    """The items in a seeded order that does not depend on what they are; empty for none."""
    ranked = sorted(enumerate(items), key=lambda pair: _weight(seed, f"{label}:{pair[0]}"))
    return [item for _, item in ranked]
