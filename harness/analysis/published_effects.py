"""The published formulas about factors of retrieval, over experiment rows: shares, means, success, synergy, effects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from pandas import DataFrame

from harness.analysis.compatible.effects import (
    EffectSize,
    SuccessFactor,
    Synergy,
    effect_size,
    success_factors,
    synergies,
)
from harness.analysis.compatible.experiments import DIRECT, FACTORS, RETRIEVAL, scored
from harness.analysis.compatible.means import Bootstrap, MarginalMean, WeightedMean, marginal_means, weighted_means
from harness.analysis.compatible.variance import VarianceShares, variance_shares, variance_shares_by_metric
from harness.analysis.distributions import generator

VARIANCE_FACTORS = (*FACTORS, "condition")
LEVELS_LEAST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorMeans:
    """The weighted mean of each level of a factor; `weight_by` is None where data sets are the strata."""

    factor: str
    weight_by: str | None
    means: tuple[WeightedMean, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorPair:
    """The synergies of every pair of levels of two factors."""

    first: str
    second: str
    synergies: tuple[Synergy, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalEffect:
    """Retrieval rows against direct rows of one model, or (None) of all models, as an effect size."""

    model: str | None
    size: EffectSize


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedEffects:
    """What the factors of retrieval do by the published formulas; `factors` names those with 2 levels or more.

    `pooled` holds the variance shares over all data sets at once, `by_metric` those of each metric within data sets.
    Means, synergies and marginal means are of the factors that vary, success factors of all that the rows name.
    """

    metric: str
    factors: tuple[str, ...]
    pooled: VarianceShares
    by_metric: tuple[VarianceShares, ...]
    means: tuple[FactorMeans, ...]
    means_over_models: tuple[FactorMeans, ...]
    marginal_means: tuple[MarginalMean, ...]
    success_factors: tuple[SuccessFactor, ...]
    synergies: tuple[FactorPair, ...]
    effects: tuple[RetrievalEffect, ...]


def published_effects(
    rows: DataFrame,
    metric: str,
    metrics: Sequence[str] = (),
    *,
    factors: Sequence[str] = VARIANCE_FACTORS,
    seed: int = 0,
) -> PublishedEffects:
    """Every published formula about factors, over the retrieval rows (effects: against the direct ones).

    Args:
        rows: experiment rows.
        metric: the column that they are about.
        metrics: the columns whose variance is shared out beside it.
        factors: columns to look at; one that the rows do not have is skipped.
        seed: of the bootstrap of the weighted means.

    Raises:
        UnknownName: no column has a metric's name.
    """
    # sorted, so that the order of the rows does not reach the draws
    known = scored(rows, metric, RETRIEVAL).sort_values("value", kind="stable")
    present = [name for name in factors if name in known.columns]
    varied = tuple(name for name in present if known[name].nunique() >= LEVELS_LEAST)
    others = tuple(name for name in varied if name != "model")
    return PublishedEffects(
        metric=metric,
        factors=varied,
        pooled=variance_shares(rows, metric, factors, by_dataset=False),
        by_metric=variance_shares_by_metric(rows, metrics, factors),
        means=tuple(_means(known, metric, name, seed) for name in varied),
        means_over_models=tuple(_means(known, metric, name, seed, weight_by="model") for name in others),
        marginal_means=tuple(mean for name in varied for mean in marginal_means(known, metric, name)),
        success_factors=success_factors(rows, metric, present),
        synergies=tuple(
            FactorPair(first=first, second=second, synergies=synergies(rows, metric, first, second))
            for first, second in combinations(varied, 2)
        ),
        effects=_effects(rows, metric),
    )


def with_levels(rows: DataFrame, factors: Mapping[str, Mapping[str, object]]) -> DataFrame:
    """The rows with the levels of their condition's factors, by condition name; a level that rows tell stays.

    A factor whose levels no row knows is not added.
    """
    names = [name for name in FACTORS if name != "model" and any(name in levels for levels in factors.values())]
    added = {}
    for name in names:
        told = rows["condition"].astype("object").map({key: levels.get(name) for key, levels in factors.items()})
        added[name] = told if name not in rows.columns else rows[name].where(rows[name].notna(), told)
    return rows.assign(**added)


def _means(known: DataFrame, metric: str, factor: str, seed: int, weight_by: str | None = None) -> FactorMeans:
    bootstrap = Bootstrap(rng=generator(seed, "weighted means", metric, factor, weight_by or ""))
    means = weighted_means(known, metric, factor, bootstrap, weight_by=weight_by)
    return FactorMeans(factor=factor, weight_by=weight_by, means=means)


def _effects(rows: DataFrame, metric: str) -> tuple[RetrievalEffect, ...]:
    treated, base = (scored(rows, metric, kind) for kind in (RETRIEVAL, DIRECT))
    models = sorted({str(name) for name in treated["model"].dropna()} & {str(name) for name in base["model"].dropna()})
    both = [RetrievalEffect(model=None, size=effect_size(treated["value"], base["value"]))]
    for name in models:
        parts = [part.loc[(part["model"] == name).fillna(value=False), "value"] for part in (treated, base)]
        both.append(RetrievalEffect(model=name, size=effect_size(*parts)))
    return tuple(both)
