"""Prompts as tokens: templates, one BOS, passages dropped to fit, references where they would be spoken."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("torch")

from hypothesis import given
from hypothesis import strategies as st

from harness.prompts.render import messages
from harness.providers.encoding import (
    Encoded,
    Unencodable,
    chat_text,
    encode,
    encoder,
    turn_end_ids,
)
from harness.records import Message, Passage, Prompt, Shot, Template

NO_SYSTEM = (
    "{% for message in messages %}{% if message['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "[{{ message['role'] }}] {{ message['content'] }}</s>{% endfor %}"
)
IGNORES_SYSTEM = (
    "{% for message in messages %}{% if message['role'] != 'system' %}"
    "[{{ message['role'] }}] {{ message['content'] }}</s>{% endif %}{% endfor %}"
)
REFUSES_ALL = "{{ raise_exception('not today') }}"
WRITES_BOS = "{{ bos_token }}{% for message in messages %}{{ message['content'] }}</s>{% endfor %}"
WRITES_TWO = "{{ bos_token }}" + WRITES_BOS
PLAIN = Template(
    name="plain",
    system="Be brief.",
    user="Question: {question}\nAnswer:",
    user_with_passages="{passages}\n\nQuestion: {question}\nAnswer:",
    reader="line",
    hash="plain",
)
PASSAGES = tuple(Passage(id=str(n), text=f"The bridge {n} has {n * 9} arches.") for n in range(6))


def encoded(prompt: Prompt, tokenizer: Any, room: int = 4000) -> Encoded:
    found = encode(prompt, encoder(tokenizer), room)
    assert isinstance(found, Encoded)
    return found


def test_a_chat_is_what_the_template_writes(tokenizer_of: Callable[..., Any], prompts: Sequence[Prompt]) -> None:
    tokenizer = tokenizer_of()
    turns = [{"role": turn.role, "content": turn.content} for turn in messages(prompts[3])]
    expected = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=True)["input_ids"]
    assert encoded(prompts[3], tokenizer).ids == tuple(expected)


@pytest.mark.parametrize("refusing", [NO_SYSTEM, IGNORES_SYSTEM])
def test_without_a_system_role_its_words_lead_the_first_turn(refusing: str, tokenizer_of: Callable[..., Any]) -> None:
    text = chat_text(messages(Prompt(template=PLAIN, question="which?")), encoder(tokenizer_of(template=refusing)))
    assert text == "[user] Be brief.\n\nQuestion: which?\nAnswer:</s>"


def test_a_system_turn_alone_is_not_merged_away(tokenizer_of: Callable[..., Any]) -> None:
    coder = encoder(tokenizer_of(template=IGNORES_SYSTEM))
    assert chat_text([Message(role="system", content="x")], coder) == ""


def test_without_a_template_the_turns_are_plain_text(tokenizer_of: Callable[..., Any]) -> None:
    shot = Shot(question="how many?", answer="27")
    prompt = Prompt(template=replace(PLAIN, shots=(shot,)), question="which?")
    assert chat_text(messages(prompt), encoder(tokenizer_of(template=None))) == (
        "Be brief.\n\nQuestion: how many?\nAnswer: 27\n\nQuestion: which?\nAnswer:"
    )


@pytest.mark.parametrize(
    ("template", "bos", "adds_bos", "leading", "count"),
    [
        (WRITES_BOS, "<s>", False, 1, 1),
        (WRITES_BOS, "<s>", True, 1, 1),
        (WRITES_TWO, "<s>", True, 1, 2),
        (NO_SYSTEM, "<s>", True, 1, 0),
        (NO_SYSTEM, "<s>", False, 0, 0),
        (NO_SYSTEM, None, False, 0, None),
        (None, "<s>", True, 1, 1),
        (None, "<s>", False, 0, 0),
    ],
)
def test_exactly_one_bos_where_the_model_expects_one(
    template: str | None,
    bos: str | None,
    adds_bos: bool,
    leading: int,
    count: int | None,
    tokenizer_of: Callable[..., Any],
) -> None:
    tokenizer = tokenizer_of(template=template, bos=bos, adds_bos=adds_bos)
    found = encoded(Prompt(template=PLAIN, question="which?"), tokenizer)
    start = tokenizer.convert_tokens_to_ids("<s>")
    assert (found.ids[:2].count(start), found.bos_count) == (leading, count)


@given(kept=st.integers(0, 6), spare=st.integers(0, 5))
def test_passages_that_do_not_fit_are_dropped_from_the_end(
    kept: int, spare: int, tokenizer_of: Callable[..., Any]
) -> None:
    tokenizer = tokenizer_of()
    prompt = Prompt(template=PLAIN, question="how many arches?", passages=PASSAGES)
    shorter = encoded(replace(prompt, passages=PASSAGES[:kept]), tokenizer)
    found = encoded(prompt, tokenizer, room=len(shorter.ids) + spare)
    assert (found.ids, found.truncated_passages) == (shorter.ids, len(PASSAGES) - kept)


def test_a_question_that_does_not_fit_is_refused_with_its_length(tokenizer_of: Callable[..., Any]) -> None:
    coder = encoder(tokenizer_of())
    prompt = Prompt(template=PLAIN, question="how many arches?", passages=PASSAGES)
    bare = len(encoded(replace(prompt, passages=()), coder.tokenizer).ids)
    found = encode(prompt, coder, bare - 1)
    assert isinstance(found, Unencodable)
    assert f"{bare} tokens without passages, the model leaves {bare - 1}" in found.reason


def test_a_template_that_refuses_is_the_prompts_own_error(tokenizer_of: Callable[..., Any]) -> None:
    found = encode(Prompt(template=PLAIN, question="?"), encoder(tokenizer_of(template=REFUSES_ALL)), 100)
    assert isinstance(found, Unencodable)
    assert "not today" in found.reason


def test_an_empty_prompt_is_refused(tokenizer_of: Callable[..., Any]) -> None:
    empty = Template(name="e", system="", user="{question}", user_with_passages="", reader="line", hash="e")
    found = encode(Prompt(template=empty, question=""), encoder(tokenizer_of(template=None)), 100)
    assert found == Unencodable(reason="the prompt is empty")


@given(answer=st.sampled_from(["27", "the keeper", "27 arches of stone", " spaced", "\nline", "ünï"]))
@pytest.mark.parametrize("chat", [True, False])
def test_prompt_and_reference_spell_the_whole(chat: bool, answer: str, tokenizer_of: Callable[..., Any]) -> None:
    tokenizer = tokenizer_of() if chat else tokenizer_of(template=None)
    prompt = Prompt(template=PLAIN, question="how many?", reference=answer)
    found = encoded(prompt, tokenizer)
    assert found.reference is not None
    seam = "" if chat else " "
    assert tokenizer.decode(found.reference) == seam + answer


def test_a_token_across_the_seam_leaves_the_reference_its_own_tokens(tokenizer_of: Callable[..., Any]) -> None:
    tokenizer = tokenizer_of(template="{{ messages[-1]['content'] }}")
    word = max((token for token in tokenizer.get_vocab() if token.isalpha() and token.isascii()), key=len)
    joint = Template(name="j", system="", user=word[:3] + "{question}", user_with_passages="", reader="line", hash="j")
    answer = word[3:] + " of the bridge"
    alone = tokenizer(answer, add_special_tokens=False)["input_ids"]
    assert encoded(Prompt(template=joint, question="", reference=answer), tokenizer).reference == tuple(alone)


@pytest.mark.parametrize(("reference", "expected"), [(None, None), ("", ())])
def test_no_reference_has_no_tokens(
    reference: str | None, expected: tuple[int, ...] | None, tokenizer_of: Callable[..., Any]
) -> None:
    prompt = Prompt(template=PLAIN, question="how many?", reference=reference)
    assert encoded(prompt, tokenizer_of()).reference == expected


@pytest.mark.parametrize(
    ("template", "ends"),
    [
        ("default", {"<|im_end|>"}),
        (NO_SYSTEM, {"</s>"}),
        (None, set()),
        (REFUSES_ALL, set()),
        ("{{ messages[-1]['content'] }}.", set()),
    ],
)
def test_the_templates_own_end_of_turn_is_found(
    template: str | None, ends: set[str], tokenizer_of: Callable[..., Any]
) -> None:
    tokenizer = tokenizer_of() if template == "default" else tokenizer_of(template=template)
    assert {tokenizer.convert_ids_to_tokens(token) for token in turn_end_ids(encoder(tokenizer))} == ends


def test_a_template_that_wants_no_chat_is_plain_text_in_spite_of_the_tokenizers(
    tokenizer_of: Callable[..., Any],
) -> None:
    prompt = Prompt(template=replace(PLAIN, chat=False), question="which?", reference="27")
    found = encoded(prompt, tokenizer_of())
    text = tokenizer_of().decode([*found.ids, *(found.reference or ())])
    assert text == "Be brief.\n\nQuestion: which?\nAnswer: 27"
