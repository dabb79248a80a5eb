"""Success factors, synergy and effect sizes: the published numbers, and scipy's t test."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from harness.analysis.compatible.effects import effect_label, effect_size, success_factors, synergies
from tests.analysis.compatible.compatible_rows import experiment_frames, frame, golden, golden_rows, row

values = st.lists(st.integers(-50, 150).map(lambda hundredths: hundredths / 100), min_size=2, max_size=12)


def test_the_published_success_factors_come_out() -> None:
    expected = golden("golden_variance_expected.json")["success_factors"]
    found = success_factors(golden_rows(), "f1", list(expected))
    lines = [
        (level.factor, level.level, level.helps_share, level.mean_benefit, level.std_benefit, level.benefit_percent)
        for level in found
    ]
    numbers = ("pct_helps", "mean_benefit", "std_benefit", "mean_benefit_pct")
    assert lines == [
        (factor, str(line[factor]), *(line[name] for name in numbers))
        for factor, levels in expected.items()
        for line in levels
    ]


def test_the_published_synergy_comes_out() -> None:
    expected = golden("golden_variance_expected.json")["synergy_prompt_x_retriever"]
    found = synergies(golden_rows(), "f1", "prompt", "retriever_type")
    assert [(pair.first, pair.second, pair.label) for pair in found] == [
        (line["prompt"], line["retriever_type"], line["synergy"].lower()) for line in expected
    ]
    for pair, line in zip(found, expected, strict=True):
        assert (pair.actual, pair.expected) == pytest.approx((line["actual"], line["expected"]), rel=1e-12)
        assert pair.interaction == pytest.approx(line["interaction_effect"], abs=1e-13)


def test_the_published_effect_size_comes_out() -> None:
    rows = golden_rows()
    d, p, label = golden("golden_variance_expected.json")["effect_size_direct_vs_rag"]
    found = effect_size(rows.loc[rows["kind"] == "rag", "f1"], rows.loc[rows["kind"] == "direct", "f1"])
    assert (found.d, found.p) == pytest.approx((d, p), rel=1e-9)
    assert (found.label, found.treated, found.untreated) == (label, 126, 18)


@given(values, values)
def test_the_p_value_is_that_of_the_equal_variance_t_test(a, b) -> None:
    assume(len(set(a)) > 1 and len(set(b)) > 1)  # scipy warns of a sample without spread
    found = effect_size(a, b)
    assert found.p == pytest.approx(ttest_ind(a, b).pvalue, rel=1e-6, abs=1e-12)


@given(values, values)
def test_swapping_the_samples_mirrors_the_effect(a, b) -> None:
    forth, back = effect_size(a, b), effect_size(b, a)
    assert forth.label == back.label
    if forth.d is not None:
        assert forth.d == pytest.approx(-back.d)


@given(values, values, st.floats(min_value=1e-3, max_value=1e200))
def test_the_unit_of_the_scores_changes_nothing(a, b, unit) -> None:
    assume(len(set(a)) > 1 and len(set(b)) > 1)
    scaled = effect_size([unit * value for value in a], [unit * value for value in b])
    assert scaled.d == pytest.approx(effect_size(a, b).d, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("a", "b", "reason"),
    [
        ([], [], "insufficient data: 0 and 0 values"),
        ([1.0], [1.0, 2.0], "insufficient data: 1 and 2 values"),
        ([1.0, np.nan], [1.0, 2.0], "insufficient data: 1 and 2 values"),
        ([0.1, 0.1, 0.1], [0.3, 0.3, 0.3], "the values do not spread"),
        ([0.0, 0.0], [0.0, 0.0], "the values do not spread"),
    ],
)
def test_no_effect_size_has_a_reason(a, b, reason) -> None:
    found = effect_size(a, b)
    assert (found.d, found.p, found.label) == (None, None, None)
    assert found.reason.startswith(reason)


@pytest.mark.parametrize(
    ("d", "label"), [(0.19, "negligible"), (-0.2, "small"), (0.5, "medium"), (-0.79, "medium"), (0.8, "large")]
)
def test_labels_begin_at_their_thresholds(d, label) -> None:
    assert effect_label(d) == label


@given(experiment_frames())
def test_success_factors_are_finite_and_shares_are_shares(rows) -> None:
    for level in success_factors(rows, "f1"):
        numbers = (level.mean_benefit, level.std_benefit or 0.0, level.benefit_percent or 0.0)
        assert 0 <= level.helps_share <= 1
        assert np.isfinite(numbers).all()


@given(st.tuples(*[st.floats(-1, 1)] * 3))
def test_a_balanced_additive_design_has_no_synergy(parts) -> None:
    base, first, second = parts
    rows = frame(
        *(
            row(dataset=name, prompt=a, top_k=b, f1=base + first * a + second * b)
            for name in "de"
            for a in (0, 1)
            for b in (0, 1)
        )
    )
    assert {pair.label for pair in synergies(rows, "f1", "prompt", "top_k")} == {"neutral"}
    assert all(abs(pair.interaction) < 1e-9 for pair in synergies(rows, "f1", "prompt", "top_k"))


def test_a_planted_interaction_is_found_as_a_quarter_of_it() -> None:
    rows = frame(*(row(prompt=a, top_k=b, f1=0.4 * (a == b == 1)) for a in (0, 1) for b in (0, 1)))
    found = {(pair.first, pair.second): pair for pair in synergies(rows, "f1", "prompt", "top_k")}
    assert found["1", "1"].interaction == pytest.approx(0.1)
    assert (found["1", "1"].label, found["1", "0"].label) == ("synergistic", "redundant")


def test_no_rows_have_no_effects() -> None:
    empty = frame()
    assert success_factors(empty, "f1") == synergies(empty, "f1", "prompt", "model") == ()


def test_a_direct_mean_of_0_gives_no_percentage() -> None:
    rows = frame(row(kind="direct", f1=0.0, prompt="a"), row(f1=0.5, prompt="a"))
    (level,) = success_factors(rows, "f1", ["prompt"])
    assert (level.mean_benefit, level.std_benefit, level.benefit_percent) == (0.5, None, None)


def test_a_model_with_a_direct_mean_of_0_is_left_out_of_the_percentage_only() -> None:
    zero = (row(kind="direct", f1=0.0), row(f1=0.4, prompt="a"))
    half = (row(model="n", kind="direct", f1=0.5), row(model="n", f1=0.6, prompt="a"))
    (level,) = success_factors(frame(*zero, *half), "f1", ["prompt"])
    assert (level.mean_benefit, level.benefit_percent) == (0.25, 20.0)
