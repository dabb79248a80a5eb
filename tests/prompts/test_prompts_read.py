"""Answers read back: a reading for every text, and the forms that models write."""

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.prompts.catalog import find_template, template_names
from harness.prompts.read import read_answer, tidy
from harness.prompts.refs import ref_of
from harness.records import Passage, Reading

PASSAGES = (Passage(id="p1", text="one"), Passage(id="p2", text="two"), Passage(id="p3", text="three"))
PIECES = st.lists(
    st.sampled_from(
        ["Answer:", "**", '"', "'", "`", "```json\n", "{", "}", '"answer_value"', ":", "[1]", "[1, 2]", "[9]", "[", "]"]
    )
    | st.sampled_from(["\n", " ", ".", "42", "NaN", "null", "confidence", ",", "\\ud800", "\u2028", "N/A", "[80, 90]"])
    | st.text(max_size=3)
).map("".join)


def read(text: str, name: str = "concise") -> Reading:
    return read_answer(text, find_template(name), PASSAGES)


@given(PIECES | st.text(), st.sampled_from(template_names()))
def test_every_text_has_a_reading(text: str, name: str) -> None:
    reading = read(text, name)
    assert reading.problem is None or (reading.value == "" and reading.problem)
    assert reading.confidence is None or 0 <= reading.confidence <= 1
    assert "\n" not in (reading.problem or "")
    assert all(part.encode() is not None for part in (reading.value, reading.explanation, *reading.refs))


@given(PIECES | st.text())
def test_a_line_always_reads(text: str) -> None:
    assert read(text).problem is None


@given(PIECES)
def test_a_value_is_part_of_the_text_and_one_line(text: str) -> None:
    value = read(text).value
    assert value in text
    assert len(value.splitlines()) <= 1


@given(st.from_regex(r"[A-Za-z0-9-]+( [A-Za-z0-9-]+){0,4}", fullmatch=True), st.text("\n \t", max_size=4))
def test_a_bare_value_is_itself(value: str, space: str) -> None:
    assert read(f"{space}{value}{space}").value == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("42", "42"),
        ("\n\n  42 \nand more", "42"),
        ("Answer: 42", "42"),
        ("answer : 42.", "42"),
        ("Final answer: 42", "42"),
        ("**Answer:** 42", "42"),
        ("**Answer: 42**", "42"),
        ("Answer:\n42", "42"),
        ('"42."', "42"),
        ('"42".', "42"),
        ("**42**", "42"),
        ("***42***", "42"),
        ("`42`", "42"),
        ("\u201c42\u201d", "42"),
        ("'a' and 'b'", "'a' and 'b'"),
        ("it's", "it's"),
        ("3.5", "3.5"),
        ("wait..", "wait."),
        ("[80, 90]", "[80, 90]"),
        ("-5", "-5"),
        ("Answerable: no", "Answerable: no"),
        ("```\n42\n```", "42"),
        ("", ""),
        ('""', ""),
        (".", ""),
        ("N/A.", "N/A"),
    ],
)
def test_line(text: str, value: str) -> None:
    assert read(text).value == value


@pytest.mark.parametrize(
    ("text", "value", "refs"),
    [
        ("42 [1]", "42", ("p1",)),
        ("42 [1].", "42", ("p1",)),
        ("**42** [2][1]", "42", ("p2", "p1")),
        ("42 [1, 3] km", "42 km", ("p1", "p3")),
        ("42 [1] [1]", "42", ("p1",)),
        ("42 [7]", "42", ("[7]",)),
        ("[1]\n42", "42", ("p1",)),
        ("[1]", "", ("p1",)),
        ("[80, 90] [2]", "[80, 90]", ("p2",)),
        ("42\nas in [3]", "42", ()),
        ("", "", ()),
        ("N/A", "N/A", ()),
    ],
)
def test_cited(text: str, value: str, refs: tuple[str, ...]) -> None:
    assert read(text, "cited") == Reading(value=value, refs=refs)


@pytest.mark.parametrize(
    ("text", "value", "explanation"),
    [
        ("Two and two.\nAnswer: 4", "4", "Two and two."),
        ("Answer: 3\nNo.\n**Answer:** 4.", "4", "Answer: 3\nNo."),
        ("So:\nAnswer:\n4", "4", "So:"),
        ("Answer:", "", ""),
        ("N/A", "N/A", ""),
        ("is_blank", "is_blank", ""),
        ("Unable to answer with confidence based on the provided documents.", "Unable", ""),
    ],
)
def test_cot(text: str, value: str, explanation: str) -> None:
    reading = read(text, "cot")
    assert reading.problem is None
    assert (reading.value[: len(value)] if value else reading.value, reading.explanation) == (value, explanation)


