"""What a model is shown."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.prompts.catalog import find_template, template_names
from harness.prompts.read import read_answer
from harness.prompts.render import messages, number_passages, prompt_bytes, shot_answer
from harness.records import Passage, Prompt, Shot, Template

BRACED = st.text(alphabet="ab {}:!0[]%$\\\"'\n<|>", max_size=30) | st.sampled_from(["{passages}", "{question}", "{0}"])
PASSAGES = st.lists(
    st.builds(Passage, id=st.text("abc", min_size=1, max_size=4), text=BRACED, title=BRACED),
    max_size=4,
    unique_by=lambda passage: passage.id,
).map(tuple)
SHOT = Shot(
    question="How long is the Ela?",
    answer="12 km",
    passages=(Passage(id="e1", text="The Ela is 12 km long.", title="Ela"), Passage(id="e2", text="Oru is a hill.")),
    refs=("e1",),
    explanation="The Ela is said to be 12 km long.",
)
TWO = (Passage(id="p1", text="one", title="First"), Passage(id="p2", text="two"))
NAMES = st.sampled_from(template_names())


def prompt(question: str = "Why?", passages: tuple[Passage, ...] = (), name: str = "concise") -> Prompt:
    return Prompt(template=find_template(name), question=question, passages=passages)


def few_shot(passages: tuple[Passage, ...], name: str = "few-shot-1") -> Prompt:
    return Prompt(template=find_template(name, [SHOT]), question="Why?", passages=passages)


@given(NAMES, BRACED, PASSAGES)
def test_question_and_passages_stand_literally_in_the_last_turn(
    name: str, question: str, passages: tuple[Passage, ...]
) -> None:
    last = messages(prompt(question, passages, name))[-1].content
    assert question in last
    assert all(passage.text in last and passage.title in last for passage in passages)


@given(BRACED, PASSAGES)
def test_the_template_is_filled_once(question: str, passages: tuple[Passage, ...]) -> None:
    template = replace(find_template("concise"), user="<{question}>", user_with_passages="{passages}<{question}>")
    last = messages(Prompt(template=template, question=question, passages=passages))[-1].content
    assert last == f"{number_passages(passages)}<{question}>"


@given(NAMES, PASSAGES, st.integers(0, 5))
def test_fewer_passages_never_show_more(name: str, passages: tuple[Passage, ...], shown: int) -> None:
    whole = Prompt(template=find_template(f"{name}+1", [SHOT]), question="Why?", passages=passages)
    sizes = [sum(len(turn.content) for turn in messages(whole, n)) for n in (shown, shown + 1)]
    assert sizes[0] <= sizes[1]


@given(PASSAGES, st.integers(0, 5))
def test_n_passages_is_a_prompt_of_the_first_passages(passages: tuple[Passage, ...], shown: int) -> None:
    assert messages(few_shot(passages), shown) == messages(few_shot(passages[:shown]))


@given(st.tuples(BRACED, PASSAGES), st.tuples(BRACED, PASSAGES))
def test_different_prompts_have_different_bytes(
    one: tuple[str, tuple[Passage, ...]], other: tuple[str, tuple[Passage, ...]]
) -> None:
    assert (one == other) == (prompt_bytes(prompt(*one)) == prompt_bytes(prompt(*other)))


def test_bytes_know_the_template() -> None:
    assert prompt_bytes(prompt()) != prompt_bytes(replace(prompt(), template=replace(prompt().template, hash="x")))


def test_bytes_do_not_know_the_reference_or_the_condition() -> None:
    assert prompt_bytes(prompt()) == prompt_bytes(replace(prompt(), reference="gold", condition="rag"))


def test_bytes_take_half_a_surrogate_pair() -> None:
    assert prompt_bytes(prompt("\ud800")).isascii()


def test_passages_are_numbered_and_titled() -> None:
    assert number_passages(TWO) == "[1] First: one\n\n[2] two"


def test_turns_of_a_plain_prompt() -> None:
    assert [turn.role for turn in messages(prompt())] == ["system", "user"]


def test_an_empty_system_text_is_no_turn() -> None:
    bare = replace(prompt(), template=replace(find_template("concise"), system=""))
    assert [turn.role for turn in messages(bare)] == ["user"]


def test_shots_come_as_earlier_turns() -> None:
    turns = messages(few_shot(TWO))
    assert [turn.role for turn in turns] == ["system", "user", "assistant", "user"]
    assert turns[2].content == "12 km"


@pytest.mark.parametrize(("passages", "shown"), [(TWO, True), ((), False)])
def test_a_shot_shows_its_passages_when_the_question_does(passages: tuple[Passage, ...], shown: bool) -> None:
    assert ("The Ela is 12 km long." in messages(few_shot(passages))[1].content) is shown


def test_a_prompt_cut_to_no_passages_is_one_without() -> None:
    assert messages(few_shot(TWO), 0) == messages(few_shot(()))


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(ValueError, match="n_passages is -1"):
        messages(prompt(), -1)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("concise", "12 km"),
        ("cited", "12 km [1]"),
        ("cot", "The Ela is said to be 12 km long.\nAnswer: 12 km"),
        (
            "concise-json",
            f'{{"answer_value": "12 km", "ref_ids": [1], "confidence": 1.0, "explanation": "{SHOT.explanation}"}}',
        ),
    ],
)
def test_a_shots_answer_has_the_form_of_its_template(name: str, text: str) -> None:
    assert shot_answer(SHOT, find_template(name), SHOT.passages) == text


def test_a_shot_without_shown_passages_cites_none() -> None:
    assert shot_answer(SHOT, find_template("cited"), ()) == "12 km"


def test_a_shot_without_explanation_thinks_nothing() -> None:
    assert shot_answer(replace(SHOT, explanation=""), find_template("cot"), ()) == "Answer: 12 km"


@given(st.text(), st.text(), st.sets(st.sampled_from(["e1", "e2"])))
def test_a_shot_as_json_reads_back_to_itself(answer: str, explanation: str, refs: set[str]) -> None:
    shot = replace(SHOT, answer=answer, explanation=explanation, refs=tuple(sorted(refs)))
    template: Template = find_template("concise-json")
    reading = read_answer(shot_answer(shot, template, shot.passages), template, shot.passages)
    assert (reading.value, reading.refs, reading.explanation) == (answer.strip(), shot.refs, explanation)


@given(st.from_regex(r"[a-z0-9]{1,5}( [a-z0-9]{1,5}){0,3}", fullmatch=True), NAMES)
def test_a_shots_answer_reads_back_under_every_template(answer: str, name: str) -> None:
    shot = replace(SHOT, answer=answer)
    template = find_template(name)
    assert read_answer(shot_answer(shot, template, shot.passages), template, shot.passages).value == answer
