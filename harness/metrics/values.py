"""Value accuracy: is the answer's value the gold value, with both read in the same way?"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from harness.metrics.quantities import Number, Range, Tolerance, read_number, read_quantity, same_quantity, within
from harness.metrics.text import normalise
from harness.metrics.units import unit_name
from harness.metrics.wattbot import is_blank
from harness.records import AnswerType, Question

_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_FIRST_WORD = re.compile(r"(true|false|yes|no|[01])(?:\s*[.,;:!](?:\s.*)?)?", re.IGNORECASE | re.DOTALL)
_LETTER = re.compile(r"(?:option\s+)?\(?([a-z])(?:[).:](?:\s+.*)?)?", re.IGNORECASE | re.DOTALL)
_BRACKETED = re.compile(r"[\[{(](.*)[\]})]\s*(.*)", re.DOTALL)
_QUOTED = re.compile(r"""\s*(?:"([^"]*)"|'((?:[^']|(?<=\w)'(?=\w))*)')\s*(?:,|;|$)""")
_BULLET = re.compile(r"\s*(?:[-*•]|[0-9]+[.)])\s+")
_EXACT = Tolerance(relative=1e-9)


def value_accuracy(answer: str, question: Question) -> float:
    """1 if the answer's value is one of the question's accepted values, else 0; gold and answer are read alike.

    A blank answer is right iff the question accepts one, whichever blank it is. An unanswerable question (nothing
    accepted, or only blanks) takes nothing else. By answer type:

    - number: relative tolerance 1e-3, or the question's absolute one; true/yes count as 1, false/no as 0. A bound
      equals only the same bound, a range only the same range, but an accepted range takes a number inside it.
    - range: both ends equal within the tolerance; a number inside is not the range.
    - list: the same items, each as often, in any order; items are compared as numbers where both are, else as words.
    - boolean: true, yes, 1 against false, no, 0; a longer answer counts by its first word if punctuation follows it.
    - choice: by the option's text or its letter.
    - text: normalised words, and numbers exactly ("3.5" is not "35").

    The question's unit may stand with a value in any spelling or not at all; another unit is wrong.
    """
    if is_blank(answer) or is_unanswerable(question):
        return float(is_blank(answer) and accepts_blank(question))
    same = _COMPARE[question.answer_type]
    return float(any(same(gold, answer, question) for gold in question.answers))


def is_unanswerable(question: Question) -> bool:
    """Whether only a blank is right: the question is marked so, or accepts nothing but blanks."""
    return not question.answerable or all(map(is_blank, question.answers))


def accepts_blank(question: Question) -> bool:
    """Whether a blank is a right answer: the question is unanswerable, or a blank is among its accepted answers."""
    return is_unanswerable(question) or any(map(is_blank, question.answers))


def truth(text: str) -> bool | None:
    """What a text says to a yes/no question, by its only word or the first one before punctuation; None if neither."""
    found = _FIRST_WORD.fullmatch(text.strip())
    return _TRUTH[found[1].lower()] if found else None


def list_items(text: str) -> tuple[str, ...]:
    """The items of a list in text, in its order, without brackets, quotes and bullets; empty for an empty text.

    Bracketed lists are cut at commas; open ones at line ends, else semicolons, else commas, else "and".
    """
    return _items(text, last_and=True)


def _tolerance(question: Question) -> Tolerance:
    return Tolerance(absolute=question.tolerance)


def _key(text: str) -> str:
    """Normalised words; the bare text where normalising leaves none, so that "the" and "?" stay apart."""
    return normalise(text) or text.strip().lower()


def _same_text(gold: str, answer: str, question: Question) -> bool:
    wanted, said = read_number(gold, question.unit), read_number(answer, question.unit)
    if wanted is not None and said is not None:
        return same_quantity(wanted, said, _EXACT)
    return _key(gold) == _key(answer)


def _same_range(gold: str, answer: str, question: Question) -> bool:
    wanted, said = read_quantity(gold, question.unit), read_quantity(answer, question.unit)
    if wanted is None and said is None:
        return _key(gold) == _key(answer)
    return wanted is not None and said is not None and same_quantity(wanted, said, _tolerance(question))


def _same_number(gold: str, answer: str, question: Question) -> bool:
    wanted, said = _as_number(gold), _as_number(answer)
    if _same_range(wanted, said, question):
        return True
    limits, amount = read_quantity(wanted, question.unit), read_quantity(said, question.unit)
    return isinstance(limits, Range) and isinstance(amount, Number) and within(amount, limits, _tolerance(question))


