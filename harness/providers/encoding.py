"""Prompts as token ids: the tokenizer's own chat template, one leading BOS, and passages dropped to fit."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from harness.prompts.render import messages
from harness.records import Message, Prompt

PROBE = "PROBE-7Q"


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A prompt as the model reads it.

    `bos_count` is the number of leading BOS tokens as rendered, before it was set right; None when the tokenizer has no
    BOS. `reference` are the tokens that the model would have to say; None without a reference.
    """

    ids: tuple[int, ...]
    reference: tuple[int, ...] | None
    truncated_passages: int
    bos_count: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unencodable:
    """Why a prompt cannot be put to this model."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """What is known of a tokenizer once it was probed. `adds_bos` and `has_system` are findings, not settings."""

    tokenizer: PreTrainedTokenizerBase
    has_template: bool
    has_system: bool
    adds_bos: bool


def encoder(tokenizer: PreTrainedTokenizerBase) -> Encoder:
    """Probe the tokenizer: has it a chat template, does that show a system turn, does it lead texts with a BOS."""
    has_template = bool(tokenizer.chat_template)
    bos = tokenizer.bos_token_id
    return Encoder(
        tokenizer=tokenizer,
        has_template=has_template,
        has_system=has_template and _shows_system(tokenizer),
        adds_bos=bos is not None and tokenizer("a")["input_ids"][:1] == [bos],
    )


def encode(prompt: Prompt, coder: Encoder, room: int) -> Encoded | Unencodable:
    """The prompt in at most `room` tokens, with as many of its passages as fit, counted from the first.

    Args:
        prompt: question, passages and template.
        coder: the probed tokenizer.
        room: tokens that the prompt may take, at least 1.
    """
    if not prompt.template.chat:
        coder = replace(coder, has_template=False)
    try:
        ids, text, count = _render(prompt, coder, len(prompt.passages))
        kept = len(prompt.passages)
        if len(ids) > room:
            kept = _most_passages(lambda n: len(_render(prompt, coder, n)[0]), kept, room)
            if kept < 0:
                bare = len(_render(prompt, coder, 0)[0])
                return Unencodable(reason=f"prompt too long: {bare} tokens without passages, the model leaves {room}")
            ids, text, count = _render(prompt, coder, kept)
    except TemplateError as error:
        return Unencodable(reason=f"the chat template refuses this prompt: {error}")
    if not ids:
        return Unencodable(reason="the prompt is empty")
    return Encoded(
        ids=ids,
        reference=None if prompt.reference is None else _reference(prompt.reference, text, coder),
        truncated_passages=len(prompt.passages) - kept,
        bos_count=count,
    )


def chat_text(turns: Sequence[Message], coder: Encoder) -> str:
    """The turns as the tokenizer's template writes them, up to where the assistant starts to speak.

    Without a template the turns are plain text: an answer follows its question after a space, all else a blank line.
    """
    if not coder.has_template:
        return _plain(turns)
    shown = turns if coder.has_system else _merge_system(turns)
    chat = [{"role": turn.role, "content": turn.content} for turn in shown]
    return str(coder.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True))


def turn_end_ids(coder: Encoder) -> frozenset[int]:
    """Special tokens with which the template may close an assistant's turn: the first after the turn's text."""
    if not coder.has_template:
        return frozenset()
    chat = [{"role": "user", "content": "a"}, {"role": "assistant", "content": PROBE}]
    try:
        text = str(coder.tokenizer.apply_chat_template(chat, tokenize=False))
    except TemplateError:
        return frozenset()
    after = coder.tokenizer(text.rpartition(PROBE)[2], add_special_tokens=False)["input_ids"]
    special = set(coder.tokenizer.all_special_ids)
    return frozenset([token for token in after if token in special][:1])


def _render(prompt: Prompt, coder: Encoder, n_passages: int) -> tuple[tuple[int, ...], str, int | None]:
    text = chat_text(messages(prompt, n_passages), coder)
    ids = _ids(text, coder, special=not coder.has_template)
    fixed, count = _one_bos(ids, coder)
    return fixed, text, count


def _ids(text: str, coder: Encoder, *, special: bool) -> list[int]:
    return list(coder.tokenizer(text, add_special_tokens=special)["input_ids"])


def _one_bos(ids: Sequence[int], coder: Encoder) -> tuple[tuple[int, ...], int | None]:
    bos = coder.tokenizer.bos_token_id
    if bos is None:
        return tuple(ids), None
    count = next((place for place, token in enumerate(ids) if token != bos), len(ids))
    if count == 0:
        return ((bos, *ids) if coder.adds_bos else tuple(ids)), 0
    return tuple(ids[count - 1 :]), count


def _most_passages(tokens_with: Callable[[int], int], upper: int, room: int) -> int:
    """Largest n in 0..upper-1 whose prompt fits, by bisection; -1 when none does."""
    low, high = -1, upper
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if tokens_with(middle) <= room else (low, middle)
    return low


def _reference(reference: str, text: str, coder: Encoder) -> tuple[int, ...]:
    """The reference's tokens where it would stand, right after the prompt.

    They are what the joint text has more than the prompt, unless a token straddles the seam; then those of the
    reference by itself.
    """
    spoken = reference if coder.has_template else f" {reference}"
    before = _ids(text, coder, special=False)
    joint = _ids(text + spoken, coder, special=False)
    if joint[: len(before)] == before and len(joint) > len(before):
        return tuple(joint[len(before) :])
    return tuple(_ids(spoken, coder, special=False))


def _shows_system(tokenizer: PreTrainedTokenizerBase) -> bool:
    chat = [{"role": "system", "content": PROBE}, {"role": "user", "content": "a"}]
    try:
        return PROBE in str(tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True))
    except TemplateError:
        return False


def _merge_system(turns: Sequence[Message]) -> Sequence[Message]:
    """The system's words at the head of the first user turn, for templates without a system role."""
    system = [turn.content for turn in turns if turn.role == "system"]
    rest = [turn for turn in turns if turn.role != "system"]
    if not system or not rest:
        return turns
    head = Message(role=rest[0].role, content="\n\n".join([*system, rest[0].content]))
    return [head, *rest[1:]]


def _plain(turns: Iterable[Message]) -> str:
    text = ""
    for turn in turns:
        glue = "" if not text else " " if turn.role == "assistant" else "\n\n"
        text += glue + turn.content
    return text
