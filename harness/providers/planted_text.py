"""Right and wrong answers of a made-up model, in the form that a template asks for."""

import hashlib
import json
import re
from collections.abc import Sequence

from harness.records import Passage, Prompt

BLANK = "N/A"
BLANKS = frozenset({"", "na", "n/a", "is_blank"})
OPPOSITES = {"true": "false", "false": "true", "yes": "no", "no": "yes"}
NUMBER = re.compile(r"-?\d[\d,]*(\.\d+)?")
RANGE = re.compile(rf"\[\s*({NUMBER.pattern})\s*,\s*({NUMBER.pattern})\s*\]")
ONSETS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z")
VOWELS = ("a", "e", "i", "o", "u")


def draw(*key: object) -> float:
    """A number in (0, 1) that depends on the key alone, uniform over keys."""
    digest = hashlib.sha256(json.dumps(key, ensure_ascii=True).encode()).digest()
    return (int.from_bytes(digest[:6], "big") + 0.5) / 2**48


def right_text(reference: str | None) -> str:
    """The reference itself; "N/A" where there is none, or a blank one."""
    return BLANK if reference is None or reference.strip().casefold() in BLANKS else reference


def wrong_text(reference: str | None, *key: object) -> str:
    """An answer of the reference's kind that shares nothing with it; `key` decides which one.

    A number, or each end of a range, moves up by one to two times its size plus 1, so that no tolerance below its own
    size takes it for right; true and false, yes and no change places; a letter becomes another of A to D; the items of
    a list and the words of a text become made-up words, as a blank does.
    """
    text = right_text(reference).strip().removeprefix(BLANK)
    if text.casefold() in OPPOSITES:
        return _opposite(text)
    if NUMBER.fullmatch(text):
        return _farther(text, *key)
    if ends := RANGE.fullmatch(text):
        return f"[{_farther(ends[1], *key)}, {_farther(ends[3], *key)}]"
    if re.fullmatch("[A-Da-d]", text):
        letters = [letter for letter in "ABCD" if letter != text.upper()]
        return letters[int(draw("letter", *key) * len(letters))]
    if text.startswith("[") and text.endswith("]"):
        return "[" + ", ".join(_words(1, text, (*key, place)) for place in range(text.count(",") + 1)) + "]"
    return _words(max(1, min(len(text.split()), 4)), text, key)


def written(value: str, prompt: Prompt, confidence: float | None) -> str:
    """The answer `value` as the prompt's template wants it written, with what it cites and its confidence."""
    cited = _cited(value, prompt.passages)
    match prompt.template.reader:
        case "json":
            refs = [prompt.passages[place].id for place in cited]
            fields = {"answer_value": value, "ref_ids": refs, "confidence": confidence, "explanation": ""}
            return json.dumps(fields, ensure_ascii=False)
        case "cited":
            return " ".join([value, *(f"[{place + 1}]" for place in cited)])
        case "cot":
            return f"This was planted.\nAnswer: {value}"
        case _:
            return value


def _cited(value: str, passages: Sequence[Passage]) -> list[int]:
    """The place of the first passage that holds the value, else of the first of all; none for a blank."""
    if value == BLANK or not passages:
        return []
    holds = (place for place, passage in enumerate(passages) if value.casefold() in passage.text.casefold())
    return [next(holds, 0)]


def _opposite(text: str) -> str:
    other = OPPOSITES[text.casefold()]
    return other.upper() if text.isupper() else other.capitalize() if text[0].isupper() else other


def _farther(text: str, *key: object) -> str:
    value = float(text.replace(",", ""))
    moved = value + (abs(value) + 1) * (1 + draw("number", *key))
    decimals = len(text.partition(".")[2])
    return f"{moved:.{decimals}f}"


def _words(count: int, other_than: str, key: tuple[object, ...]) -> str:
    taken = set(re.findall(r"\w+", other_than.casefold()))
    words: list[str] = []
    attempt = 0
    while len(words) < count:
        word = _word(*key, attempt)
        if word.casefold() not in taken:
            words.append(word)
        attempt += 1
    return " ".join(words)


def _word(*key: object) -> str:
    syllables = (
        ONSETS[int(draw("onset", place, *key) * len(ONSETS))] + VOWELS[int(draw("vowel", place, *key) * len(VOWELS))]
        for place in range(3)
    )
    return "".join(syllables).capitalize()
