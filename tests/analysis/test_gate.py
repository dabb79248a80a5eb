"""The gate over two runs: verdicts, families, what is refused and what is told, and its error rates."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.gate import Rule, exit_code, gate
from harness.analysis.margin_tests import Margin, margin_tests
from harness.analysis.multiplicity import holm
from harness.analysis.simulate import Missing, PlantedModel, Truth, correlation_for, simulate
from harness.analysis.yardstick import RunCases, changes, metric_names
from harness.errors import HarnessError

pd = pytest.importorskip("pandas", reason="needs the extra [report]")

RULE = Rule(margin=0.05)
FAMILIES = 150


def run(rows, **changed):
    """Rows of (question, outcome, f1) of one cell, or a whole case table, as a run."""
    fields = {"name": "run", "primary": "f1", "correct_at": 0.5, "margin": 0.05, "data": {"d": "h"}}
    return RunCases(cases=rows if isinstance(rows, pd.DataFrame) else table(rows), **(fields | changed))


def table(rows, **columns):
    names, outcomes, f1 = zip(*rows, strict=True)
    frame = pd.DataFrame(
        {
            "model": "tiny",
            "condition": "rag",
            "dataset": "d",
            "question_id": list(names),
            "cluster": None,
            "repeat": 0,
            "outcome": list(outcomes),
            "key": None,
            "f1@1": list(f1),
            **columns,
        }
    )
    texts = ("model", "condition", "dataset", "question_id", "cluster", "outcome", "key")
    return frame.astype(dict.fromkeys(texts, "string") | {"f1@1": "float64", "repeat": "Int64"})


def answers(right, n, *, f1=None):
    """n questions of which the first `right` are correct."""
    outcomes = ["correct" if at < right else "wrong" for at in range(n)]
    return [
        (f"q{at}", outcome, float(outcome == "correct") if f1 is None else f1) for at, outcome in enumerate(outcomes)
    ]


def planted(truth, seed):
    """Two runs from one planted table, whose conditions are the two runs' accuracies of each model."""
    frame = simulate(truth, seed)
    halves = [frame[frame["condition"] == name].assign(condition="rag", key=pd.NA) for name in ("a", "b")]
    return [run(half, name=name, primary="planted", correct_at=1.0) for half, name in zip(halves, "ab", strict=True)]


def truth(before, after, *, psi=0.15, models=1, questions=282, **changed):
    shared = correlation_for(before, after, psi)
    cells = tuple(PlantedModel(name=f"m{at}", params_b=1.0, accuracy={"a": before, "b": after}) for at in range(models))
    return Truth(models=cells, questions=questions, shared=shared, **changed)


def only(found):
    assert len(found.cells) == 1
    return found.cells[0]


@pytest.mark.parametrize(
    ("right", "n", "verdict", "code"),
    [(100, 300, "regression", 1), (200, 300, "no regression", 0), (285, 300, "no regression", 0)],
)
def test_a_planted_change_is_judged(right, n, verdict, code):
    found = gate(run(answers(200, n)), run(answers(right, n)), RULE)
    assert (only(found).verdict, exit_code(found)) == (verdict, code)


def test_too_few_questions_are_underpowered_and_told_how_many_are_needed():
    found = gate(run(answers(20, 30)), run(answers(19, 30)), RULE)
    cell = only(found)
    assert (cell.verdict, exit_code(found)) == ("underpowered", 6)
    assert cell.power.power < 0.8
    assert cell.power.n_needed > 30


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0, 0.9))
def test_every_pair_of_cells_gets_one_verdict(before, after, margin):
    found = gate(run(answers(before, 60)), run(answers(after, 60)), Rule(margin=margin))
    assert exit_code(found) in {0, 1, 6}
    assert (only(found).verdict == "regression") <= (after < before)


def test_a_regression_outweighs_what_is_underpowered():
    frames = [answers(200, 300), answers(100, 300), answers(10, 20), answers(9, 20)]
    before, after, few_before, few_after = (table(rows) for rows in frames)
    first = run(pd.concat([before, few_before.assign(condition="direct")], ignore_index=True))
    second = run(pd.concat([after, few_after.assign(condition="direct")], ignore_index=True))
    found = gate(first, second, RULE)
    assert {cell.verdict for cell in found.cells} == {"regression", "underpowered"}
    assert exit_code(found) == 1


