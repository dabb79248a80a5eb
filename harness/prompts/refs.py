"""References to passages, as a model writes them, made into passage ids."""

import re
from collections.abc import Iterable, Sequence

from harness.records import Passage

_NUMBER = re.compile(r"\[?\s*([0-9]{1,4})\s*\]?")


def ref_of(text: str, passages: Sequence[Passage]) -> str:
    """The passage id that `text` means: `2` or `[2]` is the second passage shown, an id is itself.

    A number beyond the passages that is no passage's id becomes `[n]`, and any other text stays as it is: a made-up
    reference must count against the answer.
    """
    text = text.strip()
    number = _NUMBER.fullmatch(text)
    if number and 1 <= int(number[1]) <= len(passages):
        return passages[int(number[1]) - 1].id
    if number and text not in {passage.id for passage in passages}:
        return f"[{int(number[1])}]"
    return text


def dedupe(refs: Iterable[str]) -> tuple[str, ...]:
    """The refs without repeats and empty ones, in order of their first mention."""
    return tuple(dict.fromkeys(ref for ref in refs if ref))
