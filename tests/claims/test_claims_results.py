import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.claims.results import ALPHA, ClaimResult, Finding, Undecided, judge, undecided
from harness.claims.scaling import ClaimFailed, held

p_values = st.floats(1e-9, 1.0)


def finding(support: float | None = None, against: float | None = None, **changes: object) -> Finding:
    fields = {"claim": "a beats b", "numbers": "It does.", "n": 30, "why": "something is in the way"}
    return Finding(**{**fields, "support": support, "against": against, **changes})


@given(st.lists(st.tuples(p_values, p_values), max_size=6))
def test_no_verdict_is_told_above_the_level_and_order_is_kept(pairs):
    found = judge([finding(*pair) for pair in pairs])
    assert len(found) == len(pairs)
    for result, (support, against) in zip(found, pairs, strict=True):
        if result.verdict == "holds":
            assert support <= ALPHA
        if result.verdict == "fails":
            assert against <= ALPHA


@given(p_values, st.integers(1, 9))
def test_a_claim_among_others_needs_more_evidence_than_one_by_itself(support, others):
    alone = judge([finding(support, 1.0)])[0].verdict
    among = judge([finding(support, 1.0)] * others)[0].verdict
    assert among == alone or (alone, among) == ("holds", "inconclusive")


def test_claims_that_are_not_tested_do_not_count_as_others():
    found = judge([finding(0.04, 1.0), finding()])
    assert [result.verdict for result in found] == ["holds", "inconclusive"]
    assert "of this claim alone" in found[0].message


def test_the_family_is_told():
    assert "p = .002, by Holm over 2 claims" in judge([finding(0.001, 1.0), finding(0.5, 0.5)])[0].message


def test_a_tiny_p_is_never_told_as_nothing():
    assert "p < .001" in judge([finding(1e-12, 1.0)])[0].message


def test_a_failure_says_that_the_claim_does_not_hold():
    assert judge([finding(1.0, 0.01)])[0].message.startswith("a beats b: does not hold. It does. One-sided p = .010")


def test_what_cannot_be_told_says_what_it_needs():
    (found,) = judge([finding(0.3, 0.7, needed=420)])
    assert (found.verdict, found.needed, found.n, found.why) == ("inconclusive", 420, 30, None)
    assert found.sentence == "a beats b: inconclusive, needs about 420 questions, has 30"
    assert "about 420 questions are needed, it has 30" in found.message


def test_what_no_number_of_questions_tells_says_why():
    (found,) = judge([finding(0.3, 0.7)])
    assert (found.needed, found.why) == (None, "something is in the way")
    assert found.message.endswith("Something is in the way.")
    assert found.sentence == "a beats b: inconclusive (something is in the way)"


def test_a_claim_that_holds_is_told_in_a_line():
    assert judge([finding(0.001, 1.0)])[0].sentence == "a beats b: holds"


@pytest.mark.parametrize(("untested", "verdict"), [(True, "untested"), (False, "inconclusive")])
def test_the_reason_of_an_untested_claim_is_kept(untested, verdict):
    found = judge([undecided("a beats b", Undecided("there is no a", untested=untested))])[0]
    assert (found.verdict, found.why, found.n) == (verdict, "there is no a", None)


def test_only_a_claim_that_fails_is_raised():
    for verdict in ("holds", "inconclusive", "untested"):
        result = ClaimResult(name="a", verdict=verdict, message="m")
        assert held(result) is result
    with pytest.raises(ClaimFailed, match="m"):
        held(ClaimResult(name="a", verdict="fails", message="m"))
