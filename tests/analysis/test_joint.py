"""The joint covariance of several means against the errors of one mean and the sample covariance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.intervals import clustered_error
from harness.analysis.joint import joint_means

seeds = st.integers(0, 10_000)


def table(seed: int) -> tuple[np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    return rng.random((40, 3)), [f"c{name}" for name in rng.integers(0, 9, 40)]


@given(seeds)
def test_the_variance_of_a_contrast_is_that_of_the_contrasted_scores(seed: int) -> None:
    scores, names = table(seed)
    weights = np.array([1.0, -2.0, 0.5])
    found = joint_means(scores, names)
    expected = clustered_error(scores @ weights, names)
    assert weights @ found.covariance @ weights == pytest.approx(expected.se**2)
    assert (found.df, found.clusters) == (pytest.approx(expected.df), expected.clusters)


def test_single_questions_give_the_sample_covariance() -> None:
    scores, _ = table(1)
    found = joint_means(scores, [str(place) for place in range(40)])
    np.testing.assert_allclose(found.covariance, np.cov(scores.T) / 40)
    np.testing.assert_allclose(found.means, scores.mean(axis=0))


@given(st.integers(0, 1000))
def test_of_several_draws_the_covariances_are_averaged_and_the_spread_of_their_means_is_added(seed: int) -> None:
    drawn = np.random.default_rng(seed).normal(0, 1, (4, 20, 2))
    names = [f"c{place % 7}" for place in range(20)]
    found, each = joint_means(drawn, names), [joint_means(rows, names) for rows in drawn]
    means = np.array([one.means for one in each])
    expected = np.mean([one.covariance for one in each], axis=0) + np.cov(means.T, ddof=0)
    assert found.means == pytest.approx(means.mean(axis=0))
    assert found.covariance == pytest.approx(expected)


def test_incomplete_rows_are_dropped_and_counted() -> None:
    scores, names = table(2)
    holed = np.vstack([scores, [[np.nan, 0, 0], [0, np.inf, 0]]])
    found = joint_means(holed, [*names, "new", "other"])
    assert (found.n, found.dropped) == (40, 2)
    np.testing.assert_allclose(found.covariance, joint_means(scores, names).covariance)


@pytest.mark.parametrize("shape", [(4,), (4, 0), (3, 2)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="questions, columns"):
        joint_means(np.zeros(shape), ["a", "b", "c", "d"])


def test_one_cluster_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 clusters"):
        joint_means(np.zeros((3, 2)), ["a", "a", "a"])
