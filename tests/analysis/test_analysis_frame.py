"""The case table: its columns, what is missing in it, and the order of its rows."""

import subprocess
import sys
from dataclasses import replace
from random import Random

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.frame import case_frame, detail_frame, gather, metric_columns, storable
from harness.errors import HarnessError, MissingExtra
from harness.records import CaseResult, Score
from tests.report.made_up_runs import (
    make_cell,
    make_cell_results,
    make_info,
    make_question,
    make_result,
    make_run,
    make_unanswerable,
)

COLUMNS = [
    *("run", "cell", "model", "params_b", "tier", "condition", "dataset", "question_id", "cluster", "task", "repeat"),
    *("outcome", "f1@1", "value_accuracy@1", "confidence", "confidence_source", "loss_nll", "prompt_tokens"),
    *("output_tokens", "latency_s", "concurrency", "cost_usd", "key", "primary"),
]


def frame_of(*results: CaseResult) -> pd.DataFrame:
    return case_frame(results, run=make_info(len(results)))


def test_the_columns_are_the_specified_ones() -> None:
    assert list(frame_of(*make_cell_results(["correct"])).columns) == COLUMNS


def test_a_row_says_what_the_result_says() -> None:
    result = make_result(make_cell(condition="rag"), make_question(3, cluster="d1"), "correct")
    row = frame_of(replace(result, confidence=0.75, confidence_source="stated")).iloc[0]
    assert row.drop("cost_usd").to_dict() == {
        "run": "made-up",
        "cell": "tiny-rag",
        "model": "tiny",
        "params_b": 0.135,
        "tier": "tiny",
        "condition": "rag",
        "dataset": "made-up",
        "question_id": "q0003",
        "cluster": "d1",
        "task": "knowledge",
        "repeat": 0,
        "outcome": "correct",
        "f1@1": 0.5,
        "value_accuracy@1": 1.0,
        "confidence": 0.75,
        "confidence_source": "stated",
        "loss_nll": 1.25,
        "prompt_tokens": 40,
        "output_tokens": 4,
        "latency_s": 0.5,
        "concurrency": 8,
        "key": "key of tiny-rag-q0003",
        "primary": 1.0,
    }


def test_a_cost_without_a_price_table_is_missing() -> None:
    assert pd.isna(frame_of(*make_cell_results(["correct"]))["cost_usd"].iloc[0])


def test_a_cost_is_the_price_of_the_tokens_that_the_service_counted() -> None:
    (result,) = make_cell_results(["correct"])
    options = {"base_url": "http://127.0.0.1:1/v1", "usd_per_million": {"input": 1, "output": 10}}
    model = replace(result.case.cell.model, provider="openai_compatible", options=options)
    priced = replace(result, case=replace(result.case, cell=replace(result.case.cell, model=model)))
    assert frame_of(priced)["cost_usd"].tolist() == [pytest.approx((40 + 10 * 4) / 1e6)]


@pytest.mark.parametrize("outcome", ["error", None])
@pytest.mark.parametrize("column", ["prompt_tokens", "output_tokens", "latency_s", "loss_nll", "f1@1", "primary"])
def test_what_an_unanswered_case_did_not_say_is_missing(outcome: str | None, column: str) -> None:
    assert frame_of(*make_cell_results(["correct", outcome]))[column].isna().tolist() == [False, True]


def test_a_failed_answers_placeholders_are_missing() -> None:
    failed = make_result(make_cell(), make_question(1), "wrong", error="out of memory")
    row = frame_of(replace(failed, outcome="error")).iloc[0]
    assert row[["prompt_tokens", "output_tokens", "latency_s"]].isna().all()


def test_a_case_never_tried_has_no_outcome() -> None:
    assert frame_of(*make_cell_results([None]))["outcome"].isna().all()


def test_an_unscored_value_is_missing_and_its_reason_counted() -> None:
    tables = gather(make_cell_results(["correct", "unparsed", "unparsed"]), run=make_info(3))
    assert tables.cases["value_accuracy@1"].isna().tolist() == [False, True, True]
    assert tables.reasons == {("tiny-direct", "value_accuracy@1"): {"no JSON object": 2}}


def test_a_zero_is_not_missing() -> None:
    question = make_question(1)
    result = make_result(make_cell(), question, "wrong", prompt_tokens=0, latency_s=0.0)
    assert frame_of(result)[["prompt_tokens", "latency_s"]].iloc[0].tolist() == [0, 0.0]


def test_an_unknown_size_has_no_tier() -> None:
    row = frame_of(make_result(make_cell(params_b=None), make_question(1), "correct")).iloc[0]
    assert row[["params_b", "tier"]].isna().all()


def test_no_results_give_an_empty_table() -> None:
    assert list(frame_of().columns) == [name for name in COLUMNS if "@" not in name]


def test_metric_columns_carry_their_version() -> None:
    extra = (Score(metric="f1", version=2, value=0.1),)
    frame = frame_of(
        make_result(make_cell(), make_question(1), "correct"),
        make_result(make_cell(), make_question(2), "correct", scores=extra),
    )
    assert metric_columns(frame) == ("f1@1", "f1@2", "value_accuracy@1")


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (make_question(1), 0.0),
        (make_question(1, answer_type="boolean"), 0.5),
        (make_question(1, answer_type="choice", options=("a", "b", "c", "d")), 0.25),
        (make_question(1, dataset="easy"), 0.1),
        (make_unanswerable(1, answer_type="boolean"), 0.0),
    ],
)
def test_the_chance_of_a_guess_follows_the_question(question: object, expected: float) -> None:
    results = [make_result(make_cell(), question, "wrong")]
    assert detail_frame(results, run=make_info(1, gammas={"easy": 0.1}))["guess"].tolist() == [expected]


