"""All pairs of cells at once: p-values that hold the chance of any false finding over the whole family."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import log2

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.analysis.intervals import Clusters, FloatArray, IntArray, cluster_sizes
from harness.analysis.multiplicity import Adjusted
from harness.analysis.paired import CLUSTERS_LEAST, DRAWS, ENUMERATED_MOST

METHOD = "Westfall-Young max-T"
CHUNK = 4_000_000  # values held at once, so that memory stays in the tens of megabytes
TIE = 1e-9  # relative: two statistics that differ by rounding only are equal


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTest:
    """Column a minus column b over the `n` questions in `clusters` clusters that both scored.

    `difference` is None when n is 0. `p` (sign flips of clusters, two-sided) and `adjusted` are None exactly when
    `refused` says why; neither is ever 0.
    """

    a: int
    b: int
    n: int
    clusters: int
    difference: float | None = None
    p: float | None = None
    adjusted: Adjusted | None = None
    refused: str | None = None


def max_t(
    scores: ArrayLike,
    clusters: Clusters | None = None,
    *,
    rng: np.random.Generator,
    pairs: Sequence[tuple[int, int]] | None = None,
) -> tuple[PairTest, ...]:
    """Step-down max-T over pairs of columns, from joint sign flips of whole clusters; in the order of `pairs`.

    The statistic of a pair is |sum_g S_g| / sqrt(sum_g S_g^2), S_g the cluster's summed difference: flips leave the
    denominator alone. All flips are enumerated when 2^G <= 20,000, else p is (b + 1)/(B + 1) over 9,999 draws.

    Args:
        scores: one column per cell, shape (n, k); NaN where a cell has no score, which leaves the question out of the
            pairs of that cell.
        clusters: one cluster name per question, or None for independent questions.
        rng: draws the flips when there are too many to enumerate.
        pairs: the columns to compare, or None for every pair; none gives an empty result.

    Raises:
        ValueError: `scores` is not a table, holds an infinity, or there are not n clusters named.

    Source: Westfall and Young 1993, Resampling-Based Multiple Testing, algorithm 2.8.
    """
    table = _table(scores)
    family = list(combinations(range(table.shape[1]), 2)) if pairs is None else list(pairs)
    names = [str(place) for place in range(len(table))] if clusters is None else clusters
    codes = cluster_sizes(names, len(table))[0] if len(table) else np.zeros(0, dtype=np.intp)
    bare = [_bare(table, codes, pair) for pair in family]
    tested = [place for place, test in enumerate(bare) if test.refused is None]
    if not tested:
        return tuple(bare)
    raw, adjusted = _p_values(table, codes, [family[place] for place in tested], rng)
    found = dict(zip(tested, zip(raw, adjusted, strict=True), strict=True))
    return tuple(_told(test, found.get(place), len(tested)) for place, test in enumerate(bare))


def _table(scores: ArrayLike) -> FloatArray:
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2:  # noqa: PLR2004 - questions by cells
        raise ValueError(f"scores must have the shape (questions, cells), not {table.shape}")
    if np.isinf(table).any():
        raise ValueError("scores must be finite, or NaN where there is none")
    return table


def _bare(table: FloatArray, codes: IntArray, pair: tuple[int, int]) -> PairTest:
    a, b = pair
    differences = table[:, a] - table[:, b]
    scored = ~np.isnan(differences)
    n, clusters = int(scored.sum()), int(np.count_nonzero(np.bincount(codes[scored])))
    few = f"sign flips need at least {CLUSTERS_LEAST} clusters, here {clusters}" if clusters < CLUSTERS_LEAST else None
    if n == 0:
        return PairTest(a=a, b=b, n=0, clusters=0, refused="no question was scored in both")
    return PairTest(a=a, b=b, n=n, clusters=clusters, difference=float(differences[scored].mean()), refused=few)


def _told(test: PairTest, p: tuple[float, float] | None, size: int) -> PairTest:
    if p is None:
        return test
    return PairTest(
        a=test.a,
        b=test.b,
        n=test.n,
        clusters=test.clusters,
        difference=test.difference,
        p=p[0],
        adjusted=Adjusted(p=p[1], method=METHOD, size=size, exploratory=True),
    )


def _p_values(
    table: FloatArray, codes: IntArray, pairs: list[tuple[int, int]], rng: np.random.Generator
) -> tuple[list[float], list[float]]:
    first, second = (np.array(side, dtype=np.intp) for side in zip(*pairs, strict=True))
    groups = int(codes.max()) + 1
    sums = _sums(table, codes, first, second)
    whole = not np.isnan(table).any()
    cells = _cluster_sums(table, codes, groups) if whole else sums
    scale = np.sqrt(np.sum(sums**2, axis=0))
    scale[scale == 0] = 1.0  # no difference anywhere: the statistic is 0 whatever the flip
    observed = np.abs(sums.sum(axis=0)) / scale
    falling = np.argsort(-observed, kind="stable")
    limits = observed - TIE * np.maximum(observed, 1.0)
    raw, stepped, flips = np.zeros(len(pairs)), np.zeros(len(pairs)), 0
    for signs in _signs(groups, len(pairs), rng):
        totals = signs @ cells
        statistics = np.abs(totals[:, first] - totals[:, second] if whole else totals) / scale
        raw += np.sum(statistics >= limits, axis=0)
        statistics = np.maximum.accumulate(statistics[:, falling[::-1]], axis=1)[:, ::-1]
        stepped += np.sum(statistics >= limits[falling], axis=0)
        flips += len(signs)
    # enumeration holds the observed flip already
    more = 0 if _enumerated(groups) else 1
    adjusted = np.empty(len(pairs))
    adjusted[falling] = np.maximum.accumulate((stepped + more) / (flips + more))
    return ((raw + more) / (flips + more)).tolist(), adjusted.tolist()


def _sums(table: FloatArray, codes: IntArray, first: IntArray, second: IntArray) -> FloatArray:
    """Each cluster's summed difference, shape (G, pairs); a question without a score adds nothing."""
    groups = int(codes.max()) + 1
    if not np.isnan(table).any():
        cells = _cluster_sums(table, codes, groups)
        return cells[:, first] - cells[:, second]
    step = max(1, CHUNK // len(table))
    starts = range(0, len(first), step)
    parts = [table[:, first[at : at + step]] - table[:, second[at : at + step]] for at in starts]
    return np.hstack([_cluster_sums(np.nan_to_num(part, nan=0.0), codes, groups) for part in parts])


def _cluster_sums(values: FloatArray, codes: IntArray, groups: int) -> FloatArray:
    columns = [np.bincount(codes, weights=column, minlength=groups) for column in values.T]
    return np.column_stack(columns).astype(np.float64)


def _enumerated(groups: int) -> bool:
    return groups <= log2(ENUMERATED_MOST)


def _signs(groups: int, pairs: int, rng: np.random.Generator) -> Iterator[FloatArray]:
    rows = max(1, CHUNK // max(groups, pairs))
    if _enumerated(groups):
        flips: NDArray[np.float64] = np.array(list(product((1.0, -1.0), repeat=groups)))
        yield from (flips[start : start + rows] for start in range(0, len(flips), rows))
    else:
        for start in range(0, DRAWS, rows):
            draws = rng.integers(0, 2, size=(min(rows, DRAWS - start), groups), dtype=np.int8)
            yield 2.0 * draws.astype(np.float64) - 1.0
