"""The margin verdict under every rule of picking cells."""

import numpy as np
import pytest

from harness.analysis.crossfit import SearchedCells, averaged_interval, cross_fit_scores
from harness.analysis.margin import margin_verdict
from harness.analysis.margin_sensitivity import margin_sensitivity
from harness.analysis.power import PairedDesign, noninferiority_power


def arm(scores: object, clusters: list[str] | None = None) -> SearchedCells:
    data = np.asarray(scores, dtype=np.float64)
    names = tuple(clusters or [f"q{place}" for place in range(len(data))])
    return SearchedCells(names=tuple("abcdefgh"[: data.shape[1]]), scores=data, clusters=names)


def test_nine_rows_each_the_verdict_on_the_scores_of_its_rules() -> None:
    rng = np.random.default_rng(2)
    small, large = arm(rng.random((60, 4))), arm(rng.random((60, 2)))
    rows = {(row.rule_a, row.rule_b): row for row in margin_sensitivity(small, large, margin=0.1, seed=5)}
    fitted = averaged_interval(
        cross_fit_scores(small, seed=5) - cross_fit_scores(large, seed=5), small.clusters, level=0.9
    )
    best = small.scores[:, small.scores.mean(axis=0).argmax()]
    assert len(rows) == 9
    assert rows["cross-fit", "cross-fit"].verdict.inner == fitted
    assert rows["maximum", "mean"].verdict == margin_verdict(best, large.scores.mean(axis=1), margin=0.1)


def test_the_power_of_a_cross_fitted_verdict_comes_from_its_own_spread() -> None:
    rng = np.random.default_rng(2)
    small, large = arm(rng.random((60, 4))), arm(rng.random((60, 2)))
    verdict = margin_sensitivity(small, large, margin=0.1, seed=5)[-1].verdict
    rows = cross_fit_scores(small, seed=5) - cross_fit_scores(large, seed=5)
    independent = float(np.mean(rows.var(axis=1, ddof=1))) / 60
    inflated = verdict.outer.se**2 / independent
    assert inflated == pytest.approx(1 + np.var(rows.mean(axis=1)) / independent)
    design = PairedDesign(n=60, discordance=float(np.mean(rows**2)), design_effect=inflated)
    assert verdict.power.power == pytest.approx(noninferiority_power(design, margin=0.1).power)


def test_with_one_cell_on_each_side_all_rows_agree() -> None:
    rng = np.random.default_rng(3)
    small, large = (arm(rng.integers(0, 2, (40, 1))) for _ in range(2))
    verdicts = [row.verdict for row in margin_sensitivity(small, large, margin=0.1, seed=5)]
    assert verdicts == [margin_verdict(small.scores[:, 0], large.scores[:, 0], margin=0.1)] * 9


def test_questions_missing_on_either_side_are_dropped() -> None:
    small, large = arm([[1.0], [0.5], [np.nan], [0.1]]), arm([[1.0], [np.nan], [0.2], [0.3]])
    row = margin_sensitivity(small, large, margin=0.1, seed=5)[0]
    assert (row.dropped, row.verdict.outer.n) == (2, 2)


def test_nothing_in_common_has_a_reason() -> None:
    rows = margin_sensitivity(arm([[np.nan]]), arm([[1.0]]), margin=0.1, seed=5)
    assert {row.verdict for row in rows} == {None}
    assert {row.reason for row in rows} == {"no question is scored in every searched cell of both sides"}


def test_one_cluster_refuses_cross_fit_alone() -> None:
    table = arm([[1, 0], [0, 1]], ["a", "a"])
    rows = margin_sensitivity(table, table, margin=0.1, seed=5)
    assert [row.verdict is None for row in rows] == [False, False, True, False, False, True, True, True, True]


def test_sides_with_other_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="same questions"):
        margin_sensitivity(arm([[1]], ["a"]), arm([[1]], ["b"]), margin=0.1, seed=5)
