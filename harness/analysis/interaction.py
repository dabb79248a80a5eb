"""What retrieval, fine-tuning and both together do within each model, and whether they help or hinder each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike

from harness.analysis.distributions import generator
from harness.analysis.intervals import Clusters, FloatArray, Interval, clusters_where, mean_interval, share_interval
from harness.analysis.multiplicity import Adjusted, adjust
from harness.analysis.paired import paired_means, paired_shares
from harness.analysis.question_table import CORRECT, question_table
from harness.analysis.six_conditions import CONDITIONS

if TYPE_CHECKING:
    from pandas import DataFrame

Kind = Literal["rag", "fine-tuning", "training mode", "interaction"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """The conditions, by number, that are added and those that are taken away."""

    name: str
    kind: Kind
    plus: tuple[int, ...]
    minus: tuple[int, ...]


CONTRASTS = (
    Contrast(name="2-1", kind="rag", plus=(2,), minus=(1,)),
    Contrast(name="4-3", kind="rag", plus=(4,), minus=(3,)),
    Contrast(name="6-5", kind="rag", plus=(6,), minus=(5,)),
    Contrast(name="3-1", kind="fine-tuning", plus=(3,), minus=(1,)),
    Contrast(name="4-2", kind="fine-tuning", plus=(4,), minus=(2,)),
    Contrast(name="5-1", kind="fine-tuning", plus=(5,), minus=(1,)),
    Contrast(name="6-2", kind="fine-tuning", plus=(6,), minus=(2,)),
    Contrast(name="5-3", kind="training mode", plus=(5,), minus=(3,)),
    Contrast(name="6-4", kind="training mode", plus=(6,), minus=(4,)),
    Contrast(name="(4-3)-(2-1)", kind="interaction", plus=(4, 1), minus=(3, 2)),
    Contrast(name="(6-5)-(2-1)", kind="interaction", plus=(6, 1), minus=(5, 2)),
)
BY_NAME = {contrast.name: contrast for contrast in CONTRASTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One contrast within one model, over the questions scored in all of its conditions.

    `dropped` counts the other questions. `difference` is None exactly when `refused` says why. `p` is two-sided and
    None exactly when `p_refused` says why. `adjusted` is p over the exploratory family of all effects told together.
    """

    contrast: Contrast
    n: int
    dropped: int
    model: str | None = None
    params_b: float | None = None
    difference: Interval | None = None
    refused: str | None = None
    p: float | None = None
    p_method: str | None = None
    p_refused: str | None = None
    adjusted: Adjusted | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRow:
    """One metric of one model: three conditions, two benefits (2-1, 3-1) and the synergy (4-3)-(2-1).

    A level is None when no question was scored in its condition.
    """

    metric: str
    model: str
    params_b: float | None
    base: Interval | None
    rag: Interval | None
    ft_rag: Interval | None
    rag_benefit: Effect
    ft_benefit: Effect
    synergy: Effect


def contrast_values(scores: Mapping[int, ArrayLike], contrast: Contrast) -> FloatArray | None:
    """The contrast of each question, shape (n,), NaN where a condition has no score; None when a condition is missing.

    Args:
        scores: condition number to one score per question, shape (n,), the same questions in the same order.
        contrast: which conditions are added and taken away.
    """
    if any(number not in scores for number in (*contrast.plus, *contrast.minus)):
        return None
    return _total(scores, contrast.plus) - _total(scores, contrast.minus)


def effect(
    scores: Mapping[int, ArrayLike],
    contrast: Contrast,
    clusters: Clusters | None = None,
    *,
    rng: np.random.Generator,
) -> Effect:
    """One contrast, paired by question: a difference of two shares as shares, anything else by its mean (CR2).

    Args:
        scores: condition number to one score per question, shape (n,), NaN where there is none.
        contrast: which conditions are added and taken away.
        clusters: one cluster name per question, or None for independent questions.
        rng: draws the sign flips when there are too many to enumerate.
    """
    values = contrast_values(scores, contrast)
    if values is None:
        missing = sorted({*contrast.plus, *contrast.minus} - set(scores))
        return _refused(contrast, 0, f"condition {', '.join(map(str, missing))} was not run")
    scored = np.isfinite(values)
    n = int(scored.sum())
    if n == 0:
        return _refused(contrast, len(values), "no question was scored in all of its conditions")
    first, second = _total(scores, contrast.plus)[scored], _total(scores, contrast.minus)[scored]
    names = None if clusters is None else clusters_where(clusters, scored)
    binary = len(contrast.plus) == 1 and bool(np.isin(np.concatenate([first, second]), (0.0, 1.0)).all())
    found = (paired_shares if binary else paired_means)(first, second, names, rng=rng)
    return Effect(
        contrast=contrast,
        n=n,
        dropped=len(values) - n,
        difference=found.difference,
        p=found.p,
        p_method=found.p_method,
        p_refused=found.p_refused,
    )


