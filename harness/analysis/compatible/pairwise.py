"""Pairwise preference: sign test and Wilson interval on the decisive matches, and sequential ratings."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import log, tanh
from sys import float_info
from typing import Literal

from harness.analysis.compatible import faults
from harness.analysis.distributions import fair_binomial_cdf
from harness.analysis.intervals import wilson

Match = Literal["a", "b", "tie"]
Z = 1.96  # the published quantile, not that of .975 to more digits
K = 32.0
START = 1500.0
SCALE = 400.0
SCORES: dict[Match, float] = {"a": 1.0, "b": 0.0, "tie": 0.5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """A against B over `matches`; the test and the share are over the `decisive` ones.

    `p` is two-sided, 1 without decisive matches. `share_a` is a's share of the decisive matches with its 95 % interval,
    None when there are none.
    """

    wins_a: int
    wins_b: int
    ties: int
    matches: int
    decisive: int
    p: float
    share_a: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str | None = None
    compatible: bool = field(default=True, init=False)
    fault: str = field(default=faults.TIES, init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EloRatings:
    """Both ratings after `matches` matches in the order given."""

    a: float
    b: float
    matches: int
    compatible: bool = field(default=True, init=False)
    fault: str = field(default=faults.ELO, init=False)


def preference(wins_a: int, wins_b: int, ties: int = 0) -> Preference:
    """The exact two-sided sign test without ties, and Wilson's interval of a's share of the decisive matches.

    Raises:
        ValueError: a count below 0.

    Source: the published formula "pairwise preference"; Wilson 1927, JASA 22(158).
    """
    if min(wins_a, wins_b, ties) < 0:
        raise ValueError(f"counts of matches must not be below 0: {wins_a}, {wins_b}, {ties}")
    decisive = wins_a + wins_b
    share = wins_a / decisive if decisive else None
    low, high = (None, None) if share is None else wilson(share, decisive, Z)
    return Preference(
        wins_a=wins_a,
        wins_b=wins_b,
        ties=ties,
        matches=decisive + ties,
        decisive=decisive,
        p=sign_test_p(wins_a, wins_b),
        share_a=share,
        low=low,
        high=high,
        reason=None if decisive else "no decisive match",
    )


def sign_test_p(wins_a: int, wins_b: int) -> float:
    """Two-sided exact sign test, in (0, 1]: twice the tail of Bin(wins_a + wins_b, 1/2) at the smaller count."""
    # a tail below the least float is small, not 0
    return min(1.0, max(float_info.min, 2 * fair_binomial_cdf(min(wins_a, wins_b), wins_a + wins_b)))


def elo(matches: Iterable[Match], *, k: float = K, start: float = START) -> EloRatings:
    """Sequential ratings: each match moves both by k times (score - expected), a tie scoring one half.

    Source: Elo 1978, The Rating of Chessplayers; logistic expectation over 400 points.
    """
    a = b = start
    count = 0
    for match in matches:
        moved = k * (SCORES[match] - expected_score(a, b))
        a, b, count = a + moved, b - moved, count + 1
    return EloRatings(a=a, b=b, matches=count)


def expected_score(a: float, b: float) -> float:
    """The score that a rating expects against another, in [0, 1]; 1/2 for equal ones."""
    # 1 / (1 + 10^((b - a) / 400)), in a form that cannot overflow
    return (1 + tanh(log(10) * (a - b) / (2 * SCALE))) / 2