def test_both_families_are_adjusted_by_holm_over_the_compared_cells():
    first, second = planted(truth(0.6, 0.56, models=4), 1)
    found = gate(first, second, RULE)
    raw = [
        margin_tests(*(_correct(side, cell.model) for side in (second, first)), None, Margin(value=0.05))
        for cell in found.cells
    ]
    assert [cell.worse.p for cell in found.cells] == pytest.approx(holm([test.worse for test in raw]))
    assert [cell.held.p for cell in found.cells] == pytest.approx(holm([test.held for test in raw]))


def _correct(side, model):
    cases = side.cases[side.cases["model"] == model]
    return (cases["outcome"] == "correct").to_numpy(dtype=float)


def test_more_cells_ask_for_more_questions():
    one, four = (gate(*planted(truth(0.6, 0.6, models=models), 1), RULE) for models in (1, 4))
    assert four.cells[0].power.alpha == 0.05 / 4
    assert four.cells[0].power.n_needed > one.cells[0].power.n_needed


def test_the_same_answers_are_no_regression_at_any_margin_and_untested():
    frame = table(answers(2, 4), key=list("abcd"))
    cell = only(gate(run(frame), run(frame), Rule(margin=0.0)))
    assert (cell.verdict, cell.worse, cell.held) == ("no regression", None, None)
    assert cell.gain.low is None


@pytest.mark.parametrize(
    "change", [{"key": ["a", "b", "c", "e"]}, {"key": None}, {"outcome": ["correct", "correct", "error", "wrong"]}]
)
def test_equal_scores_alone_are_not_the_same_answers(change):
    frame = table(answers(2, 4), key=list("abcd"))
    other = table(answers(2, 4), **({"key": list("abcd")} | change))
    assert only(gate(run(frame), run(other), RULE)).verdict == "underpowered"


def test_equal_scores_of_many_questions_are_no_regression():
    cell = only(gate(run(answers(50, 120)), run(answers(50, 120)), RULE))
    assert (cell.verdict, cell.gain.estimate) == ("no regression", 0.0)
    assert cell.gain.low > -0.05


@pytest.mark.parametrize("cluster", [None, "c"])
def test_one_question_is_underpowered(cluster):
    frame = table(answers(1, 1), cluster=pd.array([cluster], dtype="string"))
    assert only(gate(run(frame), run(frame), RULE)).verdict == "underpowered"


def test_one_cluster_is_underpowered():
    frames = [table(answers(right, 200), cluster="c") for right in (180, 20)]
    assert only(gate(*(run(frame) for frame in frames), RULE)).verdict == "underpowered"


@pytest.mark.parametrize(("right", "worse"), [(585, True), (600, False), (615, False)])
def test_a_measurable_loss_within_the_margin_is_told(right, worse):
    cell = only(gate(run(answers(600, 1000)), run(answers(right, 1000)), RULE))
    assert (cell.verdict, cell.measurably_worse) == ("no regression", worse)


def test_margin_0_asks_whether_anything_was_lost():
    found = [
        only(gate(run(answers(200, 300)), run(answers(right, 300)), Rule(margin=0.0))) for right in (185, 200, 215)
    ]
    assert [cell.verdict for cell in found] == ["regression", "underpowered", "no regression"]


def test_missing_answers_count_as_wrong_and_are_told():
    rows = answers(200, 200)
    lost = [(name, "error" if at % 4 == 0 else "correct", np.nan) for at, (name, _, _) in enumerate(rows)]
    cell = only(gate(run(rows), run(lost), RULE))
    assert (cell.mean_b, cell.verdict) == (0.75, "regression")
    assert cell.notes == ("answered 100 % in A, 75 % in B; the rest counts as wrong",)


@pytest.mark.parametrize("outcome", ["error", "unparsed", None])
def test_a_metric_counts_what_was_not_read_at_its_worst(outcome):
    lost = [*answers(100, 100)[:50], *((f"q{at}", outcome, np.nan) for at in range(50, 100))]
    assert only(gate(run(answers(100, 100)), run(lost), Rule(margin=0.05, metric="f1"))).mean_b == 0.5


def test_an_answer_that_a_metric_does_not_score_leaves_its_question_out():
    unscored = [*answers(100, 100)[:90], *((f"q{at}", "wrong", np.nan) for at in range(90, 100))]
    cell = only(gate(run(answers(100, 100)), run(unscored), Rule(margin=0.05, metric="f1")))
    assert (cell.n, cell.mean_b) == (90, 1.0)
    assert cell.notes == ("10 questions left out without a score, 10 of them in one run only",)


