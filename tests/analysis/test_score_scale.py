"""The scale of the fit: its choice, its inverse, its derivative, and what happens at 0, 1 and chance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.score_scale import (
    ScoreScale,
    choose_scale,
    from_scale,
    off_bounds,
    sampling_variance,
    scale_derivative,
    to_scale,
)

chances = st.floats(0, 0.9)
inner = st.floats(0.01, 0.99)
names = st.sampled_from(["logit", "identity"])


@given(inner, chances, names)
def test_the_scale_and_back_is_the_score(room: float, chance: float, name: str) -> None:
    scale, share = ScoreScale(name=name, chance=chance), chance + (1 - chance) * room
    assert from_scale(to_scale(share, 100, scale), scale) == pytest.approx(share)


@given(inner, chances, names)
def test_the_derivative_is_that_of_the_scale(room: float, chance: float, name: str) -> None:
    scale, share, step = ScoreScale(name=name, chance=chance), chance + (1 - chance) * room, 1e-6
    rise = to_scale(share + step, 100, scale) - to_scale(share - step, 100, scale)
    assert scale_derivative(share, 100, scale) == pytest.approx(rise / (2 * step), rel=1e-3)


@given(st.floats(-1e6, 1e6), chances)
def test_the_logit_never_leaves_its_range(value: float, chance: float) -> None:
    assert chance <= from_scale(value, ScoreScale(name="logit", chance=chance)) <= 1


def test_only_zero_and_one_are_moved() -> None:
    assert (off_bounds(0.0, 9), off_bounds(1.0, 9), off_bounds(0.5, 9)) == (0.05, 0.95, 0.5)


def test_shares_above_chance_take_the_logit() -> None:
    assert choose_scale([0.3, 1.0], [10, 10], share=True, chance=0.25) == ScoreScale(name="logit", chance=0.25)
    assert choose_scale([0.0, 1.0], [10, 10], share=True).name == "logit"


@pytest.mark.parametrize("mean", [0.25, 0.1, 0.0])
def test_a_model_at_or_below_chance_keeps_the_identity_and_says_so(mean: float) -> None:
    found = choose_scale([mean, 0.9], [10, 10], share=True, chance=0.25)
    assert found.name == "identity"
    assert found.reason.startswith("1 of 2 models score no better than chance (0.25)")


def test_other_metrics_take_the_identity_without_chance() -> None:
    assert choose_scale([7.2, -3.0], [10, 10], share=False) == ScoreScale(name="identity")


def test_below_chance_there_is_no_logit() -> None:
    scale = ScoreScale(name="logit", chance=0.5)
    assert to_scale(0.5, 10, scale) is None
    with pytest.raises(ValueError, match="no logit"):
        scale_derivative(0.5, 10, scale)


def test_a_share_of_one_gets_the_variance_of_the_share_that_replaces_it() -> None:
    scale = ScoreScale(name="logit")
    assert sampling_variance(1.0, 9, 0.0, scale) == pytest.approx(1 / (9 * 0.05 * 0.95))
    assert sampling_variance(0.5, 9, 0.01, scale) == pytest.approx(0.16)
    assert sampling_variance(1.0, 9, 0.0, ScoreScale(name="identity")) == 0


@pytest.mark.parametrize("chance", [-0.1, 1.0])
def test_an_impossible_chance_is_refused(chance: float) -> None:
    with pytest.raises(ValueError, match="chance lies"):
        choose_scale([0.5], [1], share=True, chance=chance)


@pytest.mark.parametrize("mean", [-0.1, 1.2, float("nan")])
def test_an_impossible_share_is_refused(mean: float) -> None:
    with pytest.raises(ValueError, match="a share lies"):
        choose_scale([0.5, mean], [1, 1], share=True)
