"""Imported aggregates: rows of experiments, of published tables or of counts, and every published number they allow."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pandas import DataFrame

from harness.analysis.compatible.benefit import (
    BenefitDistribution,
    BestRetrieval,
    benefit_distribution,
    best_retrieval,
)
from harness.analysis.compatible.experiments import published_rows
from harness.analysis.compatible.groundedness import FaithfulnessGap, Groundedness, faithfulness_gaps, groundedness
from harness.analysis.compatible.scaling import (
    DirectCurve,
    MetricCurves,
    ModelRow,
    dataset_cells,
    direct_curve,
    model_rows,
    multi_metric_curves,
)
from harness.analysis.compatible.variance import VarianceShares, variance_shares, variance_shares_by_tier
from harness.analysis.flags import Flag, experiment_flags
from harness.analysis.published_effects import VARIANCE_FACTORS, PublishedEffects, published_effects
from harness.analysis.published_pairs import PublishedPair, PublishedSeries, published_pairs, published_series
from harness.analysis.published_sizes import SizeTables, models_of_cells, models_of_table, size_tables
from harness.analysis.refusals import Refused

EXPERIMENTS = ("model", "dataset", "kind")
CELLS = ("model", "dataset", "direct_mean", "best_rag")
MODELS = ("model", "direct", "best_rag")
SERIES = (("params_b",), ("loss_nll",), ("accuracy_percent", "pass_rate"))
COUNTS = ("a", "b", "wins_a", "wins_b")
MATCHES = ("a", "b", "result")


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateInfo:
    """What is known beside the rows.

    `metric` is the score that they are about, `metrics` those that get curves and shares beside it. `sizes_b` tells
    sizes, in billions, of models whose rows do not. `best` counts the retrieval cells of "best-k". `seed` is that of
    the bootstrap.
    """

    metric: str = "primary"
    metrics: tuple[str, ...] = ()
    higher_is_better: Mapping[str, bool] = field(default_factory=dict)
    sizes_b: Mapping[str, float] = field(default_factory=dict)
    best: int = 5
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentNumbers:
    """The published formulas over `rows` experiment rows of `metric`; each part names the fault of its formula."""

    metric: str
    rows: int
    direct: DirectCurve
    curves: tuple[MetricCurves, ...]
    benefits: BenefitDistribution
    best_cells: tuple[BestRetrieval, ...]
    variance: VarianceShares
    variance_by_tier: tuple[VarianceShares, ...]
    effects: PublishedEffects
    groundedness: tuple[Groundedness, ...]
    faithfulness: tuple[FaithfulnessGap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregates:
    """The published numbers of one imported frame; a part that its columns do not allow says which it lacks.

    All are compatible numbers: aggregates have no questions to pair, so none of the defensible ones can be made.
    """

    rows: int
    experiments: ExperimentNumbers | Refused
    sizes: SizeTables | Refused
    series: tuple[PublishedSeries, ...] | Refused
    pairs: tuple[PublishedPair, ...] | Refused
    flags: tuple[Flag, ...]


def analyse_aggregates(frame: DataFrame, about: AggregateInfo) -> Aggregates:
    """Every published number that the columns of a frame allow.

    Args:
        frame: one row per experiment (`model`, `dataset`, `kind` of "direct" or "rag", the metric, and the factors'
            levels), per model and data set (`direct_mean`, `best_rag`), per model (`direct`, `best_rag`), per model of
            a series (`params_b`, `loss_nll`, `accuracy_percent` or `pass_rate`), per pair (`a`, `b`, `wins_a`,
            `wins_b`, `ties`) or per match (`a`, `b`, `result`). `model_short` and `exp_type` stand for `model` and
            `kind`, NAME_METRIC for a column NAME of the metric.
        about: what else is known.

    Raises:
        DataError: a published row stands twice, or a count or result is none.
    """
    rows = _named(frame, about)
    return Aggregates(
        rows=len(rows),
        experiments=_experiments(rows, about),
        sizes=_sizes(rows, about),
        series=_series(rows),
        pairs=_pairs(rows),
        flags=_flags(rows, about),
    )


def experiment_numbers(rows: DataFrame, about: AggregateInfo) -> ExperimentNumbers:
    """Every published formula over experiment rows.

    Raises:
        UnknownName: no column has a metric's name.
    """
    metric, metrics = about.metric, tuple(dict.fromkeys((about.metric, *about.metrics)))
    return ExperimentNumbers(
        metric=metric,
        rows=len(rows),
        direct=direct_curve(rows, metric),
        curves=multi_metric_curves(rows, about.metrics, about.higher_is_better),
        benefits=benefit_distribution(rows, metric),
        best_cells=best_retrieval(rows, metric, about.best),
        variance=variance_shares(rows, metric, VARIANCE_FACTORS),
        variance_by_tier=variance_shares_by_tier(rows, metric, VARIANCE_FACTORS),
        effects=published_effects(rows, metric, metrics, seed=about.seed),
        groundedness=groundedness(rows),
        faithfulness=faithfulness_gaps(rows),
    )


def _named(frame: DataFrame, about: AggregateInfo) -> DataFrame:
    """The frame under the names of this package, sizes and tiers added where they are known."""
    suffix = f"_{about.metric}"
    short = {f"{name}{suffix}": name for name in ("direct", "best_rag", "mean_rag")}
    rows = published_rows(frame.rename(columns={old: new for old, new in short.items() if new not in frame.columns}))
    if about.sizes_b and "model" in rows.columns and "params_b" not in rows.columns:
        return published_rows(rows.assign(params_b=rows["model"].astype("object").map(dict(about.sizes_b))))
    return rows


def _lacks(rows: DataFrame, *names: str) -> Refused | None:
    missing = [name for name in names if name not in rows.columns]
    told = ", ".join(missing)
    return Refused(reason=f"needs the columns {', '.join(names)}, lacks {told}") if missing else None


def _experiments(rows: DataFrame, about: AggregateInfo) -> ExperimentNumbers | Refused:
    lacking = _lacks(rows, *EXPERIMENTS, *dict.fromkeys((about.metric, *about.metrics)))
    return lacking or experiment_numbers(rows, about)


def _sizes(rows: DataFrame, about: AggregateInfo) -> SizeTables | Refused:
    models: tuple[ModelRow, ...]
    if _lacks(rows, *CELLS) is None:
        models = models_of_cells(rows, about.sizes_b)
    elif _lacks(rows, *MODELS) is None:
        models = models_of_table(rows, about.sizes_b)
    elif _lacks(rows, *EXPERIMENTS, about.metric) is None:
        models = model_rows(dataset_cells(rows, about.metric))
    else:
        ways = ((*EXPERIMENTS, about.metric), CELLS, MODELS)
        return Refused(reason=f"needs the columns {'; or '.join(', '.join(names) for names in ways)}")
    return size_tables(models) if models else Refused(reason="needs 1 model with a score, has 0")


def _series(rows: DataFrame) -> tuple[PublishedSeries, ...] | Refused:
    for names in SERIES:
        if not any(name in rows.columns for name in names):
            return Refused(reason=f"needs the column {' or '.join(names)}")
    return published_series(rows) or Refused(reason="needs 1 model, has 0")


def _pairs(rows: DataFrame) -> tuple[PublishedPair, ...] | Refused:
    if _lacks(rows, *MATCHES) is not None and (lacking := _lacks(rows, *COUNTS)) is not None:
        return lacking
    return published_pairs(rows) or Refused(reason="needs 1 pair, has 0")


def _flags(rows: DataFrame, about: AggregateInfo) -> tuple[Flag, ...]:
    if _lacks(rows, *EXPERIMENTS, about.metric) is not None:
        return ()
    told = rows.assign(**{name: None for name in ("params_b", "condition") if name not in rows.columns})
    return experiment_flags(told.assign(condition=told["condition"].fillna(told["kind"])), about.metric)
