"""Curves over model size: the published cells, models and fit, and the curves' laws."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from harness.analysis.compatible.logfit import log10_fit
from harness.analysis.compatible.scaling import (
    DatasetCells,
    dataset_cells,
    direct_curve,
    model_rows,
    multi_metric_curves,
)
from tests.analysis.compatible.compatible_rows import experiment_frames, frame, reference, row

PRINTED = 7e-5  # the published tables are rounded to four decimals


def published_cells() -> list[DatasetCells]:
    cells, models = (pd.read_csv(reference(name)) for name in ("published_cells_21.csv", "published_models_7.csv"))
    known = models.set_index("model_short")
    return [
        DatasetCells(
            model=line.model_short,
            dataset=line.dataset,
            params_b=known.loc[line.model_short, "params_b"],
            tier=known.loc[line.model_short, "tier"],
            direct_mean=line.direct_mean,
            best_rag=line.best_rag,
            rag_cells=line.n_rag_configs,
        )
        for line in cells.itertuples()
    ]


def test_the_published_cells_give_the_published_models() -> None:
    expected = pd.read_csv(reference("published_models_7.csv")).set_index("model_short")
    found = model_rows(published_cells())
    assert sorted(line.model for line in found) == sorted(expected.index)
    for line in found:
        numbers = expected.loc[line.model, ["direct_f1", "best_rag_f1", "rag_uplift"]].tolist()
        assert [line.direct, line.best_rag, line.uplift] == pytest.approx(numbers, abs=PRINTED)


def test_the_published_direct_fit_comes_out() -> None:
    models = pd.read_csv(reference("published_models_7.csv"))
    fit = log10_fit(models["params_b"].tolist(), models["direct_f1"])
    assert (f"{fit.slope:.3f}", f"{fit.r_squared:.3f}", f"{fit.p:.3f}") == ("0.146", "0.110", "0.467")


def test_the_cells_give_the_published_fit_too() -> None:
    found = model_rows(published_cells())
    fit = log10_fit([line.params_b for line in found], [line.direct for line in found])
    assert (f"{fit.slope:.3f}", f"{fit.r_squared:.3f}", f"{fit.p:.3f}") == ("0.146", "0.110", "0.467")


@given(experiment_frames())
def test_best_is_never_below_the_mean_and_uplift_is_their_difference(rows) -> None:
    for line in model_rows(dataset_cells(rows, "f1")):
        if line.best_rag is not None:
            assert line.best_rag >= line.mean_rag - 1e-12
        if line.uplift is not None:
            assert line.uplift == pytest.approx(line.best_rag - line.direct)


@given(experiment_frames())
def test_the_curve_and_the_model_table_agree_on_direct(rows) -> None:
    points = {point.model: point.mean for point in direct_curve(rows, "f1").points}
    table = {line.model: line.direct for line in model_rows(dataset_cells(rows, "f1")) if line.direct is not None}
    assert points == pytest.approx(table)


@given(experiment_frames())
def test_every_data_set_weighs_the_same(rows) -> None:
    known = rows[(rows["kind"] == "direct") & np.isfinite(rows["f1"])]
    for point in direct_curve(rows, "f1").points:
        own = known[known["model"] == point.model]
        by_hand = np.mean([own.loc[own["dataset"] == name, "f1"].mean() for name in sorted(set(own["dataset"]))])
        assert (point.mean, point.count) == (pytest.approx(by_hand), len(own))


@given(experiment_frames())
def test_a_curve_has_numbers_or_a_reason(rows) -> None:
    for fit in (direct_curve(rows, "f1").fit, *(curve.direct for curve in multi_metric_curves(rows, ["f1"]))):
        assert fit is None or (fit.slope is None) == (fit.reason is not None)


def test_models_come_smallest_first_and_unknown_sizes_last() -> None:
    rows = frame(*(row(model=name, kind="direct", params_b=size) for name, size in (("u", None), ("l", 7), ("s", 1))))
    assert [point.model for point in direct_curve(rows, "f1").points] == ["s", "l", "u"]
    assert [line.model for line in model_rows(dataset_cells(rows, "f1"))] == ["s", "l", "u"]


def test_the_spread_of_a_point_is_over_its_cells() -> None:
    rows = frame(row(kind="direct", f1=0.2), row(kind="direct", f1=0.4), row(model="n", kind="direct", f1=0.1))
    both, alone = direct_curve(rows, "f1").points
    assert (both.std, alone.std) == (pytest.approx(0.1 * np.sqrt(2)), None)


def rows_of(metric: str, cells_each: int = 4) -> pd.DataFrame:
    return frame(
        *(
            row(model=f"m{size}", params_b=size, kind=kind, **{metric: size / 10 + i / 100})
            for size in (1, 3, 7)
            for i, kind in enumerate(["direct", "rag"] * (cells_each // 2))
        )
    )


def test_a_metric_of_ten_values_has_both_curves() -> None:
    (curves,) = multi_metric_curves(rows_of("f1"), ["f1"])
    assert (curves.cells, curves.reason) == (12, None)
    assert curves.direct.slope > 0
    assert curves.best.slope > 0


def test_a_metric_of_fewer_values_has_a_reason() -> None:
    (curves,) = multi_metric_curves(rows_of("f1", cells_each=2), ["f1"])
    assert (curves.direct, curves.best, curves.reason) == (None, None, "6 scored cells, at least 10 are needed")


@pytest.mark.parametrize("metric", ["hallucination", "hallucination@1", "toxicity"])
def test_the_maximum_of_a_metric_where_lower_is_better_is_no_best(metric) -> None:
    (curves,) = multi_metric_curves(rows_of(metric), [metric], {"toxicity": False})
    assert curves.direct.slope is not None
    assert (curves.best.slope, curves.best.reason) == (None, "lower is better: the maximum is not the best")


def test_other_conditions_are_neither_direct_nor_retrieval() -> None:
    assert dataset_cells(frame(row(kind="ft")), "f1") == ()


def test_every_result_is_compatible_and_names_its_fault() -> None:
    rows = rows_of("f1")
    found = [direct_curve(rows, "f1"), *model_rows(dataset_cells(rows, "f1")), *multi_metric_curves(rows, ["f1"])]
    assert all(result.compatible and result.fault for result in found)
