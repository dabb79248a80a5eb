"""The gate where questions come in clusters: the laws of the unseen loss, and the level by simulation."""

from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from harness.analysis.gate_clusters import gate_power, gate_tests, unseen_questions
from harness.analysis.margin_tests import Margin, margin_power, margin_tests

MARGIN = Margin(value=0.03)
REPLICATIONS = 400
ERROR = 2 * (0.06 * 0.94 / REPLICATIONS) ** 0.5  # two standard errors of a rate of .06

grids = st.integers(2, 8).flatmap(
    lambda count: st.tuples(
        st.lists(st.sampled_from([-1.0, 0.0, 0.0, 0.0, 1.0]), min_size=3 * count, max_size=3 * count), st.just(count)
    )
)


def sides(differences: list[float], count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    values = np.array(differences)
    return (values > 0).astype(float), (values < 0).astype(float), np.arange(len(values)) % count


@given(grids)
def test_no_test_is_surer_than_that_which_heeds_no_clusters_of_losses(drawn) -> None:
    pair = sides(*drawn)
    made, bare = gate_tests(*pair, MARGIN), margin_tests(*pair, MARGIN)
    assert made.held >= bare.held
    assert made.worse >= bare.worse
    assert min(made.held, made.worse) > 0
    assert max(made.held, made.worse) <= 1


@given(grids, st.randoms(use_true_random=False))
def test_the_order_of_questions_changes_nothing(drawn, order) -> None:
    pair = sides(*drawn)
    places = list(range(len(pair[0])))
    order.shuffle(places)
    mixed = gate_tests(*(part[places] for part in pair), MARGIN)
    made = gate_tests(*pair, MARGIN)
    assert (mixed.held, mixed.worse) == pytest.approx((made.held, made.worse))


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=2, max_size=30))
def test_without_clusters_nothing_is_added(differences) -> None:
    new, old, _ = sides(differences, 1)
    assert gate_tests(new, old, None, MARGIN) == margin_tests(new, old, None, MARGIN)
    assert gate_power(new, old, None, MARGIN, alpha=0.05) == margin_power(new, old, None, MARGIN, alpha=0.05)


def test_the_unseen_loss_weighs_more_where_more_clusters_lost_nothing() -> None:
    codes = np.repeat(np.arange(10), 30)
    none, some, every = (np.where(np.arange(300) % 30 < 1, -1.0, 0.0) * (codes < lost) for lost in (0, 4, 10))
    assert unseen_questions(none, codes) == pytest.approx(1 + 0.4 * 29)
    assert unseen_questions(some, codes) == pytest.approx(1 + 0.4 * 29 * 0.6)
    assert unseen_questions(every, codes) == 1.0


def test_clusters_of_one_question_hide_nothing() -> None:
    assert unseen_questions(np.zeros(5), np.arange(5)) == 1.0


def test_scores_without_bounds_have_no_worst_loss() -> None:
    rng = np.random.default_rng(1)
    old, codes = rng.normal(size=60), np.arange(60) % 12
    new = old + rng.normal(0, 0.1, 60)
    unbounded = Margin(value=0.2, span=float("inf"))
    assert gate_tests(new, old, codes, unbounded).held < 0.01
    assert gate_power(new, old, codes, unbounded, alpha=0.05).power > 0.9


@pytest.mark.parametrize("scale", [1e-200, 1e-3, 1e150])
def test_the_unit_of_the_scores_changes_nothing(scale: float) -> None:
    rng = np.random.default_rng(2)
    new, old, codes = rng.random(40), rng.random(40), np.arange(40) % 8
    bare = gate_tests(new, old, codes, Margin(value=0.1))
    scaled = gate_tests(scale * new, scale * old, codes, Margin(value=0.1 * scale, span=scale))
    if scale > 1e-100:
        assert (scaled.worse, scaled.held) == pytest.approx((bare.worse, bare.held), rel=1e-6)
    else:
        assert 0 < scaled.held <= 1  # below what counts as spread: the exact bound


def test_more_clusters_are_needed_than_the_spread_alone_says() -> None:
    rng = np.random.default_rng(3)
    codes = np.repeat(np.arange(12), 20)
    new, old = (rng.random((2, 240)) < 0.97).astype(float)
    made = gate_power(new, old, codes, MARGIN, alpha=0.05)
    bare = margin_power(new, old, codes, MARGIN, alpha=0.05)
    assert made.power < bare.power
    assert made.n_needed > bare.n_needed


