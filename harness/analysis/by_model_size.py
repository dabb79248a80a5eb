"""Scores against model size from the searched cells: the direct line, uplift lines, and what retrieval is worth."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import log10
from sys import float_info

import numpy as np

from harness.analysis.arms import ScoreTable
from harness.analysis.intervals import FloatArray, IntArray, distinct
from harness.analysis.joint import joint_means
from harness.analysis.model_sizes import ModelSize
from harness.analysis.ratios import Ratio, compensation_ratio
from harness.analysis.refusals import Refused, needs
from harness.analysis.scaling_bands import ABOVE_MOST, BELOW_LEAST, Band, band
from harness.analysis.scaling_fit import FitRules, ModelScore, ScalingFit, fit_scaling
from harness.analysis.searched import Searches, sized, stacked
from harness.analysis.size_worth import RetrievalScores, RetrievalWorth, retrieval_worth
from harness.analysis.uplift_line import UpliftLine, uplift_by_size

BAND_SIZES = 25
LINE_LEAST = 2
CLUSTERS_LEAST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyBands:
    """The line at sizes from half of the smallest to twice the largest, for one intercept ("all" when common)."""

    family: str
    bands: tuple[Band, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SizeLine:
    """Scores of several models on the `n` questions that all of them scored, their fit and its bands.

    `unsized` names the models that have scores but no usable size. `dropped` questions lack some model's score. `reml`
    is the fit that takes the sampling errors as known and has the errors of Knapp and Hartung; `fit` and its bands are
    least squares.
    """

    points: tuple[ModelScore, ...]
    unsized: tuple[str, ...]
    n: int
    clusters: int
    dropped: int
    fit: ScalingFit
    bands: tuple[FamilyBands, ...]
    reml: ScalingFit | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Compensation:
    """(small + retrieval - small) / (large - small) for one pair of models, chosen cells cross-fitted."""

    small: str
    large: str
    ratio: Ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What one model's retrieval is worth in parameters, or why that cannot be said."""

    model: str
    worth: RetrievalWorth | Refused


def size_line(table: ScoreTable, searches: Searches, *, retrieval: bool = False) -> SizeLine | Refused:
    """The line through the cross-fitted direct (or retrieval) scores of the models with a usable size.

    A score of which less is better is fitted in its own direction.
    """
    models = sized(searches, retrieval=retrieval)
    if len(models) < LINE_LEAST:
        return _too_few(models, searches)
    chosen = searches.retrieval if retrieval else searches.direct
    rows = stacked([chosen[size.model].rows for size in models]) * (1.0 if table.higher_is_better else -1.0)
    there = np.asarray(np.isfinite(rows).all(axis=(0, 2)))
    if not there.any():
        return Refused(reason=f"none of {len(there)} questions is scored in the cells of all {len(models)} models")
    points = _points(models, rows[:, there], table.clusters[there])
    fit = fit_scaling(points, rules_of(table))
    return SizeLine(
        reml=_reml(points, rules_of(table)),
        points=points,
        unsized=tuple(size.model for size in searches.models if size.model in chosen and size not in models),
        n=int(there.sum()),
        clusters=distinct(table.clusters[there]),
        dropped=int((~there).sum()),
        fit=fit,
        bands=_bands(fit),
    )


def uplift_lines(table: ScoreTable, searches: Searches) -> tuple[UpliftLine | Refused, UpliftLine | Refused]:
    """The mean and the best (cross-fitted) uplift of each model against size."""
    models = sized(searches, retrieval=True)
    if len(models) < LINE_LEAST:
        few = _too_few(models, searches)
        return few, few
    pairs = [(searches.retrieval[size.model], searches.direct[size.model]) for size in models]
    mean = stacked([(with_it.mean - without.mean)[None] for with_it, without in pairs])
    best = stacked([with_it.rows - without.rows for with_it, without in pairs])
    return line_of(models, mean, table.clusters), line_of(models, best, table.clusters)


def line_of(models: Sequence[ModelSize], values: FloatArray, clusters: IntArray) -> UpliftLine | Refused:
    """A line over sizes, or its own reason as a refusal."""
    line = uplift_by_size(models, values, clusters)
    return line if line.reason is None else Refused(reason=line.reason)


