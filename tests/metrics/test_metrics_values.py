"""Laws and examples of symmetric value accuracy."""

import time
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.metrics.values import is_unanswerable, list_items, truth, value_accuracy
from harness.metrics.wattbot import is_blank
from harness.records import AnswerType, Question
from tests.strategies import ANSWER_TYPES, BLANKS, amounts, phrases, positive_amounts, questions, texts, words, written

SCALARS = ("text", "range", "list", "boolean", "choice")


def asked(*answers: str, answer_type: AnswerType = "text", **fields: Any) -> Question:
    return Question(id="q", text="?", answers=answers, answer_type=answer_type, **fields)


@given(texts, questions())
def test_any_answer_is_right_or_wrong(answer: str, question: Question) -> None:
    assert value_accuracy(answer, question) in {0.0, 1.0}


@pytest.mark.parametrize("answer_type", ANSWER_TYPES)
@given(answer=texts)
def test_the_gold_value_itself_is_right(answer_type: AnswerType, answer: str) -> None:
    assert value_accuracy(answer, asked(answer, answer_type=answer_type)) == 1


@pytest.mark.parametrize("answer_type", SCALARS)
@given(left=texts, right=texts)
def test_gold_and_answer_may_change_places(answer_type: AnswerType, left: str, right: str) -> None:
    assume(not is_blank(left) and not is_blank(right))

    forth = value_accuracy(left, asked(right, answer_type=answer_type))

    assert forth == value_accuracy(right, asked(left, answer_type=answer_type))


@given(amounts, amounts, st.none() | st.floats(min_value=0, max_value=10))
def test_numbers_may_change_places(left: str, right: str, tolerance: float | None) -> None:
    forth = value_accuracy(str(left), asked(str(right), answer_type="number", tolerance=tolerance))

    assert forth == value_accuracy(str(right), asked(str(left), answer_type="number", tolerance=tolerance))


@given(texts, st.permutations(["42", "red", "80-90"]), st.sampled_from(ANSWER_TYPES))
def test_the_order_of_accepted_answers_does_not_matter(
    answer: str, accepted: list[str], answer_type: AnswerType
) -> None:
    mixed, ordered = asked(*accepted, answer_type=answer_type), asked(*sorted(accepted), answer_type=answer_type)

    assert value_accuracy(answer, mixed) == value_accuracy(answer, ordered)


@given(st.sampled_from(BLANKS), st.sampled_from(ANSWER_TYPES))
def test_a_blank_answers_an_unanswerable_question(blank: str, answer_type: AnswerType) -> None:
    assert value_accuracy(blank, asked(answer_type=answer_type, answerable=False)) == 1


@given(texts, st.sampled_from(ANSWER_TYPES))
def test_anything_but_a_blank_is_wrong_for_an_unanswerable_question(answer: str, answer_type: AnswerType) -> None:
    assume(not is_blank(answer))

    assert value_accuracy(answer, asked(answer_type=answer_type, answerable=False)) == 0


@given(st.sampled_from(BLANKS), phrases, st.sampled_from(ANSWER_TYPES))
def test_a_blank_is_wrong_for_an_answerable_question(blank: str, gold: str, answer_type: AnswerType) -> None:
    assert value_accuracy(blank, asked(gold, answer_type=answer_type)) == 0


@pytest.mark.parametrize(
    ("answers", "answerable", "expected"),
    [((), True, True), (("7",), False, True), (("is_blank",), True, True), (("is_blank", "7"), True, False)],
)
def test_which_questions_are_unanswerable(answers: tuple[str, ...], answerable: bool, expected: bool) -> None:
    assert is_unanswerable(asked(*answers, answerable=answerable)) is expected


@given(positive_amounts, st.sampled_from(("km", " km", " kilometres", " Kilometer", "")))
def test_the_unit_may_be_spelt_or_left_out(amount: float, unit: str) -> None:
    question = asked(written(amount), answer_type="number", unit="kilometres")

    assert value_accuracy(written(amount) + unit, question) == 1


@given(positive_amounts, positive_amounts)
def test_a_range_is_not_a_number(one: float, other: float) -> None:
    low, high = sorted((one, other))

    assert value_accuracy(written(low), asked(f"[{written(low)},{written(high)}]", answer_type="range")) == 0


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        ("10", "less than 10", 0),
        ("less than 10", "10", 0),
        ("less than 10", "<10", 1),
        ("less than 10", "more than 10", 0),
        ("10", "about 10", 1),
        ("85", "[80,90]", 0),
        ("[80,90]", "85", 1),
        ("[80,90]", "91", 0),
        ("[80,90]", "80 to 90", 1),
        ("1", "Yes", 1),
        ("false", "0", 1),
        ("2B", "2,000,000,000", 1),
        ("4", "4%", 1),
        ("100", "100.09", 1),
        ("100", "100.2", 0),
        ("0", "0.0009", 0),
        ("unknown", "Unknown.", 1),
        ("42", "42 apples", 0),
    ],
)
def test_number_questions_by_example(gold: str, answer: str, expected: float) -> None:
    assert value_accuracy(answer, asked(gold, answer_type="number")) == expected


