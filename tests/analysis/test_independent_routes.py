"""The statistics against statsmodels, and against examples that R packages and papers print."""

from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.compatible.clustered import cr1_mean
from harness.analysis.distributions import generator
from harness.analysis.importance import factor_importance
from harness.analysis.intervals import share_interval
from harness.analysis.joint import joint_means
from harness.analysis.line import coefficient, mixed_line, ordinary_line
from harness.analysis.margin import difference_interval, margin_verdict
from harness.analysis.multiplicity import benjamini_hochberg, holm
from harness.analysis.noise_floor import noise_floor
from harness.analysis.paired import mcnemar_mid_p, paired_means, tango_interval
from harness.analysis.variance_components import crossed_components, repeat_components

seeds = st.integers(0, 10_000)

# metafor's documented dat.bcg (Colditz et al. 1994): cases and others among the vaccinated, the same among controls,
# and the absolute latitude of the place
BCG = (
    (4, 119, 11, 128, 44),
    (6, 300, 29, 274, 55),
    (3, 228, 11, 209, 42),
    (62, 13536, 248, 12619, 52),
    (33, 5036, 47, 5761, 13),
    (180, 1361, 372, 1079, 44),
    (8, 2537, 10, 619, 19),
    (505, 87886, 499, 87892, 13),
    (29, 7470, 45, 7232, 27),
    (17, 1699, 65, 1600, 42),
    (186, 50448, 141, 27197, 18),
    (5, 2493, 3, 2338, 33),
    (27, 16886, 29, 17825, 33),
)


