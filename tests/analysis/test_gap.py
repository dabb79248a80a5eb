"""The gap between confidence and competence: its law, its planted value, and what is left out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.gap import confidence_gap, confidences, size_points
from harness.analysis.simulate import Missing, PlantedModel, Truth, simulate

rows = st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.integers(0, 5)), min_size=1, max_size=40)


def planted(seed: int = 1, *, gap: float = 0.1, **more: object):
    model = PlantedModel(name="m", params_b=2.0, accuracy={"direct": 0.6, "rag": 0.7}, gap=gap, loss_nll=1.5)
    options = {"questions": 200, "clusters": 40, "icc": 0.2, "shared": 0.6, "tasks": ("a", "b"), **more}
    return simulate(Truth(models=(model,), **options), seed)


@given(rows)
def test_the_gap_changes_sign_when_both_are_turned_round(drawn: list) -> None:
    stated, right, clusters = (np.array(column) for column in zip(*drawn, strict=True))
    names = [str(name) for name in clusters]
    there = confidence_gap(stated, right.astype(float), names)
    back = confidence_gap(1 - stated, 1 - right.astype(float), names)
    assert there.gap.estimate == pytest.approx(-back.gap.estimate, abs=1e-12)
    if there.gap.low is not None and back.gap.high is not None:
        assert there.gap.low == pytest.approx(-back.gap.high, abs=1e-9)


@given(rows.filter(lambda drawn: len({cluster for _, _, cluster in drawn}) > 1))
def test_asking_every_question_twice_in_its_cluster_leaves_the_error(drawn: list) -> None:
    once = confidence_gap(*zip(*[(a, b) for a, b, _ in drawn], strict=True), [f"{name}" for *_, name in drawn])
    twice = confidence_gap(*zip(*[(a, b) for a, b, _ in 2 * drawn], strict=True), [f"{name}" for *_, name in 2 * drawn])
    assert once.gap.se == pytest.approx(twice.gap.se, abs=1e-9)


@given(rows)
def test_the_gap_is_mean_confidence_less_the_share_right(drawn: list) -> None:
    stated, right, _ = (np.array(column) for column in zip(*drawn, strict=True))
    found = confidence_gap(stated, right)
    assert found.gap.estimate == pytest.approx(found.mean_confidence - found.share_correct, abs=1e-12)
    assert (found.n, found.distinct) == (len(drawn), len(set(stated)))


def test_what_is_no_confidence_is_left_out_and_counted() -> None:
    found = confidence_gap([0.5, np.nan, 1.5, 0.9, 0.7], [1, 1, 0, 0, np.nan], ["a", "a", "b", "b", "c"])
    assert (found.n, found.left_out, found.distinct) == (2, 2, 2)


def test_without_confidences_there_is_no_gap() -> None:
    found = confidence_gap([np.nan, np.nan], [1, 0])
    assert (found.gap, found.left_out, found.refused) == (None, 2, "none of 2 answers has a confidence")


def test_confidences_and_outcomes_come_in_pairs() -> None:
    with pytest.raises(ValueError, match="1 confidences for 2 outcomes"):
        confidence_gap([0.5], [1, 0])


@pytest.mark.slow
@pytest.mark.parametrize("gap", [0.15, -0.2])
def test_a_planted_gap_is_covered_at_its_nominal_rate(gap: float) -> None:
    """400 replications of 200 questions in 40 clusters, ICC .2: coverage .95 within 3 standard errors, .033."""
    hits = []
    for seed in range(400):
        model = PlantedModel(name="m", params_b=1.0, accuracy={"direct": 0.6}, gap=gap)
        cases = simulate(Truth(models=(model,), questions=200, clusters=40, icc=0.2, shared=0.2), seed)
        right = (cases["outcome"] == "correct").to_numpy(dtype=float)
        found = confidence_gap(cases["confidence"], right, cases["cluster"].tolist()).gap
        hits.append(found.low <= gap <= found.high)
    assert abs(np.mean(hits) - 0.95) < 0.033


def test_each_cell_tells_its_gap_and_calibration() -> None:
    cells = confidences(planted(missing=Missing(unparsed=0.1, error=0.1)))
    assert [cell.cell for cell in cells] == ["m-direct", "m-rag"]
    for cell in cells:
        assert cell.gap.left_out > 0
        assert cell.gap.n == cell.ranking.right + cell.ranking.wrong == cell.brier.n == cell.error.n == cell.test.n
        assert (cell.source, cell.task, cell.params_b) == ("planted", None, 2.0)


def test_each_task_tells_its_own() -> None:
    found = confidences(planted(), by_task=True)
    assert [(cell.condition, cell.task) for cell in found] == [
        ("direct", "a"),
        ("direct", "b"),
        ("rag", "a"),
        ("rag", "b"),
    ]


def test_sources_of_confidence_are_not_mixed() -> None:
    cases = planted()
    cases.loc[cases.index % 2 == 0, "confidence_source"] = "stated"
    assert [(cell.condition, cell.source, cell.gap.n) for cell in confidences(cases)] == [
        ("direct", "stated", 100),
        ("direct", "planted", 100),
        ("rag", "stated", 100),
        ("rag", "planted", 100),
    ]


def test_a_cell_without_confidences_says_so() -> None:
    cases = planted()
    cases["confidence"], cases["confidence_source"] = np.nan, None
    (first, _) = confidences(cases)
    assert (first.source, first.brier, first.gap.refused) == (None, None, "none of 200 answers has a confidence")


def test_few_distinct_confidences_are_their_own_groups() -> None:
    cases = planted()
    cases["confidence"] = cases["confidence"].round(1)
    assert all(cell.brier.groups == cell.gap.distinct for cell in confidences(cases))
    assert all(cell.brier.within == 0 for cell in confidences(cases))


def test_points_by_size_hold_accuracy_gap_and_loss() -> None:
    cases = planted(repeats=2, repeat_noise=0.2)
    points = size_points(cases)
    assert [(point.quantity, point.condition) for point in points][:3] == [
        ("accuracy", "direct"),
        ("gap", "direct"),
        ("loss", "direct"),
    ]
    accuracy, gap, _ = points[:3]
    direct = cases[cases["condition"] == "direct"]
    assert accuracy.mean.estimate == pytest.approx((direct["outcome"] == "correct").mean())
    assert gap.mean.estimate == pytest.approx(direct["confidence"].mean() - accuracy.mean.estimate)
    assert accuracy.mean.n == 200


def test_points_by_task_and_without_values() -> None:
    cases = planted()
    cases["loss_nll"] = np.nan
    points = size_points(cases, by_task=True)
    assert len(points) == 12
    assert [point.refused for point in points if point.quantity == "loss"] == ["none of 100 questions has a value"] * 4
    assert {point.task for point in points} == {"a", "b"}


def test_no_cases_give_nothing() -> None:
    assert confidences(planted()[:0]) == ()
    assert size_points(planted()[:0]) == ()
