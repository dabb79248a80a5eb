"""Scaling fits: planted lines, laws, refusals, coverage by simulation, and real evaluations of eight sizes."""

import csv
import gzip
from math import log10
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.analysis.model_sizes import ModelSize
from harness.analysis.scaling_bands import band, is_extrapolated
from harness.analysis.scaling_fit import FitRules, ModelScore, ScalingFit, fit_scaling

PYTHIA = (
    Path(__file__).resolve().parents[2].parent / "shared" / "data" / "pythia_evals" / "pythia_evals_final_step.csv.gz"
)
SIZES = (0.07, 0.16, 0.41, 1.0, 1.4, 2.8, 6.9, 12.0)
REML = FitRules(estimator="REML")


def logistic(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))


def scores(
    means: list[float], sizes: tuple[float | None, ...] = SIZES, families: str = "", *, n: int = 400
) -> list[ModelScore]:
    return [
        ModelScore(
            size=ModelSize(model=f"m{place}", params_b=size, family=families[place] if families else None),
            mean=mean,
            n=n,
            se=0.02,
        )
        for place, (mean, size) in enumerate(zip(means, sizes, strict=False))
    ]


def on_line(slope: float, intercept: float, chance: float = 0.0) -> list[float]:
    return [chance + (1 - chance) * logistic(intercept + slope * log10(size)) for size in SIZES]


def noisy(seed: int) -> list[ModelScore]:
    rng = np.random.default_rng(seed)
    return scores([logistic(0.5 * log10(size) + rng.normal(0, 0.3)) for size in SIZES])


@given(st.floats(-2, 2), st.floats(-1, 1), st.floats(0, 0.5))
def test_a_planted_line_without_noise_is_recovered(slope: float, intercept: float, chance: float) -> None:
    found = fit_scaling(scores(on_line(slope, intercept, chance)), FitRules(chance=chance))
    assert found.slope.estimate == pytest.approx(slope, abs=1e-9)
    assert found.intercepts[0][1].estimate == pytest.approx(intercept + slope * found.centre, abs=1e-9)
    assert found.leave_one_out == pytest.approx((slope, slope), abs=1e-9)


@given(st.integers(0, 1000), st.sampled_from([1e3, 1e9]), st.sampled_from(["least squares", "REML"]))
def test_the_unit_of_the_size_changes_no_slope(seed: int, unit: float, estimator: str) -> None:
    plain, rules = noisy(seed), FitRules(estimator=estimator)
    other = [
        ModelScore(
            size=ModelSize(model=one.size.model, params_b=one.size.params_b * unit), mean=one.mean, n=one.n, se=one.se
        )
        for one in plain
    ]
    before, after = fit_scaling(plain, rules), fit_scaling(other, rules)
    assert (after.slope.low, after.slope.high) == pytest.approx((before.slope.low, before.slope.high), rel=1e-6)
    assert after.leave_one_out == pytest.approx(before.leave_one_out, rel=1e-6)


@given(st.integers(0, 1000), st.permutations(range(8)))
def test_the_order_of_models_changes_nothing(seed: int, order: list[int]) -> None:
    plain = noisy(seed)
    before, after = fit_scaling(plain, FitRules()), fit_scaling([plain[place] for place in order], FitRules())
    assert after.slope.low == pytest.approx(before.slope.low, rel=1e-9)


@given(st.integers(0, 1000))
def test_the_default_interval_is_scipys_on_the_logit(seed: int) -> None:
    made = noisy(seed)
    y = [np.log(one.mean / (1 - one.mean)) for one in made]
    found, expected = fit_scaling(made, FitRules()), stats.linregress(np.log10(SIZES), y)
    assert found.slope.estimate == pytest.approx(expected.slope)
    assert found.slope.high - found.slope.estimate == pytest.approx(stats.t.ppf(0.975, 6) * expected.stderr)
    assert found.spans_zero == (expected.pvalue >= 0.05)


@given(st.integers(0, 1000))
def test_the_leave_one_out_range_is_that_of_the_refits(seed: int) -> None:
    made = noisy(seed)
    slopes = [fit_scaling(made[:left] + made[left + 1 :], FitRules()).slope.estimate for left in range(8)]
    assert fit_scaling(made, FitRules()).leave_one_out == pytest.approx((min(slopes), max(slopes)))


def test_families_of_two_or_more_have_their_own_intercept() -> None:
    """Two parallel lines apart by 1: a common intercept would see scatter where there is none."""
    means = [logistic(0.5 * log10(size) + (place % 2)) for place, size in enumerate(SIZES)]
    found = fit_scaling(scores(means, families="abababab"), FitRules())
    assert found.slope.estimate == pytest.approx(0.5)
    assert [name for name, _ in found.intercepts] == ["a", "b"]
    a, b = (one.estimate for _, one in found.intercepts)
    assert b - a == pytest.approx(1.0)
    assert found.slope.df == 5


