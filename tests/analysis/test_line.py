"""Lines through few models against numpy, scipy, numeric maxima of the likelihood, and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from harness.analysis.line import coefficient, mixed_line, ordinary_line, reml_variance

seeds = st.integers(0, 10_000)


def data(seed: int, models: int = 7) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = np.sort(rng.normal(0, 1, models))
    root = rng.normal(0, 0.4, (models, models))
    return 1 + 2 * x + rng.normal(0, 0.5, models), np.column_stack([np.ones(models), x - x.mean()]), root @ root.T


def restricted_loss(tau2: float, y: np.ndarray, design: np.ndarray, sampling: np.ndarray) -> float:
    """Minus twice the restricted log-likelihood by the textbook determinants."""
    total = sampling + tau2 * np.eye(len(y))
    inverse = np.linalg.inv(total)
    information = design.T @ inverse @ design
    residual = y - design @ np.linalg.solve(information, design.T @ inverse @ y)
    return np.linalg.slogdet(total)[1] + np.linalg.slogdet(information)[1] + residual @ inverse @ residual


@given(seeds)
def test_least_squares_is_scipys(seed: int) -> None:
    y, design, _ = data(seed)
    line, expected = ordinary_line(y, design), stats.linregress(design[:, 1], y)
    slope = coefficient(line, 1, level=0.95, scale=1.0)
    assert (slope.estimate, slope.se) == (pytest.approx(expected.slope), pytest.approx(expected.stderr))
    assert slope.high - slope.estimate == pytest.approx(stats.t.ppf(0.975, 5) * expected.stderr)
    np.testing.assert_allclose(line.weights @ y, line.coefficients)


@given(seeds)
def test_reml_finds_the_most_likely_variance(seed: int) -> None:
    y, design, sampling = data(seed)
    found = mixed_line(y, design, sampling)
    losses = [restricted_loss(tau2, y, design, sampling + 1e-12 * np.eye(7)) for tau2 in np.geomspace(1e-6, 10, 200)]
    assert restricted_loss(found.scatter, y, design, sampling + 1e-12 * np.eye(7)) <= min(losses) + 1e-6


@given(seeds)
def test_the_coefficients_are_those_of_generalised_least_squares(seed: int) -> None:
    y, design, sampling = data(seed)
    found = mixed_line(y, design, sampling + 0.01 * np.eye(7))
    inverse = np.linalg.inv(sampling + (0.01 + found.scatter) * np.eye(7))
    information = design.T @ inverse @ design
    expected = np.linalg.solve(information, design.T @ inverse @ y)
    residual = y - design @ expected
    np.testing.assert_allclose(found.coefficients, expected, rtol=1e-6)
    np.testing.assert_allclose(
        found.covariance, residual @ inverse @ residual / 5 * np.linalg.inv(information), rtol=1e-6, atol=1e-12
    )


@given(seeds, st.floats(0, 0.9))
def test_equal_sampling_variances_give_least_squares(seed: int, part: float) -> None:
    """With s^2 the residual variance and v <= s^2 the same for all, tau^2 = s^2 - v and the errors agree."""
    y, design, _ = data(seed)
    plain = ordinary_line(y, design)
    found = mixed_line(y, design, part * plain.scatter * np.eye(7))
    assert found.scatter == pytest.approx((1 - part) * plain.scatter, rel=1e-5)
    np.testing.assert_allclose(found.covariance, plain.covariance, rtol=1e-5, atol=1e-12)


@given(seeds)
def test_noise_shared_by_all_models_moves_no_slope(seed: int) -> None:
    y, design, sampling = data(seed)
    shared = mixed_line(y, design, sampling + 3.0)
    assert shared.coefficients[1] == pytest.approx(mixed_line(y, design, sampling).coefficients[1], abs=1e-6)


def test_sampling_alone_explains_a_small_spread() -> None:
    assert reml_variance(np.array([0.1, -0.1]), np.eye(2)) == 0.0


def test_a_singular_sampling_covariance_is_no_obstacle() -> None:
    y, design, _ = data(5)
    found = mixed_line(y, design, np.ones((7, 7)))
    np.testing.assert_allclose(found.coefficients, ordinary_line(y, design).coefficients)


def test_an_exact_line_has_no_scatter_and_no_interval() -> None:
    _, design, _ = data(5)
    for line in (ordinary_line(design @ [1.0, 2.0], design), mixed_line(design @ [1.0, 2.0], design, np.zeros((7, 7)))):
        slope = coefficient(line, 1, level=0.95, scale=5.0)
        assert slope.estimate == pytest.approx(2.0, abs=1e-12)
        assert (slope.se, slope.low, slope.high) == (0.0, None, None)
        assert "exactly on the line" in slope.refused


def test_two_points_leave_no_degrees_of_freedom() -> None:
    slope = coefficient(ordinary_line(np.array([1.0, 2.0]), np.array([[1.0, -1], [1, 1]])), 1, level=0.9, scale=2.0)
    assert (slope.estimate, slope.se, slope.df) == (pytest.approx(0.5), None, None)
    assert "no degrees of freedom" in slope.refused


def test_the_best_of_several_maxima_is_found() -> None:
    """One contrast known well and far off, many known badly: the likelihood has a maximum near each."""
    values, z = np.array([1e-6, 4.0, 4.0, 4.0, 4.0]), np.array([0.001, 3.5, 3.5, 3.5, 3.5])

    def loss(tau2: float) -> float:
        return float(np.sum(np.log(values + tau2) + z**2 / (values + tau2)))

    least = min(optimize.minimize_scalar(loss, bounds=(0, top), method="bounded").fun for top in (1e-4, 1.0, 20.0))
    assert loss(reml_variance(z, np.diag(values))) <= least + 1e-4


@pytest.mark.parametrize("models", [4, 5, 7])
def test_the_knapp_hartung_interval_covers_the_slope(models: int) -> None:
    """600 replications with unequal, correlated sampling errors and scatter .3; tolerance 3 standard errors, .027."""
    rng = np.random.default_rng(models)
    x = np.linspace(-1, 1, models)
    design = np.column_stack([np.ones(models), x])
    sampling = 0.02 + np.diag(np.linspace(0.02, 0.1, models))
    covered = 0
    for _ in range(600):
        y = 1 + 0.8 * x + rng.normal(0, 0.3, models) + rng.multivariate_normal(np.zeros(models), sampling)
        slope = coefficient(mixed_line(y, design, sampling), 1, level=0.95, scale=1.0)
        covered += slope.low <= 0.8 <= slope.high
    assert covered / 600 == pytest.approx(0.95, abs=0.027)
