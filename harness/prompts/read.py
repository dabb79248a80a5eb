"""Answers read back as their template asked for them. No text makes these functions raise."""

import re
from collections.abc import Sequence

from harness.prompts.read_json import read_json
from harness.prompts.refs import dedupe, ref_of
from harness.records import Passage, Reading, Template

_MARKS = r"[\s*_`#>]*"
_LABEL = re.compile(rf"{_MARKS}(?:final\s+)?answer{_MARKS}:{_MARKS}", re.IGNORECASE)
# Several numbers in one bracket may be a range or a list that is the answer, so all of them must be passages.
_CITED = re.compile(r" ?\[ ?([0-9]{1,4}(?: ?[,;] ?[0-9]{1,4})*) ?\]")
_BLANKS = ("na", "n/a", "is_blank")
_UNABLE = "unable to answer with confidence based on the provided documents"
_PAIRS = (
    ("**", "**"),
    ("__", "__"),
    ("*", "*"),
    ("_", "_"),
    ("`", "`"),
    ('"', '"'),
    ("'", "'"),
    ("\u201c", "\u201d"),
    ("\u2018", "\u2019"),
    ("\u00ab", "\u00bb"),
)
_OPENING = tuple({left for left, _ in _PAIRS})


def read_answer(text: str, template: Template, passages: Sequence[Passage]) -> Reading:
    """Read an answer's text.

    - `line`: the first line that says something, tidied: a leading "Answer:", quotes and emphasis around the value, and
      one full stop after it are taken off. No such line is a blank.
    - `cited`: the same, and the `[n]` of that line are taken out and become refs.
    - `json`: the first JSON object, see `read_json`.
    - `cot`: what follows the last line that starts with "Answer:", tidied; the text before it is the explanation.

    Args:
        text: what the model said, maybe nothing.
        template: what it was asked with.
        passages: what the prompt showed, in order, so that `[1]` is the first.

    Returns:
        A reading. For `json` and `cot` a text in another form has a problem, unless it is one of the words for a blank
        (na, n/a, is_blank, "unable to answer with confidence based on the provided documents"). A number that no
        passage has is kept as the ref `[n]`.
    """
    match template.reader:
        case "line":
            return Reading(value=next((value for line in text.splitlines() if (value := tidy(line))), ""))
        case "cited":
            return _read_cited(text, passages)
        case "json":
            return _blank(text) or read_json(text, passages)
        case "cot":
            return _blank(text) or _read_cot(text)


def tidy(line: str) -> str:
    """A value without a leading "Answer:", marks around it and one full stop after it; maybe empty."""
    value = _unwrapped(line)
    label = _LABEL.match(value)
    value = _unwrapped(value[label.end() :] if label else value)
    return _unwrapped(value.removesuffix("."))


def _unwrapped(text: str) -> str:
    text = text.strip()
    for left, right in _PAIRS if text.startswith(_OPENING) else ():
        inner = text[len(left) : -len(right)]
        wrapped = len(text) > len(left + right) and text.startswith(left) and text.endswith(right)
        if wrapped and left not in inner and right not in inner:
            return _unwrapped(inner)
    return "" if text and not text.strip("*_`\"'") else text


def _blank(text: str) -> Reading | None:
    value = tidy(text)
    blank = value.lower() in _BLANKS or value.lower().startswith(_UNABLE)
    return Reading(value=value) if blank else None


def _read_cot(text: str) -> Reading:
    lines = text.splitlines()
    last = max((number for number, line in enumerate(lines) if _LABEL.match(line)), default=None)
    if last is None:
        return Reading(value="", problem='no line starts with "Answer:"')
    value = next((value for line in lines[last:] if (value := tidy(line))), "")
    return Reading(value=value, explanation="\n".join(lines[:last]).strip())


def _read_cited(text: str, passages: Sequence[Passage]) -> Reading:
    refs: tuple[str, ...] = ()
    for line in text.splitlines():
        value, found = _take_citations(line, passages)
        refs = dedupe([*refs, *found])
        if value:
            return Reading(value=value, refs=refs)
    return Reading(value="", refs=refs)


def _take_citations(line: str, passages: Sequence[Passage]) -> tuple[str, tuple[str, ...]]:
    refs: list[str] = []

    def take(match: re.Match[str]) -> str:
        numbers = [int(number) for number in re.findall("[0-9]+", match[1])]
        if len(numbers) > 1 and not all(1 <= number <= len(passages) for number in numbers):
            return match[0]
        refs.extend(ref_of(str(number), passages) for number in numbers)
        return ""

    return tidy(_CITED.sub(take, line)), tuple(refs)
