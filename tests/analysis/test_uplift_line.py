"""Uplift against size: planted slopes, shared questions, coverage, and what is refused."""

from math import log10

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.model_sizes import ModelSize
from harness.analysis.uplift_line import UpliftLine, uplift_by_size

SIZES = (0.5, 1.5, 4.0, 12.0, 30.0)


def models(sizes: tuple[float | None, ...] = SIZES) -> list[ModelSize]:
    return [ModelSize(model=f"m{place}", params_b=size) for place, size in enumerate(sizes)]


def planted(rng: np.random.Generator, scatter: float = 0.0, n: int = 120) -> tuple[np.ndarray, list[str]]:
    """Uplift .2 - .1 per tenfold size, with noise of clusters of 4 that all models share in part."""
    means = np.array([0.2 - 0.1 * log10(size) for size in SIZES]) + rng.normal(0, scatter, len(SIZES))
    shared = np.repeat(rng.normal(0, 0.3, (n // 4, 1)), 4, axis=0)
    return means + shared + rng.normal(0, 0.4, (n, len(SIZES))), [f"c{place // 4}" for place in range(n)]


@given(st.integers(0, 500), st.floats(-0.3, 0.3))
def test_noise_that_all_models_share_leaves_the_slope_exact(seed: int, slope: float) -> None:
    noise = np.random.default_rng(seed).normal(0, 1, (40, 1))
    uplifts = np.array([slope * log10(size) for size in SIZES]) + noise
    found = uplift_by_size(models(), uplifts, [f"q{place}" for place in range(40)])
    assert found.slope.estimate == pytest.approx(slope, abs=1e-9)


@given(st.integers(0, 500))
def test_the_order_of_questions_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    uplifts, names = planted(rng)
    order = rng.permutation(len(names))
    before = uplift_by_size(models(), uplifts, names).slope
    after = uplift_by_size(models(), uplifts[order], [names[place] for place in order]).slope
    assert (after.low, after.high) == pytest.approx((before.low, before.high), rel=1e-4, abs=1e-6)


@given(st.integers(0, 500))
def test_the_unit_of_the_size_changes_no_slope(seed: int) -> None:
    uplifts, names = planted(np.random.default_rng(seed))
    before = uplift_by_size(models(), uplifts, names)
    after = uplift_by_size(models(tuple(1000 * size for size in SIZES)), uplifts, names)
    assert after.slope.estimate == pytest.approx(before.slope.estimate, rel=1e-6)
    assert (after.slope.low, after.slope.high) == pytest.approx(
        (before.slope.low, before.slope.high), rel=1e-4, abs=1e-6
    )
    assert after.centre == pytest.approx(before.centre + 3)


@pytest.mark.parametrize("scatter", [0.0, 0.1])
def test_the_interval_covers_the_slope(scatter: float) -> None:
    """500 replications over 30 clusters; nominal .95, tolerance 3 standard errors, .03."""
    rng = np.random.default_rng(7)
    found = [uplift_by_size(models(), *planted(rng, scatter)).slope for _ in range(500)]
    assert np.mean([one.low <= -0.1 <= one.high for one in found]) == pytest.approx(0.95, abs=0.03)
    assert np.mean([one.estimate for one in found]) == pytest.approx(-0.1, abs=0.02)


def test_what_was_fitted_is_told() -> None:
    uplifts, names = planted(np.random.default_rng(1))
    uplifts[3, 2] = np.nan
    found = uplift_by_size(models(), uplifts, names)
    assert (found.n, found.clusters, found.dropped) == (119, 30, 1)
    assert found.uplifts == pytest.approx(tuple(np.delete(uplifts, 3, axis=0).mean(axis=0)))
    assert found.centre == pytest.approx(np.mean(np.log10(SIZES)))
    assert found.leave_one_out[0] <= found.slope.estimate <= found.leave_one_out[1]
    assert found.spans_zero == (found.slope.low <= 0 <= found.slope.high)


def test_a_model_without_a_size_is_left_out_and_its_column_not_needed() -> None:
    uplifts, names = planted(np.random.default_rng(1))
    uplifts[:, 0] = np.nan
    found = uplift_by_size(models((None, *SIZES[1:])), uplifts, names)
    assert (found.models, found.left_out) == (("m1", "m2", "m3", "m4"), (("m0", "its size is not known"),))
    assert found.n == 120


def refused(found: UpliftLine) -> str:
    assert (found.slope, found.at_centre, found.n) == (None, None, 0)
    return found.reason


def test_without_two_sizes_there_is_no_line() -> None:
    uplifts, names = planted(np.random.default_rng(1))
    assert "same size" in refused(uplift_by_size(models((1.0,) * 5), uplifts, names))
    assert "at least 2 models" in refused(uplift_by_size([], np.zeros((2, 0)), ["a", "b"]))


def test_uplifts_that_are_all_missing_have_a_reason() -> None:
    assert "0 clusters" in refused(uplift_by_size(models(), np.full((4, 5), np.nan), list("abcd")))


def test_two_models_give_no_interval() -> None:
    uplifts, names = planted(np.random.default_rng(1))
    found = uplift_by_size(models()[:2], uplifts[:, :2], names)
    assert found.slope.refused == "an interval needs at least 3 models, here 2"
    assert (found.tau, found.spans_zero) == (None, None)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="4 questions and 5 models"):
        uplift_by_size(models(), np.zeros((4, 3)), list("abcd"))
