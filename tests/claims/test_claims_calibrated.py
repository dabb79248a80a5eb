import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.claims.calibrated import Stated, _highest, calibrated
from harness.claims.results import judge
from harness.errors import HarnessError, UnknownName
from tests.claims.grounds import make_ground

SIMULATED, ERRS_MOST = 150, 0.11  # .05 and three standard errors of 150 draws


def stating(rng: np.random.Generator, n: int, excess: float, **changes: object):
    """A cell whose answers are right with a chance of `excess` less than the stated confidence."""
    stated = 0.4 + 0.5 * rng.random(n)
    right = (rng.random(n) < stated - excess).astype(float)
    return make_ground({"s:direct": right}, confidence=[stated], **changes)


def verdict(ground, max_ece: float) -> str:
    return judge([calibrated(ground, "s", max_ece)])[0].verdict


@pytest.mark.parametrize(("excess", "told"), [(0.0, "holds"), (0.15, "inconclusive"), (0.3, "fails")])
@pytest.mark.parametrize("cluster", [1, 4])
def test_what_was_planted_is_found(excess, told, cluster):
    ground = stating(np.random.default_rng(4), 1200, excess, clusters=np.arange(1200) // cluster)
    assert verdict(ground, 0.15) == told


def test_at_the_bound_neither_verdict_is_told_more_often_than_its_level():
    rng = np.random.default_rng(8)
    found = [verdict(stating(rng, 200, 0.1), 0.1) for _ in range(SIMULATED)]
    assert found.count("holds") / SIMULATED <= ERRS_MOST
    assert found.count("fails") / SIMULATED <= ERRS_MOST


def test_noise_alone_is_never_told_as_miscalibration():
    rng = np.random.default_rng(8)
    found = [verdict(stating(rng, 60, 0.0), 0.02) for _ in range(SIMULATED)]
    assert found.count("fails") / SIMULATED <= ERRS_MOST


@settings(max_examples=30)
@given(st.integers(0, 2**20), st.integers(2, 6))
def test_no_signs_have_a_higher_limit(seed, bins):
    rng = np.random.default_rng(seed)
    made = Stated(
        confidence=rng.random(60), gaps=rng.normal(size=60), bins=np.arange(60) % bins, clusters=np.arange(60)
    )
    limit, signs = _highest(made)
    signed = signs[made.bins] * made.gaps
    own = signed.mean() + 1.6712 * signed.std(ddof=1) / np.sqrt(60)  # the .95 quantile of t with 59 df
    assert limit == pytest.approx(own, rel=1e-3)
    for _ in range(5):
        other = rng.choice([-1.0, 1.0], size=bins)[made.bins] * made.gaps
        assert other.mean() + 1.6712 * other.std(ddof=1) / np.sqrt(60) <= limit + 1e-3


def test_the_numbers_are_told():
    found = calibrated(stating(np.random.default_rng(4), 300, 0.1), "s:direct", 0.12)
    assert found.claim == "the confidence of s:direct is calibrated to 0.12"
    assert found.numbers.startswith("Over 300 answers in 15 bins of confidence the error is ")
    assert found.n == 300


def test_what_is_needed_is_more_than_there_is():
    found = calibrated(stating(np.random.default_rng(4), 60, 0.0), "s", 0.2)
    assert judge([found])[0].verdict == "inconclusive"
    assert found.needed is None or found.needed > 60


@pytest.mark.parametrize(
    ("stated", "clusters", "why"),
    [
        ([[np.nan] * 4], [0, 1, 2, 3], "none of its 4 answers states a confidence"),
        ([[0.5] * 4], [0, 0, 0, 0], "its 4 answers with a confidence are in one cluster"),
    ],
)
def test_what_cannot_be_told_says_why(stated, clusters, why):
    ground = make_ground({"s:direct": [1.0, 0.0, 1.0, 0.0]}, confidence=stated, clusters=clusters)
    assert calibrated(ground, "s", 0.1).why == why


def test_mistakes_are_told():
    ground = stating(np.random.default_rng(4), 9, 0.0)
    with pytest.raises(UnknownName, match="unknown cell 'x'"):
        calibrated(ground, "x", 0.1)
    with pytest.raises(HarnessError, match=r"max_ece = 1.5 is no bound"):
        calibrated(ground, "s", 1.5)
