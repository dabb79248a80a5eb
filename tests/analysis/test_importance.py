"""Factor importance: omega squared by another route, its null, its interval's coverage, and what has no answer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.analysis.distributions import generator
from harness.analysis.importance import factor_importance


def rng() -> np.random.Generator:
    return generator(0, "test")


def shares(scores: object, factors: dict, **more: object) -> dict:
    found = factor_importance(scores, factors, rng=rng(), draws=more.pop("draws", 19), **more)
    return {share.factors: share for share in found.shares}


grids = st.integers(0, 10_000).map(lambda seed: np.random.default_rng(seed).normal(0, 1, (3, 4, 2)))


@given(grids)
def test_one_factor_is_the_textbook_formula(grid: np.ndarray) -> None:
    """One-way: omega^2 = df (F - 1)/(df (F - 1) + N)."""
    found = shares(grid.ravel(), {"a": np.repeat(["x", "y", "z"], 8).tolist()})[("a",)]
    f = stats.f_oneway(*grid.reshape(3, 8)).statistic
    assert found.omega_squared == pytest.approx(2 * (f - 1) / (2 * (f - 1) + 24))
    assert (found.df, found.n, found.levels) == (2, 24, (("x", 8), ("y", 8), ("z", 8)))


@given(grids)
def test_in_a_balanced_design_the_shares_add_up(grid: np.ndarray) -> None:
    """SS_a + SS_b + SS_ab + SS_e is the total, against marginal means."""
    a, b, _ = np.indices(grid.shape)
    found = shares(grid.ravel(), {"a": a.ravel().tolist(), "b": b.ravel().tolist()})
    total = np.sum((grid - grid.mean()) ** 2)
    within = np.sum((grid - grid.mean(axis=2, keepdims=True)) ** 2)
    assert found[("a",)].eta_squared == pytest.approx(8 * np.sum((grid.mean(axis=(1, 2)) - grid.mean()) ** 2) / total)
    assert sum(share.eta_squared for share in found.values()) + within / total == pytest.approx(1)
    assert found["a", "b"].df == 6


@given(grids, st.integers(-5, 5), st.sampled_from((0.5, 3.0)))
def test_neither_unit_nor_zero_changes_the_share(grid: np.ndarray, shift: int, scale: float) -> None:
    factors = {"a": np.repeat(["x", "y", "z"], 8).tolist()}
    there, back = shares(grid.ravel(), factors)[("a",)], shares(scale * grid.ravel() + shift, factors)[("a",)]
    assert there.omega_squared == pytest.approx(back.omega_squared, abs=1e-9)


@given(grids, st.permutations(range(24)))
def test_the_order_of_the_rows_changes_nothing(grid: np.ndarray, order: list[int]) -> None:
    scores, levels = grid.ravel(), np.repeat(["x", "y", "z"], 8)
    there, back = shares(scores, {"a": levels.tolist()}), shares(scores[order], {"a": levels[order].tolist()})
    assert there == back


def test_the_unexplained_share_is_what_the_factors_leave() -> None:
    found = factor_importance([0.0, 1.0, 4.0, 5.0], {"a": ["x", "x", "y", "y"]}, rng=rng(), draws=9)
    assert found.unexplained == pytest.approx(1 / 17)


def test_a_factor_without_effect_has_no_share_on_average() -> None:
    """300 replications, 40 rows: the mean omega^2 is within 4 standard errors of 0, and so is its null."""
    draws, found = np.random.default_rng(1), []
    for _ in range(300):
        share = shares(draws.normal(size=40), {"a": (np.arange(40) % 4).tolist()}, draws=9)[("a",)]
        found.append((share.omega_squared, share.null))
    assert (np.abs(np.mean(found, axis=0)) < 4 * np.std(found, axis=0) / np.sqrt(300)).all()


def test_a_planted_pair_is_found_and_the_plain_factors_are_not() -> None:
    a, b = np.arange(80) % 2, np.arange(80) // 2 % 2
    scores = (a ^ b) + np.random.default_rng(2).normal(0, 0.3, 80)
    found = shares(scores, {"a": a.tolist(), "b": b.tolist()}, draws=99)
    assert found["a", "b"].omega_squared > 0.5 > found["a", "b"].null_high
    assert found["a", "b"].low > 0.5
    assert found[("a",)].omega_squared < found[("a",)].null_high


@pytest.mark.slow
@pytest.mark.parametrize(("n", "planted"), [(48, 0.0), (48, 0.3), (120, 0.1), (120, 0.3)])
def test_the_interval_covers_near_its_level(n: int, planted: float) -> None:
    """300 replications of 4 levels beside an idle factor: coverage between .90 and .99."""
    draws, hits = np.random.default_rng(3), []
    effects = np.array([-1.0, -0.3, 0.3, 1.0])
    effects *= np.sqrt(planted / (1 - planted)) / effects.std()
    a, b = np.repeat(np.arange(4), n // 4), np.tile(np.arange(2), n // 2)
    for _ in range(300):
        scores = effects[a] + draws.standard_normal(n)
        found = shares(scores, {"a": a.tolist(), "b": b.tolist()}, draws=199, interactions=False)[("a",)]
        hits.append(found.low <= planted <= found.high)
    assert 0.90 <= np.mean(hits) <= 0.99


@pytest.mark.parametrize("absent", [None, float("nan")])
def test_a_row_without_a_level_is_dropped_and_counted(absent: object) -> None:
    found = factor_importance([0.0, 1.0, 4.0, 5.0, 9.0], {"a": ["x", "x", "y", "y", absent]}, rng=rng(), draws=9)
    assert (found.n, found.dropped, found.shares[0].levels) == (4, 1, (("x", 2), ("y", 2)))


@pytest.mark.parametrize(
    ("scores", "factors", "reason"),
    [
        ([0.0, 1.0, 2.0], {"a": ["x"] * 3}, "'a' has the same level in every row"),
        ([0.1, 0.1, 0.1], {"a": ["x", "y", "y"]}, "the 3 scores do not spread"),
        ([0.0, 1.0], {"a": ["x", "y"]}, "an effect needs at least 3 rows, here 2"),
        ([0.0, 1.0, 3.0], {"a": ["x", "y", "z"]}, "no rows are left over: 3 rows for as many terms"),
        ([0.0, 1.0, 3.0, 4.0], {"a": list("xxyy"), "b": list("ppqq")}, "cannot be told from those of other factors"),
        ([0.0, 1.0], {"a": [None, None]}, "an effect needs at least 3 rows, here 0"),
    ],
)
def test_what_has_no_share_says_why(scores: list, factors: dict, reason: str) -> None:
    found = shares(scores, factors)[("a",)]
    assert found.omega_squared is None
    assert reason in found.refused


def test_without_factors_there_are_no_shares() -> None:
    found = factor_importance([0.0, 1.0, 3.0], {}, rng=rng(), draws=9)
    assert (found.shares, found.unexplained) == ((), pytest.approx(1.0))


def test_levels_and_scores_come_in_pairs() -> None:
    with pytest.raises(ValueError, match="factor 'a' has 1 levels for 2 scores"):
        shares([0.0, 1.0], {"a": ["x"]})
