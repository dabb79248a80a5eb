"""Conditions against direct: which questions are compared, what is dropped, and what is said."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.comparisons import Comparison, compare_conditions
from harness.analysis.frame import gather
from harness.analysis.summary import summarise, task_verdicts, verdict_key, verdicts
from harness.analysis.verdicts import alone, is_clear, percent, points, verdict
from harness.records import CaseResult, Score
from tests.report.made_up_runs import make_cell, make_cell_results, make_info, make_question, make_result, make_run


def compare(results: list[CaseResult]) -> tuple[Comparison, ...]:
    info = make_info(len(results))
    return compare_conditions(gather(results, run=info), info)


def two_cells(rag: list[str | None], direct: list[str | None], clusters: int = 0) -> Comparison:
    (found,) = compare([*make_cell_results(rag, "rag", clusters), *make_cell_results(direct, "direct", clusters)])
    return found


def test_each_other_condition_is_compared_with_direct_within_each_model() -> None:
    results = make_run({"direct": 0.1, "rag": 0.4, "oracle": 0.6}, n=20, models={"tiny": 0.1, "big": 7.0})
    names = [(found.model, found.condition, found.baseline, found.task) for found in compare(results)]
    assert names == [(model, condition, "direct", None) for model in ("tiny", "big") for condition in ("rag", "oracle")]


def test_several_tasks_are_compared_one_by_one_too() -> None:
    results = make_run({"direct": 0.1, "rag": 0.4}, n=20, tasks=("b", "a"))
    assert [(found.task, found.answered.difference.n) for found in compare(results)] == [
        (None, 20),
        ("a", 10),
        ("b", 10),
    ]


def test_without_direct_nothing_is_compared() -> None:
    assert compare(make_run({"rag": 0.4, "oracle": 0.6}, n=5)) == ()


def test_questions_that_not_both_answered_are_dropped_and_counted() -> None:
    found = two_cells(["correct", "correct", "error", "wrong"], ["wrong", None, "wrong", "wrong"])
    assert (found.answered.difference.n, found.dropped) == (2, 2)
    assert found.answered.difference.estimate == 0.5


def test_the_sensitivity_counts_missing_answers_as_wrong() -> None:
    found = two_cells(["correct", "correct", "error", "wrong"], ["wrong", None, "wrong", "wrong"])
    assert (found.missing_wrong.difference.n, found.missing_wrong.difference.estimate) == (4, 0.5)


def test_nothing_dropped_needs_no_sensitivity() -> None:
    assert two_cells(["correct", "wrong"], ["wrong", "wrong"]).missing_wrong is None


def test_no_common_answer_is_told_and_not_compared() -> None:
    found = two_cells(["correct", None], [None, "wrong"])
    assert found.answered is None
    assert verdict(found) == "tiny: rag and direct share no answered question (2 planned)"


def refusal(rag: list[CaseResult], direct: list[CaseResult]) -> str:
    (found,) = compare([*rag, *direct])
    assert (found.answered, found.missing_wrong, found.adjusted, found.task) == (None, None, None, None)
    return found.refused


def test_cells_that_were_asked_different_questions_are_no_pair() -> None:
    rag, direct = make_cell_results(["correct"] * 3, "rag"), make_cell_results(["wrong"] * 2)
    assert refusal(rag, direct) == "questions not asked in every cell: 1 of 3"


def test_as_many_but_other_questions_are_no_pair() -> None:
    rag = [make_result(make_cell(condition="rag"), make_question(9), "correct")]
    assert refusal(rag, make_cell_results(["wrong"])) == "questions not asked in every cell: 2 of 2"


def test_one_id_in_two_data_sets_is_two_questions() -> None:
    rag = [make_result(make_cell(condition="rag"), make_question(0, dataset="other"), "correct")]
    assert refusal(rag, make_cell_results(["wrong"])) == "questions not asked in every cell: 2 of 2"


def test_a_repeat_that_was_asked_less_is_no_pair() -> None:
    repeat = [make_result(make_cell(condition="rag", repeat=1), make_question(0), "correct")]
    rag = [*make_cell_results(["correct"] * 2, "rag"), *repeat]
    assert refusal(rag, make_cell_results(["wrong"] * 2)) == "questions not asked in every cell: 1 of 2"


@pytest.mark.parametrize("change", [{"text": "How long?"}, {"answers": ("12",)}, {"answerable": False}])
def test_questions_that_share_an_id_alone_are_no_pair(change: dict[str, object]) -> None:
    rag = [make_result(make_cell(condition="rag"), make_question(i, **change), "correct") for i in range(2)]
    reason = "text or gold answers differ under one id: 2 of 2, first 'q0000'"
    assert refusal(rag, make_cell_results(["wrong"] * 2)) == reason


@pytest.mark.parametrize("other", [("value_accuracy", 2), ("exact_match", 1)])
def test_cells_judged_in_two_ways_are_no_pair(other: tuple[str, int]) -> None:
    newer = Score(metric=other[0], version=other[1], value=1.0)
    rag = make_cell_results(["correct"] * 3, "rag")
    rag[1] = replace(rag[1], primary=newer)
    names = ", ".join(sorted(["value_accuracy@1", newer.column]))
    reason = f"questions judged by different metrics or versions: 1 of 3 ({names})"
    assert refusal(rag, make_cell_results(["wrong"] * 3)) == reason


def test_every_reason_is_told() -> None:
    rag = [make_result(make_cell(condition="rag"), make_question(i, text="How?"), "correct") for i in range(3)]
    assert refusal(rag, make_cell_results(["wrong"] * 2)) == (
        "questions not asked in every cell: 1 of 3; text or gold answers differ under one id: 2 of 3, first 'q0000'"
    )


def test_a_pair_that_is_refused_is_said_in_one_sentence() -> None:
    results = [*make_cell_results(["correct"] * 3, "rag"), *make_cell_results(["wrong"] * 2)]
    info = make_info(5)
    assert verdicts(summarise(gather(results, run=info), info)) == (
        "tiny: rag and direct are not compared (questions not asked in every cell: 1 of 3)",
    )


def test_a_refused_pair_leaves_the_others_and_its_tasks_out() -> None:
    results = make_run({"direct": 0.1, "rag": 0.4, "oracle": 0.6}, n=20, tasks=("a", "b"))
    fewer = [each for each in results if each.case.label != "tiny-rag-q0003"]
    found = [(each.condition, each.task, each.refused is None) for each in compare(fewer)]
    assert found == [("rag", None, False), *[("oracle", task, True) for task in (None, "a", "b")]]


def test_cells_are_paired_by_question_and_never_by_row() -> None:
    outcomes = ["correct", "wrong", "correct", "wrong", "wrong"]
    direct, rag = make_cell_results(outcomes), make_cell_results(outcomes, "rag")
    (found,) = compare([*rag[::-1], *direct])
    assert (found.answered.only_a, found.answered.only_b) == (0, 0)


def test_repeats_are_averaged_per_question_first() -> None:
    repeats = [
        make_result(make_cell(condition="rag", repeat=repeat), make_question(i), outcome)
        for repeat, outcomes in enumerate([["correct", "wrong", "correct"], ["correct", "correct", "error"]])
        for i, outcome in enumerate(outcomes)
    ]
    (found,) = compare([*repeats, *make_cell_results(["wrong"] * 3)])
    assert found.answered.difference.n == 3
    assert found.answered.mean_a == pytest.approx((1 + 0.5 + 1) / 3)
    assert found.answered.p_method == "paired t"


def test_clustered_questions_use_the_clustered_interval() -> None:
    found = two_cells(["correct", "wrong"] * 12, ["wrong"] * 24, clusters=8)
    assert (found.answered.difference.method, found.answered.difference.clusters) == ("t, CR2", 8)


@given(st.randoms(use_true_random=False))
def test_the_order_of_results_changes_nothing(random: Random) -> None:
    results = make_run({"direct": 0.2, "rag": 0.6}, n=40, clusters=16)
    shuffled = list(results)
    random.shuffle(shuffled)
    assert compare(shuffled) == compare(results)


def test_a_planted_difference_is_found() -> None:
    (found,) = compare(make_run({"direct": 0.1, "rag": 0.5}, n=300, clusters=60))
    assert found.answered.difference.low < 0.4 < found.answered.difference.high
    assert is_clear(found)


def test_beating_is_said_with_points_interval_and_questions() -> None:
    results = make_run({"direct": 0.1, "rag": 0.5}, n=88)
    assert verdict(compare(results)[0]) == "tiny: rag beats direct by 41 points [31, 51] on 88 questions"


def test_a_task_is_named() -> None:
    found = replace(compare(make_run({"direct": 0.1, "rag": 0.5}, n=88))[0], task="knowledge")
    assert verdict(found).endswith("on 88 knowledge questions")


def test_losing_is_said() -> None:
    assert verdict(two_cells(["wrong"] * 30, ["correct"] * 20 + ["wrong"] * 10)) == (
        "tiny: rag falls behind direct: -67 points [-81, -48] on 30 questions"
    )


def test_an_interval_that_spans_zero_is_no_clear_difference() -> None:
    found = two_cells(["correct"] * 11 + ["wrong"] * 9, ["wrong"] * 9 + ["correct"] * 11)
    assert verdict(found).startswith("tiny: no clear difference between rag and direct: 0 points [")
    assert not is_clear(found)


def test_being_ahead_within_the_interval_is_no_clear_difference() -> None:
    found = two_cells(["correct"] * 12 + ["wrong"] * 9, ["wrong"] * 12 + ["correct"] * 9)
    assert verdict(found).startswith("tiny: no clear difference between rag and direct: +14 points [-")


def test_a_refused_interval_is_told_with_its_reason() -> None:
    found = two_cells(["correct"] * 2, ["wrong"] * 2, clusters=1)
    assert verdict(found) == (
        "tiny: rag against direct +100 points, no interval (all 2 questions are in one cluster), on 2 questions"
    )
    assert not is_clear(found)


def test_an_interval_without_a_small_adjusted_p_is_no_finding() -> None:
    found = two_cells(["correct"] * 4 + ["wrong"] * 3, ["wrong"] * 7)
    assert found.answered.difference.low > 0
    assert found.answered.p > 0.05
    assert not is_clear(found)
    assert verdict(found) == "tiny: rag may beat direct by 57 points [1, 84] on 7 questions (Holm p 0.062 over 1)"


def test_losing_without_a_small_adjusted_p_is_said_so() -> None:
    found = two_cells(["wrong"] * 7, ["correct"] * 4 + ["wrong"] * 3)
    assert verdict(found).startswith("tiny: rag may fall behind direct: -57 points")


def test_an_interval_without_a_p_value_is_no_finding() -> None:
    found = two_cells(["correct"] * 19 + ["wrong"], ["wrong"] * 20, clusters=5)
    assert found.answered.difference.low > 0
    assert verdict(found).startswith("tiny: rag may beat direct")
    assert verdict(found).endswith("(no p-value: sign flips need at least 6 clusters, here 5)")


def test_all_models_are_one_family_and_all_tasks_another() -> None:
    found = compare(make_run({"direct": 0.1, "rag": 0.4}, n=40, models={"s": 1.0, "m": 2.0}, tasks=("a", "b")))
    assert [(each.task, each.adjusted.method, each.adjusted.size) for each in found] == [
        (None, "Holm", 2),
        ("a", "Benjamini-Hochberg", 4),
        ("b", "Benjamini-Hochberg", 4),
    ] * 2


def test_what_may_means_is_told_only_where_it_is_said() -> None:
    def key(right: int) -> tuple[str, ...]:
        results = [*make_cell_results(["correct"] * right + ["wrong"] * 3, "rag")]
        results += make_cell_results(["wrong"] * (right + 3))
        return verdict_key(summarise(gather(results, run=make_info(len(results))), make_info(len(results))))

    assert key(30) == ()
    assert "p adjusted for 1 comparison is not below 0.05" in key(4)[0]


def test_cells_that_came_out_the_same_are_told_so() -> None:
    found = two_cells(["correct", "wrong"] * 9, ["correct", "wrong"] * 9, clusters=9)
    assert verdict(found) == (
        "tiny: rag and direct came out the same on every one of 18 questions, which gives no interval"
    )


def test_a_repeat_without_an_answer_calls_for_the_sensitivity() -> None:
    repeats = [
        make_result(make_cell(condition="rag", repeat=repeat), make_question(i), outcome)
        for repeat, outcome in enumerate(("correct", "error"))
        for i in range(3)
    ]
    (found,) = compare([*repeats, *make_cell_results(["wrong"] * 3)])
    assert (found.dropped, found.missing_wrong.mean_a) == (0, 0.5)
    assert "(0 of 3 dropped; missing as wrong: +50)" in verdict(found)


def test_what_was_dropped_is_told_with_the_sensitivity() -> None:
    found = two_cells(["correct"] * 10 + ["error"], ["wrong"] * 11)
    assert verdict(found).endswith("on 10 questions (1 of 11 dropped; missing as wrong: +91 [41, 98])")


def test_one_question_is_singular() -> None:
    assert "on 1 question" in verdict(two_cells(["correct"], ["correct"]))


def test_a_small_difference_is_not_rounded_to_nothing() -> None:
    found = two_cells(["correct"] * 3 + ["wrong"] * 997, ["correct"] * 2 + ["wrong"] * 998)
    assert points(found.answered).startswith("+0.1 [-")


def test_an_interval_beyond_what_can_be_is_shown_within_it() -> None:
    found = two_cells(["correct", "wrong"] * 2 + ["correct"], ["wrong"] * 5, clusters=2)
    assert found.answered.difference.high > 1
    assert points(found.answered).endswith(", 100]")


def test_a_cell_alone_tells_its_share() -> None:
    results = make_cell_results(["correct", "wrong"], "rag")
    summary = summarise(gather(results, run=make_info(2)), make_info(2))
    assert verdicts(summary) == (alone(summary.cells[0]),)
    assert alone(summary.cells[0]) == "tiny: rag gets 50 [9, 91] % of 2 questions right"


def test_a_share_without_interval_is_shown_alone() -> None:
    results = make_cell_results(["correct", "wrong"], clusters=1)
    summary = summarise(gather(results, run=make_info(2)), make_info(2))
    assert percent(summary.cells[0].share.intent_to_test) == "50"


def test_verdicts_tell_all_questions_and_task_verdicts_the_clear_ones() -> None:
    results = make_run({"direct": 0.1, "rag": 0.5}, n=60, tasks=("a", "b"))
    blurred = [
        replace(each, outcome="wrong") if each.case.question.task == "a" and each.outcome == "correct" else each
        for each in results
    ]
    summary = summarise(gather(blurred, run=make_info(120)), make_info(120))
    assert [line.partition(" on ")[2] for line in verdicts(summary)] == ["60 questions"]
    count, clear = task_verdicts(summary)
    assert count == "exploratory: 1 of 2 comparisons by task are clear after Benjamini-Hochberg"
    assert clear.startswith("exploratory: tiny: rag beats direct")
    assert clear.endswith("on 30 b questions")
