"""Imported aggregates: every published number of the reference comes out of a frame, and odd frames give reasons."""

import json
import warnings
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.aggregates import AggregateInfo, Aggregates, analyse_aggregates
from harness.analysis.published_pairs import percent
from harness.analysis.refusals import Refused
from harness.errors import DataError
from tests.analysis.compatible.compatible_rows import experiment_frames

REFERENCE = Path(__file__).resolve().parents[2].parent / "shared" / "reference"
ABOUT = AggregateInfo(metric="f1", metrics=("f1", "faithfulness"), best=3)
EXACT = 1e-12
PRINTED = 7e-5  # the published tables are rounded to four decimals


def reference(name: str) -> Path:
    path = REFERENCE / name
    if not path.exists():
        pytest.skip(f"the reference vector {name} is not beside this checkout")
    return path


def golden(name: str) -> Any:
    return json.loads(reference(name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def expected() -> Any:
    return golden("golden_variance_expected.json")


@pytest.fixture(scope="module")
def found() -> Aggregates:
    return analyse_aggregates(pd.read_csv(reference("golden_variance_input.csv")), ABOUT)


def published_name(factor: str) -> str:
    return "model_short" if factor == "model" else factor


def shares(part: Any) -> dict[str, float]:
    return {published_name(share.factor): share.percent for share in part.shares}


def test_variance_shares_within_and_over_data_sets(found, expected) -> None:
    assert shares(found.experiments.variance) == pytest.approx(expected["identify_bottlenecks_stratified"], rel=1e-9)
    assert shares(found.experiments.effects.pooled) == pytest.approx(
        expected["identify_bottlenecks_unstratified"], rel=1e-9
    )


def test_variance_shares_of_each_metric(found, expected) -> None:
    told = [
        (published_name(share.factor), part.metric)
        for part in found.experiments.effects.by_metric
        for share in part.shares
    ]
    assert told == [(line["factor"], line["metric"]) for line in expected["multi_metric_bottlenecks_df"]]


def means(found, factor: str, weight_by: str | None) -> Any:
    effects = found.experiments.effects
    parts = effects.means if weight_by is None else effects.means_over_models
    return next(part.means for part in parts if part.factor == factor)


@pytest.mark.parametrize(
    ("name", "factor", "weight_by", "label"),
    [
        ("weighted_mean_stratified_point_only", "model", None, "model_short"),
        ("weighted_mean_weight_by_model_unstratified", "prompt", "model", "prompt"),
    ],
)
def test_weighted_means(found, expected, name, factor, weight_by, label) -> None:
    made = means(found, factor, weight_by)
    assert [(mean.group, mean.n) for mean in made] == [(line[label], line["n"]) for line in expected[name]]
    for mean, line in zip(made, expected[name], strict=True):
        assert (mean.mean, mean.std) == pytest.approx((line["mean"], line["std"]), rel=EXACT)


def test_the_benefit_distribution(found, expected) -> None:
    told = found.experiments.benefits
    line = expected["rag_benefit_distribution"]
    assert (told.helps, told.hurts, told.neutral) == (line["n_helps"], line["n_hurts"], line["n_neutral"])
    numbers = (told.helps_percent, told.mean_when_helps, told.mean_when_hurts, told.best, told.worst)
    names = ("pct_helps", "mean_benefit_when_helps", "mean_hurt_when_hurts", "best_rag_benefit", "worst_rag_benefit")
    assert numbers == pytest.approx(tuple(line[name] for name in names), rel=1e-9)


def test_the_best_three_cells(found, expected) -> None:
    lines = expected["best_rag_vs_direct_top3"]
    told = found.experiments.best_cells
    assert [f"{one.model} / {one.dataset}" for one in told] == [line["group"] for line in lines]
    for one, line in zip(told, lines, strict=True):
        assert (one.direct_mean, one.best_k_mean, one.advantage, one.advantage_percent) == pytest.approx(
            (line["direct_mean"], line["top_rag_mean"], line["rag_advantage"], line["rag_advantage_pct"]), rel=1e-9
        )


def test_the_effect_size_of_retrieval(found, expected) -> None:
    whole = next(one.size for one in found.experiments.effects.effects if one.model is None)
    d, p, label = expected["effect_size_direct_vs_rag"]
    assert (whole.d, whole.p) == pytest.approx((d, p), rel=1e-9)
    assert whole.label == label


def test_marginal_means(found, expected) -> None:
    told = [mean for mean in found.experiments.effects.marginal_means if mean.factor == "prompt"]
    lines = expected["marginal_means_prompt_points"]
    assert [(mean.level, mean.rows) for mean in told] == [(line["prompt"], line["n_experiments"]) for line in lines]
    assert [mean.mean for mean in told] == pytest.approx([line["marginal_mean"] for line in lines], rel=EXACT)


def test_success_factors(found, expected) -> None:
    names = ("pct_helps", "mean_benefit", "std_benefit", "mean_benefit_pct")
    told = {
        (one.factor, one.level): (one.helps_share, one.mean_benefit, one.std_benefit, one.benefit_percent)
        for one in found.experiments.effects.success_factors
    }
    for factor, levels in expected["success_factors"].items():
        for line in levels:
            assert told[factor, str(line[factor])] == tuple(line[name] for name in names)


def test_synergy_of_prompt_and_retriever(found, expected) -> None:
    pair = next(
        part
        for part in found.experiments.effects.synergies
        if {part.first, part.second} == {"prompt", "retriever_type"}
    )
    told = {frozenset((one.first, one.second)): (one.interaction, one.label) for one in pair.synergies}
    for line in expected["synergy_prompt_x_retriever"]:
        interaction, label = told[frozenset((line["prompt"], line["retriever_type"]))]
        assert interaction == pytest.approx(line["interaction_effect"], abs=1e-13)
        assert label == line["synergy"].lower()


def sizes(name: str) -> Any:
    models = pd.read_csv(reference("published_models_7.csv"))
    known = dict(zip(models["model_short"], models["params_b"], strict=True))
    rows = (
        models.drop(columns=["params_b", "tier"])
        if name == "models"
        else pd.read_csv(reference("published_cells_21.csv"))
    )
    return analyse_aggregates(rows, AggregateInfo(metric="f1", sizes_b=known)).sizes


@pytest.mark.parametrize("name", ["cells", "models"])
def test_published_tables_give_the_models_the_fit_and_the_tiers(name) -> None:
    told = sizes(name)
    published = pd.read_csv(reference("published_models_7.csv")).set_index("model_short")
    assert sorted(row.model for row in told.models) == sorted(published.index)
    for row in told.models:
        line = published.loc[row.model]
        assert row.tier == line["tier"]
        numbers = line[["direct_f1", "best_rag_f1", "rag_uplift"]].tolist()
        # the difference of two rounded numbers is off by up to one more digit
        assert [row.direct, row.best_rag, row.uplift] == pytest.approx(numbers, abs=1.1e-4)
    assert (f"{told.direct.slope:.3f}", f"{told.direct.r_squared:.3f}", f"{told.direct.p:.3f}") == (
        "0.146",
        "0.110",
        "0.467",
    )
    tiers = pd.read_csv(reference("published_tiers.csv")).set_index("tier")
    for row in told.tiers[:2]:
        assert row.compensation_ratio == pytest.approx(tiers.loc[row.tier, "compensation_ratio"], abs=5e-4)
        assert row.can_match == tiers.loc[row.tier, "can_match"]


def test_the_sensitivity_of_the_small_tier() -> None:
    told = {
        (line.best_over_models, line.direct_over_models): (f"{line.ratio:.3f}", line.can_match)
        for line in sizes("models").sensitivity
        if line.tier == "small"
    }
    assert told["max", "mean"] == ("1.522", True)
    assert told["max", "max"] == ("0.919", False)
    assert told["mean", "mean"] == ("1.240", True)


def series_rows(*, shares_only: bool) -> pd.DataFrame:
    rows = []
    for name, line in golden("golden_ccg.json").items():
        if not isinstance(line, dict) or "inputs" not in line:
            continue
        inputs = line["inputs"]
        stated = inputs.get("confidence", [None] * len(inputs["sizes"]))
        for size, loss, accuracy, confidence in zip(
            inputs["sizes"], inputs["losses"], inputs["accuracies"], stated, strict=True
        ):
            told = {"series": name, "params_b": size, "loss_nll": loss}
            if shares_only:
                told |= {"pass_rate": accuracy / 100, "confidence": None if confidence is None else confidence / 100}
            else:
                told |= {"accuracy_percent": accuracy, "confidence_percent": confidence}
            rows.append(told)
    return pd.DataFrame(rows)


@pytest.mark.parametrize("shares_only", [False, True])
def test_the_six_series_of_ccg_with_both_units(shares_only) -> None:
    lines = golden("golden_ccg.json")
    told = {one.name: one for one in analyse_aggregates(series_rows(shares_only=shares_only), ABOUT).series}
    assert len(told) == 6
    for name, one in told.items():
        line = lines[name]
        assert one.ccg.ccg == pytest.approx(line["ccg"], rel=1e-9)
        assert one.ccg_of_shares.ccg == pytest.approx(line["ccg_if_accuracy_as_fraction"], rel=1e-9)
        assert one.ccg.label == line["source_label"].lower()
        assert one.ccg.recommendation.recommendation == line["source_recommendation"]
        told_of_shares = one.ccg_of_shares.recommendation.recommendation
        assert told_of_shares == line["source_recommendation_fraction_units"]
        assert one.ccg.loss_improvement_percent == pytest.approx(line["loss_improvement_pct"], rel=1e-9)
        assert one.ccg.accuracy_change == pytest.approx(line["accuracy_change_pp"], rel=1e-9)


def test_the_gap_of_the_series_with_confidences() -> None:
    line = golden("golden_ccg.json")["temporal_part1"]
    told = next(one for one in analyse_aggregates(series_rows(shares_only=False), ABOUT).series if one.gap.gaps_pp)
    assert told.gap.gaps_pp == pytest.approx(tuple(line["gap_pp"]))
    assert told.gap.gap.slope == pytest.approx(line["gap_slope_pp"], rel=1e-9)


def test_a_series_without_a_name_is_one_and_needs_no_confidence() -> None:
    rows = pd.DataFrame({"params_b": [1.0, 10.0], "loss_nll": [2.0, 1.0], "accuracy_percent": [40.0, 50.0]})
    (told,) = analyse_aggregates(rows, ABOUT).series
    assert (told.name, told.gap.gaps_pp, told.gap.left_out) == ("all", (), 2)


def test_rounding_carries_no_share_over_a_threshold() -> None:
    assert percent(0.55) - percent(0.35) == 20  # 100 * .55 is 55.00000000000001


def test_pairwise_counts() -> None:
    lines = golden("golden_pairwise.json")["sign_and_wilson"]
    rows = pd.DataFrame(
        [
            {"a": "x", "b": f"y{turn}", **{name: line[name] for name in ("wins_a", "wins_b", "ties")}}
            for turn, line in enumerate(lines)
        ]
    )
    told = analyse_aggregates(rows, ABOUT).pairs
    for one, line in zip(told, lines, strict=True):
        assert one.preference.p == pytest.approx(line["exact_p"], rel=1e-9)
        limits = (None, None) if line["wilson_a"] is None else pytest.approx(tuple(line["wilson_a"]), rel=1e-9)
        assert (one.preference.low, one.preference.high) == limits
        assert one.ratings is None


def test_matches_in_their_order_give_ratings_too() -> None:
    rows = pd.DataFrame({"a": "x", "b": "y", "result": ["a", "tie", "b", "a"]})
    (told,) = analyse_aggregates(rows, ABOUT).pairs
    assert (told.preference.wins_a, told.preference.wins_b, told.preference.ties) == (2, 1, 1)
    assert told.ratings.matches == 4


def test_every_compatible_number_says_so() -> None:
    def parts(value: object) -> list[object]:
        if isinstance(value, tuple):
            return [part for one in value for part in parts(one)]
        return (
            [value, *(part for one in fields(value) for part in parts(getattr(value, one.name)))]
            if hasattr(value, "__dataclass_fields__")
            else []
        )

    told = analyse_aggregates(pd.read_csv(reference("golden_variance_input.csv")), ABOUT).experiments
    named = [part for part in parts(told) if hasattr(part, "fault")]
    assert len(named) > 40
    assert all(part.compatible for part in named)


@pytest.mark.parametrize(
    ("columns", "part", "told"),
    [
        (
            ["model", "dataset"],
            "experiments",
            "needs the columns model, dataset, kind, f1, faithfulness, lacks kind, f1",
        ),
        (
            ["model"],
            "sizes",
            "needs the columns model, dataset, kind, f1; or model, dataset, direct_mean, best_rag; or",
        ),
        (["params_b", "loss_nll"], "series", "needs the column accuracy_percent or pass_rate"),
        (["a", "b", "wins_a"], "pairs", "needs the columns a, b, wins_a, wins_b, lacks wins_b"),
        (["a", "b", "result"], "pairs", "needs 1 pair, has 0"),
        (["params_b", "loss_nll", "pass_rate"], "series", "needs 1 model, has 0"),
        (["model", "direct", "best_rag"], "sizes", "needs 1 model with a score, has 0"),
    ],
)
def test_a_part_that_the_columns_do_not_allow_says_which_it_lacks(columns, part, told) -> None:
    refused = getattr(analyse_aggregates(pd.DataFrame(columns=columns), ABOUT), part)
    assert isinstance(refused, Refused)
    assert refused.reason.startswith(told)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([{"a": "x", "b": "y", "wins_a": 1.5, "wins_b": 0}], "wins_a of 'x' is 1.5: a whole number of at least 0"),
        ([{"a": "x", "b": "y", "wins_a": "many", "wins_b": 0}], "wins_a of 'x' is 'many'"),
        ([{"a": "x", "b": "y", "wins_a": 1, "wins_b": None}], "wins_b of 'x' is None"),
        ([{"a": "x", "b": "y", "result": "A"}], "x against y has the result 'A': one of a, b, tie"),
        ([{"model": "m", "direct": 1, "best_rag": 1}] * 2, "'m' stands in two rows of the published table"),
        (
            [{"model": "m", "dataset": "d", "direct_mean": 1, "best_rag": 1}] * 2,
            "'d' of 'm' stands in two rows of the published table",
        ),
    ],
)
def test_a_wrong_row_is_one_line(rows, told) -> None:
    with pytest.raises(DataError) as raised:
        analyse_aggregates(pd.DataFrame(rows), ABOUT)
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_row_without_a_number_or_a_size_is_missing_and_not_0() -> None:
    rows = pd.DataFrame({"model": ["a", "b"], "direct": [0.5, "?"], "best_rag": [0.6, np.inf], "datasets": [3, None]})
    known, unknown = analyse_aggregates(rows, ABOUT).sizes.models
    assert (known.uplift, known.datasets, known.params_b, known.tier) == (pytest.approx(0.1), 3, None, None)
    assert (unknown.direct, unknown.best_rag, unknown.uplift, unknown.datasets) == (None, None, None, 0)


def test_aggregates_raise_flags_of_their_own() -> None:
    rows = pd.DataFrame({"model": ["m", "m"], "dataset": "d", "kind": "rag", "f1": [0.1, 0.5], "params_b": 1.0})
    told = analyse_aggregates(rows, AggregateInfo(metric="f1")).flags
    assert [flag.code for flag in told] == ["BROKEN_RUN", "DUPLICATE_RUN"]


@settings(max_examples=40, deadline=None)
@given(experiment_frames(), st.sampled_from(["f1", "primary"]))
def test_any_frame_of_experiments_gives_results_or_reasons(rows, metric) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        told = analyse_aggregates(rows, AggregateInfo(metric=metric, metrics=("f1",)))
    assert isinstance(told.experiments, Refused) == (metric == "primary")


def test_the_order_of_the_rows_changes_nothing(found) -> None:
    rows = pd.read_csv(reference("golden_variance_input.csv")).sample(frac=1, random_state=1)
    told = analyse_aggregates(rows, ABOUT).experiments
    assert shares(told.variance) == pytest.approx(shares(found.experiments.variance), rel=1e-9)
    assert told.effects.means == found.experiments.effects.means
