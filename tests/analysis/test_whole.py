"""The whole analysis of a run: every part or its reason, in any order of rows, and the planted truth found."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields
from math import log10

import numpy as np
import pandas as pd
import pytest

from harness.analysis.adapters import case_grid
from harness.analysis.arms import score_table
from harness.analysis.compatible.experiments import FACTORS, experiment_rows
from harness.analysis.crossfit import SearchedCells
from harness.analysis.frame import CaseTables
from harness.analysis.gap import confidences
from harness.analysis.interaction import condition_effects
from harness.analysis.latency import latencies
from harness.analysis.margin_sensitivity import margin_sensitivity
from harness.analysis.published import grid_rows
from harness.analysis.refusals import Refused
from harness.analysis.run import RunInfo
from harness.analysis.simulate import METRIC, Missing, PlantedModel, Truth, scaling_models
from harness.analysis.simulate_tables import planted_tables
from harness.analysis.whole import Analysis, analyse
from harness.errors import HarnessError
from tests.analysis.leaves import not_numbers, walk

SIZES = {"m0.5": 0.5, "m2": 2.0, "m4": 4.0, "m8": 8.0, "m16": 16.0}
LINES = {"direct": (-1.0, 1.0), "rag": (0.0, 0.6), "rag-2": (0.1, 0.6)}
CONTEXTS = {"direct": "none", "rag": "retrieved", "rag-2": "retrieved", "ft": "none", "ft+rag": "retrieved"}
CONTEXTS |= {"oracle": "gold", "distractor": "distractor", "rag@4bit": "retrieved"}
ALPHA = 0.05


def info(tables: CaseTables, **more: object) -> RunInfo:
    told = {"higher_is_better": {"planted": True}} | more
    return RunInfo(run="r", study="s", primary="p", planned=len(tables.cases), **told)


def planted(
    lines: Mapping[str, tuple[float, float]] = LINES,
    sizes: Mapping[str, float] = SIZES,
    *,
    scatter: float = 0.1,
    seed: int = 1,
    **more: object,
) -> CaseTables:
    models = scaling_models(sizes, lines, scatter=scatter, seed=seed)
    options = {"questions": 60, "clusters": 20, "icc": 0.2, "shared": 0.4, **more}
    return planted_tables(
        Truth(models=models, **options), seed, {name: CONTEXTS[name] for name in lines}, {"ft": "x", "ft+rag": "x"}
    )


def whole(tables: CaseTables, **more: object) -> Analysis:
    return analyse(tables, info(tables, **more), 7)


@pytest.fixture(scope="module")
def rich() -> CaseTables:
    lines = LINES | {"ft": (-0.5, 0.9), "ft+rag": (0.2, 0.5), "oracle": (1.0, 0.3), "rag@4bit": (-0.1, 0.6)}
    tables = planted(
        lines, repeats=2, repeat_noise=0.3, tasks=("a", "b"), missing=Missing(error=0.03, unparsed=0.02, skipped=0.01)
    )
    flips = np.where(tables.cases["repeat"] == 0, 0.0, np.nan)
    tables.details["flipped"] = pd.Series(flips).astype("Int64")
    return tables


@pytest.fixture(scope="module")
def found(rich: CaseTables) -> Analysis:
    return whole(rich)


def same(a: object, b: object) -> list[str]:
    """The paths at which two results differ."""
    left, right = list(walk(a)), list(walk(b))
    if [path for path, _ in left] != [path for path, _ in right]:
        return ["the parts differ"]
    return [path for (path, one), (_, other) in zip(left, right, strict=True) if not np.array_equal(one, other)]


def refusals(value: object) -> list[str]:
    return [str(leaf) for path, leaf in walk(value) if path.endswith(".reason") and leaf is not None]


def test_importing_the_analysis_loads_no_heavy_package() -> None:
    code = "import sys, harness.analysis.whole; print({'pandas', 'scipy', 'pyarrow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_part_has_a_result_where_the_data_allow_it(found: Analysis) -> None:
    parts = {field.name: getattr(found, field.name) for field in fields(found)}
    assert [name for name, part in parts.items() if isinstance(part, Refused)] == ["preferences", "judges"]
    for shares in (found.headline, found.complete_case):
        inner = {field.name: getattr(shares, field.name) for field in fields(shares)}
        assert [name for name, part in inner.items() if isinstance(part, Refused)] == []


def test_no_number_is_missing_or_infinite_and_every_reason_is_one_line(found: Analysis) -> None:
    assert not_numbers(found) == []
    assert [why for why in refusals(found) if "\n" in why or not why] == []


def test_the_same_cases_in_another_order_give_the_same_value(rich: CaseTables, found: Analysis) -> None:
    order = np.random.default_rng(1).permutation(len(rich.cases))
    mixed = CaseTables(results=(), cases=rich.cases.iloc[order], details=rich.details.iloc[order], reasons={})
    assert same(found, whole(mixed)) == []


def test_the_seed_decides_the_draws(rich: CaseTables, found: Analysis) -> None:
    other = analyse(rich, info(rich), 8)
    assert same(found.headline.uplifts, other.headline.uplifts) != []
    assert same(found.headline.direct, other.headline.direct) == []


def test_published_rows_are_those_of_the_case_table(rich: CaseTables) -> None:
    expected = experiment_rows(rich).sort_values(["model", "condition"], ignore_index=True)
    made = grid_rows(case_grid(rich), info(rich)).sort_values(["model", "condition"], ignore_index=True)
    names = [name for name in made.columns if name not in FACTORS or name == "model"]
    pd.testing.assert_frame_equal(made[names], expected[names], check_dtype=False)


def test_calibration_and_latency_are_those_of_the_case_table(rich: CaseTables, found: Analysis) -> None:
    expected = {one.cell: one for one in confidences(rich.cases)}
    whole_cells = {one.cell: one for one in found.confidences if one.task is None}
    assert len(whole_cells) == len(expected) == 70
    for name, one in whole_cells.items():
        other = expected[name.replace(":", "-").replace(" repeat ", "-r")]
        assert one.gap.gap.estimate == pytest.approx(other.gap.gap.estimate)
        assert one.error.plug_in == pytest.approx(other.error.plug_in)
    seconds = sorted(one.percentiles[0].estimate_s for one in latencies(rich.cases))
    assert sorted(one.percentiles[0].estimate_s for one in found.latencies) == pytest.approx(seconds)


def test_effects_over_the_answered_questions_are_those_of_the_case_table(rich: CaseTables, found: Analysis) -> None:
    expected = {(one.model, one.contrast.name): one for one in condition_effects(rich.cases, seed=7)}
    made = {(one.model, one.contrast.name): one for one in found.complete_case.effects.effects}
    assert made.keys() == expected.keys()
    for key, one in made.items():
        assert one.difference.estimate == pytest.approx(expected[key].difference.estimate)
        assert one.difference.low == pytest.approx(expected[key].difference.low)


def test_best_substitutes_have_the_verdicts_of_the_sensitivity_table(rich: CaseTables, found: Analysis) -> None:
    table = score_table(case_grid(rich))
    sides = []
    for model, context in (("m0.5", "retrieved"), ("m16", "none")):
        places = table.places(model=model, context=context)
        names = tuple(table.arms[place].label for place in places)
        sides.append(SearchedCells(names=names, scores=table.scores[:, places], clusters=table.clusters))
    expected = margin_sensitivity(*sides, margin=0.05, seed=7)
    row = next(row for row in found.headline.best_substitutes if (row.small, row.large) == ("m0.5", "m16"))
    assert row.sensitivity == expected
    assert row.verdict == expected[-1].verdict


def test_every_smaller_model_stands_against_every_larger_one_with_one_family(found: Analysis) -> None:
    rows = found.headline.substitutes
    assert len(rows) == 10 * 2  # pairs of models times retrieval cells of the smaller one
    assert {row.test.adjusted.size for row in rows} == {20}
    assert all(row.test.adjusted.p >= row.test.p for row in rows)
    assert all(row.verdict.power.n_needed is not None for row in rows)
    assert all(SIZES[row.small] < SIZES[row.large] for row in rows)


def test_only_retrieval_with_the_models_own_weights_is_the_declared_family(found: Analysis) -> None:
    declared = [row for row in found.headline.within if row.declared]
    assert {row.condition for row in declared} == {"rag", "rag-2"}
    assert {(row.adjusted.method, row.adjusted.size) for row in declared} == {("Holm", 10)}
    others = {row.adjusted.method for row in found.headline.within if not row.declared}
    assert others == {"Benjamini-Hochberg"}


def test_quantised_and_tuned_cells_are_searched_by_no_arm(found: Analysis) -> None:
    names = {name for row in found.headline.uplifts for name, _ in (*row.direct.chosen, *row.retrieval.chosen)}
    assert names == {f"{model}:{name}" for model in SIZES for name in LINES}


def test_optimism_is_the_maximum_in_sample_less_the_cross_fit(found: Analysis) -> None:
    for row in found.headline.uplifts:
        fit = row.retrieval
        assert fit.searched == 2
        assert fit.optimism == pytest.approx(fit.in_sample_maximum - fit.estimate.estimate)


def test_without_a_missing_answer_the_complete_cases_are_not_told_twice() -> None:
    assert whole(planted()).complete_case == Refused(reason="no answer is missing: as the headline")


def test_without_a_margin_there_is_no_verdict_and_no_advice() -> None:
    found = whole(planted(questions=20, clusters=0), margin=0.0)
    told = "a verdict needs a declared margin above 0, has 0"
    assert found.headline.substitutes == found.headline.best_substitutes == Refused(reason=told)
    assert found.advice == Refused(reason="advice needs a declared margin above 0, has 0")
    assert {str(row.verdict.reason) for row in found.headline.tiers[:-1]} == {told.partition(",")[0]}


def test_a_metric_that_is_better_when_lower_falls_with_a_gain() -> None:
    tables = planted()
    cases = tables.cases.assign(**{"loss@1": 1 - tables.cases[METRIC]})
    found = analyse(
        CaseTables(results=(), cases=cases, details=tables.details, reasons={}),
        info(tables, higher_is_better={"loss": False, "planted": True}),
        7,
    )
    loss, score = found.metrics
    assert (loss.metric, loss.higher_is_better) == ("loss@1", False)
    assert loss.best_uplift_by_size.uplifts == pytest.approx(score.best_uplift_by_size.uplifts)
    means = [point.mean for point in loss.direct.points]
    assert means == pytest.approx([1 - point.mean for point in score.direct.points])


def test_no_cell_is_chosen_by_a_metric_without_a_better_direction() -> None:
    tables = planted(questions=20)
    cases = tables.cases.assign(**{"own@2": 0.5})
    rows = CaseTables(results=(), cases=cases, details=tables.details, reasons={})
    found = {one.metric: one for one in whole(rows).metrics}
    assert found["own@2"].direct == Refused(
        reason="cells cannot be chosen by own: the study does not say which direction is better"
    )
    assert found["own@2"].higher_is_better is None
    assert found["planted@1"].higher_is_better is True


def test_votes_need_the_answers_and_calibration_a_confidence() -> None:
    tables = planted(questions=20)
    details = tables.details.drop(columns="answer")
    cases = tables.cases.assign(confidence=np.nan, confidence_source=pd.NA, latency_s=np.nan)
    found = whole(CaseTables(results=(), cases=cases, details=details, reasons={}))
    assert found.votes == Refused(reason="needs the answers as read, which the tables do not hold")
    assert found.confidences == Refused(reason="needs 1 answer with a confidence, has 0 of 300")
    assert found.latencies == Refused(reason="needs 1 answer with a latency, has 0")


def test_the_vote_is_told_for_the_first_condition_of_each_context(found: Analysis) -> None:
    assert [vote.condition for vote in found.votes] == ["direct", "rag", "oracle"]
    assert {vote.members for vote in found.votes} == {tuple(SIZES)}
    assert all(vote.vote.comparison is not None for vote in found.votes)


def test_questions_say_who_alone_was_right() -> None:
    tables = planted(questions=40)
    views = whole(tables).questions
    right = tables.cases[tables.cases["outcome"] == "correct"]
    counts = right.groupby("question_id")["cell"].nunique()
    for row in views.questions:
        assert row.right == pytest.approx(counts.get(row.question, 0) / 15)
        assert (row.alone is not None) == (counts.get(row.question, 0) == 1)
    wins = {(win.condition, win.model): win.wins for win in views.wins}
    direct = right[right["condition"] == "direct"]
    alone = direct[direct.groupby("question_id")["model"].transform("size") == 1]
    assert [wins["direct", model] for model in SIZES] == [int((alone["model"] == model).sum()) for model in SIZES]


def cell_values(tables: CaseTables, **columns: object) -> CaseTables:
    return CaseTables(results=(), cases=tables.cases.assign(**columns), details=tables.details, reasons={})


def sized(tables: CaseTables, **sizes: float) -> CaseTables:
    params = tables.cases["params_b"].mask(tables.cases["model"].isin(list(sizes)), np.nan)
    known = tables.cases["model"].astype("object").map(sizes).astype("float64")
    return cell_values(tables, params_b=params.fillna(known))


def edge(name: str) -> CaseTables:
    two = {"a": 1.0, "b": 8.0}
    tables = planted(sizes=two, questions=24, clusters=6, tasks=("x", "y"))
    places = np.arange(len(tables.cases))
    half = (places + places // 24) % 2 == 0  # no question is scored in two neighbouring cells
    changed = {
        "empty": lambda: CaseTables(results=(), cases=tables.cases[:0], details=tables.details[:0], reasons={}),
        "one model": lambda: planted(sizes={"a": 1.0}, questions=24),
        "one question": lambda: planted(questions=1, clusters=0),
        "one cluster": lambda: planted(questions=10, clusters=1),
        "one condition": lambda: planted({"direct": LINES["direct"]}, questions=24),
        "no direct": lambda: planted({"rag": LINES["rag"]}, questions=24),
        "all right": lambda: cell_values(tables, outcome="correct", primary=1.0, **{METRIC: 1.0}),
        "all wrong": lambda: cell_values(tables, outcome="wrong", primary=0.0, **{METRIC: 0.0}),
        "all missing": lambda: cell_values(tables, outcome=pd.NA, primary=np.nan, **{METRIC: np.nan}),
        "all failed": lambda: cell_values(tables, outcome="error", primary=np.nan, **{METRIC: np.nan}),
        "half a metric": lambda: cell_values(tables, **{METRIC: tables.cases[METRIC].mask(half)}),
        "no metric": lambda: cell_values(tables, **{METRIC: np.nan, "primary": np.nan}),
        "infinite metric": lambda: cell_values(tables, **{METRIC: np.where(half, np.inf, 1e300)}),
        "ties": lambda: cell_values(
            tables, outcome=np.where(tables.cases["question_id"] < "q0000012", "correct", "wrong")
        ),
        "confidence 1": lambda: cell_values(tables, confidence=1.0, loss_nll=0.0, latency_s=0.0),
        "odd confidence": lambda: cell_values(tables, confidence=np.inf, latency_s=-1.0),
        "infinite size": lambda: sized(planted(), m2=np.inf),
        "negative size": lambda: sized(planted(), m2=-3.0),
        "huge size": lambda: sized(planted(), m2=1e308, m4=5e-324),
        "no size": lambda: sized(planted(), m2=np.nan, m4=np.nan),
        "no sizes": lambda: cell_values(planted(), params_b=np.nan),
        "one size": lambda: cell_values(planted(), params_b=2.0),
        "identical cases": lambda: CaseTables(
            results=(),
            cases=pd.concat([tables.cases] * 2, ignore_index=True),
            details=pd.concat([tables.details] * 2, ignore_index=True),
            reasons={},
        ),
        "two data sets": lambda: cell_values(
            tables, dataset=np.where(tables.cases["question_id"] < "q0000005", "one", "two")
        ),
        "no clusters": lambda: cell_values(tables, cluster=pd.NA, task=pd.NA),
        "one answered": lambda: cell_values(
            tables, outcome=tables.cases["outcome"].mask(tables.cases["question_id"] != "q0000003")
        ),
    }
    return changed[name]()


EDGES = {
    "empty": "needs 1 case, has 0",
    "one model": "needs 2 models with known size, has 1",
    "one question": "one question has no standard error",
    "one cluster": "in one cluster",
    "one condition": "needs 1 model with a direct and another cell, has 0",
    "no direct": "needs 1 direct cell, has 0",
    "all right": "values are equal",
    "all wrong": "values are equal",
    "all missing": "needs 1 cell with an answer, has 0 of 6",
    "all failed": "needs 1 cell with an answer, has 0 of 6",
    "half a metric": "none of 24 questions is scored in",
    "no metric": "none of 144 answers has a value of planted@1",
    "infinite metric": "none of 144 answers has a value of planted@1",
    "ties": "values are equal",
    "confidence 1": "every confidence is 0, 0.5 or 1",
    "odd confidence": "no answer reports a latency",
    "infinite size": "inf",
    "negative size": "-3",
    "huge size": "",
    "no size": "",
    "no sizes": "needs 2 models with known size, has 0",
    "one size": "all 5 models have the same size",
    "identical cases": "",
    "two data sets": "",
    "no clusters": "",
    "one answered": "one question has no standard error",
}


@pytest.mark.parametrize("name", EDGES)
@pytest.mark.filterwarnings("error")
def test_odd_data_give_results_or_reasons(name: str) -> None:
    found = whole(edge(name))
    assert not_numbers(found) == []
    assert all("\n" not in why for why in refusals(found))
    texts = [str(leaf) for _, leaf in walk(found) if isinstance(leaf, str)]
    assert any(EDGES[name] in text for text in texts)


def test_identical_cases_change_nothing() -> None:
    tables = planted(questions=20)
    twice = CaseTables(
        results=(),
        cases=pd.concat([tables.cases] * 2, ignore_index=True),
        details=pd.concat([tables.details] * 2, ignore_index=True),
        reasons={},
    )
    assert same(whole(tables), whole(twice)) == []


def test_different_results_of_one_case_are_one_line() -> None:
    tables = planted(questions=20)
    cases = pd.concat([tables.cases, tables.cases[:1].assign(latency_s=99.0)], ignore_index=True)
    details = pd.concat([tables.details, tables.details[:1]], ignore_index=True)
    with pytest.raises(HarnessError, match="stands twice with different values"):
        whole(CaseTables(results=(), cases=cases, details=details, reasons={}))


def test_planted_advice_scales_up_a_steep_line_and_not_a_flat_one() -> None:
    steep = whole(planted({"direct": (-1.5, 2.0)}, scatter=0.02, questions=800, clusters=0))
    assert [one.call for one in steep.advice] == ["scale up"]
    flat = whole(planted({"direct": (0.0, 0.0), "rag": (1.5, 0.0)}, scatter=0.01, questions=3000, clusters=0))
    (advice,) = flat.advice
    assert advice.call == "do not scale"
    assert advice.hybrid_helps == tuple(SIZES)
    assert advice.smallest_enough == "m0.5"


def test_planted_overconfidence_that_grows_with_size_is_told() -> None:
    models = tuple(
        PlantedModel(name=name, params_b=size, accuracy={"direct": 0.4}, gap=0.05 + 0.15 * log10(size / 0.5))
        for name, size in SIZES.items()
    )
    tables = planted_tables(Truth(models=models, questions=1500, shared=0.5), 1, {"direct": "none"})
    (advice,) = whole(tables).advice
    assert advice.overconfident is True


@pytest.mark.slow
def test_the_planted_truth_is_covered_at_the_nominal_rate() -> None:
    """40 seeds x 5 models of nominal .95 intervals each: at least .85 of the slopes and .90 of the rest hold the truth.

    With 40 draws at .95, .85 is over 2.9 standard errors below, and the gaps of one seed share their questions.
    """
    hits: dict[str, list[bool]] = {"slope": [], "gap": [], "best": [], "uplift": []}
    lines = {"direct": (-1.0, 1.0), "rag": (0.0, 0.6), "rag-2": (0.0, 0.6), "oracle": (1.0, 0.0)}
    for seed in range(40):
        tables = planted(lines, scatter=0.15, seed=seed, questions=400, clusters=80)
        found = analyse(tables, info(tables), seed)
        slope = found.headline.direct.fit.slope
        hits["slope"].append(slope.low <= 1.0 <= slope.high)
        hits["gap"] += [one.gap.gap.low <= 0 <= one.gap.gap.high for one in found.confidences if one.task is None]
        planted_models = scaling_models(SIZES, lines, scatter=0.15, seed=seed)
        for model, row in zip(planted_models, found.headline.uplifts, strict=True):
            direct, rag = model.accuracy["direct"], model.accuracy["rag"]
            hits["best"].append(row.retrieval.estimate.low <= rag <= row.retrieval.estimate.high)
            hits["uplift"].append(row.mean_uplift.low <= rag - direct <= row.mean_uplift.high)
    assert np.mean(hits["slope"]) >= 0.85
    assert min(np.mean(hits[name]) for name in ("gap", "best", "uplift")) >= 0.90


@pytest.mark.slow
def test_best_of_many_equal_cells_is_optimistic_in_sample_and_not_by_cross_fit() -> None:
    """30 seeds x 1 model of 16 equal cells: the maximum lies above the truth, the cross-fit within its noise."""
    names = [f"rag-{place:02d}" for place in range(16)]
    model = PlantedModel(name="m", params_b=1.0, accuracy=dict.fromkeys(["direct", *names], 0.5))
    contexts = {"direct": "none"} | dict.fromkeys(names, "retrieved")
    fits = []
    for seed in range(30):
        tables = planted_tables(Truth(models=(model,), questions=300), seed, contexts)
        (row,) = analyse(tables, info(tables), seed).headline.uplifts
        fits.append(row.retrieval)
    assert np.mean([fit.in_sample_maximum for fit in fits]) > 0.54
    # a mean over 30 x 300 answers has a standard error of about .006
    assert abs(np.mean([fit.estimate.estimate for fit in fits]) - 0.5) < 0.02


@pytest.mark.slow
def test_uplift_that_shrinks_with_size_is_found() -> None:
    """20 seeds: the planted fall of the uplift per decade, in shares, lies in its .95 interval at least 16 times."""
    sizes = {f"m{place}": 0.5 * 2.5**place for place in range(6)}
    hits = []
    for seed in range(20):
        accuracy = {name: 0.30 + 0.15 * log10(size / 0.5) for name, size in sizes.items()}
        models = tuple(
            PlantedModel(
                name=name,
                params_b=size,
                accuracy={"direct": accuracy[name], "rag": accuracy[name] + 0.3 - 0.12 * log10(size / 0.5)},
            )
            for name, size in sizes.items()
        )
        truth = Truth(models=models, questions=400, clusters=80, icc=0.2, shared=0.5)
        tables = planted_tables(truth, seed, {"direct": "none", "rag": "retrieved"})
        slope = analyse(tables, info(tables), seed).headline.best_uplift_by_size.slope
        hits.append(slope.low <= -0.12 <= slope.high)
    assert sum(hits) >= 16
