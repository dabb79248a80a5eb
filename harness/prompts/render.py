"""A prompt made into the turns of a chat. Everything here is pure."""

import re
from collections.abc import Sequence
from json import dumps

from harness.records import Message, Passage, Prompt, Shot, Template

_SLOT = re.compile(r"\{(question|passages)\}")
# A worked example is known to be right; the format must show its confidence field.
_SHOT_CONFIDENCE = 1.0


def messages(prompt: Prompt, n_passages: int | None = None) -> tuple[Message, ...]:
    """The prompt's turns: the system text if there is one, two turns for each worked example, and the question.

    Args:
        prompt: what is asked.
        n_passages: show only the first so many passages (all of them when there are fewer), None shows all.

    Returns:
        Turns that end with the user's. Worked examples show their own passages exactly when the question shows some.

    Raises:
        ValueError: n_passages is negative.
    """
    if n_passages is not None and n_passages < 0:
        raise ValueError(f"n_passages is {n_passages}: at least 0")
    shown = prompt.passages[:n_passages]
    template = prompt.template
    turns = [Message(role="system", content=template.system)] if template.system else []
    for shot in template.shots:
        passages = shot.passages if shown else ()
        turns.append(Message(role="user", content=_ask(template, shot.question, passages)))
        turns.append(Message(role="assistant", content=shot_answer(shot, template, passages)))
    turns.append(Message(role="user", content=_ask(template, prompt.question, shown)))
    return tuple(turns)


def number_passages(passages: Sequence[Passage]) -> str:
    """The passages as a prompt shows them, `[1] Title: text`, counted from 1 and parted by an empty line."""
    return "\n\n".join(f"[{number}] {_titled(passage)}" for number, passage in enumerate(passages, 1))


def shot_answer(shot: Shot, template: Template, passages: Sequence[Passage]) -> str:
    """A worked example's answer in the form that the template asks for.

    References to `passages` are given by number; those to other passages are left out, since nothing shows them.
    """
    numbers = [number for number, passage in enumerate(passages, 1) if passage.id in shot.refs]
    match template.reader:
        case "json":
            return _json_answer(shot, numbers)
        case "cited":
            return " ".join([shot.answer, *(f"[{number}]" for number in numbers)])
        case "cot":
            return "\n".join([*([shot.explanation] if shot.explanation else []), f"Answer: {shot.answer}"])
        case "line":
            return shot.answer


def prompt_bytes(prompt: Prompt) -> bytes:
    """The canonical bytes of all that a prompt can show, for the key of its answer.

    They cover the template's hash, the question, and the passages with their ids and order. The condition's name is
    not part of them, nor is the reference, which is never shown.
    """
    passages = [[passage.id, passage.title, passage.text] for passage in prompt.passages]
    turns = [[turn.role, turn.content] for turn in messages(prompt)]
    content = [prompt.template.hash, prompt.question, passages, turns]
    return dumps(content, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def _ask(template: Template, question: str, passages: Sequence[Passage]) -> str:
    texts = {"question": question, "passages": number_passages(passages)}
    # One pass over the template alone: braces in a question or a passage are never looked at.
    return _SLOT.sub(lambda slot: texts[slot[1]], template.user_with_passages if passages else template.user)


def _titled(passage: Passage) -> str:
    return f"{passage.title}: {passage.text}" if passage.title else passage.text


def _json_answer(shot: Shot, numbers: Sequence[int]) -> str:
    answer = {"answer_value": shot.answer, "ref_ids": numbers, "confidence": _SHOT_CONFIDENCE}
    return dumps({**answer, "explanation": shot.explanation}, ensure_ascii=False)
