"""Whatever the rows hold: results without NaN, without infinite numbers, without warnings, each with its fault."""

import warnings
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from math import isfinite

import pandas as pd
import pytest
from hypothesis import given

from harness.analysis.compatible.benefit import benefit_distribution, best_retrieval
from harness.analysis.compatible.effects import success_factors, synergies
from harness.analysis.compatible.groundedness import faithfulness_gaps, groundedness
from harness.analysis.compatible.means import Bootstrap, marginal_means, weighted_means
from harness.analysis.compatible.scaling import dataset_cells, direct_curve, model_rows, multi_metric_curves
from harness.analysis.compatible.tiers import tier_sensitivity, tier_table, verdict_table
from harness.analysis.compatible.variance import variance_shares, variance_shares_by_metric, variance_shares_by_tier
from harness.analysis.distributions import generator
from tests.analysis.compatible.compatible_rows import experiment_frames, frame, row

ODD = {
    "empty": frame(),
    "one row": frame(row()),
    "all equal": frame(*(row(kind=kind, prompt=p) for kind in ("direct", "rag") for p in "ab")),
    "all missing": frame(*(row(kind=kind, f1=float("nan")) for kind in ("direct", "rag") for _ in range(9))),
    "no size": frame(*(row(model=m, kind="direct", params_b=None, tier=None) for m in "abcd")),
    "odd sizes": frame(*(row(model=str(s), kind="direct", params_b=s) for s in (-1.0, 0.0, float("inf"), 7.0))),
    "no names": frame(row(model=None), row(dataset=None), row(kind=None)),
}


def everything(rows: pd.DataFrame) -> list[object]:
    bootstrap = Bootstrap(rng=generator(1, "odd rows"), draws=20)
    rows = rows if "prompt" in rows.columns else rows.assign(prompt="a")
    models = model_rows(dataset_cells(rows, "f1"))
    tiers = tier_table(models)
    both = rows.assign(faithfulness=rows["f1"])
    return [
        *(variance_shares(rows, "f1"), variance_shares(rows, "f1", by_dataset=False), benefit_distribution(rows, "f1")),
        *variance_shares_by_tier(rows, "f1"),
        *variance_shares_by_metric(rows, ["f1"]),
        *weighted_means(rows, "f1", "model", bootstrap),
        *marginal_means(rows, "f1", "prompt"),
        *best_retrieval(rows, "f1"),
        *success_factors(rows, "f1", ["model", "prompt"]),
        *synergies(rows, "f1", "prompt", "model"),
        direct_curve(rows, "f1"),
        *multi_metric_curves(rows, ["f1"]),
        *models,
        *tiers,
        *verdict_table(tiers),
        *(line for row in tiers for line in tier_sensitivity(models, row.tier)),
        *groundedness(both),
        *faithfulness_gaps(both),
    ]


def numbers(value: object) -> Iterator[float]:
    if is_dataclass(value):
        yield from (number for part in fields(value) for number in numbers(getattr(value, part.name)))
    elif isinstance(value, tuple):
        yield from (number for part in value for number in numbers(part))
    elif isinstance(value, float):
        yield value


def check(rows: pd.DataFrame) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results = everything(rows)
    assert all(result.compatible and result.fault for result in results)
    assert all(isfinite(number) for result in results for number in numbers(result))


@given(experiment_frames())
def test_any_rows_have_results_without_nan_or_warnings(rows) -> None:
    check(rows)


@pytest.mark.parametrize("name", ODD)
def test_odd_rows_have_results_without_nan_or_warnings(name) -> None:
    check(ODD[name])
