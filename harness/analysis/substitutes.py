"""Paired answers to "instead of": a condition for direct answering, small with retrieval for large."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.analysis.arms import Arm, ScoreTable
from harness.analysis.distributions import generator
from harness.analysis.intervals import FloatArray, IntArray
from harness.analysis.margin import MarginVerdict, margin_verdict
from harness.analysis.margin_sensitivity import SensitivityRow, sensitivity_of
from harness.analysis.max_t import PairTest, max_t
from harness.analysis.model_sizes import ModelSize
from harness.analysis.multiplicity import Adjusted, adjust
from harness.analysis.order import BASELINE
from harness.analysis.paired import Paired, paired_means, paired_shares
from harness.analysis.power import (
    DetectableEffect,
    NonInferiorityPower,
    PairedDesign,
    detectable_effect,
    noninferiority_power,
    paired_design,
)
from harness.analysis.refusals import Refused, needs
from harness.analysis.searched import Searches, sized


@dataclass(frozen=True, slots=True, kw_only=True)
class WithinModel:
    """One condition minus direct answering by the same model, over the `n` questions that both scored.

    The declared family is retrieval with the model's own weights and precision (Holm); all else is exploratory
    (Benjamini-Hochberg). `adjusted` is None exactly when there is no p. `power` tells the questions that the declared
    margin needs.
    """

    model: str
    condition: str
    baseline: str
    context: str
    n: int
    dropped: int
    paired: Paired | Refused
    detectable: DetectableEffect | Refused
    power: NonInferiorityPower | Refused
    declared: bool
    adjusted: Adjusted | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Substitute:
    """One smaller model with one retrieval condition against one larger model that answers directly.

    `verdict` reads the declared margin on unadjusted intervals; `test` is the two-sided test of a difference, adjusted
    over all pairs of this table by max-T (exploratory). The verdict holds the questions that the margin needs.
    """

    small: str
    condition: str
    large: str
    baseline: str
    dropped: int
    verdict: MarginVerdict | Refused
    test: PairTest
    detectable: DetectableEffect | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class BestSubstitute:
    """The best retrieval of one smaller model against the best direct cell of one larger one, both cross-fitted.

    `sensitivity` has the verdict of every rule of choice on either side; its last row is the verdict here.
    """

    small: str
    large: str
    verdict: MarginVerdict | Refused
    sensitivity: tuple[SensitivityRow, ...]


def within_models(table: ScoreTable, seed: int, margin: float | None = None) -> tuple[WithinModel, ...] | Refused:
    """Every other condition against direct answering, within each model, in study order.

    Args:
        table: the scores.
        seed: of the sign flips.
        margin: the declared one, for the questions it needs; without one above 0 that part is refused.
    """
    pairs = [pair for model in dict.fromkeys(arm.model for arm in table.arms) for pair in _pairs_of(table, model)]
    if not pairs:
        return needs(1, "model with a direct and another cell", 0)
    made = [_within(table, pair, seed, margin) for pair in pairs]
    for declared in (True, False):
        places = [place for place, row in enumerate(made) if row.declared == declared]
        p_values = [_p(made[place].paired) for place in places]
        for place, adjusted in zip(places, adjust(p_values, exploratory=not declared), strict=True):
            made[place] = replace(made[place], adjusted=adjusted)
    return tuple(made)


def substitutes(table: ScoreTable, margin: float, seed: int) -> tuple[Substitute, ...] | Refused:
    """Every retrieval cell of a smaller model against every direct cell of a larger one, all of known size."""
    why = _why_no_verdict(table, margin)
    if why is not None:
        return why
    pairs = [
        (a, b)
        for a in table.places(context="retrieved")
        for b in table.places(context="none")
        if _is_smaller(table.arms[a], table.arms[b])
    ]
    if not pairs:
        return needs(1, "pair of a smaller model with retrieval cells and a larger model with direct cells", 0)
    rng = generator(seed, "max-T", table.name, table.missing)
    tests = max_t(table.scores, table.clusters, rng=rng, pairs=pairs)
    return tuple(_substitute(table, pair, test, margin) for pair, test in zip(pairs, tests, strict=True))


def best_substitutes(table: ScoreTable, searches: Searches, margin: float) -> tuple[BestSubstitute, ...] | Refused:
    """Every smaller model with its best retrieval against every larger one with its best direct cell."""
    why = _why_no_verdict(table, margin)
    if why is not None:
        return why
    pairs = [
        (one.model, other.model)
        for one in searches.models
        if one.model in searches.retrieval and _is_known(one)
        for other in sized(searches, retrieval=False)
        if (one.params_b or 0.0) < (other.params_b or 0.0)
    ]
    if not pairs:
        return needs(1, "pair of a smaller model with retrieval cells and a larger model with direct cells", 0)
    return tuple(_best(pair, searches, table.clusters, margin) for pair in pairs)


def headline(rows: Sequence[SensitivityRow]) -> MarginVerdict | Refused:
    """The verdict of cross-fit against cross-fit, or why it has none."""
    row = next(row for row in rows if (row.rule_a, row.rule_b) == ("cross-fit", "cross-fit"))
    return row.verdict if row.verdict is not None else Refused(reason=row.reason or "no verdict")


def _best(pair: tuple[str, str], searches: Searches, clusters: IntArray, margin: float) -> BestSubstitute:
    small, large = pair
    rows = sensitivity_of(searches.retrieval[small].side, searches.direct[large].side, clusters, margin=margin)
    return BestSubstitute(small=small, large=large, verdict=headline(rows), sensitivity=rows)


def _substitute(table: ScoreTable, pair: tuple[int, int], test: PairTest, margin: float) -> Substitute:
    a, b, there = _both(table, pair)
    small, large = (table.arms[place] for place in pair)
    unscored = Refused(reason=f"none of {len(there)} questions is scored in both cells")
    verdict: MarginVerdict | Refused = unscored
    detectable: DetectableEffect | Refused = unscored
    if len(a):
        verdict = margin_verdict(a, b, table.clusters[there], margin=margin)
        detectable = detectable_effect(paired_design(a, b, table.clusters[there]))
    return Substitute(
        small=small.model,
        condition=small.condition,
        large=large.model,
        baseline=large.condition,
        dropped=len(there) - len(a),
        verdict=verdict,
        test=test,
        detectable=detectable,
    )


def _within(table: ScoreTable, pair: tuple[int, int], seed: int, margin: float | None) -> WithinModel:
    a, b, there = _both(table, pair)
    arm, direct = (table.arms[place] for place in pair)
    unscored = Refused(reason=f"none of {len(there)} questions is scored in both cells")
    paired: Paired | Refused = unscored
    design: PairedDesign | None = None
    if len(a):
        binary = bool(np.isin(a, (0.0, 1.0)).all() and np.isin(b, (0.0, 1.0)).all())
        rng = generator(seed, "sign flips", table.name, table.missing, arm.model, arm.condition, direct.condition)
        clusters = table.clusters[there]
        paired = (paired_shares if binary else paired_means)(a, b, clusters, rng=rng)
        design = paired_design(a, b, clusters)
    return WithinModel(
        model=arm.model,
        condition=arm.condition,
        baseline=direct.condition,
        context=arm.context,
        n=len(a),
        dropped=len(there) - len(a),
        paired=paired,
        detectable=unscored if design is None else detectable_effect(design),
        power=unscored if design is None else _power(design, margin),
        declared=arm.is_base and arm.context == "retrieved",
    )


def _power(design: PairedDesign, margin: float | None) -> NonInferiorityPower | Refused:
    if margin is None or not 0 < margin < float("inf"):
        return Refused(reason=f"needs a declared margin above 0, has {'none' if margin is None else f'{margin:g}'}")
    return noninferiority_power(design, margin=margin)


def _pairs_of(table: ScoreTable, model: str) -> Iterator[tuple[int, int]]:
    """Each other arm of a model with its direct arm, the one named "direct" before any other."""
    direct = table.places(model=model, context="none")
    direct.sort(key=lambda place: table.arms[place].condition != BASELINE)
    for place, arm in enumerate(table.arms):
        if direct and arm.model == model and place != direct[0]:
            yield place, direct[0]


def _p(paired: Paired | Refused) -> float | None:
    return None if isinstance(paired, Refused) else paired.p


def _both(table: ScoreTable, pair: tuple[int, int]) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    a, b = (table.scores[:, place] for place in pair)
    there = np.asarray(np.isfinite(a) & np.isfinite(b))
    return a[there], b[there], there


def _is_smaller(a: Arm, b: Arm) -> bool:
    known = _is_known(a.size) and _is_known(b.size)
    return known and (a.size.params_b or 0.0) < (b.size.params_b or 0.0)


def _is_known(size: ModelSize) -> bool:
    return size.params_b is not None and 0 < size.params_b < float("inf")


def _why_no_verdict(table: ScoreTable, margin: float) -> Refused | None:
    if not 0 < margin < float("inf"):
        return Refused(reason=f"a verdict needs a declared margin above 0, has {margin:g}")
    return None if table.higher_is_better else Refused(reason=f"{table.name} is better when it is lower")
