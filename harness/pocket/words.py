"""Names that no language has: made from syllables, distinct, the same for the same seed."""

from random import Random

_ONSETS = ("B", "Br", "C", "D", "Dr", "F", "G", "H", "K", "L", "M", "N", "P", "R", "S", "T", "Tr", "V", "W", "Z")
_VOWELS = ("a", "e", "i", "o", "u", "ae", "ei", "ou")
_CODAS = ("l", "n", "r", "s", "th", "nd", "rn", "sk", "lm", "v")
_TOWN_ENDS = ("ford", "wick", "holm", "stow", "mere", "dale", "gate", "by", "haven", "combe")
_SURNAME_ENDS = ("an", "er", "ing", "os", "ell", "ary", "ett", "ion", "ade", "im")
_FIRST_ENDS = ("a", "o", "is", "en", "y", "ra", "ek", "une")
_OTHER_ENDS = ("e", "ow", "ia", "um", "ish", "or")


def town_names(rng: Random, count: int) -> tuple[str, ...]:
    """`count` distinct names of towns."""
    return _distinct(rng, count, _TOWN_ENDS)


def surnames(rng: Random, count: int) -> tuple[str, ...]:
    """`count` distinct surnames; none is the name of a town."""
    return _distinct(rng, count, _SURNAME_ENDS)


def first_names(rng: Random, count: int) -> tuple[str, ...]:
    """`count` distinct first names, without a coda and so shorter than a surname."""
    return _distinct(rng, count, _FIRST_ENDS, codas=("",))


def other_names(rng: Random, count: int) -> tuple[str, ...]:
    """`count` distinct names of rivers, regions and feasts."""
    return _distinct(rng, count, _OTHER_ENDS)


def _distinct(rng: Random, count: int, ends: tuple[str, ...], codas: tuple[str, ...] = _CODAS) -> tuple[str, ...]:
    found: dict[str, None] = {}
    while len(found) < count:
        parts = (rng.choice(_ONSETS), rng.choice(_VOWELS), rng.choice(codas), rng.choice(ends))
        found.setdefault("".join(parts))
    return tuple(found)
