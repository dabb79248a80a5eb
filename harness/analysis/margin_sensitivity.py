"""The same margin verdict under every rule by which each side's cell could have been picked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.analysis.crossfit import SearchedCells, at_level, averaged_interval, best_in_sample, cross_fit_scores
from harness.analysis.intervals import NO_SPREAD, Clusters, FloatArray, clusters_where, distinct
from harness.analysis.margin import INNER, OUTER, MarginVerdict, margin_verdict, verdict_of
from harness.analysis.power import PairedDesign, noninferiority_power

Rule = Literal["maximum", "mean", "cross-fit"]
UNSCORED = "no question is scored in every searched cell of both sides"
ONE_CLUSTER = "all questions are in one cluster: none is left to choose on"


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitivityRow:
    """The verdict when side a is scored by `rule_a` over its cells and side b by `rule_b`; None exactly with a reason.

    Only cross-fit against cross-fit treats both sides alike and is free of the gain from picking on the same questions.
    """

    rule_a: Rule
    rule_b: Rule
    searched_a: int
    searched_b: int
    dropped: int
    verdict: MarginVerdict | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Side:
    """One arm by rule: each rule's scores, shape (1 or fold seeds, n), NaN where some cell has no score.

    `refused` says why a rule has no scores.
    """

    searched: int
    rows: Mapping[Rule, FloatArray]
    refused: Mapping[Rule, str]


def side_of(cells: SearchedCells, *, seed: int) -> Side:
    """The scores of one arm under every rule, chosen on the questions that all of its cells scored.

    Raises:
        ValueError: no cells, or shapes that differ.
    """
    there = np.asarray(np.isfinite(cells.scores).all(axis=1))
    kept = _only(cells, there)
    rows: dict[Rule, FloatArray] = {}
    refused: dict[Rule, str] = {}
    for rule, pick in RULES.items():
        reason = _why_not(kept, rule)
        found = np.full((1, int(there.sum())), np.nan) if reason else pick(kept, seed)
        rows[rule] = np.full((len(found), len(there)), np.nan)
        rows[rule][:, there] = found
        if reason:
            refused[rule] = reason
    return Side(searched=len(cells.names), rows=rows, refused=refused)


def margin_sensitivity(a: SearchedCells, b: SearchedCells, *, margin: float, seed: int) -> tuple[SensitivityRow, ...]:
    """Nine rows: maximum, mean and cross-fit on side a by the same three on side b.

    Args:
        a: the cells of the arm that should hold its own.
        b: the cells of the arm that it is held against, on the same questions in the same order.
        margin: > 0, in the unit of the scores.
        seed: the study's, for the folds.

    Raises:
        ValueError: shapes or clusters that differ, or a margin that is not above 0.
    """
    if not np.array_equal(a.clusters, b.clusters):
        raise ValueError("the two sides must have the same questions in the same order")
    there = np.asarray(np.isfinite(a.scores).all(axis=1) & np.isfinite(b.scores).all(axis=1))
    sides = [side_of(_only(cells, there), seed=seed) for cells in (a, b)]
    rows = sensitivity_of(sides[0], sides[1], clusters_where(a.clusters, there), margin=margin)
    return tuple(replace(row, dropped=int((~there).sum())) for row in rows)


def sensitivity_of(a: Side, b: Side, clusters: Clusters, *, margin: float) -> tuple[SensitivityRow, ...]:
    """The nine rows from scores that are picked already, over the questions that both sides scored.

    Raises:
        ValueError: lengths that differ, or a margin that is not above 0.
    """
    return tuple(_row((a, b), (rule_a, rule_b), clusters, margin) for rule_a, rule_b in product(RULES, repeat=2))


def _row(sides: tuple[Side, Side], rules: tuple[Rule, Rule], clusters: Clusters, margin: float) -> SensitivityRow:
    rows_a, rows_b = (side.rows[rule] for rule, side in zip(rules, sides, strict=True))
    there = np.asarray(np.isfinite(rows_a).all(axis=0) & np.isfinite(rows_b).all(axis=0))
    reason = next((side.refused[rule] for rule, side in zip(rules, sides, strict=True) if rule in side.refused), None)
    kept = clusters_where(clusters, there)
    if reason is None:
        drawn = max(len(rows_a), len(rows_b)) > 1
        reason = None if there.any() else UNSCORED
        reason = ONE_CLUSTER if reason is None and drawn and distinct(kept) == 1 else reason
    verdict = None
    if reason is None:
        # one layout, so that sums are taken in one order
        rows_a, rows_b = (np.ascontiguousarray(rows[:, there]) for rows in (rows_a, rows_b))
        verdict = verdict_of_rows(rows_a, rows_b, kept, margin)
    return SensitivityRow(
        rule_a=rules[0],
        rule_b=rules[1],
        searched_a=sides[0].searched,
        searched_b=sides[1].searched,
        dropped=int((~there).sum()),
        verdict=verdict,
        reason=reason,
    )


def verdict_of_rows(rows_a: FloatArray, rows_b: FloatArray, clusters: Clusters, margin: float) -> MarginVerdict:
    """The verdict of scores by fold seed, shape (1 or fold seeds, n), seed by seed, since both sides share folds.

    The design effect behind its power holds what clusters add to the variance, and what the choice adds.
    """
    if len(rows_a) == len(rows_b) == 1:
        return margin_verdict(rows_a[0], rows_b[0], clusters, margin=margin)
    differences = rows_a - rows_b
    outer = averaged_interval(differences, clusters, level=OUTER)
    inner = at_level(outer, INNER)
    independent = float(np.mean(differences.var(axis=1, ddof=1))) / differences.shape[1]
    inflated = max(1.0, (outer.se or 0.0) ** 2 / independent) if independent > NO_SPREAD**2 else 1.0
    design = PairedDesign(n=differences.shape[1], discordance=float(np.mean(differences**2)), design_effect=inflated)
    return verdict_of(outer, inner, noninferiority_power(design, margin=margin))


def _why_not(cells: SearchedCells, rule: Rule) -> str | None:
    if not len(cells.clusters):
        return UNSCORED
    if rule == "cross-fit" and len(cells.names) > 1 and distinct(cells.clusters) == 1:
        return ONE_CLUSTER
    return None


def _maximum(cells: SearchedCells, _seed: int) -> FloatArray:
    return cells.scores[None, :, best_in_sample(cells)]


def _mean(cells: SearchedCells, _seed: int) -> FloatArray:
    # with one cell the mean is the cell's own score to the last bit, so that right and wrong answers stay 0 and 1
    return np.asarray(cells.scores.mean(axis=1))[None, :]


def _cross_fit(cells: SearchedCells, seed: int) -> FloatArray:
    return cross_fit_scores(cells, seed=seed)


RULES: dict[Rule, Callable[[SearchedCells, int], FloatArray]] = {
    "maximum": _maximum,
    "mean": _mean,
    "cross-fit": _cross_fit,
}


def _only(cells: SearchedCells, there: NDArray[np.bool_]) -> SearchedCells:
    kept = clusters_where(cells.clusters, there)
    return SearchedCells(names=cells.names, scores=cells.scores[there], clusters=kept)