@pytest.mark.parametrize(
    ("families", "models", "why"),
    [
        ("aaaaaaab", 8, "family 'b' has only 1 model"),
        ("aabb", 4, "2 intercepts and a slope need at least 6 models, here 4"),
        ("aabbb", 5, "2 intercepts and a slope need at least 6 models, here 5"),
    ],
)
def test_families_share_an_intercept_where_they_must(families: str, models: int, why: str) -> None:
    found = fit_scaling(scores(on_line(0.5, 0)[:models], families=families), FitRules())
    assert found.why_common == why
    assert found.slope.df == models - 2


def test_an_unknown_family_makes_the_intercept_common() -> None:
    made = scores(on_line(0.5, 0), families="aaaabbbb")
    made[0] = ModelScore(size=ModelSize(model="m0", params_b=0.07), mean=0.4, n=400)
    assert fit_scaling(made, FitRules()).why_common == "the family of 1 of 8 models is not known"


def test_families_of_one_size_each_share_an_intercept() -> None:
    made = scores([0.3, 0.31, 0.32, 0.5, 0.51, 0.52], (1.0, 1.0, 1.0, 9.0, 9.0, 9.0), "aaabbb")
    assert fit_scaling(made, FitRules()).why_common == "no family has models of different sizes"


def test_one_family_has_nothing_to_share() -> None:
    assert fit_scaling(scores(on_line(0.5, 0), families="aaaaaaaa"), FitRules()).why_common is None


@pytest.mark.parametrize(
    ("sizes", "reason"),
    [
        ((), "a line needs at least 2 models with a size, here 0"),
        ((1.0,), "a line needs at least 2 models with a size, here 1"),
        ((1.0, None), "a line needs at least 2 models with a size, here 1"),
        ((1.0, 1.0, 1.0), "all 3 models have the same size"),
    ],
)
def test_without_two_sizes_there_is_no_line(sizes: tuple[float | None, ...], reason: str) -> None:
    found = fit_scaling(scores([0.3, 0.4, 0.5], sizes), FitRules())
    assert (found.slope, found.line, found.reason) == (None, None, reason)
    with pytest.raises(ValueError, match="no line was fitted"):
        band(found, 1.0)
    with pytest.raises(ValueError, match="no line was fitted"):
        is_extrapolated(found, 1.0)


@pytest.mark.parametrize("rules", [FitRules(), REML])
def test_two_models_give_a_slope_without_an_interval(rules: FitRules) -> None:
    found = fit_scaling(scores([0.3, 0.5], (1.0, 10.0)), rules)
    assert found.slope.estimate == pytest.approx(np.log(7 / 3))
    assert found.slope.refused == "an interval needs at least 3 models, here 2"
    assert (found.spans_zero, found.slope.low, found.leave_one_out, band(found, 2.0).mean) == (None, None, None, None)


@pytest.mark.parametrize("size", [None, 0.0, -1.0, float("nan"), float("inf")])
def test_a_model_without_a_usable_size_is_left_out_with_the_reason(size: float | None) -> None:
    found = fit_scaling(scores(on_line(0.5, 0), (size, *SIZES[1:])), FitRules())
    assert found.models == tuple(f"m{place}" for place in range(1, 8))
    assert found.left_out[0][0] == "m0"
    assert "size" in found.left_out[0][1]


def test_a_model_without_a_score_is_left_out_with_the_reason() -> None:
    found = fit_scaling(scores([float("nan"), *on_line(0.5, 0)[1:]]), FitRules())
    assert found.left_out == (("m0", "it has no finite score"),)


@pytest.mark.parametrize("rules", [FitRules(), FitRules(share=False)])
def test_equal_scores_are_flat_without_an_interval(rules: FitRules) -> None:
    found = fit_scaling(scores([0.5] * 8), rules)
    assert found.slope.estimate == pytest.approx(0, abs=1e-12)
    assert "exactly on the line" in found.slope.refused


def test_shares_of_zero_and_one_are_corrected_and_named() -> None:
    found = fit_scaling(scores([0.0, 0.4, 1.0], (1.0, 2.0, 4.0), n=9), FitRules())
    y = [np.log(0.05 / 0.95), np.log(0.4 / 0.6), np.log(0.95 / 0.05)]
    assert found.corrected == ("m0", "m2")
    assert found.slope.estimate == pytest.approx(stats.linregress(np.log10([1, 2, 4]), y).slope)


def test_a_model_below_chance_moves_the_fit_to_the_identity() -> None:
    made = [0.2, 0.3, 0.4, 0.45]
    found = fit_scaling(scores(made, (1.0, 2.0, 4.0, 8.0)), FitRules(chance=0.25))
    expected = stats.linregress(np.log10([1, 2, 4, 8]), (np.array(made) - 0.25) / 0.75)
    assert found.scale.name == "identity"
    assert "no better than chance" in found.scale.reason
    assert found.slope.estimate == pytest.approx(expected.slope)


