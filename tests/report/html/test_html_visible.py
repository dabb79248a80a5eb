"""What a page spells out, and what it leaves alone."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from harness.report.html.visible import shortened, visible
from tests.report.html.made_up_pages import HOSTILE

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=())) | st.sampled_from(HOSTILE)


@given(ANY_TEXT)
def test_nothing_hidden_is_left(text: str) -> None:
    kept = {char for char in visible(text) if unicodedata.category(char) in {"Cc", "Cs"}}
    assert kept <= {"\n", "\t"}


@given(ANY_TEXT)
def test_direction_marks_are_spelt_out(text: str) -> None:
    assert not set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069") & set(visible(text))


@given(ANY_TEXT)
def test_what_comes_back_can_be_written_as_utf8(text: str) -> None:
    assert visible(text).encode("utf-8").decode("utf-8") == visible(text)


@given(ANY_TEXT)
def test_once_is_enough(text: str) -> None:
    assert visible(visible(text)) == visible(text)


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs", "M"))))
def test_ordinary_text_stays(text: str) -> None:
    assert visible(text) == text


def test_an_escape_is_told_by_its_code() -> None:
    assert visible("\x1b[31m\x7f") == "\u27e8U+001B\u27e9[31m\u27e8U+007F\u27e9"


def test_an_override_is_told_by_its_code() -> None:
    assert visible("a\u202eb") == "a\u27e8U+202E\u27e9b"


def test_emoji_and_scripts_keep_their_joiners() -> None:
    assert (
        visible("\U0001f469\u200d\U0001f52c \u0645\u06cc\u200c\u062e")
        == "\U0001f469\u200d\U0001f52c \u0645\u06cc\u200c\u062e"
    )


def test_a_short_text_is_not_cut() -> None:
    assert shortened("abc", 3) == "abc"


def test_a_cut_text_says_how_much_is_missing() -> None:
    assert shortened("a" * 2500, 500) == "a" * 500 + " [2,000 more characters]"