def worths(table: ScoreTable, searches: Searches) -> tuple[Worth, ...] | Refused:
    """The effective parameter multiplier and the catch-up size of every model that has retrieval cells and a size."""
    models = sized(searches, retrieval=False)
    with_retrieval = sized(searches, retrieval=True)
    if len(models) < LINE_LEAST or not with_retrieval:
        return _too_few(models, searches) if len(models) < LINE_LEAST else needs(1, "model with retrieval cells", 0)
    if not table.higher_is_better:
        return Refused(reason=f"{table.name} is better when it is lower, and no size is gained by it")
    return tuple(Worth(model=size.model, worth=_worth(table, searches, models, size)) for size in with_retrieval)


def compensations(table: ScoreTable, searches: Searches) -> tuple[Compensation, ...] | Refused:
    """The compensation ratio of every smaller model with retrieval against every larger one that answers directly."""
    models = sized(searches, retrieval=False)
    pairs = [
        (small, large)
        for small, large in combinations(models, 2)
        if (small.params_b or 0.0) < (large.params_b or 0.0) and small.model in searches.retrieval
    ]
    if not pairs:
        return needs(1, "pair of a smaller model with retrieval cells and a larger model with direct cells", 0)
    return tuple(_compensation(small.model, large.model, searches, table.clusters) for small, large in pairs)


def rules_of(table: ScoreTable) -> FitRules:
    """The rules of a fit of this score: the logit above chance for shares, the identity for all else."""
    return FitRules(share=table.share, chance=table.chance if table.share else 0.0)


def _compensation(small: str, large: str, searches: Searches, clusters: IntArray) -> Compensation:
    rows = stacked([searches.direct[small].rows, searches.retrieval[small].rows, searches.direct[large].rows])
    return Compensation(small=small, large=large, ratio=compensation_ratio(rows, clusters))


def _worth(
    table: ScoreTable, searches: Searches, models: Sequence[ModelSize], size: ModelSize
) -> RetrievalWorth | Refused:
    rows = stacked([*(searches.direct[each.model].rows for each in models), searches.retrieval[size.model].rows])
    there = np.asarray(np.isfinite(rows).all(axis=(0, 2)))
    groups = distinct(table.clusters[there])
    if groups < CLUSTERS_LEAST:
        return needs(CLUSTERS_LEAST, f"cluster of questions scored in all {len(models) + 1} cells", groups)
    scores = RetrievalScores(
        sizes=tuple(models), direct=rows[..., :-1], retrieval=rows[..., -1], clusters=table.clusters, model=size.model
    )
    found = retrieval_worth(scores, rules_of(table))
    return found if found.fit.reason is None else Refused(reason=found.fit.reason)


def _reml(points: Sequence[ModelScore], rules: FitRules) -> ScalingFit | Refused:
    unsure = [point.size.model for point in points if point.se is None]
    if unsure:
        return needs(CLUSTERS_LEAST, "cluster of questions for a standard error", 1)
    return fit_scaling(points, replace(rules, estimator="REML"))


def _points(models: Sequence[ModelSize], rows: FloatArray, clusters: IntArray) -> tuple[ModelScore, ...]:
    means, n = rows.mean(axis=(0, 1)), len(clusters)
    errors: Sequence[float | None] = [None] * len(models)
    if distinct(clusters) >= CLUSTERS_LEAST:
        errors = np.sqrt(np.diag(joint_means(rows, clusters).covariance)).tolist()
    return tuple(
        ModelScore(size=size, mean=float(mean), n=n, se=se)
        for size, mean, se in zip(models, means, errors, strict=True)
    )


def _bands(fit: ScalingFit) -> tuple[FamilyBands, ...]:
    if fit.line is None or fit.least_b is None or fit.most_b is None:
        return ()
    ends = max(float_info.min, BELOW_LEAST * fit.least_b), min(float_info.max, ABOVE_MOST * fit.most_b)
    logs = np.linspace(log10(ends[0]), log10(ends[1]), BAND_SIZES)
    sizes = [
        ends[0],
        *(10**log for log in logs[1:-1].tolist()),
        ends[1],
    ]  # the ends themselves, where a power overflows
    return tuple(
        FamilyBands(family=family, bands=tuple(band(fit, float(size), family) for size in sizes))
        for family, _ in fit.intercepts
    )


def _too_few(models: Sequence[ModelSize], searches: Searches) -> Refused:
    told = f"needs {LINE_LEAST} models with known size, has {len(models)}"
    others = len(searches.models) - len(models)
    return Refused(reason=f"{told} ({others} without size or cells)" if others else told)
