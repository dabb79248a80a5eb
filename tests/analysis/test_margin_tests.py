"""Two one-sided tests against -margin: laws, exact error rates of rare losses, and simulated ones of the rest."""

from math import comb, inf, log10

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.analysis.intervals import clustered_error, iid_error
from harness.analysis.margin import difference_interval
from harness.analysis.margin_tests import (
    Margin,
    bounded_interval,
    independent_units,
    margin_power,
    margin_tests,
    no_spread_tests,
)

scipy_stats = pytest.importorskip("scipy.stats", reason="needs the extra [report]")

shares = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40)
scores = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=30)
margins = st.floats(0.001, 0.9)


def split(pairs):
    return np.array(pairs, dtype=float).T


def discordant(gains, losses, n):
    """Binary scores with so many questions gained and lost."""
    new = np.concatenate([np.ones(gains), np.zeros(losses), np.ones(n - gains - losses)])
    return new, np.concatenate([np.zeros(gains), np.ones(losses), np.ones(n - gains - losses)])


@given(st.one_of(shares, scores), margins)
def test_both_p_are_probabilities_that_leave_no_gap(pairs, margin):
    new, old = split(pairs)
    found = margin_tests(new, old, None, Margin(value=margin))
    assert 0 < found.worse <= 1
    assert 0 < found.held <= 1
    assert found.worse + found.held >= 1 - 1e-9


@given(st.one_of(shares, scores), margins, margins)
def test_a_wider_margin_makes_holding_easier_and_a_regression_harder(pairs, first, second):
    narrow, wide = sorted((first, second))
    new, old = split(pairs)
    tight, loose = (margin_tests(new, old, None, Margin(value=value)) for value in (narrow, wide))
    assert loose.held <= tight.held + 1e-12
    assert loose.worse >= tight.worse - 1e-12


@given(scores, margins, st.randoms())
def test_the_order_of_questions_does_not_matter(pairs, margin, random):
    names = [f"c{at % 3}" for at in range(len(pairs))]
    rows = list(zip(pairs, names, strict=True))
    random.shuffle(rows)
    here = margin_tests(*split(pairs), names, Margin(value=margin))
    there = margin_tests(*split([pair for pair, _ in rows]), [name for _, name in rows], Margin(value=margin))
    assert (here.worse, here.held) == pytest.approx((there.worse, there.held), abs=1e-6)


@given(st.one_of(shares, scores), margins)
def test_clusters_of_one_question_are_independent_questions(pairs, margin):
    new, old = split(pairs)
    alone = [str(at) for at in range(len(new))]
    assert margin_tests(new, old, alone, Margin(value=margin)) == margin_tests(new, old, None, Margin(value=margin))


@given(shares, margins)
def test_binary_scores_hold_exactly_when_tango_s_interval_does(pairs, margin):
    new, old = split(pairs)
    assume((new > old).any())
    low = difference_interval(new, old, level=0.9).low
    assume(abs(low + margin) > 1e-9)
    assert (margin_tests(new, old, None, Margin(value=margin)).held < 0.05) == (low > -margin)


@given(scores, margins)
def test_without_bounds_both_tests_are_the_ends_of_the_t_interval(pairs, margin):
    new, old = split(pairs)
    interval = difference_interval(new, old, level=0.9)
    assume(not np.isin(split(pairs), (0, 1)).all() and interval.low is not None)
    assume(min(abs(interval.low + margin), abs(interval.high + margin)) > 1e-9)
    found = margin_tests(new, old, None, Margin(value=margin, span=inf))
    assert (found.held < 0.05) == (interval.low > -margin)
    assert (found.worse < 0.05) == (interval.high < -margin)


@given(scores, margins)
def test_an_unseen_loss_never_makes_holding_easier(pairs, margin):
    new, old = split(pairs)
    bounded, unbounded = (margin_tests(new, old, None, Margin(value=margin, span=span)) for span in (1.0, inf))
    assume(unbounded.held is not None)
    assert bounded.held >= unbounded.held


