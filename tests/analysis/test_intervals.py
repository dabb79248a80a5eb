"""Laws of the standard errors and intervals of one mean, and routes to the same numbers by other means."""

from collections.abc import Callable
from math import isclose, sqrt
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from harness.analysis.intervals import (
    Interval,
    bell_mccaffrey_df,
    clustered_error,
    design_effect,
    iid_error,
    mean_interval,
    share_interval,
    wilson,
)

values = st.lists(st.floats(0, 1).map(lambda value: round(value, 3)), min_size=2, max_size=30)
sizes = st.lists(st.integers(1, 12), min_size=2, max_size=15)
truths = st.lists(st.booleans(), min_size=1, max_size=60)


@st.composite
def clustered_values(draw: st.DrawFn) -> tuple[list[float], list[str]]:
    data = draw(values)
    names = draw(st.lists(st.sampled_from("abcdef"), min_size=len(data), max_size=len(data)))
    assume(len(set(names)) > 1)
    return data, names


def names_of(counts: list[int]) -> list[str]:
    return [f"c{place}" for place, count in enumerate(counts) for _ in range(count)]


@given(clustered_values())
def test_duplicating_questions_inside_clusters_leaves_the_clustered_error(
    data: tuple[list[float], list[str]],
) -> None:
    scores, names = data
    once, twice = clustered_error(scores, names), clustered_error(scores * 2, names * 2)
    assert isclose(once.se, twice.se, rel_tol=1e-9, abs_tol=1e-12)


@given(values)
def test_singleton_clusters_give_the_error_of_independent_questions(data: list[float]) -> None:
    names = [f"c{place}" for place in range(len(data))]
    clustered, independent = clustered_error(data, names), iid_error(data)
    assert isclose(clustered.se, independent.se, rel_tol=1e-9, abs_tol=1e-12)
    assert isclose(clustered.df, independent.df, rel_tol=1e-9)


@given(values)
def test_singleton_clusters_give_exactly_the_independent_interval(data: list[float]) -> None:
    assert mean_interval(data, [f"c{place}" for place in range(len(data))]) == mean_interval(data)


@given(clustered_values(), st.randoms(use_true_random=False))
def test_the_order_of_questions_changes_nothing(data: tuple[list[float], list[str]], random: Random) -> None:
    pairs = list(zip(*data, strict=True))
    random.shuffle(pairs)
    shuffled = mean_interval([value for value, _ in pairs], [name for _, name in pairs])
    before = mean_interval(*data)
    assert (before.refused is None) == (shuffled.refused is None)
    assert isclose(before.estimate, shuffled.estimate, abs_tol=1e-12)
    assert isclose(before.se or 0.0, shuffled.se or 0.0, rel_tol=1e-9, abs_tol=1e-12)


@given(sizes)
def test_degrees_of_freedom_equal_the_matrix_form(counts: list[int]) -> None:
    n, g = np.array(counts, dtype=float), len(counts)
    total = n.sum()
    d = np.diag((1 - n / total) ** -0.5)
    b = d @ (np.diag(n) - np.outer(n, n) / total) @ d
    assert isclose(bell_mccaffrey_df(counts), np.trace(b) ** 2 / np.trace(b @ b), rel_tol=1e-9)
    assert 1 - 1e-9 <= bell_mccaffrey_df(counts) <= g - 1 + 1e-9


@given(sizes, st.integers(0, 1000))
def test_the_cr2_error_equals_the_matrix_route(counts: list[int], seed: int) -> None:
    """CR2 of an intercept-only regression, from the definition with the hat matrix and its blocks."""
    y = np.random.default_rng(seed).normal(size=sum(counts))
    names = np.array(names_of(counts))
    residuals, meat = y - y.mean(), 0.0
    for name in set(names):
        rows = names == name
        block = np.eye(rows.sum()) - np.ones((rows.sum(), rows.sum())) / len(y)
        eigenvalues, vectors = np.linalg.eigh(block)
        adjusted = vectors @ np.diag(eigenvalues**-0.5) @ vectors.T @ residuals[rows]
        meat += adjusted.sum() ** 2
    assert isclose(clustered_error(y, list(names)).se, sqrt(meat) / len(y), rel_tol=1e-8)


def test_the_independent_error_is_scipys() -> None:
    data = [0.0, 0.5, 1.0, 1.0, 0.25]
    assert isclose(iid_error(data).se, stats.sem(data))


def test_the_t_interval_is_scipys() -> None:
    data = [0.1, 0.5, 0.9, 1.0, 0.25]
    found = mean_interval(data, level=0.9)
    low, high = stats.t.interval(0.9, 4, loc=np.mean(data), scale=stats.sem(data))
    assert (found.low, found.high) == pytest.approx((low, high))


@given(st.floats(0, 1), st.floats(0.5, 1e6), st.floats(0.1, 15))
def test_wilson_stays_in_range_and_contains_the_share(share: float, n: int, quantile: float) -> None:
    low, high = wilson(share, n, quantile)
    assert 0 <= low <= share <= high <= 1


