"""Votes: their laws, the count by another route, and choices that are judged out of fold."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from harness.analysis import ensembles
from harness.analysis.crossfit import averaged_interval
from harness.analysis.distributions import generator
from harness.analysis.ensembles import ensemble, vote
from harness.analysis.intervals import cluster_sizes, mean_interval

codes = arrays.arrays(np.int64, st.tuples(st.integers(1, 20), st.integers(1, 5)), elements=st.integers(-1, 3))


def rng() -> np.random.Generator:
    return generator(0, "test")


def members(n: int, shares: list[float], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Independent members; answer 0 is right, wrong answers are spread over three others."""
    draws = np.random.default_rng(seed)
    answers = np.where(draws.random((n, len(shares))) < shares, 0, draws.integers(1, 4, (n, len(shares))))
    return answers, (answers == 0).astype(float)


@given(codes)
def test_the_vote_is_the_plurality(answers: np.ndarray) -> None:
    found = vote(answers, answers == 0, np.ones(answers.shape[1]))
    for row, right in zip(answers.tolist(), found, strict=True):
        counts = Counter(code for code in row if code >= 0)
        winners = [code for code, count in counts.items() if count == max(counts.values())]
        assert right == (bool(counts) and next(code for code in row if code in winners) == 0)


@given(codes, st.integers(1, 4))
def test_an_ensemble_of_copies_equals_its_member(answers: np.ndarray, copies: int) -> None:
    member = answers[:, :1]
    right = (member == 0).astype(float)
    many = np.repeat(member, copies, axis=1)
    assert (vote(many, np.repeat(right, copies, axis=1), np.ones(copies)) == right[:, 0]).all()


@given(codes.filter(lambda table: len(table) > 1))
def test_choosing_among_copies_gains_nothing(answers: np.ndarray) -> None:
    many = np.repeat(answers[:, :1], 3, axis=1)
    found = ensemble(many, (many == 0) & (many >= 0), rng=rng(), fold_seeds=2)
    assert found.comparison.difference.estimate == 0
    assert found.optimism_vote == pytest.approx(0)
    assert found.sizes == ((1, 1.0),)


def test_a_heavy_member_outvotes_light_ones_and_weight_zero_is_silent() -> None:
    answers = [[0, 1, 1]]
    right = [[1, 0, 0]]
    assert vote(answers, right, [3, 1, 1]) == [1]
    assert vote(answers, right, [1, 1, 1]) == [0]
    assert vote(answers, right, [1, 1, 0]) == [1]


def test_independent_members_gain_what_the_binomial_says() -> None:
    """5 members, right with .7, one wrong answer: P(at least 3 right) = .837; 4,000 questions, within .025."""
    draws = np.random.default_rng(1)
    answers = (draws.random((4000, 5)) > 0.7).astype(int)
    found = ensemble(answers, answers == 0, rng=rng(), fold_seeds=2)
    assert found.comparison.mean_a == pytest.approx(0.837, abs=0.025)
    assert found.comparison.difference.low > 0
    assert dict(found.sizes)[5] > 0.9


def test_choosing_out_of_fold_has_no_winners_curse() -> None:
    """150 replications of 8 equal members right with .5 on 60 questions: the best single one is .5 out of fold.

    In sample it looks better by several points. Tolerance 4 standard errors.
    """
    held, optimism = [], []
    for seed in range(150):
        found = ensemble(*members(60, [0.5] * 8, seed), rng=rng(), fold_seeds=1)
        held.append(found.comparison.mean_b)
        optimism.append(found.optimism_single)
    assert abs(np.mean(held) - 0.5) < 4 * np.std(held) / np.sqrt(150)
    assert np.mean(optimism) > 0.05


