"""Colours that can be read and told apart, and styles that stay with their condition."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.figures.theme import (
    DASHES,
    FIXED,
    HUES,
    PLAIN,
    ROLES,
    SHAPES,
    STEPS,
    condition_styles,
    family_colours,
    light,
    step_colours,
    stylesheet,
    themed,
)

LEAST_APART = 18.0  # CIELAB units
# Machado, Oliveira and Fernandes 2009, full severity, on linear RGB
CONES = {
    "all cones": np.eye(3),
    "no red cone": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "no green cone": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "no blue cone": np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
}
NAMES = st.text(alphabet="abcdefg-+@4", min_size=1, max_size=8)


def linear(colour: str) -> np.ndarray:
    channels = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    dark, bright = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (a, b))
    return (bright + 0.05) / (dark + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = matrix @ np.clip(rgb, 0, 1) / np.array([0.95047, 1, 1.08883])
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("hue", sorted(HUES))
def test_marks_stand_out_from_the_paper(hue: str, side: int) -> None:
    assert contrast(HUES[hue][side], PLAIN["paper"][side]) >= 3


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("role", ["ink", "muted"])
def test_text_can_be_read(role: str, side: int) -> None:
    assert contrast(PLAIN[role][side], PLAIN["paper"][side]) >= 4.5


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.2, 0.4, 0.6, 0.7, 0.9, 1.0])
def test_numbers_can_be_read_on_their_tile(share: float, side: int) -> None:
    of_light = {pair[0]: pair for pair in ROLES.values()}
    fill, ink = step_colours(share)
    assert contrast(of_light[fill][side], of_light[ink][side]) >= 4.5


@pytest.mark.parametrize("cones", sorted(CONES))
@pytest.mark.parametrize("side", [0, 1])
def test_hues_can_be_told_apart_without_one_kind_of_cone(side: int, cones: str) -> None:
    seen = {hue: lab(CONES[cones] @ linear(pair[side])) for hue, pair in HUES.items()}
    least = min((float(np.linalg.norm(seen[a] - seen[b])), a, b) for a, b in combinations(seen, 2))
    assert least[0] >= LEAST_APART, least


def test_every_role_has_a_light_colour_of_its_own() -> None:
    assert len({pair[0] for pair in ROLES.values()}) == len(ROLES)


def test_steps_rise_with_the_share() -> None:
    fills = [step_colours(share)[0] for share in np.linspace(0, 1, 50)]
    assert list(dict.fromkeys(fills)) == [pair[0] for pair in STEPS.values()]


@given(st.lists(NAMES, max_size=12))
def test_a_named_condition_looks_the_same_in_every_run(others: list[str]) -> None:
    alone = {name: condition_styles([name])[name] for name in FIXED}
    together = condition_styles([*others, *FIXED])
    assert {name: together[name] for name in FIXED} == alone


@given(st.lists(st.one_of(NAMES, st.sampled_from(FIXED)), max_size=8, unique=True))
def test_up_to_eight_conditions_differ_in_colour_shape_and_dash(names: list[str]) -> None:
    styles = condition_styles(names)
    assert len({style.colour for style in styles.values()}) == len(names)
    assert len({style.shape for style in styles.values()}) == len(names)
    assert len({style.dash for style in styles.values()}) == len(names)


def test_more_conditions_than_hues_begin_again() -> None:
    styles = condition_styles([*FIXED, "ninth", "tenth"])
    assert styles["ninth"].colour == HUES["blue"][0]


def test_there_are_as_many_shapes_and_dashes_as_hues() -> None:
    assert len(set(SHAPES)) == len(set(DASHES)) == len(HUES)


def test_families_have_colours_by_name_and_an_unknown_one_is_grey() -> None:
    found = family_colours(["b", "a", None, "a"])
    assert found["a"] == HUES["blue"][0]
    assert found["b"] == HUES["orange"][0]
    assert found[None] == light("flat")


@pytest.mark.parametrize(
    ("theme", "shown"), [("light", "#064e9b"), ("dark", "#64a4e5"), ("page", "var(--figure-blue,#064e9b)")]
)
def test_a_colour_of_the_light_theme_is_exchanged(theme: str, shown: str) -> None:
    assert themed("#064E9B" if theme != "light" else "#064e9b", theme).lower() == shown


def test_another_colour_stays() -> None:
    assert themed("none", "dark") == "none"


def test_the_page_gets_a_value_for_every_role_in_both_themes() -> None:
    styles = stylesheet()
    assert all(styles.count(f"--figure-{role}:") == 4 for role in ROLES)
