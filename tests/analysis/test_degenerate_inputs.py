"""Whatever is handed in: a result with its reason or a one-line error; no warning, and no NaN shown as a number."""

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from importlib import import_module
from math import isfinite

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis import (
    by_size,
    calibration,
    crossfit,
    ensembles,
    gap,
    importance,
    interaction,
    intervals,
    joint,
    latency,
    margin,
    margin_sensitivity,
    margin_tests,
    max_t,
    multiplicity,
    noise_floor,
    paired,
    power,
    question_table,
    ratios,
    scaling_bands,
    scaling_fit,
    size_worth,
    uplift_line,
    variance_components,
)
from harness.analysis.compatible import ccg, clustered, effects, logfit, pairwise
from harness.analysis.distributions import generator
from harness.analysis.model_sizes import ModelSize
from harness.analysis.simulate import METRIC, PlantedModel, Truth, simulate
from harness.errors import HarnessError

ODD = [0.0, 1.0, 0.5, 1.0, 0.0, float("nan"), float("inf"), -float("inf"), -3.0, 1e100, 1e-300]
KINDS = {
    "binary": st.sampled_from([0.0, 1.0]),
    "ties": st.just(0.5),
    "missing": st.just(float("nan")),
    "half": st.sampled_from([0.0, 1.0, float("nan"), float("nan")]),
    "scores": st.floats(0, 1),
    "close": st.sampled_from([0.5, 0.5 + 1e-13, 0.5 - 1e-13]),
    "huge": st.sampled_from([1e100, -1e100, 0.0]),
    "tiny": st.sampled_from([1e-200, 2e-200, 0.0]),
    "odd": st.sampled_from(ODD),
}
SIZES = st.sampled_from([None, float("nan"), float("inf"), -1.0, 0.0, 1.0, 1.0, 1.0 + 1e-12, 7.0, 70.0, 1e308, 5e-324])
UNBOUNDED = {"ccg"}  # documented as infinite where the accuracy slope is flat


@st.composite
def tables(draw: st.DrawFn) -> np.ndarray:
    rows, columns = draw(st.integers(0, 12)), draw(st.integers(1, 4))
    cells = KINDS[draw(st.sampled_from(sorted(KINDS)))]
    values = draw(st.lists(cells, min_size=rows * columns, max_size=rows * columns))
    return np.array(values, dtype=np.float64).reshape(rows, columns)


def names_of(table: np.ndarray, clusters: int) -> list[str]:
    return [f"c{place % clusters}" for place in range(len(table))]


def sizes_of(params_b: list[float | None]) -> tuple[ModelSize, ...]:
    return tuple(ModelSize(model=f"m{place}", params_b=size) for place, size in enumerate(params_b))


def rng() -> np.random.Generator:
    return generator(0, "odd")


def searched(table: np.ndarray, clusters: list[str]) -> crossfit.SearchedCells:
    names = tuple(f"cell{place}" for place in range(table.shape[1]))
    return crossfit.SearchedCells(names=names, scores=table, clusters=tuple(clusters))


def model_scores(table: np.ndarray, params_b: list[float | None]) -> list[scaling_fit.ModelScore]:
    means = table[0] if len(table) else np.zeros(table.shape[1])
    return [
        scaling_fit.ModelScore(size=size, mean=float(mean), n=max(1, len(table)), se=0.02)
        for size, mean in zip(sizes_of(params_b), means, strict=False)
    ]


def fitted(table: np.ndarray, params_b: list[float | None], rules: scaling_fit.FitRules) -> object:
    fit = scaling_fit.fit_scaling(model_scores(table, params_b), rules)
    return fit if fit.line is None else (fit, scaling_bands.band(fit, 1.0), scaling_bands.band(fit, 1e308))


def worth(table: np.ndarray, params_b: list[float | None], clusters: list[str], estimator: str) -> object:
    scores = size_worth.RetrievalScores(
        sizes=sizes_of(params_b)[: table.shape[1]],
        direct=table,
        retrieval=table[:, 0],
        clusters=tuple(clusters),
        model="m0",
    )
    share = bool(((table >= 0) & (table <= 1)).all())
    return size_worth.retrieval_worth(scores, scaling_fit.FitRules(share=share, estimator=estimator))


def by_number(table: np.ndarray) -> dict[int, np.ndarray]:
    return {number + 1: column for number, column in enumerate(table.T)}


def two_rows(table: np.ndarray) -> np.ndarray:
    """The first two questions, whose values stand for losses and accuracies of the models."""
    return np.vstack([table, np.full((2, table.shape[1]), np.nan)])[:2]


Call = Callable[[np.ndarray, list[str], list[float | None]], object]