def _as_number(text: str) -> str:
    said = _TRUTH.get(text.strip().lower())
    return text if said is None else str(int(said))


def _same_boolean(gold: str, answer: str, _: Question) -> bool:
    wanted, said = truth(gold), truth(answer)
    return _key(gold) == _key(answer) if wanted is None and said is None else wanted is said


def _same_choice(gold: str, answer: str, question: Question) -> bool:
    return _option(gold, question.options) == _option(answer, question.options)


def _option(text: str, options: Sequence[str]) -> str:
    """The option meant, by its text or its letter; any other text stands for itself."""
    keys = [_key(option) for option in options]
    said = _key(text)
    letter = _LETTER.fullmatch(text.strip())
    place = ord(letter[1].lower()) - ord("a") if letter else len(keys)
    return keys[place] if said not in keys and place < len(keys) else said


def _same_list(gold: str, answer: str, question: Question) -> bool:
    wanted, said = _readings(gold, question), _readings(answer, question)
    return any(_same_items(left, right, question) for left in wanted for right in said)


def _readings(text: str, question: Question) -> list[tuple[str, ...]]:
    """The ways to cut the list: an open "a, b and c" may end in one item "b and c" or in two."""
    bare = _without_unit(text.strip(), question.unit)
    return [_items(bare, last_and=last_and) for last_and in (True, False)]


def _without_unit(text: str, unit: str) -> str:
    found = _BRACKETED.fullmatch(text)
    behind_is_unit = found is not None and bool(found[2]) and unit_name(found[2]) == unit_name(unit)
    return text.removesuffix(found[2]).strip() if found and behind_is_unit else text


def _items(text: str, *, last_and: bool) -> tuple[str, ...]:
    bare = text.strip()
    found = _BRACKETED.fullmatch(bare)
    if found is not None and not found[2]:
        parts = _quoted(found[1]) or re.split(r"[,;]", found[1])
    else:
        parts = _open_items(bare, last_and=last_and)
    return tuple(tidy for part in parts if (tidy := part.strip().strip("\"'").strip()))


def _quoted(inner: str) -> list[str]:
    """The items if all of them are quoted, commas inside included; else none."""
    found, end = [], 0
    while end < len(inner) and (item := _QUOTED.match(inner, end)):
        found.append(item[1] if item[1] is not None else item[2])
        end = item.end()
    return found if end == len(inner) else []


def _open_items(text: str, *, last_and: bool) -> list[str]:
    lines = [_BULLET.sub("", line, count=1) if _BULLET.match(line) else line for line in text.splitlines()]
    if len(lines) > 1 or read_number(text) is not None:
        return lines
    parts = next((cut for mark in (r";", r",\s+", r",") if len(cut := re.split(mark, text)) > 1), lines)
    if not parts or not last_and:
        return parts
    head, last = parts[:-1], re.sub(r"^\s*(?:and|&)\s+", "", parts[-1], flags=re.IGNORECASE)
    return [*head, *re.split(r"\s+(?:and|&)\s+", last, flags=re.IGNORECASE)]


def _same_items(wanted: Sequence[str], said: Sequence[str], question: Question) -> bool:
    left, right = _sorted_out(wanted, question.unit), _sorted_out(said, question.unit)
    if len(left[0]) != len(right[0]) or left[1] != right[1]:
        return False
    pairs = zip(left[0], right[0], strict=True)
    return all(same_quantity(one, other, _tolerance(question)) for one, other in pairs)


def _sorted_out(items: Sequence[str], unit: str) -> tuple[list[Number], Counter[str]]:
    """The items that are numbers, by size, and the others as a multiset of words.

    Pairing numbers by size finds a match within a tolerance whenever there is one.
    """
    read = [(item, read_number(item, unit)) for item in items]
    numbers = sorted((found for _, found in read if found is not None), key=lambda found: found.amount)
    return numbers, Counter(_key(item) for item, found in read if found is None)


_COMPARE: Mapping[AnswerType, Callable[[str, str, Question], bool]] = {
    "text": _same_text,
    "number": _same_number,
    "range": _same_range,
    "list": _same_list,
    "boolean": _same_boolean,
    "choice": _same_choice,
}