def test_the_questions_needed_reach_the_power_aimed_at() -> None:
    rng = np.random.default_rng(4)
    new, old = (rng.random((2, 240)) < 0.9).astype(float)
    needed = gate_power(new, old, np.repeat(np.arange(24), 10), MARGIN, alpha=0.05).n_needed
    times = -(-needed // 240)
    codes = np.concatenate([np.repeat(np.arange(24), 10) + 24 * turn for turn in range(times)])
    assert gate_power(np.tile(new, times), np.tile(old, times), codes, MARGIN, alpha=0.05).power >= 0.78


def latent(
    rng: np.random.Generator, design: tuple[int, int, float], base: float, loss: float
) -> tuple[np.ndarray, ...]:
    """Right or wrong of two runs that share .6 of cluster and question, each correlating `icc` within a cluster."""
    count, size, icc = design
    codes = np.repeat(np.arange(count), size)
    common = rng.standard_normal(count), rng.standard_normal(count * size)

    def right(share: float) -> np.ndarray:
        own = rng.standard_normal(count), rng.standard_normal(count * size)
        cluster, question = (np.sqrt(0.6) * a + np.sqrt(0.4) * b for a, b in zip(common, own, strict=True))
        return (np.sqrt(icc) * cluster[codes] + np.sqrt(1 - icc) * question < norm.ppf(share)).astype(float)

    old = right(base)
    return right(base - loss), old, codes


def rare_losses(
    rng: np.random.Generator, design: tuple[int, int, float], lost: float, loss: float
) -> tuple[np.ndarray, ...]:
    """Losses at the rate `lost` and gains at lost - loss, beta-binomial with correlation `icc` in each cluster."""
    count, size, icc = design
    codes = np.repeat(np.arange(count), size)
    rates = []
    for mean in (lost, lost - loss):
        spread = 1 / icc - 1 if icc else 0.0
        fixed = mean <= 0 or not icc
        rates.append(np.full(count, mean) if fixed else rng.beta(mean * spread, (1 - mean) * spread, count))
    drawn = rng.random(count * size)
    down = drawn < rates[0][codes]
    up = drawn > 1 - np.minimum(rates[1], 1 - rates[0])[codes]
    return up.astype(float), down.astype(float), codes


def designs() -> Iterator[tuple[object, tuple[int, int, float], float]]:
    for count, size, icc in product((5, 10, 20, 50), (6, 30), (0.0, 0.1, 0.3)):
        for base in (0.05, 0.2, 0.5):
            yield latent, (count, size, icc), base
        for lost in (0.03, 0.05):
            yield rare_losses, (count, size, icc), lost


@pytest.mark.slow
def test_the_level_is_held_at_a_loss_of_exactly_the_margin() -> None:
    """120 designs x 400 seeded replications: at most .06 of either verdict, but for two standard errors (.024).

    Over all designs together the rates are means of 48,000 replications.
    """
    rates = {}
    for place, (draw, design, base) in enumerate(designs()):
        rng = np.random.default_rng(place)
        made = [gate_tests(*draw(rng, design, base, 0.03), MARGIN) for _ in range(REPLICATIONS)]
        rates[draw.__name__, design, base] = [
            np.mean([getattr(one, side) <= 0.05 for one in made]) for side in ("held", "worse")
        ]
    over = {name: rate for name, rate in rates.items() if max(rate) > 0.06 + ERROR}
    assert over == {}
    assert np.mean(list(rates.values()), axis=0).max() < 0.05


@pytest.mark.slow
def test_the_spread_alone_would_pass_rare_losses_too_often() -> None:
    """400 seeded replications of 20 clusters of 30: .18 pass without the unseen losses, at most .084 with them."""
    pairs = [rare_losses(np.random.default_rng(seed), (20, 30, 0.3), 0.03, 0.03) for seed in range(REPLICATIONS)]
    bare = np.mean([margin_tests(*pair, MARGIN).held <= 0.05 for pair in pairs])
    made = np.mean([gate_tests(*pair, MARGIN).held <= 0.05 for pair in pairs])
    assert bare > 0.12
    assert made <= 0.06 + ERROR


@pytest.mark.slow
def test_enough_clusters_still_show_that_nothing_was_lost() -> None:
    """200 seeded replications of 50 clusters of 30, base .05, correlation .1: no loss is shown in most of them."""
    pairs = [latent(np.random.default_rng(seed), (50, 30, 0.1), 0.05, 0.0) for seed in range(200)]
    assert np.mean([gate_tests(*pair, MARGIN).held <= 0.05 for pair in pairs]) > 0.85
