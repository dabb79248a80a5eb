"""Rendered SVG made fit for a page."""

import re
from xml.etree import ElementTree as ET

import pytest

from harness.report.figures.figure import Figure
from harness.report.figures.svg import SVG, page_svg
from harness.report.figures.theme import ROLES, light

ALT = 'All is <well> & "good"'
DRAWN = (
    f'<svg xmlns="{SVG}" class="marks" width="100" height="50" viewBox="0 0 100 50">'
    f'<rect width="100" height="50" fill="{light("paper")}"/>'
    '<g fill="none" stroke-miterlimit="10" transform="translate(4.123456,5)">'
    '<g class="role-frame" role="graphics-object">'
    '<g transform="translate(0,0)"><path class="background" aria-hidden="true" d="M0,0h0v0h0Z"/>'
    '<g clip-path="url(#clip7)"><path aria-label="tiny: 62 %" role="graphics-symbol" d="M1.23456,0h3" '
    f'fill="{light("blue")}" opacity="1"/><path d="M1,0h3" fill="{light("blue")}" stroke="{light("hatch")}"/></g>'
    f'<path d="M0,0h9" fill="{light("hatch")}" stroke="{light("muted")}"/>'
    '<text text-anchor="start" font-family="sans-serif" fill="#1f2328" aria-label="the full name">fill="#064e9b"</text>'
    '</g></g></g><defs><clipPath id="clip7"><rect x="0" y="0" width="9" height="9"/></clipPath></defs></svg>'
)


@pytest.fixture
def figure() -> Figure:
    return Figure(stem="stem", title="t", alt=ALT, caption="c", spec={}, width=360)


def parsed(figure: Figure, theme: str = "page") -> ET.Element:
    return ET.fromstring(page_svg(DRAWN, figure, theme))  # noqa: S314 - our own text


def test_the_picture_is_named_by_its_finding(figure: Figure) -> None:
    root = parsed(figure)
    assert (root.get("role"), root.get("aria-label")) == ("img", ALT)


def test_on_a_page_it_has_proportions_but_no_size_and_no_paper(figure: Figure) -> None:
    root = parsed(figure)
    assert (root.get("viewBox"), root.get("width")) == ("0 0 100 50", None)
    assert root.find(f"{{{SVG}}}rect") is None


@pytest.mark.parametrize(("theme", "paper"), [("light", "#ffffff"), ("dark", ROLES["paper"][1])])
def test_alone_it_has_a_size_and_paper(figure: Figure, theme: str, paper: str) -> None:
    root = parsed(figure, theme)
    assert (root.get("width"), root.find(f"{{{SVG}}}rect").get("fill")) == ("100", paper)


def test_descriptions_become_tooltips(figure: Figure) -> None:
    titles = [title.text for title in parsed(figure).iter(f"{{{SVG}}}title")]
    assert titles == ["tiny: 62 %", "the full name"]


def test_text_stays_text_even_where_it_looks_like_a_colour(figure: Figure) -> None:
    text = next(parsed(figure).iter(f"{{{SVG}}}text"))
    assert "".join(text.itertext()) == 'the full namefill="#064e9b"'


def test_ids_are_the_figures_own_and_still_lead_somewhere(figure: Figure) -> None:
    drawn = page_svg(DRAWN, figure, "page")
    ids = re.findall(r' id="([^"]+)"', drawn)
    assert all(name.startswith("stem-360-") for name in ids)
    assert set(re.findall(r"url\(#([^)]+)\)", drawn)) == set(ids)


def test_ids_do_not_hang_on_what_was_drawn_before(figure: Figure) -> None:
    assert page_svg(DRAWN, figure, "page") == page_svg(DRAWN.replace("clip7", "clip812"), figure, "page")


def test_a_hatched_shape_gets_lines_in_the_colour_of_its_rim(figure: Figure) -> None:
    pattern = next(parsed(figure, "light").iter(f"{{{SVG}}}pattern"))
    assert pattern[0].get("stroke") == light("muted")


def test_every_colour_is_of_the_theme(figure: Figure) -> None:
    drawn = page_svg(DRAWN, figure, "dark").split("<text")[0]
    assert not [pair[0] for pair in ROLES.values() if f'"{pair[0]}"' in drawn]


def test_nothing_of_the_renderers_own_is_left(figure: Figure) -> None:
    drawn = page_svg(DRAWN, figure, "page")
    assert not re.search(r"graphics-|aria-hidden|role-frame|sans-serif\" fill|4\.123456|background", drawn)


def test_what_all_shapes_of_a_group_say_stands_at_the_group(figure: Figure) -> None:
    clipped = next(one for one in parsed(figure, "light").iter(f"{{{SVG}}}g") if one.get("clip-path"))
    assert clipped.get("fill") == light("blue")
    assert not [child for child in clipped if child.get("fill")]


def test_what_is_no_svg_is_refused(figure: Figure) -> None:
    with pytest.raises(ValueError, match="no SVG"):
        page_svg("<svg", figure, "page")
