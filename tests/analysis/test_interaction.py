"""Effects of retrieval and fine-tuning: their algebra, their match with the plain comparisons, and their coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from harness.analysis.distributions import generator, normal_quantile
from harness.analysis.interaction import (
    BY_NAME,
    CONTRASTS,
    condition_effects,
    contrast_values,
    effect,
    size_rows,
)
from harness.analysis.intervals import mean_interval
from harness.analysis.paired import paired_shares
from harness.analysis.simulate import Missing, PlantedModel, Truth, simulate
from harness.analysis.six_conditions import CONDITIONS

tables = arrays.arrays(np.float64, st.tuples(st.integers(2, 20), st.just(6)), elements=st.integers(0, 1))


def rng() -> np.random.Generator:
    return generator(0, "test")


def by_number(table: np.ndarray) -> dict[int, np.ndarray]:
    return {number: table[:, number - 1] for number in range(1, 7)}


def truth(levels: dict[str, float], **more: object) -> Truth:
    return Truth(models=(PlantedModel(name="m", params_b=2.0, accuracy=levels),), questions=200, **more)


LEVELS = {"direct": 0.4, "rag": 0.6, "ft": 0.5, "ft+rag": 0.8, "rag-ft": 0.45, "rag-ft+rag": 0.65}


@given(tables)
def test_an_interaction_is_the_difference_of_two_effects(table: np.ndarray) -> None:
    scores = by_number(table)
    for name, larger in (("(4-3)-(2-1)", "4-3"), ("(6-5)-(2-1)", "6-5")):
        parts = [contrast_values(scores, BY_NAME[part]) for part in (larger, "2-1")]
        assert (contrast_values(scores, BY_NAME[name]) == parts[0] - parts[1]).all()


@given(tables)
def test_a_single_effect_is_the_paired_comparison(table: np.ndarray) -> None:
    scores = by_number(table)
    found, expected = effect(scores, BY_NAME["2-1"], rng=rng()), paired_shares(scores[2], scores[1], rng=rng())
    assert (found.difference, found.p, found.p_method) == (expected.difference, expected.p, "mid-p McNemar")


@given(tables, st.randoms())
def test_the_order_of_the_questions_changes_nothing(table: np.ndarray, random: object) -> None:
    order = list(range(len(table)))
    random.shuffle(order)
    contrast = BY_NAME["(4-3)-(2-1)"]
    there, back = effect(by_number(table), contrast, rng=rng()), effect(by_number(table[order]), contrast, rng=rng())
    assert there.difference.estimate == pytest.approx(back.difference.estimate)
    assert there.difference.se == pytest.approx(back.difference.se, abs=1e-12)


def test_kinds_are_those_of_the_six_conditions() -> None:
    kinds = {kind: [found.name for found in CONTRASTS if found.kind == kind] for kind in {c.kind for c in CONTRASTS}}
    assert kinds == {
        "rag": ["2-1", "4-3", "6-5"],
        "fine-tuning": ["3-1", "4-2", "5-1", "6-2"],
        "training mode": ["5-3", "6-4"],
        "interaction": ["(4-3)-(2-1)", "(6-5)-(2-1)"],
    }


def test_a_missing_answer_drops_the_question() -> None:
    scores = by_number(np.tile([0.0, 1.0, 0.0, 1.0, 0.0, 1.0], (10, 1)))
    scores[2][0] = np.nan
    found = effect(scores, BY_NAME["2-1"], [str(k // 2) for k in range(10)], rng=rng())
    assert (found.n, found.dropped, found.difference.clusters) == (9, 1, 5)


def test_a_condition_that_was_not_run_is_named() -> None:
    assert effect({1: [0.0, 1.0]}, BY_NAME["2-1"], rng=rng()).refused == "condition 2 was not run"


def test_without_shared_questions_there_is_no_effect() -> None:
    found = effect({1: [0.0, np.nan], 2: [np.nan, 1.0]}, BY_NAME["2-1"], rng=rng())
    assert (found.difference, found.dropped) == (None, 2)
    assert found.refused == "no question was scored in all of its conditions"


def test_all_contrasts_of_a_model_are_told_and_adjusted_together() -> None:
    found = condition_effects(simulate(truth(LEVELS, clusters=40, icc=0.2, shared=0.5), 1), seed=1)
    assert [each.contrast for each in found] == list(CONTRASTS)
    assert {each.adjusted.size for each in found} == {11}
    assert all(each.adjusted.exploratory and each.adjusted.p >= each.p for each in found)
    assert {(each.model, each.params_b) for each in found} == {("m", 2.0)}


def test_rows_in_another_order_give_the_same_effects() -> None:
    cases = simulate(truth(LEVELS, clusters=40, icc=0.2, shared=0.5, missing=Missing(error=0.1)), 1)
    assert condition_effects(cases, seed=1) == condition_effects(cases.sample(frac=1, random_state=1), seed=1)


def test_only_conditions_with_a_number_are_looked_at() -> None:
    cases = simulate(truth({"direct": 0.4, "rag": 0.6, "gold": 0.9}), 1)
    assert [each.contrast.name for each in condition_effects(cases, seed=1)] == ["2-1"]
    assert condition_effects(cases[:0], seed=1) == ()


def test_a_row_of_the_table_holds_levels_benefits_and_synergy() -> None:
    cases = simulate(truth(LEVELS, missing=Missing(error=0.1)), 1)
    shares, metric = size_rows(cases, ("correct", "planted@1"), seed=1)
    assert (shares.metric, metric.metric, shares.params_b) == ("correct", "planted@1", 2.0)
    assert shares.base.estimate == pytest.approx(
        (cases[cases.condition == "direct"].dropna(subset=["primary"]).primary).mean()
    )
    assert [part.contrast.name for part in (shares.rag_benefit, shares.ft_benefit, shares.synergy)] == [
        "2-1",
        "3-1",
        "(4-3)-(2-1)",
    ]


def test_a_level_without_scores_is_none_and_its_benefit_says_why() -> None:
    cases = simulate(truth({"direct": 0.4, "rag": 0.6}), 1)
    cases["params_b"] = np.inf
    (row,) = size_rows(cases, ("correct",), seed=1)
    assert (row.ft_rag, row.params_b, row.ft_benefit.refused) == (None, None, "condition 3 was not run")


def test_the_interaction_is_covered_at_its_nominal_rate() -> None:
    """500 replications, 200 questions in 40 clusters, ICC .2: coverage .95 within 3 standard errors, .03."""
    planted = LEVELS["ft+rag"] - LEVELS["ft"] - LEVELS["rag"] + LEVELS["direct"]
    draws = np.random.default_rng(3)
    clusters = [str(place % 40) for place in range(200)]
    hits = 0
    for _ in range(500):
        z = np.sqrt(0.2) * draws.normal(size=(40, 6))[np.arange(200) % 40] + np.sqrt(0.8) * draws.normal(size=(200, 6))
        scores = {
            CONDITIONS[name]: (z[:, k] < normal_quantile(LEVELS[name])).astype(float) for k, name in enumerate(LEVELS)
        }
        values = contrast_values(scores, BY_NAME["(4-3)-(2-1)"])
        found = mean_interval(values, clusters)
        hits += found.low <= planted <= found.high
    assert abs(hits / 500 - 0.95) < 0.03
