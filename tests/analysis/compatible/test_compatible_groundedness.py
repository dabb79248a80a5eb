"""Groundedness by size: by hand, and what it says of too little data."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.compatible.groundedness import METRICS, faithfulness_gaps, groundedness
from tests.analysis.compatible.compatible_rows import frame, golden_rows, row


def faithful(column: str = "faithfulness"):
    made = [("s", 1.0, "tiny", 0.2), ("s", 1.0, "tiny", 0.4), ("m", 3.0, "small", 0.5), ("l", 9.0, "medium", 0.7)]
    return frame(*(row(model=m, params_b=size, tier=tier, **{column: value}) for m, size, tier, value in made))


def of(rows, metric: str = "faithfulness"):
    return {found.metric: found for found in groundedness(rows)}[metric]


@pytest.mark.parametrize("column", ["faithfulness", "faithfulness@1"])
def test_means_and_intervals_by_hand(column) -> None:
    small, *others = of(faithful(column)).models
    half = 1.96 * np.std([0.2, 0.4], ddof=1) / np.sqrt(2)
    assert (small.mean, small.low, small.high, small.n) == pytest.approx((0.3, 0.3 - half, 0.3 + half, 2))
    assert [(model.mean, model.low) for model in others] == [(0.5, None), (0.7, None)]


def test_the_trend_is_over_log10_of_size() -> None:
    assert of(faithful()).trend.slope == pytest.approx(0.2 / np.log10(3))


def test_two_models_have_no_trend() -> None:
    found = of(faithful()[:3]).trend
    assert (found.slope, found.reason) == (None, "a fit needs at least 3 models, here 2")


def test_tiers_come_smallest_first() -> None:
    tiers = of(faithful()).tiers
    assert [(tier.tier, tier.n, tier.mean) for tier in tiers] == [
        *(("tiny", 2, pytest.approx(0.3)), ("small", 1, 0.5), ("medium", 1, 0.7)),
    ]


def test_direct_rows_have_no_groundedness() -> None:
    assert of(faithful().assign(kind="direct")).reason == "no retrieval row has a value"


def test_an_absent_metric_has_a_reason() -> None:
    found = of(faithful(), "hallucination")
    assert (found.n, found.models, found.reason) == (0, (), "no such column")


def test_all_four_metrics_are_told_in_order() -> None:
    assert tuple(found.metric for found in groundedness(frame())) == METRICS


def test_the_gap_is_f1_minus_faithfulness_over_rows_with_both() -> None:
    values = [(0.5, 0.7), (0.6, 0.7), (0.4, 0.9), (0.5, 0.8), (0.5, 0.9), (np.nan, 0.1), (0.1, np.nan)]
    (found,) = faithfulness_gaps(frame(*(row(f1=f1, faithfulness=faith) for f1, faith in values)))
    assert (found.n, found.f1, found.faithfulness, found.gap) == pytest.approx((5, 0.5, 0.8, -0.3))


@given(st.integers(min_value=1, max_value=4))
def test_fewer_than_five_rows_have_no_gap(n) -> None:
    (found,) = faithfulness_gaps(frame(*(row(faithfulness=0.5) for _ in range(n))))
    assert (found.gap, found.reason) == (None, f"{n} rows with both, at least 5 are needed")


def test_rows_without_faithfulness_or_tier_have_no_gaps() -> None:
    assert faithfulness_gaps(frame(row())) == faithfulness_gaps(golden_rows()) == ()
