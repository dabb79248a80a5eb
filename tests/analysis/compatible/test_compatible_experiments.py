"""Experiment rows out of cases, and of older systems."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from harness.analysis.compatible.experiments import (
    DIRECT,
    FACTORS,
    RETRIEVAL,
    column_of,
    experiment_rows,
    known_size,
    published_rows,
    scored,
    size_of,
)
from harness.analysis.compatible.scaling import dataset_cells, direct_curve
from harness.analysis.compatible.variance import variance_shares
from harness.analysis.frame import CaseTables, case_frame, detail_frame, gather
from harness.records import CaseResult, Score
from tests.analysis.compatible.compatible_rows import frame, golden_rows, row
from tests.report.made_up_runs import make_cell, make_cell_results, make_info, make_question, make_result, make_run


def rows_of(*results: CaseResult, factors=None) -> pd.DataFrame:
    return experiment_rows(gather(results, run=make_info(len(results))), factors)


def f1(result: CaseResult, value: float | None) -> CaseResult:
    score = Score(metric="f1", version=1, value=value, reason=None if value is not None else "not scored")
    return replace(result, scores=(score,))


def test_a_row_is_a_model_a_condition_and_a_data_set() -> None:
    results = make_run({"direct": 0.4, "rag": 0.6}, n=20, models={"a": 1.0, "b": 3.0})
    rows = rows_of(*results)
    assert rows[["model", "kind", "tier", "planned", "answered"]].to_numpy().tolist() == [
        ["a", "direct", "tiny", 20, 20],
        ["a", "rag", "tiny", 20, 20],
        ["b", "direct", "small", 20, 20],
        ["b", "rag", "small", 20, 20],
    ]


def test_a_metric_is_the_mean_over_its_finite_values() -> None:
    plain = make_cell_results(["correct", "wrong", "wrong", "wrong"])
    values = [0.25, 0.75, None, float("inf")]
    (line,) = rows_of(*(f1(result, value) for result, value in zip(plain, values, strict=True))).to_dict("records")
    assert (line["f1@1"], line["pass_rate"], line["planned"]) == (0.5, 0.25, 4)


def test_a_failed_call_is_in_no_mean_but_is_planned() -> None:
    (line,) = rows_of(*make_cell_results(["correct", "error", None])).to_dict("records")
    assert (line["pass_rate"], line["planned"], line["answered"]) == (1.0, 3, 1)


def test_a_cell_without_answers_has_no_values() -> None:
    (line,) = rows_of(*make_cell_results(["error", None])).to_dict("records")
    assert np.isnan([line["pass_rate"], line["primary"], line["loss_nll"]]).all()


def test_repeats_are_averaged_per_question_first() -> None:
    twice, once = make_question(1), make_question(2)
    results = [
        f1(make_result(make_cell(), twice, "wrong"), 0.0),
        f1(make_result(make_cell(repeat=1), twice, "wrong"), 0.2),
        f1(make_result(make_cell(), once, "correct"), 1.0),
    ]
    (line,) = rows_of(*results).to_dict("records")
    assert (line["f1@1"], line["planned"]) == (pytest.approx((0.1 + 1.0) / 2), 3)


def test_only_plain_conditions_are_direct_or_retrieval() -> None:
    def changed(condition: str, **changes: object) -> CaseResult:
        cell = make_cell(condition=condition)
        other = replace(cell.condition, name=f"{condition} {changes}" if changes else condition, **changes)
        return make_result(replace(cell, condition=other, label=f"l {other.name}"), make_question(1), "correct")

    made = [changed(name) for name in ("direct", "rag", "oracle")]
    made += [changed("direct", adapter="x"), changed("rag", adapter="x"), changed("rag", quantisation="4bit")]
    rows = rows_of(*made)
    kinds = dict(zip(rows["condition"], rows["kind"], strict=True))
    assert (kinds.pop("direct"), kinds.pop("rag")) == (DIRECT, RETRIEVAL)
    assert all(kind == name for name, kind in kinds.items())


def test_factors_come_from_the_condition() -> None:
    results = make_run({"direct": 0.4, "rag": 0.6}, n=4)
    rows = rows_of(*results, factors={"rag": {"top_k": 3, "retriever_type": "bm25"}}).set_index("condition")
    assert (rows.loc["rag", "top_k"], rows.loc["rag", "retriever_type"]) == (3, "bm25")
    assert rows.loc["direct", list(FACTORS[1:])].isna().all()


def test_rows_of_a_run_can_be_analysed() -> None:
    results = make_run({"direct": 0.4, "rag": 0.6}, n=20, models={"a": 1.0, "b": 3.0, "c": 9.0})
    rows = rows_of(*results, factors={"rag": {"top_k": 3}})
    assert direct_curve(rows, "pass_rate").fit.slope is not None
    assert [line.rag_cells for line in dataset_cells(rows, "pass_rate")] == [1, 1, 1]
    assert [share.factor for share in variance_shares(rows, "pass_rate").shares] == ["model"]


def test_no_cases_give_no_rows_but_their_columns() -> None:
    info = make_info(0)
    tables = CaseTables(results=(), cases=case_frame([], run=info), details=detail_frame([], run=info), reasons={})
    rows = experiment_rows(tables)
    assert len(rows) == 0
    assert direct_curve(rows, "primary").points == ()
    assert dataset_cells(rows, "primary") == ()


def test_published_names_become_ours_and_sizes_get_tiers() -> None:
    rows = published_rows(
        pd.DataFrame({"model_short": ["a", "b", "c"], "params_b": [1.0, 7.0, None], "exp_type": "rag"})
    )
    assert rows["tier"].tolist()[:2] == ["tiny", "medium"]
    assert rows["tier"].isna().tolist() == [False, False, True]
    assert {"model", "kind"} < set(rows.columns)


def test_a_frame_with_our_names_stays_as_it_is() -> None:
    rows = frame(row())
    pd.testing.assert_frame_equal(published_rows(rows), rows)


def test_the_rows_given_are_left_as_they_are() -> None:
    rows = golden_rows()
    before = rows.copy(deep=True)
    scored(rows, "f1", RETRIEVAL)
    pd.testing.assert_frame_equal(rows, before)


@pytest.mark.parametrize("value", [None, "x", float("nan"), float("inf"), -1, 0])
def test_what_is_no_size_is_none(value) -> None:
    assert known_size(value) is None


def test_the_size_of_rows_is_their_first_usable_one() -> None:
    assert size_of(frame(row(params_b=None), row(params_b=7))) == 7
    assert size_of(frame(row()).drop(columns="params_b")) is None


def test_a_metric_is_found_without_its_version() -> None:
    rows = pd.DataFrame(columns=["f1@2", "f1@10", "f10@1", "exact"])
    assert [column_of(rows, name) for name in ("f1", "exact", "bleu")] == ["f1@10", "exact", None]
