"""index.html as text: whole, escaped, the same each time, and closed to the outside."""

import base64
import re
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from harness.report.html.page import ROWS_MOST, page
from harness.report.html.pictures import Picture
from harness.report.sections import Report, Section, Table
from tests.report.html.made_up_pages import (
    GENERATED,
    HOSTILE,
    SVG,
    hostile_run,
    small_explorer,
    small_page,
    small_pictures,
    small_report,
    small_run,
)

AA = 4.5
TEXT_COLOURS = ("ink", "soft", "link", "good", "bad", "pale")
UNPAIRED = {"meta", "link", "img", "br", "input", "hr"}


class Outline(HTMLParser):
    """Elements with their attributes, the visible text, and what the document lacks of being well-formed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in UNPAIRED:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def html() -> str:
    return small_page()


@pytest.fixture(scope="module")
def hostile() -> str:
    names = [text + " m" for text in HOSTILE]
    report = small_report(names)
    sections = [replace(section, title=section.title, notes=HOSTILE) for section in report.sections]
    pictures = {"key_figure": Picture(svg=SVG, alt=HOSTILE[0], caption=HOSTILE[0])}
    whole = replace(report, title=HOSTILE[0], lead=HOSTILE[1], sections=tuple(sections), notes=HOSTILE)
    return page(whole, pictures, small_explorer(hostile_run()), generated=HOSTILE[0])


def elements(text: str, tag: str) -> list[dict[str, str | None]]:
    return [attributes for name, attributes in Outline(text).elements if name == tag]


def bare(report: Report) -> str:
    return page(report, {}, None, generated=GENERATED)


def one_section(**fields: object) -> str:
    return bare(Report(title="t", lead="l", sections=(Section(title="First"), Section(title="Second", **fields))))


def hashes(text: str, tag: str) -> list[str]:
    inside = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    return [f"'sha256-{base64.b64encode(sha256(found.encode()).digest()).decode()}'" for found in inside]


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Source: WCAG 2.2, contrast ratio."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_equal_input_gives_equal_bytes(html: str) -> None:
    assert small_page() == html


def test_the_page_is_well_formed(html: str) -> None:
    assert (Outline(html).wrong, Outline(html).open) == ([], [])


def test_a_hostile_page_is_well_formed(hostile: str) -> None:
    assert (Outline(hostile).wrong, Outline(hostile).open) == ([], [])


def test_a_hostile_page_has_no_elements_of_its_texts(hostile: str) -> None:
    assert [tag for tag, attributes in Outline(hostile).elements if tag == "img" or "onerror" in attributes] == []


def test_a_hostile_page_can_be_written(hostile: str) -> None:
    assert hostile.encode("utf-8")


def test_hostile_names_stand_as_text(hostile: str) -> None:
    assert [text for text in (HOSTILE[0], HOSTILE[2], HOSTILE[6]) if text not in Outline(hostile).text] == []


def test_no_template_syntax_of_a_text_is_run(hostile: str) -> None:
    assert "{{ 7 * 7 }}" in Outline(hostile).text


def test_the_policy_names_the_style_and_every_script(html: str) -> None:
    policy = next(meta["content"] for meta in elements(html, "meta") if meta.get("http-equiv"))
    wanted = [*hashes(html, "script"), *hashes(html, "style")]
    assert (len(wanted), [found for found in wanted if found not in str(policy)]) == (3, [])


def test_the_policy_forbids_the_rest(html: str) -> None:
    policy = str(next(meta["content"] for meta in elements(html, "meta") if meta.get("http-equiv")))
    assert ("default-src 'none'" in policy, "unsafe" in policy, "http" in policy) == (True, False, False)


def test_no_element_has_a_style_or_a_handler(html: str) -> None:
    named = [name for _, attributes in Outline(html).elements for name in attributes]
    assert [name for name in named if name == "style" or name.startswith("on")] == []


def test_nothing_points_outside(html: str) -> None:
    pointed = [value for _, found in Outline(html).elements for name, value in found.items() if name in {"href", "src"}]
    assert [value for value in pointed if not str(value).startswith("#")] == []


def test_every_link_has_its_target(html: str) -> None:
    ids = {attributes.get("id") for _, attributes in Outline(html).elements}
    assert [link["href"] for link in elements(html, "a") if str(link["href"])[1:] not in ids] == []


def test_ids_are_unique(html: str) -> None:
    ids = [attributes["id"] for _, attributes in Outline(html).elements if "id" in attributes]
    assert sorted({name for name in ids if ids.count(name) > 1}, key=str) == []


def test_every_picture_is_named(html: str) -> None:
    assert [picture for picture in elements(html, "svg") if not picture.get("aria-label")] == []


def test_every_head_of_a_table_says_its_scope(html: str) -> None:
    assert {head.get("scope") for head in elements(html, "th")} == {"col", "row"}


def test_every_table_has_a_caption(html: str) -> None:
    assert len(elements(html, "caption")) == len(elements(html, "table")) == 3


@pytest.mark.parametrize("landmark", ["header", "nav", "main", "footer"])
def test_there_is_one_of_each_landmark(html: str, landmark: str) -> None:
    assert len(elements(html, landmark)) == 1


def test_the_key_figure_stands_beside_the_verdicts_and_flags(html: str) -> None:
    places = [html.index(mark) for mark in ('id="verdicts"', 'id="flags"', 'id="figure-key_figure"', 'id="wide"')]
    assert places == sorted(places)


def test_a_figure_stands_in_its_section(html: str) -> None:
    assert html.index('id="direct-scaling"') < html.index('id="figure-direct_scaling"') < html.index('id="wide"')


def test_a_figure_of_no_section_is_not_lost(html: str) -> None:
    assert html.index('id="more-figures"') < html.index('id="figure-loose_figure"')


def test_a_picture_for_telephones_stands_beside_the_wide_one() -> None:
    both = replace(small_pictures()["key_figure"], narrow=SVG)
    found = page(small_report(), {"key_figure": both}, None, generated=GENERATED)
    assert ('class="drawing has-narrow"' in found, 'id="key_figure-narrow-clip0"' in found) == (True, True)


def test_a_style_of_a_picture_becomes_a_rule_of_the_page() -> None:
    styled = Picture(svg='<svg style="color:red"></svg>', alt="a", caption="")
    found = page(small_report(), {"key_figure": styled}, None, generated=GENERATED)
    assert ("{color:red}" in found, 'style="' in found) == (True, False)


def test_a_figure_without_a_caption_shows_its_alt_text() -> None:
    found = page(small_report(), {"key_figure": Picture(svg=SVG, alt="It rises.", caption="")}, None, generated="-")
    assert "<figcaption>It rises.</figcaption>" in found


def test_the_first_section_opens_where_none_is_marked() -> None:
    opening = one_section(lines=("second",)).partition('<div class="opening">')[2].partition("\n</div>\n</div>\n")[0]
    assert ('id="first"' in opening, 'id="second"' in opening) == (True, False)


def test_compatible_tables_are_folded_and_named_without_their_fault() -> None:
    table = Table(columns=("model", "x"), rows=(("a", "1"),), caption="Compatible: x. Its fault: y.", compatible=True)
    found = one_section(table=table)
    assert "<summary>Compatible: x (1 rows)</summary>" in found


def test_many_lines_are_folded() -> None:
    found = one_section(lines=tuple(f"line {place}" for place in range(20)))
    assert found.index("line 11") < found.index("<summary>8 more</summary>") < found.index("line 12")


def test_a_long_table_counts_what_it_leaves_out() -> None:
    table = Table(columns=("a",), rows=tuple((str(place),) for place in range(ROWS_MOST + 2)))
    assert "2 more rows in summary.json" in one_section(table=table)


def test_a_column_of_numbers_stands_to_the_right() -> None:
    table = Table(columns=("a", "b"), rows=(("x", "1.5 [1, 2]"), ("y", "-")))
    assert '<td class="number"><bdi>1.5 [1, 2]</bdi></td>' in one_section(table=table)


def test_a_column_of_sentences_does_not() -> None:
    table = Table(columns=("a", "b"), rows=(("x", "1"), ("y", "21 of 120 answers right: cannot be told from chance")))
    assert "<td><bdi>1</bdi></td>" in one_section(table=table)


def test_notes_of_the_first_screen_are_folded() -> None:
    found = bare(Report(title="t", lead="l", sections=(Section(title="First", notes=("Read so.",)),)))
    assert "Read so." in found.partition("<summary>How to read this</summary>")[2].partition("</details>")[0]


def test_compatible_numbers_look_different() -> None:
    table = Table(columns=("a",), rows=(("1",),), caption="as published", compatible=True)
    assert '<div class="table compatible">' in one_section(table=table)


def test_the_explorer_stands_in_the_section_about_questions() -> None:
    report = Report(title="t", lead="l", sections=(Section(title="First"), Section(title="Questions")))
    found = page(report, {}, small_explorer(small_run()), generated=GENERATED)
    assert 'id="explorer"' in found.partition('id="questions"')[2].partition("</section>")[0]


def test_questions_left_out_of_the_explorer_are_told() -> None:
    cut = replace(small_explorer(small_run()), left_out=1234)
    assert "1,234 questions are left out" in page(small_report(), {}, cut, generated=GENERATED)


def test_a_page_without_cases_has_no_explorer() -> None:
    assert [found for _, found in Outline(bare(small_report())).elements if "explorer" in str(found.values())] == []


def test_the_time_is_the_callers(html: str) -> None:
    assert f"Generated {GENERATED}" in html


@pytest.mark.parametrize("ground", ["paper", "raised"])
@pytest.mark.parametrize("side", [0, 1], ids=["light", "dark"])
def test_text_stands_out_from_its_ground(html: str, ground: str, side: int) -> None:
    pairs = dict(re.findall(r"--(\w+): light-dark\((#\w{6}, #\w{6})\)", html))
    colours = {name: pair.split(", ")[side] for name, pair in pairs.items()}
    assert {name for name in TEXT_COLOURS if contrast(colours[name], colours[ground]) < AA} == set()


@pytest.mark.parametrize("side", [0, 1], ids=["light", "dark"])
def test_the_mark_of_a_gold_passage_can_be_read(html: str, side: int) -> None:
    pairs = dict(re.findall(r"--(\w+): light-dark\((#\w{6}, #\w{6})\)", html))
    assert contrast(pairs["ink"].split(", ")[side], pairs["gold"].split(", ")[side]) >= AA