def test_a_metric_without_bounds_leaves_missing_answers_out():
    frames = [
        table(answers(40, 40)).rename(columns={"f1@1": "loss@1"}).assign(**{"loss@1": np.linspace(low, low + 1, 40)})
        for low in (1.0, 3.0)
    ]
    frames[1].loc[:9, "loss@1"] = np.nan
    frames[1].loc[:9, "outcome"] = "error"
    frames[1]["loss@1"] += np.random.default_rng(1).normal(0, 0.1, 40)
    cell = only(gate(*(run(frame) for frame in frames), Rule(margin=0.5, metric="loss")))
    assert (cell.n, cell.verdict) == (30, "regression")


def test_where_lower_is_better_a_rise_is_the_loss():
    frames = [table(answers(0, 300)).rename(columns={"f1@1": "hallucination@1"}) for _ in range(2)]
    frames[0]["hallucination@1"], frames[1]["hallucination@1"] = 0.1, np.linspace(0.3, 0.9, 300)
    found = gate(*(run(frame) for frame in frames), Rule(margin=0.05, metric="hallucination"))
    assert only(found).gain.estimate == pytest.approx(-0.5)
    assert only(found).verdict == "regression"


def test_repeats_are_averaged_per_question():
    frame = table([*answers(30, 60), *answers(50, 60)]).assign(repeat=pd.array([0] * 60 + [1] * 60, dtype="Int64"))
    cell = only(gate(run(frame), run(frame), RULE))
    assert (cell.n, cell.mean_a) == (60, pytest.approx(40 / 60))


def test_clusters_are_heeded():
    spread, clumped = (
        only(
            gate(
                *(
                    run(table(answers(right, 300), cluster=[f"c{name(at)}" for at in range(300)]))
                    for right in (200, 190)
                ),
                RULE,
            )
        )
        for name in (lambda at: at, lambda at: at // 10)
    )
    assert clumped.gain.se > spread.gain.se


def test_few_clusters_that_lost_almost_nothing_are_underpowered_and_told_why():
    clusters = [f"c{at // 25}" for at in range(300)]
    first, second = (table(answers(right, 300), cluster=clusters) for right in (200, 199))
    found = gate(run(first), run(second), Rule(margin=0.03))
    cell = only(found)
    assert (cell.verdict, exit_code(found)) == ("underpowered", 6)
    assert cell.gain.low > -0.03
    assert cell.notes == (
        "its interval clears the margin, but 12 clusters are too few to have seen a loss that takes whole clusters",
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"data": {"d": "other"}}, "data set 'd' is not the same in A and B: its hash differs"),
        ({"rows": answers(2, 3)}, "4 questions in A, 3 in B, 3 in both: compare those with --common"),
        ({"rows": [("x", "wrong", 0.0)]}, "4 questions in A, 1 in B, 0 in both"),
        ({"rows": [(f"q{at}", None, np.nan) for at in range(4)]}, "none of its questions was asked in B"),
    ],
)
def test_a_cell_that_cannot_be_compared_is_refused(change, reason):
    rows = change.pop("rows", answers(2, 4))
    found = gate(run(answers(2, 4)), run(rows, **change), RULE)
    assert [refused.reason for refused in found.refused] == [reason]
    assert exit_code(found) == 4


def test_a_baseline_without_answers_is_refused():
    found = gate(run([("q0", "error", np.nan)]), run([("q0", "correct", 1.0)]), RULE)
    assert found.refused[0].reason == "A holds no answer of it"


def test_a_run_that_only_fails_is_a_regression():
    found = gate(run(answers(80, 100)), run([(f"q{at}", "error", np.nan) for at in range(100)]), RULE)
    assert only(found).verdict == "regression"


def test_a_metric_that_scored_nothing_is_refused():
    found = gate(run(answers(2, 4)), run(answers(2, 4, f1=np.nan)), Rule(margin=0.05, metric="f1"))
    assert found.refused[0].reason == "no question has a f1 score in both runs"


def test_common_questions_are_compared_on_request():
    found = gate(run(answers(200, 400)), run(answers(200, 300)), replace(RULE, common=True))
    assert (only(found).n, found.refused) == (300, ())


def test_without_common_questions_there_is_nothing_to_compare():
    found = gate(run(answers(2, 4)), run([("x", "wrong", 0.0)]), replace(RULE, common=True))
    assert exit_code(found) == 4


