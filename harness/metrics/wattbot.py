"""The WattBot scorer as published, faults included, so that its scores can be compared with others' scores.

Known faults, kept: only the answer is normalised, so a gold "True" or "1M" is never matched; a blank gold counts any
value as right; "less than 10" equals 10; small numbers are compared absolutely. `values` holds the symmetric scorer.
"""

import json
import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.metrics.unscored import Unscored

BLANK = "is_blank"
TOLERANCE = 1e-3
_BLANKS = frozenset({"", "na", "n/a", BLANK})
_REFUSAL = "unable to answer with confidence based on the provided documents"
_BOOLEANS = {"true": "1", "yes": "1", "false": "0", "no": "0"}
_HEDGE = re.compile(
    r"(?:(?:more|less|greater|fewer)\s+than|approximately|about|around|over|under|nearly|roughly|up\s+to"
    r"|at\s+(?:least|most))\s+|[~≈><]\s*",
    re.IGNORECASE,
)
_MAGNITUDES = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_MAGNITUDE = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)\s*([kmbt])", re.IGNORECASE)
_RANGE = re.compile(r"(?:from\s+)?(-?[0-9.]+)\s*(?:[-–—]|to)\s*(-?[0-9.]+)", re.IGNORECASE)  # noqa: RUF001 - dashes are meant

Item = float | str


def is_blank(text: str) -> bool:
    """Whether a text stands for "no answer": "", na, n/a, is_blank in any case, or the agreed refusal sentence.

    "nan" and "none" are not blank.
    """
    bare = text.strip().lower()
    return bare in _BLANKS or bare.startswith(_REFUSAL)


def boolean(text: str) -> str | None:
    """Give "1" for true or yes, "0" for false or no, in any case; None for any other text."""
    return _BOOLEANS.get(text.strip().lower())


def without_commas(text: str) -> str:
    """A number without its thousands commas; any other text as it is."""
    bare = text.replace(",", "")
    return text if number(bare) is None else bare


def number(text: str) -> float | None:
    """The text as a float, inf and nan included; None if it is none."""
    try:
        return float(text)
    except ValueError:
        return None


def reduced(text: str) -> str:
    """One hedge prefix off, then a magnitude letter multiplied out or a range written as [lo,hi]."""
    bare = text
    if hedge := _HEDGE.match(bare):
        bare = without_commas(bare[hedge.end() :].strip())
    if found := _MAGNITUDE.fullmatch(bare):
        return _written(float(found[1]) * _MAGNITUDES[found[2].lower()])
    if found := _RANGE.fullmatch(bare):
        ends = [amount for end in found.groups() if (amount := number(end)) is not None]
        if len(ends) == len(found.groups()):
            return f"[{_written(min(ends))},{_written(max(ends))}]"
    return bare


def normalise_value(answer: str) -> str:
    """The answer's value in the scorer's own form; the gold value is never put into it.

    true/yes become 1, false/no 0; thousands commas and one hedge go; 2B becomes 2000000000 and "a to b" [a,b]. A blank
    stays as it is.
    """
    bare = answer.strip()
    if is_blank(bare):
        return bare
    return boolean(bare) or reduced(without_commas(bare))


def value(gold: str, answer: str) -> bool:
    """Whether the published scorer counts the answer's value as right.

    A blank gold is always right. A gold [lo,hi] takes a number inside, widened by 1e-3, or an equal list; other lists
    and sets are compared without order; two numbers within a relative or absolute 1e-3; all else in lower case.
    """
    if is_blank(gold):
        return True
    said = normalise_value(answer)
    wanted_items, said_items = _items(gold), _items(said)
    if wanted_items is None:
        return _same_scalar(gold, said)
    if said_items is None:
        return _inside(wanted_items, said)
    return _same_items(wanted_items, said_items)


def refs(text: str) -> frozenset[str]:
    """The lower-cased reference ids of a list in text; a text that is no list is one id, an empty one none."""
    bare = text.strip()
    if bare.startswith("["):
        try:
            return frozenset(str(ref).strip().lower() for ref in json.loads(bare.replace("'", '"')))
        except (ValueError, RecursionError):
            pass
    return frozenset({bare.lower()} if bare else ())


def jaccard(gold: Collection[str], answer: Collection[str]) -> float:
    """Size of the intersection over size of the union, in [0, 1], lower-cased; both empty 1, one empty 0."""
    wanted, said = {ref.lower() for ref in gold}, {ref.lower() for ref in answer}
    return len(wanted & said) / len(wanted | said) if wanted or said else 1.0


