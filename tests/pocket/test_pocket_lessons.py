"""Lessons: rows that fit, teach the truth or say that they do not know, and never show what is held out."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.pocket.lessons import Row, Shares, Teacher
from harness.pocket.tokenizer import Coder, make_tokenizer
from harness.pocket.wordings import UNKNOWN
from harness.pocket.world import make_world

WORLD = make_world()
TOKENIZER = make_tokenizer(WORLD)
CODER = Coder(TOKENIZER)
SEEDS = st.integers(0, 10**6)
WIDTH = 160


def parts(row: Row) -> tuple[str, list[tuple[str, str]]]:
    """The context, and each question with its answer, as text."""
    asked = []
    for number in range(1, max(row.segment) + 1):
        ids = [one for one, segment in zip(row.ids, row.segment, strict=True) if segment == number]
        middle = ids.index(CODER.assistant)
        asked.append((TOKENIZER.decode(ids[:middle]), TOKENIZER.decode(ids[middle + 1 : -1])))
    context = [one for one, segment in zip(row.ids, row.segment, strict=True) if segment == 0]
    return TOKENIZER.decode(context), asked


def rows(seed: int, **shares: object) -> list[Row]:
    teacher = Teacher(WORLD, CODER, seed, Shares(**shares))
    return [teacher.closed_row(WIDTH), teacher.open_row(WIDTH)]


@settings(deadline=None, max_examples=20)
@given(SEEDS)
def test_rows_fit_and_their_parts_are_of_one_length(seed: int) -> None:
    for row in rows(seed):
        assert 0 < len(row.ids) == len(row.segment) == len(row.place) <= WIDTH
        assert row.answers


@settings(deadline=None, max_examples=20)
@given(SEEDS)
def test_only_answers_and_ends_are_learnt(seed: int) -> None:
    for row in rows(seed):
        wanted = [row.ids[place + 1] for place in row.answers]
        asked = parts(row)[1]
        assert wanted.count(CODER.end) == len(asked)
        assert TOKENIZER.decode(wanted).replace(" ", "") == "<|end|>".join([*(a for _, a in asked), ""]).replace(
            " ", ""
        )


@settings(deadline=None, max_examples=20)
@given(SEEDS)
def test_every_question_stands_right_behind_the_context(seed: int) -> None:
    for row in rows(seed):
        context = row.segment.count(0)
        for number in range(1, max(row.segment) + 1):
            places = [place for place, segment in zip(row.place, row.segment, strict=True) if segment == number]
            assert places == list(range(context, context + len(places)))


@settings(deadline=None, max_examples=20)
@given(SEEDS)
def test_rows_are_the_same_for_the_same_seed(seed: int) -> None:
    assert rows(seed) == rows(seed)


@settings(deadline=None, max_examples=20)
@given(SEEDS)
def test_without_passages_no_held_out_entity_is_named_in_a_question(seed: int) -> None:
    held_out = WORLD.chosen_on | WORLD.reported_on
    facts = {"fact": 1.0, "two_hop": 0.0, "reckoning": 0.0, "older": 0.0}
    for kinds in (facts, {**facts, "fact": 0.0, "two_hop": 0.5, "older": 0.5}):
        _, asked = parts(rows(seed, closed=kinds)[0])
        assert not [name for text, _ in asked for name in held_out if f" {name}" in text]


@settings(deadline=None, max_examples=20)
@given(SEEDS)
def test_an_open_question_is_answered_from_its_passages_or_not_at_all(seed: int) -> None:
    context, asked = parts(rows(seed)[1])
    told = [answer for text, answer in asked if not text.startswith("A ")]  # a tower or bridge is in no passage
    assert all(answer == UNKNOWN or answer in context for answer in told)


@pytest.mark.parametrize("kind", ["absent", "stranger"])
@settings(deadline=None, max_examples=20)
@given(seed=SEEDS)
def test_what_the_passages_do_not_hold_is_not_known(kind: str, seed: int) -> None:
    opened = dict.fromkeys(Shares().opened, 0.0) | {kind: 1.0}
    row = Teacher(WORLD, CODER, seed, Shares(opened=opened)).open_row(WIDTH)
    if max(row.segment):  # a stranger of another kind is not asked about
        assert {answer for _, answer in parts(row)[1]} == {UNKNOWN}


@settings(deadline=None, max_examples=20)
@given(seed=SEEDS)
def test_a_stranger_has_no_passage(seed: int) -> None:
    opened = dict.fromkeys(Shares().opened, 0.0) | {"stranger": 1.0}
    context, asked = parts(Teacher(WORLD, CODER, seed, Shares(opened=opened)).open_row(WIDTH))
    shown = [name for name in WORLD.by_name if f"] {name} :" in context]
    assert shown
    assert not [text for text, _ in asked for name in shown if f" {name} " in f" {text} "]


def test_true_passages_tell_of_taught_entities_alone() -> None:
    for seed in range(30):
        context, _ = parts(rows(seed, true_context=1.0)[1])
        assert "] " in context
        assert not [name for name in WORLD.chosen_on | WORLD.reported_on if f"] {name} :" in context]
