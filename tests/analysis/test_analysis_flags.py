"""Each flag: raised where there is reason, with its count, and not otherwise."""

from dataclasses import replace

import pytest
from pandas import DataFrame

from harness.analysis.flags import experiment_flags, find_flags
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
        ("LOW_SCORE", make_cell_results(["correct"] * 39 + ["wrong"] * 61), "39 of 100 answers right, below 40 %"),
        ("BROKEN_RUN", make_cell_results(["correct"] * 19 + ["wrong"] * 81), "19 of 100 answers right, below 20 %"),
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
        ("TRUNCATED", one(finish_reason="length")),
        ("LOW_SCORE", make_cell_results(["correct"] * 2 + ["wrong"] * 3)),
        ("LOW_SCORE", make_cell_results(["correct"] * 1 + ["wrong"] * 9)),
        ("BROKEN_RUN", make_cell_results(["correct"] * 1 + ["wrong"] * 4)),
        ("BROKEN_RUN", make_cell_results(["correct"] * 2 + [None] * 9)),
        ("NO_MODEL", make_cell_results(["correct"])),
        ("NO_COST_DATA", make_cell_results(["correct"])),
        ("ZERO_COST", make_cell_results(["correct"])),
    ],
)
def test_what_is_no_fault_raises_none(code: str, results: list[CaseResult]) -> None:
    assert code not in codes(results)


def test_unreadable_answers_that_were_cut_are_told_apart() -> None:
    cell = make_cell()
    cut = [make_result(cell, make_question(i), "unparsed", finish_reason="length") for i in range(3)]
    found = codes([*cut, *[make_result(cell, make_question(i), "correct") for i in range(3, 8)]])
    assert "3 of them cut at the token limit" in found["EXTRACTION"]


def test_answers_cut_at_the_token_limit_stand_beside_lost_passages() -> None:
    cut = [make_result(make_cell(), make_question(i), "wrong", finish_reason="length") for i in range(2)]
    lost = make_result(make_cell(), make_question(2), "correct", truncated_passages=1)
    fine = [make_result(make_cell(), make_question(i), "correct") for i in range(3, 12)]
    assert codes([*cut, lost, *fine])["TRUNCATED"] == (
        "1 of 12 prompts lost passages to the context window; 2 of 12 answers were cut at the token limit"
    )


@pytest.mark.parametrize(
    ("model", "params_b", "message"),
    [
        ("tiny", None, "the size of tiny is not known: it stands in no scaling line"),
        ("tiny", -1.0, "the size of tiny is given as -1 billion: it stands in no scaling line"),
        ("tiny", float("inf"), "the size of tiny is given as inf billion: it stands in no scaling line"),
        ("", 1.0, "no model is named"),
    ],
)
def test_a_model_without_name_or_size_is_told(model: str, params_b: float | None, message: str) -> None:
    assert codes([make_result(make_cell(model, params_b), make_question(1), "correct")]) == {"NO_MODEL": message}


def test_constant_answers_are_told_with_what_they_are_right_for() -> None:
    text = "Paris, the capital of a country that is not here"
    results = [make_result(make_cell(), make_question(i), "wrong", text=text) for i in range(6)]
    results += [make_result(make_cell(), make_question(i), "correct") for i in range(6, 10)]
    assert codes(results)["CONSTANT_ANSWERS"] == (
        "6 of 10 answers are 'Paris, the capital of a country that is …', right for 0 of the 10 questions: "
        "do not read the share as skill"
    )


def test_stored_scores_that_come_out_otherwise_are_told() -> None:
    results, info = make_cell_results(["correct"] * 4), make_info(4)
    again = {each.case.label: each.scores for each in results}
    tables, label = gather(results, run=info), results[2].case.label
    assert find_flags(tables, info, again) == ()
    off = again | {label: (Score(metric="f1", version=1, value=0.75), *results[2].scores[:1])}
    assert [(flag.code, flag.cell, flag.message) for flag in find_flags(tables, info, off)] == [
        (
            "SCORE_MISMATCH",
            "tiny-direct",
            "1 of 4 answers score otherwise when scored again (f1@1): run harness rescore",
        )
    ]


@pytest.mark.parametrize(("temperature", "told"), [(0.0, []), (0.7, ["tiny-rag"])])
def test_a_run_that_repeats_another_is_told(temperature: float, told: list[str]) -> None:
    results = [*make_cell_results(["correct"] * 20), *make_cell_results(["correct"] * 20, "rag")]
    info = make_info(40, manifest={"settings": {"decoding": {"temperature": temperature}}})
    found = [flag for flag in find_flags(gather(results, run=info), info) if flag.code == "DUPLICATE_RUN"]
    assert [flag.cell for flag in found] == told
    assert all(flag.message == "all 20 answers are word for word those of tiny-direct" for flag in found)


