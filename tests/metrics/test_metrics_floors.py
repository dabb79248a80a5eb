"""Floors are what their strategy really scores."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.metrics.floors import (
    Floor,
    above_floor,
    always_blank,
    always_blank_overall,
    floors,
    majority_boolean,
    random_choice,
)
from harness.metrics.unscored import Unscored
from harness.metrics.values import value_accuracy
from harness.records import Question
from tests.strategies import questions

asked = st.lists(questions(), min_size=1, max_size=10)


def boolean(*answers: str) -> list[Question]:
    return [Question(id="q", text="?", answers=(answer,), answer_type="boolean") for answer in answers]


@given(asked)
def test_always_blank_is_what_blanks_score(found: list[Question]) -> None:
    expected = sum(value_accuracy("N/A", question) for question in found) / len(found)

    assert always_blank(found).value == expected


@given(st.lists(st.sampled_from(("true", "false", "yes", "0")), min_size=1))
def test_the_majority_is_the_better_constant(answers: list[str]) -> None:
    found = boolean(*answers)
    constants = [sum(value_accuracy(said, question) for question in found) / len(found) for said in ("true", "false")]

    assert majority_boolean(found) == Floor(name="majority true/false", value=max(constants), n=len(found))


def test_random_choice_is_the_mean_chance() -> None:
    found = [
        Question(id="q", text="?", answers=("a",), options=options) for options in [("a", "b"), ("a", "b", "c", "d")]
    ]

    assert random_choice(found) == Floor(name="random choice", value=0.375, n=2)


@given(asked)
def test_every_floor_is_a_share_with_its_n(found: list[Question]) -> None:
    for floor in floors(found):
        assert 0 <= floor.value <= 1
        assert 1 <= floor.n <= len(found)


def test_without_questions_there_are_no_floors() -> None:
    assert floors([]) == ()


@pytest.mark.parametrize("floor", [always_blank, majority_boolean, random_choice])
def test_no_question_of_a_kind_is_unscored(floor: Callable[[list[Question]], Floor]) -> None:
    with pytest.raises(Unscored, match="no "):
        floor([])


def test_a_boolean_gold_that_is_neither_is_not_counted() -> None:
    assert majority_boolean(boolean("true", "perhaps")).n == 1


def test_a_submission_of_blanks_scores_its_abstentions_alone() -> None:
    found = always_blank_overall([("is_blank", "is_blank"), ("7", "['a']")])

    assert (found.value, found.ref_overlap, found.na_recall) == (0.5, 0.5, 1.0)


@given(st.floats(min_value=0, max_value=0.99))
def test_the_room_above_a_floor_runs_from_zero_to_one(value: float) -> None:
    floor = Floor(name="floor", value=value, n=1)

    assert (above_floor(value, floor), above_floor(1.0, floor)) == (0, 1)


def test_a_floor_of_one_leaves_no_room() -> None:
    with pytest.raises(Unscored, match="already 1"):
        above_floor(1.0, Floor(name="floor", value=1.0, n=1))
