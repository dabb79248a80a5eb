"""The claim that a cell's confidence means what it says: its calibration error is below a bound."""

from dataclasses import dataclass, replace

import numpy as np

from harness.analysis.calibration import BINS, calibration_error, equal_mass_bins
from harness.analysis.crossfit import FOLDS_MOST
from harness.analysis.distributions import generator, t_quantile
from harness.analysis.intervals import FloatArray, IntArray, Interval, distinct, mean_interval
from harness.analysis.joint import joint_means
from harness.analysis.margin_tests import Margin, margin_tests
from harness.analysis.yardstick import CORRECT
from harness.claims.ground import Ground, Spot, direct_name, spot_of
from harness.claims.needs import questions_needed, why_not
from harness.claims.pairs import LEVEL
from harness.claims.results import ALPHA, Finding, Undecided, undecided
from harness.claims.wording import number
from harness.errors import HarnessError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stated:
    """Confidence minus competence of every answer that states a confidence, its bin of confidences, and its cluster."""

    confidence: FloatArray
    gaps: FloatArray
    bins: IntArray
    clusters: IntArray


def calibrated(ground: Ground, model: str, max_ece: float, *, alpha: float = ALPHA) -> Finding:
    """Whether the calibration error, sum over bins of (n_k/n) |mean gap|, is below `max_ece`.

    The plug-in error is biased upwards, so neither test is of it. With signs s_k, one per bin, sum s_k (n_k/n) gap_k is
    the mean of one signed gap per answer, which margin_tests can test. The error is the largest of these means over
    all signs: it is below the bound when the mean with the highest upper limit is, and above it when the mean with
    signs that other clusters chose is.

    Args:
        ground: the run.
        model: a cell, or a model, which then answers directly.
        max_ece: in (0, 1).
        alpha: of either one-sided test.

    Raises:
        HarnessError: an unknown cell, or a bound outside (0, 1).
    """
    if not 0 < max_ece < 1:
        raise HarnessError(f"max_ece = {max_ece} is no bound of a calibration error: give a number between 0 and 1")
    named = {name.rpartition(":")[0] for name in (*ground.cells, *ground.elsewhere)}
    name = f"{model}:{direct_name(ground)}" if model in named else model
    claim = f"the confidence of {name} is calibrated to {number(max_ece)}"
    try:
        stated = _stated(spot_of(ground, name))
    except Undecided as why:
        return undecided(claim, why)
    return _tested(claim, stated, ground.seed, (max_ece, alpha))


def _stated(spot: Spot) -> Stated:
    columns, rows = spot.grid.columns, spot.grid.arm_of == spot.place
    confidence, right = columns["confidence"][rows], columns[CORRECT][rows]
    known = (confidence >= 0) & (confidence <= 1) & (columns["answered"][rows] == 1)
    # answers of several repeats to one question share its cluster
    clusters = np.broadcast_to(spot.grid.questions.clusters, known.shape)[known]
    if not known.any():
        raise Undecided(f"none of its {known.size} answers states a confidence")
    if distinct(clusters) < 2:  # noqa: PLR2004 - one cluster has no spread between clusters
        raise Undecided(f"its {int(known.sum())} answers with a confidence are in one cluster")
    stated = confidence[known]
    return Stated(confidence=stated, gaps=stated - right[known], bins=equal_mass_bins(stated, BINS), clusters=clusters)


def _tested(claim: str, stated: Stated, seed: int, asked: tuple[float, float]) -> Finding:
    max_ece, alpha = asked
    n, borne = len(stated.gaps), Margin(value=max_ece)
    high, signs = _highest(stated)
    plug_in = calibration_error(stated.confidence, np.round(stated.confidence - stated.gaps)).plug_in
    signed, chosen = signs[stated.bins] * stated.gaps, _signed_by_others(stated, seed)
    held = margin_tests(-signed, np.zeros(n), stated.clusters, borne).held
    worse = margin_tests(-chosen, np.zeros(n), stated.clusters, borne).worse
    low = _lower(mean_interval(chosen, stated.clusters, level=LEVEL))
    numbers = (
        f"Over {n} answers in {len(signs)} bins of confidence the error is {number(plug_in)} as measured, which is "
        f"biased upwards, and between {number(low)} and {number(min(1.0, high))} ({100 * LEVEL:.0f} % bounds)."
    )
    interval = mean_interval(signed, stated.clusters, level=LEVEL)
    ahead = max_ece - interval.estimate
    found = Finding(claim=claim, numbers=numbers, n=n, why=why_not(ahead))
    return replace(found, support=held, against=worse, needed=questions_needed(interval, ahead, alpha=alpha))


def _highest(stated: Stated) -> tuple[float, FloatArray]:
    """The highest upper limit of the signed means over all signs, and the signs that have it, shape (bins,)."""
    bins = int(stated.bins.max()) + 1
    columns = np.where(stated.bins[:, None] == np.arange(bins), stated.gaps[:, None], 0.0)
    joint = joint_means(columns, stated.clusters)
    # every choice of a sign for each of at most 15 bins
    signs = 2.0 * ((np.arange(2**bins)[:, None] >> np.arange(bins)) & 1) - 1
    spread = np.sqrt(np.maximum(0.0, np.einsum("si,ij,sj->s", signs, joint.covariance, signs, optimize=True)))
    limits = signs @ joint.means + t_quantile(1 - ALPHA, joint.df) * spread
    best = int(np.argmax(limits))
    return float(limits[best]), signs[best]


def _signed_by_others(stated: Stated, seed: int) -> FloatArray:
    """Each answer's gap with the sign that its bin has among the clusters of the other folds, shape (n,)."""
    names, codes = np.unique(stated.clusters, return_inverse=True)
    folds = generator(seed, "claims", "calibrated").permutation(len(names)) % min(FOLDS_MOST, len(names))
    fold, bins = folds[codes], int(stated.bins.max()) + 1
    signed = np.empty(len(stated.gaps))
    for one in np.unique(fold):
        own = fold == one
        sums = np.bincount(stated.bins[~own], weights=stated.gaps[~own], minlength=bins)
        signed[own] = np.where(sums >= 0, 1.0, -1.0)[stated.bins[own]] * stated.gaps[own]
    return signed


def _lower(found: Interval) -> float:
    return max(0.0, found.estimate if found.low is None else found.low)
