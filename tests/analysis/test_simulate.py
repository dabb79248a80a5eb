"""The simulator: the columns of the case table, and every planted number found again."""

from math import isclose

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.analysis.frame import case_frame
from harness.analysis.run import RunInfo
from harness.analysis.simulate import (
    METRIC,
    Missing,
    PlantedModel,
    Truth,
    correlation_for,
    implied_discordance,
    implied_icc,
    scaling_models,
    simulate,
)

shares = st.floats(0.05, 0.95)
MODEL = PlantedModel(name="m", params_b=2.0, accuracy={"direct": 0.6, "rag": 0.7}, gap=0.1, loss_nll=1.5)
MANY = 200_000


def right(cases: pd.DataFrame, condition: str) -> np.ndarray:
    return (cases.loc[cases["condition"] == condition, "outcome"] == "correct").to_numpy(dtype=float)


def test_columns_and_types_are_those_of_the_case_table() -> None:
    expected = case_frame((), run=RunInfo(run="r", study="s", primary="p", planned=0))
    cases = simulate(Truth(models=(MODEL,), questions=5, clusters=2, tasks=("a",)), 1)
    assert [name for name in cases.columns if name != METRIC] == list(expected.columns)
    assert {name: cases[name].dtype for name in expected.columns} == dict(expected.dtypes)


def test_the_same_seed_gives_the_same_rows_and_another_seed_others() -> None:
    truth = Truth(models=(MODEL,), questions=50, shared=0.5)
    pd.testing.assert_frame_equal(simulate(truth, 1), simulate(truth, 1))
    assert not simulate(truth, 1)["outcome"].equals(simulate(truth, 2)["outcome"])


def test_a_cell_does_not_depend_on_the_other_cells() -> None:
    other = PlantedModel(name="other", params_b=None, accuracy={"direct": 0.2})
    alone = simulate(Truth(models=(MODEL,), questions=50, shared=0.5), 1)
    among = simulate(Truth(models=(other, MODEL), questions=50, shared=0.5), 1)
    pd.testing.assert_frame_equal(alone, among[50:].reset_index(drop=True))
    assert among["tier"][:50].isna().all()
    assert among["params_b"][:50].isna().all()


def test_accuracy_discordance_and_gap_are_the_planted_ones() -> None:
    """200,000 questions: every share within .005, over 4 standard errors."""
    cases = simulate(Truth(models=(MODEL,), questions=MANY, shared=0.4), 3)
    direct, rag = right(cases, "direct"), right(cases, "rag")
    assert direct.mean() == pytest.approx(0.6, abs=0.005)
    assert rag.mean() == pytest.approx(0.7, abs=0.005)
    assert np.mean(direct != rag) == pytest.approx(implied_discordance(0.6, 0.7, 0.4), abs=0.005)
    gaps = cases["confidence"] - (cases["outcome"] == "correct").astype(float)
    assert gaps.mean() == pytest.approx(0.1, abs=0.005)
    assert cases["loss_nll"].mean() == pytest.approx(1.5, abs=0.01)
    assert cases["latency_s"].mean() == pytest.approx(1.0, abs=0.01)


def test_clusters_have_the_planted_correlation() -> None:
    """20,000 clusters of 10: the binary ICC by analysis of variance within .01."""
    cases = simulate(Truth(models=(MODEL,), questions=MANY, clusters=20_000, icc=0.3, shared=0.5), 4)
    table = right(cases, "direct").reshape(10, 20_000).T
    between, within = 10 * np.var(table.mean(axis=1), ddof=1), np.mean(np.var(table, axis=1, ddof=1))
    assert (between - within) / (between + 9 * within) == pytest.approx(implied_icc(0.6, 0.3), abs=0.01)


def test_repeats_disagree_as_planted() -> None:
    model = PlantedModel(name="m", params_b=1.0, accuracy={"direct": 0.6})
    cases = simulate(Truth(models=(model,), questions=MANY, repeats=2, repeat_noise=0.25), 5)
    first, second = (right(part, "direct") for _, part in cases.groupby("repeat"))
    assert np.mean(first != second) == pytest.approx(implied_discordance(0.6, 0.6, 0.75), abs=0.005)
    assert cases["cell"].unique().tolist() == ["m-direct-r0", "m-direct-r1"]


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_without_a_gap_confidence_is_calibrated(noise: float) -> None:
    model = PlantedModel(name="m", params_b=1.0, accuracy={"direct": 0.6})
    cases = simulate(Truth(models=(model,), questions=MANY, shared=0.7, repeat_noise=noise), 6)
    bins = pd.cut(cases["confidence"], np.linspace(0, 1, 11))
    found = cases.assign(right=right(cases, "direct")).groupby(bins, observed=True)[["confidence", "right"]].mean()
    assert (found["confidence"] - found["right"]).abs().max() < 0.02