@pytest.mark.parametrize(("answer", "expected"), [("2021", 0), ("2020.4", 1)])
def test_an_absolute_tolerance_replaces_the_relative_one(answer: str, expected: float) -> None:
    assert value_accuracy(answer, asked("2020", answer_type="number", tolerance=0.5)) == expected


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        ("[80,90]", "80-90 km", 1),
        ("[80,90]", "between 90 and 80 kilometres", 1),
        ("[80,90]", "80-91 km", 1),
        ("[80,90]", "80-92 km", 0),
        ("[80,90]", "80 to 90 miles", 0),
        ("[80,90]", "wide", 0),
        ("wide", "Wide", 1),
    ],
)
def test_range_questions_by_example(gold: str, answer: str, expected: float) -> None:
    question = asked(gold, answer_type="range", unit="km", tolerance=1.0)

    assert value_accuracy(answer, question) == expected


@given(st.lists(words, min_size=1, max_size=5).flatmap(lambda items: st.tuples(st.just(items), st.permutations(items))))
def test_the_order_of_list_items_does_not_matter(case: tuple[list[str], list[str]]) -> None:
    items, mixed = case
    question = asked(f"[{', '.join(items)}]", answer_type="list")

    assert value_accuracy(", ".join(mixed), question) == 1


@given(st.lists(words, min_size=1, max_size=5), words)
def test_an_item_too_many_is_wrong(items: list[str], more: str) -> None:
    assert value_accuracy(", ".join([*items, more]), asked(f"[{', '.join(items)}]", answer_type="list")) == 0


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        ("[a b, c, d]", "d, c and a b", 1),
        ("[rhythm and blues, jazz]", "jazz, rhythm and blues", 1),
        ("['A','B']", '["b","a"]', 1),
        ('["x, y", "z"]', "z; x, y", 1),
        ("{a, b}", "- a\n- b", 1),
        ("[1,2,3]", "3, 2, 1.0005", 1),
        ("[1,000 km, b]", "b, 1", 0),
        ("[1, 2] km", "1 km, 2 km", 1),
        ("[1, 2] miles", "1, 2", 0),
        ("[1,000]", "1, 000", 1),
        ("[1000]", "1,000", 1),
        ("[a, b]", "a, a, b", 0),
        ("[a]", "a", 1),
        ("[a]", "[]", 0),
        ("['o'brien', 'b']", "b, o'brien", 1),
    ],
)
def test_list_questions_by_example(gold: str, answer: str, expected: float) -> None:
    assert value_accuracy(answer, asked(gold, answer_type="list", unit="km")) == expected


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", ()),
        ("[]", ()),
        ("['a', \"b\"]", ("a", "b")),
        ("a, b, and c", ("a", "b", "c")),
        ("a & b", ("a", "b")),
        ("1. a\n2) b\n* c", ("a", "b", "c")),
        ("1,000", ("1,000",)),
        ("Paris,Rome", ("Paris", "Rome")),
    ],
)
def test_list_items_by_example(text: str, items: tuple[str, ...]) -> None:
    assert list_items(text) == items


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("True", True),
        ("yes, it is", True),
        ("1", True),
        ("No.", False),
        ("FALSE - never", None),
        ("true or false", None),
        ("1.5", None),
        ("nothing", None),
        ("", None),
    ],
)
def test_truth_by_example(text: str, expected: bool | None) -> None:
    assert truth(text) is expected


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        ("true", "Yes, it is.", 1),
        ("1", "false", 0),
        ("no", "0", 1),
        ("true", "perhaps", 0),
        ("false", "perhaps", 0),
        ("unsure", "Unsure", 1),
    ],
)
def test_boolean_questions_by_example(gold: str, answer: str, expected: float) -> None:
    assert value_accuracy(answer, asked(gold, answer_type="boolean")) == expected


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        ("Paris", "b", 1),
        ("B", "paris", 1),
        ("B", "(B) Paris", 1),
        ("B", "option b", 1),
        ("B", "A", 0),
        ("B", "Rome", 0),
        ("B", "Z", 0),
        ("B", "Between", 0),
    ],
)
def test_choice_questions_by_example(gold: str, answer: str, expected: float) -> None:
    question = asked(gold, answer_type="choice", options=("London", "Paris", "C", "D"))

    assert value_accuracy(answer, question) == expected


def test_an_option_that_is_a_letter_is_meant_by_its_text() -> None:
    assert value_accuracy("b", asked("x", answer_type="choice", options=("b", "x", "y"))) == 0


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        ("3.5", "35", 0),
        ("-5", "5", 0),
        ("The Tower", "tower!", 1),
        ("the", "?", 0),
        ("2020", "2021", 0),
        ("1,438", "1438", 1),
    ],
)
def test_text_questions_by_example(gold: str, answer: str, expected: float) -> None:
    assert value_accuracy(answer, asked(gold)) == expected


@pytest.mark.parametrize("answer_type", ANSWER_TYPES)
@pytest.mark.parametrize(
    "answer", ["1-" * 20_000, "[" * 20_000, "a," * 20_000, "'" * 20_000, "a' " * 20_000, " " * 20_000 + "x"]
)
def test_a_hostile_answer_is_judged_quickly(answer_type: AnswerType, answer: str) -> None:
    start = time.perf_counter()

    value_accuracy(answer, asked("42", answer_type=answer_type, options=("42", "43")))

    assert time.perf_counter() - start < 2