# every public function over plain numbers, by module: what it is handed of a table, clusters and sizes
CALLS: dict[str, Call] = {
    "intervals.iid_error": lambda t, _c, _s: intervals.iid_error(t[:, 0]),
    "intervals.clustered_error": lambda t, c, _s: intervals.clustered_error(t[:, 0], c),
    "intervals.mean_interval": lambda t, c, _s: intervals.mean_interval(t[:, 0], c),
    "intervals.share_interval": lambda t, c, _s: intervals.share_interval(t[:, 0] > 0, c),
    "paired.paired_means": lambda t, c, _s: paired.paired_means(t[:, 0], t[:, -1], c, rng=rng()),
    "paired.paired_shares": lambda t, c, _s: paired.paired_shares(t[:, 0], t[:, -1], c, rng=rng()),
    "power.paired_design": lambda t, c, _s: power.paired_design(t[:, 0], t[:, -1], c),
    "power.detectable_effect": lambda t, c, _s: power.detectable_effect(power.paired_design(t[:, 0], t[:, -1], c)),
    "power.noninferiority_power": lambda t, c, _s: power.noninferiority_power(
        power.paired_design(t[:, 0], t[:, -1], c), margin=0.05
    ),
    "multiplicity.adjust": lambda t, _c, _s: multiplicity.adjust(
        [None if not 0 < p <= 1 else float(p) for p in t.ravel()], exploratory=len(t) % 2 == 0
    ),
    "max_t.max_t": lambda t, c, _s: max_t.max_t(t, c, rng=rng()),
    "crossfit.cross_fit": lambda t, c, _s: crossfit.cross_fit(searched(t, c), seed=1),
    "crossfit.cross_fit_scores": lambda t, c, _s: crossfit.cross_fit_scores(searched(t, c), seed=1),
    "crossfit.best_in_sample": lambda t, c, _s: crossfit.best_in_sample(searched(t, c)),
    "joint.joint_means": lambda t, c, _s: joint.joint_means(t, c),
    "margin.margin_verdict": lambda t, c, _s: margin.margin_verdict(t[:, 0], t[:, -1], c, margin=0.05),
    "margin.difference_interval": lambda t, c, _s: margin.difference_interval(t[:, 0], t[:, -1], c),
    "margin_sensitivity.margin_sensitivity": lambda t, c, _s: margin_sensitivity.margin_sensitivity(
        searched(t, c), searched(t[:, ::-1], c), margin=0.05, seed=1
    ),
    "margin_tests.margin_tests": lambda t, c, _s: margin_tests.margin_tests(
        t[:, 0], t[:, -1], c, margin_tests.Margin(value=0.05)
    ),
    "margin_tests.bounded_interval": lambda t, c, _s: margin_tests.bounded_interval(
        t[:, 0], t[:, -1], c, level=0.9, span=1.0
    ),
    "margin_tests.margin_power": lambda t, c, _s: margin_tests.margin_power(
        t[:, 0], t[:, -1], c, margin_tests.Margin(value=0.05), alpha=0.05
    ),
    "ratios.compensation_ratio": lambda t, c, _s: ratios.compensation_ratio(np.tile(t, 3)[:, :3], c),
    "line.ordinary_line": lambda t, _c, s: fitted(t, s, scaling_fit.FitRules(share=False)),
    "line.mixed_line": lambda t, _c, s: fitted(t, s, scaling_fit.FitRules(share=False, estimator="REML")),
    "scaling_fit.fit_scaling": lambda t, _c, s: fitted(t, s, scaling_fit.FitRules(chance=0.25)),
    "uplift_line.uplift_by_size": lambda t, c, s: uplift_line.uplift_by_size(sizes_of(s)[: t.shape[1]], t, c),
    "size_worth.retrieval_worth": lambda t, c, s: (worth(t, s, c, "least squares"), worth(t, s, c, "REML")),
    "interaction.effect": lambda t, c, _s: [
        interaction.effect(by_number(t), contrast, c, rng=rng()) for contrast in interaction.CONTRASTS
    ],
    "interaction.level_of": lambda t, c, _s: interaction.level_of(t[:, 0], c),
    "importance.factor_importance": lambda t, c, _s: importance.factor_importance(
        t[:, 0], {"a": c, "b": [str(value) for value in t[:, -1]]}, rng=rng(), draws=5
    ),
    "variance_components.repeat_components": lambda t, _c, _s: variance_components.repeat_components(t),
    "variance_components.study_design": lambda t, _c, _s: variance_components.study_design(
        variance_components.repeat_components(t), 10, 2
    ),
    "variance_components.crossed_components": lambda t, _c, _s: variance_components.crossed_components(t[:, :, None]),
    "calibration.brier_parts": lambda t, _c, _s: calibration.brier_parts(t[:, 0], t[:, -1] > 0),
    "calibration.calibration_error": lambda t, _c, _s: calibration.calibration_error(t[:, 0], t[:, -1] > 0),
    "calibration.auroc": lambda t, _c, _s: calibration.auroc(t[:, 0], t[:, -1] > 0),
    "calibration.spiegelhalter": lambda t, _c, _s: calibration.spiegelhalter(t[:, 0], t[:, -1] > 0),
    "gap.confidence_gap": lambda t, c, _s: gap.confidence_gap(t[:, 0], t[:, -1], c),
    "ensembles.ensemble": lambda t, c, _s: ensembles.ensemble(
        np.nan_to_num(t > 0).astype(int), t > 0, c, rng=rng(), fold_seeds=2
    ),
    "ensembles.vote": lambda t, _c, _s: ensembles.vote((t > 0).astype(int), t > 0, np.ones(t.shape[1])),
    "latency.percentile": lambda t, _c, _s: latency.percentile(t[:, 0], 0.95),
    "noise_floor.noise_floor": lambda t, c, _s: noise_floor.noise_floor(t, c),
    "noise_floor.batch_flip_rate": lambda t, c, _s: noise_floor.batch_flip_rate(t[:, 0], t[:, -1], c),
    "compatible.ccg.ccg_series": lambda t, _c, s: ccg.ccg_series(s[: t.shape[1]], *two_rows(t)),
    "compatible.ccg.confidence_gap": lambda t, _c, s: ccg.confidence_gap(s[: t.shape[1]], *two_rows(t)),
    "compatible.clustered.cr1_mean": lambda t, c, _s: clustered.cr1_mean(t[:, 0], c),
    "compatible.effects.effect_size": lambda t, _c, _s: effects.effect_size(t[:, 0], t[:, -1]),
    "compatible.logfit.log10_fit": lambda t, _c, s: logfit.log10_fit(s[: t.shape[1]], t[0] if len(t) else []),
    "compatible.logfit.ln_fit": lambda t, _c, s: logfit.ln_fit(s[: t.shape[1]], t[0] if len(t) else []),
    "compatible.pairwise.preference": lambda t, _c, _s: pairwise.preference(int((t > 0).sum()), int((t < 0).sum())),
}


