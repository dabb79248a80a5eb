"""The verdict against a declared margin: its order, its totality, and the intervals it reads."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.distributions import generator
from harness.analysis.margin import difference_interval, margin_verdict, standing
from harness.analysis.paired import paired_means, paired_shares

ends = st.lists(st.floats(-1, 1), min_size=4, max_size=4).map(sorted)
margins = st.floats(0.001, 0.6)
answers = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


@given(ends, margins)
def test_every_pair_of_intervals_gets_the_first_verdict_that_holds(found: list[float], margin: float) -> None:
    """The rules once more, as regions that exclude each other."""
    low_95, low_90, high_90, high_95 = found
    superior, far_below = low_95 > 0, high_95 < -margin
    within_low, within_high = low_90 > -margin, high_90 < margin
    regions = {
        "superior": superior,
        "inferior by more than the margin": not superior and far_below,
        "equivalent": not superior and not far_below and within_low and within_high,
        "non-inferior": not superior and not far_below and within_low and not within_high,
        "inferior": not superior and not far_below and not within_low and high_95 < 0,
        "inconclusive": not superior and not far_below and not within_low and high_95 >= 0,
    }
    assert [name for name, holds in regions.items() if holds] == [
        standing((low_95, high_95), (low_90, high_90), margin)
    ]


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        ((0.01, 0.02), (0.012, 0.018), "superior"),
        ((0.0, 0.2), (0.01, 0.19), "non-inferior"),
        ((-0.2, -0.06), (-0.19, -0.07), "inferior by more than the margin"),
        ((-0.2, -0.05), (-0.19, -0.06), "inferior"),
        ((-0.06, 0.06), (-0.04, 0.04), "equivalent"),
        ((-0.06, 0.06), (-0.04, 0.05), "non-inferior"),
        ((-0.06, 0.06), (-0.05, 0.04), "inconclusive"),
        ((-0.09, 0.0), (-0.08, -0.01), "inconclusive"),
    ],
)
def test_an_end_on_its_bound_does_not_pass_it(
    outer: tuple[float, float], inner: tuple[float, float], expected: str
) -> None:
    assert standing(outer, inner, 0.05) == expected


@given(answers)
def test_the_interval_of_independent_answers_is_that_of_the_paired_comparison(pairs: list[tuple[bool, bool]]) -> None:
    a, b = zip(*pairs, strict=True)
    assert difference_interval(a, b, level=0.9) == paired_shares(a, b, rng=generator(0), level=0.9).difference


@given(answers, st.integers(1, 7))
def test_the_interval_of_clustered_answers_is_that_of_the_paired_comparison(
    pairs: list[tuple[bool, bool]], clusters: int
) -> None:
    a, b = zip(*pairs, strict=True)
    names = [str(place % clusters) for place in range(len(a))]
    assert difference_interval(a, b, names) == paired_shares(a, b, names, rng=generator(0)).difference


def test_the_interval_of_scores_is_that_of_the_paired_comparison() -> None:
    a, b = [0.1, 0.4, 0.9, 0.7], [0.2, 0.1, 0.5, 0.6]
    assert difference_interval(a, b) == paired_means(a, b, rng=generator(0)).difference


def sample(only_a: int, only_b: int, both: int) -> tuple[list[int], list[int]]:
    return [1] * only_a + [0] * only_b + [1] * both, [0] * only_a + [1] * only_b + [1] * both


def test_a_large_equal_sample_is_equivalent_and_not_worse() -> None:
    found = margin_verdict(*sample(60, 60, 1500), margin=0.05)
    assert (found.standing, found.measurably_worse, found.reason) == ("equivalent", False, None)


def test_worse_by_less_than_the_margin_is_equivalent_and_measurably_worse() -> None:
    found = margin_verdict(*sample(10, 60, 3000), margin=0.05)
    assert (found.standing, found.measurably_worse) == ("equivalent", True)


def test_a_small_sample_is_inconclusive_with_its_power_and_the_questions_it_needs() -> None:
    found = margin_verdict(*sample(4, 4, 42), margin=0.05)
    assert found.standing == "inconclusive"
    assert 0 < found.power.power < 0.8
    assert found.power.n_needed == 396  # 6.1826 * .16 / .0025, rounded up


def test_the_inner_interval_lies_within_the_outer_one() -> None:
    found = margin_verdict([0.3, 0.5, 0.9, 0.1], [0.2, 0.6, 0.5, 0.0], margin=0.1)
    assert found.outer.low < found.inner.low < found.inner.high < found.outer.high


def test_without_an_interval_the_verdict_is_inconclusive_with_the_reason() -> None:
    found = margin_verdict([1, 0, 1], [0, 0, 0], ["a", "a", "a"], margin=0.1)
    assert (found.standing, found.measurably_worse) == ("inconclusive", False)
    assert found.reason == "all 3 questions are in one cluster"


@pytest.mark.parametrize(("a", "b"), [([], []), ([1.0], [1.0, 0.0]), ([float("nan")], [1.0])])
def test_scores_that_are_no_pairs_are_refused(a: list[float], b: list[float]) -> None:
    with pytest.raises(ValueError, match=r"values must be|against"):
        margin_verdict(a, b, margin=0.1)


def test_at_the_margin_clustered_scores_are_called_non_inferior_one_time_in_twenty() -> None:
    """400 replications of 30 clusters of 5; tolerance 3 standard errors, .033."""
    rng = np.random.default_rng(4)
    names = [str(place // 5) for place in range(150)]
    shown = 0
    for _ in range(400):
        d = -0.1 + np.repeat(rng.normal(0, 0.2, 30), 5) + rng.normal(0, 0.3, 150)
        found = margin_verdict(d, np.zeros(150), names, margin=0.1)
        shown += found.standing in {"superior", "equivalent", "non-inferior"}
    assert shown / 400 == pytest.approx(0.05, abs=0.033)
