"""Tier tables: the published ones with their sensitivity, and their laws."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.compatible.scaling import ModelRow
from harness.analysis.compatible.tiers import tier_sensitivity, tier_table, verdict_table
from tests.analysis.compatible.compatible_rows import reference

numbers = st.none() | st.floats(min_value=-0.2, max_value=1)
model_lists = st.lists(
    st.builds(
        ModelRow,
        model=st.sampled_from("abcdefgh"),
        datasets=st.just(1),
        tier=st.none() | st.sampled_from(["tiny", "small", "medium", "large"]),
        direct=numbers,
        best_rag=numbers,
    ),
    max_size=8,
)


def published_models() -> list[ModelRow]:
    return [
        ModelRow(
            model=line.model_short,
            datasets=3,
            params_b=line.params_b,
            tier=line.tier,
            direct=line.direct_f1,
            best_rag=line.best_rag_f1,
        )
        for line in pd.read_csv(reference("published_models_7.csv")).itertuples()
    ]


def test_the_published_tiers_come_out() -> None:
    tiny, small, medium = tier_table(published_models())
    expected = pd.read_csv(reference("published_tiers.csv")).set_index("tier")
    assert (tiny.direct, tiny.best_rag, tiny.next_direct) == pytest.approx(
        tuple(expected.loc["tiny", ["tiny_direct", "tiny_best_rag", "small_direct"]]), abs=6e-5
    )
    assert (small.best_rag, small.next_direct) == pytest.approx(
        tuple(expected.loc["small", ["small_best_rag", "medium_direct"]]), abs=6e-5
    )
    for found in (tiny, small):
        assert found.can_match == expected.loc[found.tier, "can_match"]
        assert found.compensation_ratio == pytest.approx(expected.loc[found.tier, "compensation_ratio"], abs=5e-4)
    assert (medium.compensation_ratio, medium.can_match) == (None, None)
    assert medium.reason == "the largest tier has no next"


def test_the_published_sensitivity_comes_out() -> None:
    found = {
        (line.best_over_models, line.direct_over_models): (f"{line.ratio:.3f}", line.can_match)
        for line in tier_sensitivity(published_models(), "small")
    }
    assert found["max", "mean"] == ("1.522", True)
    assert found["max", "max"] == ("0.919", False)
    assert found["mean", "mean"] == ("1.240", True)


@given(model_lists)
def test_the_first_sensitivity_is_the_table(models) -> None:
    for line in tier_table(models):
        found = tier_sensitivity(models, line.tier)
        assert (line.next_tier is None) == (not found)
        if found:
            assert (found[0].ratio, found[0].can_match) == (line.compensation_ratio, line.can_match)


@given(model_lists)
def test_a_tier_matches_exactly_when_its_ratio_is_at_least_1(models) -> None:
    for line in tier_table(models):
        if line.compensation_ratio is None:
            assert line.reason is not None
        else:
            assert line.can_match == (line.compensation_ratio >= 1)


@given(model_lists)
def test_the_verdicts_repeat_the_table(models) -> None:
    table = tier_table(models)
    for line, verdict in zip(table, verdict_table(table), strict=True):
        assert (verdict.tier, verdict.direct, verdict.best_rag) == (line.tier, line.direct, line.best_rag)
        assert verdict.can_match_next_tier == line.can_match
        if line.direct is not None and line.best_rag is not None:
            assert verdict.uplift == line.best_rag - line.direct


def model(tier: str, direct: float | None = 0.5, best_rag: float | None = 0.6) -> ModelRow:
    return ModelRow(model=f"a {tier} one", datasets=1, tier=tier, direct=direct, best_rag=best_rag)


def test_the_next_tier_is_the_next_one_with_models() -> None:
    assert [line.next_tier for line in tier_table([model("large"), model("tiny")])] == ["large", None]


@pytest.mark.parametrize(
    ("models", "match", "reason"),
    [
        ([model("tiny"), model("small", direct=0.0)], True, "the next tier's direct mean is 0, not above 0"),
        ([model("tiny", best_rag=None), model("small")], None, "the tier has no retrieval cells"),
        ([model("tiny"), model("small", direct=None)], None, "the next tier has no direct cells"),
    ],
)
def test_an_undefined_ratio_has_a_reason(models, match, reason) -> None:
    line = tier_table(models)[0]
    assert (line.compensation_ratio, line.can_match, line.reason) == (None, match, reason)


def test_no_models_have_no_tiers() -> None:
    assert tier_table([]) == tier_sensitivity([], "tiny") == ()
