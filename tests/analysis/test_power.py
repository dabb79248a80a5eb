"""Power of a paired comparison: the declared numbers, the laws, and exact enumeration with Tango's interval."""

from math import isclose, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from harness.analysis.paired import tango_statistic
from harness.analysis.power import PairedDesign, detectable_effect, noninferiority_power, paired_design

designs = st.builds(
    PairedDesign, n=st.integers(1, 10_000), discordance=st.floats(0.01, 1), design_effect=st.floats(1, 10)
)


def chance_shown(n: int, p_only_a: float, p_only_b: float, margin: float) -> float:
    """P(lower 90 % Tango bound > -margin), summed over all tables: the bound is above -margin iff T(-margin) > z."""
    z = stats.norm.ppf(0.95)
    pairs = np.arange(n + 1)
    both = stats.binom.pmf(pairs, n, p_only_a + p_only_b)
    total = 0.0
    for discordant in pairs[both > 1e-7]:
        weights = stats.binom.pmf(np.arange(discordant + 1), discordant, p_only_a / (p_only_a + p_only_b))
        shown = [tango_statistic(int(b), int(discordant - b), n, -margin) > z for b in range(discordant + 1)]
        total += both[discordant] * float(weights @ shown)
    return total


@pytest.mark.parametrize(("n", "expected"), [(100, 0.35), (282, 0.69), (600, 0.93)])
def test_tango_shows_non_inferiority_as_often_as_declared(n: int, expected: float) -> None:
    assert chance_shown(n, 0.075, 0.075, 0.05) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("n", [100, 282, 600])
def test_at_the_margin_tango_is_wrong_at_most_six_times_in_a_hundred(n: int) -> None:
    assert chance_shown(n, 0.05, 0.10, 0.05) <= 0.06


@pytest.mark.parametrize("n", [282, 600])
def test_the_power_formula_agrees_with_the_enumeration(n: int) -> None:
    found = noninferiority_power(PairedDesign(n=n, discordance=0.15), margin=0.05)
    assert found.power == pytest.approx(chance_shown(n, 0.075, 0.075, 0.05), abs=0.02)


def test_the_declared_margin_needs_371_questions() -> None:
    assert noninferiority_power(PairedDesign(n=100, discordance=0.15), margin=0.05).n_needed == 371


@given(designs, st.floats(0.01, 0.5), st.floats(0.5, 0.99))
def test_the_questions_needed_are_the_fewest_that_reach_the_power(
    design: PairedDesign, margin: float, power: float
) -> None:
    needed = noninferiority_power(design, margin=margin, power=power).n_needed

    def reached(n: int) -> float:
        at = PairedDesign(n=n, discordance=design.discordance, design_effect=design.design_effect)
        return noninferiority_power(at, margin=margin).power

    assert reached(needed) >= power - 1e-9
    assert needed == 1 or reached(needed - 1) < power + 1e-9


@given(designs, st.floats(0.001, 1))
def test_at_the_margin_the_power_is_alpha(design: PairedDesign, margin: float) -> None:
    difference = -min(margin, 0.9 * sqrt(design.discordance))
    found = noninferiority_power(design, margin=-difference, true_difference=difference)
    assert found.power == pytest.approx(0.05)
    assert found.n_needed is None
    assert "no number of questions" in found.n_reason


@given(designs, st.floats(0.5, 0.999), st.floats(0.05, 0.99))
def test_the_detectable_effect_solves_its_equation(design: PairedDesign, level: float, power: float) -> None:
    k = (stats.norm.ppf((1 + level) / 2) + stats.norm.ppf(power)) * sqrt(design.design_effect / design.n)
    effect = detectable_effect(design, level=level, power=power).effect
    top = sqrt(design.discordance)

    def gap(x: float) -> float:
        return x - k * sqrt(max(0.0, design.discordance - x**2))

    found = optimize.brentq(gap, -top if k < 0 else 0, top, xtol=1e-14) if k >= 0 else effect
    assert effect == pytest.approx(found, abs=1e-7)


def test_the_detectable_effect_is_close_to_the_rule_of_thumb() -> None:
    effect = detectable_effect(PairedDesign(n=5000, discordance=0.15)).effect
    assert effect == pytest.approx(2.80 * sqrt(0.15 / 5000), rel=0.002)


def test_without_discordance_there_is_a_reason_and_no_number() -> None:
    design = PairedDesign(n=40, discordance=0.0)
    effect, power = detectable_effect(design), noninferiority_power(design, margin=0.05)
    assert (effect.effect, power.power, power.n_needed) == (None, None, None)
    assert "do not spread" in effect.reason
    assert effect.reason == power.reason == power.n_reason


@pytest.mark.parametrize("margin", [0.0, -0.1, float("nan"), float("inf")])
def test_an_impossible_margin_is_refused(margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        noninferiority_power(PairedDesign(n=10, discordance=0.2), margin=margin)


def test_a_true_difference_narrows_the_variance_and_widens_the_distance() -> None:
    """(1.645 + .842)^2 (.15 - .1^2) / (.05 + .1)^2 = 38.5, by hand."""
    found = noninferiority_power(PairedDesign(n=100, discordance=0.15), margin=0.05, true_difference=0.1)
    assert found.n_needed == 39
    assert found.power == pytest.approx(stats.norm.cdf(0.15 / sqrt(0.14 / 100) - stats.norm.ppf(0.95)))


def test_a_margin_too_small_for_arithmetic_has_a_reason() -> None:
    found = noninferiority_power(PairedDesign(n=10, discordance=0.2), margin=1e-170)
    assert found.n_needed is None
    assert "too small" in found.n_reason


def test_a_difference_beyond_the_discordance_is_refused() -> None:
    with pytest.raises(ValueError, match="discordance"):
        noninferiority_power(PairedDesign(n=10, discordance=0.01), margin=0.05, true_difference=0.2)


@pytest.mark.parametrize(
    "design",
    [
        PairedDesign(n=0, discordance=0.1),
        PairedDesign(n=5, discordance=-0.1),
        PairedDesign(n=5, discordance=float("nan")),
        PairedDesign(n=5, discordance=0.1, design_effect=0.0),
    ],
)
def test_an_impossible_design_is_refused(design: PairedDesign) -> None:
    with pytest.raises(ValueError, match="no paired design"):
        detectable_effect(design)


def test_the_design_counts_discordant_questions() -> None:
    found = paired_design([1, 1, 0, 0, 1], [0, 1, 1, 0, 1])
    assert found == PairedDesign(n=5, discordance=0.4, design_effect=1.0)


def test_copies_within_clusters_inflate_the_design() -> None:
    a, b = [1, 0, 1, 0] * 8, [0, 0, 1, 1] * 8
    found = paired_design(a, b, [str(place % 4) for place in range(32)])
    assert isclose(found.design_effect, 31 / 3, rel_tol=1e-9)


def test_one_cluster_has_no_design_effect_to_see() -> None:
    assert paired_design([1, 0], [0, 0], ["a", "a"]).design_effect == 1.0


def test_a_design_needs_pairs() -> None:
    with pytest.raises(ValueError, match="1 scores against 2"):
        paired_design([1], [0, 1])
