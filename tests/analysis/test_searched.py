"""What is searched per model: which cells, by the same rule for every arm, and what retrieval adds."""

import numpy as np
import pytest

from harness.analysis.crossfit import CrossFit, SearchedCells, cross_fit
from harness.analysis.intervals import Interval, mean_interval
from harness.analysis.refusals import Refused
from harness.analysis.searched import (
    difference_of,
    model_uplifts,
    search,
    search_models,
    sized,
    stacked,
    told_fit,
)
from tests.analysis.planted_scores import arm, planted_table, score_table

SIZES = {"big": 8.0, "small": 1.0, "odd": float("inf")}
MEANS = {
    ("big", "direct"): 0.6,
    ("big", "rag"): 0.7,
    ("small", "direct"): 0.3,
    ("small", "hints"): 0.4,
    ("small", "rag"): 0.5,
    ("small", "rag-2"): 0.6,
    ("odd", "direct"): 0.5,
}


def test_each_arm_is_searched_over_all_of_its_cells() -> None:
    found = search_models(planted_table(MEANS, SIZES), 1)
    assert {model: chosen.fit.searched for model, chosen in found.direct.items()} == {"big": 1, "small": 2, "odd": 1}
    assert {model: chosen.fit.searched for model, chosen in found.retrieval.items()} == {"big": 1, "small": 2}
    assert [size.model for size in found.models] == ["big", "small", "odd"]


def test_a_search_is_the_cross_fit_of_its_cells() -> None:
    table = planted_table(MEANS, SIZES)
    cells = SearchedCells(names=("small:rag", "small:rag-2"), scores=table.scores[:, 4:6], clusters=table.clusters)
    assert search_models(table, 3).retrieval["small"].fit == cross_fit(cells, seed=3)


def test_a_score_that_is_better_when_lower_is_turned_round() -> None:
    table = planted_table(MEANS, SIZES, higher_is_better=False)
    assert search(table, [4, 5], 1).fit.best_in_sample == "small:rag"
    assert search(table, [4, 5], 1).fit.in_sample_maximum == pytest.approx(-0.5)


def test_cells_with_other_weights_are_not_searched() -> None:
    arms = [arm("m", "direct", 1.0), arm("m", "rag", 1.0, adapter="x"), arm("m", "rag-2", 1.0, quantisation="4bit")]
    found = search_models(score_table(arms, np.eye(3)), 1)
    assert (list(found.direct), list(found.retrieval)) == (["m"], [])


def test_only_models_of_known_size_stand_in_a_line_smallest_first() -> None:
    found = search_models(planted_table(MEANS, SIZES), 1)
    assert [size.model for size in sized(found, retrieval=False)] == ["small", "big"]
    assert [size.model for size in sized(found, retrieval=True)] == ["small", "big"]


def test_the_uplift_of_single_cells_is_the_paired_difference() -> None:
    table = planted_table(MEANS, SIZES)
    big, small, odd = model_uplifts(search_models(table, 1), table.clusters)
    assert big.mean_uplift == big.best_uplift == mean_interval(table.scores[:, 1] - table.scores[:, 0])
    assert small.mean_uplift.estimate == pytest.approx(0.55 - 0.35)
    assert small.best_uplift.estimate == pytest.approx(0.6 - 0.4, abs=0.02)
    assert isinstance(odd.best_uplift, Refused)
    assert (odd.params_b, odd.retrieval.reason) == (None, "needs 1 retrieval cell, has 0")


def test_stacking_repeats_a_single_row_for_every_draw() -> None:
    found = stacked([np.zeros((1, 4)), np.ones((3, 4))])
    assert found.shape == (3, 4, 2)
    assert (found[..., 0] == 0).all()


def test_differences_that_cannot_be_have_a_reason() -> None:
    codes = np.array([0, 0, 0])
    assert "none of 3 questions" in difference_of(np.full((1, 3), np.nan), codes).reason
    assert "in one cluster" in difference_of(np.zeros((2, 3)), codes).reason
    assert isinstance(difference_of(np.array([[0.0, 1.0, 0.0]] * 2), np.arange(3)), Interval)


def test_a_search_without_a_common_question_tells_why() -> None:
    table = score_table([arm("m", "rag", 1.0), arm("m", "rag-2", 1.0)], [[1.0, np.nan], [np.nan, 0.0]])
    chosen = search(table, [0, 1], 1)
    assert "no question" in told_fit(chosen, "retrieval").reason
    assert np.isnan(chosen.side.rows["maximum"]).all()
    assert isinstance(told_fit(search(table, [0], 1), "retrieval"), CrossFit)


def test_one_cluster_leaves_the_maximum_and_no_cross_fit() -> None:
    arms = [arm("m", "rag", 1.0), arm("m", "rag-2", 1.0)]
    chosen = search(score_table(arms, [[0.0, 1.0], [0.0, 1.0]], clusters=np.zeros(2, dtype=np.intp)), [0, 1], 1)
    assert chosen.side.rows["maximum"].tolist() == [[1.0, 1.0]]
    assert "one cluster" in chosen.side.refused["cross-fit"]