def test_cells_of_one_run_are_told():
    other = table(answers(2, 4)).assign(condition="direct").astype({"condition": "string"})
    found = gate(run(answers(2, 4)), run(other), RULE)
    assert [(cell.condition, cell.reason) for cell in found.refused] == [("rag", "only in A"), ("direct", "only in B")]


@pytest.mark.parametrize(
    ("change", "metric", "told"),
    [
        ({"primary": "exact_match"}, "correct", "correct means f1 at 0.5 in A and exact_match at 0.5 in B"),
        ({"correct_at": 0.7}, "correct", "correct means f1 at 0.5 in A and f1 at 0.7 in B"),
        ({}, "f2", "has no metric 'f2': it has correct, f1"),
        ({"column": "f1@2"}, "f1", "metric 'f1' has version 1 in run and 2 in run"),
        ({"column": "f1@2"}, "correct", "metric 'f1' has version 1 in run and 2 in run"),
    ],
)
def test_runs_judged_otherwise_are_refused_as_a_whole(change, metric, told):
    column = change.pop("column", "f1@1")
    second = run(table(answers(2, 4)).rename(columns={"f1@1": column}), **change)
    with pytest.raises(HarnessError, match=told):
        gate(run(answers(2, 4)), second, Rule(margin=0.05, metric=metric))


def test_mixed_versions_in_one_run_are_refused():
    both = table(answers(2, 4), **{"f1@2": 1.0})
    with pytest.raises(HarnessError, match="holds f1@1 and f1@2: run harness rescore"):
        gate(run(both), run(both), Rule(margin=0.05, metric="f1"))


@pytest.mark.parametrize("name", ["mine", "answer_words"])
def test_a_metric_without_a_direction_is_refused(name):
    frame = table(answers(2, 4), **{f"{name}@1": 1.0})
    with pytest.raises(HarnessError, match="no known direction: compare runs by one of correct, f1"):
        gate(run(frame), run(frame), Rule(margin=0.05, metric=name))


@pytest.mark.parametrize("margin", [-0.1, 1.0, float("nan")])
def test_a_margin_that_does_not_fit_is_refused(margin):
    with pytest.raises(HarnessError, match=r"--margin .* does not fit correct: give a number from 0 to below 1"):
        gate(run(answers(2, 4)), run(answers(2, 4)), Rule(margin=margin))


def test_what_may_be_under_test_is_told_and_compared():
    parts = {"prompts": {"d: concise": "1"}, "weights": {"tiny": "w", "big": "w"}, "retriever": {"bm25": "r"}}
    first = run(answers(2, 4), parts=parts)
    second = run(answers(2, 4), parts=parts | {"prompts": {"d: concise": "2"}, "weights": {"tiny": "v"}})
    assert gate(first, second, RULE).changed == ("prompts changed: d: concise", "weights changed: tiny")


def test_unknown_data_is_told():
    assert "hashes were not compared" in changes(run(answers(2, 4)), run(answers(2, 4), data={}))[0]


def test_the_metrics_of_a_run_are_named_without_versions():
    assert metric_names(run(table(answers(1, 2), **{"exact_match@3": 1.0}))) == ("exact_match", "f1")


def test_the_order_of_the_rows_does_not_matter():
    first, second = planted(truth(0.6, 0.5, models=2, clusters=40, icc=0.2), 3)
    mixed = replace(second, cases=second.cases.sample(frac=1, random_state=1))
    names = [{cell.model: cell.worse.p for cell in gate(first, run, RULE).cells} for run in (second, mixed)]
    assert names[0] == pytest.approx(names[1])


@pytest.mark.slow
@pytest.mark.parametrize("changed", [{}, {"clusters": 48, "icc": 0.2}, {"missing": Missing(error=0.03, unparsed=0.02)}])
def test_the_family_errs_no_more_often_than_its_level(changed):
    """150 seeded families of 4 cells that lose exactly the margin: two standard errors of a rate of .05 are .036."""
    wrong = {"regression": 0, "no regression": 0}
    for seed in range(FAMILIES):
        # a missing answer counts as wrong in both runs, so that .05 lost of the readable 95 % is .0475 of all
        lost = 0.05 / (0.95 if "missing" in changed else 1.0)
        found = gate(*planted(truth(0.6, 0.6 - lost, psi=0.2, models=4, **changed), seed), RULE)
        for verdict in wrong:
            wrong[verdict] += any(cell.verdict == verdict for cell in found.cells)
    assert max(wrong.values()) / FAMILIES <= 0.06 + 0.036