def test_votes_are_chosen_out_of_fold() -> None:
    """150 replications of 8 members that never agree and are right with .5: whatever is chosen is right with .5.

    Tolerance 4 standard errors.
    """
    held = []
    for seed in range(150):
        right = (np.random.default_rng(seed).random((60, 8)) < 0.5).astype(float)
        held.append(ensemble(np.tile(np.arange(8), (60, 1)), right, rng=rng(), fold_seeds=1).comparison.mean_a)
    assert abs(np.mean(held) - 0.5) < 4 * np.std(held) / np.sqrt(150)


def test_folds_keep_clusters_whole_and_the_order_of_questions_changes_nothing() -> None:
    answers, right = members(60, [0.5, 0.6, 0.7], 3)
    names = [f"c{place // 6}" for place in range(60)]
    order = np.random.default_rng(1).permutation(60)
    there = ensemble(answers, right, names, rng=rng())
    back = ensemble(answers[order], right[order], [names[place] for place in order], rng=rng())
    assert there.comparison.difference.estimate == pytest.approx(back.comparison.difference.estimate)
    assert (there.comparison.difference.clusters, there.folds) == (10, 5)


@pytest.mark.slow
def test_the_interval_of_the_vote_counts_what_hangs_on_the_folds() -> None:
    """300 replications of 6 independent members right with .6 on 60 questions, all wrong answers different.

    No choice is better than another, so that the difference is 0 whatever is chosen: coverage at least .92 of .95.
    """
    hits = []
    for seed in range(300):
        right = (np.random.default_rng(seed).random((60, 6)) < 0.6).astype(float)
        found = ensemble(np.tile(np.arange(6), (60, 1)), right, rng=rng(), fold_seeds=5).comparison.difference
        hits.append(found.low is None or found.low <= 0 <= found.high)
    assert np.mean(hits) >= 0.92


def test_the_interval_is_that_of_differences_by_fold_seed() -> None:
    """Members as good as each other, so that every deal of folds takes others: more than the averaged scores show."""
    answers, right = members(60, [0.5] * 5, 3)
    found = ensemble(answers, right, rng=rng()).comparison.difference
    draws, ballots = rng(), ensembles._Ballots(agree=ensembles._agreement(answers), answered=answers >= 0, right=right)
    order = cluster_sizes([str(place) for place in range(60)], 60)[0]
    rows = [ensembles._held_out(ballots, ensembles._deal(order, 60, 5, draws)) for _ in range(20)]
    differences = np.stack([voted - single for voted, single, _ in rows])
    assert found.se == pytest.approx(averaged_interval(differences, order).se)
    assert found.se > mean_interval(differences.mean(axis=0)).se


def test_the_p_of_the_vote_is_that_of_its_interval() -> None:
    found = ensemble(*members(60, [0.5, 0.6, 0.7], 3), rng=rng()).comparison
    assert found.p == pytest.approx(2 * stats.t.sf(abs(found.difference.estimate) / found.difference.se, 59))


@pytest.mark.parametrize(
    ("shape", "reason"),
    [((5, 1), "here 1 and 5"), ((1, 3), "here 3 and 1"), ((0, 3), "here 3 and 0"), ((4, 0), "here 0 and 4")],
)
def test_too_little_to_choose_from_says_so(shape: tuple, reason: str) -> None:
    found = ensemble(np.zeros(shape), np.ones(shape), rng=rng())
    assert found.comparison is None
    assert found.refused == f"an ensemble needs 2 members and 2 clusters, {reason}"


def test_a_vote_without_members_is_wrong() -> None:
    assert (vote(np.zeros((2, 0)), np.zeros((2, 0)), []) == 0).all()


@pytest.mark.parametrize(
    ("answers", "correct", "weights", "message"),
    [
        ([[0]], [[1, 0]], [1], "both be questions by members"),
        ([[0]], [[0.5]], [1], "0 or 1"),
        ([[0]], [[1]], [1, 1], "there must be 1 weights"),
        ([[0]], [[1]], [-1], "at least 0"),
    ],
)
def test_what_is_no_vote_is_refused(answers: list, correct: list, weights: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        vote(answers, correct, weights)
