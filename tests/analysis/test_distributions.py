"""Quantiles against scipy, and generators that depend on names alone."""

import sys
from collections.abc import Callable

import pytest
from scipy import stats

from harness.analysis.distributions import (
    fair_binomial_cdf,
    generator,
    normal_quantile,
    t_quantile,
    t_two_sided_p,
)
from harness.errors import MissingExtra


def test_quantiles_are_scipys() -> None:
    assert normal_quantile(0.975) == pytest.approx(stats.norm.ppf(0.975))
    assert t_quantile(0.975, 7.3) == pytest.approx(stats.t.ppf(0.975, 7.3))


def test_tails_are_scipys() -> None:
    assert t_two_sided_p(-2.1, 7.3) == pytest.approx(2 * stats.t.sf(2.1, 7.3))
    assert fair_binomial_cdf(4, 13) == pytest.approx(stats.binom.cdf(4, 13, 0.5))


def test_no_success_is_below_zero() -> None:
    assert fair_binomial_cdf(-1, 3) == 0


def test_a_generator_repeats_and_hangs_on_every_name() -> None:
    draws = {generator(seed, *names).integers(1 << 62) for seed, *names in [(0, "a", "b"), (0, "ab"), (1, "a", "b")]}
    assert len(draws) == 3
    assert generator(0, "a", "b").integers(1 << 62) in draws


@pytest.mark.parametrize(
    "call", [lambda: t_quantile(0.9, 3), lambda: t_two_sided_p(1, 3), lambda: fair_binomial_cdf(1, 3)]
)
def test_without_scipy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, call: Callable[[], float]) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(MissingExtra, match=r"the report needs scipy.*pytest-scaling\[report\]"):
        call()
