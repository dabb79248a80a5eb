"""Names, aliases, globs and tiers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UnknownName
from harness.registry.catalog import Catalog, find_hardware, find_model, load_catalog, match_models, tier

CATALOG = load_catalog()
NAMES = [name for model in CATALOG.models for name in (model.name, *model.aliases)]
PATTERNS = st.sampled_from([*NAMES, "qwen*", "*7b", "gemma-2-?b", "*", "QWEN*", "[gm]*"])


def _names(catalog: Catalog, *patterns: str) -> list[str]:
    return [model.name for model in match_models(catalog, patterns)]


@given(st.sampled_from(NAMES), st.lists(st.booleans(), min_size=30, max_size=30))
def test_case_makes_no_difference(name: str, upper: list[bool]) -> None:
    mixed = "".join(char.upper() if up else char for char, up in zip(name, upper, strict=False))
    assert find_model(CATALOG, mixed) == find_model(CATALOG, name)


@given(st.lists(PATTERNS))
def test_matching_gives_each_model_once(patterns: list[str]) -> None:
    names = _names(CATALOG, *patterns)
    assert len(names) == len(set(names))


@given(st.lists(PATTERNS), st.lists(PATTERNS))
def test_matching_keeps_the_order_of_the_patterns(first: list[str], then: list[str]) -> None:
    both, start = _names(CATALOG, *first, *then), _names(CATALOG, *first)
    assert both[: len(start)] == start


@given(st.lists(PATTERNS, unique=True))
def test_matching_a_pattern_twice_changes_nothing(patterns: list[str]) -> None:
    assert _names(CATALOG, *patterns, *patterns) == _names(CATALOG, *patterns)


def test_an_alias_and_its_model_are_one() -> None:
    assert _names(CATALOG, "qwen7b", "qwen2.5-7b") == ["qwen2.5-7b"]


def test_a_star_is_everything_in_order() -> None:
    assert _names(CATALOG, "*") == [model.name for model in CATALOG.models]


def test_a_glob_looks_at_aliases_too() -> None:
    assert _names(CATALOG, "phi3*") == ["phi-3.5-mini"]


def test_no_patterns_are_no_models() -> None:
    assert match_models(CATALOG, []) == ()


@pytest.mark.parametrize("pattern", ["falcon*", "qwen9b", ""])
def test_a_pattern_without_a_model_is_refused(pattern: str) -> None:
    with pytest.raises(UnknownName, match="unknown model"):
        match_models(CATALOG, ["qwen7b", pattern])


def test_an_unknown_model_gets_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match=r"'qwen7': did you mean 'qwen7b'"):
        find_model(CATALOG, "qwen7")


def test_hardware_is_found_in_any_case() -> None:
    assert find_hardware(CATALOG, "L4_ADA").name == "l4_ada"


def test_unknown_hardware_gets_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match=r"unknown hardware 'local_4080': did you mean 'local_4090'"):
        find_hardware(CATALOG, "local_4080")


@pytest.mark.parametrize(
    ("params_b", "expected"),
    [
        (0.1, "tiny"),
        (2.61, "tiny"),
        (2.7, "small"),
        (3.82, "small"),
        (5, "medium"),
        (9.24, "medium"),
        (12, "large"),
        (70, "large"),
    ],
)
def test_tiers_begin_at_their_threshold(params_b: float, expected: str) -> None:
    assert tier(params_b) == expected


def test_an_unknown_size_has_no_tier() -> None:
    assert tier(None) is None


def test_thresholds_can_be_set() -> None:
    assert tier(3, (1, 2, 3)) == "large"


@pytest.mark.parametrize("thresholds", [(1, 1, 2), (3, 2, 1)])
def test_thresholds_must_rise(thresholds: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="must rise"):
        tier(1, thresholds)