def bcg() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log risk ratios, their sampling variances, and latitudes."""
    y = [log(a / (a + b)) - log(c / (c + d)) for a, b, c, d, _ in BCG]
    v = [1 / a - 1 / (a + b) + 1 / c - 1 / (c + d) for a, b, c, d, _ in BCG]
    return np.array(y), np.array(v), np.array([row[-1] for row in BCG], dtype=float)


def test_reml_with_knapp_hartung_gives_the_documented_summary() -> None:
    """rma(yi, vi, data=dat.bcg, test="knha"): tau^2 .3132, estimate -.7145, se .1808, interval [-1.1084, -.3206]."""
    y, v, _ = bcg()
    line = mixed_line(y, np.ones((13, 1)), np.diag(v))
    found = coefficient(line, 0, level=0.95, scale=1.0)
    assert line.scatter == pytest.approx(0.3132, abs=5e-5)
    assert (found.estimate, found.se) == (pytest.approx(-0.7145, abs=5e-5), pytest.approx(0.1808, abs=5e-5))
    assert (found.low, found.high) == (pytest.approx(-1.1084, abs=5e-5), pytest.approx(-0.3206, abs=5e-5))


def test_reml_with_a_moderator_gives_the_documented_fit() -> None:
    """rma(yi, vi, mods = ~ ablat): tau^2 .0764 (its steps end within 1e-5), intercept .2515, slope -.0291."""
    y, v, latitude = bcg()
    line = mixed_line(y, np.column_stack([np.ones(13), latitude]), np.diag(v))
    assert line.scatter == pytest.approx(0.0764, abs=1e-4)
    assert line.coefficients == pytest.approx([0.2515, -0.0291], abs=5e-5)


def test_the_paired_example_of_fagerland_et_al() -> None:
    """Airway hyper-responsiveness of 21 children (1, 1, 7, 12): Tango [-.517, -.026], mid-p .0391."""
    assert tango_interval(1, 7, 21) == pytest.approx((-0.517, -0.026), abs=5e-4)
    assert mcnemar_mid_p(1, 7) == pytest.approx(0.0391, abs=5e-5)


@pytest.fixture(scope="module")
def sm():
    """Imported late: it takes seconds."""
    return pytest.importorskip("statsmodels.api", reason="statsmodels is not installed")


@pytest.fixture(scope="module")
def smf():
    return pytest.importorskip("statsmodels.formula.api", reason="statsmodels is not installed")


@given(correct=st.lists(st.booleans(), min_size=1, max_size=60), level=st.sampled_from([0.9, 0.95]))
def test_wilson(sm, correct: list[bool], level: float) -> None:
    found = share_interval(correct, level=level)
    expected = sm.stats.proportion_confint(sum(correct), len(correct), alpha=1 - level, method="wilson")
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-9)


# statsmodels collects garbage at every call, which takes a tenth of a second or more
@settings(max_examples=20)
@given(family=st.lists(st.floats(1e-12, 1.0), min_size=1, max_size=30))
def test_holm_and_benjamini_hochberg(sm, family: list[float]) -> None:
    assert holm(family) == pytest.approx(sm.stats.multipletests(family, method="holm")[1])
    assert benjamini_hochberg(family) == pytest.approx(sm.stats.multipletests(family, method="fdr_bh")[1])


@given(only_a=st.integers(0, 60), only_b=st.integers(0, 60))
def test_mid_p_is_the_exact_p_less_the_chance_of_the_table(sm, only_a: int, only_b: int) -> None:
    from scipy.stats import binom

    exact = sm.stats.mcnemar([[0, only_a], [only_b, 0]], exact=True).pvalue
    chance = float(binom.pmf(min(only_a, only_b), only_a + only_b, 0.5))
    assert mcnemar_mid_p(only_a, only_b) == pytest.approx(1.0 if only_a == only_b else exact - chance, abs=1e-12)


@given(seed=seeds)
def test_the_paired_t(sm, seed: int) -> None:
    a, b = np.random.default_rng(seed).random((2, 12))
    found, expected = paired_means(a, b, rng=generator(0, "t")), sm.stats.DescrStatsW(a - b)
    assert (found.difference.low, found.difference.high) == pytest.approx(expected.tconfint_mean())
    assert found.p == pytest.approx(expected.ttest_mean()[1])


@given(seed=seeds, margin=st.floats(0.02, 0.6))
def test_equivalence_is_that_of_two_one_sided_tests(sm, seed: int, margin: float) -> None:
    a, b = np.random.default_rng(seed).random((2, 20))
    found = margin_verdict(a, b, margin=margin)
    p = sm.stats.ttost_paired(a, b, -margin, margin)[0]
    inner = difference_interval(a, b, level=0.90)
    assert (inner.low > -margin and inner.high < margin) == (p < 0.05)
    if found.standing == "equivalent":
        assert p < 0.05


@given(seed=seeds)
def test_the_cr1_error_is_that_of_a_clustered_regression(sm, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, names = rng.random(30), rng.integers(0, 6, 30)
    fit = sm.OLS(y, np.ones(30)).fit(cov_type="cluster", cov_kwds={"groups": names})
    assert cr1_mean(y, [str(name) for name in names]).se == pytest.approx(float(fit.bse[0]))


@given(seed=seeds)
def test_lines(sm, seed: int) -> None:
    """Least squares, and generalised least squares once tau^2 is known."""
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(7), rng.normal(0, 1, 7)])
    y, root = rng.normal(0, 1, 7), rng.normal(0, 0.4, (7, 7))
    plain, expected = ordinary_line(y, design), sm.OLS(y, design).fit()
    assert plain.coefficients == pytest.approx(expected.params)
    assert plain.covariance == pytest.approx(expected.cov_params())
    sampling = root @ root.T + 0.01 * np.eye(7)
    mixed = mixed_line(y, design, sampling)
    expected = sm.GLS(y, design, sigma=sampling + mixed.scatter * np.eye(7)).fit()
    assert mixed.coefficients == pytest.approx(expected.params, rel=1e-6)
    assert mixed.covariance == pytest.approx(expected.cov_params(), rel=1e-6)


@given(seed=seeds)
def test_a_joint_covariance_of_single_questions_is_that_of_a_multivariate_mean(sm, seed: int) -> None:
    scores = np.random.default_rng(seed).random((15, 3))
    expected = sm.stats.DescrStatsW(scores).cov * 15 / 14 / 15
    assert joint_means(scores, [str(place) for place in range(15)]).covariance == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(4))
def test_type_two_shares(sm, smf, seed: int) -> None:
    """An unbalanced design of two factors: SS of type II without the pair, and of the pair."""
    import pandas as pd

    rng = np.random.default_rng(seed)
    rows = pd.DataFrame({"a": rng.integers(0, 3, 60), "b": rng.integers(0, 2, 60), "y": rng.normal(0, 1, 60)})
    factors = {"a": rows["a"].tolist(), "b": rows["b"].tolist()}
    found = factor_importance(rows["y"], factors, rng=generator(0, "t"), draws=9)
    plain = sm.stats.anova_lm(smf.ols("y ~ C(a) + C(b)", rows).fit(), typ=2)["sum_sq"]
    pair = sm.stats.anova_lm(smf.ols("y ~ C(a) * C(b)", rows).fit(), typ=2)["sum_sq"]
    total = float(np.sum((rows["y"] - rows["y"].mean()) ** 2))
    expected = [plain["C(a)"] / total, plain["C(b)"] / total, pair["C(a):C(b)"] / total]
    assert [share.eta_squared for share in found.shares] == pytest.approx(expected)
    assert found.unexplained == pytest.approx(plain["Residual"] / total)


@pytest.mark.filterwarnings("ignore::statsmodels.tools.sm_exceptions.ConvergenceWarning")
def test_repeat_components_are_those_of_reml_in_a_balanced_design(smf) -> None:
    import pandas as pd

    rng = np.random.default_rng(1)
    table = rng.normal(0, 1, (40, 1)) + rng.normal(0, 0.7, (40, 3))
    found = repeat_components(table)
    rows = pd.DataFrame({"y": table.ravel(), "question": np.repeat(np.arange(40), 3)})
    expected = smf.mixedlm("y ~ 1", rows, groups="question").fit(reml=True)
    assert found.question.estimate == pytest.approx(float(expected.cov_re.iloc[0, 0]), rel=1e-3)
    assert found.residual.estimate == pytest.approx(float(expected.scale), rel=1e-3)


@given(seed=seeds)
def test_crossed_squares_are_those_of_the_analysis_of_variance(sm, smf, seed: int) -> None:
    import pandas as pd

    table = np.random.default_rng(seed).normal(0, 1, (3, 4, 2))
    found = crossed_components(table)
    model, question, _ = (index.ravel() for index in np.indices(table.shape))
    rows = pd.DataFrame({"y": table.ravel(), "m": model, "q": question})
    expected = sm.stats.anova_lm(smf.ols("y ~ C(m) * C(q)", rows).fit())["sum_sq"]
    parts = (found.model, found.question, found.model_question, found.residual)
    assert [part.squares for part in parts] == pytest.approx(expected.tolist())


@given(seed=seeds)
def test_the_run_variance_is_that_of_the_analysis_of_variance(sm, smf, seed: int) -> None:
    import pandas as pd

    table = np.random.default_rng(seed).integers(0, 2, (8, 3)).astype(float)
    question, run = (index.ravel() for index in np.indices(table.shape))
    rows = pd.DataFrame({"y": table.ravel(), "q": question, "r": run})
    squares = sm.stats.anova_lm(smf.ols("y ~ C(q) + C(r)", rows).fit())["sum_sq"]
    expected = (squares["C(r)"] / 2 - squares["Residual"] / 14) / 8
    assert noise_floor(table).run_variance == pytest.approx(expected, abs=1e-12)
