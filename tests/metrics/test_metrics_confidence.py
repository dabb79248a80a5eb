"""Laws of the three confidences and the loss."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.metrics.confidence import (
    choice_confidence,
    loss,
    mean_nll,
    sequence_confidence,
    stated_confidence,
)
from harness.metrics.unscored import Unscored
from tests.strategies import logprobs, probabilities

likelihoods = st.lists(st.floats(min_value=-1e3, max_value=0), min_size=1, max_size=8)


@given(probabilities)
def test_a_stated_confidence_is_itself(confidence: float) -> None:
    assert stated_confidence(confidence) == confidence


@pytest.mark.parametrize(("confidence", "reason"), [(None, "states no"), (1.5, "outside"), (math.nan, "outside")])
def test_a_confidence_that_is_none_is_unscored(confidence: float | None, reason: str) -> None:
    with pytest.raises(Unscored, match=reason):
        stated_confidence(confidence)


@given(logprobs)
def test_sequence_confidence_lies_between_the_tokens_probabilities(found: list[float]) -> None:
    confidence = sequence_confidence(found)

    assert 0 <= confidence <= 1
    assert math.exp(min(found)) - 1e-9 <= confidence <= math.exp(max(found)) + 1e-9


@given(probabilities.filter(bool), st.integers(min_value=1, max_value=30))
def test_length_alone_changes_no_sequence_confidence(probability: float, length: int) -> None:
    assert sequence_confidence([math.log(probability)] * length) == pytest.approx(probability)


@given(logprobs)
def test_the_order_of_tokens_does_not_matter(found: list[float]) -> None:
    assert mean_nll(found) == mean_nll(found[::-1])


def test_an_impossible_token_leaves_no_confidence() -> None:
    assert sequence_confidence([-math.inf, 0.0]) == 0


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (None, "reports no"),
        ([], "no tokens"),
        ([math.nan], "not a number"),
        ([1.0], "above 0"),
        ([math.inf], "above 0"),
    ],
)
def test_no_log_probabilities_is_unscored(found: list[float] | None, reason: str) -> None:
    with pytest.raises(Unscored, match=reason):
        sequence_confidence(found)


@given(likelihoods)
def test_choice_confidences_sum_to_one(found: list[float]) -> None:
    shares = choice_confidence(found)

    assert len(shares) == len(found)
    assert math.fsum(shares) == pytest.approx(1)


@given(likelihoods, st.floats(min_value=-100, max_value=100))
def test_a_common_factor_changes_no_choice(found: list[float], shift: float) -> None:
    assert choice_confidence([value + shift for value in found]) == pytest.approx(choice_confidence(found))


@given(likelihoods)
def test_a_likelier_option_is_never_less_confident(found: list[float]) -> None:
    shares = choice_confidence(found)

    assert shares[found.index(max(found))] == max(shares)


def test_an_impossible_option_gets_nothing() -> None:
    assert choice_confidence([-1.0, -math.inf]) == (1, 0)


@pytest.mark.parametrize("found", [[], [-math.inf], [math.nan], [-1.0, math.nan], [math.inf]])
def test_no_possible_option_is_unscored(found: list[float]) -> None:
    with pytest.raises(Unscored, match="log-likelihoods"):
        choice_confidence(found)


@given(st.floats(min_value=0, max_value=1e6))
def test_the_loss_is_the_measured_one(found: float) -> None:
    assert loss(found) == found


@pytest.mark.parametrize(("found", "reason"), [(None, "measured no loss"), (math.nan, "nan"), (math.inf, "inf")])
def test_no_loss_is_unscored(found: float | None, reason: str) -> None:
    with pytest.raises(Unscored, match=reason):
        loss(found)
