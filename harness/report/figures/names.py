"""Names short enough for labels, and how wide text is before anything draws it."""

import unicodedata
from collections.abc import Iterable, Mapping

from harness.report.escape import plain

SHOWN = 22
MARKS_MOST = 2  # accents on one letter; more of them paint over the lines above and below
SLACK = 1.1  # fonts that stand in for Arial are up to a tenth wider
NARROW_LETTERS = frozenset("iljtfrI.,:;'|!()[] ")
WIDE_LETTERS = frozenset("mwMW@%&")


def text_width(text: str, size: float = 12.0) -> float:
    """About how many pixels a line takes in Arial at a size in pixels; rather too many than too few."""
    return SLACK * size * sum(_em(char) for char in text)


def shorten(name: str, most: int = SHOWN) -> str:
    """The name on one line of at most `most` characters; the middle goes first, since sizes stand at the end.

    Invisible characters, direction marks and piled-up accents go; a name of nothing else becomes "unnamed".
    """
    shown = _flat(clean(name, 10 * SHOWN)) or "unnamed"
    if len(shown) <= most:
        return shown
    tail = (most - 1) // 2
    return f"{shown[: most - 1 - tail].rstrip()}…{shown[-tail:].lstrip()}"


def clean(text: str, most: int) -> str:
    """The text on one line of at most `most` characters that all can be seen, and so can stand in any XML."""
    return "".join(char for char in plain(text, most) if char.isprintable())


def short_names(names: Iterable[str], most: int = SHOWN) -> Mapping[str, str]:
    """A different short name for each name."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in dict.fromkeys(names):
        short, number = shorten(name, most), 1
        while short in taken:
            number += 1
            short = f"{shorten(name, most - 3)} {number}"
        taken.add(short)
        found[name] = short
    return found


def wrapped(text: str, width: float, size: float = 12.0) -> list[str]:
    """The words of a text in lines of at most a width in pixels; a single longer word stands alone."""
    lines: list[str] = []
    for word in text.split():
        if lines and text_width(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _flat(text: str) -> str:
    kept, marks = [], 0
    for char in text:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= MARKS_MOST:
            kept.append(char)
    return "".join(kept)


def _em(char: str) -> float:
    if unicodedata.combining(char):
        return 0.0
    if unicodedata.east_asian_width(char) in {"W", "F"}:
        return 1.0
    if char in NARROW_LETTERS:
        return 0.3
    if char in WIDE_LETTERS:
        return 0.88
    return 0.68 if char.isupper() else 0.556