def condition_effects(
    cases: "DataFrame", *, seed: int, conditions: Mapping[str, int] = CONDITIONS, column: str = CORRECT
) -> tuple[Effect, ...]:
    """Every contrast of every model that ran two conditions or more, with p adjusted over all of them (exploratory).

    Args:
        cases: columns of the case table; none gives no effects.
        seed: the study's.
        conditions: the number, 1 to 6, of each condition's name; a condition without one is not looked at.
        column: "correct", or the column of a metric.
    """
    made = []
    for _, part in cases.groupby("model", sort=False):
        arms = _arms(part, conditions, column)
        ran = set(arms.scores)
        made += [_of_arms(arms, found, seed) for found in CONTRASTS if ran.issuperset({*found.plus, *found.minus})]
    together = adjust([found.p for found in made], exploratory=True)
    return tuple(replace(found, adjusted=p) for found, p in zip(made, together, strict=True))


def size_rows(
    cases: "DataFrame", columns: Sequence[str], *, seed: int, conditions: Mapping[str, int] = CONDITIONS
) -> tuple[SizeRow, ...]:
    """The table metric x size: one row per metric and model, in the order of `columns` and of the rows."""
    return tuple(
        _size_row(part, column, seed, conditions)
        for column in columns
        for _, part in cases.groupby("model", sort=False)
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Arms:
    model: str
    params_b: float | None
    column: str
    scores: Mapping[int, FloatArray]
    clusters: Clusters


def _arms(cases: "DataFrame", conditions: Mapping[str, int], column: str) -> _Arms:
    table, size = question_table(cases, "condition", column), float(cases["params_b"].iloc[0])
    return _Arms(
        model=str(cases["model"].iloc[0]),
        params_b=size if np.isfinite(size) and size > 0 else None,
        column=column,
        scores={conditions[name]: table.arm(name) for name in table.arms if name in conditions},
        clusters=table.clusters,
    )


def _of_arms(arms: _Arms, contrast: Contrast, seed: int) -> Effect:
    rng = generator(seed, "sign flips", arms.column, arms.model, contrast.name)
    return replace(effect(arms.scores, contrast, arms.clusters, rng=rng), model=arms.model, params_b=arms.params_b)


def _size_row(cases: "DataFrame", column: str, seed: int, conditions: Mapping[str, int]) -> SizeRow:
    arms = _arms(cases, conditions, column)
    rag, ft, synergy = (_of_arms(arms, BY_NAME[name], seed) for name in ("2-1", "3-1", "(4-3)-(2-1)"))
    levels = {number: level_of(arms.scores.get(number), arms.clusters) for number in (1, 2, 4)}
    return SizeRow(
        metric=column,
        model=arms.model,
        params_b=arms.params_b,
        base=levels[1],
        rag=levels[2],
        ft_rag=levels[4],
        rag_benefit=rag,
        ft_benefit=ft,
        synergy=synergy,
    )


def level_of(scores: FloatArray | None, clusters: Clusters) -> Interval | None:
    """The share or the mean of the questions that are scored; None when none is."""
    if scores is None or not np.isfinite(scores).any():
        return None
    scored = np.isfinite(scores)
    names = clusters_where(clusters, scored)
    binary = bool(np.isin(scores[scored], (0.0, 1.0)).all())
    return (share_interval if binary else mean_interval)(scores[scored], names)


def _total(scores: Mapping[int, ArrayLike], numbers: Sequence[int]) -> FloatArray:
    columns = np.stack([np.asarray(scores[number], dtype=np.float64) for number in numbers])
    total: FloatArray = columns.sum(axis=0)
    return total


def _refused(contrast: Contrast, dropped: int, reason: str) -> Effect:
    return Effect(contrast=contrast, n=0, dropped=dropped, refused=reason, p_refused=reason)
