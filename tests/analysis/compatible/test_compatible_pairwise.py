"""Pairwise preference: the published counts and ratings, and the exact test by brute force."""

from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from harness.analysis.compatible.pairwise import elo, expected_score, preference, sign_test_p
from tests.analysis.compatible.compatible_rows import golden

counts = st.integers(min_value=0, max_value=300)
MATCHES = {"A": "a", "B": "b", "T": "tie"}


def test_the_published_counts_come_out() -> None:
    for line in golden("golden_pairwise.json")["sign_and_wilson"]:
        found = preference(line["wins_a"], line["wins_b"], line["ties"])
        assert found.p == pytest.approx(line["exact_p"], rel=1e-9)
        if line["wilson_a"] is None:
            assert (found.share_a, found.low, found.high, found.reason) == (None, None, None, "no decisive match")
        else:
            assert (found.low, found.high) == pytest.approx(tuple(line["wilson_a"]), rel=1e-12)
            assert found.share_a == line["win_rate_a"]


def test_the_published_62_51_41() -> None:
    found = preference(62, 51, 41)
    assert f"{found.p:.4f}" == "0.3469"
    assert [f"{100 * end:.1f}" for end in (found.share_a, found.low, found.high)] == ["54.9", "45.7", "63.7"]
    assert (found.matches, found.decisive, found.compatible) == (154, 113, True)


def test_the_published_ratings_come_out() -> None:
    for line in golden("golden_pairwise.json")["elo_sequences"]:
        found = elo(MATCHES[letter] for letter in line["seq"])
        assert [found.a, found.b] == pytest.approx(line["ratings"], rel=1e-13)


def shuffled(seed: int) -> list[str]:
    matches = ["a"] * 62 + ["b"] * 51 + ["tie"] * 41
    Random(seed).shuffle(matches)  # noqa: S311 - the published order
    return matches


def test_the_published_rating_of_154_matches_comes_out() -> None:
    found = elo(shuffled(42))
    assert [found.a, found.b] == pytest.approx(golden("golden_pairwise.json")["elo_62_51_41_seed42"], rel=1e-12)


def test_the_published_sensitivity_to_order_comes_out() -> None:
    expected = golden("golden_pairwise.json")["elo_order_sensitivity_200_seeds"]
    found = [elo(shuffled(seed)).a for seed in range(200)]
    assert (min(found), max(found), sum(found) / 200) == pytest.approx(
        (expected["min"], expected["max"], expected["mean"]), rel=1e-12
    )


@given(counts, counts)
def test_the_sign_test_is_the_exact_binomial_test(wins_a, wins_b) -> None:
    expected = binomtest(wins_a, wins_a + wins_b).pvalue if wins_a + wins_b else 1.0
    assert sign_test_p(wins_a, wins_b) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("wins_a", range(9))
def test_the_sign_test_counts_the_outcomes_at_least_as_far_out(wins_a) -> None:
    far = sum(abs(2 * sum(flips) - 8) >= abs(2 * wins_a - 8) for flips in product((0, 1), repeat=8))
    assert sign_test_p(wins_a, 8 - wins_a) == pytest.approx(far / 2**8)


@given(counts, counts, counts)
def test_swapping_the_sides_mirrors_the_preference(wins_a, wins_b, ties) -> None:
    forth, back = preference(wins_a, wins_b, ties), preference(wins_b, wins_a, ties)
    assert forth.p == back.p <= 1
    if forth.share_a is not None:
        assert (forth.low, forth.high) == pytest.approx((1 - back.high, 1 - back.low), abs=1e-12)
        assert 0 <= forth.low <= forth.share_a <= forth.high <= 1


@given(st.lists(st.sampled_from(["a", "b", "tie"]), max_size=60))
def test_ratings_keep_their_sum(matches) -> None:
    found = elo(matches)
    assert found.a + found.b == pytest.approx(3000)
    assert found.matches == len(matches)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_expected_scores_of_both_sides_add_up(a, b) -> None:
    assert expected_score(a, b) + expected_score(b, a) == pytest.approx(1)


def test_400_points_are_odds_of_ten() -> None:
    assert expected_score(1900, 1500) == pytest.approx(10 / 11)


def test_p_is_never_0() -> None:
    assert sign_test_p(5000, 0) > 0


def test_counts_below_0_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="must not be below 0"):
        preference(1, -1)
