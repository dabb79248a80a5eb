"""Short names, and how wide text is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.figures.names import SHOWN, short_names, shorten, text_width, wrapped

ANY = st.text(max_size=60)


@given(ANY)
def test_a_short_name_is_one_visible_line(name: str) -> None:
    short = shorten(name)
    assert 0 < len(short) <= SHOWN
    assert short.isprintable()


@given(st.text(alphabet="abc-", min_size=SHOWN + 1, max_size=60))
def test_a_long_name_keeps_its_beginning_and_its_end(name: str) -> None:
    short = shorten(name)
    assert (short[0], short[-1]) == (name[0], name[-1])


@given(st.lists(ANY, max_size=20))
def test_different_names_stay_different(names: list[str]) -> None:
    found = short_names(names)
    assert len(set(found.values())) == len(set(names))
    assert all(len(short) <= SHOWN + 2 for short in found.values())


def test_piled_up_accents_go() -> None:
    assert shorten("z" + "\u0301" * 30 + "a") == "z\u0301\u0301a"


def test_a_name_without_anything_visible_is_unnamed() -> None:
    assert shorten("\u202e\x1b[31m") == "unnamed"


@given(ANY, ANY)
def test_more_text_is_never_narrower(a: str, b: str) -> None:
    assert text_width(a + b) >= text_width(a) >= 0


@pytest.mark.parametrize(("wider", "narrower"), [("AAA", "aaa"), ("www", "xxx"), ("xxx", "iii"), ("字字", "xx")])
def test_wide_letters_count_more(wider: str, narrower: str) -> None:
    assert text_width(wider) > text_width(narrower)


@given(st.lists(st.text(alphabet="abc", min_size=1, max_size=9), max_size=20), st.floats(20, 200))
def test_wrapped_lines_hold_all_words_and_fit_unless_one_word_does_not(words: list[str], width: float) -> None:
    lines = wrapped(" ".join(words), width)
    assert " ".join(lines).split() == words
    assert all(text_width(line) <= width or " " not in line for line in lines)
