"""Direct and best-retrieval curves over model size, for one metric or for many."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from pandas import DataFrame

from harness.analysis.compatible import faults
from harness.analysis.compatible.experiments import DIRECT, RETRIEVAL, scored, size_of
from harness.analysis.compatible.logfit import LogFit, log10_fit
from harness.analysis.intervals import FloatArray
from harness.metrics.table import METRICS
from harness.registry.catalog import TIERS

VALUES_LEAST = 10  # of a metric, for it to get curves
PAIR = ["model", "dataset"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetCells:
    """One model on one data set: its direct cells and its retrieval cells; None for a kind without cells."""

    model: str
    dataset: str
    params_b: float | None = None
    tier: str | None = None
    direct_mean: float | None = None
    direct_max: float | None = None
    best_rag: float | None = None
    mean_rag: float | None = None
    direct_cells: int = 0
    rag_cells: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """One model: means over its data sets of the direct mean, the direct maximum, and retrieval's best and mean.

    `uplift` is best_rag - direct. A number is None where the model has no cells of the kind.
    """

    model: str
    datasets: int
    params_b: float | None = None
    tier: str | None = None
    direct: float | None = None
    direct_max: float | None = None
    best_rag: float | None = None
    mean_rag: float | None = None
    uplift: float | None = None
    direct_cells: int = 0
    rag_cells: int = 0
    compatible: bool = field(default=True, init=False)
    fault: str = field(default=faults.SELECTION, init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectPoint:
    """One model's direct answering: the mean over data sets, and `std` (ddof 1; None for one) of its `count` cells."""

    model: str
    params_b: float | None
    mean: float
    std: float | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectCurve:
    """Direct answering over log10 of size; the fit has a reason where there is none."""

    metric: str
    points: tuple[DirectPoint, ...]
    fit: LogFit
    compatible: bool = field(default=True, init=False)
    fault: str = field(default=faults.LINE, init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricCurves:
    """The direct and the best-retrieval fit of one metric over `cells` scored cells.

    Both are None exactly when `reason` says why; `best` also has a reason of its own, as for a metric where lower is
    better.
    """

    metric: str
    cells: int
    models: tuple[ModelRow, ...] = ()
    direct: LogFit | None = None
    best: LogFit | None = None
    reason: str | None = None
    compatible: bool = field(default=True, init=False)
    fault: str = field(default=faults.SELECTION, init=False)


def direct_curve(rows: DataFrame, metric: str) -> DirectCurve:
    """Each model's direct mean (over data sets of the data set's mean) against log10 of its size, smallest first.

    Raises:
        UnknownName: no column has the metric's name.

    Source: the published formula "direct scaling curve".
    """
    known = scored(rows, metric, DIRECT).dropna(subset=PAIR)
    points = [_point(str(name), part) for name, part in known.groupby("model", sort=True)]
    points.sort(key=lambda point: (point.params_b is None, point.params_b or 0.0))
    fit = log10_fit([point.params_b for point in points], [point.mean for point in points])
    return DirectCurve(metric=metric, points=tuple(points), fit=fit)


def dataset_cells(rows: DataFrame, metric: str) -> tuple[DatasetCells, ...]:
    """The direct and the retrieval cells of each model and data set, sorted by both names.

    Raises:
        UnknownName: no column has the metric's name.
    """
    known = scored(rows, metric).dropna(subset=PAIR)
    known = known[known["kind"].isin([DIRECT, RETRIEVAL])]
    return tuple(_cells(part) for _, part in known.groupby(PAIR, sort=True))


def model_rows(cells: Sequence[DatasetCells]) -> tuple[ModelRow, ...]:
    """One row per model, smallest first, models of unknown size last; every data set weighs the same.

    Source: the published formula "best_rag / mean_rag / rag_uplift".
    """
    by_model: dict[str, list[DatasetCells]] = {}
    for cell in cells:
        by_model.setdefault(cell.model, []).append(cell)
    found = [_model_row(name, by_model[name]) for name in sorted(by_model)]
    return tuple(sorted(found, key=lambda row: (row.params_b is None, row.params_b or 0.0)))


def multi_metric_curves(
    rows: DataFrame, metrics: Sequence[str], higher_is_better: Mapping[str, bool] | None = None
) -> tuple[MetricCurves, ...]:
    """Both curves of each metric with at least 10 scored cells, in the given order.

    Args:
        rows: experiment rows.
        metrics: columns; `NAME@VERSION` counts as NAME for its direction.
        higher_is_better: directions by metric name, over those of the metrics table. Where lower is better, a maximum
            is not the best and that curve is refused.

    Raises:
        UnknownName: no column has a metric's name.

    Source: the published formula "multi-metric scaling".
    """
    directions = {name: metric.higher_is_better is not False for name, metric in METRICS.items()}
    directions.update(higher_is_better or {})
    return tuple(_curves(rows, metric, higher=directions.get(metric.partition("@")[0], True)) for metric in metrics)


def _curves(rows: DataFrame, metric: str, *, higher: bool) -> MetricCurves:
    cells = len(scored(rows, metric))
    if cells < VALUES_LEAST:
        reason = f"{cells} scored cells, at least {VALUES_LEAST} are needed"
        return MetricCurves(metric=metric, cells=cells, reason=reason)
    models = model_rows(dataset_cells(rows, metric))
    sizes = [row.params_b for row in models]
    lower = LogFit(models=0, left_out=len(models), reason="lower is better: the maximum is not the best")
    return MetricCurves(
        metric=metric,
        cells=cells,
        models=models,
        direct=log10_fit(sizes, _numbers(row.direct for row in models)),
        best=log10_fit(sizes, _numbers(row.best_rag for row in models)) if higher else lower,
    )


def _point(model: str, part: DataFrame) -> DirectPoint:
    values = part["value"].to_numpy(dtype=np.float64)
    return DirectPoint(
        model=model,
        params_b=size_of(part),
        mean=float(part.groupby("dataset")["value"].mean().mean()),
        std=float(values.std(ddof=1)) if len(values) > 1 else None,
        count=len(values),
    )


def _cells(part: DataFrame) -> DatasetCells:
    values, kinds = part["value"].to_numpy(dtype=np.float64), part["kind"].to_numpy()
    direct, rag = values[kinds == DIRECT], values[kinds == RETRIEVAL]
    return DatasetCells(
        model=str(part["model"].iloc[0]),
        dataset=str(part["dataset"].iloc[0]),
        params_b=size_of(part),
        tier=_tier(part),
        direct_mean=float(direct.mean()) if len(direct) else None,
        direct_max=float(direct.max()) if len(direct) else None,
        best_rag=float(rag.max()) if len(rag) else None,
        mean_rag=float(rag.mean()) if len(rag) else None,
        direct_cells=len(direct),
        rag_cells=len(rag),
    )


def _model_row(model: str, cells: Sequence[DatasetCells]) -> ModelRow:
    direct, best = _mean(cell.direct_mean for cell in cells), _mean(cell.best_rag for cell in cells)
    return ModelRow(
        model=model,
        datasets=len(cells),
        params_b=next((cell.params_b for cell in cells if cell.params_b is not None), None),
        tier=next((cell.tier for cell in cells if cell.tier is not None), None),
        direct=direct,
        direct_max=_mean(cell.direct_max for cell in cells),
        best_rag=best,
        mean_rag=_mean(cell.mean_rag for cell in cells),
        uplift=None if direct is None or best is None else best - direct,
        direct_cells=sum(cell.direct_cells for cell in cells),
        rag_cells=sum(cell.rag_cells for cell in cells),
    )


def _tier(part: DataFrame) -> str | None:
    tiers = part["tier"].dropna() if "tier" in part.columns else ()
    return next((str(name) for name in tiers if name in TIERS), None)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _numbers(values: Iterable[float | None]) -> FloatArray:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
