"""A structured answer {answer_value, ref_ids, confidence, explanation} read from a model's text."""

import re
from collections.abc import Mapping, Sequence
from json import JSONDecoder
from typing import NoReturn

from harness.prompts.refs import dedupe, ref_of
from harness.records import Passage, Reading

_NUMBERS = re.compile(r"[0-9\s,;\[\]]+")


class _Unreadable(Exception):
    """The object does not hold what was asked for; the text says what."""


def read_json(text: str, passages: Sequence[Passage]) -> Reading:
    """Read the first JSON object in the text; what stands before and after it is not looked at.

    `answer_value` must be there: a text or a number as written, true or false, a list of these (kept in brackets), or
    null for a blank. `ref_ids` are ids, or numbers of passages, one or a list. `confidence` is a number in [0, 1] or a
    percentage with its sign; any other is no stated confidence. Further fields are not looked at.

    Returns:
        The reading, with a problem when there is no object, it is not JSON, or a field is not of these kinds.
    """
    start = text.find("{")
    if start < 0:
        return Reading(value="", problem="no JSON object")
    try:
        found, _ = _DECODER.raw_decode(text, start)
        return _reading(found, passages)
    except _Unreadable as problem:
        return Reading(value="", problem=str(problem))
    except (ValueError, RecursionError):
        return Reading(value="", problem="the first { does not begin a JSON object")


def _reading(found: Mapping[str, object], passages: Sequence[Passage]) -> Reading:
    if "answer_value" not in found:
        raise _Unreadable("the JSON object has no answer_value")
    explanation = found.get("explanation")
    return Reading(
        value=_value(found["answer_value"]),
        refs=dedupe(ref_of(ref, passages) for ref in _refs(found.get("ref_ids"))),
        confidence=_confidence(found.get("confidence")),
        explanation=_text(explanation) if isinstance(explanation, str) else "",
    )


def _value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value).strip()
    raise _Unreadable("answer_value is an object: a text, a number, a list, true, false or null")


def _refs(value: object) -> Sequence[str]:
    if value is None:
        return ()
    if isinstance(value, str):
        return re.findall(r"[0-9]+", value) if _NUMBERS.fullmatch(value) else [_text(value)]
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return [_text(item) for item in value]
    raise _Unreadable("ref_ids is not a list of texts or numbers")


def _confidence(value: object) -> float | None:
    if not isinstance(value, str):
        return None
    number, percent, rest = value.strip().partition("%")
    try:
        confidence = float(number) / (100 if percent else 1)
    except ValueError:
        return None
    return confidence if 0 <= confidence <= 1 and not rest else None


def _text(value: str) -> str:
    # JSON can spell half of a surrogate pair, which no file or database can hold.
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


# Numbers are kept as they were written, so that 3.10 stays 3.10.
_DECODER = JSONDecoder(parse_float=str, parse_int=str, parse_constant=_no_constant)
