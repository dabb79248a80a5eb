"""How well answers are grounded in their passages, by model size."""

from dataclasses import dataclass, field
from math import sqrt

import numpy as np
from pandas import DataFrame

from harness.analysis.compatible import faults
from harness.analysis.compatible.experiments import RETRIEVAL, column_of, scored, size_of
from harness.analysis.compatible.logfit import LogFit, log10_fit
from harness.registry.catalog import TIERS

METRICS = ("faithfulness", "hallucination", "answer_in_context", "context_recall")
QUALITY = "f1"
FAITHFULNESS = "faithfulness"
Z = 1.96  # the published normal quantile
GAP_ROWS_LEAST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundedModel:
    """One model's mean over `n` retrieval rows with mean +- 1.96 sd/sqrt(n); no interval for a single row."""

    model: str
    params_b: float | None
    n: int
    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundedTier:
    """The mean over `n` retrieval rows of one tier."""

    tier: str
    n: int
    mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Groundedness:
    """One metric by model (smallest first) and by tier, with its trend over log10 of size; `reason` for no values."""

    metric: str
    n: int
    trend: LogFit
    models: tuple[GroundedModel, ...] = ()
    tiers: tuple[GroundedTier, ...] = ()
    reason: str | None = None
    compatible: bool = field(default=True, init=False)
    fault: str = field(default=faults.ROWS, init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaithfulnessGap:
    """Mean F1 minus mean faithfulness over the `n` retrieval rows of one tier that have both; `reason` for too few."""

    tier: str
    n: int
    f1: float | None = None
    faithfulness: float | None = None
    gap: float | None = None
    reason: str | None = None
    compatible: bool = field(default=True, init=False)
    fault: str = field(default=faults.ROWS, init=False)


def groundedness(rows: DataFrame) -> tuple[Groundedness, ...]:
    """Faithfulness, hallucination, answer in context and context recall by size, over the retrieval rows.

    A metric is found with or without its version in the column's name; one without a column, or without a value, has a
    reason instead.

    Source: the published formula "groundedness by size".
    """
    return tuple(_metric(rows, name) for name in METRICS)


def faithfulness_gaps(rows: DataFrame) -> tuple[FaithfulnessGap, ...]:
    """F1 against faithfulness in each tier that has retrieval rows with both, smallest first; none without columns."""
    quality, faith = column_of(rows, QUALITY), column_of(rows, FAITHFULNESS)
    if quality is None or faith is None or "tier" not in rows.columns:
        return ()
    both = scored(scored(rows, faith, RETRIEVAL).rename(columns={"value": "faith"}), quality)
    parts = [(tier, both[(both["tier"] == tier).fillna(value=False)]) for tier in TIERS]
    return tuple(_gap(tier, part) for tier, part in parts if len(part))


def _metric(rows: DataFrame, name: str) -> Groundedness:
    column = column_of(rows, name)
    known = None if column is None else scored(rows, column, RETRIEVAL).dropna(subset=["model"])
    if known is None or not len(known):
        reason = "no such column" if known is None else "no retrieval row has a value"
        return Groundedness(metric=name, n=0, trend=log10_fit([], []), reason=reason)
    models = [_model(str(model), part) for model, part in known.groupby("model", sort=True)]
    models.sort(key=lambda model: (model.params_b is None, model.params_b or 0.0))
    return Groundedness(
        metric=name,
        n=len(known),
        trend=log10_fit([model.params_b for model in models], [model.mean for model in models]),
        models=tuple(models),
        tiers=tuple(_tiers(known)) if "tier" in known.columns else (),
    )


def _model(model: str, part: DataFrame) -> GroundedModel:
    values = part["value"].to_numpy(dtype=np.float64)
    mean, n = float(values.mean()), len(values)
    half = Z * float(values.std(ddof=1)) / sqrt(n) if n > 1 else None
    return GroundedModel(
        model=model,
        params_b=size_of(part),
        n=n,
        mean=mean,
        low=None if half is None else mean - half,
        high=None if half is None else mean + half,
    )


def _tiers(known: DataFrame) -> list[GroundedTier]:
    parts = [(tier, known[(known["tier"] == tier).fillna(value=False)]) for tier in TIERS]
    return [GroundedTier(tier=tier, n=len(part), mean=float(part["value"].mean())) for tier, part in parts if len(part)]


def _gap(tier: str, part: DataFrame) -> FaithfulnessGap:
    n = len(part)
    if n < GAP_ROWS_LEAST:
        return FaithfulnessGap(tier=tier, n=n, reason=f"{n} rows with both, at least {GAP_ROWS_LEAST} are needed")
    quality, faith = float(part["value"].mean()), float(part["faith"].mean())
    return FaithfulnessGap(tier=tier, n=n, f1=quality, faithfulness=faith, gap=quality - faith)