@given(scores, margins, st.floats(0.01, 100))
def test_the_unit_of_the_scores_does_not_matter(pairs, margin, unit):
    new, old = split(pairs)
    assume(not np.isin(split(pairs), (0, 1)).all() and np.ptp(new - old) > 1e-6)
    assume(not np.isin(unit * split(pairs), (0, 1)).all())
    found = margin_tests(new, old, None, Margin(value=margin))
    scaled = margin_tests(unit * new, unit * old, None, Margin(value=unit * margin, span=unit))
    assert (scaled.worse, scaled.held) == pytest.approx((found.worse, found.held), rel=1e-6)


def test_at_margin_0_scores_get_the_one_sided_paired_t_test():
    rng = np.random.default_rng(3)
    new, old = rng.random(40), rng.random(40)
    expected = scipy_stats.ttest_rel(new, old, alternative="less").pvalue
    assert margin_tests(new, old, None, Margin(value=0.0)).worse == pytest.approx(expected)


@pytest.mark.parametrize(("gains", "losses"), [(0, 5), (2, 9), (5, 0), (3, 3), (0, 0)])
def test_at_margin_0_shares_get_the_one_sided_mid_p_test(gains, losses):
    found = margin_tests(*discordant(gains, losses, 30), None, Margin(value=0.0))
    law = scipy_stats.binom(gains + losses, 0.5)
    assert found.worse == pytest.approx(law.cdf(gains - 1) + 0.5 * law.pmf(gains))


@pytest.mark.parametrize(("n", "rules_out"), [(98, False), (99, True)])
@pytest.mark.parametrize("score", [1.0, 0.5])
def test_equal_answers_rule_out_a_loss_only_when_they_are_many(n, rules_out, score):
    found = margin_tests([score] * n, [score] * n, None, Margin(value=0.03))
    assert found.held == pytest.approx(0.97**n, rel=1e-6)
    assert (found.held <= 0.05) == rules_out
    assert found.worse == 1.0


def test_clusters_that_lost_everything_are_a_regression():
    names = [f"c{at % 8}" for at in range(40)]
    found = margin_tests([0.0] * 40, [1.0] * 40, names, Margin(value=0.05))
    assert found.worse == pytest.approx((1.05 / 2) ** 8)
    assert found.held == 1.0


def test_the_unseen_loss_weighs_as_many_questions_as_the_design_effect_says():
    names = [f"c{at // 4}" for at in range(80)]
    change = np.repeat(np.random.default_rng(2).normal(0, 0.05, 20), 4)
    margin, old = 0.1, np.full(80, 0.5)
    independent, clustered = iid_error(change).se, clustered_error(change, names)
    weight = (clustered.se / independent) ** 2
    mean = (80 * change.mean() - weight) / (80 + weight)
    spread = np.hypot(80 * clustered.se, weight) / (80 + weight)
    expected = scipy_stats.t.sf((mean + margin) / spread, clustered.df)
    assert weight > 2
    assert margin_tests(old + change, old, names, Margin(value=margin)).held == pytest.approx(expected)


def test_one_cluster_is_one_unit():
    found = margin_tests([0.2, 0.9], [0.3, 0.9], ["c", "c"], Margin(value=0.5))
    assert (found.method, found.held) == ("bound", pytest.approx(0.5 / 0.95))


def test_unequal_clusters_are_fewer_units():
    assert independent_units(["a"] * 8 + ["b", "c"], 10) == pytest.approx(100 / 66)


def test_no_spread_without_bounds_is_refused():
    found = margin_tests([0.5] * 3, [0.5] * 3, None, Margin(value=0.1, span=inf))
    assert (found.worse, found.held) == (None, None)
    assert "no bounds" in found.refused


