"""Effects of factors on retrieval: success factors, synergy of two factors, and effect sizes."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from math import sqrt
from sys import float_info
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from pandas import DataFrame

from harness.analysis.compatible import faults
from harness.analysis.compatible.benefit import HELPS, retrieval_benefits
from harness.analysis.compatible.experiments import FACTORS, RETRIEVAL, has_columns, mean_of_means, scored
from harness.analysis.distributions import t_two_sided_p
from harness.analysis.intervals import FloatArray

INTERACTS = 0.01  # an interaction within plus and minus this is neutral
DECIMALS = 3  # published rounded, so that the numbers are the rounded ones
SAMPLE_LEAST = 2

EffectLabel = Literal["negligible", "small", "medium", "large"]
Synergistic = Literal["synergistic", "redundant", "neutral"]
LABELS: tuple[tuple[float, EffectLabel], ...] = ((0.2, "negligible"), (0.5, "small"), (0.8, "medium"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessFactor:
    """One level of a factor: how often retrieval with it helps, and by how much, each averaged over the data sets.

    `helps_share` is in [0, 1]. `std_benefit` is None when no data set has two rows, `benefit_percent` when every direct
    mean is 0. All are rounded to 3 decimals, as published.
    """

    factor: str
    level: str
    rows: int
    datasets: int
    helps_share: float
    mean_benefit: float
    std_benefit: float | None
    benefit_percent: float | None
    compatible: bool = field(default=True, init=False)
    fault: str = field(default=faults.MARGINAL, init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Synergy:
    """Two levels together: `actual` against `expected` = overall + both effects; `interaction` is the difference."""

    first: str
    second: str
    rows: int
    actual: float
    expected: float
    interaction: float
    label: Synergistic
    compatible: bool = field(default=True, init=False)
    fault: str = field(default=faults.MARGINAL, init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectSize:
    """Cohen's d of treatment minus base with the p of an equal-variance t test; `reason` says why there is none."""

    treated: int
    untreated: int
    d: float | None = None
    p: float | None = None
    label: EffectLabel | None = None
    reason: str | None = None
    compatible: bool = field(default=True, init=False)
    fault: str = field(default=faults.ROWS, init=False)


def success_factors(rows: DataFrame, metric: str, factors: Sequence[str] = FACTORS) -> tuple[SuccessFactor, ...]:
    """Each level of each factor, most helpful first within its factor; rows without a direct counterpart are left out.

    Per level and data set: the share of benefits above 0.01, their mean and standard deviation (ddof 1), and the mean
    of 100 * benefit / direct; then averaged over the data sets.

    Raises:
        UnknownName: no column has the metric's name.

    Source: the published formula "success factors".
    """
    known = retrieval_benefits(rows, metric).dropna(subset=["direct"])
    with_zero = known["direct"].mask(known["direct"] == 0)
    known = known.assign(helps=known["benefit"] > HELPS, percent=100 * known["benefit"] / with_zero)
    return tuple(level for name in factors if name in known.columns for level in _levels(known, name))


def synergies(rows: DataFrame, metric: str, first: str, second: str) -> tuple[Synergy, ...]:
    """Every pair of levels that was run with retrieval, most synergistic first.

    interaction = actual - (overall + effect of the first + effect of the second); each mean is the mean over data sets
    of the data set's mean. Above +0.01 is synergistic, below -0.01 redundant.

    Raises:
        UnknownName: no column has the metric's name, or a factor's.

    Source: the published formula "synergy".
    """
    has_columns(rows, first, second)
    known = scored(rows, metric, RETRIEVAL).dropna(subset=["dataset", first, second])
    if not len(known):
        return ()
    overall = _stratified(known)
    effects: list[dict[Hashable, float]] = [
        {level: _stratified(part) - overall for level, part in known.groupby(name, sort=True)}
        for name in (first, second)
    ]
    found = [
        _synergy((a, b), part, overall + effects[0][a] + effects[1][b])
        for (a, b), part in known.groupby([first, second], sort=True)
    ]
    return tuple(sorted(found, key=lambda pair: -pair.interaction))


def effect_size(treatment: ArrayLike, base: ArrayLike) -> EffectSize:
    """(mean of treatment - mean of base) / pooled standard deviation, labelled by its size at .2, .5 and .8.

    Values that are not finite are left out.

    Source: Cohen 1988, Statistical Power Analysis for the Behavioral Sciences; Student's t test.
    """
    a, b = _finite(treatment), _finite(base)
    n, m = len(a), len(b)
    if min(n, m) < SAMPLE_LEAST:
        return EffectSize(treated=n, untreated=m, reason=f"insufficient data: {n} and {m} values, 2 each are needed")
    # scaled first, so that squares of very large values do not overflow
    scale = float(max(np.abs(a).max(), np.abs(b).max()))
    pooled = sqrt(((n - 1) * _variance(a, scale) + (m - 1) * _variance(b, scale)) / (n + m - 2))
    if not pooled:
        return EffectSize(treated=n, untreated=m, reason="the values do not spread")
    d = float(np.mean(a / scale) - np.mean(b / scale)) / pooled
    # a tail below the least float is small, not 0
    p = max(float_info.min, t_two_sided_p(d * sqrt(n * m / (n + m)), n + m - 2))
    return EffectSize(treated=n, untreated=m, d=d, p=p, label=effect_label(d))


def effect_label(d: float) -> EffectLabel:
    """The published word for an effect of this size, whatever its sign."""
    return next((label for limit, label in LABELS if abs(d) < limit), "large")


def _levels(known: DataFrame, factor: str) -> list[SuccessFactor]:
    found = [_level(factor, str(level), part) for level, part in known.groupby(factor, sort=True)]
    return sorted(found, key=lambda level: -level.helps_share)


def _level(factor: str, level: str, part: DataFrame) -> SuccessFactor:
    grouped = part.groupby("dataset")
    spread, percent = _mean(grouped["benefit"].std()), _mean(grouped["percent"].mean())
    return SuccessFactor(
        factor=factor,
        level=level,
        rows=len(part),
        datasets=grouped.ngroups,
        helps_share=round(float(grouped["helps"].mean().mean()), DECIMALS),
        mean_benefit=round(float(grouped["benefit"].mean().mean()), DECIMALS),
        std_benefit=None if spread is None else round(spread, DECIMALS),
        benefit_percent=None if percent is None else round(percent, DECIMALS),
    )


def _mean(values: ArrayLike) -> float | None:
    known = _finite(values)
    return float(known.mean()) if len(known) else None


def _stratified(part: DataFrame) -> float:
    return float(mean_of_means(part, ["dataset"]).mean())


def _synergy(levels: tuple[object, object], part: DataFrame, expected: float) -> Synergy:
    actual = _stratified(part)
    interaction = actual - expected
    label: Synergistic = "neutral"
    if abs(interaction) > INTERACTS:
        label = "synergistic" if interaction > 0 else "redundant"
    return Synergy(
        first=str(levels[0]),
        second=str(levels[1]),
        rows=len(part),
        actual=actual,
        expected=expected,
        interaction=interaction,
        label=label,
    )


def _variance(values: FloatArray, scale: float) -> float:
    return 0.0 if np.ptp(values) == 0 else float((values / scale).var(ddof=1))


def _finite(values: ArrayLike) -> FloatArray:
    data = np.asarray(values, dtype=np.float64)
    return data[np.isfinite(data)]
