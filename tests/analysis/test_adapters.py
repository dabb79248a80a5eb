"""From case rows to arrays: every value in its place, repeats averaged, and no cell beside one it cannot stand with."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.adapters import case_grid
from harness.analysis.arms import score_table
from harness.analysis.cells import cluster_names
from harness.analysis.frame import CaseTables, gather
from harness.analysis.question_table import question_table
from harness.analysis.run import RunInfo
from harness.analysis.simulate import METRIC, Missing, PlantedModel, Truth
from harness.analysis.simulate_tables import planted_tables
from harness.errors import HarnessError
from harness.records import Answer, Case, CaseResult, Cell, Condition, ModelSpec, Question, Reading

CONTEXTS = {"direct": "none", "rag": "retrieved", "rag@4bit": "retrieved", "ft": "none", "oracle": "gold"}
SIZES = {"small": 1.0, "large": 8.0}


def planted(
    conditions: tuple[str, ...] = ("direct", "rag"), sizes: Mapping[str, float | None] = SIZES, **more: object
) -> CaseTables:
    accuracy = {name: 0.4 + 0.05 * turn for turn, name in enumerate(conditions)}
    models = tuple(PlantedModel(name=name, params_b=size, accuracy=accuracy) for name, size in sizes.items())
    contexts = {name: CONTEXTS[name] for name in conditions}
    options = {"questions": 12, "clusters": 4, **more}
    return planted_tables(Truth(models=models, **options), 3, contexts, {"ft": "lora"})


def with_rows(tables: CaseTables, cases: pd.DataFrame, details: pd.DataFrame | None = None) -> CaseTables:
    return CaseTables(
        results=(), cases=cases, details=tables.details.loc[cases.index] if details is None else details, reasons={}
    )


def arrays(tables: CaseTables) -> list[np.ndarray]:
    grid = case_grid(tables)
    return [*grid.columns.values(), grid.questions.clusters, grid.arm_of, grid.repeats]


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(order) -> None:
    tables = planted(repeats=2, repeat_noise=0.4, missing=Missing(error=0.1, skipped=0.1))
    places = list(range(len(tables.cases)))
    order.shuffle(places)
    mixed = with_rows(tables, tables.cases.iloc[places])
    for there, back in zip(arrays(tables), arrays(mixed), strict=True):
        np.testing.assert_array_equal(there, back)
    assert case_grid(mixed).arms == case_grid(tables).arms


def test_repeats_are_averaged_per_question_as_by_a_pivot() -> None:
    tables = planted(repeats=3, repeat_noise=0.5, missing=Missing(error=0.2))
    cases = tables.cases.assign(arm=tables.cases["model"] + ":" + tables.cases["condition"])
    wide = question_table(cases, "arm")
    table = score_table(case_grid(tables), missing="left out")
    for place, arm in enumerate(table.arms):
        np.testing.assert_allclose(table.scores[:, place], wide.arm(arm.label))


def test_a_missing_answer_is_not_right_or_left_out() -> None:
    tables = planted(missing=Missing(error=0.2, skipped=0.1))
    right = (tables.cases["outcome"] == "correct").fillna(value=False)
    planned = score_table(case_grid(tables)).scores
    assert planned.sum() == right.sum()
    assert np.isfinite(planned).all()
    complete = score_table(case_grid(tables), missing="left out").scores
    assert np.isfinite(complete).sum() == tables.cases["outcome"].isin(["correct", "wrong"]).sum()


def test_clusters_are_those_of_the_case_table_in_the_order_of_their_names() -> None:
    tables = planted()
    tables.cases.loc[tables.cases["question_id"] == "q0000003", "cluster"] = pd.NA
    names = cluster_names(tables.cases[tables.cases["cell"] == "small-rag"])
    expected = np.unique(names, return_inverse=True)[1]
    np.testing.assert_array_equal(case_grid(tables).questions.clusters, expected)


def test_arms_are_told_apart_by_context_precision_and_adapter() -> None:
    grid = case_grid(planted(("direct", "rag", "rag@4bit", "ft", "oracle")))
    table = score_table(grid)
    names = [arm.condition for arm in grid.arms if arm.model == "small"]
    assert names == ["direct", "ft", "rag", "rag@4bit", "oracle"]
    assert [arm.model for arm in grid.arms] == ["small"] * 5 + ["large"] * 5
    small = {
        role: [grid.arms[place].condition for place in table.places(model="small", context=role)]
        for role in ("none", "retrieved", "gold")
    }
    assert small == {"none": ["direct"], "retrieved": ["rag"], "gold": ["oracle"]}


def test_the_chance_of_the_share_right_is_the_mean_guess() -> None:
    tables = planted()
    details = tables.details.assign(guess=np.where(tables.cases["question_id"] < "q0000006", 0.5, 0.0))
    assert score_table(case_grid(with_rows(tables, tables.cases, details))).chance == pytest.approx(0.25)


def left_out(tables: CaseTables) -> dict[str, str]:
    return dict(case_grid(tables).left_out)


def test_a_cell_with_other_questions_is_left_out_and_the_others_are_not_cut() -> None:
    tables = planted()
    cases = tables.cases[(tables.cases["cell"] != "small-rag") | (tables.cases["question_id"] > "q0000004")]
    grid = case_grid(with_rows(tables, cases))
    assert grid.left_out == (("small:rag", "it was asked 7 of the 12 questions of most cells"),)
    assert len(grid.questions.ids) == 12
    assert len(grid.arms) == 3


def test_a_cell_with_questions_of_its_own_says_how_many() -> None:
    tables = planted()
    cases = tables.cases.copy()
    cases.loc[(cases["cell"] == "small-rag") & (cases["question_id"] < "q0000002"), "question_id"] += "x"
    why = left_out(with_rows(tables, cases))
    assert why == {"small:rag": "it was asked 10 of the 12 questions of most cells and 2 others"}


def test_a_cell_without_any_answer_is_left_out() -> None:
    tables = planted()
    cases = tables.cases.copy()
    cases.loc[cases["cell"] == "small-rag", "outcome"] = "error"
    assert left_out(with_rows(tables, cases)) == {"small:rag": "none of its 12 cases has an answer"}


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ("question_hash", "have another text or gold answer than in most cells"),
        ("scorer", "are judged by another metric or version than in most cells"),
        ("rubric", "are judged by another rubric than in most cells"),
        ("dataset_hash", "come from a data set of another hash than in most cells"),
    ],
)
def test_a_cell_that_is_asked_or_judged_otherwise_is_left_out(column: str, told: str) -> None:
    tables = planted()
    details = tables.details.assign(rubric="one", dataset_hash="h").astype(
        {"rubric": "string", "dataset_hash": "string"}
    )
    other = (tables.cases["cell"] == "large-direct") & (tables.cases["question_id"] < "q0000003")
    details.loc[other, column] = "other"
    assert left_out(with_rows(tables, tables.cases, details)) == {"large:direct": f"3 of its 12 questions {told}"}


def test_a_case_without_a_scorer_was_judged_by_none_and_stays() -> None:
    tables = planted()
    details = tables.details.copy()
    details.loc[tables.cases["question_id"] < "q0000003", "scorer"] = pd.NA
    assert left_out(with_rows(tables, tables.cases, details)) == {}


def test_one_repeat_is_left_out_by_its_number() -> None:
    tables = planted(repeats=2, repeat_noise=0.2)
    cases = tables.cases
    part = cases[(cases["cell"] != "small-rag-r1") | (cases["question_id"] > "q0000000")]
    assert list(left_out(with_rows(tables, part))) == ["small:rag repeat 1"]


def test_exact_repeats_of_a_case_count_once() -> None:
    tables = planted()
    twice = pd.concat([tables.cases, tables.cases.iloc[:5]], ignore_index=True)
    details = pd.concat([tables.details, tables.details.iloc[:5]], ignore_index=True)
    for there, back in zip(arrays(tables), arrays(with_rows(tables, twice, details)), strict=True):
        np.testing.assert_array_equal(there, back)


def test_a_value_that_is_not_finite_is_missing() -> None:
    tables = planted()
    cases = tables.cases.assign(**{METRIC: np.where(tables.cases["cell"] == "small-rag", np.inf, 0.5)})
    values = score_table(case_grid(with_rows(tables, cases)), METRIC).scores
    assert np.isnan(values[:, 1]).all()
    assert np.isfinite(values[:, [0, 2, 3]]).all()


def broken(change: str) -> CaseTables:
    tables = planted()
    cases, details = tables.cases.copy(), tables.details.copy()
    if change == "twice":
        cases = pd.concat([cases, cases.iloc[:1].assign(outcome="blank")], ignore_index=True)
        details = pd.concat([details, details.iloc[:1]], ignore_index=True)
    elif change == "two sizes":
        cases.loc[0, "params_b"] = 5.0
    elif change == "two contexts":
        details.loc[0, "context"] = "gold"
    elif change == "odd context":
        details["context"] = "somewhere"
    elif change == "no context":
        details = details.drop(columns="context")
    elif change == "no model":
        cases.loc[0, "model"] = pd.NA
    else:
        cases = cases.drop(columns="repeat")
    return with_rows(tables, cases, details)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("twice", "case 'q0000000' of data set 'planted', small:direct repeat 0, stands twice with different values"),
        ("two sizes", "model 'small' has two sizes, 1 and 5 billion"),
        ("two contexts", "one cell has context 'gold' and 'none' at once"),
        ("odd context", "has context 'somewhere': one of none, retrieved, gold, distractor"),
        ("no context", "the detail table has no column 'context'"),
        ("no model", "1 of 48 rows of the case table have no model"),
        ("no repeat", "the case table has no column 'repeat'"),
    ],
)
def test_rows_that_contradict_each_other_are_one_line(change: str, told: str) -> None:
    with pytest.raises(HarnessError) as raised:
        case_grid(broken(change))
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def result(model: str, question: str, text: str, *, problem: str | None = None) -> CaseResult:
    spec = ModelSpec(name=model, family="f", params_b=1.0, active_params_b=0.5, context_length=10)
    cell = Cell(model=spec, condition=Condition(name="direct", context="none"), label=model)
    case = Case(cell=cell, question=Question(id=question, text="?", answers=("a",)), label=f"{model}-{question}")
    answer = Answer(text=text, prompt_tokens=1, output_tokens=1, latency_s=0.1)
    reading = Reading(value=text, problem=problem)
    return CaseResult(case=case, key=case.label, outcome="wrong", answer=answer, reading=reading)


def test_answers_and_families_come_from_the_results() -> None:
    texts = {("a", "q1"): "The  Cat", ("b", "q1"): "the cat ", ("a", "q2"): " ", ("b", "q2"): "dog"}
    results = [result(model, question, text) for (model, question), text in texts.items()]
    results[3] = result("b", "q2", "dog", problem="no JSON")
    run = RunInfo(run="r", study="s", primary="p", planned=4)
    grid = case_grid(gather(results, run=run))
    assert grid.answers[0, 0] == grid.answers[1, 0] >= 0
    assert (grid.answers[:, 1] == -1).all()
    assert [(arm.size.family, arm.size.active_params_b) for arm in grid.arms] == [("f", 0.5)] * 2


def test_no_rows_give_no_arms() -> None:
    tables = planted()
    grid = case_grid(with_rows(tables, tables.cases[:0]))
    assert (grid.arms, grid.questions.ids, grid.left_out) == ((), (), ())


def test_what_a_left_out_cell_says_of_a_question_does_not_count() -> None:
    tables = planted()
    cases = tables.cases.copy()
    other = (cases["cell"] == "small-direct") & (cases["question_id"] < "q0000002")
    cases.loc[other, "cluster"] = "elsewhere"
    grid = case_grid(with_rows(tables, cases))
    told = "2 of its 12 questions are in another cluster than in most cells"
    assert grid.left_out == (("small:direct", told),)
    np.testing.assert_array_equal(grid.questions.clusters, case_grid(tables).questions.clusters)


def test_a_cluster_that_one_cell_does_not_name_is_another_cluster() -> None:
    tables = planted()
    cases = tables.cases.copy()
    cases.loc[(cases["cell"] == "large-rag") & (cases["question_id"] == "q0000000"), "cluster"] = pd.NA
    assert list(left_out(with_rows(tables, cases))) == ["large:rag"]
