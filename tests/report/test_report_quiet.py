"""Markdown that links to nothing by itself, shows figures only when asked, and cuts what matters least first."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.markdown import BYTES_MOST, quiet, render
from harness.report.sections import Report, Section, Table

BREAK = "&#8203;"


def report(*sections: Section, notes: tuple[str, ...] = ()) -> Report:
    return Report(title="t", lead="l", sections=sections, notes=notes)


def table(rows: int, caption: str, **changes: object) -> Table:
    return Table(
        columns=("name",),
        rows=tuple((f"{caption} {row} {'x' * 150}",) for row in range(rows)),
        caption=caption,
        **changes,
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ask @someone", f"ask @{BREAK}someone"),
        ("(@org/team)", f"(@{BREAK}org/team)"),
        ("a@b.example", f"a@{BREAK}b.example"),
        ("f1@1 and 0.5s@8", "f1@1 and 0.5s@8"),
        ("rag #2", rf"rag \#{BREAK}2"),
        ("GH-12", f"GH-{BREAK}12"),
        ("https://x.example", f"https:{BREAK}//x.example"),
        ("www.x.example", f"www.{BREAK}x.example"),
        ("mailto:a@b.example", f"mailto:{BREAK}a@{BREAK}b.example"),
    ],
)
def test_nothing_becomes_a_link_by_itself(text: str, shown: str) -> None:
    assert quiet(text) == shown


@given(st.text())
def test_no_name_and_no_address_survives(text: str) -> None:
    found = quiet(f"{text} @name https://x.example www.x.example", 10_000)
    assert not re.search(r"(?i)(?<!\w)@[a-z0-9]|://|www\.(?!x)", found.replace("www.&#8203;", ""))


def test_html_is_shown_as_text() -> None:
    assert "<script" not in quiet("<script>alert(1)</script>")


def test_figures_are_linked_only_when_asked_for_and_drawn() -> None:
    found = report(Section(title="s", figures=("rag_uplift", "size_vs_cost")))
    assert "](figures/" not in render(found)
    text = render(found, figures={"rag_uplift": "Retrieval buys | 20 points"})
    assert r"![Retrieval buys \| 20 points](figures/rag_uplift.svg)" in text
    assert "size_vs_cost" not in text


def test_a_section_has_lines_tables_and_notes_in_this_order() -> None:
    found = Section(title="s", lines=("a line",), tables=(table(1, "first"), table(1, "second")), notes=("a note",))
    text = render(report(found, notes=("the end",)))
    places = [text.index(part) for part in ("- a line", "**first**", "**second**", "<sub>a note</sub>", "<sub>the end")]
    assert places == sorted(places)


def test_compatible_tables_are_cut_before_details_and_details_before_others() -> None:
    kinds = (table(130, "plain"), table(130, "detail", detail=True), table(130, "published", compatible=True))
    text = render(report(Section(title="s", tables=kinds)))
    rows = {caption: len(re.findall(rf"^\| {caption} ", text, flags=re.MULTILINE)) for caption in ("plain", "detail")}
    assert rows == {"plain": 130, "detail": 130}
    assert "In summary.json" in text or "more rows in summary.json" in text
    more = render(report(Section(title="s", tables=(*kinds, table(230, "plain")))))
    assert "In summary.json: detail (130 rows), published (130 rows)." in more
    assert len(more.encode()) <= BYTES_MOST


def test_the_lines_of_the_first_screen_are_cut_last() -> None:
    lines = tuple(f"{place} {'x' * 280}" for place in range(150))
    text = render(report(Section(title="a", lines=lines, opening=True), Section(title="b", lines=lines)))
    first, second = text.split("## b")
    assert first.count("\n- ") == 150
    assert 5 < second.count("\n- ") < 150


def test_a_table_that_is_left_out_is_named_without_its_explanation() -> None:
    fault = table(1, "Compatible (published formula): tiers. Its fault: best is a maximum", compatible=True)
    text = render(report(Section(title="s", tables=(fault, table(370, "plain")))))
    assert "In summary.json: compatible (published formula): tiers (1 row)." in text
