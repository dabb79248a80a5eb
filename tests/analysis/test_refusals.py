"""Reasons are one line of good English."""

import pytest

from harness.analysis.refusals import needs


@pytest.mark.parametrize(
    ("least", "what", "number", "reason"),
    [
        (3, "model with a size", 1, "needs 3 models with a size, has 1"),
        (1, "case", 0, "needs 1 case, has 0"),
        (2, "cluster", 1, "needs 2 clusters, has 1"),
    ],
)
def test_what_is_needed_stands_in_its_number(least: int, what: str, number: int, reason: str) -> None:
    assert needs(least, what, number).reason == reason
