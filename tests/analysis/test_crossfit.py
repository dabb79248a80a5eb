"""Laws of the cross-fitted best cell, and its bias by simulation."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.crossfit import SearchedCells, best_in_sample, cross_fit, cross_fit_scores
from harness.analysis.distributions import generator
from harness.analysis.intervals import clustered_error, mean_interval, share_interval


def cells(scores: object, clusters: list[str] | None = None) -> SearchedCells:
    data = np.asarray(scores, dtype=np.float64)
    names = tuple(f"cell{place}" for place in range(data.shape[1]))
    return SearchedCells(
        names=names, scores=data, clusters=tuple(clusters or [f"q{place}" for place in range(len(data))])
    )


tables = st.integers(2, 5).flatmap(
    lambda columns: st.lists(
        st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=columns, max_size=columns), min_size=8, max_size=30
    )
)


def brute_force(table: SearchedCells, seed: int) -> float:
    """The definition, question by question, over the same dealt folds."""
    names = sorted(set(table.clusters))
    folds, total = min(5, len(names)), 0.0
    for fold_seed in range(20):
        order = generator(seed, "cross-fit folds", str(fold_seed)).permutation(len(names))
        fold_of = {names[cluster]: place % folds for place, cluster in enumerate(order)}
        mine = [fold_of[name] for name in table.clusters]
        for row, fold in enumerate(mine):
            rest = table.scores[[other != fold for other in mine]]
            total += table.scores[row, int(np.argmax(np.round(rest.mean(axis=0), 10)))]
    return total / 20 / len(table.clusters)


@given(tables, st.integers(2, 9))
def test_the_estimate_is_the_definition(scores: list[list[float]], clusters: int) -> None:
    table = cells(scores, [f"c{place % clusters}" for place in range(len(scores))])
    assert cross_fit(table, seed=3).estimate.estimate == pytest.approx(brute_force(table, 3), abs=1e-12)


@given(tables, st.randoms(use_true_random=False))
def test_the_order_of_questions_changes_nothing(scores: list[list[float]], random: Random) -> None:
    names = [f"c{place % 7}" for place in range(len(scores))]
    rows = list(zip(scores, names, strict=True))
    random.shuffle(rows)
    before = cross_fit(cells(scores, names), seed=1)
    after = cross_fit(cells([row for row, _ in rows], [name for _, name in rows]), seed=1)
    assert after.estimate.estimate == pytest.approx(before.estimate.estimate, abs=1e-12)
    assert after.chosen == before.chosen


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(1, 6))
def test_one_cell_is_the_plain_mean(scores: list[float], clusters: int) -> None:
    names = [f"c{place % clusters}" for place in range(len(scores))]
    found = cross_fit(cells([[score] for score in scores], names), seed=1)
    plain = (share_interval if set(scores) <= {0.0, 1.0} else mean_interval)(scores, names)
    assert found.estimate == plain
    assert (found.folds, found.fold_seeds, found.optimism) == (1, 1, pytest.approx(0, abs=1e-12))


@given(tables)
def test_the_estimate_never_exceeds_the_best_question_by_question(scores: list[list[float]]) -> None:
    found = cross_fit(cells(scores), seed=1)
    assert found.estimate.estimate <= np.max(scores, axis=1).mean() + 1e-12
    assert sum(share for _, share in found.chosen) == pytest.approx(1)


@given(tables)
def test_copies_of_one_cell_score_as_that_cell(scores: list[list[float]]) -> None:
    copies = np.repeat(np.asarray(scores)[:, :1], 4, axis=1)
    found = cross_fit(cells(copies), seed=1)
    assert found.optimism == pytest.approx(0, abs=1e-12)
    assert found.chosen == (("cell0", 1.0), ("cell1", 0.0), ("cell2", 0.0), ("cell3", 0.0))


def test_ties_up_to_rounding_go_to_the_first_cell() -> None:
    table = cells([[0.3, 0.1 + 0.2]] * 12)
    assert cross_fit(table, seed=1).best_in_sample == "cell0"
    assert best_in_sample(table) == 0


def test_a_clearly_better_cell_is_always_chosen() -> None:
    rng = np.random.default_rng(1)
    scores = np.column_stack([rng.random(50) * 0.1, rng.random(50) * 0.1 + 0.8])
    found = cross_fit(cells(scores), seed=1)
    assert found.chosen == (("cell0", 0.0), ("cell1", 1.0))
    assert found.estimate.estimate == pytest.approx(scores[:, 1].mean())


def test_another_seed_deals_other_folds() -> None:
    table = cells(np.random.default_rng(0).random((30, 6)))
    assert cross_fit(table, seed=1).estimate != cross_fit(table, seed=2).estimate
    assert cross_fit(table, seed=1) == cross_fit(table, seed=1)


def test_incomplete_questions_are_dropped_and_counted() -> None:
    scores = np.random.default_rng(0).random((20, 3))
    holed = np.vstack([scores, [[np.nan, 1.0, 1.0], [np.inf, 0.0, 0.0]]])
    names = [f"q{place}" for place in range(22)]
    found = cross_fit(cells(holed, names), seed=1)
    assert (found.n, found.dropped) == (20, 2)
    assert found.estimate == cross_fit(cells(scores, names[:20]), seed=1).estimate


def test_all_missing_has_a_reason() -> None:
    found = cross_fit(cells(np.full((4, 2), np.nan)), seed=1)
    assert (found.estimate, found.optimism, found.n, found.dropped) == (None, None, 0, 4)
    assert found.reason == "no question is scored in every searched cell"


def test_no_questions_have_a_reason() -> None:
    assert cross_fit(SearchedCells(names=("a",), scores=np.zeros((0, 1)), clusters=()), seed=1).reason is not None


def test_one_cluster_has_nothing_to_choose_on() -> None:
    found = cross_fit(cells([[1, 0], [0, 1]], ["a", "a"]), seed=1)
    assert found.estimate is None
    assert found.reason == "all 2 questions are in one cluster: none is left to choose on"


def test_fewer_clusters_than_folds_give_as_many_folds() -> None:
    assert cross_fit(cells([[1, 0], [0, 1], [1, 1]], ["a", "b", "c"]), seed=1).folds == 3


@pytest.mark.parametrize(
    "table",
    [
        SearchedCells(names=(), scores=np.zeros((2, 0)), clusters=("a", "b")),
        SearchedCells(names=("a",), scores=np.zeros((2, 1)), clusters=("a",)),
        SearchedCells(names=("a",), scores=np.zeros(2), clusters=("a", "b")),
    ],
)
def test_shapes_that_differ_are_refused(table: SearchedCells) -> None:
    with pytest.raises(ValueError, match="shape"):
        cross_fit(table, seed=1)


def test_scores_by_question_refuse_holes_and_single_clusters() -> None:
    with pytest.raises(ValueError, match="lack a score"):
        cross_fit_scores(cells([[np.nan, 1.0], [0.0, 1.0]]), seed=1)
    with pytest.raises(ValueError, match="at least 2 clusters"):
        cross_fit_scores(cells([[1, 0], [0, 1]], ["a", "a"]), seed=1)
    with pytest.raises(ValueError, match="no question"):
        best_in_sample(cells([[np.nan]]))


@pytest.mark.parametrize(("searched", "optimism"), [(4, 0.023), (8, 0.032), (16, 0.039), (32, 0.046)])
def test_equal_cells_leave_no_bias_where_the_maximum_has_points_of_it(searched: int, optimism: float) -> None:
    """150 replications, sd .375, n 282: standard errors of at most .0019 (cross-fit) and .0013 (maximum), times 3."""
    rng = np.random.default_rng(searched)
    found = [cross_fit(cells(rng.normal(0.5, 0.375, (282, searched))), seed=1) for _ in range(150)]
    assert np.mean([one.estimate.estimate for one in found]) == pytest.approx(0.5, abs=0.0057)
    assert np.mean([one.in_sample_maximum for one in found]) - 0.5 == pytest.approx(optimism, abs=0.004)


@pytest.mark.slow
@pytest.mark.parametrize("shared", [0.0, 0.5])
@pytest.mark.parametrize(("best", "least"), [(0.2, 0.92), (0.03, 0.92), (0.0, 0.90)])
def test_the_interval_covers_the_mean_of_the_chosen_cells(best: float, least: float, shared: float) -> None:
    """400 replications of 8 cells over 40 clusters of 5, one better by `best`; nominal .95, standard error .011.

    Cells that are all equal and independent are the worst case: simulated .94 where cells share nothing of a question,
    and .95 where there is a better one.
    """
    rng = np.random.default_rng(9)
    names = [str(place // 5) for place in range(200)]
    effects = np.array([0.0] * 7 + [best])
    covered = 0
    for _ in range(400):
        common = rng.normal(0, 0.3 * np.sqrt(shared), (200, 1))
        found = cross_fit(cells(rng.normal(0.5, 0.3 * np.sqrt(1 - shared), (200, 8)) + common + effects, names), seed=1)
        truth = 0.5 + best * found.chosen[-1][1]
        covered += found.estimate.low <= truth <= found.estimate.high
    assert least <= covered / 400 <= 0.985


def test_the_variance_is_the_mean_over_fold_seeds_and_their_spread() -> None:
    names = [f"c{place % 6}" for place in range(30)]
    table = cells(np.random.default_rng(0).random((30, 4)), names)
    rows = cross_fit_scores(table, seed=1)
    variances = [clustered_error(row, names).se ** 2 for row in rows]
    found = cross_fit(table, seed=1).estimate
    assert rows.shape == (20, 30)
    assert found.se == pytest.approx(np.sqrt(np.mean(variances) + np.var(rows.mean(axis=1))))
    assert (found.low + found.high) / 2 == pytest.approx(rows.mean())


def test_scores_that_do_not_spread_have_no_interval() -> None:
    found = cross_fit(cells(np.full((12, 3), 0.5)), seed=1).estimate
    assert (found.estimate, found.low, found.refused) == (0.5, None, "the 12 values do not spread")
