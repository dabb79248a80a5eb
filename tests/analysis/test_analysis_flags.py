"""Each flag: raised where there is reason, with its count, and not otherwise."""

from dataclasses import replace

import pytest

from harness.analysis.flags import find_flags
from harness.analysis.frame import gather
from harness.records import CaseResult, Score
from tests.report.made_up_runs import (
    make_cell,
    make_cell_results,
    make_info,
    make_question,
    make_result,
    make_unanswerable,
)


def codes(results: list[CaseResult], planned: int | None = None) -> dict[str, str]:
    info = make_info(len(results) if planned is None else planned)
    return {flag.code: flag.message for flag in find_flags(gather(results, run=info), info)}


def one(outcome: str = "correct", condition: str = "direct", **changes: object) -> list[CaseResult]:
    cell = make_cell(condition=condition)
    fine = [make_result(cell, make_question(i), "correct") for i in range(9)]
    return [*fine, make_result(cell, make_question(9), outcome, **changes)]


def test_a_sound_run_has_no_flags() -> None:
    assert codes(one()) == {}


@pytest.mark.parametrize(
    ("code", "results", "message"),
    [
        ("MISSING_QUESTIONS", make_cell_results(["correct"] * 9 + [None]), "1 of 10 planned questions"),
        ("ERRORS", make_cell_results(["correct"] * 8 + ["error"] * 2), "2 of 10 calls failed"),
        ("TRUNCATED", one(truncated_passages=2), "1 of 10 prompts lost passages"),
        ("DOUBLE_BOS", one(bos_count=2), "1 of 10 prompts"),
        ("NO_TOKENS", one(output_tokens=0), "1 of 10 answers"),
        ("HIGH_LATENCY", one(latency_s=61.0), "1 of 10 answers took over 60 s"),
        ("ZERO_LATENCY", one(latency_s=0.0), "1 of 10 answers"),
        ("EMPTY_RETRIEVAL", one(condition="rag", passages=()), "1 of 10 prompts had no passage"),
        ("EXTRACTION", make_cell_results(["correct"] * 8 + ["unparsed"] * 2), "2 of 10 answers have text"),
    ],
)
def test_a_fault_raises_its_flag_with_its_count(code: str, results: list[CaseResult], message: str) -> None:
    assert message in codes(results)[code]


@pytest.mark.parametrize(
    ("code", "results"),
    [
        ("ERRORS", make_cell_results(["correct"] * 9 + ["error"])),
        ("EXTRACTION", make_cell_results(["correct"] * 9 + ["unparsed"])),
        ("EXTRACTION", make_cell_results(["correct"] * 8, "rag") + one("unparsed", text="")),
        ("EMPTY_RETRIEVAL", one(condition="direct", passages=())),
        ("NO_TOKENS", one("blank", text="", output_tokens=0)),
        ("HIGH_LATENCY", one(latency_s=60.0)),
        ("DOUBLE_BOS", one(bos_count=None)),
    ],
)
def test_what_is_no_fault_raises_none(code: str, results: list[CaseResult]) -> None:
    assert code not in codes(results)


def test_unreadable_answers_that_were_cut_are_told_apart() -> None:
    cell = make_cell()
    cut = [make_result(cell, make_question(i), "unparsed", finish_reason="length") for i in range(3)]
    found = codes([*cut, *[make_result(cell, make_question(i), "correct") for i in range(3, 8)]])
    assert "3 of them cut at the token limit" in found["EXTRACTION"]


def test_cases_that_were_not_reported_are_missing_from_the_run() -> None:
    assert codes(one(), planned=15)["MISSING_QUESTIONS"] == "5 of 15 planned cases are not reported"


def test_two_versions_of_a_metric_are_mixed_scorers() -> None:
    found = codes(one(scores=(Score(metric="f1", version=2, value=1.0),)))
    assert found["MIXED_SCORERS"].startswith("f1@1 and f1@2")


def test_cells_with_different_questions_are_told() -> None:
    found = codes([*make_cell_results(["correct"] * 4), *make_cell_results(["correct"] * 3, "rag")])
    assert found["MIXED_QUESTION_SETS"] == "cells were asked 2 different sets of questions (3 to 4 questions)"


def test_missing_answers_that_move_the_share_are_told() -> None:
    found = codes(make_cell_results(["correct"] * 20 + ["wrong"] * 10 + [None] * 15))
    assert found["MISSING_MATTERS"] == (
        "right are 44 [31, 59] % of 45 planned, 67 [49, 81] % of 30 answered questions: "
        "further apart than the standard error"
    )


def test_no_right_answer_is_at_the_floor() -> None:
    assert codes(make_cell_results(["wrong"] * 10))["AT_FLOOR"] == "0 of 10 answers right: nothing to compare"


def test_always_blank_is_a_floor() -> None:
    cell = make_cell()
    results = [make_result(cell, make_unanswerable(i), "correct") for i in range(5)]
    results += [make_result(cell, make_question(i), "blank") for i in range(5, 10)]
    assert codes(results)["AT_FLOOR"] == "5 of 10 answers right: cannot be told from always blank (50 %)"


def test_guessing_true_or_false_is_a_floor() -> None:
    cell = make_cell()
    outcomes = ["correct"] * 6 + ["wrong"] * 4
    results = [make_result(cell, make_question(i, answer_type="boolean"), each) for i, each in enumerate(outcomes)]
    assert "guessing (50 %)" in codes(results)["AT_FLOOR"]


def test_missing_answers_do_not_make_a_floor() -> None:
    cell = make_cell()
    outcomes = ["correct"] * 20 + [None] * 60
    results = [make_result(cell, make_question(i, answer_type="boolean"), each) for i, each in enumerate(outcomes)]
    assert "AT_FLOOR" not in codes(results)


def test_worse_than_a_floor_is_told_apart() -> None:
    cell = make_cell()
    results = [make_result(cell, make_question(i, answer_type="boolean"), "wrong") for i in range(30)]
    assert codes(results)["AT_FLOOR"] == "0 of 30 answers right: fewer than by guessing (50 %)"


def test_answers_without_a_primary_score_are_told() -> None:
    unscored = Score(metric="value_accuracy", version=1, value=None, reason="no model was given")
    results = [replace(each, primary=unscored) for each in make_cell_results(["wrong"] * 3 + ["unparsed"])]
    assert codes(results)["UNSCORED"] == "3 of 4 answers count as not right as they have no primary score"


def test_a_cell_without_answers_has_no_floor() -> None:
    assert "AT_FLOOR" not in codes(make_cell_results([None, None]))


def test_flags_name_their_cell_and_the_runs_come_first() -> None:
    info = make_info(12)
    flags = find_flags(gather(one(bos_count=2), run=info), info)
    assert [(flag.code, flag.cell) for flag in flags] == [("MISSING_QUESTIONS", None), ("DOUBLE_BOS", "tiny-direct")]
