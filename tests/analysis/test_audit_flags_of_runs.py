"""Every audit flag through the summary of a run: raised where it is planted, in its cell, and not otherwise."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from pandas import Series

from harness.analysis.frame import CaseTables, gather
from harness.analysis.run import RunInfo
from harness.analysis.summary import summarise
from harness.analysis.whole import analyse
from harness.records import CaseResult, Score
from tests.report.made_up_runs import make_cell, make_cell_results, make_info, make_question, make_result

FINE = tuple(["correct"] * 16 + ["wrong"] * 4)


def cell(condition: str = "direct", *, odd: int = 0, model: str = "tiny", size: float | None = 0.1, **changes: object):
    """20 sound results of one cell, the first `odd` of them changed."""
    made = make_cell(model, size, condition)
    return [
        make_result(made, make_question(turn), outcome, **(changes if turn < odd else {}))
        for turn, outcome in enumerate(FINE)
    ]


def outcomes(told: Sequence[str | None]) -> list[CaseResult]:
    return make_cell_results(told)


def both(first: list[CaseResult], **more: object) -> list[CaseResult]:
    return [*first, *cell("rag", **more)]


def judged_by(version: int) -> list[CaseResult]:
    other = Score(metric="value_accuracy", version=version, value=1.0)
    return both(cell()) if version == 1 else [*cell(), *(replace(one, primary=other) for one in cell("rag"))]


def asked(text: str | None) -> list[CaseResult]:
    made = make_cell(condition="rag")
    told = {} if text is None else {"text": text}
    return [*cell(), *(make_result(made, make_question(turn, **told), word) for turn, word in enumerate(FINE))]


RAISED = {
    "NO_TOKENS": cell(odd=1, output_tokens=0),
    "HIGH_LATENCY": cell(odd=1, latency_s=60.5),
    "ZERO_LATENCY": cell(odd=1, latency_s=0.0),
    "ERRORS": outcomes(["correct"] * 17 + ["error"] * 3),
    "BROKEN_RUN": outcomes(["correct"] * 9 + ["wrong"] * 51),
    "LOW_SCORE": outcomes(["correct"] * 19 + ["wrong"] * 31),
    "NO_MODEL": cell(size=None),
    "MISSING_QUESTIONS": outcomes([*FINE, None]),
    "EMPTY_RETRIEVAL": cell("rag", odd=1, passages=()),
    "EXTRACTION": outcomes(["correct"] * 17 + ["unparsed"] * 3),
    "AT_FLOOR": outcomes(["wrong"] * 20),
    "TRUNCATED": cell(odd=1, truncated_passages=1),
    "MIXED_SCORERS": judged_by(2),
    "MIXED_QUESTION_SETS": asked("Which line is it?"),
    "DOUBLE_BOS": cell(odd=1, bos_count=2),
    "CONSTANT_ANSWERS": [
        make_result(make_cell(), make_question(turn), "correct" if turn < 2 else "wrong", text="Paris")
        for turn in range(20)
    ],
    "MISSING_MATTERS": outcomes(["correct"] * 20 + ["wrong"] * 10 + [None] * 15),
}
NOT_RAISED = {
    "NO_TOKENS": cell(odd=1, output_tokens=1),
    "HIGH_LATENCY": cell(odd=1, latency_s=60.0),
    "ZERO_LATENCY": cell(odd=1, latency_s=0.001),
    "ERRORS": outcomes(["correct"] * 18 + ["error"] * 2),
    "BROKEN_RUN": outcomes(["correct"] * 12 + ["wrong"] * 48),
    "LOW_SCORE": outcomes(["correct"] * 20 + ["wrong"] * 30),
    "NO_MODEL": cell(size=0.1),
    "MISSING_QUESTIONS": outcomes(FINE),
    "EMPTY_RETRIEVAL": cell("direct", odd=1, passages=()),
    "EXTRACTION": outcomes(["correct"] * 18 + ["unparsed"] * 2),
    "AT_FLOOR": outcomes(["correct"] * 4 + ["wrong"] * 16),
    "TRUNCATED": cell(odd=1, truncated_passages=0),
    "MIXED_SCORERS": judged_by(1),
    "MIXED_QUESTION_SETS": asked(None),
    "DOUBLE_BOS": cell(odd=1, bos_count=1),
    "CONSTANT_ANSWERS": [
        make_result(make_cell(), make_question(turn), "correct" if turn < 2 else "wrong", text=f"Paris {turn % 3}")
        for turn in range(20)
    ],
    "MISSING_MATTERS": outcomes(["correct"] * 20 + ["wrong"] * 10 + [None]),
}


def raised(tables: CaseTables, info: RunInfo, again: dict[str, Sequence[Score]] | None = None) -> set[str]:
    return {flag.code for flag in summarise(tables, info, again).flags}


def codes(results: list[CaseResult], **more: object) -> set[str]:
    info = make_info(len(results), **more)
    return raised(gather(results, run=info), info)


@pytest.mark.parametrize("code", RAISED)
def test_a_planted_fault_raises_its_flag(code: str) -> None:
    assert code in codes(RAISED[code])


@pytest.mark.parametrize("code", NOT_RAISED)
def test_what_is_no_fault_raises_none(code: str) -> None:
    assert code not in codes(NOT_RAISED[code])


def test_a_sound_run_of_two_cells_raises_no_flag() -> None:
    assert codes(both(cell())) == set()


@pytest.mark.parametrize(
    ("costs", "told"),
    [([0.1], set()), ([0.1, 0.0], {"ZERO_COST"}), ([0.1, None], {"NO_COST_DATA"}), ([None], set())],
)
def test_costs_are_looked_at_where_any_is_known(costs: list[float | None], told: set[str]) -> None:
    results, info = cell(), make_info(20)
    tables = gather(results, run=info)
    column = Series([costs[turn % len(costs)] for turn in range(20)], dtype="float64")
    assert raised(replace(tables, cases=tables.cases.assign(cost_usd=column)), info) == told


@pytest.mark.parametrize(("off", "told"), [(0.0, set()), (0.005, set()), (0.5, {"SCORE_MISMATCH"})])
def test_stored_scores_are_held_against_those_computed_again(off: float, told: set[str]) -> None:
    results, info = cell(), make_info(20)
    again = {one.case.label: tuple(replace(score, value=score.value - off) for score in one.scores) for one in results}
    assert raised(gather(results, run=info), info, again) == told


@pytest.mark.parametrize(("temperature", "told"), [(0.0, set()), (0.8, {"DUPLICATE_RUN"})])
def test_drawn_answers_that_repeat_another_cell_are_told(temperature: float, told: set[str]) -> None:
    manifest = {"settings": {"decoding": {"temperature": temperature}}}
    assert codes(both(cell()), manifest=manifest) == told


def pairing(change: dict[str, object], details: dict[str, object] | None = None) -> CaseTables:
    """Direct and rag of three models, the tiny model's rag cell changed in question or details."""
    results = [
        make_result(
            make_cell(model, size, condition),
            make_question(turn, **(change if (model, condition) == ("tiny", "rag") else {})),
            word,
        )
        for model, size in (("tiny", 0.1), ("small", 1.0), ("large", 8.0))
        for condition in ("direct", "rag")
        for turn, word in enumerate(FINE)
    ]
    tables = gather(results, run=make_info(len(results)))
    other = (tables.cases["cell"] == "tiny-rag").to_numpy()
    added = {name: Series(["other" if one else "one" for one in other], dtype="string") for name in (details or {})}
    return replace(tables, details=tables.details.assign(**added))


