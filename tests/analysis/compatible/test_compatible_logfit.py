"""The line over log size: scipy's numbers, its laws, and what it refuses."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import linregress

from harness.analysis.compatible.logfit import ln_fit, log10_fit

sizes = st.floats(min_value=0.1, max_value=1000)
points = st.lists(st.tuples(sizes, st.floats(min_value=-1, max_value=1)), min_size=3, max_size=10)


def apart(found: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    x = [size for size, _ in found]
    assume(max(x) > 1.01 * min(x))
    return x, [value for _, value in found]


@given(points)
def test_the_slope_is_the_covariance_over_the_variance(found) -> None:
    x, y = apart(found)
    log = np.log10(x) - np.mean(np.log10(x))
    assert log10_fit(x, y).slope == pytest.approx(float(log @ np.array(y) / (log @ log)), rel=1e-6, abs=1e-9)


def test_every_number_is_that_of_linregress() -> None:
    x, y = [1.5, 3.0, 7.0, 13.0], [0.2, 0.5, 0.4, 0.7]
    found, expected = log10_fit(x, y), linregress(np.log10(x), y)
    numbers = (found.slope, found.intercept, found.r_squared, found.p, found.stderr)
    assert numbers == pytest.approx(
        (expected.slope, expected.intercept, expected.rvalue**2, expected.pvalue, expected.stderr)
    )


@given(points)
def test_sizes_in_millions_give_the_same_slope(found) -> None:
    x, y = apart(found)
    assert log10_fit([1000 * size for size in x], y).slope == pytest.approx(log10_fit(x, y).slope, rel=1e-6, abs=1e-9)


@given(points)
def test_a_natural_slope_is_a_decimal_one_over_ln_10(found) -> None:
    x, y = apart(found)
    assert ln_fit(x, y).slope == pytest.approx(log10_fit(x, y).slope / np.log(10), rel=1e-6, abs=1e-9)


@given(st.lists(sizes, min_size=3, max_size=8, unique=True), st.floats(-1, 1), st.floats(-1, 1))
def test_a_noiseless_line_comes_back(x, slope, intercept) -> None:
    assume(max(x) > 1.1 * min(x))
    found = log10_fit(x, intercept + slope * np.log10(x))
    assert (found.slope, found.intercept) == pytest.approx((slope, intercept), abs=1e-7)


@pytest.mark.parametrize("size", [None, float("nan"), float("inf"), -1.0, 0.0, "big"])
def test_a_model_without_a_usable_size_is_left_out_and_counted(size) -> None:
    found = log10_fit([1.0, 2.0, 4.0, size], [0.1, 0.2, 0.3, 9.0])
    assert (found.models, found.left_out, found.slope) == (3, 1, pytest.approx(0.1 / np.log10(2)))


@pytest.mark.parametrize(
    ("x", "y", "reason"),
    [
        ([], [], "a fit needs at least 3 models, here 0"),
        ([1.0, 2.0], [0.1, 0.2], "a fit needs at least 3 models, here 2"),
        ([1.0, 2.0, 3.0], [0.1, float("nan"), 0.2], "a fit needs at least 3 models, here 2"),
        ([2.0, 2.0, 2.0], [0.1, 0.2, 0.3], "all 3 models are of one size"),
        ([1.0, 2.0, 3.0], [1.7e308, -1.7e308, 1e308], "3 models too close in size or too far apart in value for a fit"),
    ],
)
def test_no_fit_has_a_reason(x, y, reason) -> None:
    found = log10_fit(x, y)
    assert (found.slope, found.p, found.reason) == (None, None, reason)


def test_two_points_have_a_slope_but_no_test() -> None:
    found = ln_fit([1.0, np.e], [0.0, 2.0])
    assert (found.slope, found.stderr, found.p) == (pytest.approx(2.0), None, None)


def test_equal_values_have_slope_0() -> None:
    found = log10_fit([1.0, 2.0, 3.0], [0.5, 0.5, 0.5])
    assert (found.slope, found.intercept, found.stderr, found.r_squared, found.p) == (0, 0.5, 0, None, None)


def test_lengths_that_differ_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="2 sizes for values of shape"):
        log10_fit([1.0, 2.0], [0.1])
