"""Answers to "instead of": families, adjustment, power beside every comparison, and who stands against whom."""

import numpy as np
import pytest

from harness.analysis.margin import margin_verdict
from harness.analysis.power import detectable_effect, noninferiority_power, paired_design
from harness.analysis.refusals import Refused
from harness.analysis.searched import search_models
from harness.analysis.substitutes import best_substitutes, headline, substitutes, within_models
from tests.analysis.planted_scores import arm, planted_table, score_table

SIZES = {"small": 1.0, "big": 8.0}
MEANS = {
    ("small", "direct"): 0.3,
    ("small", "rag"): 0.6,
    ("small", "gold"): 0.9,
    ("big", "direct"): 0.6,
    ("big", "rag"): 0.7,
}


def test_retrieval_is_declared_and_all_else_exploratory() -> None:
    found = within_models(planted_table(MEANS, SIZES), 1, 0.05)
    told = {(row.model, row.condition): (row.declared, row.adjusted.method, row.adjusted.size) for row in found}
    assert told == {
        ("small", "rag"): (True, "Holm", 2),
        ("small", "gold"): (False, "Benjamini-Hochberg", 1),
        ("big", "rag"): (True, "Holm", 2),
    }
    assert all(row.adjusted.p >= row.paired.p for row in found)


def test_power_stands_beside_every_comparison() -> None:
    table = planted_table(MEANS, SIZES)
    row = within_models(table, 1, 0.05)[0]
    design = paired_design(table.scores[:, 1], table.scores[:, 0])
    assert row.detectable == detectable_effect(design)
    assert row.power == noninferiority_power(design, margin=0.05)
    (other,) = substitutes(table, 0.05, 1)[:1]
    assert other.detectable == detectable_effect(paired_design(table.scores[:, 1], table.scores[:, 3]))
    assert other.verdict.power.margin == 0.05


@pytest.mark.parametrize(("margin", "told"), [(None, "none"), (0.0, "0"), (float("inf"), "inf")])
def test_without_a_margin_no_number_of_questions_is_told(margin: float | None, told: str) -> None:
    row = within_models(planted_table(MEANS, SIZES), 1, margin)[0]
    assert row.power == Refused(reason=f"needs a declared margin above 0, has {told}")


def test_every_smaller_model_with_retrieval_stands_against_every_larger_one() -> None:
    table = planted_table(MEANS, SIZES)
    (found,) = substitutes(table, 0.05, 1)
    assert (found.small, found.condition, found.large, found.baseline) == ("small", "rag", "big", "direct")
    assert found.verdict == margin_verdict(table.scores[:, 1], table.scores[:, 3], margin=0.05)
    assert found.test.adjusted.method == "Westfall-Young max-T"


def test_the_headline_is_cross_fit_against_cross_fit() -> None:
    table = planted_table(MEANS, SIZES)
    (found,) = best_substitutes(table, search_models(table, 1), 0.05)
    assert found.verdict == headline(found.sensitivity) == found.sensitivity[-1].verdict


def test_questions_that_one_cell_did_not_score_are_counted() -> None:
    table = planted_table(MEANS, SIZES)
    table.scores[:7, 1] = np.nan
    assert {row.condition: row.dropped for row in within_models(table, 1) if row.model == "small"} == {
        "rag": 7,
        "gold": 0,
    }
    assert substitutes(table, 0.05, 1)[0].dropped == 7


def test_nothing_in_common_has_a_reason_in_every_place() -> None:
    arms = [arm("small", "direct", 1.0), arm("small", "rag", 1.0), arm("big", "direct", 8.0)]
    table = score_table(arms, [[1.0, np.nan, 1.0], [0.0, np.nan, 0.0]])
    row, (other,) = within_models(table, 1, 0.05)[0], substitutes(table, 0.05, 1)
    reasons = {part.reason for part in (row.paired, row.detectable, row.power, other.verdict, other.detectable)}
    assert reasons == {"none of 2 questions is scored in both cells"}
    assert row.adjusted is None
    (best,) = best_substitutes(table, search_models(table, 1), 0.05)
    assert isinstance(best.verdict, Refused)


def test_no_pair_has_a_reason() -> None:
    alone = planted_table({("small", "direct"): 0.5}, SIZES)
    assert within_models(alone, 1).reason == "needs 1 model with a direct and another cell, has 0"
    assert "smaller model with retrieval" in substitutes(alone, 0.05, 1).reason
    assert "smaller model with retrieval" in best_substitutes(alone, search_models(alone, 1), 0.05).reason


@pytest.mark.parametrize("margin", [0.0, float("nan"), float("inf")])
def test_no_verdict_without_a_margin(margin: float) -> None:
    table = planted_table(MEANS, SIZES)
    for found in (substitutes(table, margin, 1), best_substitutes(table, search_models(table, 1), margin)):
        assert "needs a declared margin above 0" in found.reason


def test_no_verdict_where_lower_is_better() -> None:
    table = planted_table(MEANS, SIZES, higher_is_better=False)
    assert substitutes(table, 0.05, 1).reason == "correct is better when it is lower"


def test_models_of_unknown_size_are_neither_smaller_nor_larger() -> None:
    table = planted_table(MEANS, {"small": None, "big": 8.0})
    assert isinstance(substitutes(table, 0.05, 1), Refused)
    assert isinstance(best_substitutes(table, search_models(table, 1), 0.05), Refused)
