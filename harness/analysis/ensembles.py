"""Models that vote: members and weights chosen on some questions, judged on others, against the best single member."""

from dataclasses import dataclass, replace
from sys import float_info

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.analysis.crossfit import averaged_interval
from harness.analysis.distributions import t_two_sided_p
from harness.analysis.intervals import Clusters, FloatArray, IntArray, cluster_sizes, mean_interval
from harness.analysis.paired import Paired

FOLDS = 5
FOLD_SEEDS = 20
WEIGHT_MOST = 0.99  # a member that was never wrong on few questions must not outvote all others together


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """The vote against the best single member over the same `n` questions, both chosen out of fold.

    `comparison` is vote - single in held-out accuracy, averaged over fold seeds, and None exactly when `refused` says
    why. `sizes` maps a number of voting members to the share of choices that took it; `optimism_vote` and
    `optimism_single` are the in-sample accuracy of the best choice minus the held-out accuracy.
    """

    members: int
    n: int
    folds: int
    comparison: Paired | None = None
    sizes: tuple[tuple[int, float], ...] = ()
    optimism_vote: float | None = None
    optimism_single: float | None = None
    refused: str | None = None


def vote(answers: ArrayLike, correct: ArrayLike, weights: ArrayLike) -> NDArray[np.float64]:
    """Whether the answer with the largest summed weight is right, per question, shape (n,), 0 or 1.

    Args:
        answers: a code per question and member, shape (n, M), equal for equal answers; below 0 is no answer, which
            votes for nothing. Without any vote the question is wrong; a tie goes to the first member's answer.
        correct: 1 where the member's answer is right, shape (n, M).
        weights: one per member, shape (M,), each at least 0; a member of weight 0 does not vote.

    Raises:
        ValueError: shapes that do not fit, or a negative weight.
    """
    codes, right = _tables(answers, correct)
    power = np.asarray(weights, dtype=np.float64)
    if power.shape != (codes.shape[1],) or not (np.isfinite(power) & (power >= 0)).all():
        raise ValueError(f"there must be {codes.shape[1]} weights of at least 0")
    return _voted(_Ballots(agree=_agreement(codes), answered=codes >= 0, right=right), power)