@given(st.integers(1, 300), st.floats(0.01, 0.5), st.floats(-1, 1))
def test_the_bound_s_interval_and_its_tests_agree(n, margin, difference):
    new, old = max(0.0, difference), max(0.0, -difference)
    interval = bounded_interval([new] * n, [old] * n, ["c"] * n, level=0.9, span=1.0)
    found = no_spread_tests(difference, 1, Margin(value=margin))
    assume(min(abs(found.held - 0.05), abs(found.worse - 0.05)) > 1e-6)
    assert (found.held < 0.05) == (interval.low > -margin)
    assert (found.worse < 0.05) == (interval.high < -margin)


def test_an_interval_that_is_there_is_left_as_it_is():
    new, old = [0.1, 0.5, 0.7], [0.3, 0.4, 0.9]
    assert bounded_interval(new, old, None, level=0.9, span=1.0) == difference_interval(new, old, level=0.9)


@pytest.mark.parametrize(
    ("gains", "margin", "n"),
    [(gains, margin, n) for gains in (0.0, 0.01, 0.05, 0.1) for margin in (0.03, 0.05) for n in (90, 148)],
)
def test_share_tests_keep_their_level_at_the_boundary(gains, margin, n):
    """Exact, over every outcome of a trinomial law whose mean is -margin."""
    law = (gains, gains + margin)
    wrong = {"held": 0.0, "worse": 0.0}
    for gained in range(n + 1):
        for lost in range(n + 1 - gained):
            chance = _trinomial(n, (gained, lost), law)
            if chance > 1e-9:
                found = margin_tests(*discordant(gained, lost, n), None, Margin(value=margin))
                for side in wrong:
                    wrong[side] += chance * (getattr(found, side) <= 0.05)
    assert max(wrong.values()) <= 0.06


@pytest.mark.parametrize(("n", "power"), [(100, 0.35), (282, 0.69), (600, 0.93)])
def test_equal_cells_hold_as_often_as_published(n, power):
    """At a discordance of .15 and a margin of .05; how many may be lost of those that differ is found by halving."""
    law = scipy_stats.binom(n, 0.15)
    rate = 0.0
    for differing in range(int(law.ppf(1e-6)), int(law.ppf(1 - 1e-6)) + 1):
        low, high = -1, differing
        while low < high:
            middle = (low + high + 1) // 2
            new, old = discordant(differing - middle, middle, n)
            held = margin_tests(new, old, None, Margin(value=0.05)).held <= 0.05
            low, high = (middle, high) if held else (low, middle - 1)
        rate += law.pmf(differing) * scipy_stats.binom(differing, 0.5).cdf(low)
    assert rate == pytest.approx(power, abs=0.02)


def _trinomial(n, counts, chances):
    (gained, lost), (up, down) = counts, chances
    rest = n - gained - lost
    if up == 0 and gained:
        return 0.0
    logs = gained * (log10(up) if gained else 0) + lost * log10(down) + rest * log10(1 - up - down)
    ways = log10(comb(n, gained)) + log10(comb(n - gained, lost))
    return 10 ** (logs + ways)


def drawn(rng, loss, gain, *, n=282, clusters=0, binary=False):
    """Differences of paired scores: a loss or a gain now and then, of any size or whole, perhaps clustered."""
    own = rng.standard_normal(n)
    codes = np.arange(n) % clusters if clusters else np.arange(n)
    shared = rng.standard_normal(n)[codes]
    hard = scipy_stats.norm.cdf(np.sqrt(0.2) * shared + np.sqrt(0.8) * own)
    size = np.ones(n) if binary else rng.uniform(0.2, 1.0, n)
    new, old = np.where(hard > 1 - gain, size, 0.0), np.where(hard < loss, size, 0.0)
    return new, old, [f"c{code}" for code in codes]