def floats(value: object, name: str = "") -> Iterator[tuple[str, float]]:
    if is_dataclass(value) and not isinstance(value, type):
        for part in fields(value):
            yield from floats(getattr(value, part.name), part.name)
    elif isinstance(value, tuple | list):
        for part in value:
            yield from floats(part, name)
    elif isinstance(value, Mapping):
        yield from floats(tuple(value.values()), name)
    elif isinstance(value, np.ndarray):
        yield from ((name, number) for number in value.ravel().tolist() if isinstance(number, float))
    elif isinstance(value, float):
        yield name, value


def check(call: Callable[[], object]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found, told = call(), "a result"
        except (ValueError, HarnessError) as error:
            found, told = None, str(error)
    assert len(told.splitlines()) == 1
    odd = [(name, number) for name, number in floats(found) if not isfinite(number) and name not in UNBOUNDED]
    assert odd == []


@pytest.mark.parametrize("name", CALLS)
@given(table=tables(), clusters=st.integers(1, 12), params_b=st.lists(SIZES, min_size=4, max_size=4))
def test_numbers_of_any_kind_give_a_result_or_one_line(
    name: str, table: np.ndarray, clusters: int, params_b: list[float | None]
) -> None:
    check(lambda: CALLS[name](table, names_of(table, clusters), params_b))


variance = st.sampled_from([0.0, 1e-300, 1e-12, 0.04, 1.0, 1e100, float("nan"), float("inf"), -1.0])
number = st.sampled_from([0.0, 1e-300, 1e-12, -0.2, 0.5, 1e100, float("nan"), float("inf")])


@given(numerator=number, denominator=number, variances=st.tuples(variance, variance), covariance=number)
def test_quotients_of_any_kind_give_a_set_or_one_line(
    numerator: float, denominator: float, variances: tuple[float, float], covariance: float
) -> None:
    quotient = ratios.Quotient(
        numerator=numerator,
        denominator=denominator,
        numerator_variance=variances[0],
        denominator_variance=variances[1],
        covariance=covariance,
        df=4.0,
    )
    check(lambda: ratios.fieller_set(quotient))


def planted() -> pd.DataFrame:
    models = tuple(
        PlantedModel(name=f"m{place}", params_b=size, accuracy={"direct": 0.4, "rag": 0.6, "ft": 0.5}, loss_nll=1.0)
        for place, size in enumerate((1.0, 4.0, 16.0))
    )
    return simulate(Truth(models=models, questions=16, clusters=5, shared=0.5, tasks=("a", "b")), 1)


CASES = planted()
CHANGES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "empty": lambda cases: cases[:0],
    "one case": lambda cases: cases[:1],
    "one question": lambda cases: cases[cases["question_id"] == "q0000001"],
    "one model": lambda cases: cases[cases["model"] == "m1"],
    "one cluster": lambda cases: cases.assign(cluster="c"),
    "no clusters": lambda cases: cases.assign(cluster=pd.NA),
    "no sizes": lambda cases: cases.assign(params_b=np.nan),
    "odd sizes": lambda cases: cases.assign(params_b=cases["model"].map({"m0": -1.0, "m1": np.inf, "m2": 2.0})),
    "half missing": lambda cases: cases.assign(
        **{name: cases[name].mask(cases.index % 2 == 0) for name in ("confidence", "loss_nll", METRIC, "latency_s")}
    ),
    "no answers": lambda cases: cases.assign(outcome=pd.NA, confidence=np.nan, loss_nll=np.nan, latency_s=np.nan),
    "ties": lambda cases: cases.assign(outcome="correct", confidence=1.0, loss_nll=0.0, latency_s=1.0),
    "odd values": lambda cases: cases.assign(confidence=np.inf, loss_nll=-np.inf, latency_s=-1.0),
    "duplicates": lambda cases: pd.concat([cases, cases], ignore_index=True),
}
FRAME_CALLS: dict[str, Callable[[pd.DataFrame], object]] = {
    "gap.confidences": lambda cases: (gap.confidences(cases), gap.confidences(cases, by_task=True)),
    "gap.size_points": lambda cases: (gap.size_points(cases), gap.size_points(cases, by_task=True)),
    "latency.latencies": latency.latencies,
    "interaction.condition_effects": lambda cases: interaction.condition_effects(cases, seed=1),
    "interaction.size_rows": lambda cases: interaction.size_rows(cases, ("correct", METRIC), seed=1),
    "by_size.effects_by_size": by_size.effects_by_size,
    "by_size.quantities_by_size": lambda cases: (
        by_size.quantities_by_size(cases),
        by_size.quantities_by_size(cases, by_task=True),
    ),
    "by_size.model_sizes": lambda cases: len(by_size.model_sizes(cases)),
    "question_table.question_table": lambda cases: question_table.question_table(cases, "model").arms,
    "question_table.case_scores": lambda cases: len(question_table.case_scores(cases)),
}