def ensemble(
    answers: ArrayLike,
    correct: ArrayLike,
    clusters: Clusters | None = None,
    *,
    rng: np.random.Generator,
    fold_seeds: int = FOLD_SEEDS,
) -> Ensemble:
    """Choose the vote and the best member on all folds but one, judge both on that one; compare paired by question.

    The candidates are the k most accurate members on the other folds, k = 1 .. M, with equal weights and with weights
    log(p/(1 - p)) of their accuracy there; the most accurate candidate on those folds is taken, the fewest members and
    equal weights first on ties. Whole clusters share one of at most 5 folds.

    Args:
        answers: as in `vote`, shape (n, M), members in study order.
        correct: as in `vote`.
        clusters: one cluster name per question; None takes questions as independent, and as named by their place.
        rng: deals the clusters to folds.
        fold_seeds: deals averaged, at least 1; the interval counts what the choices hang on them.

    Raises:
        ValueError: shapes that do not fit.

    Source: Nitzan and Paroush 1982, International Economic Review 23(2), on the weights.
    """
    codes, right = _tables(answers, correct)
    n, members = codes.shape
    names = [str(place) for place in range(n)] if clusters is None else clusters
    groups, count = _groups(names, n)
    bare = Ensemble(members=members, n=n, folds=min(FOLDS, count))
    if members < 2 or bare.folds < 2:  # noqa: PLR2004 - a choice is between two, and held-out needs another fold
        return replace(bare, refused=f"an ensemble needs 2 members and 2 clusters, here {members} and {count}")
    ballots = _Ballots(agree=_agreement(codes), answered=codes >= 0, right=right)
    ranked = [_held_out(ballots, _deal(groups, count, bare.folds, rng)) for _ in range(fold_seeds)]
    voted, single, taken = (np.stack(parts) for parts in zip(*ranked, strict=True))
    return replace(
        bare,
        comparison=_compared(voted, single, names),
        sizes=_shares_of(taken.ravel()),
        optimism_vote=float(_voted(ballots, _choose(ballots)).mean() - voted.mean()),
        optimism_single=float(right.mean(axis=0).max() - single.mean()),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ballots:
    """Who gave the same answer as whom, shape (n, M, M), who answered and who was right, both of shape (n, M)."""

    agree: FloatArray
    answered: NDArray[np.bool_]
    right: FloatArray

    def where(self, rows: NDArray[np.bool_]) -> "_Ballots":
        return _Ballots(agree=self.agree[rows], answered=self.answered[rows], right=self.right[rows])


def _compared(voted: FloatArray, single: FloatArray, clusters: Clusters) -> Paired:
    """The difference of scores by fold seed, shape (fold seeds, n), with the t test of its own interval."""
    rows = voted - single
    difference = mean_interval(rows[0], clusters) if len(rows) == 1 else averaged_interval(rows, clusters)
    p, refused = None, difference.refused
    if refused is None and difference.se is not None and difference.df is not None:
        p = max(float_info.min, t_two_sided_p(difference.estimate / difference.se, difference.df))
    return Paired(
        mean_a=float(voted.mean()),
        mean_b=float(single.mean()),
        difference=difference,
        p_method=difference.method,
        p=p,
        p_refused=refused,
    )


def _agreement(codes: IntArray) -> FloatArray:
    agree: FloatArray = ((codes[:, :, None] == codes[:, None, :]) & (codes >= 0)[:, None, :]).astype(np.float64)
    return agree


def _voted(ballots: _Ballots, power: FloatArray) -> FloatArray:
    if not len(power):
        return np.zeros(len(ballots.right))
    voting = ballots.answered & (power > 0)
    # each member's answer is backed by all who gave the same one
    backing = np.where(voting, np.round(ballots.agree @ power, 9), -1.0)
    return np.where(voting.any(axis=1), ballots.right[np.arange(len(voting)), backing.argmax(axis=1)], 0.0)


def _held_out(ballots: _Ballots, folds: IntArray) -> tuple[FloatArray, FloatArray, IntArray]:
    voted, single, sizes = np.zeros(len(folds)), np.zeros(len(folds)), []
    for fold in np.unique(folds):
        out = folds == fold
        rest = ballots.where(~out)
        weights = _choose(rest)
        voted[out] = _voted(ballots.where(out), weights)
        single[out] = ballots.right[out, int(rest.right.mean(axis=0).argmax())]
        sizes.append(int(np.sum(weights > 0)))
    return voted, single, np.array(sizes, dtype=np.intp)


def _groups(clusters: Clusters, n: int) -> tuple[IntArray, int]:
    """Each question's cluster as a code, and how many clusters there are."""
    codes = cluster_sizes(clusters, n)[0] if n else np.zeros(0, dtype=np.intp)
    return codes, int(codes.max(initial=-1)) + 1


def _shares_of(sizes: IntArray) -> tuple[tuple[int, float], ...]:
    """Each number of voting members with its share of the choices, fewest first."""
    taken, counts = np.unique(sizes, return_counts=True)
    return tuple((int(size), int(times) / len(sizes)) for size, times in zip(taken, counts, strict=True))


def _choose(ballots: _Ballots) -> FloatArray:
    """The weights, shape (M,), of the best candidate on these questions."""
    shares = ballots.right.mean(axis=0)
    order = np.argsort(-shares, kind="stable")
    candidates = [
        weights
        for size in range(1, len(shares) + 1)
        for weights in _weights(shares, order[:size])
        if size == 1 or np.sum(weights > 0) == size
    ]
    values = [float(_voted(ballots, weights).mean()) for weights in candidates]
    return candidates[int(np.argmax(np.round(values, 9)))]


def _weights(shares: FloatArray, taken: IntArray) -> tuple[FloatArray, ...]:
    equal, weighted = np.zeros(len(shares)), np.zeros(len(shares))
    equal[taken] = 1.0
    kept = np.clip(shares[taken], 0.5, WEIGHT_MOST)  # a member worse than a coin gets no weight rather than a negative
    weighted[taken] = np.log(kept / (1 - kept))
    return (equal, weighted) if len(taken) > 1 else (equal,)


def _deal(groups: IntArray, count: int, folds: int, rng: np.random.Generator) -> IntArray:
    """Each question's fold: clusters shuffled and dealt in turn."""
    dealt = np.empty(count, dtype=np.intp)
    dealt[rng.permutation(count)] = np.arange(count) % folds
    return dealt[groups]


def _tables(answers: ArrayLike, correct: ArrayLike) -> tuple[IntArray, FloatArray]:
    codes, right = np.asarray(answers, dtype=np.intp), np.asarray(correct, dtype=np.float64)
    if codes.ndim != 2 or codes.shape != right.shape:  # noqa: PLR2004 - questions by members
        raise ValueError(f"answers and outcomes must both be questions by members, not {codes.shape} and {right.shape}")
    if not np.isin(right, (0.0, 1.0)).all():
        raise ValueError("outcomes must be 0 or 1")
    return codes, right
