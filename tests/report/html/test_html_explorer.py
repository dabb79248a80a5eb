"""The explorer's data: complete, in one order, and every text once."""

import base64
import json
import zlib
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.prompts.catalog import find_template
from harness.records import CaseResult, Reading, Score, Shot
from harness.report.html.columns import OUTCOMES
from harness.report.html.explorer import CHARACTERS_MOST, Explorer, explorer
from tests.report.html.made_up_pages import hostile_run, small_explorer, small_run
from tests.report.made_up_runs import make_cell, make_question, make_result


def unpacked(block: str) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(block)))


def table(found: Explorer) -> Any:
    return unpacked(found.table)


def texts(found: Explorer) -> Any:
    return unpacked(found.texts)


def one(result: CaseResult) -> Explorer:
    return explorer([result], {})


def notes_of(result: CaseResult) -> dict[str, str]:
    found = texts(one(result))
    return dict(found["notes"][found["note"][0]])


ANSWERED = make_result(make_cell(), make_question(1), "correct")


@given(st.randoms())
def test_the_order_of_results_changes_nothing(draw: Random) -> None:
    run = small_run(questions=4)
    mixed = draw.sample(run, len(run))
    assert small_explorer(mixed) == small_explorer(run)


def test_every_column_has_one_entry_per_case() -> None:
    run = small_run()
    first, second = table(small_explorer(run)), texts(small_explorer(run))
    rows = ("cell", "question", "outcome", "primary", "latency_ms", "output_tokens", "answer")
    more = ("list", "labels", "prompt_tokens", "concurrency", "lost_passages", "confidence", "loss_nll", "note")
    assert {len(first[name]) for name in rows} | {len(second[name]) for name in more} == {len(run)}


def test_every_case_comes_back() -> None:
    run = hostile_run()
    found = small_explorer(run)
    first, second = table(found), texts(found)
    told = {
        (
            second["labels"][row],
            first["cells"][first["cell"][row]]["model"],
            first["questions"][first["question"][row]][3],
            first["outcomes"][first["outcome"][row]],
            second["answers"][first["answer"][row]],
        )
        for row in range(len(run))
    }
    assert told == {
        (r.case.label, r.case.model, r.case.question.text, r.outcome, r.answer.text)
        for r in run
        if r.answer is not None
    }


def test_scores_come_back_by_metric() -> None:
    scores = (
        Score(metric="a", version=2, value=0.123456789),
        Score(metric="b", version=1, value=None, reason="no gold"),
    )
    found = table(one(replace(ANSWERED, scores=(*ANSWERED.scores, *scores))))
    told = {metric["name"]: metric["values"][metric["at"][0]] for metric in found["metrics"]}
    assert told == {"a@2": 0.12346, "b@1": "no gold", "f1@1": 0.5, "value_accuracy@1": 1.0}


def test_the_deciding_metric_is_named() -> None:
    found = table(one(ANSWERED))
    assert found["metrics"][found["primary"][0]]["name"] == "value_accuracy@1"


def test_a_case_without_an_answer_has_no_numbers() -> None:
    found = table(one(make_result(make_cell(), make_question(1), None)))
    assert (found["latency_ms"], found["output_tokens"], found["primary"]) == ([None], [None], [-1])


def test_a_case_that_was_not_tried_is_missing() -> None:
    found = table(one(make_result(make_cell(), make_question(1), None)))
    assert found["outcomes"][found["outcome"][0]] == OUTCOMES[-1] == "missing"


def test_a_score_that_is_not_finite_is_told_in_words() -> None:
    found = table(one(replace(ANSWERED, scores=(Score(metric="a", version=1, value=float("inf")),), primary=None)))
    assert found["metrics"][0]["values"] == ["inf"]


def test_an_unscored_metric_without_a_reason_is_told() -> None:
    found = table(one(replace(ANSWERED, scores=(Score(metric="a", version=1, value=None),), primary=None)))
    assert found["metrics"][0]["values"] == ["unscored"]


@pytest.mark.parametrize(
    ("result", "note"),
    [
        (make_result(make_cell(), make_question(1), "error"), ("Error", "timed out")),
        (make_result(make_cell(), make_question(1), "unparsed"), ("Could not be read", "no JSON object")),
        (replace(ANSWERED, reading=Reading(value="1 km")), ("Read as", "1 km")),
        (replace(ANSWERED, reading=Reading(value="1", refs=("p1",))), ("Cites", "p1")),
        (replace(ANSWERED, confidence=0.5, confidence_source="stated"), ("Confidence from", "stated")),
        (make_result(make_cell(), make_question(1), "wrong", finish_reason="length"), ("Ended by", "length")),
        (replace(ANSWERED, flipped=True), ("Asked alone", "another answer")),
        (replace(ANSWERED, flipped=False), ("Asked alone", "the same answer")),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_what_is_unusual_is_noted(result: CaseResult, note: tuple[str, str]) -> None:
    assert notes_of(result)[note[0]] == note[1]


def test_what_is_usual_is_not_noted() -> None:
    assert notes_of(ANSWERED) == {}


def test_passages_stand_once() -> None:
    found = texts(small_explorer(small_run()))
    assert [found["lists"], len(found["passages"])] == [[[], [0, 1]], 2]


def test_an_answer_given_often_stands_once() -> None:
    found = texts(small_explorer(small_run()))
    assert len(found["answers"]) == len(set(found["answers"]))


def test_a_template_brings_its_worked_examples() -> None:
    shots = [Shot(question="Which?", answer="That")]
    found = texts(explorer([ANSWERED], {"made-up": find_template("concise+1", shots)}))
    before = found["templates"]["made-up"]["before"]
    assert [turn[0] for turn in before] == ["system", "user", "assistant"]


def test_no_results_give_an_explorer_without_cases() -> None:
    assert explorer([], {}).cases == 0


def test_too_many_cases_are_cut_to_whole_questions() -> None:
    found = explorer(small_run(questions=6), {}, cases_most=10)
    assert (found.cases, found.left_out) == (8, 4)


def test_at_least_one_question_is_kept() -> None:
    assert explorer(small_run(questions=6), {}, cases_most=1).cases == 4


def test_a_long_answer_is_kept_whole() -> None:
    long = make_result(make_cell(), make_question(1), "wrong", text="x" * 100_000)
    assert texts(one(long))["answers"] == ["x" * 100_000]


def test_answers_that_no_page_could_hold_are_cut_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.report.html.explorer.CHARACTERS_MOST", 5_000)
    run = [make_result(make_cell(), make_question(k), "wrong", text=f"{k}" + "x" * 1_999) for k in range(5)]
    cut = texts(explorer(run, {}))["answers"][0]
    assert cut == "0" + "x" * 999 + " [1,000 more characters]"


def test_the_most_characters_leave_room_for_what_is_measured() -> None:
    assert CHARACTERS_MOST > 100 * 100_000
