"""Questions by arms: the mean over repeats, by another route."""

import numpy as np
import pytest

from harness.analysis.question_table import case_scores, question_table
from harness.analysis.simulate import Missing, PlantedModel, Truth, simulate

MODEL = PlantedModel(name="m", params_b=1.0, accuracy={"direct": 0.5, "rag": 0.7})


@pytest.fixture
def cases():
    missing = Missing(error=0.2, unparsed=0.1)
    return simulate(Truth(models=(MODEL,), questions=40, clusters=7, repeats=3, missing=missing), 1)


def test_a_score_is_the_mean_over_the_answered_repeats(cases) -> None:
    table = question_table(cases, "condition")
    for place in range(40):
        rows = cases[(cases["question_id"] == f"q{place:07d}") & (cases["condition"] == "rag")]
        told = [outcome == "correct" for outcome in rows["outcome"] if outcome != "error"]
        assert table.arm("rag")[place] == pytest.approx(np.mean(told) if told else np.nan, nan_ok=True)


def test_rows_in_another_order_give_the_same_table(cases) -> None:
    there, back = question_table(cases, "condition"), question_table(cases[::-1], "condition")
    assert there.clusters == back.clusters
    np.testing.assert_array_equal(there.arm("direct"), back.arm("direct"))


def test_an_arm_without_scores_is_there_and_empty(cases) -> None:
    cases.loc[cases["condition"] == "rag", "primary"] = np.inf
    table = question_table(cases, "condition", "primary")
    assert table.arms == ("direct", "rag")
    assert np.isnan(table.arm("rag")).all()


def test_no_rows_give_an_empty_table(cases) -> None:
    table = question_table(cases[:0], "condition")
    assert (table.arms, table.clusters, table.scores.size) == ((), (), 0)
    assert len(case_scores(cases[:0])) == 0


def test_an_unknown_arm_is_refused(cases) -> None:
    with pytest.raises(ValueError, match="gold"):
        question_table(cases, "condition").arm("gold")
