"""Strengths from pairwise preferences, with ties as outcomes of their own: Bradley-Terry as Davidson extended it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import exp, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.analysis.distributions import normal_quantile
from harness.analysis.intervals import FloatArray, IntArray

Result = Literal["a", "b", "tie"]
STEPS_MOST = 100
TIE = 2  # the code of the third outcome
CLOSE = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One comparison of two different players on one question; `cluster` names what questions share."""

    a: str
    b: str
    result: Result
    cluster: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """A player's log-strength against the mean of all (0), in natural logs, with its interval."""

    player: str
    matches: int
    strength: float
    se: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Advantage:
    """The log-odds that a beats b given that one of them wins, with its interval."""

    a: str
    b: str
    log_odds: float
    se: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """Strengths, strongest first, and all pairwise advantages, from `n` matches in `clusters` clusters.

    `tie_weight` is Davidson's nu: two equal players tie with probability nu/(2 + nu); 0 without ties. Everything is
    empty or None exactly when `refused` says why.
    """

    n: int
    ties: int
    clusters: int
    level: float
    tie_weight: float | None = None
    strengths: tuple[Strength, ...] = ()
    advantages: tuple[Advantage, ...] = ()
    refused: str | None = None


def preferences(matches: Sequence[Match], *, level: float = 0.95) -> Preferences:
    """Maximum-likelihood strengths, P(a) : P(b) : P(tie) = pi_a : pi_b : nu sqrt(pi_a pi_b); robust errors.

    The covariance is H^-1 (sum_g u_g u_g') H^-1 G/(G - 1), u_g the cluster's summed score.

    Args:
        matches: in any order, parse failures left out; a name that orders them changes nothing.
        level: of the two-sided intervals, in (0, 1).

    Raises:
        ValueError: a player meets itself.

    Source: Davidson 1970, JASA 65(329); existence by Ford 1957, American Mathematical Monthly 64(8).
    """
    if own := next((match.a for match in matches if match.a == match.b), None):
        raise ValueError(f"player {own!r} is matched with itself")
    players = sorted({name for match in matches for name in (match.a, match.b)})
    place = {name: index for index, name in enumerate(players)}
    table = np.array(
        [(place[match.a], place[match.b], ("a", "b", "tie").index(match.result)) for match in matches], dtype=np.intp
    ).reshape(-1, 3)
    names = [match.cluster for match in matches]
    bare = Preferences(n=len(table), ties=int(np.sum(table[:, 2] == TIE)), clusters=len(set(names)), level=level)
    if reason := _refusal(table, players, bare):
        return Preferences(n=bare.n, ties=bare.ties, clusters=bare.clusters, level=level, refused=reason)
    values = _fit(table, len(players), ties=bare.ties > 0)
    covariance = _covariance(table, values, names, ties=bare.ties > 0)
    return _told(bare, players, table, (values, covariance))


def _refusal(table: IntArray, players: Sequence[str], bare: Preferences) -> str | None:
    if not len(table):
        return "there are no matches"
    if bare.ties == bare.n:
        return f"all {bare.n} matches are ties"
    if bare.clusters < 2:  # noqa: PLR2004 - one cluster has no spread between clusters
        return f"all {bare.n} matches are in one cluster"
    beats: NDArray[np.bool_] = np.eye(len(players), dtype=np.bool_)
    first, second, result = table.T
    beats[first[result != 1], second[result != 1]] = True
    beats[second[result != 0], first[result != 0]] = True
    for middle in range(len(players)):
        beats |= np.outer(beats[:, middle], beats[middle])
    if beats.all():
        in_order = bare.ties > 0 and _is_in_order(table, len(players))
        return "strengths are infinite: the wins follow one order, which ties alone interrupt" if in_order else None
    stuck = next(players[row] for row in range(len(players)) if not beats[row].all())
    return f"strengths are infinite or unlinked: {stuck!r} never beats or ties its way to every other player"


def _is_in_order(table: IntArray, players: int) -> bool:
    """Whether players can be placed so that winners stand at least 1 above and ties at most 1 apart.

    The likelihood then grows without end as strengths and the tie weight grow together; shortest paths tell.
    """
    apart = np.full((players, players), np.inf)
    first, second, result = table.T
    for winner, loser in ((first[result == 0], second[result == 0]), (second[result == 1], first[result == 1])):
        apart[winner, loser] = -1.0
    tied = result == TIE
    for one, other in ((first[tied], second[tied]), (second[tied], first[tied])):
        apart[one, other] = np.minimum(apart[one, other], 1.0)
    for middle in range(players):
        apart = np.minimum(apart, apart[:, middle, None] + apart[middle])
    return bool((np.diag(apart) >= 0).all())


