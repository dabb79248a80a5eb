"""The published formulas over a run: the levels of its factors, its templates, and shares without rounding."""

import numpy as np
import pandas as pd
import pytest

from harness.analysis.adapters import case_grid
from harness.analysis.frame import CaseTables
from harness.analysis.published import grid_rows, published
from harness.analysis.published_effects import with_levels
from harness.analysis.run import RunInfo, retrieval_factors
from harness.analysis.simulate import PlantedModel, Truth
from harness.analysis.simulate_tables import planted_tables
from harness.records import Condition, RetrieverSpec

CONTEXTS = {"direct": "none", "rag-3": "retrieved", "rag-5": "retrieved"}
FACTORS = {
    "rag-3": {"retriever_type": "bm25", "top_k": 3, "reranker": "none"},
    "rag-5": {"retriever_type": "bm25", "top_k": 5, "reranker": "none"},
}


def tables(questions: int = 80) -> CaseTables:
    accuracy = {"direct": 0.5, "rag-3": 0.5, "rag-5": 0.7}
    models = tuple(PlantedModel(name=name, params_b=size, accuracy=accuracy) for name, size in (("a", 1.0), ("b", 8.0)))
    return planted_tables(Truth(models=models, questions=questions), 5, CONTEXTS)


def info(**more: object) -> RunInfo:
    return RunInfo(run="r", study="s", primary="p", planned=480, **more)


def test_rows_hold_the_levels_that_the_run_tells() -> None:
    prompts = {"prompts": {"planted: concise": "h"}}
    rows = grid_rows(case_grid(tables()), info(factors=FACTORS, manifest=prompts)).set_index(["model", "condition"])
    assert rows.loc[("a", "rag-5"), "top_k"] == 5
    assert rows.loc[("a", "rag-3"), "retriever_type"] == "bm25"
    assert pd.isna(rows.loc[("a", "direct"), "top_k"])
    assert set(rows["prompt"]) == {"concise"}


def test_a_prompt_that_the_condition_names_is_not_that_of_the_data_set() -> None:
    factors = {"rag-3": {"prompt": "cot"}}
    manifest = {"prompts": {"planted: concise": "h"}}
    rows = grid_rows(case_grid(tables()), info(factors=factors, manifest=manifest)).set_index(["model", "condition"])
    assert rows["prompt"].to_dict()["a", "rag-3"] == "cot"
    assert rows["prompt"].to_dict()["a", "rag-5"] == "concise"


def test_a_factor_that_matters_has_the_larger_share_of_the_variance() -> None:
    found = published(case_grid(tables(questions=2000)), info(factors=FACTORS), 3)
    shares = {share.factor: share.percent for share in found.variance.shares}
    assert shares["top_k"] == pytest.approx(shares["condition"])
    assert shares["top_k"] > 50 > shares["model"]
    assert "reranker" not in shares
    assert {mean.factor for mean in found.effects.marginal_means} == {"model", "top_k", "condition"}
    best = max((mean for mean in found.effects.marginal_means if mean.factor == "top_k"), key=lambda mean: mean.mean)
    assert float(best.level) == 5


def test_without_levels_only_models_and_conditions_are_factors() -> None:
    found = published(case_grid(tables()), info(), 3)
    assert {share.factor for share in found.variance.shares} == {"model", "condition"}


def test_the_seed_decides_the_bootstrap_alone() -> None:
    grid = case_grid(tables())
    cases = tables().cases
    half = cases.assign(dataset=np.where(cases["question_id"] < "q0000040", "one", "two")).astype({"dataset": "string"})
    grid = case_grid(CaseTables(results=(), cases=half, details=tables().details, reasons={}))
    first, again, other = (published(grid, info(), seed).effects.means[0].means[0] for seed in (1, 1, 2))
    assert first == again
    assert (first.mean, first.no_interval) == (other.mean, other.no_interval)


def test_a_change_of_20_points_by_rounding_alone_does_not_scale_up() -> None:
    """Shares of .35 and .55: 100 times each is 35 and 55.00000000000001, whose difference is above 20."""
    told = tables()
    right = told.cases["question_id"].map(lambda name: int(name[1:])) < np.where(told.cases["model"] == "a", 28, 44)
    cases = told.cases.assign(
        outcome=pd.Series(np.where(right, "correct", "wrong"), dtype="string"),
        loss_nll=np.where(told.cases["model"] == "a", 2.0, 1.0),
    )
    grid = case_grid(CaseTables(results=(), cases=cases, details=told.details, reasons={}))
    whole = published(grid, info(), 1).ccg[0]
    assert whole.ccg.accuracy_change == 20
    assert whole.ccg.recommendation.recommendation == "Moderate scaling"


def test_levels_of_rows_stay_and_unknown_factors_are_not_added() -> None:
    rows = pd.DataFrame({"condition": ["x", "y"], "prompt": ["cot", None]})
    made = with_levels(rows, {"x": {"prompt": "concise"}, "y": {"prompt": "concise", "top_k": 3}})
    assert made["prompt"].tolist() == ["cot", "concise"]
    assert made["top_k"].tolist()[1] == 3
    assert "reranker" not in made.columns


def test_factors_of_retrieval_are_those_of_the_conditions_that_retrieve() -> None:
    conditions = [Condition(name=name, context=context) for name, context in (("direct", "none"), ("rag", "retrieved"))]
    spec = RetrieverSpec(kind="dense", top_k=7, options={"model": "mini", "reranker": "cross"})
    assert retrieval_factors(conditions, spec) == {
        "rag": {
            "retriever_type": "dense",
            "top_k": 7,
            "embedding_model": "mini",
            "reranker": "cross",
            "query_transform": "none",
        }
    }