@pytest.mark.parametrize(
    ("change", "details", "told", "left_out"),
    [
        ({"text": "Another?"}, {}, "text or gold answers differ under one id: 20 of 20", "another text or gold answer"),
        (
            {"answers": ("707",)},
            {},
            "text or gold answers differ under one id: 20 of 20",
            "another text or gold answer",
        ),
        ({"dataset": "other"}, {}, "questions not asked in every cell: 40 of 40", "0 of the 20 questions"),
        ({}, {"scorer": 1}, "questions judged by different metrics or versions: 20 of 20", "another metric or version"),
        ({}, {"rubric": 1}, "questions judged by different rubrics: 20 of 20", "judged by another rubric"),
        ({}, {"dataset_hash": 1}, "questions from data sets of different hash: 20 of 20", "a data set of another hash"),
    ],
)
def test_cells_with_as_many_rows_that_cannot_be_paired_are_refused_with_the_reason(
    change: dict[str, object], details: dict[str, object], told: str, left_out: str
) -> None:
    tables = pairing(change, details)
    info = make_info(len(tables.cases))
    refused = {found.model: found.refused for found in summarise(tables, info).comparisons if found.task is None}
    assert told in refused.pop("tiny")
    assert set(refused.values()) == {None}
    reasons = dict(analyse(tables, info, 1).compared.left_out)
    assert list(reasons) == ["tiny:rag"]
    assert left_out in reasons["tiny:rag"]


def test_the_ledger_of_a_cell_adds_up() -> None:
    told: list[str | None] = ["correct"] * 5 + ["wrong"] * 3 + ["blank"] * 2 + ["unparsed"] + ["error"] * 2 + [None] * 4
    info = make_info(len(told))
    (found,) = summarise(gather(outcomes(told), run=info), info).cells
    ledger = found.coverage
    assert (ledger.correct, ledger.wrong, ledger.blank, ledger.unparsed) == (5, 3, 2, 1)
    assert (ledger.planned, ledger.answered, ledger.errored, ledger.missing) == (17, 11, 2, 4)
    assert found.share.intent_to_test.estimate == pytest.approx(5 / 17)
    assert found.share.complete_case.estimate == pytest.approx(5 / 11)
