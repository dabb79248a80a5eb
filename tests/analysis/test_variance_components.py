"""Variance components: sums of squares that add up, planted variances found, and what a D-study says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from harness.analysis.variance_components import crossed_components, repeat_components, study_design, study_error

values = st.integers(-5, 5).map(float)
crossed = arrays.arrays(np.float64, st.tuples(st.integers(2, 4), st.integers(2, 6), st.integers(1, 3)), elements=values)


@given(crossed)
def test_crossed_squares_add_up_to_the_total(table: np.ndarray) -> None:
    found = crossed_components(table)
    parts = (found.model, found.question, found.model_question, found.residual)
    assert sum(part.squares for part in parts if part) == pytest.approx(found.total_squares)
    assert sum(part.df for part in parts if part) == table.size - 1
    assert (found.residual is None) == (found.repeats == 1)


@given(arrays.arrays(np.float64, st.tuples(st.integers(2, 10), st.integers(2, 5)), elements=values))
def test_balanced_components_add_up(table: np.ndarray) -> None:
    """K sigma_q^2 + sigma_e^2 is the mean square between questions, and the squares add up to the total."""
    found = repeat_components(table)
    between = table.shape[1] * np.var(table.mean(axis=1), ddof=1)
    assert found.repeats == pytest.approx(table.shape[1])
    assert found.repeats * found.question.estimate + found.residual.estimate == pytest.approx(between)
    assert found.question.squares + found.residual.squares == pytest.approx(np.sum((table - table.mean()) ** 2))


@given(arrays.arrays(np.float64, st.tuples(st.integers(2, 10), st.integers(2, 5)), elements=values))
def test_the_design_that_was_run_has_the_error_of_the_question_means(table: np.ndarray) -> None:
    found = repeat_components(table)
    if found.question.estimate >= 0:
        expected = np.std(table.mean(axis=1), ddof=1) / np.sqrt(len(table))
        assert study_error(found, *table.shape) == pytest.approx(expected)


def test_planted_components_are_found() -> None:
    """3,000 questions: sigma_q^2 .5 and sigma_e^2 2 within .1, with a third of the repeats missing."""
    draws = np.random.default_rng(1)
    table = 3 + draws.normal(0, np.sqrt(0.5), (3000, 1)) + draws.normal(0, np.sqrt(2), (3000, 4))
    table[draws.random(table.shape) < 1 / 3] = np.nan
    found = repeat_components(table)
    assert found.question.variance == pytest.approx(0.5, abs=0.1)
    assert found.residual.variance == pytest.approx(2.0, abs=0.1)


def test_planted_crossed_components_are_found() -> None:
    """Mean over 200 replications of 6 models x 40 questions x 3 repeats, within 4 standard errors of the planted."""
    draws, planted = np.random.default_rng(2), (0.3, 0.5, 0.2, 1.0)
    found = []
    for _ in range(200):
        sizes = ((6, 1, 1), (1, 40, 1), (6, 40, 1), (6, 40, 3))
        table = sum(draws.normal(0, np.sqrt(s), size) for s, size in zip(planted, sizes, strict=True))
        parts = crossed_components(table)
        found.append(
            [parts.model.estimate, parts.question.estimate, parts.model_question.estimate, parts.residual.estimate]
        )
    errors = np.std(found, axis=0, ddof=1) / np.sqrt(200)
    assert (np.abs(np.mean(found, axis=0) - planted) < 4 * errors).all()


def test_a_negative_estimate_is_told_and_not_used() -> None:
    found = repeat_components([[0.0, 1.0], [1.0, 0.0]])
    assert found.question.estimate < 0
    assert found.question.variance == 0


def test_the_design_study_follows_its_formula_and_advises() -> None:
    draws = np.random.default_rng(3)
    found = repeat_components(draws.normal(0, 1, (50, 1)) + draws.normal(0, 0.5, (50, 3)))
    design = study_design(found, 100, 2)
    assert design.se == pytest.approx(np.sqrt(found.question.variance / 100 + found.residual.variance / 200))
    assert design.se_twice_questions == pytest.approx(design.se / np.sqrt(2))
    assert design.se_twice_questions < design.se_twice_repeats < design.se
    assert design.advice == "more questions"


def test_repeats_change_nothing_when_they_agree_and_all_when_questions_do() -> None:
    agree = repeat_components([[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]])
    assert study_design(agree, 3, 2).advice == "more repeats change nothing"
    same = repeat_components([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    assert study_design(same, 3, 2).advice == "either"


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ([[1.0, 0.0]], "a variance between questions needs 2 questions, here 1"),
        ([[np.nan, np.nan]], "a variance between questions needs 2 questions, here 0"),
        ([[1.0], [0.0]], "no question was repeated"),
        (np.zeros((0, 2)), "a variance between questions needs 2 questions, here 0"),
    ],
)
def test_without_repeats_there_are_no_components(table: list, reason: str) -> None:
    found = repeat_components(table)
    assert (found.question, found.refused) == (None, reason)
    with pytest.raises(ValueError, match="no variance components"):
        study_error(found, 10, 1)


def test_a_design_has_questions_and_repeats() -> None:
    with pytest.raises(ValueError, match="at least 1 question and 1 repeat, not 0 and 1"):
        study_error(repeat_components([[0.0, 1.0], [1.0, 1.0]]), 0, 1)


@pytest.mark.parametrize("shape", [(1, 4, 2), (3, 1, 2), (0, 0, 0), (2, 2, 0)])
def test_a_crossed_design_needs_two_of_each(shape: tuple) -> None:
    assert "need 2 models and 2 questions" in crossed_components(np.zeros(shape)).refused


@pytest.mark.parametrize(
    ("table", "message"),
    [(np.zeros(3), "3 dimensions"), (np.full((2, 2, 2), np.nan), "no gaps"), (np.full((2, 2, 2), np.inf), "infinite")],
)
def test_what_is_no_crossed_design_is_refused(table: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        crossed_components(table)
