"""One look for all figures: colours that colour-blind readers can tell apart, in a light and a dark theme.

A specification holds the light colours only. Every role has a light colour of its own, so a rendered figure is turned
dark, or made to follow the page by CSS custom properties, by exchanging colours: one SVG serves both themes, which
halves what a page has to hold.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from harness.analysis.six_conditions import CONDITIONS

Theme = Literal["light", "dark", "page"]

FONT = "Arial, Helvetica, 'Liberation Sans', sans-serif"
FONT_SIZE = 12
SMALL = 11

# (light, dark); each differs by at least 20 CIELAB units from the others as seen with any one kind of cone missing
HUES: Mapping[str, tuple[str, str]] = {
    "blue": ("#064e9b", "#64a4e5"),
    "orange": ("#a72d00", "#e2a13b"),
    "green": ("#00a261", "#25f9a6"),
    "pink": ("#c56da1", "#b79bab"),
    "olive": ("#979000", "#fffc36"),
    "plum": ("#471f45", "#ccffff"),
    "violet": ("#6b00d0", "#8a6cff"),
    "maroon": ("#5b000d", "#ce5853"),
}
STEPS: Mapping[str, tuple[str, str]] = {
    "step-0": ("#f1f5fb", "#1b2530"),
    "step-1": ("#d3e1f2", "#22384e"),
    "step-2": ("#abc6e6", "#2b4f74"),
    "step-3": ("#3f76b5", "#8db6e3"),
    "step-4": ("#1d5796", "#aecdf0"),
    "step-5": ("#0a3a6e", "#d3e6fb"),
}
PLAIN: Mapping[str, tuple[str, str]] = {
    "paper": ("#ffffff", "#15181d"),
    "ink": ("#1f2328", "#e6e8eb"),
    "muted": ("#57606a", "#a8b1bb"),
    "axis": ("#868e97", "#727a83"),
    "grid": ("#e4e7ea", "#2e333a"),
    "flat": ("#767e87", "#8b939c"),
    "on-low": ("#20242a", "#e4e6e9"),
    "on-high": ("#fefefe", "#10131a"),
    "hatch": ("#fdfdfc", "#15181c"),
}
ROLES: Mapping[str, tuple[str, str]] = {**PLAIN, **HUES, **STEPS}
DARK_STEPS_FROM = 3  # on these the text changes sides
SHAPES = ("circle", "diamond", "triangle-up", "square", "triangle-down", "cross", "triangle-right", "triangle-left")
DASHES: tuple[tuple[int, ...], ...] = ((), (6, 3), (2, 2), (8, 3, 2, 3), (4, 4), (10, 3), (1, 3), (6, 2, 2, 2))
FIXED = (*CONDITIONS, "oracle", "distractor")
LOCAL_SHAPE, HOSTED_SHAPE = "square", "circle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How a series is drawn: a colour of the light theme, and a shape and a dash that tell it without colour."""

    colour: str
    shape: str
    dash: tuple[int, ...] = ()


def light(role: str) -> str:
    """The colour of a role in specifications."""
    return ROLES[role][0]


def step_colours(share: float) -> tuple[str, str]:
    """The fill of a matrix cell for a share in [0, 1], and the colour of text on it."""
    step = min(len(STEPS) - 1, max(0, int(share * len(STEPS))))
    return light(f"step-{step}"), light("on-high" if step >= DARK_STEPS_FROM else "on-low")


def condition_styles(conditions: Iterable[str]) -> Mapping[str, Style]:
    """The style of each condition: the named ones always look the same, any other takes the next that is free."""
    wanted = list(dict.fromkeys(conditions))
    free = [place for place in range(len(HUES)) if place >= len(FIXED) or FIXED[place] not in wanted]
    others = [name for name in wanted if name not in FIXED]
    places = {name: FIXED.index(name) for name in wanted if name in FIXED}
    for number, name in enumerate(others):
        places[name] = free[number % len(free)] if free else number
    return {name: _style(places[name]) for name in wanted}


def family_colours(families: Iterable[str | None]) -> Mapping[str | None, str]:
    """The colour of each family of models, by the order of their names; an unknown family is grey.

    After eight families the colours begin again: every point of such a figure is named as well.
    """
    named = sorted({family for family in families if family})
    hues = list(HUES)
    found: dict[str | None, str] = {name: light(hues[place % len(hues)]) for place, name in enumerate(named)}
    return found | {None: light("flat"), "": light("flat")}


def themed(colour: str, theme: Theme) -> str:
    """A light colour as the theme shows it; on a page `var(--figure-ROLE, LIGHT)`. Other colours stay as they are."""
    role = _ROLE_OF.get(colour.lower())
    if role is None or theme == "light":
        return colour
    return ROLES[role][1] if theme == "dark" else f"var(--figure-{role},{colour})"


def stylesheet() -> str:
    """The custom properties that figures of the theme "page" refer to.

    Dark where the reader's system asks for it, unless the root element says `data-theme="light"`, and wherever it says
    `data-theme="dark"`.
    """
    bright, dark = (_properties(side) for side in (0, 1))
    return (
        f":root{{{bright}}}\n"
        f'@media (prefers-color-scheme:dark){{:root:not([data-theme="light"]){{{dark}}}}}\n'
        f':root[data-theme="dark"]{{{dark}}}\n'
        f"@media print{{:root:root{{{bright}}}}}\n"
        "svg.figure{display:block;width:100%;height:auto}\n"
        "svg.figure text{pointer-events:none}\n"  # a number on a mark leaves the mark its tooltip
    )


def _properties(side: int) -> str:
    return ";".join(f"--figure-{role}:{pair[side]}" for role, pair in ROLES.items())


def _style(place: int) -> Style:
    hues = list(HUES)
    return Style(
        colour=light(hues[place % len(hues)]), shape=SHAPES[place % len(SHAPES)], dash=DASHES[place % len(DASHES)]
    )


_ROLE_OF = {pair[0]: role for role, pair in ROLES.items()}
