import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.claims.pairs import Rivals, beats, matches
from harness.claims.results import judge
from harness.errors import HarnessError, UnknownName
from tests.claims.grounds import drawn, exactly, make_ground

S_L = Rivals(a="s:rag", b="l:direct")
SIMULATED, ERRS_MOST = 300, 0.08  # .05 and three standard errors of 300 draws


def verdict(finding) -> str:
    return judge([finding])[0].verdict


@pytest.mark.parametrize(
    ("shares", "margin", "told"),
    [
        ({"s_rag": 0.8, "l_direct": 0.8}, 0.1, "holds"),
        ({"s_rag": 0.4, "l_direct": 0.8}, 0.1, "fails"),
        ({"s_rag": 0.9, "l_direct": 0.5}, 0.05, "holds"),
        ({"s_rag": 0.8, "l_direct": 0.8}, 0.005, "inconclusive"),
    ],
)
def test_what_was_planted_is_found(shares, margin, told):
    ground = make_ground(drawn(np.random.default_rng(3), 500, **shares))
    assert verdict(matches(ground, S_L, margin)) == told


def rates(shares: dict[str, float], claim, *, cluster: int = 1) -> dict[str, float]:
    """How often each verdict is told of claims about cells that truly have these shares."""
    rng, found = np.random.default_rng(11), []
    for _ in range(SIMULATED):
        cells = {name: np.repeat(values, cluster) for name, values in drawn(rng, 200 // cluster, **shares).items()}
        ground = make_ground(cells, clusters=np.repeat(np.arange(200 // cluster), cluster))
        found.append(verdict(claim(ground)))
    return {told: found.count(told) / SIMULATED for told in ("holds", "fails", "inconclusive")}


@pytest.mark.parametrize("cluster", [1, 4])
def test_at_the_margin_neither_verdict_is_told_more_often_than_its_level(cluster):
    found = rates({"s_rag": 0.5, "l_direct": 0.6}, lambda ground: matches(ground, S_L, 0.1), cluster=cluster)
    assert found["holds"] <= ERRS_MOST
    assert found["fails"] <= ERRS_MOST


@pytest.mark.parametrize("cluster", [1, 4])
def test_equals_rarely_beat_each_other(cluster):
    found = rates({"s_rag": 0.6, "l_direct": 0.6}, lambda ground: beats(ground, S_L), cluster=cluster)
    assert found["holds"] <= ERRS_MOST
    assert found["fails"] <= ERRS_MOST


def test_a_gain_that_is_just_the_claimed_one_is_rarely_told():
    found = rates({"s_rag": 0.7, "l_direct": 0.6}, lambda ground: beats(ground, S_L, 0.1))
    assert found["holds"] <= ERRS_MOST


@pytest.mark.parametrize(("by", "told"), [(0.0, "holds"), (0.1, "holds"), (0.3, "inconclusive"), (0.5, "fails")])
def test_a_gain_is_compared_with_the_claimed_one(by, told):
    ground = make_ground(drawn(np.random.default_rng(5), 500, s_rag=0.8, l_direct=0.5))
    assert verdict(beats(ground, S_L, by)) == told


@settings(max_examples=30)
@given(st.integers(0, 2**20), st.sampled_from([0.02, 0.05, 0.2]))
def test_the_order_of_the_questions_changes_nothing(seed, margin):
    rng = np.random.default_rng(seed)
    cells = drawn(rng, 60, s_rag=0.7, l_direct=0.6)
    order = rng.permutation(60)
    shuffled = {name: values[order] for name, values in cells.items()}
    first, second = (matches(make_ground(each), S_L, margin) for each in (cells, shuffled))
    assert (first.support, first.against, first.needed) == pytest.approx(
        (second.support, second.against, second.needed)
    )


@settings(max_examples=30)
@given(st.integers(0, 2**20), st.floats(0.01, 0.2), st.floats(0.01, 0.2))
def test_a_wider_margin_is_never_harder_to_keep(seed, one, other):
    ground = make_ground(drawn(np.random.default_rng(seed), 80, s_rag=0.6, l_direct=0.6))
    narrow, wide = (matches(ground, S_L, margin).support for margin in sorted((one, other)))
    assert wide <= narrow + 1e-12


def test_what_is_needed_would_tell():
    rng = np.random.default_rng(2)
    few = matches(make_ground(drawn(rng, 60, s_rag=0.6, l_direct=0.6)), S_L, 0.1)
    assert few.needed is not None
    more = [verdict(matches(make_ground(drawn(rng, few.needed, s_rag=0.6, l_direct=0.6)), S_L, 0.1)) for _ in range(60)]
    assert more.count("holds") / 60 >= 0.6


def test_the_studys_margin_is_taken_where_none_is_given():
    ground = make_ground(exactly(300, s_rag=150, l_direct=150), margin=0.2)
    assert matches(ground, S_L).claim == "s:rag matches l:direct within 20 points"


def test_the_numbers_are_told():
    told = matches(make_ground(exactly(100, s_rag=60, l_direct=64)), S_L, 0.1)
    assert told.numbers.startswith(
        "Of the same 100 questions s:rag gets 60.0 % right and l:direct 64.0 %: -4.0 points ["
    )
    assert (told.n, told.numbers.count("(90 % interval)")) == (100, 1)


def test_equal_answers_to_few_questions_match_only_with_many():
    few, many = (matches(make_ground(exactly(n, s_rag=n, l_direct=n)), S_L, 0.05) for n in (30, 100))
    assert (verdict(few), few.needed) == ("inconclusive", 59)
    assert verdict(many) == "holds"


def test_a_loss_at_the_margin_says_that_no_number_helps():
    found = matches(make_ground(exactly(60, s_rag=30, l_direct=36)), S_L, 0.1)
    assert verdict(found) == "inconclusive"
    assert found.needed is None or found.needed > 60


def test_a_rival_that_is_right_alike_beats_by_the_exact_bound():
    found = beats(make_ground(exactly(3, s_rag=3, l_direct=0)), S_L)
    assert (verdict(found), found.needed) == ("inconclusive", 5)


def failing(cells: dict[str, np.ndarray], name: str, places) -> dict[str, np.ndarray]:
    cells[name][places] = np.nan
    return cells


def test_failed_calls_that_decide_leave_a_claim_open():
    cells = failing(exactly(300, s_rag=240, l_direct=240), "s:rag", slice(0, 60))
    found = matches(make_ground(cells), S_L, 0.1)
    assert verdict(found) == "inconclusive"
    assert "60 of 300 questions have no score in one of them" in found.numbers


def test_failed_calls_that_decide_nothing_are_told_alone():
    cells = failing(exactly(300, s_rag=290, l_direct=150), "s:rag", slice(0, 5))
    assert verdict(beats(make_ground(cells), S_L)) == "holds"


def test_a_metric_is_compared_on_its_own_scale():
    rng = np.random.default_rng(4)
    rows = [0.8 + 0.1 * rng.random(200), 0.5 + 0.1 * rng.random(200)]
    ground = make_ground(exactly(200, s_rag=100, l_direct=100), metrics={"f1@1": rows})
    found = beats(ground, Rivals(a="s:rag", b="l:direct", metric="f1"), 0.2)
    assert (verdict(found), found.claim) == ("holds", "s:rag beats l:direct by more than 0.2 in f1")
    assert "has a mean of 0.855 in f1" in found.numbers


def test_less_of_a_loss_is_better():
    rng = np.random.default_rng(4)
    rows = [1.0 + rng.random(100), 2.0 + rng.random(100)]
    ground = make_ground(exactly(100, s_rag=50, l_direct=50), metrics={"loss@1": rows})
    found = beats(ground, Rivals(a="s:rag", b="l:direct", metric="loss"))
    assert verdict(found) == "holds"
    assert "a fall counts as a gain" in found.numbers


def test_a_metric_without_bounds_and_without_spread_cannot_be_told():
    rows = np.array([[1.0] * 30, [2.0] * 30])
    ground = make_ground(exactly(30, s_rag=15, l_direct=15), metrics={"loss@1": rows})
    found = beats(ground, Rivals(a="s:rag", b="l:direct", metric="loss"))
    assert (verdict(found), found.why) == (
        "inconclusive",
        "the differences do not spread, and the metric has no bounds",
    )


def test_an_unread_answer_has_the_worst_score_of_a_metric():
    cells = exactly(40, s_rag=20, l_direct=20)
    rows = np.full((2, 40), 0.5)
    rows[0, :20] = np.nan
    ground = make_ground(cells, metrics={"f1@1": rows})
    ground.grids[0].columns["primary"][0, :10] = np.nan
    found = matches(ground, Rivals(a="s:rag", b="l:direct", metric="f1"), 0.1)
    assert found.n == 30
    assert "10 of 40 questions have no score" in found.numbers


@pytest.mark.parametrize("claim", [lambda ground: matches(ground, S_L, 1.5), lambda ground: beats(ground, S_L, -0.1)])
def test_a_margin_fits_its_metric(claim):
    with pytest.raises(HarnessError, match="does not fit correct: give a number from 0 to below 1"):
        claim(make_ground(exactly(9, s_rag=3, l_direct=3)))


def test_unknown_names_come_with_the_nearest():
    ground = make_ground(exactly(9, s_rag=3, l_direct=3))
    with pytest.raises(UnknownName, match=r"unknown cell 's:rga': did you mean 's:rag'\?"):
        beats(ground, Rivals(a="s:rga", b="l:direct"))
    with pytest.raises(UnknownName, match="unknown metric 'f2'"):
        beats(ground, Rivals(a="s:rag", b="l:direct", metric="f2"))


def test_two_versions_of_a_metric_are_not_mixed():
    rows = np.ones((2, 9))
    ground = make_ground(exactly(9, s_rag=3, l_direct=3), metrics={"f1@1": rows, "f1@2": rows})
    with pytest.raises(HarnessError, match="holds f1@1 and f1@2: run harness rescore"):
        beats(ground, Rivals(a="s:rag", b="l:direct", metric="f1"))


def test_a_metric_of_the_users_own_has_no_bounds():
    rng = np.random.default_rng(1)
    rows = [100 + rng.random(50), 10 + rng.random(50)]
    ground = make_ground(exactly(50, s_rag=9, l_direct=9), metrics={"words@0": rows})
    assert verdict(beats(ground, Rivals(a="s:rag", b="l:direct", metric="words"), 80)) == "holds"


def test_cells_of_other_questions_are_not_compared():
    first, second = (make_ground(exactly(9, **{name: 3})) for name in ("s_rag", "l_direct"))
    ground = make_ground(
        exactly(9, s_rag=3), grids=(first.grids[0], second.grids[0]), cells={**first.cells, **second.cells}
    )
    found = matches(ground, S_L, 0.1)
    assert found.why == "the questions that s:rag and l:direct are asked differ"


def test_cells_that_share_no_scored_question_are_not_compared():
    cells = {"s:rag": [1.0, np.nan], "l:direct": [np.nan, 1.0]}
    assert matches(make_ground(cells), S_L, 0.1).why == "none of the 2 questions is scored in both cells"
