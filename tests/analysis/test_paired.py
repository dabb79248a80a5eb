"""Laws of the paired comparison, and routes to the same numbers by other means."""

from fractions import Fraction
from itertools import product
from math import comb, isclose
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from harness.analysis.distributions import generator, normal_quantile
from harness.analysis.paired import (
    Paired,
    mcnemar_mid_p,
    paired_means,
    paired_shares,
    sign_flip_p,
    tango_interval,
    tango_statistic,
)

Z = normal_quantile(0.975)
counts = st.integers(0, 80)


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, int, int]:
    only_a, only_b, same = draw(counts), draw(counts), draw(st.integers(0, 200))
    return only_a, only_b, max(1, only_a + only_b + same)


def rng() -> np.random.Generator:
    return generator(0, "test")


def shares(only_a: int, only_b: int, n: int) -> tuple[list[int], list[int]]:
    both = n - only_a - only_b
    return [1] * only_a + [0] * only_b + [1] * both, [0] * only_a + [1] * only_b + [1] * both


@given(tables())
def test_tango_reaches_z_at_each_end_inside_the_range(table: tuple[int, int, int]) -> None:
    low, high = tango_interval(*table)
    assert low == -1 or isclose(tango_statistic(*table, low), Z, abs_tol=1e-6)
    assert high == 1 or isclose(tango_statistic(*table, high), -Z, abs_tol=1e-6)


@given(tables())
def test_swapping_the_cells_mirrors_tango(table: tuple[int, int, int]) -> None:
    only_a, only_b, n = table
    low, high = tango_interval(only_a, only_b, n)
    assert tango_interval(only_b, only_a, n) == pytest.approx((-high, -low), abs=1e-12)


@given(tables())
def test_tango_contains_the_difference_and_stays_in_range(table: tuple[int, int, int]) -> None:
    only_a, only_b, n = table
    low, high = tango_interval(*table)
    assert -1 <= low <= (only_a - only_b) / n <= high <= 1


@given(tables(), st.floats(-0.99, 0.98), st.floats(0.001, 0.01))
def test_tango_falls_as_the_difference_grows(table: tuple[int, int, int], delta: float, step: float) -> None:
    assert tango_statistic(*table, delta) >= tango_statistic(*table, delta + step) - 1e-9


def test_tango_without_discordant_pairs_has_a_closed_form() -> None:
    end = Z**2 / (50 + Z**2)
    assert tango_interval(0, 0, 50) == pytest.approx((-end, end))
    assert tango_statistic(0, 0, 50, 0.0) == 0


def test_tango_with_all_pairs_one_way_ends_at_one() -> None:
    assert tango_interval(50, 0, 50) == pytest.approx(((50 - Z**2) / (50 + Z**2), 1.0))


@pytest.mark.parametrize("table", [(9, 2, 40), (1, 12, 44), (30, 28, 90), (3, 0, 12)])
def test_tango_equals_the_score_test_with_a_likelihood_found_by_search(table: tuple[int, int, int]) -> None:
    """The constrained maximum found numerically, without Tango's formula for it."""
    only_a, only_b, n = table

    def statistic(delta: float) -> float:
        def loss(q: float) -> float:
            parts = ((only_a, q + delta), (only_b, q), (n - only_a - only_b, 1 - 2 * q - delta))
            return -sum(count * np.log(p) for count, p in parts if count)

        least, most = max(0.0, -delta) + 1e-12, (1 - delta) / 2 - 1e-12
        q = optimize.minimize_scalar(loss, bounds=(least, most), method="bounded", options={"xatol": 1e-12}).x
        return (only_a - only_b - n * delta) / np.sqrt(n * (2 * q + delta * (1 - delta)))

    low, high = tango_interval(*table)
    assert statistic(low) == pytest.approx(Z, abs=1e-3)
    assert statistic(high) == pytest.approx(-Z, abs=1e-3)


@pytest.mark.parametrize("table", [(1, 1, 1), (-1, 0, 4), (0, 0, 0)])
def test_impossible_counts_are_refused(table: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="discordant"):
        tango_interval(*table)


@given(counts, counts)
def test_mcnemar_is_symmetric_and_a_probability(only_a: int, only_b: int) -> None:
    p = mcnemar_mid_p(only_a, only_b)
    assert 0 < p <= 1
    assert p == mcnemar_mid_p(only_b, only_a)


@given(counts, counts, st.integers(1, 50))
def test_mcnemar_ignores_concordant_pairs(only_a: int, only_b: int, more: int) -> None:
    n = max(1, only_a + only_b)
    few, many = shares(only_a, only_b, n), shares(only_a, only_b, n + more)
    assert paired_shares(*few, rng=rng()).p == paired_shares(*many, rng=rng()).p


@given(counts, counts)
def test_mcnemar_is_the_exact_sum(only_a: int, only_b: int) -> None:
    n, least = only_a + only_b, min(only_a, only_b)
    below = sum(Fraction(comb(n, k), 2**n) for k in range(least))
    expected = 1.0 if only_a == only_b else float(2 * below + Fraction(comb(n, least), 2**n))
    assert mcnemar_mid_p(only_a, only_b) == pytest.approx(expected, rel=1e-9)


@given(st.lists(st.integers(-4, 4), min_size=6, max_size=9))
def test_sign_flips_enumerate_every_flip(sums: list[int]) -> None:
    totals = [
        abs(sum(sign * value for sign, value in zip(signs, sums, strict=True)))
        for signs in product((1, -1), repeat=len(sums))
    ]
    expected = np.mean([total >= abs(sum(sums)) for total in totals])
    assert sign_flip_p(sums, rng()) == (pytest.approx(expected), None)


