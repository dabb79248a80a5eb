"""The WattBot cleaner: raw answer values and reference lists brought into the form of a submission.

Source: the published cleaner of the WattBot 2025 runs; its vectors pin the behaviour.
"""

import re
from collections.abc import Sequence

from harness.metrics.wattbot import BLANK, boolean, is_blank, number, reduced, without_commas

_TRAILING_PARENTHESIS = re.compile(r"\s*\([^()]{1,15}\)\s*$")
_REF_MARK = re.compile(r"\[ref_id=([^\]]+)\]", re.IGNORECASE)
_NO_REF = frozenset({"", "null", "none", "na", "n/a", BLANK})


def clean_value(raw: str, question: str = "") -> str:
    """The answer value as a submission writes it; an empty one becomes is_blank, another blank stays as it is.

    In order: commas out of a number; true/yes 1 and false/no 0, also inside a longer answer when the question starts
    "True or False"; hedge, magnitude, range; one trailing parenthesis of at most 15 characters off a non-numeric answer
    unless nothing would be left.
    """
    bare = raw.strip()
    if is_blank(bare):
        return bare or BLANK
    bare = without_commas(bare)
    truth = boolean(bare) or _truth_inside(bare, question)
    return truth or _without_parenthesis(reduced(bare))


def clean_refs(raw: str | Sequence[str]) -> tuple[str, ...]:
    """The reference ids of a text or of several: every [ref_id=x], else a comma list; (is_blank,) if none is left."""
    texts = (raw,) if isinstance(raw, str) else raw
    found = [ref for text in texts for ref in _refs(text)]
    return tuple(found) or (BLANK,)


def _truth_inside(answer: str, question: str) -> str | None:
    if not question.strip().lower().startswith("true or false"):
        return None
    says_true, says_false = "true" in answer.lower(), "false" in answer.lower()
    return None if says_true == says_false else str(int(says_true))


def _without_parenthesis(text: str) -> str:
    if number(text) is not None:
        return text
    return _TRAILING_PARENTHESIS.sub("", text).strip() or text


def _refs(text: str) -> list[str]:
    parts = _REF_MARK.findall(text) or text.split(",")
    return [part.strip() for part in parts if part.strip().lower() not in _NO_REF]
