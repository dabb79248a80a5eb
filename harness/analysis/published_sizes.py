"""The published tables over model size, from models that were measured here or whose means were published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pandas import DataFrame

from harness.analysis.compatible.experiments import known_size
from harness.analysis.compatible.logfit import LogFit, log10_fit
from harness.analysis.compatible.scaling import DatasetCells, ModelRow, model_rows
from harness.analysis.compatible.tiers import (
    TierRow,
    TierSensitivity,
    TierVerdict,
    tier_sensitivity,
    tier_table,
    verdict_table,
)
from harness.errors import DataError
from harness.registry.catalog import TIERS, tier


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeTables:
    """The table per model, both fits over log10 of size, and the tiers with their verdicts and sensitivity."""

    models: tuple[ModelRow, ...]
    direct: LogFit
    best: LogFit
    tiers: tuple[TierRow, ...]
    verdicts: tuple[TierVerdict, ...]
    sensitivity: tuple[TierSensitivity, ...]


def size_tables(models: Sequence[ModelRow]) -> SizeTables:
    """All published tables over size; without models each has its own reason or is empty."""
    sizes = [row.params_b for row in models]
    tiers = tier_table(models)
    return SizeTables(
        models=tuple(models),
        direct=log10_fit(sizes, _numbers([row.direct for row in models])),
        best=log10_fit(sizes, _numbers([row.best_rag for row in models])),
        tiers=tiers,
        verdicts=verdict_table(tiers),
        sensitivity=tuple(found for row in tiers for found in tier_sensitivity(models, row.tier)),
    )


def models_of_cells(rows: DataFrame, sizes_b: Mapping[str, float]) -> tuple[ModelRow, ...]:
    """The table per model of published cells: one row per model and data set with the mean direct and the best score.

    Args:
        rows: `model`, `dataset`, `direct_mean` and `best_rag`, where known also `mean_rag`, `params_b`, `tier`.
        sizes_b: sizes in billions of the models whose rows do not tell them.

    Raises:
        DataError: a model and data set stand in two rows.
    """
    _once(rows, ["model", "dataset"])
    cells = [
        DatasetCells(
            model=str(row["model"]),
            dataset=str(row["dataset"]),
            params_b=_size(row, sizes_b),
            tier=_tier(row, sizes_b),
            direct_mean=_number(row, "direct_mean"),
            best_rag=_number(row, "best_rag"),
            mean_rag=_number(row, "mean_rag"),
        )
        for row in _records(rows)
    ]
    return model_rows(cells)


def models_of_table(rows: DataFrame, sizes_b: Mapping[str, float]) -> tuple[ModelRow, ...]:
    """The table per model as published: `model`, `direct` and `best_rag`, where known also `mean_rag` and `params_b`.

    Smallest first; `uplift` is computed. `sizes_b` is as for models_of_cells.

    Raises:
        DataError: a model stands in two rows.
    """
    _once(rows, ["model"])
    found = [_model_row(row, sizes_b) for row in _records(rows)]
    return tuple(sorted(found, key=lambda row: (row.params_b is None, row.params_b or 0.0, row.model)))


def _model_row(row: Mapping[str, object], sizes_b: Mapping[str, float]) -> ModelRow:
    direct, best = _number(row, "direct"), _number(row, "best_rag")
    return ModelRow(
        model=str(row["model"]),
        datasets=0 if (told := _number(row, "datasets")) is None else int(told),
        params_b=_size(row, sizes_b),
        tier=_tier(row, sizes_b),
        direct=direct,
        best_rag=best,
        mean_rag=_number(row, "mean_rag"),
        uplift=None if direct is None or best is None else best - direct,
    )


def _records(rows: DataFrame) -> list[dict[str, object]]:
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def _once(rows: DataFrame, names: list[str]) -> None:
    twice = rows[rows.duplicated(names)]
    if len(twice):
        named = " of ".join(repr(str(twice[name].iloc[0])) for name in reversed(names))
        raise DataError(f"{named} stands in two rows of the published table: keep one")


def _number(row: Mapping[str, object], name: str) -> float | None:
    try:
        value = float(row[name])  # type: ignore[arg-type] # whatever a frame holds; what is no number is missing
    except (KeyError, TypeError, ValueError):
        return None
    return value if np.isfinite(value) else None


def _size(row: Mapping[str, object], sizes_b: Mapping[str, float]) -> float | None:
    told = known_size(row.get("params_b"))
    return told if told is not None else known_size(sizes_b.get(str(row["model"])))


def _tier(row: Mapping[str, object], sizes_b: Mapping[str, float]) -> str | None:
    told = row.get("tier")
    return told if isinstance(told, str) and told in TIERS else tier(_size(row, sizes_b))


def _numbers(values: Sequence[float | None]) -> list[float]:
    return [float("nan") if value is None else value for value in values]
