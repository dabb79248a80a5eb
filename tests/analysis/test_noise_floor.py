"""What a rerun alone does: flips against brute force, and the floor held by simulation."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from harness.analysis.intervals import share_interval
from harness.analysis.noise_floor import batch_flip_rate, noise_floor

tables = arrays.arrays(np.float64, st.tuples(st.integers(1, 20), st.integers(2, 4)), elements=st.integers(0, 1))


@given(tables)
def test_the_flip_rate_is_the_share_of_pairs_of_runs_that_disagree(table: np.ndarray) -> None:
    expected = np.mean([table[:, a] != table[:, b] for a, b in combinations(range(table.shape[1]), 2)])
    assert noise_floor(table).flip_rate.estimate == pytest.approx(expected)


@given(tables, st.randoms())
def test_the_order_of_questions_and_runs_changes_nothing(table: np.ndarray, random: object) -> None:
    rows, runs = list(range(table.shape[0])), list(range(table.shape[1]))
    random.shuffle(rows)
    random.shuffle(runs)
    there, back = noise_floor(table), noise_floor(table[rows][:, runs])
    assert there.floor == pytest.approx(back.floor, abs=1e-12)
    assert there.flip_rate.estimate == pytest.approx(back.flip_rate.estimate)


def test_runs_that_agree_have_no_floor() -> None:
    found = noise_floor(np.repeat([[0.0], [1.0], [1.0]], 3, axis=1))
    assert (found.flip_rate.estimate, found.run_variance, found.difference_sd, found.floor) == (0, 0, 0, 0)


def test_the_difference_of_two_reruns_exceeds_the_floor_once_in_twenty() -> None:
    """2,000 replications of 4 runs + 2 more, 200 questions that flip by themselves: .05 within .02."""
    draws = np.random.default_rng(1)
    beyond, variances = [], []
    for _ in range(2000):
        runs = (draws.random((200, 6)) < draws.beta(2, 2, (200, 1))).astype(float)
        found = noise_floor(runs[:, :4])
        beyond.append(abs(runs[:, 4].mean() - runs[:, 5].mean()) > found.floor)
        variances.append(found.run_variance)
    assert abs(np.mean(beyond) - 0.05) < 0.02
    assert abs(np.mean(variances)) < 4 * np.std(variances) / np.sqrt(2000)


def test_a_run_that_shifts_all_questions_shows_between_runs() -> None:
    """200 replications of 5 runs whose accuracy itself varies with sd .1: the mean run variance is .01 within .002."""
    draws = np.random.default_rng(2)
    found = []
    for _ in range(200):
        shares = np.clip(0.5 + draws.normal(0, 0.1, 5), 0, 1)
        found.append(noise_floor((draws.random((400, 5)) < shares).astype(float)).run_variance)
    assert np.mean(found) == pytest.approx(0.01, abs=0.002)


def test_questions_without_an_answer_in_every_run_are_dropped() -> None:
    found = noise_floor([[1, 0], [1, np.nan], [0, 0], [1, 1]], ["a", "a", "b", "b"])
    assert (found.n, found.dropped, found.flip_rate.clusters) == (3, 1, 2)


def test_one_question_has_no_run_variance() -> None:
    assert noise_floor([[1, 0]]).run_variance is None


@pytest.mark.parametrize(
    ("table", "reason"),
    [([[1], [0]], "here 1 of 2"), ([[np.nan, 1]], "here 2 of 0"), (np.zeros((0, 2)), "here 2 of 0")],
)
def test_without_two_runs_there_is_no_floor(table: list, reason: str) -> None:
    found = noise_floor(table)
    assert found.floor is None
    assert found.refused == f"a noise floor needs 2 runs of a question, {reason}"


@pytest.mark.parametrize("table", [[1, 0], [[0.5, 1]], [[np.inf, 1]]])
def test_what_is_no_table_of_outcomes_is_refused(table: list) -> None:
    with pytest.raises(ValueError, match="0, 1 and NaN only"):
        noise_floor(table)


def test_the_batch_flip_rate_is_a_share_over_questions_run_both_ways() -> None:
    found = batch_flip_rate([1, 2, 3, np.nan], [1, 3, 3, 1], ["a", "b", "c", "d"])
    assert found == share_interval([0, 1, 0])
    assert batch_flip_rate([np.nan], [1]) is None


def test_batched_answers_come_in_pairs() -> None:
    with pytest.raises(ValueError, match="2 batched answers against 1 alone"):
        batch_flip_rate([1, 0], [1])