@pytest.mark.parametrize("tilt", [0.0, 1.0])
def test_missing_answers_come_at_their_rates_and_leave_no_numbers(tilt: float) -> None:
    rates = Missing(error=0.1, unparsed=0.05, blank=0.1, skipped=0.15, tilt=tilt)
    cases = simulate(Truth(models=(MODEL,), questions=MANY // 2, missing=rates), 7)
    found = cases["outcome"].value_counts(normalize=True, dropna=False)
    assert found["error"] == pytest.approx(0.1, abs=0.005)
    assert found["unparsed"] == pytest.approx(0.05, abs=0.005)
    assert found["blank"] == pytest.approx(0.1, abs=0.005)
    assert cases["outcome"].isna().mean() == pytest.approx(0.15, abs=0.005)
    silent = cases["outcome"].isna() | (cases["outcome"] == "error").fillna(value=False)
    columns = ["confidence", "loss_nll", "prompt_tokens", "output_tokens", "latency_s", "concurrency", "primary"]
    assert cases.loc[silent, columns].isna().all(axis=None)
    assert cases.loc[~silent, ["loss_nll", "latency_s", "prompt_tokens"]].notna().all(axis=None)


def test_hard_questions_fail_more_when_tilted() -> None:
    cases = simulate(Truth(models=(MODEL,), questions=MANY // 2, missing=Missing(error=0.3, tilt=1.0)), 8)
    answered = cases[cases["outcome"] != "error"]
    assert (answered["outcome"] == "correct").mean() > 0.65 + 0.03


def test_uneven_clusters_fall_in_size() -> None:
    cases = simulate(Truth(models=(MODEL,), questions=1000, clusters=10, uneven=1.0), 1)
    sizes = cases[:1000]["cluster"].value_counts(sort=False).to_numpy()
    assert (np.diff(sizes) <= 0).all()
    assert sizes[0] > 5 * sizes[-1]


def test_a_planted_line_without_scatter_is_a_line() -> None:
    models = scaling_models({"s": 1.0, "m": 10.0, "l": 100.0}, {"direct": (-1.0, 0.7)}, scatter=0.0, seed=1)
    logits = [np.log(model.accuracy["direct"] / (1 - model.accuracy["direct"])) for model in models]
    assert logits == pytest.approx([-1.0, -0.3, 0.4])


def test_models_scatter_as_planted_and_alike_in_all_conditions() -> None:
    sizes = {f"m{place}": 1.0 for place in range(2000)}
    models = scaling_models(sizes, {"direct": (0.0, 0.5), "rag": (1.0, 0.5)}, scatter=0.3, seed=1)
    logits = np.array([[np.log(share / (1 - share)) for share in model.accuracy.values()] for model in models])
    assert np.std(logits[:, 0]) == pytest.approx(0.3, abs=0.02)
    assert (logits[:, 1] - logits[:, 0]) == pytest.approx(np.ones(2000))


def test_a_model_on_a_line_has_a_size() -> None:
    with pytest.raises(ValueError, match="sizes must be above 0"):
        scaling_models({"m": -1.0}, {"direct": (0.0, 1.0)}, scatter=0.0, seed=1)


@given(shares, shares, st.floats(-0.95, 0.95))
def test_discordance_is_that_of_the_bivariate_normal(a: float, b: float, rho: float) -> None:
    points = [stats.norm.ppf(a), stats.norm.ppf(b)]
    both = stats.multivariate_normal([0, 0], [[1, rho], [rho, 1]]).cdf(points)
    assert implied_discordance(a, b, rho) == pytest.approx(a + b - 2 * both, abs=2e-5)


@given(shares, shares, st.floats(-0.95, 0.95))
def test_the_correlation_for_a_discordance_gives_it_back(a: float, b: float, rho: float) -> None:
    psi = implied_discordance(a, b, rho)
    assert isclose(implied_discordance(a, b, correlation_for(a, b, psi)), psi, abs_tol=1e-6)


def test_an_impossible_discordance_is_refused() -> None:
    with pytest.raises(ValueError, match=r"outside \(0.2, 0.8\)"):
        correlation_for(0.3, 0.5, 0.9)


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (Truth(models=(), questions=5), "at least 1 model"),
        (Truth(models=(MODEL,), questions=0), "at least 1 question"),
        (Truth(models=(MODEL,), questions=5, icc=1.5), "icc 1.5"),
        (Truth(models=(MODEL,), questions=5, missing=Missing(error=0.6, tilt=1.0)), "missing 1.2"),
        (Truth(models=(MODEL,), questions=5, missing=Missing(error=-0.1, blank=0.2)), "at least 0"),
        (Truth(models=(PlantedModel(name="m", params_b=1.0, accuracy={"a": 1.0}),), questions=5), "accuracy 1.0"),
        (
            Truth(models=(PlantedModel(name="m", params_b=1.0, accuracy={"a": 0.9}, gap=0.2),), questions=5),
            "gap 0.2",
        ),
    ],
)
def test_what_cannot_be_planted_is_refused(truth: Truth, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        simulate(truth, 1)
