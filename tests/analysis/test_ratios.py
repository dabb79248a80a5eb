"""Fieller sets: the definition point by point, the laws, their coverage, and the compensation ratio."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from harness.analysis.ratios import Quotient, Ratio, RatioSet, compensation_ratio, contains, fieller_set, ratio_of

values = st.floats(-5, 5).map(lambda value: round(value, 3))
variances = st.floats(0, 4).map(lambda value: round(value, 3))
degrees = st.integers(1, 200)


@st.composite
def quotients(draw: st.DrawFn) -> Quotient:
    v_nn, v_dd = draw(variances), draw(variances)
    correlation = draw(st.floats(-0.99, 0.99))
    return Quotient(
        numerator=draw(values),
        denominator=draw(values),
        numerator_variance=v_nn,
        denominator_variance=v_dd,
        covariance=correlation * sqrt(v_nn * v_dd),
        df=draw(degrees),
    )


def excess(quotient: Quotient, ratio: float) -> float:
    """How far a ratio is from the boundary of the definition; at most 0 inside."""
    spread = quotient.numerator_variance - 2 * ratio * quotient.covariance + ratio**2 * quotient.denominator_variance
    t2 = stats.t.ppf(0.975, quotient.df) ** 2
    distance = (quotient.numerator - ratio * quotient.denominator) ** 2
    return (distance - t2 * spread) / (1e-300 + distance + t2 * spread)


@given(quotients(), st.lists(st.floats(-50, 50), min_size=20, max_size=20))
def test_the_set_is_the_definition_point_by_point(quotient: Quotient, ratios: list[float]) -> None:
    found = fieller_set(quotient)
    assume(found.kind != "undefined")
    sure = [ratio for ratio in ratios if abs(excess(quotient, ratio)) > 1e-6]
    assert [contains(found, ratio) for ratio in sure] == [excess(quotient, ratio) < 0 for ratio in sure]


@given(quotients())
def test_the_set_contains_the_point_ratio(quotient: Quotient) -> None:
    ratio = ratio_of(quotient)
    assume(ratio is not None)
    assert contains(fieller_set(quotient), ratio)


@given(quotients())
def test_the_set_is_bounded_exactly_when_the_denominator_is_clear_of_zero(quotient: Quotient) -> None:
    t2 = stats.t.ppf(0.975, quotient.df) ** 2
    lead = quotient.denominator**2 - t2 * quotient.denominator_variance
    assume(abs(lead) > 1e-6)
    found = fieller_set(quotient)
    assert (found.kind == "interval") == (lead > 0)
    assert (found.low is not None and found.high is not None) == (found.kind in {"interval", "complement"})


@given(quotients(), st.sampled_from([1e-3, 1e3]), st.sampled_from([1e-6, 1e6]))
def test_units_scale_the_set(quotient: Quotient, n_unit: float, d_unit: float) -> None:
    scaled = Quotient(
        numerator=quotient.numerator * n_unit,
        denominator=quotient.denominator * d_unit,
        numerator_variance=quotient.numerator_variance * n_unit**2,
        denominator_variance=quotient.denominator_variance * d_unit**2,
        covariance=quotient.covariance * n_unit * d_unit,
        df=quotient.df,
    )
    plain, other = fieller_set(quotient), fieller_set(scaled)
    t2 = stats.t.ppf(0.975, quotient.df) ** 2
    assume(abs(quotient.denominator**2 - t2 * quotient.denominator_variance) > 1e-6)
    assert plain.kind == other.kind
    if plain.low is not None:
        unit = n_unit / d_unit
        assert other.low == pytest.approx(plain.low * unit, rel=1e-5, abs=1e-7 * unit)
        assert other.high == pytest.approx(plain.high * unit, rel=1e-5, abs=1e-7 * unit)


@given(values, st.floats(0.5, 5), st.floats(-0.9, 0.9), degrees)
def test_the_set_tends_to_the_delta_interval(n: float, d: float, correlation: float, df: int) -> None:
    small = 1e-10
    quotient = Quotient(
        numerator=n,
        denominator=d,
        numerator_variance=small,
        denominator_variance=small,
        covariance=correlation * small,
        df=df,
    )
    found, ratio = fieller_set(quotient), n / d
    half = stats.t.ppf(0.975, df) * sqrt(small * (1 - 2 * ratio * correlation + ratio**2)) / d
    assert found.high - ratio == pytest.approx(half, rel=1e-2)
    assert ratio - found.low == pytest.approx(half, rel=1e-2)


def quotient(n: float, d: float, v_nn: float, v_dd: float, v_nd: float = 0.0) -> Quotient:
    return Quotient(
        numerator=n, denominator=d, numerator_variance=v_nn, denominator_variance=v_dd, covariance=v_nd, df=9
    )


def test_a_noisy_denominator_and_a_clear_numerator_exclude_small_ratios() -> None:
    found = fieller_set(quotient(5.0, 0.1, 0.01, 1.0))
    assert found.kind == "complement"
    assert found.low < 0 < found.high
    assert not contains(found, 0.0)
    assert contains(found, 50.0)
    assert contains(found, -1e9)


def test_two_noisy_numbers_exclude_nothing() -> None:
    found = fieller_set(quotient(0.1, 0.1, 1.0, 1.0))
    assert found == RatioSet(kind="everything")
    assert contains(found, -1e12)


def test_a_denominator_at_its_bound_gives_a_half_line() -> None:
    t2 = stats.t.ppf(0.975, 9) ** 2
    up, down = fieller_set(quotient(5.0, 1.0, 0.01, 1 / t2)), fieller_set(quotient(-5.0, 1.0, 0.01, 1 / t2))
    assert (up.kind, up.high, down.kind, down.low) == ("interval", None, "interval", None)
    assert up.low == pytest.approx(-down.high)
    assert contains(up, 1e9)
    assert not contains(down, 1e9)


def test_a_bound_on_both_sides_excludes_nothing() -> None:
    t2 = stats.t.ppf(0.975, 9) ** 2
    assert fieller_set(quotient(0.0, 1.0, 0.01, 1 / t2)).kind == "everything"


def test_zero_over_zero_is_undefined() -> None:
    found = fieller_set(quotient(1.0, 0.0, 1.0, 0.0))
    assert (found.kind, contains(found, 0.0)) == ("undefined", False)
    assert found.reason == "the denominator is 0 and does not vary"


def test_a_denominator_that_vanishes_beside_the_numerator_is_undefined() -> None:
    assert "too small beside" in fieller_set(quotient(1e100, 1e-300, 1.0, 0.0)).reason


def test_zero_over_something_known_is_zero() -> None:
    assert fieller_set(quotient(0.0, 2.0, 0.0, 0.0)) == RatioSet(kind="interval", low=0.0, high=0.0)


@pytest.mark.parametrize("bad", [(float("nan"), 1, 1, 1), (1, float("inf"), 1, 1), (1, 1, -1, 1), (1, 1, 1, -1)])
def test_impossible_estimates_are_refused(bad: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="no ratio"):
        fieller_set(quotient(*bad))


def test_the_set_covers_the_ratio_at_its_level() -> None:
    """4,000 replications of means of 12 pairs with a denominator often near 0; tolerance 3 standard errors, .0104."""
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(4000):
        pairs = rng.multivariate_normal([0.6, 0.4], [[1, 0.5], [0.5, 1]], 12)
        means, v = pairs.mean(axis=0), np.cov(pairs.T) / 12
        one = Quotient(
            numerator=means[0],
            denominator=means[1],
            numerator_variance=v[0, 0],
            denominator_variance=v[1, 1],
            covariance=v[0, 1],
            df=11,
        )
        covered += contains(fieller_set(one), 1.5)
    assert covered / 4000 == pytest.approx(0.95, abs=0.0104)


def cells(seed: int, n: int = 400) -> np.ndarray:
    rng = np.random.default_rng(seed)
    base = rng.normal(0.4, 0.2, n)
    return np.column_stack([base, base + rng.normal(0.1, 0.2, n), base + rng.normal(0.2, 0.2, n)])


def test_the_compensation_ratio_is_of_differences() -> None:
    scores = cells(1)
    found = compensation_ratio(scores, [f"q{place}" for place in range(400)])
    small, retrieval, large = scores.mean(axis=0)
    assert found.estimate == pytest.approx((retrieval - small) / (large - small))
    assert contains(found.confidence, found.estimate)
    assert (found.n, found.clusters, found.dropped, found.df) == (400, 400, 0, pytest.approx(399))


def test_its_ends_are_where_the_t_test_of_the_difference_turns() -> None:
    """At an end R the per-question N - R D has |t| equal to the quantile."""
    scores = cells(2)
    found = compensation_ratio(scores, [f"q{place}" for place in range(400)])
    n, d = scores[:, 1] - scores[:, 0], scores[:, 2] - scores[:, 0]
    for end in (found.confidence.low, found.confidence.high):
        assert abs(stats.ttest_1samp(n - end * d, 0).statistic) == pytest.approx(stats.t.ppf(0.975, 399), rel=1e-6)


def test_copies_inside_clusters_change_the_set_by_the_degrees_of_freedom_at_most() -> None:
    scores, names = cells(3, 60), [f"c{place % 20}" for place in range(60)]
    once = compensation_ratio(scores, names)
    twice = compensation_ratio(np.vstack([scores, scores]), names * 2)
    assert twice.confidence.low == pytest.approx(once.confidence.low)
    assert twice.confidence.high == pytest.approx(once.confidence.high)


def test_the_order_of_questions_changes_nothing() -> None:
    scores, names = cells(3, 60), np.array([f"c{place % 20}" for place in range(60)])
    order = np.random.default_rng(0).permutation(60)
    before, after = compensation_ratio(scores, names.tolist()), compensation_ratio(scores[order], names[order].tolist())
    assert after.confidence.low == pytest.approx(before.confidence.low)


def test_a_large_model_no_better_than_the_small_one_leaves_the_set_unbounded() -> None:
    scores = cells(4)
    scores[:, 2] = scores[:, 0] + np.random.default_rng(5).normal(0, 0.2, 400)
    assert compensation_ratio(scores, [f"q{place}" for place in range(400)]).confidence.kind == "complement"


def undefined(found: Ratio) -> str:
    assert (found.confidence.kind, found.estimate) == ("undefined", None)
    return found.confidence.reason


def test_incomplete_questions_are_dropped() -> None:
    scores = cells(6, 40)
    scores[:10, 1] = np.nan
    found = compensation_ratio(scores, [f"q{place}" for place in range(40)])
    assert (found.n, found.dropped) == (30, 10)


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_too_few_clusters_have_a_reason(rows: int) -> None:
    found = compensation_ratio(np.zeros((rows, 3)), ["a"] * rows)
    assert "at least 2 clusters" in undefined(found)


def test_equal_cells_have_a_reason() -> None:
    found = compensation_ratio(np.full((9, 3), 0.5), [f"q{place}" for place in range(9)])
    assert undefined(found) == "the differences do not spread"


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="questions, 3"):
        compensation_ratio(np.zeros((4, 2)), ["a"] * 4)