CASES = {
    "dense scores": ({"loss": 0.05 / 0.6 + 0.1, "gain": 0.1, "n": 100}),
    "rare losses": ({"loss": 0.05 / 0.6 + 0.01, "gain": 0.01, "n": 100}),
    "only losses": ({"loss": 0.05 / 0.6, "gain": 0.0, "n": 60}),
    "clustered": ({"loss": 0.125, "gain": 0.075, "clusters": 48, "binary": True}),
    "clustered, rare": ({"loss": 0.06, "gain": 0.01, "clusters": 48, "binary": True}),
}


@pytest.mark.parametrize("name", CASES)
def test_other_tests_keep_their_level_at_the_boundary(name):
    """2,000 seeded replications with a true difference of -.05: the standard error of a rate of .05 is .005."""
    rng = np.random.default_rng(4)
    found = [margin_tests(*drawn(rng, **CASES[name]), Margin(value=0.05)) for _ in range(2000)]
    assert np.mean([test.held <= 0.05 for test in found]) <= 0.06
    assert np.mean([test.worse <= 0.05 for test in found]) <= 0.06


def test_the_power_is_the_rate_at_which_equal_cells_hold():
    rng = np.random.default_rng(5)
    runs = [drawn(rng, 0.15, 0.15, n=100) for _ in range(1000)]
    held = np.mean([margin_tests(*run, Margin(value=0.1)).held <= 0.05 for run in runs])
    told = np.mean([margin_power(*run, Margin(value=0.1), alpha=0.05).power for run in runs])
    assert told == pytest.approx(held, abs=0.05)


def test_the_questions_needed_are_the_published_ones():
    power = margin_power(*discordant(75, 75, 1000), None, Margin(value=0.05), alpha=0.05)
    assert power.n_needed == 371


def test_an_unseen_loss_asks_for_more_questions():
    new, old, _ = drawn(np.random.default_rng(1), 0.1, 0.1)
    bounded, unbounded = (
        margin_power(new, old, None, Margin(value=0.05, span=span), alpha=0.05).n_needed for span in (1.0, inf)
    )
    assert bounded > unbounded


def test_the_questions_needed_reach_the_power_aimed_at():
    rng = np.random.default_rng(6)
    new, old, _ = drawn(rng, 0.2, 0.2, n=400)
    needed = margin_power(new, old, None, Margin(value=0.06), alpha=0.05).n_needed
    again = rng.integers(0, 400, needed)
    power = margin_power(new[again], old[again], None, Margin(value=0.06), alpha=0.05).power
    assert power == pytest.approx(0.80, abs=0.06)


@pytest.mark.parametrize("value", [0.5, 0.0])
def test_equal_answers_need_as_many_questions_as_rule_out_a_loss(value):
    power = margin_power([value] * 10, [value] * 10, None, Margin(value=0.03), alpha=0.05)
    assert (power.power, power.n_needed) == (None, 99)


@pytest.mark.parametrize(
    ("margin", "word"),
    [(Margin(value=0.0), "above 0"), (Margin(value=1e-200), "too small"), (Margin(value=0.1, span=inf), "spread")],
)
def test_why_no_number_of_questions_is_told(margin, word):
    scores = ([0.5, 0.5], [0.5, 0.5]) if margin.span == inf else ([0.1, 0.9], [0.3, 0.4])
    power = margin_power(*scores, None, margin, alpha=0.05)
    assert power.n_needed is None
    assert word in power.n_reason


@pytest.mark.parametrize("value", [-0.1, 1.0, float("nan"), inf])
def test_a_margin_fits_its_scale(value):
    with pytest.raises(ValueError, match="a margin is at least 0"):
        Margin(value=value)


def test_pairs_are_pairs():
    with pytest.raises(ValueError, match="a pair is two answers"):
        margin_tests([1.0], [1.0, 0.0], None, Margin(value=0.1))


def test_there_is_at_least_one_unit():
    with pytest.raises(ValueError, match="at least 1 unit"):
        no_spread_tests(0.0, 0, Margin(value=0.1))
