"""From an answer to its outcome: what decides, in which direction, and what an unscored case becomes."""

import pytest

from harness.records import Answer, Evidence, Passage, Question, Reading, Score, Template
from harness.scoring import confidence, current_version, evidence, gold_hash, judge, outcome, primary_metric
from tests.report.made_up_runs import make_question, make_unanswerable


def seen(question: Question, value: str, **changes: object) -> Evidence:
    answer = Answer(text=value, prompt_tokens=1, output_tokens=1, latency_s=0.1, **changes)
    return Evidence(question=question, answer=answer, reading=Reading(value=value))


def primary(value: float | None, metric: str = "f1") -> Score:
    return Score(metric=metric, version=1, value=value, reason=None if value is not None else "nothing to say")


@pytest.mark.parametrize(("value", "expected"), [(0.5, "correct"), (0.49, "wrong"), (None, "wrong")])
def test_a_graded_metric_is_correct_from_the_threshold_on(value: float | None, expected: str) -> None:
    assert outcome(seen(make_question(1), "some text"), primary(value), correct_at=0.5) == expected


@pytest.mark.parametrize(("value", "expected"), [(0.1, "correct"), (0.2, "correct"), (0.3, "wrong"), (None, "wrong")])
def test_where_lower_is_better_correct_is_below_the_threshold(value: float | None, expected: str) -> None:
    found = seen(make_question(1), "some text")
    assert outcome(found, primary(value, "hallucination"), correct_at=0.2) == expected


@pytest.mark.parametrize("declared", ["auto", "exact_match", "f1", "contains", "value_accuracy"])
def test_a_blank_to_an_unanswerable_question_is_correct_by_every_metric(declared: str) -> None:
    judged = judge(seen(make_unanswerable(1), "N/A"), (), declared=declared, correct_at=1.0)
    assert judged.outcome == "correct"


@pytest.mark.parametrize("declared", ["auto", "exact_match", "value_accuracy"])
def test_an_answer_to_an_unanswerable_question_is_wrong(declared: str) -> None:
    judged = judge(seen(make_unanswerable(1), "12"), (), declared=declared, correct_at=1.0)
    assert judged.outcome == "wrong"


def test_a_blank_to_an_answerable_question_is_blank() -> None:
    assert judge(seen(make_question(1), "N/A"), (), declared="exact_match", correct_at=1.0).outcome == "blank"


def test_a_failure_is_an_error() -> None:
    found = seen(make_question(1), "", error="timed out")
    assert judge(found, (), declared="auto", correct_at=1.0).outcome == "error"


@pytest.mark.parametrize(
    ("answer_type", "answerable", "name"),
    [("text", True, "exact_match"), ("number", True, "value_accuracy"), ("text", False, "value_accuracy")],
)
def test_the_primary_metric_follows_the_answers_type(answer_type: str, answerable: bool, name: str) -> None:
    question = make_question(1, answer_type=answer_type, answerable=answerable)
    assert primary_metric(question, "auto") == name
    assert primary_metric(question, "f1") == "f1"


def test_what_cannot_be_read_is_unparsed() -> None:
    found = seen(make_question(1), "{broken")
    unread = Evidence(question=found.question, answer=found.answer, reading=Reading(value="", problem="no JSON object"))
    assert judge(unread, (), declared="auto", correct_at=1.0).outcome == "unparsed"


def test_passages_that_were_not_shown_are_no_evidence() -> None:
    template = Template(name="bare", system="", user="", user_with_passages="", reader="line", hash="h")
    passages = tuple(Passage(id=name, text=name) for name in "abc")
    answer = Answer(text="1", prompt_tokens=1, output_tokens=1, latency_s=0.1, truncated_passages=2)
    found = evidence(make_question(1), template, answer, passages)
    assert [passage.id for passage in found.passages] == ["a"]


def test_confidence_names_its_source() -> None:
    found = seen(make_question(1), "1", logprobs=(0.0,))
    stated = Evidence(question=found.question, answer=found.answer, reading=Reading(value="1", confidence=0.7))
    assert confidence(stated) == (0.7, "stated")
    assert confidence(seen(make_question(1), "1")) is None
    assert confidence(seen(make_question(1), "1", logprobs=(0.0,))) == (1.0, "sequence")


def test_the_gold_side_and_not_the_prompt_decides_its_hash() -> None:
    question = make_question(1)
    assert gold_hash(question) == gold_hash(make_question(1, text="Another wording?"))
    assert gold_hash(question) != gold_hash(make_question(1, tolerance=2.0))


def test_a_name_of_the_users_has_version_zero() -> None:
    assert (current_version("f1"), current_version("mine")) == (1, 0)