def ref_overlap(gold: str, answer: str) -> float:
    """Jaccard overlap of two reference lists written as text, in [0, 1]."""
    return jaccard(refs(gold), refs(answer))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One planned question of a submission; `value` and `refs` are texts, or None where nothing was submitted."""

    gold_value: str
    gold_refs: str
    value: str | None
    refs: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overall:
    """The WattBot score and its parts, each in [0, 1]; `n` questions were counted, `missing` had no submission."""

    score: float
    value: float
    ref_overlap: float
    na_recall: float
    n: int
    missing: int
    over: Literal["planned", "present"]


def na_recall(rows: Sequence[Row]) -> float:
    """Share of the gold-blank questions answered with a blank, in [0, 1]; 1 if there are none (as published)."""
    blank = [row for row in rows if is_blank(row.gold_value)]
    return sum(_abstained(row) for row in blank) / len(blank) if blank else 1.0


def na_precision(rows: Sequence[Row]) -> float:
    """Share of the blank answers whose gold is blank, in [0, 1].

    Raises:
        Unscored: no answer is blank.
    """
    blank = [row for row in rows if _abstained(row)]
    if not blank:
        raise Unscored("no answer is blank")
    return sum(is_blank(row.gold_value) for row in blank) / len(blank)


def overall(rows: Sequence[Row], *, over: Literal["planned", "present"] = "planned") -> Overall:
    """0.75 mean value + 0.15 mean reference overlap + 0.10 NA recall.

    Over the planned questions a missing submission is wrong everywhere, a blank gold included; over the present ones
    it is left out, as the published scorer does by joining on the ids.

    Raises:
        Unscored: no question is left to count.
    """
    counted = [row for row in rows if over == "planned" or row.value is not None]
    if not counted:
        raise Unscored(f"no {over} question to count")
    right = sum(row.value is not None and value(row.gold_value, row.value) for row in counted) / len(counted)
    overlap = sum(ref_overlap(row.gold_refs, row.refs) for row in counted if row.refs is not None) / len(counted)
    recall = na_recall(counted)
    return Overall(
        score=0.75 * right + 0.15 * overlap + 0.10 * recall,
        value=right,
        ref_overlap=overlap,
        na_recall=recall,
        n=len(counted),
        missing=sum(row.value is None for row in rows),
        over=over,
    )


def _abstained(row: Row) -> bool:
    return row.value is not None and is_blank(row.value)


def _written(amount: float) -> str:
    return str(int(amount)) if amount.is_integer() else str(amount)


def _close(left: float, right: float) -> bool:
    return math.isclose(left, right, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def _items(text: str) -> list[Item] | None:
    """The members of "[…]" or "{…}", a set's without repeats; None for a text that is neither."""
    bare = text.strip()
    if bare.startswith("{") and bare.endswith("}"):
        return [*{part.strip().lower() for part in bare[1:-1].split(",") if part.strip()}]
    if not (bare.startswith("[") and bare.endswith("]")):
        return None
    try:
        parts = ["" if part is None else str(part) for part in json.loads(bare.replace("'", '"'))]
    except (ValueError, RecursionError):
        parts = bare[1:-1].split(",")
    return [_item(part.strip()) for part in parts]


def _item(text: str) -> Item:
    amount = number(text)
    return text.lower() if amount is None else amount


def _same_items(wanted: Sequence[Item], said: Sequence[Item]) -> bool:
    left = sorted(item for item in wanted if not isinstance(item, str))
    right = sorted(item for item in said if not isinstance(item, str))
    if len(left) == len(wanted) and len(right) == len(said):
        return len(left) == len(right) and all(map(_close, left, right))
    return sorted(map(str, wanted)) == sorted(map(str, said))


def _inside(wanted: Sequence[Item], said: str) -> bool:
    ends = sorted(item for item in wanted if not isinstance(item, str))
    amount = number(said)
    if amount is None or len(wanted) != 2 or len(ends) != 2:  # noqa: PLR2004 - a range has two ends
        return False
    return ends[0] - TOLERANCE <= amount <= ends[1] + TOLERANCE


def _same_scalar(gold: str, said: str) -> bool:
    wanted, amount = number(gold), number(said)
    if wanted is not None and amount is not None:
        return _close(wanted, amount)
    return gold.strip().lower() == said.strip().lower()