@pytest.mark.parametrize("name", FRAME_CALLS)
@settings(max_examples=10)
@given(changes=st.lists(st.sampled_from(sorted(CHANGES)), min_size=1, max_size=3, unique=True))
def test_case_rows_of_any_kind_give_a_result_or_one_line(name: str, changes: list[str]) -> None:
    cases = CASES
    for change in changes:
        cases = CHANGES[change](cases)
    check(lambda: FRAME_CALLS[name](cases))


# functions of plain arguments that their own tests take to their limits, or that only the ones above call
INNER = {
    "bell_mccaffrey_df",
    "wilson",
    "design_effect",
    "error_of",
    "singletons_dropped",
    "cluster_sizes",
    "distinct",
    "clusters_where",
    "finite",
    "mcnemar_mid_p",
    "tango_statistic",
    "tango_interval",
    "sign_flip_p",
    "holm",
    "benjamini_hochberg",
    "cross_fit_rows",
    "averaged_interval",
    "at_level",
    "verdict_of",
    "standing",
    "side_of",
    "sensitivity_of",
    "verdict_of_rows",
    "no_spread_tests",
    "independent_units",
    "fieller_set",
    "contains",
    "ratio_of",
    "reml_variance",
    "coefficient",
    "fitted_line",
    "leave_one_out",
    "band",
    "is_extrapolated",
    "intercept_place",
    "band_row",
    "contrast_values",
    "study_error",
    "equal_mass_bins",
    "confidence_pair",
    "answers_needed",
    "ccg_ratio",
    "ccg_label",
    "recommend_size",
    "success_factors",
    "synergies",
    "effect_label",
    "sign_test_p",
    "elo",
    "expected_score",
}
MODULES = sorted({name.rpartition(".")[0] for name in (*CALLS, *FRAME_CALLS)} | {"scaling_bands"})


@pytest.mark.parametrize("module", MODULES)
def test_no_public_function_is_left_out(module: str) -> None:
    found = import_module(f"harness.analysis.{module}")
    public = {
        name
        for name, value in inspect.getmembers(found, inspect.isfunction)
        if value.__module__ == found.__name__ and not name.startswith("_")
    }
    tried = {name.rpartition(".")[2] for name in (*CALLS, *FRAME_CALLS)}
    assert public - tried - INNER == set()
