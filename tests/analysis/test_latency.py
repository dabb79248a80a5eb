"""Percentiles of latency: the ranks by another route, the least n, and coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.analysis.latency import answers_needed, latencies, percentile
from harness.analysis.simulate import PlantedModel, Truth, simulate


@given(st.integers(1, 400), st.sampled_from((0.5, 0.95, 0.99)), st.sampled_from((0.9, 0.95)))
def test_the_ends_are_the_tightest_ranks(n: int, quantile: float, level: float) -> None:
    found = percentile(np.arange(1, n + 1), quantile, level=level)
    tail = (1 - level) / 2
    lower = [rank for rank in range(1, n + 1) if stats.binom.cdf(rank - 1, n, quantile) <= tail]
    upper = [rank for rank in range(1, n + 1) if stats.binom.sf(rank - 1, n, quantile) <= tail]
    assert found.low_s == (max(lower) if lower else None)
    assert found.high_s == (min(upper) if upper else None)
    assert (found.refused is None) == (found.low_s is not None and found.high_s is not None)


@pytest.mark.parametrize(("quantile", "least"), [(0.95, 72), (0.99, 368)])
def test_a_finite_upper_limit_needs_enough_answers(quantile: float, least: int) -> None:
    assert answers_needed(quantile) == least
    assert percentile(np.arange(least), quantile).high_s == least - 1
    few = percentile(np.arange(least - 1), quantile)
    assert few.high_s is None
    assert few.refused == f"an upper limit needs at least {least} answers, here {least - 1}"


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50), st.floats(0.01, 0.99))
def test_the_estimate_has_its_share_at_or_below(values: list[float], quantile: float) -> None:
    found = percentile(values, quantile)
    assert np.mean(np.array(values) <= found.estimate_s) >= quantile - 1e-9
    assert np.mean(np.array(values) < found.estimate_s) < quantile + 1e-9


def test_the_median_of_few_lacks_both_ends() -> None:
    found = percentile([1.0, 2.0, 3.0], 0.5)
    assert (found.low_s, found.high_s) == (None, None)
    assert "a lower limit needs at least 6" in found.refused
    assert "an upper limit needs at least 6" in found.refused


def test_the_interval_covers_at_least_at_its_level() -> None:
    """2,000 replications, n 100, p95 of an exponential: at least .95 less 3 standard errors, .015."""
    draws = np.random.default_rng(1).exponential(1, (2000, 100))
    truth = -np.log(0.05)
    found = [percentile(row, 0.95) for row in draws]
    assert np.mean([each.low_s <= truth <= each.high_s for each in found]) >= 0.95 - 0.015


@pytest.mark.parametrize("values", [[], [-1.0], [float("nan")], [[1.0]]])
def test_what_is_no_latency_is_refused(values: list) -> None:
    with pytest.raises(ValueError, match="latencies must be"):
        percentile(values, 0.5)


def test_a_quantile_is_inside_its_range() -> None:
    with pytest.raises(ValueError, match=r"inside \(0, 1\), not 1"):
        percentile([1.0], 1.0)


@pytest.fixture
def cases():
    model = PlantedModel(name="m", params_b=1.0, accuracy={"direct": 0.5})
    return simulate(Truth(models=(model,), questions=80), 1)


def test_only_answers_that_ran_alone_count(cases) -> None:
    cases.loc[:9, "concurrency"] = 8
    cases.loc[10:14, "latency_s"] = float("nan")
    (found,) = latencies(cases)
    assert (found.n, found.contended) == (65, 10)
    assert found.percentiles[1].estimate_s == percentile(cases["latency_s"][15:], 0.95).estimate_s


def test_a_contended_run_has_no_percentiles(cases) -> None:
    cases["concurrency"] = 8
    (found,) = latencies(cases)
    assert (found.percentiles, found.refused) == ((), "all 80 answers ran beside others")


def test_a_cell_without_latencies_says_so(cases) -> None:
    cases["latency_s"] = float("nan")
    assert latencies(cases)[0].refused == "no answer reports a latency"
    assert latencies(cases[:0]) == ()
