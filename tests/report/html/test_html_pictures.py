"""SVG inside a page: nothing in it acts, loads or styles, and its ids are its own."""

import pytest

from harness.errors import HarnessError
from harness.report.html.pictures import inlined

START = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9">'


def svg(inside: str) -> str:
    return inlined("stem", f"{START}{inside}</svg>", "It rises.").svg


@pytest.mark.parametrize(
    "inside",
    [
        "<script>x()</script>",
        "<g><g><script>x()</script></g></g>",
        "<style>text{fill:red}</style>",
        "<foreignObject><b>x</b></foreignObject>",
        '<rect onclick="x()"/>',
        '<image href="https://example.org/a.png"/>',
        '<image xlink:href="//example.org/a.png"/>',
        '<rect fill="url(https://example.org/#a)"/>',
        '<rect style="fill:url(https://example.org/a)"/>',
        '<a xlink:href="javascript:x()"><text>x</text></a>',
    ],
)
def test_what_acts_or_loads_is_taken_out(inside: str) -> None:
    found = svg(inside)
    assert not [word for word in ("script", "style", "foreign", "onclick", "example.org", "x()") if word in found]


def test_ids_and_references_are_led_by_the_stem() -> None:
    found = svg('<clipPath id="c1"><rect/></clipPath><g clip-path="url(#c1)"><use xlink:href="#c1"/></g>')
    assert ('id="stem-c1"' in found, "url(#stem-c1)" in found, 'href="#stem-c1"' in found) == (True, True, True)


def test_a_style_becomes_a_rule() -> None:
    found = inlined("stem", f'{START}<text style="white-space:pre">a</text></svg>', "It rises.")
    marks = [mark for mark, look in found.rules.items() if look == "white-space:pre"]
    assert [f'data-look="{mark}"' in found.svg for mark in marks] == [True]


@pytest.mark.parametrize(("view", "bound"), [("0 0 490 483", "588px"), ("0 0 100.5 20", "120.6px")])
def test_a_small_picture_is_not_drawn_as_wide_as_the_page(view: str, bound: str) -> None:
    found = inlined("stem", f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view}"></svg>', "It rises.")
    assert list(found.rules.values()) == [f"max-width:{bound}"]


def test_a_picture_without_a_size_has_no_bound() -> None:
    assert inlined("stem", '<svg xmlns="http://www.w3.org/2000/svg"></svg>', "It rises.").rules == {}


def test_a_rule_cannot_end_the_style_element() -> None:
    found = inlined("stem", f'{START}<text style="a:b}}&lt;/style>">a</text></svg>', "It rises.")
    assert not set("}<") & set("".join(found.rules.values()))


def test_the_picture_is_named_by_its_alt_text() -> None:
    found = inlined("stem", f"{START}</svg>", 'a "quoted" <name>').svg
    assert 'role="img" aria-label="a &quot;quoted&quot; &lt;name&gt;"' in found


def test_colours_and_data_images_stay() -> None:
    found = svg('<rect fill="#064e9b"/><image href="data:image/png;base64,AA=="/><text>a</text>')
    assert ('fill="#064e9b"' in found, "data:image/png" in found, "<text>a</text>" in found) == (True, True, True)


def test_text_that_is_no_svg_is_refused_in_one_line() -> None:
    with pytest.raises(HarnessError, match=r"^figure 'stem' is no well-formed SVG .*: draw it again$"):
        inlined("stem", "<svg", "It rises.")
