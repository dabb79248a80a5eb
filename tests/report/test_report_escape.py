"""Hostile text made harmless: terminal sequences, Markdown, HTML and spreadsheet formulas."""

import csv
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.escape import csv_text, markdown, plain


@given(st.text(max_size=200))
def test_plain_text_is_one_visible_line(text: str) -> None:
    shown = plain(text, 50)
    assert len(shown) <= 50
    assert not [char for char in shown if unicodedata.category(char) in {"Cc", "Cf", "Cs"}]


@given(st.text(alphabet="abc 019.,;-_", max_size=50))
def test_plain_keeps_words_as_they_are(text: str) -> None:
    assert plain(text) == " ".join(text.split())


SEQUENCES = (
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07red",
    "\x1b]8;;http://x\x1b\\red\x1b]8;;\x1b\\",
    "\x1bMred",
    "re\u202ed",
)


@pytest.mark.parametrize("text", SEQUENCES)
def test_terminal_sequences_do_not_survive(text: str) -> None:
    assert plain(text) == "red"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a|b", r"a\|b"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("`code`", r"\`code\`"),
        ("**bold** ~~no~~", r"\*\*bold\*\* \~\~no\~\~"),
        ("[click](http://x)", r"[click\](http://x)"),
        ("[22, 40]", "[22, 40]"),
        ("_set_ value_accuracy", r"\_set\_ value_accuracy"),
        ("line\nbreak\n# head", r"line break \# head"),
        ("&amp; \\", r"&amp;amp; \\"),
    ],
)
def test_markdown_shows_the_text_and_nothing_else(text: str, expected: str) -> None:
    assert markdown(text) == expected


@given(st.text(max_size=80))
def test_no_table_cell_can_be_left(text: str) -> None:
    shown = markdown(text).replace("\\\\", "").replace("\\|", "")
    assert "|" not in shown
    assert "\n" not in shown
    assert "<" not in shown


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|x", "-2+3", "@SUM(A1)", "\t=1", "  =1", "\n=1", "\uff1d1+1", "\uff20SUM(A1)"]
)
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert csv_text(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-5", "+3.5", "-1,000", "-5 %", "1e-3", "-.5", "a=b", "", "N/A", "[80,90]"])
def test_numbers_and_ordinary_text_stay(text: str) -> None:
    assert csv_text(text) == text


def test_controls_are_spelt_out_in_csv() -> None:
    assert csv_text("a\x00b\x1b[0m\r\nc\rd\te") == "a\\x00b\\x1b[0m\nc\\x0dd\te"


@given(st.text(max_size=80))
def test_any_text_survives_a_csv_round_trip(text: str) -> None:
    shown, out = csv_text(text), io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerow([shown, "end"])
    assert list(csv.reader(io.StringIO(out.getvalue(), newline=""))) == [[shown, "end"]]
