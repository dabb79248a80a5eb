"""CCG out of cases: by hand, by task, and with nothing to say."""

from dataclasses import replace

import pytest

from harness.analysis.compatible.ccg import ccg_series, confidence_gap
from harness.analysis.compatible.ccg_by_task import ccg_by_task
from harness.analysis.frame import case_frame
from harness.records import CaseResult
from tests.report.made_up_runs import make_cell, make_info, make_question, make_result

SIZES = {"s": 1.0, "m": 3.0, "l": 9.0}
LOSSES = {"s": 3.0, "m": 2.0, "l": 1.5}
CORRECT = {"s": 2, "m": 5, "l": 6}


def made(model: str, number: int, outcome: str | None, size: float | None = None) -> CaseResult:
    question = make_question(number, task="recall" if number < 5 else "counting")
    cell = make_cell(model, SIZES.get(model, size))
    told = {} if outcome in {"error", None} else {"reference_nll": LOSSES.get(model, 9.0)}
    return replace(make_result(cell, question, outcome, **told), confidence=0.75 if told else None)


def run() -> list[CaseResult]:
    return [made(name, i, "correct" if i < CORRECT[name] else "wrong") for name in SIZES for i in range(10)]


def cases_of(results: list[CaseResult]):
    return case_frame(results, run=make_info(len(results)))


def test_all_questions_by_hand() -> None:
    found = ccg_by_task(cases_of(run()))[0]
    accuracies = [20.0, 50.0, 60.0]
    assert (found.task, found.answered) == (None, 30)
    assert found.ccg == ccg_series([1, 3, 9], [3.0, 2.0, 1.5], accuracies)
    assert found.gap == confidence_gap([1, 3, 9], [75.0] * 3, accuracies)


def test_each_task_has_its_own() -> None:
    whole, counting, recall = ccg_by_task(cases_of(run()))
    assert [part.task for part in (whole, counting, recall)] == [None, "counting", "recall"]
    assert recall.ccg.accuracy_change == pytest.approx(60)
    assert counting.ccg.accuracy_change == pytest.approx(20)


def test_failed_calls_are_in_no_mean() -> None:
    failed = [made(name, i, "error" if name == "l" else None) for name in SIZES for i in range(10, 14)]
    assert ccg_by_task(cases_of([*run(), *failed])) == ccg_by_task(cases_of(run()))


def test_a_model_without_a_size_is_counted() -> None:
    found = ccg_by_task(cases_of([*run(), made("unknown", 1, "correct")]))[0]
    assert (found.ccg.models, found.ccg.left_out) == (3, 1)


def test_a_model_without_confidence_has_no_gap() -> None:
    results = [replace(result, confidence=None) for result in run()]
    found = ccg_by_task(cases_of(results))[0]
    assert found.ccg.ccg is not None
    assert (found.gap.gaps_pp, found.gap.left_out, found.gap.gap.reason) == (
        (),
        3,
        "a fit needs at least 2 models, here 0",
    )


def test_a_condition_without_answers_has_a_reason() -> None:
    (found,) = ccg_by_task(cases_of(run()), "rag")
    assert (found.answered, found.ccg.ccg, found.ccg.reason) == (0, None, "a fit needs at least 2 models, here 0")


def test_the_unit_is_passed_on() -> None:
    assert ccg_by_task(cases_of(run()), unit="fraction")[0].ccg.unit == "fraction"
