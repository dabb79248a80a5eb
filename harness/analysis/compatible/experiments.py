"""Experiment rows: one per model, condition and data set, with the mean of each metric and the levels of the factors.

Columns: `model`, `params_b`, `tier`, `dataset`, `kind` ("direct", "rag", or another condition's name), `condition`,
the factors, then the metrics. Every function here and beside takes such rows and leaves them as they are.
"""

from collections.abc import Mapping
from math import isfinite

import numpy as np
from pandas import DataFrame, Series

from harness.analysis.cells import answered_rows, correct_rows
from harness.analysis.frame import CaseTables, metric_columns
from harness.analysis.intervals import FloatArray
from harness.errors import UnknownName
from harness.registry.catalog import tier

DIRECT = "direct"
RETRIEVAL = "rag"
FACTORS = ("model", "retriever_type", "embedding_model", "reranker", "prompt", "query_transform", "top_k")
NAMES = {"model_short": "model", "exp_type": "kind"}
LEADING = ("model", "params_b", "tier", "dataset", "kind", "condition", "planned", "answered")
CELL = ["model", "condition", "dataset"]
QUESTION = [*CELL, "question_id"]

Factors = Mapping[str, Mapping[str, object]]


def experiment_rows(tables: CaseTables, factors: Factors | None = None) -> DataFrame:
    """One row per model, condition and data set of a run; repeats are averaged per question first.

    A condition with retrieved passages, the base weights and no precision of its own is of kind "rag", the one without
    passages "direct"; any other is of a kind of its own. The metric columns, `primary`, `confidence`, `loss_nll` and
    `pass_rate` (share of correct answers) are means over the answered questions that have a finite value, NaN where
    none has. `planned` and `answered` count cases.

    Args:
        tables: the cases of a run; none gives an empty frame with all columns.
        factors: the levels of each condition's factors, by condition name; a factor left out is missing.
    """
    cases = tables.cases
    answered = answered_rows(cases)
    values = cases[[*metric_columns(cases), "primary", "confidence", "loss_nll"]].assign(
        pass_rate=correct_rows(cases).astype(np.float64)
    )
    # a value that is not finite, or of a case without an answer, is missing
    told = values.where(np.isfinite(values) & answered[:, None])
    keys = cases[["model", "params_b", "tier", "condition", "dataset"]].assign(kind=_kinds(tables), answered=answered)
    grouped = keys.groupby(CELL, sort=False)
    about = grouped.agg(
        params_b=("params_b", "first"),
        tier=("tier", "first"),
        kind=("kind", "first"),
        planned=("answered", "size"),
        answered=("answered", "sum"),
    )
    rows = about.join(_means(cases, told)).reset_index()
    levels = {name: _levels(rows["condition"], name, factors or {}) for name in FACTORS if name != "model"}
    rows = rows.assign(**levels)
    return rows[[*LEADING, *levels, *(str(name) for name in told.columns)]]


def published_rows(frame: DataFrame) -> DataFrame:
    """Rows of an older system under the names of this one; a tier is added where sizes are known and tiers are not.

    `model_short` becomes `model` and `exp_type` becomes `kind`; columns that are there already stay as they are.
    """
    rows = frame.rename(columns={old: new for old, new in NAMES.items() if new not in frame.columns})
    if "params_b" in rows.columns and "tier" not in rows.columns:
        return rows.assign(
            tier=Series([tier(known_size(size)) for size in rows["params_b"]], rows.index, dtype="string")
        )
    return rows


def scored(rows: DataFrame, metric: str, kind: str | None = None) -> DataFrame:
    """The rows of a kind (None: of all) with a finite value of the metric, as column `value` beside the others.

    Raises:
        UnknownName: no column has the metric's name.
    """
    if metric not in rows.columns:
        raise UnknownName("metric", metric, (str(name) for name in rows.columns))
    chosen = rows if kind is None else rows[(rows["kind"] == kind).fillna(value=False)]
    values = chosen[metric].to_numpy(dtype=np.float64, na_value=np.nan)
    finite = np.isfinite(values)
    kept: DataFrame = chosen[finite].assign(value=values[finite])
    return kept


def has_columns(rows: DataFrame, *names: str) -> None:
    """Check that the rows have columns of these names.

    Raises:
        UnknownName: they lack one.
    """
    for name in names:
        if name not in rows.columns:
            raise UnknownName("column of the experiment rows", name, (str(column) for column in rows.columns))


def column_of(rows: DataFrame, metric: str) -> str | None:
    """The column of a metric named with or without its version; the latest version counts, None for no such column."""
    named = [str(name) for name in rows.columns if str(name).partition("@")[0] == metric]
    return metric if metric in named else max(named, key=lambda name: (len(name), name), default=None)


def known_size(value: object) -> float | None:
    """A model's size in billions of parameters; None unless it is a finite number above 0."""
    try:
        size = float(value)  # type: ignore[arg-type] # whatever a frame holds; what is no number is no size
    except (TypeError, ValueError):
        return None
    return size if isfinite(size) and size > 0 else None


def size_of(rows: DataFrame) -> float | None:
    """The first usable size among rows of one model, in billions of parameters; None without one."""
    values = rows["params_b"] if "params_b" in rows.columns else ()
    return next((size for value in values if (size := known_size(value)) is not None), None)


def mean_of_means(rows: DataFrame, by: list[str]) -> FloatArray:
    """The mean `value` of each group of rows, shape (groups,); rows without one of the keys are in no group."""
    return rows.groupby(by, observed=True)["value"].mean().to_numpy(dtype=np.float64)


def _means(cases: DataFrame, told: DataFrame) -> DataFrame:
    if not cases.duplicated(QUESTION).any():
        return told.groupby([cases[name] for name in CELL], sort=False).mean()
    by_question = told.groupby([cases[name] for name in QUESTION], sort=False).mean()
    return by_question.groupby(CELL, sort=False).mean()


def _kinds(tables: CaseTables) -> Series:
    details = tables.details
    plain = details["adapter"].isna() & details["quantisation"].isna()
    kinds = tables.cases["condition"].astype("object")
    kinds = kinds.mask((plain & (details["context"] == "none")).to_numpy(dtype=bool), DIRECT)
    return kinds.mask((plain & (details["context"] == "retrieved")).to_numpy(dtype=bool), RETRIEVAL)


def _levels(conditions: Series, factor: str, factors: Factors) -> Series:
    known = {name: levels[factor] for name, levels in factors.items() if factor in levels}
    return conditions.astype("object").map(known)
