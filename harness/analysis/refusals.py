"""A part of the analysis that the data do not allow, with the reason in place of a number."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why a part has no result: one line, with what it needs and what there is."""

    reason: str


def needs(least: int, what: str, number: int) -> Refused:
    """A refusal for too few of something: "needs 3 models with a size, has 1".

    Args:
        least: how many are needed.
        what: one of them; the first word is what gets a plural.
        number: how many there are.
    """
    noun, _, rest = what.partition(" ")
    plural = noun if least == 1 else f"{noun}s"
    return Refused(reason=f"needs {least} {' '.join(filter(None, (plural, rest)))}, has {number}")