def priced(costs: list[float | None]) -> dict[str, str]:
    info = make_info(len(costs))
    tables = gather(make_cell_results(["correct"] * len(costs)), run=info)
    cost = DataFrame({"cost_usd": costs}, dtype="float64")["cost_usd"]
    changed = replace(tables, cases=tables.cases.assign(cost_usd=cost))
    return {flag.code: flag.message for flag in find_flags(changed, info)}


def test_answers_that_cost_nothing_or_have_no_cost_are_told_where_costs_are_known() -> None:
    assert priced([0.5, 0.25]) == {}
    assert priced([0.5, 0.0]) == {"ZERO_COST": "1 of 2 answers used tokens and cost 0"}
    assert priced([0.5, None]) == {"NO_COST_DATA": "1 of 2 answers have no known cost"}


def rows(**changes: object) -> DataFrame:
    row = {"model": "tiny", "params_b": 0.135, "condition": "rag", "dataset": "made-up", "primary": 0.5}
    return DataFrame([row | changes])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"primary": 0.399}, "LOW_SCORE"),
        ({"primary": 0.199}, "BROKEN_RUN"),
        ({"params_b": None}, "NO_MODEL"),
        ({"params_b": 0.0}, "NO_MODEL"),
        ({"model": None}, "NO_MODEL"),
        ({"cost_usd": 0.0}, "ZERO_COST"),
        ({"cost_usd": None}, "NO_COST_DATA"),
    ],
)
def test_an_aggregate_raises_the_flag_it_gives_reason_for(changes: dict[str, object], code: str) -> None:
    assert [flag.code for flag in experiment_flags(rows(**changes))] == [code]


@pytest.mark.parametrize("changes", [{}, {"primary": 0.4}, {"primary": None}, {"cost_usd": 0.01}])
def test_a_sound_aggregate_raises_none(changes: dict[str, object]) -> None:
    assert experiment_flags(rows(**changes)) == ()


def test_an_experiment_that_stands_twice_is_told_once() -> None:
    from pandas import concat

    twice = concat([rows(), rows(dataset="other"), rows()], ignore_index=True)
    assert [(flag.code, flag.cell, flag.message) for flag in experiment_flags(twice)] == [
        ("DUPLICATE_RUN", "tiny rag made-up", "row 2 of this model, condition and data set")
    ]


def test_no_experiments_have_no_flags() -> None:
    assert experiment_flags(rows().iloc[:0]) == ()


def test_cases_that_were_not_reported_are_missing_from_the_run() -> None:
    assert codes(one(), planned=15)["MISSING_QUESTIONS"] == "5 of 15 planned cases are not reported"


def test_two_versions_of_a_metric_are_mixed_scorers() -> None:
    found = codes(one(scores=(Score(metric="f1", version=2, value=1.0),)))
    assert found["MIXED_SCORERS"].startswith("f1@1 and f1@2")


def test_cells_with_different_questions_are_told() -> None:
    found = codes([*make_cell_results(["correct"] * 4), *make_cell_results(["correct"] * 3, "rag")])
    assert found["MIXED_QUESTION_SETS"] == "cells were asked 2 different sets of questions (3 to 4 questions)"


def test_questions_that_share_an_id_alone_are_told() -> None:
    other = [make_result(make_cell(condition="rag"), make_question(i, text="What?"), "correct") for i in range(2)]
    assert codes([*make_cell_results(["correct"] * 2), *other])["MIXED_QUESTION_SETS"] == (
        "2 questions differ in text or gold answers between cells although their ids agree (first: 'q0000')"
    )


def test_questions_that_cells_judge_differently_are_told() -> None:
    newer = Score(metric="value_accuracy", version=2, value=1.0)
    rag = [replace(each, primary=newer) for each in make_cell_results(["correct"] * 2, "rag")]
    assert codes([*make_cell_results(["correct"] * 2), *rag])["MIXED_SCORERS"] == (
        "2 questions are judged by different metrics or versions in different cells"
    )


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


def test_the_more_frequent_truth_is_a_floor() -> None:
    cell = make_cell()
    gold = ["yes"] * 16 + ["no"] * 4
    asked = [make_question(i, answer_type="boolean", answers=(each,)) for i, each in enumerate(gold)]
    results = [make_result(cell, each, "correct" if "yes" in each.answers else "wrong", text="yes") for each in asked]
    assert "cannot be told from the more frequent truth (80 %)" in codes(results)["AT_FLOOR"]


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