@given(truths, st.integers(1, 8))
def test_a_share_interval_stays_in_range_and_contains_the_share(correct: list[bool], clusters: int) -> None:
    found = share_interval(correct, [str(place % clusters) for place in range(len(correct))])
    assert found.refused is not None or 0 <= found.low <= found.estimate <= found.high <= 1


@given(truths)
def test_a_share_interval_of_independent_questions_is_scipys_wilson(correct: list[bool]) -> None:
    found = share_interval(correct)
    expected = stats.binomtest(sum(correct), len(correct)).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_clusters_that_agree_widen_the_share_interval() -> None:
    correct, names = [True] * 8 + [False] * 12, names_of([4, 4, 4, 4, 4])
    clustered, independent = share_interval(correct, names), share_interval(correct)
    assert clustered.effective_n < independent.effective_n
    assert clustered.low < independent.low < independent.high < clustered.high


def test_a_clustered_share_is_wilson_over_the_effective_number_with_the_t_quantile() -> None:
    correct, names = [True] * 8 + [False] * 12, names_of([3, 5, 2, 4, 6])
    error, independent = clustered_error(correct, names), iid_error(correct)
    n = 20 / (error.se / independent.se) ** 2
    expected = wilson(0.4, n, stats.t.ppf(0.975, error.df))
    found = share_interval(correct, names)
    assert (found.effective_n, found.low, found.high) == pytest.approx((n, *expected))


@given(truths.filter(lambda correct: len(correct) > 1), st.integers(2, 8))
def test_the_design_effect_is_at_least_one(correct: list[bool], clusters: int) -> None:
    names = [str(place % clusters) for place in range(len(correct))]
    assert design_effect(clustered_error(correct, names).se, np.array(correct, dtype=float)) >= 1


def test_an_interval_at_no_correct_answer_does_not_collapse() -> None:
    found = share_interval([False] * 30, names_of([5] * 6))
    assert found.low == 0
    assert found.high > 0.1


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (mean_interval([0.5]), "one question has no standard error"),
        (mean_interval([0.5, 0.7], ["a", "a"]), "all 2 questions are in one cluster"),
        (mean_interval([0.5, 0.5]), "all 2 values are equal"),
        (share_interval([True, False], ["a", "a"]), "all 2 questions are in one cluster"),
    ],
)
def test_no_interval_is_told_with_the_reason_instead_of_nan(found: Interval, reason: str) -> None:
    assert (found.low, found.high, found.refused) == (None, None, reason)


def test_a_refused_interval_still_has_its_estimate_and_n() -> None:
    found = mean_interval([0.5, 0.7], ["a", "a"])
    assert (found.estimate, found.n, found.clusters) == (pytest.approx(0.6), 2, 1)


def test_one_question_has_a_wilson_interval_and_no_error() -> None:
    found = share_interval([True])
    assert (found.se, found.high) == (None, 1.0)
    assert 0.2 < found.low < 0.21


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (iid_error, ([1.0],)),
        (clustered_error, ([1.0, 2.0], ["a", "a"])),
        (clustered_error, ([1.0, 2.0], ["a"])),
        (bell_mccaffrey_df, ([3],)),
        (mean_interval, ([],)),
        (mean_interval, ([[1.0]],)),
        (mean_interval, ([float("nan"), 1.0],)),
    ],
)
def test_what_cannot_be_computed_is_refused(function: Callable[..., object], arguments: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match=r"."):
        function(*arguments)


def test_the_clustered_interval_covers_at_its_nominal_rate() -> None:
    """Unequal clusters with a shared part, G = 10: nominal .95, tolerance .015 over 4,000 seeded runs."""
    rng = np.random.default_rng(5)
    counts = [1, 1, 2, 3, 4, 6, 8, 10, 12, 13]
    names, covered = names_of(counts), 0
    for _ in range(4000):
        shared = np.repeat(rng.normal(0, sqrt(0.2), len(counts)), counts)
        found = mean_interval(shared + rng.normal(0, sqrt(0.8), len(names)), names)
        covered += found.low <= 0 <= found.high
    assert abs(covered / 4000 - 0.95) < 0.015


def test_the_wilson_interval_covers_near_one() -> None:
    """n = 30, p = .97: .94 as the specification says, within .01 over 20,000 seeded runs."""
    counts = np.random.default_rng(3).binomial(30, 0.97, 20_000)
    ends = {count: wilson(count / 30, 30, 1.959963984540054) for count in set(counts)}
    covered = np.mean([ends[count][0] <= 0.97 <= ends[count][1] for count in counts])
    assert abs(covered - 0.94) < 0.01


def test_clusters_of_equal_means_give_no_interval_and_are_told() -> None:
    found = mean_interval([0.0, 1.0, 0.0, 1.0], ["a", "a", "b", "b"])
    assert found.refused == "all 2 clusters have the same mean"
