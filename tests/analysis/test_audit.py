"""What the prompts were like, and which answers must not pass as skill or as evidence."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.audit import (
    Duplicate,
    Mismatch,
    PromptAudit,
    audit_prompts,
    constant_answer,
    differing_questions,
    duplicate_cells,
    flip_rate,
    score_mismatches,
)
from harness.analysis.frame import TemplateMark, gather
from harness.records import CaseResult, Score
from tests.report.made_up_runs import (
    make_cell,
    make_cell_results,
    make_info,
    make_question,
    make_result,
    make_unanswerable,
)

outcomes = st.lists(st.sampled_from(["correct", "wrong", "blank", "unparsed", "error", None]), min_size=1, max_size=20)


def audit_of(results: list[CaseResult], **changes: object) -> PromptAudit:
    (found,) = audit_prompts(gather(results, run=make_info(len(results), **changes)))
    return found


def asked(count: int, outcome: str | None = "wrong", **changes: object) -> list[CaseResult]:
    return [make_result(make_cell(), make_question(i), outcome, **changes) for i in range(count)]


@given(outcomes, st.lists(st.sampled_from([None, 0, 1, 2]), min_size=20, max_size=20))
def test_every_answered_prompt_has_its_bos_counted_once(found: list[str | None], bos: list[int | None]) -> None:
    cell = make_cell()
    changes = [{} if each in {None, "error"} else {"bos_count": bos[i]} for i, each in enumerate(found)]
    audit = audit_of([make_result(cell, make_question(i), each, **changes[i]) for i, each in enumerate(found)])
    answered = [bos[i] for i, each in enumerate(found) if each not in {None, "error"}]
    assert dict(audit.bos) == {count: answered.count(count) for count in set(answered)}
    assert sum(prompts for _, prompts in audit.bos) == audit.answered


def test_unknown_bos_counts_come_last() -> None:
    results = [make_result(make_cell(), make_question(i), "wrong", bos_count=bos) for i, bos in enumerate([2, None, 1])]
    assert audit_of(results).bos == ((1, 1), (2, 1), (None, 1))


def test_templates_are_those_of_the_cells_data_sets() -> None:
    prompts = {"made-up: concise": "aa", "made-up: more: cited": "bb", "other: cot": "cc"}
    questions = [make_question(0), make_question(1, dataset="made-up: more")]
    results = [make_result(make_cell(), question, "wrong") for question in questions]
    found = audit_of(results, manifest={"prompts": prompts}).templates
    assert found == (TemplateMark(name="cited", hash="bb"), TemplateMark(name="concise", hash="aa"))


@pytest.mark.parametrize("manifest", [{}, {"prompts": "concise"}, {"prompts": {"other: concise": "aa"}}])
def test_a_run_that_does_not_name_its_templates_has_none(manifest: dict[str, object]) -> None:
    assert audit_of(asked(1), manifest=manifest).templates == ()


def test_lost_passages_are_counted_by_case_and_by_passage() -> None:
    results = [make_result(make_cell(), make_question(i), "wrong", truncated_passages=i) for i in range(3)]
    found = audit_of(results)
    assert (found.truncated_cases, found.truncated_passages) == (2, 3)


def test_the_share_cut_at_the_token_limit_is_of_the_answers() -> None:
    failed = [make_result(make_cell(), make_question(i), each) for i, each in enumerate(["error", None], start=40)]
    found = audit_of(
        [*asked(39), make_result(make_cell(), make_question(39), "wrong", finish_reason="length"), *failed]
    )
    assert (found.cut.count, found.cut.share.n) == (1, 40)
    assert (found.cut.share.low, found.cut.share.high) == pytest.approx((0.00443, 0.12881), abs=1e-5)


def test_without_an_answer_no_share_is_made_up() -> None:
    found = audit_of(asked(2, None))
    assert (found.answered, found.bos, found.cut, found.unread, found.flips) == (0, (), None, 0, None)


def test_only_a_text_that_cannot_be_read_is_unread() -> None:
    results = [*asked(3), make_result(make_cell(), make_question(3), "unparsed")]
    assert audit_of([*results, make_result(make_cell(), make_question(4), "unparsed", text=" ")]).unread == 1


@given(st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=20))
def test_flips_are_counted_over_the_checked_prompts(flipped: list[bool | None]) -> None:
    results = [replace(each, flipped=flipped[i]) for i, each in enumerate(asked(len(flipped)))]
    found = audit_of(results).flips
    checked = [each for each in flipped if each is not None]
    assert (found is None) == (not checked)
    assert not checked or (found.count, found.share.n) == (sum(checked), len(checked))


def test_the_flip_rate_of_the_run_is_over_all_cells() -> None:
    results = [
        replace(each, flipped=each.case.question.id == "q0000")
        for condition in ("direct", "rag")
        for each in make_cell_results(["wrong"] * 5, condition)
    ]
    found = flip_rate(gather(results, run=make_info(10)).details)
    assert (found.count, found.share.n, found.share.method) == (2, 10, "Wilson")


def test_every_cell_has_its_audit_in_the_order_of_the_cells() -> None:
    results = [*make_cell_results(["wrong"], "rag"), *make_cell_results(["wrong"])]
    assert [each.cell for each in audit_prompts(gather(results, run=make_info(2)))] == ["tiny-direct", "tiny-rag"]


def test_questions_with_two_values_are_named_and_missing_ones_are_no_value() -> None:
    cases = pd.DataFrame({"dataset": list("aaabb"), "question_id": ["q1", "q1", "q2", "q1", "q1"]})
    values = pd.Series(["x", None, "y", "x", "y"], dtype="string")
    assert differing_questions(cases, values) == ("q1",)
    assert differing_questions(cases, pd.Series(["x"] * 5, dtype="string")) == ()


def scored(value: float | None, metric: str = "f1", version: int = 1) -> Score:
    return Score(metric=metric, version=version, value=value, reason=None if value is not None else "none")


@pytest.mark.parametrize(
    ("stored", "again"), [(0.5, 0.52), (None, 0.0), (1.0, None), (float("nan"), 0.5), (0.5, float("inf"))]
)
def test_a_score_that_comes_out_otherwise_is_a_mismatch(stored: float | None, again: float | None) -> None:
    (found,) = score_mismatches({"a": [scored(stored)]}, {"a": [scored(again)]})
    assert (found.case, found.column) == ("a", "f1@1")


@pytest.mark.parametrize(
    ("stored", "again"), [(0.5, 0.505), (None, None), (float("nan"), None), (float("nan"), float("nan")), (0.0, 0.0)]
)
def test_a_score_that_comes_out_the_same_is_none(stored: float | None, again: float | None) -> None:
    assert score_mismatches({"a": [scored(stored)]}, {"a": [scored(again)]}) == ()


def test_only_one_version_of_one_metric_is_compared() -> None:
    stored = {"a": [scored(0.0), scored(0.0, "mine", 0)], "only stored": [scored(0.0)]}
    again = {"a": [scored(1.0, version=2), scored(1.0, "contains")], "only again": [scored(1.0)]}
    assert score_mismatches(stored, again) == ()


def test_mismatches_are_sorted_and_carry_both_values() -> None:
    stored = {"b": [scored(0.0)], "a": [scored(0.0), scored(0.25, "contains")]}
    again = {"b": [scored(1.0)], "a": [scored(0.5), scored(1.0, "contains")]}
    assert score_mismatches(stored, again) == (
        Mismatch(case="a", column="contains@1", stored=0.25, again=1.0),
        Mismatch(case="a", column="f1@1", stored=0.0, again=0.5),
        Mismatch(case="b", column="f1@1", stored=0.0, again=1.0),
    )


def answers(texts: Sequence[str], gold: Sequence[str]) -> list[CaseResult]:
    return [
        make_result(
            make_cell(),
            make_question(i, answers=(right,), answer_type="text"),
            "correct" if text == right else "wrong",
            text=text,
        )
        for i, (text, right) in enumerate(zip(texts, gold, strict=True))
    ]


def test_one_text_for_most_questions_is_constant() -> None:
    found = constant_answer(answers(["Paris"] * 6 + list("abcd"), list("klmnopqrst")))
    assert (found.text, found.given, found.right, found.answered) == ("Paris", 6, 0, 10)


@pytest.mark.parametrize(
    ("texts", "gold"),
    [
        (["Paris"] * 5 + list("abcde"), list("klmnopqrst")),
        (["Paris"] * 9, list("klmnopqrs")),
        (["yes"] * 10, ["yes"] * 8 + ["no"] * 2),
        (["yes"] * 15 + ["no"] * 5, ["yes"] * 10 + ["no"] * 10),
    ],
    ids=["half of them", "too few answers", "as the gold asks", "within 25 points of the gold"],
)
def test_answers_that_vary_enough_are_not_constant(texts: list[str], gold: list[str]) -> None:
    assert constant_answer(answers(texts, gold)) is None


def test_saying_yes_beyond_what_the_gold_asks_is_constant() -> None:
    found = constant_answer(answers(["yes"] * 16 + ["no"] * 4, ["yes"] * 10 + ["no"] * 10))
    assert (found.given, found.right) == (16, 10)


def test_texts_are_compared_without_case_space_and_outer_punctuation() -> None:
    found = constant_answer(answers(["Paris.", "paris", " PARIS", "Paris."] * 3, list("abcdefghijkl")))
    assert (found.text, found.given) == ("Paris.", 12)


def test_numbers_that_differ_in_sign_or_point_stay_apart() -> None:
    assert constant_answer(answers(["1.5", "-1.5", "15"] * 6, [f"n{i}" for i in range(18)])) is None


def test_blanks_are_one_text_and_right_where_nothing_is_asked_for() -> None:
    cell = make_cell()
    blanks = [make_result(cell, make_question(i), "blank", text=("N/A", "na")[i % 2]) for i in range(10)]
    right = [make_result(cell, make_unanswerable(i), "correct", text="N/A") for i in range(10, 14)]
    found = constant_answer([*blanks, *right])
    assert (found.given, found.right) == (14, 4)


def test_a_right_answer_in_other_words_is_right() -> None:
    cell = make_cell()
    results = [make_result(cell, make_question(i, answers=("7",)), "correct", text="7 km") for i in range(12)]
    assert constant_answer(results) is None


def test_a_text_that_cannot_be_read_counts_as_it_stands() -> None:
    assert constant_answer(asked(10, "unparsed")).text == "{broken"


def test_a_failed_call_is_no_answer() -> None:
    failed = [replace(each, outcome="error") for each in asked(12, "wrong", error="out of memory")]
    assert constant_answer([*failed, *asked(3, None)]) is None


def run_of(condition: str, repeat: int = 0, model: str = "tiny", n: int = 20) -> list[CaseResult]:
    cell = make_cell(model, condition=condition, repeat=repeat)
    return [make_result(cell, make_question(i), "correct") for i in range(n)]


def duplicates(*runs: list[CaseResult], temperature: float | None = None) -> tuple[Duplicate, ...]:
    results = [result for run in runs for result in run]
    return duplicate_cells(gather(results, run=make_info(len(results))), temperature)


@pytest.mark.parametrize("temperature", [None, 0.0, 0.7])
def test_a_repeat_with_the_same_answers_is_told(temperature: float | None) -> None:
    found = duplicates(run_of("direct"), run_of("direct", 1), run_of("direct", 2), temperature=temperature)
    assert found == tuple(Duplicate(cell=f"tiny-direct-r{i}", of="tiny-direct", answered=20) for i in (1, 2))


@pytest.mark.parametrize(("temperature", "told"), [(None, 0), (0.0, 0), (0.7, 1)])
@pytest.mark.parametrize("other", [run_of("rag"), run_of("direct", model="other")], ids=["condition", "model"])
def test_other_cells_with_the_same_answers_are_told_where_answers_are_drawn(
    other: list[CaseResult], temperature: float | None, told: int
) -> None:
    assert len(duplicates(run_of("direct"), other, temperature=temperature)) == told


def test_over_few_questions_equal_answers_are_chance() -> None:
    assert duplicates(run_of("direct", n=19), run_of("direct", 1, n=19)) == ()


def test_one_different_answer_makes_two_runs() -> None:
    other = run_of("direct", 1)
    other[3] = make_result(other[3].case.cell, other[3].case.question, "wrong")
    assert duplicates(run_of("direct"), other) == ()


def test_an_answer_kept_once_for_both_prompts_is_no_duplicate() -> None:
    first, second = run_of("direct"), run_of("rag")
    shared = [replace(each, key=first[i].key) for i, each in enumerate(second)]
    assert duplicates(first, shared, temperature=0.7) == ()
    assert len(duplicates(first, second, temperature=0.7)) == 1


def test_repeats_of_one_constant_answer_are_no_duplicate() -> None:
    first, second = ([make_result(make_cell(repeat=i), make_question(j), "wrong") for j in range(20)] for i in (0, 1))
    assert duplicates(first, second) == ()


def test_questions_that_failed_in_one_run_only_make_two_runs() -> None:
    other = run_of("direct", 1, n=21)
    other[20] = replace(other[20], answer=replace(other[20].answer, error="timed out"), outcome="error")
    assert duplicates(run_of("direct", n=21), other) == ()
