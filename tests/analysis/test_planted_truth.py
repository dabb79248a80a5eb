"""Planted truth: intervals and tests hold what they claim, at stated replications and tolerances.

Beside these stand, next to their statistic: the slope at 4, 5 and 7 models (test_scaling_fit, test_line), Fieller sets
(test_ratios, test_size_worth), the gap (test_gap), the bias and the interval of the cross-fit (test_crossfit), the
uplift line (test_uplift_line), the interaction (test_interaction) and max-T (test_max_t).
"""

from functools import cache
from math import sqrt

import numpy as np
import pytest
from scipy import stats

from harness.analysis.compatible.clustered import cr1_mean
from harness.analysis.distributions import generator, normal_quantile
from harness.analysis.intervals import mean_interval, share_interval, wilson
from harness.analysis.margin import margin_verdict
from harness.analysis.model_sizes import ModelSize
from harness.analysis.paired import paired_means, tango_interval
from harness.analysis.scaling_fit import FitRules, ModelScore, fit_scaling
from harness.analysis.simulate import PlantedModel, Truth, correlation_for, scaling_models, simulate

PSI, MARGIN = 0.15, 0.05
Z = normal_quantile(0.975)


def unequal(groups: int) -> np.ndarray:
    """Cluster sizes from 1 to 12, mean 6.5, as codes per question."""
    return np.repeat(np.arange(groups), 1 + np.arange(groups) * 12 // groups)


def right(cases, condition: str) -> np.ndarray:
    return (cases.loc[cases["condition"] == condition, "outcome"] == "correct").to_numpy(dtype=float)


@cache
def tango_low(only_a: int, only_b: int, n: int) -> float:
    return tango_interval(only_a, only_b, n, 0.90)[0]


@cache
def pairs(true_difference: float) -> tuple[np.ndarray, np.ndarray]:
    """600,000 planted questions answered by two cells, discordance .15."""
    accuracy = {"a": 0.6, "b": 0.6 - true_difference}
    shared = correlation_for(accuracy["a"], accuracy["b"], PSI)
    model = PlantedModel(name="m", params_b=1.0, accuracy=accuracy)
    cases = simulate(Truth(models=(model,), questions=600_000, shared=shared), 1)
    return right(cases, "a"), right(cases, "b")


def shown(true_difference: float, n: int) -> float:
    """How often n questions show that a loses less than the margin; 600,000/n replications."""
    differences = np.subtract(*pairs(true_difference))[: 600_000 // n * n].reshape(-1, n)
    tables = zip((differences > 0).sum(axis=1).tolist(), (differences < 0).sum(axis=1).tolist(), strict=True)
    return float(np.mean([tango_low(b, c, n) > -MARGIN for b, c in tables]))


@pytest.mark.slow
@pytest.mark.parametrize(("n", "expected"), [(100, 0.35), (282, 0.69), (600, 0.93)])
def test_equal_cells_are_shown_to_be_non_inferior_as_often_as_declared(n: int, expected: float) -> None:
    """6,000, 2,127 and 1,000 replications: standard errors of at most .010; tolerance .02."""
    assert shown(0.0, n) == pytest.approx(expected, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("n", [100, 282, 600])
def test_a_cell_at_the_margin_is_called_non_inferior_at_most_six_times_in_a_hundred(n: int) -> None:
    """The same replications; standard errors of at most .007."""
    assert shown(-MARGIN, n) <= 0.06


@pytest.mark.parametrize("clustered", [False, True])
def test_the_verdict_errs_at_the_margin_once_in_twenty(clustered: bool) -> None:
    """1,000 replications of 240 questions, in 40 clusters with ICC .2 or on their own: at most .05 + 3 errors, .07."""
    rng, wrong = np.random.default_rng(6), 0
    rho = correlation_for(0.55, 0.60, PSI)
    codes = np.arange(240) % 40 if clustered else np.arange(240)
    for _ in range(1000):
        common, own = _hardness(rng, codes), [_hardness(rng, codes) for _ in range(2)]
        z = [sqrt(rho) * common + sqrt(1 - rho) * each for each in own]
        a, b = (z[0] < normal_quantile(0.55)).astype(float), (z[1] < normal_quantile(0.60)).astype(float)
        found = margin_verdict(a, b, codes, margin=MARGIN)
        wrong += found.standing in {"superior", "equivalent", "non-inferior"}
    assert wrong / 1000 <= 0.07


def _hardness(rng: np.random.Generator, codes: np.ndarray) -> np.ndarray:
    clusters = rng.standard_normal(int(codes.max()) + 1)[codes]
    return sqrt(0.2) * clusters + sqrt(0.8) * rng.standard_normal(len(codes))


@pytest.mark.parametrize(("n", "share"), [(30, 0.5), (30, 0.9), (100, 0.7), (100, 0.97), (300, 0.99)])
def test_wilson_covers_near_its_level(n: int, share: float) -> None:
    """By exact enumeration; the discreteness of few questions leaves .95 within .03."""
    counts = np.arange(n + 1)
    ends = [wilson(count / n, n, Z) for count in counts]
    inside = np.array([low <= share <= high for low, high in ends])
    assert float(stats.binom.pmf(counts, n, share) @ inside) == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize(("n", "difference"), [(30, 0.0), (30, 0.1), (100, 0.0), (100, -0.05), (100, 0.1)])
def test_tango_covers_near_its_level(n: int, difference: float) -> None:
    """By exact enumeration at discordance .15, both ends of the .95 interval; within .025."""
    only_a, only_b = (PSI + difference) / 2, (PSI - difference) / 2
    covered = 0.0
    for b in range(n + 1):
        for c in range(n + 1 - b):
            chance = stats.multinomial.pmf([b, c, n - b - c], n, [only_a, only_b, 1 - PSI])
            if chance > 1e-7:
                low, high = tango_interval(b, c, n)
                covered += chance * (low <= difference <= high)
    assert covered == pytest.approx(0.95, abs=0.025)


@pytest.mark.parametrize("groups", [10, 20, 48])
def test_the_clustered_t_covers_where_cr1_does_not(groups: int) -> None:
    """3,000 replications of unequal clusters, ICC .2: nominal .95 within .012, 3 standard errors; CR1 always below."""
    rng, codes = np.random.default_rng(groups), unequal(groups)
    hits = []
    for _ in range(3000):
        values = _hardness(rng, codes)
        found, old = mean_interval(values, codes), cr1_mean(values, codes)
        hits.append((found.low <= 0 <= found.high, old.low <= 0 <= old.high))
    covered, before = np.mean(hits, axis=0)
    assert covered == pytest.approx(0.95, abs=0.012)
    assert before < covered


@pytest.mark.parametrize(("groups", "share"), [(10, 0.6), (20, 0.6), (48, 0.9)])
def test_the_clustered_share_covers(groups: int, share: float) -> None:
    """3,000 replications of right and wrong in unequal clusters, ICC .2 on the normal scale: .93 to .98 of .95."""
    rng, codes, limit = np.random.default_rng(groups), unequal(groups), normal_quantile(share)
    covered = 0
    for _ in range(3000):
        found = share_interval(_hardness(rng, codes) < limit, codes)
        covered += found.low <= share <= found.high
    assert 0.93 <= covered / 3000 <= 0.98


def test_sign_flips_reject_equal_cells_at_their_level() -> None:
    """1,000 replications of two equal cells in 10 unequal clusters (enumerated): .05 within 3 standard errors, .021."""
    rng, codes = np.random.default_rng(2), unequal(10)
    rejected = 0
    for _ in range(1000):
        a, b = _hardness(rng, codes), _hardness(rng, codes)
        rejected += paired_means(a, b, codes, rng=generator(0, "flips")).p <= 0.05
    assert rejected / 1000 == pytest.approx(0.05, abs=0.021)


@pytest.mark.parametrize("models", [4, 5, 7])
def test_a_planted_slope_is_covered_through_the_simulator(models: int) -> None:
    """300 studies of planted models, scatter .2, 300 questions: nominal .95, tolerance 3 standard errors, .038."""
    sizes = {f"m{place}": float(size) for place, size in enumerate(np.geomspace(0.5, 30, models))}
    rng, covered = np.random.default_rng(models), 0
    for seed in range(300):
        planted = scaling_models(sizes, {"direct": (-0.2, 0.8)}, scatter=0.2, seed=seed)
        shares = rng.binomial(300, [model.accuracy["direct"] for model in planted]) / 300
        scores = [
            ModelScore(size=ModelSize(model=model.name, params_b=model.params_b), mean=float(share), n=300)
            for model, share in zip(planted, shares, strict=True)
        ]
        slope = fit_scaling(scores, FitRules()).slope
        covered += slope.low <= 0.8 <= slope.high
    assert covered / 300 == pytest.approx(0.95, abs=0.038)