def test_a_mixture_of_experts_counts_by_option() -> None:
    sizes = [ModelSize(model=f"m{b}", params_b=b) for b in (1.0, 2.0, 4.0)]
    sizes.append(ModelSize(model="experts", params_b=40.0, active_params_b=8.0))
    made = [ModelScore(size=size, mean=mean, n=100) for size, mean in zip(sizes, (0.2, 0.3, 0.4, 0.5), strict=True)]
    total, active = fit_scaling(made, FitRules()), fit_scaling(made, FitRules(size="active"))
    assert (total.most_b, active.most_b) == (40.0, 8.0)
    assert total.slope.estimate < active.slope.estimate


def test_a_model_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="'m0' stands twice"):
        fit_scaling(scores([0.3, 0.4])[:1] * 2, FitRules())


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        (FitRules(estimator="bootstrap"), "'least squares' or 'REML', not 'bootstrap'"),
        (FitRules(size="both"), "'total' or 'active', not 'both'"),
        (FitRules(level=1.0), "level"),
        (FitRules(chance=1.0), "chance"),
    ],
)
def test_an_unknown_rule_is_refused(rules: FitRules, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        fit_scaling(scores(on_line(0.5, 0)), rules)


def test_reml_needs_standard_errors() -> None:
    with pytest.raises(ValueError, match="'m' has none"):
        fit_scaling([ModelScore(size=ModelSize(model="m", params_b=1.0), mean=0.5, n=10)], REML)


def test_a_score_over_no_question_is_refused() -> None:
    with pytest.raises(ValueError, match="rests on no question"):
        fit_scaling(scores([0.5, 0.6], n=0), FitRules())


def test_reml_and_least_squares_agree_where_all_errors_are_alike() -> None:
    rng = np.random.default_rng(3)
    made = scores([10 * log10(size) + float(rng.normal(0, 1)) for size in SIZES])
    plain = fit_scaling(made, FitRules(share=False))
    mixed = fit_scaling(made, FitRules(share=False, estimator="REML"))
    assert (mixed.slope.low, mixed.slope.high) == pytest.approx((plain.slope.low, plain.slope.high), rel=1e-5)
    assert mixed.scatter**2 + 0.02**2 == pytest.approx(plain.scatter**2, rel=1e-5)
    before, after = band(plain, 3.0), band(mixed, 3.0)
    assert (after.mean, after.new) == (pytest.approx(before.mean, rel=1e-5), pytest.approx(before.new, rel=1e-5))


def test_the_bands_are_the_textbook_ones() -> None:
    rng = np.random.default_rng(4)
    x = np.log10(SIZES)
    y = 3 + 2 * x + rng.normal(0, 0.5, 8)
    found = band(fit_scaling(scores(y.tolist()), FitRules(share=False)), 5.0)
    fit = stats.linregress(x, y)
    s = np.sqrt(np.sum((y - fit.intercept - fit.slope * x) ** 2) / 6)
    lever = 1 / 8 + (log10(5) - x.mean()) ** 2 / np.sum((x - x.mean()) ** 2)
    middle, t = fit.intercept + fit.slope * log10(5), stats.t.ppf(0.975, 6)
    assert found.estimate == pytest.approx(middle)
    assert found.mean == pytest.approx((middle - t * s * np.sqrt(lever), middle + t * s * np.sqrt(lever)))
    assert found.new == pytest.approx((middle - t * s * np.sqrt(1 + lever), middle + t * s * np.sqrt(1 + lever)))


@given(st.integers(0, 200), st.floats(0.001, 1000))
def test_bands_of_shares_are_nested_and_stay_shares(seed: int, size: float) -> None:
    found = band(fit_scaling(noisy(seed), FitRules()), size)
    low, high = found.mean
    assert 0 <= found.new[0] <= low <= found.estimate <= high <= found.new[1] <= 1


@pytest.mark.parametrize(("size", "outside"), [(24.0, False), (24.1, True), (0.035, False), (0.034, True)])
def test_sizes_far_outside_are_marked(size: float, outside: bool) -> None:
    assert band(fit_scaling(noisy(1), FitRules()), size).extrapolated is outside


def test_a_band_takes_the_intercept_of_its_family() -> None:
    means = [logistic(0.5 * log10(size) + (place % 2)) for place, size in enumerate(SIZES)]
    found = fit_scaling(scores(means, families="abababab"), FitRules())
    assert band(found, 1.0, "b").estimate == pytest.approx(logistic(1.0))
    with pytest.raises(ValueError, match="no family 'c' in the fit: it has a, b"):
        band(found, 1.0, "c")


@pytest.mark.parametrize("size", [0.0, float("inf"), float("nan")])
def test_a_band_needs_a_size(size: float) -> None:
    with pytest.raises(ValueError, match="a size is above 0"):
        band(fit_scaling(noisy(1), FitRules()), size)


@pytest.mark.parametrize("models", [4, 5, 7])
def test_the_interval_covers_the_slope_when_models_scatter(models: int) -> None:
    """1,500 replications, 282 questions, scatter .3 on the logit; nominal .95, tolerance 3 standard errors, .017."""
    rng = np.random.default_rng(models)
    sizes = tuple(np.geomspace(0.5, 30, models))
    covered = 0
    for _ in range(1500):
        p = 1 / (1 + np.exp(-(0.6 * np.log10(sizes) + rng.normal(0, 0.3, models))))
        slope = fit_scaling(scores((rng.binomial(282, p) / 282).tolist(), sizes, n=282), FitRules()).slope
        covered += slope.low <= 0.6 <= slope.high
    assert covered / 1500 == pytest.approx(0.95, abs=0.017)


@pytest.mark.slow
@pytest.mark.parametrize("models", [4, 5, 7])
def test_reml_covers_the_slope_when_models_scatter(models: int) -> None:
    """600 replications as above; nominal .95, tolerance 3 standard errors, .027."""
    rng = np.random.default_rng(models)
    sizes = tuple(np.geomspace(0.5, 30, models))
    covered = 0
    for _ in range(600):
        p = 1 / (1 + np.exp(-(0.6 * np.log10(sizes) + rng.normal(0, 0.3, models))))
        shares = rng.binomial(282, p) / 282
        made = [
            ModelScore(size=one.size, mean=one.mean, n=282, se=float(np.sqrt(one.mean * (1 - one.mean) / 282)))
            for one in scores(shares.tolist(), sizes, n=282)
        ]
        slope = fit_scaling(made, REML).slope
        covered += slope.low <= 0.6 <= slope.high
    assert covered / 600 == pytest.approx(0.95, abs=0.027)


def test_resampling_questions_alone_would_not_cover_the_slope() -> None:
    """Why it is not offered: the sampling error of the slope, scatter unseen, covers far less (normal, 2,000 draws)."""
    rng = np.random.default_rng(1)
    x = np.log10(np.geomspace(0.5, 30, 7)) - np.mean(np.log10(np.geomspace(0.5, 30, 7)))
    weights = x / np.sum(x**2)
    sampling, scatter = 0.13, 0.25
    slopes = (rng.normal(0, scatter, (2000, 7)) + rng.normal(0, sampling, (2000, 7))) @ weights
    assert np.mean(np.abs(slopes) <= 1.96 * sampling * np.sqrt(np.sum(weights**2))) < 0.75


def pythia(task: str, metric: str, chance: float) -> ScalingFit:
    with gzip.open(PYTHIA, "rt") as lines:
        rows = [
            row
            for row in csv.DictReader(lines)
            if (row["task"], row["metric"], row["variant"], row["shots"]) == (task, metric, "standard", "zero-shot")
        ]
    made = [
        ModelScore(
            size=ModelSize(model=row["model"], params_b=float(row["params_total"]) / 1e9),
            mean=float(row["value"]),
            n=round(float(row["value"]) * (1 - float(row["value"])) / float(row["stderr"]) ** 2) + 1,
            se=float(row["stderr"]),
        )
        for row in rows
    ]
    return fit_scaling(made, FitRules(chance=chance))


real = pytest.mark.skipif(not PYTHIA.exists(), reason="the evaluations of eight sizes are not beside the checkout")


@real
@pytest.mark.parametrize(("task", "chance"), [("lambada_openai", 0.0), ("sciq", 0.25), ("arc_easy", 0.25)])
def test_real_tasks_that_rise_are_seen_to_rise(task: str, chance: float) -> None:
    found = pythia(task, "acc", chance)
    assert len(found.models) >= 7
    assert found.spans_zero is False
    assert found.slope.low > 0
    assert found.leave_one_out[0] > 0


@real
def test_a_real_task_that_is_flat_and_noisy_is_grey() -> None:
    found = pythia("wsc", "acc", 0.5)
    assert found.spans_zero is True
    assert found.scale.name == "identity"


@real
def test_most_real_tasks_at_chance_are_grey() -> None:
    """A few subjects drift with size, and small models answer some almost alike, so that tiny slopes stand out."""
    with gzip.open(PYTHIA, "rt") as lines:
        subjects = sorted({row["task"] for row in csv.DictReader(lines) if row["task"].startswith("hendrycksTest")})
    fits = [pythia(subject, "acc", 0.25) for subject in subjects]
    assert len(fits) == 57
    assert sum(fit.spans_zero is True for fit in fits) >= 43