@pytest.mark.parametrize("text", ["", "4", "The answer is 4.", "So the Answer: 4"])
def test_cot_without_an_answer_line_is_unparsed(text: str) -> None:
    assert read(text, "cot") == Reading(value="", problem='no line starts with "Answer:"')


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ('"42 km"', "42 km"),
        ("3.10", "3.10"),
        ("1e3", "1e3"),
        ("true", "true"),
        ("false", "false"),
        ("null", ""),
        ("[80, 90]", "[80, 90]"),
        ('["a", true, null]', "[a, true, ]"),
        ('" a } b "', "a } b"),
        (r'"a\ud800"', "a\ufffd"),
    ],
)
def test_json_values(field: str, value: str) -> None:
    assert read(f'{{"answer_value": {field}}}', "concise-json") == Reading(value=value)


@pytest.mark.parametrize(
    "text",
    [
        '{"answer_value": "4"}',
        '```json\n{"answer_value": "4"}\n```',
        'Here it is: {"answer_value": "4"} I hope so.',
        '{"answer_value": "4"} {"answer_value": "5"}',
    ],
)
def test_json_is_the_first_object(text: str) -> None:
    assert read(text, "concise-json").value == "4"


@pytest.mark.parametrize(
    ("field", "refs"),
    [
        ("[1, 3]", ("p1", "p3")),
        ('["[2]", "p1", "p1"]', ("p2", "p1")),
        ('"[1], [2]"', ("p1", "p2")),
        ('"p2"', ("p2",)),
        ("2", ("p2",)),
        ("[9]", ("[9]",)),
        ('["made up", ""]', ("made up",)),
        ("[]", ()),
        ("null", ()),
    ],
)
def test_json_refs(field: str, refs: tuple[str, ...]) -> None:
    assert read(f'{{"answer_value": "4", "ref_ids": {field}}}', "concise-json").refs == refs


@pytest.mark.parametrize(
    ("field", "confidence"),
    [
        ("0.9", 0.9),
        ("1", 1.0),
        ('"0.25"', 0.25),
        ('"95%"', 0.95),
        ('"95 %"', 0.95),
        ("95", None),
        ("-0.1", None),
        ('"120%"', None),
        ('"high"', None),
        ('"nan"', None),
        ('"9% sure"', None),
        ("true", None),
        ("null", None),
        ("[0.9]", None),
    ],
)
def test_json_confidence(field: str, confidence: float | None) -> None:
    found = read(f'{{"answer_value": "4", "confidence": {field}}}', "concise-json").confidence
    assert found is None if confidence is None else found is not None and math.isclose(found, confidence)


def test_json_explanation() -> None:
    reading = read('{"answer_value": "4", "explanation": "2 + 2", "more": {}}', "concise-json")
    assert reading.explanation == "2 + 2"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no JSON object"),
        ("4", "no JSON object"),
        ("[4]", "no JSON object"),
        ("{answer_value: 4}", "the first { does not begin a JSON object"),
        ("{'answer_value': '4'}", "the first { does not begin a JSON object"),
        ('{"answer_value": "4"', "the first { does not begin a JSON object"),
        ('{"answer_value": NaN}', "the first { does not begin a JSON object"),
        ('{"answer_value": "4",}', "the first { does not begin a JSON object"),
        ('{"a":' * 100_000, "the first { does not begin a JSON object"),
        ('{"answer": "4"}', "the JSON object has no answer_value"),
        ('{"answer_value": {}}', "answer_value is an object: a text, a number, a list, true, false or null"),
        ('{"answer_value": "4", "ref_ids": {}}', "ref_ids is not a list of texts or numbers"),
        ('{"answer_value": "4", "ref_ids": [null]}', "ref_ids is not a list of texts or numbers"),
    ],
)
def test_json_that_cannot_be_read_says_why(text: str, problem: str) -> None:
    assert read(text, "concise-json") == Reading(value="", problem=problem)


@pytest.mark.parametrize("text", ["N/A", "na.", '"is_blank"'])
def test_a_blank_instead_of_json_is_a_blank(text: str) -> None:
    assert read(text, "concise-json").problem is None


def test_a_number_is_the_passage_shown_there_before_it_is_an_id() -> None:
    passages = (Passage(id="2", text="one"), Passage(id="1", text="two"), Passage(id="9", text="three"))
    assert [ref_of(text, passages) for text in ("1", "[2]", "9", "8", "0")] == ["2", "1", "9", "[8]", "[0]"]


@pytest.mark.parametrize("text", [" " * 20_000, "[1," * 9_000, "*" * 20_000, "answer " * 5_000, '"' * 20_000])
@pytest.mark.parametrize("name", template_names())
def test_reading_takes_no_long_time(text: str, name: str) -> None:
    start = time.perf_counter()
    read(text + "x", name)
    read(f'{{"answer_value": "", "ref_ids": "{text.replace(chr(34), chr(39))}"}}', name)
    assert time.perf_counter() - start < 2


@given(st.text())
def test_tidy_of_quotes_is_tidy(text: str) -> None:
    assert tidy(f"Answer: {tidy('x' + text + 'x')}") == tidy(tidy("x" + text + "x"))