@given(st.lists(st.integers(-3, 3), min_size=15, max_size=40))
def test_drawn_sign_flips_are_never_zero_and_repeat(sums: list[int]) -> None:
    p, _ = sign_flip_p(sums, rng())
    assert 1 / 10_000 <= p <= 1
    assert sign_flip_p(sums, rng()) == (p, None)


def test_the_least_drawn_p_value_counts_the_observed_flip() -> None:
    assert sign_flip_p([1.0] * 60, rng()) == (1 / 10_000, None)


def test_drawn_sign_flips_agree_with_the_exact_answer() -> None:
    """Equal sums: the flips are a binomial count, p is its two tails; tolerance 4 standard errors of 9,999 draws."""
    sums = [1.0] * 16 + [-1.0] * 6
    exact = 2 * stats.binom.sf(15, 22, 0.5)
    assert sign_flip_p(sums, rng())[0] == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 9999))


def test_drawn_sign_flips_agree_with_enumeration_for_distinct_sums() -> None:
    sums = np.random.default_rng(2).normal(0.2, 1, 16)
    signs = np.array(list(product((1, -1), repeat=16)))
    exact = np.mean(np.abs(signs @ sums) >= abs(sums.sum()) - 1e-9)
    assert sign_flip_p(sums, rng())[0] == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 9999))


def test_sign_flips_need_six_clusters() -> None:
    assert sign_flip_p([1, 1, 1, 1, 1], rng()) == (None, "sign flips need at least 6 clusters, here 5")


def test_sign_flips_of_nothing_are_no_evidence() -> None:
    assert sign_flip_p([0.0] * 20, rng()) == (1.0, None)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=40), st.integers(2, 9))
def test_swapping_the_cells_mirrors_the_clustered_interval(pairs: list[tuple[bool, bool]], clusters: int) -> None:
    a, b = zip(*pairs, strict=True)
    names = [str(place % clusters) for place in range(len(pairs))]
    ahead, behind = paired_means(a, b, names, rng=rng()), paired_means(b, a, names, rng=rng())
    assert ahead.p == behind.p
    assert ahead.difference.refused == behind.difference.refused
    if ahead.difference.low is not None:
        assert ahead.difference.low == pytest.approx(-behind.difference.high, abs=1e-12)


@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 20)), min_size=2, max_size=60),
    st.randoms(use_true_random=False),
    st.booleans(),
)
def test_the_order_of_questions_changes_nothing(
    rows: list[tuple[bool, bool, int]], random: Random, clustered: bool
) -> None:
    def compared(made: list[tuple[bool, bool, int]]) -> Paired:
        a, b, names = (list(column) for column in zip(*made, strict=True))
        return paired_shares(a, b, [str(name) for name in names] if clustered else None, rng=rng())

    before = compared(rows)
    random.shuffle(rows)
    after = compared(rows)
    assert (after.p, after.only_a, after.only_b) == (before.p, before.only_a, before.only_b)
    assert after.difference.estimate == pytest.approx(before.difference.estimate, abs=1e-12)
    assert after.difference.se == (None if before.difference.se is None else pytest.approx(before.difference.se))


def test_the_paired_t_test_is_scipys() -> None:
    a, b = [0.1, 0.4, 0.9, 0.7, 0.3], [0.2, 0.1, 0.5, 0.6, 0.35]
    found, expected = paired_means(a, b, rng=rng()), stats.ttest_rel(a, b)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.difference.low, found.difference.high) == pytest.approx(tuple(expected.confidence_interval()))


def test_independent_shares_use_tango_and_mcnemar() -> None:
    found = paired_shares(*shares(9, 2, 40), rng=rng())
    assert (found.difference.method, found.p_method) == ("Tango", "mid-p McNemar")
    assert (found.only_a, found.only_b, found.difference.n) == (9, 2, 40)
    assert (found.difference.low, found.difference.high) == tango_interval(9, 2, 40)


def test_clustered_shares_use_cr2_and_sign_flips() -> None:
    a, b = shares(9, 2, 40)
    found = paired_shares(a, b, [str(place // 5) for place in range(40)], rng=rng())
    assert (found.difference.method, found.p_method) == ("t, CR2", "sign flips of clusters")
    assert found.difference.clusters == 8


def test_shares_must_be_zero_or_one() -> None:
    with pytest.raises(ValueError, match="0 or 1"):
        paired_shares([0.5], [1.0], rng=rng())


def test_a_pair_is_two_answers() -> None:
    with pytest.raises(ValueError, match="a pair is two answers"):
        paired_means([1.0, 0.0], [1.0], rng=rng())


def test_equal_differences_have_no_t_test() -> None:
    found = paired_means([0.5, 0.75], [0.25, 0.5], rng=rng())
    assert (found.p, found.p_refused, found.difference.refused) == (None, *["all 2 values are equal"] * 2)


def test_tango_covers_at_its_nominal_rate() -> None:
    """psi .15, delta -.05, n 100: P(lower 90 % bound > -.05) is .05 within .012 over 20,000 seeded runs."""
    draws = np.random.default_rng(4).multinomial(100, [0.05, 0.10, 0.85], 20_000)
    bounds = {table: tango_interval(*table, 100, 0.90)[0] for table in {(int(b), int(c)) for b, c, _ in draws}}
    rate = np.mean([bounds[int(b), int(c)] > -0.05 for b, c, _ in draws])
    assert abs(rate - 0.05) < 0.012


def test_a_tail_below_the_least_float_is_never_zero() -> None:
    assert 0 < mcnemar_mid_p(5000, 0) < 1e-300


def test_a_paired_t_far_out_is_never_zero() -> None:
    scores = np.linspace(1.0, 1.0 + 1e-9, 400)
    found = paired_means(scores, np.zeros(400), rng=np.random.default_rng(0))
    assert 0 < found.p < 1e-300