FLIPPED = (True, False, None)


def details_of(*results: CaseResult, **changes: object) -> pd.DataFrame:
    return detail_frame(results, run=make_info(len(results), **changes))


def test_a_flip_is_one_or_zero_and_missing_where_it_was_not_checked() -> None:
    results = [replace(each, flipped=FLIPPED[i]) for i, each in enumerate(make_cell_results(["wrong"] * 3))]
    assert details_of(*results)["flipped"].tolist() == [1, 0, pd.NA]


def test_the_template_of_the_manifest_stands_beside_each_question_of_its_data_set() -> None:
    results = [make_result(make_cell(), make_question(i, dataset=name), "wrong") for i, name in enumerate("ab")]
    row = details_of(*results, manifest={"prompts": {"a: concise": "f00"}})[["template", "template_hash"]]
    assert row.iloc[0].tolist() == ["concise", "f00"]
    assert row.iloc[1].isna().all()


def test_the_scorer_is_the_primary_metric_with_its_version() -> None:
    found = details_of(*make_cell_results(["correct", "unparsed", "error", None]))["scorer"]
    assert found.isna().tolist() == [False, False, True, True]
    assert set(found.dropna()) == {"value_accuracy@1"}


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"task": "other", "cluster": "d", "id": "q9", "dataset": "other", "tags": ("t",)}, True),
        ({"text": "How?"}, False),
        ({"answers": ("2",)}, False),
        ({"tolerance": 0.5}, False),
        ({"gold_passages": ("p2",)}, False),
    ],
)
def test_the_question_hash_covers_what_is_asked_and_accepted(change: dict[str, object], same: bool) -> None:
    questions = [make_question(1), make_question(1, **change)]
    first, second = details_of(*[make_result(make_cell(), each, "wrong") for each in questions])["question_hash"]
    assert (first == second) is same
    assert len(first) == 16


@pytest.mark.parametrize(("gold", "expected"), [(("yes",), 1), (("False",), 0), (("maybe",), None), ((), None)])
def test_the_gold_truth_is_that_of_answerable_yes_or_no_questions(gold: tuple[str, ...], expected: int | None) -> None:
    question = make_question(1, answers=gold, answer_type="boolean", answerable=bool(gold))
    found = details_of(make_result(make_cell(), question, "wrong"))["gold_truth"]
    assert found.dropna().tolist() == ([] if expected is None else [expected])


def test_a_text_that_reads_as_a_truth_has_none() -> None:
    question = make_question(1, answers=("yes",), answer_type="text")
    assert details_of(make_result(make_cell(), question, "wrong"))["gold_truth"].isna().all()


@given(st.randoms(use_true_random=False), st.booleans())
def test_arrival_order_and_repeated_shards_change_nothing(random: Random, twice: bool) -> None:
    results = make_run({"direct": 0.2, "rag": 0.6}, n=5, models={"big": 7.0, "tiny": 0.135, "odd": None})
    shuffled = results * (1 + twice)
    random.shuffle(shuffled)
    info = make_info(len(results))
    pd.testing.assert_frame_equal(gather(shuffled, run=info).cases, gather(results, run=info).cases)


def test_small_models_and_direct_come_first_and_unknown_sizes_last() -> None:
    results = make_run({"rag": 0.6, "direct": 0.2}, n=1, models={"odd": None, "big": 7.0, "tiny": 0.135})
    cells = gather(results, run=make_info(6)).cases["cell"].tolist()
    assert cells == ["tiny-direct", "tiny-rag", "big-direct", "big-rag", "odd-direct", "odd-rag"]


def test_two_different_results_of_one_case_are_refused() -> None:
    results = [*make_cell_results(["correct"]), *make_cell_results(["wrong"])]
    with pytest.raises(HarnessError, match="case 'tiny-direct-q0000' has two different results"):
        gather(results, run=make_info(1))


def test_a_lone_surrogate_is_spelt_out() -> None:
    assert storable("a\ud800é") == "a\\ud800é"


def test_without_pandas_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtra, match=r"the report needs pandas.*pytest-scaling\[report\]"):
        frame_of()


def test_importing_the_analysis_loads_nothing_heavy() -> None:
    names = "audit frame cells comparisons flags intervals paired summary verdicts"
    imports = "; ".join(f"import harness.analysis.{name}" for name in names.split())
    code = f"import sys; {imports}; print({{'pandas', 'scipy', 'torch'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_answers_as_read_are_kept_on_request_and_folded() -> None:
    cell = make_cell()
    texts = ["The  Cat", "the cat ", "", "{broken"]
    told = ["correct", "wrong", "blank", "unparsed"]
    results = [
        make_result(cell, make_question(turn), outcome, text=text)
        for turn, (text, outcome) in enumerate(zip(texts, told, strict=True))
    ]
    results.append(make_result(cell, make_question(9), None))
    run = make_info(5)
    kept = gather(results, run=run, answers=True).details["answer"]
    assert kept.tolist()[:2] == ["the cat"] * 2
    assert kept.isna().tolist() == [False, False, True, True, True]
    assert "answer" not in gather(results, run=run).details.columns


def test_votes_of_stored_tables_are_those_of_the_results() -> None:
    from harness.analysis.adapters import case_grid
    from harness.analysis.frame import CaseTables

    results = make_run({"direct": 0.5}, models={"tiny": 0.135, "small": 1.0})
    tables = gather(results, run=make_info(len(results)), answers=True)
    stored = CaseTables(results=(), cases=tables.cases, details=tables.details, reasons={})
    bare = gather(results, run=make_info(len(results)))
    assert (case_grid(stored).answers == case_grid(bare).answers).all()
