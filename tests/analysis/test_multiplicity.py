"""Adjusted p-values: their laws, and a known example."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from harness.analysis.multiplicity import adjust, benjamini_hochberg, holm

FAMILIES = st.lists(st.floats(1e-12, 1.0), min_size=1, max_size=30)
METHODS = pytest.mark.parametrize("method", [holm, benjamini_hochberg])


@METHODS
@given(family=FAMILIES)
def test_adjusting_raises_every_p_and_keeps_their_order(method: object, family: list[float]) -> None:
    adjusted = method(family)
    assert all(raw <= p <= 1 for raw, p in zip(family, adjusted, strict=True))
    ranked = [p for _, p in sorted(zip(family, adjusted, strict=True))]
    assert ranked == sorted(ranked)


@METHODS
@given(family=FAMILIES, order=st.randoms(use_true_random=False))
def test_the_order_of_the_family_changes_nothing(method: object, family: list[float], order: object) -> None:
    places = list(range(len(family)))
    order.shuffle(places)
    adjusted = method(family)
    assert method([family[place] for place in places]) == [adjusted[place] for place in places]


@given(FAMILIES)
def test_false_discoveries_agree_with_an_independent_computation(family: list[float]) -> None:
    assert benjamini_hochberg(family) == pytest.approx(list(false_discovery_control(family)))


@given(FAMILIES)
def test_holm_is_at_least_as_strict_as_false_discovery(family: list[float]) -> None:
    pairs = zip(holm(family), benjamini_hochberg(family), strict=True)
    assert all(strict >= loose * (1 - 1e-12) for strict, loose in pairs)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_false_discovery_by_hand() -> None:
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])


@METHODS
def test_no_comparison_is_no_family(method: object) -> None:
    assert method([]) == []


def test_what_has_no_p_value_is_in_no_family() -> None:
    first, none, last = adjust([0.01, None, 0.5], exploratory=False)
    assert none is None
    assert (first.p, first.size, last.p) == (0.02, 2, 0.5)


@pytest.mark.parametrize(("exploratory", "name"), [(False, "Holm"), (True, "Benjamini-Hochberg")])
def test_the_declared_family_is_held_more_strictly(exploratory: bool, name: str) -> None:
    (found,) = adjust([0.2], exploratory=exploratory)
    assert (found.method, found.exploratory) == (name, exploratory)
