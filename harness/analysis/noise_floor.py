"""How much an answer changes when nothing is changed: what rerunning alone does to a difference."""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.analysis.distributions import t_quantile
from harness.analysis.intervals import Clusters, FloatArray, Interval, clusters_where, mean_interval, share_interval


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFloor:
    """What `repeats` runs of one cell on the same `n` questions say of a rerun.

    `flip_rate` is the share of pairs of runs that disagree on a question, averaged over questions. `run_variance` is
    the variance between runs beyond what independent flips of single questions give (it may be negative);
    `difference_sd` the standard deviation of the difference of two runs' means when nothing but the run differs, and
    `floor` the difference that two such runs exceed once in twenty times. `dropped` counts questions without an answer
    in every run. All are None exactly when `refused` says why.
    """

    n: int
    repeats: int
    dropped: int
    flip_rate: Interval | None = None
    run_variance: float | None = None
    difference_sd: float | None = None
    floor: float | None = None
    refused: str | None = None


def noise_floor(scores: ArrayLike, clusters: Clusters | None = None) -> NoiseFloor:
    """Flip rate, between-run variance and the noise floor of a difference, from repeats of one cell.

    With run means m_k over n questions: difference_sd = sqrt(2) sd(m_k), floor = t_{.975, K-1} times that, and
    run_variance = (MS_run - MS_e)/n of the two-way analysis of variance questions x runs.

    Args:
        scores: questions by runs, shape (n, K), 0 or 1, NaN where a run has no answer; such questions are dropped.
        clusters: one cluster name per question, or None for independent questions.

    Raises:
        ValueError: the scores are not a table, a score is neither 0, 1 nor NaN, or there are not n clusters.
    """
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or not np.isin(table[~np.isnan(table)], (0.0, 1.0)).all():  # noqa: PLR2004 - questions by runs
        raise ValueError("scores must be a table of questions by runs that holds 0, 1 and NaN only")
    whole: NDArray[np.bool_] = np.asarray(np.isfinite(table).all(axis=1), dtype=np.bool_)
    kept, repeats = table[whole], table.shape[1]
    dropped = len(table) - len(kept)
    if repeats < 2 or not len(kept):  # noqa: PLR2004 - a flip is between two runs
        reason = f"a noise floor needs 2 runs of a question, here {repeats} of {len(kept)}"
        return NoiseFloor(n=len(kept), repeats=repeats, dropped=dropped, refused=reason)
    names = None if clusters is None else clusters_where(clusters, whole)
    spread = float(np.var(kept.mean(axis=0), ddof=1))
    difference_sd = sqrt(2 * spread)
    return NoiseFloor(
        n=len(kept),
        repeats=repeats,
        dropped=dropped,
        flip_rate=_flip_rate(kept, names),
        run_variance=_run_variance(kept, spread),
        difference_sd=difference_sd,
        floor=t_quantile(0.975, repeats - 1) * difference_sd,
    )


def batch_flip_rate(batched: ArrayLike, alone: ArrayLike, clusters: Clusters | None = None) -> Interval | None:
    """The share of questions whose answer at batch size 1 differs from the batched one; None when none ran both ways.

    Args:
        batched: what each question got in its batch, shape (n,): 0 or 1, or codes of the answers; NaN for none.
        alone: the same at batch size 1, shape (n,).
        clusters: one cluster name per question, or None for independent questions.

    Raises:
        ValueError: lengths that differ.
    """
    first, second = np.asarray(batched, dtype=np.float64), np.asarray(alone, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"{len(first)} batched answers against {len(second)} alone")
    both = ~(np.isnan(first) | np.isnan(second))
    names = None if clusters is None else clusters_where(clusters, both)
    return share_interval(first[both] != second[both], names) if both.any() else None


def _flip_rate(table: FloatArray, clusters: Clusters | None) -> Interval:
    repeats = table.shape[1]
    right = table.sum(axis=1)
    flips = right * (repeats - right) / (repeats * (repeats - 1) / 2)
    return (share_interval if np.isin(flips, (0.0, 1.0)).all() else mean_interval)(flips, clusters)


def _run_variance(table: FloatArray, spread: float) -> float | None:
    n, repeats = table.shape
    if n < 2:  # noqa: PLR2004 - one question cannot tell a run from a flip
        return None
    residuals = table - table.mean(axis=1)[:, None] - table.mean(axis=0)[None, :] + table.mean()
    noise = float(np.sum(residuals**2)) / ((n - 1) * (repeats - 1))
    return float(spread - noise / n)
