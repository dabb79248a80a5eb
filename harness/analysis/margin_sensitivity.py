"""The same margin verdict under every rule by which each side's cell could have been picked."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.analysis.crossfit import SearchedCells, averaged_interval, best_in_sample, cross_fit_scores
from harness.analysis.intervals import NO_SPREAD, FloatArray
from harness.analysis.margin import INNER, OUTER, MarginVerdict, margin_verdict, verdict_of
from harness.analysis.power import PairedDesign, noninferiority_power

Rule = Literal["maximum", "mean", "cross-fit"]


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
    if a.clusters != b.clusters:
        raise ValueError("the two sides must have the same questions in the same order")
    there = np.asarray(np.isfinite(a.scores).all(axis=1) & np.isfinite(b.scores).all(axis=1))
    sides = (_only(a, there), _only(b, there))
    return tuple(
        _row(sides, (rule_a, rule_b), margin=margin, seed=seed, dropped=int((~there).sum()))
        for rule_a, rule_b in product(RULES, repeat=2)
    )


def _row(
    sides: tuple[SearchedCells, SearchedCells], rules: tuple[Rule, Rule], *, margin: float, seed: int, dropped: int
) -> SensitivityRow:
    reason = _why_not(sides, rules)
    verdict = None
    if reason is None:
        rows_a, rows_b = (RULES[rule](side, seed) for rule, side in zip(rules, sides, strict=True))
        verdict = _verdict(rows_a, rows_b, sides[0].clusters, margin)
    return SensitivityRow(
        rule_a=rules[0],
        rule_b=rules[1],
        searched_a=len(sides[0].names),
        searched_b=len(sides[1].names),
        dropped=dropped,
        verdict=verdict,
        reason=reason,
    )


def _verdict(rows_a: FloatArray, rows_b: FloatArray, clusters: tuple[str, ...], margin: float) -> MarginVerdict:
    """The verdict of scores by fold seed, shape (1 or fold seeds, n), seed by seed, since both sides share folds."""
    if len(rows_a) == len(rows_b) == 1:
        return margin_verdict(rows_a[0], rows_b[0], clusters, margin=margin)
    differences = rows_a - rows_b
    outer, inner = (averaged_interval(differences, clusters, level=level) for level in (OUTER, INNER))
    independent = float(np.mean(differences.var(axis=1, ddof=1))) / differences.shape[1]
    inflated = max(1.0, (outer.se or 0.0) ** 2 / independent) if independent > NO_SPREAD**2 else 1.0
    design = PairedDesign(n=differences.shape[1], discordance=float(np.mean(differences**2)), design_effect=inflated)
    return verdict_of(outer, inner, noninferiority_power(design, margin=margin))


def _why_not(sides: tuple[SearchedCells, SearchedCells], rules: tuple[Rule, Rule]) -> str | None:
    if not len(sides[0].clusters):
        return "no question is scored in every searched cell of both sides"
    fitted = any(rule == "cross-fit" and len(side.names) > 1 for rule, side in zip(rules, sides, strict=True))
    if fitted and len(set(sides[0].clusters)) == 1:
        return "all questions are in one cluster: none is left to choose on"
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
    kept = tuple(name for name, keep in zip(cells.clusters, there, strict=True) if keep)
    return SearchedCells(names=cells.names, scores=cells.scores[there], clusters=kept)
