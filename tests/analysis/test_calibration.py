"""Laws of the calibration measures, and routes to the same numbers by other means."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.analysis.calibration import auroc, brier_parts, calibration_error, equal_mass_bins, spiegelhalter

levels = st.one_of(st.floats(0, 1), st.sampled_from((0.0, 0.1, 0.5, 0.9, 1.0)))
pairs = st.lists(st.tuples(levels, st.booleans()), min_size=1, max_size=60).map(
    lambda rows: tuple(zip(*rows, strict=True))
)


@given(pairs)
def test_brier_adds_up_exactly_per_distinct_value(pair: tuple) -> None:
    found = brier_parts(*pair)
    assert found.reliability - found.resolution + found.uncertainty == pytest.approx(found.score, abs=1e-12)
    assert found.groups == len(set(pair[0]))


@given(pairs, st.integers(1, 20))
def test_brier_in_bins_adds_up_with_what_bins_leave_over(pair: tuple, bins: int) -> None:
    found = brier_parts(*pair, bins=bins)
    whole = found.reliability - found.resolution + found.uncertainty + found.within
    assert whole == pytest.approx(found.score, abs=1e-12)


@given(pairs)
def test_brier_is_the_mean_square(pair: tuple) -> None:
    expected = np.mean((np.array(pair[0]) - np.array(pair[1])) ** 2)
    assert brier_parts(*pair).score == pytest.approx(expected)


@given(pairs, st.integers(1, 20))
def test_the_plug_in_error_is_a_share_and_the_debiased_one_is_there_or_refused(pair: tuple, bins: int) -> None:
    found = calibration_error(*pair, bins=bins)
    assert 0 <= found.plug_in <= 1
    assert (found.debiased_squared is None) == (found.refused is not None)


@given(pairs, st.integers(1, 20), st.randoms())
def test_the_order_of_the_answers_changes_nothing(pair: tuple, bins: int, random: object) -> None:
    rows = list(zip(*pair, strict=True))
    random.shuffle(rows)
    there, back = calibration_error(*pair, bins=bins), calibration_error(*zip(*rows, strict=True), bins=bins)
    assert there.plug_in == pytest.approx(back.plug_in, abs=1e-12)


@given(st.lists(levels, min_size=2, max_size=60), st.integers(1, 20))
def test_bins_hold_at_least_two_rise_with_confidence_and_share_ties(confidence: list, bins: int) -> None:
    codes = equal_mass_bins(np.array(confidence), bins)
    assert np.bincount(codes).min() >= 2
    assert codes.max() < bins
    order = np.argsort(confidence, kind="stable")
    assert (np.diff(codes[order]) >= 0).all()
    assert all(len({*codes[np.array(confidence) == value]}) == 1 for value in set(confidence))


def test_bins_of_distinct_confidences_have_equal_mass() -> None:
    assert np.bincount(equal_mass_bins(np.linspace(0, 1, 60), 15)).tolist() == [4] * 15


@given(pairs)
def test_auroc_is_the_brute_force_pair_count(pair: tuple) -> None:
    right = [value for value, good in zip(*pair, strict=True) if good]
    wrong = [value for value, good in zip(*pair, strict=True) if not good]
    found = auroc(*pair)
    assert (found.right, found.wrong) == (len(right), len(wrong))
    if right and wrong:
        wins = np.mean([(a > b) + (a == b) / 2 for a in right for b in wrong])
        assert found.auroc == pytest.approx(wins)
    else:
        assert found.refused == f"all {len(pair[0])} answers are {'right' if right else 'wrong'}"


@given(pairs)
def test_spiegelhalter_follows_its_formula(pair: tuple) -> None:
    stated, right = np.array(pair[0]), np.array(pair[1], dtype=float)
    found = spiegelhalter(*pair)
    variance = np.sum((1 - 2 * stated) ** 2 * stated * (1 - stated))
    if found.z is None:
        assert variance <= 1e-20
        assert "nothing to weigh" in found.refused
    else:
        assert found.z == pytest.approx(np.sum((right - stated) * (1 - 2 * stated)) / np.sqrt(variance))
        assert found.p == pytest.approx(2 * stats.norm.sf(abs(found.z)))
        assert found.p > 0


def test_spiegelhalter_rejects_calibrated_answers_at_its_level() -> None:
    """2,000 replications of 200 calibrated answers: rejected at .05 within .015."""
    draws = np.random.default_rng(1)
    rejected = []
    for _ in range(2000):
        stated = draws.beta(2, 2, 200)
        rejected.append(spiegelhalter(stated, draws.random(200) < stated).p < 0.05)
    assert abs(np.mean(rejected) - 0.05) < 0.015


def test_debiasing_takes_off_the_bias() -> None:
    """500 replications of 300 calibrated answers: the debiased mean is within 4 standard errors of 0, the plug-in not.

    15 confidences, one to a bin, so that the bins lose nothing.
    """
    draws = np.random.default_rng(2)
    found = []
    for _ in range(500):
        stated = np.repeat(np.linspace(0.05, 0.95, 15), 20)
        found.append(calibration_error(stated, draws.random(300) < stated))
    values = np.array([each.debiased_squared for each in found])
    assert abs(values.mean()) < 4 * values.std() / np.sqrt(500)
    assert np.mean([each.plug_in for each in found]) > 0.04


def test_debiasing_finds_a_planted_error() -> None:
    """200 replications of 1,000 answers, .1 overconfident: the squared error is .01 within .001."""
    draws = np.random.default_rng(3)
    stated = np.repeat(np.linspace(0.2, 0.9, 10), 100)
    found = [calibration_error(stated, draws.random(1000) < stated - 0.1, bins=10) for _ in range(200)]
    assert np.mean([each.debiased_squared for each in found]) == pytest.approx(0.01, abs=0.001)


def test_one_answer_has_no_debiased_error() -> None:
    found = calibration_error([0.8], [True])
    assert (found.plug_in, found.bins, found.refused) == (
        pytest.approx(0.2),
        1,
        "one answer has no variance to take off",
    )


@pytest.mark.parametrize(
    ("confidence", "correct", "message"),
    [
        ([], [], "two rows"),
        ([0.5], [1, 0], "two rows"),
        ([1.2], [1], r"in \[0, 1\]"),
        ([float("nan")], [1], r"in \[0, 1\]"),
        ([0.5], [0.5], "0 or 1"),
    ],
)
def test_what_is_no_confidence_is_refused(confidence: list, correct: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        brier_parts(confidence, correct)


def test_bins_are_at_least_one() -> None:
    with pytest.raises(ValueError, match="at least 1 bin"):
        calibration_error([0.5], [1], bins=0)
