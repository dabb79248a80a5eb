"""How long an answer takes: percentiles with intervals from order statistics, of answers that ran alone."""

from dataclasses import dataclass
from math import ceil, log
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from harness.analysis.extras import require

if TYPE_CHECKING:
    from pandas import DataFrame

PERCENTILES = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentile:
    """A percentile of `n` latencies, in seconds, with its distribution-free interval at `level`.

    `estimate_s` is the smallest latency with at least a share of `quantile` at or below it. An end is None when n is
    too small for a finite one; `refused` then says so.
    """

    quantile: float
    estimate_s: float
    n: int
    level: float
    low_s: float | None
    high_s: float | None
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """The percentiles of one cell over its `n` uncontended answers; `contended` answers are left out.

    `percentiles` is empty exactly when `refused` says why.
    """

    cell: str
    n: int
    contended: int
    percentiles: tuple[Percentile, ...] = ()
    refused: str | None = None


def percentile(latencies_s: ArrayLike, quantile: float, *, level: float = 0.95) -> Percentile:
    """A percentile and its interval [x_(l), x_(u)], each end wrong with a chance of at most (1 - level)/2.

    l is the largest rank with P(Bin(n, q) < l) <= (1 - level)/2, u the smallest with P(Bin(n, q) >= u) at most that. It
    makes no assumption on the distribution but that the latencies are independent.

    Args:
        latencies_s: seconds, shape (n,), n >= 1.
        quantile: in (0, 1).
        level: of the two-sided interval, in (0, 1).

    Raises:
        ValueError: no latencies, one that is negative or not finite, or a quantile outside (0, 1).

    Source: Conover 1999, Practical Nonparametric Statistics, section 3.2.
    """
    require("scipy")
    from scipy.special import bdtr

    values = np.sort(np.asarray(latencies_s, dtype=np.float64))
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all() or values[0] < 0:
        raise ValueError("latencies must be one row of at least 1 finite number of seconds")
    if not 0 < quantile < 1:
        raise ValueError(f"a quantile is inside (0, 1), not {quantile}")
    n, tail = len(values), (1 - level) / 2
    below = np.asarray(bdtr(np.arange(n), n, quantile), dtype=np.float64)  # P(X <= k), k = 0 .. n-1
    least = int(np.searchsorted(below, tail, side="right"))  # the rank l, from 1; 0 for none
    most = int(np.searchsorted(below, 1 - tail, side="left")) + 1  # the rank u, from 1; n + 1 for none
    return Percentile(
        quantile=quantile,
        estimate_s=float(values[min(n, max(1, ceil(n * quantile - 1e-9))) - 1]),
        n=n,
        level=level,
        low_s=float(values[least - 1]) if least else None,
        high_s=float(values[most - 1]) if most <= n else None,
        refused=_refused(quantile, n, level, (least == 0, most > n)),
    )


def answers_needed(quantile: float, *, level: float = 0.95) -> int:
    """How many latencies a finite upper limit of a percentile needs: the least n with quantile^n <= (1 - level)/2."""
    return ceil(log((1 - level) / 2) / log(quantile))


def latencies(cases: "DataFrame", *, level: float = 0.95) -> tuple[Latency, ...]:
    """Each cell's percentiles over answers that ran alone (concurrency 1), in the order of the rows.

    Answers of unknown concurrency count as contended: nothing says that they ran alone.
    """
    return tuple(_latency(str(name), part, level) for name, part in cases.groupby("cell", sort=False))


def _latency(cell: str, cases: "DataFrame", level: float) -> Latency:
    seconds = cases["latency_s"].to_numpy(dtype=np.float64, na_value=np.nan)
    timed = np.isfinite(seconds) & (seconds >= 0)
    alone = timed & (cases["concurrency"] == 1).fillna(value=False).to_numpy(dtype=np.bool_)
    n, contended = int(alone.sum()), int(timed.sum() - alone.sum())
    if n == 0:
        reason = f"all {contended} answers ran beside others" if contended else "no answer reports a latency"
        return Latency(cell=cell, n=0, contended=contended, refused=reason)
    found = tuple(percentile(seconds[alone], quantile, level=level) for quantile in PERCENTILES)
    return Latency(cell=cell, n=n, contended=contended, percentiles=found)


def _refused(quantile: float, n: int, level: float, open_ends: tuple[bool, bool]) -> str | None:
    reasons = [
        f"{name} limit needs at least {answers_needed(share, level=level)} answers, here {n}"
        for name, share, is_open in zip(("a lower", "an upper"), (1 - quantile, quantile), open_ends, strict=True)
        if is_open
    ]
    return "; ".join(reasons) or None
