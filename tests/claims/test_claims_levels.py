import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.claims.levels import Bound, bounded
from harness.claims.results import judge
from harness.errors import HarnessError
from tests.claims.grounds import exactly, make_ground

SIMULATED, ERRS_MOST = 300, 0.09  # .05 and three standard errors of 300 draws


def verdict(ground, **bound) -> str:
    return judge([bounded(ground, Bound(cell="s:rag", **{"side": "at least", **bound}))])[0].verdict


@pytest.mark.parametrize(
    ("side", "value", "told"),
    [
        ("at least", 0.7, "holds"),
        ("at least", 0.79, "inconclusive"),
        ("at least", 0.9, "fails"),
        ("at most", 0.9, "holds"),
        ("at most", 0.81, "inconclusive"),
        ("at most", 0.7, "fails"),
    ],
)
@pytest.mark.parametrize("cluster", [1, 2])
def test_what_was_planted_is_found(side, value, told, cluster):
    ground = make_ground(exactly(400, s_rag=320), clusters=np.arange(400) // cluster)
    assert verdict(ground, side=side, value=value) == told


@pytest.mark.parametrize("share", [0.5, 0.97])
@pytest.mark.parametrize("cluster", [1, 5])
def test_at_the_bound_neither_verdict_is_told_more_often_than_its_level(share, cluster):
    rng, found = np.random.default_rng(9), []
    for _ in range(SIMULATED):
        right = np.repeat(rng.random(200 // cluster) < share, cluster).astype(float)
        ground = make_ground({"s:rag": right}, clusters=np.arange(200) // cluster)
        found.append(verdict(ground, value=share))
    assert found.count("holds") / SIMULATED <= ERRS_MOST
    assert found.count("fails") / SIMULATED <= (ERRS_MOST if share == 0.5 or cluster == 1 else 0.2)


@settings(max_examples=30)
@given(st.integers(0, 60), st.floats(0.05, 0.95))
def test_at_least_and_at_most_are_each_others_contrary(right, value):
    ground = make_ground(exactly(60, s_rag=right))
    least, most = (bounded(ground, Bound(cell="s:rag", side=side, value=value)) for side in ("at least", "at most"))
    assert (least.support, least.against) == (most.against, most.support)


@settings(max_examples=30)
@given(st.integers(0, 59), st.floats(0.05, 0.95), st.sampled_from([1, 3]))
def test_one_more_right_answer_never_weakens_at_least(right, value, cluster):
    clusters = np.arange(60) // cluster
    fewer, more = (
        bounded(
            make_ground(exactly(60, s_rag=count), clusters=clusters), Bound(cell="s:rag", side="at least", value=value)
        )
        for count in (right, right + 1)
    )
    if cluster == 1:
        assert more.support <= fewer.support + 1e-12


def test_the_numbers_are_told():
    found = bounded(make_ground(exactly(400, s_rag=320)), Bound(cell="s:rag", side="at least", value=0.79))
    assert found.claim == "s:rag has at least 79.0 % right"
    assert found.numbers == "It has 80.0 % [76.5, 83.1] (90 % interval) over 400 questions."
    assert found.needed > 400


def test_all_right_answers_tell_by_the_exact_bound():
    few, many = (make_ground(exactly(n, s_rag=n)) for n in (10, 60))
    assert verdict(few, value=0.95) == "inconclusive"
    assert verdict(many, value=0.95) == "holds"
    assert bounded(few, Bound(cell="s:rag", side="at least", value=0.95)).needed > 10


def test_a_mean_is_held_against_a_number():
    rng = np.random.default_rng(1)
    ground = make_ground(exactly(90, s_rag=9), metrics={"f1@1": [0.5 + 0.1 * rng.random(90)]})
    assert verdict(ground, metric="f1", value=0.4) == "holds"
    assert verdict(ground, metric="f1", side="at most", value=0.4) == "fails"


def test_a_mean_that_nothing_spreads_around_has_no_error():
    ground = make_ground(exactly(9, s_rag=9), metrics={"loss@1": [[2.0] * 9]})
    found = bounded(ground, Bound(cell="s:rag", side="at most", value=3.0, metric="loss"))
    assert found.why == "the differences do not spread, and the metric has no bounds"


def test_what_was_measured_to_be_otherwise_needs_no_number():
    found = bounded(make_ground(exactly(20, s_rag=10)), Bound(cell="s:rag", side="at least", value=0.6))
    assert found.needed is None
    assert "the contrary was measured" in found.why


def test_failed_calls_count_both_ways():
    right = exactly(100, s_rag=90)["s:rag"]
    right[:30] = np.nan
    ground = make_ground({"s:rag": right})
    assert verdict(ground, value=0.75) == "inconclusive"
    assert verdict(ground, value=0.4) == "holds"


def test_a_cell_without_a_value_cannot_be_held_against_one():
    ground = make_ground(exactly(9, s_rag=9), metrics={"loss@1": [[np.nan] * 9]})
    found = bounded(ground, Bound(cell="s:rag", side="at most", value=3.0, metric="loss"))
    assert found.why == "none of its 9 questions has a value of loss"


@pytest.mark.parametrize("value", [0.0, 1.0, 1.5, float("nan")])
def test_a_value_that_no_cell_can_miss_or_reach_is_refused(value):
    with pytest.raises(HarnessError, match="give a number between 0 and 1, both excluded"):
        verdict(make_ground(exactly(9, s_rag=3)), value=value)
