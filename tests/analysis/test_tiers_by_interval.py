"""Tiers judged by interval: the next tier, both sides cross-fitted, and every reason for no verdict."""

import numpy as np
import pytest

from harness.analysis.refusals import Refused
from harness.analysis.tiers_by_interval import tier_standings
from tests.analysis.planted_scores import planted_table

SIZES = {"t": 1.0, "u": 2.0, "s": 3.0, "l": 70.0, "x": None}
MEANS = {
    ("t", "direct"): 0.2,
    ("t", "rag"): 0.5,
    ("u", "direct"): 0.3,
    ("s", "direct"): 0.4,
    ("l", "direct"): 0.8,
    ("x", "direct"): 0.8,
}


def test_the_next_tier_is_the_next_one_that_has_cells() -> None:
    found = tier_standings(planted_table(MEANS, SIZES), 0.05, 1)
    assert [(row.tier, row.models, row.next_tier) for row in found] == [
        ("tiny", ("t", "u"), "small"),
        ("small", ("s",), "large"),
        ("large", ("l",), None),
    ]


def test_the_verdict_is_the_last_row_of_its_sensitivity_and_the_ratio_of_differences() -> None:
    tiny = tier_standings(planted_table(MEANS, SIZES, n=1000), 0.05, 1)[0]
    assert tiny.verdict == tiny.sensitivity[-1].verdict
    assert (len(tiny.sensitivity), tiny.verdict.standing) == (9, "superior")
    assert tiny.compensation.estimate == pytest.approx((0.5 - 0.3) / (0.4 - 0.3), abs=0.05)
    assert (tiny.direct.searched, tiny.retrieval.searched, tiny.next_direct.searched) == (2, 1, 1)


def test_what_is_missing_is_named() -> None:
    _, small, large = tier_standings(planted_table(MEANS, SIZES), 0.05, 1)
    assert small.verdict.reason == small.compensation.reason == "the tier has no retrieval cells"
    assert large.verdict.reason == large.next_direct.reason == "the largest tier has no next"
    no_direct = planted_table({("t", "rag"): 0.5, ("s", "rag"): 0.5}, SIZES)
    assert tier_standings(no_direct, 0.05, 1)[0].verdict.reason == "the next tier has no direct cells"


def test_without_a_margin_the_ratio_stands_and_the_verdict_does_not() -> None:
    tiny = tier_standings(planted_table(MEANS, SIZES), 0.0, 1)[0]
    assert tiny.verdict == Refused(reason="a verdict needs a declared margin above 0")
    assert np.isfinite(tiny.compensation.estimate)
    assert tiny.sensitivity == ()


def test_no_sizes_and_lower_scores_are_refused() -> None:
    table = planted_table({("x", "direct"): 0.5}, SIZES)
    assert tier_standings(table, 0.05, 1).reason == "needs 1 model with known size, has 0"
    lower = planted_table(MEANS, SIZES, higher_is_better=False)
    assert tier_standings(lower, 0.05, 1).reason == "correct is better when it is lower"