def _fit(table: IntArray, players: int, *, ties: bool) -> FloatArray:
    """Newton steps with halving on strengths (the first player's is 0) and, with ties, log nu."""
    values = np.zeros(players - 1 + ties)
    for _ in range(STEPS_MOST):
        gradient, hessian = _derivatives(table, values, ties=ties)
        step = np.linalg.solve(hessian, gradient.sum(axis=0))
        size, now = 1.0, _likelihood(table, values, ties=ties)
        while size > CLOSE and _likelihood(table, values + size * step, ties=ties) < now:
            size /= 2
        values = values + size * step
        if np.abs(step).max() < CLOSE:
            break
    return values


def _outcomes(table: IntArray, players: int, *, ties: bool) -> FloatArray:
    """How each parameter moves each outcome's log-weight, shape (matches, outcomes, parameters)."""
    design = np.zeros((len(table), 2 + ties, players + ties))
    rows = np.arange(len(table))
    design[rows, 0, table[:, 0]] = 1.0
    design[rows, 1, table[:, 1]] = 1.0
    if ties:
        design[rows, 2, table[:, 0]] = design[rows, 2, table[:, 1]] = 0.5
        design[:, 2, players] = 1.0
    return design[:, :, 1:]


def _shares(table: IntArray, values: FloatArray, *, ties: bool) -> tuple[FloatArray, FloatArray]:
    design = _outcomes(table, len(values) + 1 - ties, ties=ties)
    weights = design @ values
    weights = np.exp(weights - weights.max(axis=1, keepdims=True))
    return design, weights / weights.sum(axis=1, keepdims=True)


def _likelihood(table: IntArray, values: FloatArray, *, ties: bool) -> float:
    _, shares = _shares(table, values, ties=ties)
    chosen = shares[np.arange(len(table)), table[:, 2]]
    return float(np.sum(np.log(np.maximum(chosen, np.finfo(np.float64).tiny))))


def _derivatives(table: IntArray, values: FloatArray, *, ties: bool) -> tuple[FloatArray, FloatArray]:
    """Each match's score, shape (matches, parameters), and the negative Hessian of the sum."""
    design, shares = _shares(table, values, ties=ties)
    expected = np.einsum("mo,mop->mp", shares, design)
    scores = design[np.arange(len(table)), table[:, 2]] - expected
    second = np.einsum("mo,mop,moq->pq", shares, design, design) - expected.T @ expected
    return scores, second


def _covariance(table: IntArray, values: FloatArray, clusters: Sequence[str], *, ties: bool) -> FloatArray:
    scores, hessian = _derivatives(table, values, ties=ties)
    _, codes = np.unique(np.asarray(clusters), return_inverse=True)
    groups = int(codes.max()) + 1
    sums = np.column_stack([np.bincount(codes, weights=column, minlength=groups) for column in scores.T])
    bread = np.linalg.inv(hessian)
    robust: FloatArray = bread @ (sums.T @ sums) @ bread * groups / (groups - 1)
    return robust


def _told(
    bare: Preferences, players: Sequence[str], table: IntArray, found: tuple[FloatArray, FloatArray]
) -> Preferences:
    values, covariance = found
    count, free = len(players), len(players) - 1
    # against the mean of all players instead of the first
    centre = (np.eye(count) - 1 / count)[:, 1:]
    strengths, spread = centre @ values[:free], centre @ covariance[:free, :free] @ centre.T
    z = normal_quantile((1 + bare.level) / 2)
    played = np.bincount(table[:, :2].ravel(), minlength=count)
    rows = []
    for place in np.argsort(-strengths, kind="stable"):
        value, se = float(strengths[place]), sqrt(max(0.0, float(spread[place, place])))
        rows.append(
            Strength(
                player=players[place],
                matches=int(played[place]),
                strength=value,
                se=se,
                low=value - z * se,
                high=value + z * se,
            )
        )
    advantages = []
    for a, b in combinations(range(count), 2):
        value = float(strengths[a] - strengths[b])
        se = sqrt(max(0.0, float(spread[a, a] + spread[b, b] - 2 * spread[a, b])))
        ends = (value - z * se, value + z * se)
        advantages.append(Advantage(a=players[a], b=players[b], log_odds=value, se=se, low=ends[0], high=ends[1]))
    return Preferences(
        n=bare.n,
        ties=bare.ties,
        clusters=bare.clusters,
        level=bare.level,
        tie_weight=exp(float(values[-1])) if bare.ties else 0.0,
        strengths=tuple(rows),
        advantages=tuple(advantages),
    )
