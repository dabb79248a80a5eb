"""Sections as values: keys for links, and tables under both of their names."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.sections import Section, Table, slug

TABLE = Table(columns=("a",), rows=(("1",),))
OTHER = Table(columns=("b",), rows=(("2",),))


@given(st.text())
def test_a_slug_is_safe_in_a_link(title: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug(title))


@pytest.mark.parametrize(("title", "key"), [("Data sets", "data-sets"), ("1. Direct!", "1-direct"), ("…", "section")])
def test_a_key_is_made_from_the_title(title: str, key: str) -> None:
    assert Section(title=title).key == key


def test_a_given_key_stays() -> None:
    assert Section(title="Data sets", key="parts").key == "parts"


def test_a_table_is_the_first_of_the_tables() -> None:
    assert Section(title="s", table=TABLE).tables == (TABLE,)
    assert Section(title="s", tables=(OTHER, TABLE)).table == OTHER
    assert Section(title="s").table is None
