"""The six-condition effects: by hand, and their laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.compatible.six_conditions import CONDITIONS, EFFECTS, six_conditions, six_conditions_by_model
from harness.analysis.frame import case_frame
from tests.report.made_up_runs import make_cell_results, make_info

counts = st.dictionaries(
    st.sampled_from(CONDITIONS),
    st.integers(0, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
)


def test_every_effect_by_hand() -> None:
    found = six_conditions(
        "m", dict(zip(CONDITIONS, [(2, 10), (5, 10), (3, 10), (6, 10), (1, 10), (9, 10)], strict=True))
    )
    differences = {(effect.kind, effect.of, effect.over): effect.difference for effect in found.effects}
    assert differences == pytest.approx(
        {
            ("rag", 2, 1): 0.3,
            ("rag", 4, 3): 0.3,
            ("rag", 6, 5): 0.8,
            ("fine-tuning", 3, 1): 0.1,
            ("fine-tuning", 4, 2): 0.1,
            ("fine-tuning", 5, 1): -0.1,
            ("fine-tuning", 6, 2): 0.4,
            ("training mode", 5, 3): -0.2,
            ("training mode", 6, 4): 0.3,
        }
    )
    assert found.effects[0].ratio == pytest.approx(2.5)


@given(counts)
def test_an_effect_has_a_difference_exactly_when_both_were_answered(passed) -> None:
    found = six_conditions("m", passed)
    rates = {rate.number: rate.rate for rate in found.rates}
    for effect in found.effects:
        both = rates[effect.of] is not None and rates[effect.over] is not None
        assert (effect.difference is not None) == both
        assert (effect.ratio is None) == (effect.reason is not None)
        if effect.difference is not None:
            assert -1 <= effect.difference <= 1


@given(counts)
def test_the_ways_round_a_square_agree(passed) -> None:
    effects = {(effect.of, effect.over): effect.difference for effect in six_conditions("m", passed).effects}
    if None not in (effects[2, 1], effects[4, 2], effects[3, 1], effects[4, 3]):
        assert effects[2, 1] + effects[4, 2] == pytest.approx(effects[3, 1] + effects[4, 3])


def test_the_rates_of_a_run_are_correct_of_answered() -> None:
    results = [
        *make_cell_results(["correct", "wrong", "error", None], "direct"),
        *make_cell_results(["correct", "correct", "blank", "unparsed"], "rag"),
    ]
    (found,) = six_conditions_by_model(case_frame(results, run=make_info(8)))
    assert [(rate.passed, rate.n) for rate in found.rates] == [(1, 2), (2, 4), (0, 0), (0, 0), (0, 0), (0, 0)]
    assert found.effects[0].difference == 0
    assert found.effects[1].reason == "no answers of ft+rag, ft"
    assert found.compatible


def test_an_empty_table_has_no_models() -> None:
    assert six_conditions_by_model(case_frame([], run=make_info(0))) == ()


@pytest.mark.parametrize("count", [(3, 2), (-1, 2)])
def test_impossible_counts_are_a_mistake(count) -> None:
    with pytest.raises(ValueError, match="condition 'rag'"):
        six_conditions("m", {"rag": count})


def test_the_effects_are_the_nine_specified() -> None:
    assert [f"{of}-{over}" for _, of, over in EFFECTS] == [
        "2-1",
        "4-3",
        "6-5",
        "3-1",
        "4-2",
        "5-1",
        "6-2",
        "5-3",
        "6-4",
    ]
