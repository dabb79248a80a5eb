"""The compatible scorer: every published vector, and the laws that hold in spite of its faults."""

import json
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.metrics import wattbot
from harness.metrics.unscored import Unscored
from harness.metrics.wattbot import Row
from tests.strategies import BLANKS, amounts, positive_amounts, texts, word_lists, written

GOLDEN = Path(__file__).resolve().parents[2].parent / "shared" / "reference" / "golden_wattbot_scorer.json"
VECTORS = json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.exists() else {"value": [], "ref": []}
pinned = pytest.mark.skipif(not GOLDEN.exists(), reason="the reference vectors are not beside this checkout")

Over = Literal["planned", "present"]
rows = st.lists(
    st.builds(
        Row,
        gold_value=texts,
        gold_refs=texts,
        value=st.none() | texts,
        refs=texts,
    ),
    min_size=1,
    max_size=8,
)


@pinned
def test_there_are_vectors_of_both_kinds() -> None:
    assert len(VECTORS["value"]) == 54
    assert len(VECTORS["ref"]) == 12


@pytest.mark.parametrize("vector", VECTORS["value"], ids=lambda vector: f"{vector['gold']}|{vector['pred']}")
def test_value_vector(vector: dict[str, Any]) -> None:
    assert wattbot.value(vector["gold"], vector["pred"]) is vector["val"]


@pytest.mark.parametrize("vector", VECTORS["value"], ids=lambda vector: f"{vector['gold']}|{vector['pred']}")
def test_normalisation_vector(vector: dict[str, Any]) -> None:
    assert wattbot.normalise_value(vector["pred"]) == vector["norm"]


@pytest.mark.parametrize("vector", VECTORS["value"], ids=lambda vector: f"{vector['gold']}|{vector['pred']}")
def test_abstention_vector(vector: dict[str, Any]) -> None:
    assert (not wattbot.is_blank(vector["gold"]) or wattbot.is_blank(vector["pred"])) is vector["na"]


@pytest.mark.parametrize("vector", VECTORS["ref"], ids=lambda vector: f"{vector['gold']}|{vector['pred']}")
def test_reference_vector(vector: dict[str, Any]) -> None:
    assert wattbot.ref_overlap(vector["gold"], vector["pred"]) == vector["jaccard"]


@pytest.mark.parametrize(
    "text", [*BLANKS, "\tNA\n", "Unable to answer with confidence based on the provided documents: x"]
)
def test_blanks(text: str) -> None:
    assert wattbot.is_blank(text)


@pytest.mark.parametrize("text", ["nan", "none", "null", "NA.", "0", "-", "unable to answer", "not applicable"])
def test_these_are_not_blank(text: str) -> None:
    assert not wattbot.is_blank(text)


@given(texts, texts)
def test_any_texts_are_compared(gold: str, answer: str) -> None:
    assert wattbot.value(gold, answer) in {True, False}


@given(texts, st.sampled_from(BLANKS))
def test_a_blank_gold_counts_any_answer_as_right(answer: str, gold: str) -> None:
    assert wattbot.value(gold, answer)


@given(texts)
def test_normalising_keeps_blanks(text: str) -> None:
    assert wattbot.is_blank(wattbot.normalise_value(text)) >= wattbot.is_blank(text)


@given(amounts)
def test_a_number_equals_itself(amount: float) -> None:
    assert wattbot.value(str(amount), str(amount))


@given(positive_amounts, positive_amounts, st.floats(min_value=0, max_value=1))
def test_a_number_inside_a_gold_range_is_right(one: float, other: float, share: float) -> None:
    low, high = sorted((one, other))
    inside = min(high, max(low, low + share * (high - low)))

    assert wattbot.value(f"[{low},{high}]", repr(inside))


@given(positive_amounts, positive_amounts)
def test_a_range_equals_itself_in_words(one: float, other: float) -> None:
    assert wattbot.value(f"[{written(one)},{written(other)}]", f"from {written(other)} to {written(one)}")


@given(word_lists.flatmap(lambda items: st.tuples(st.just(items), st.permutations(items))))
def test_the_order_of_list_items_does_not_matter(case: tuple[list[str], list[str]]) -> None:
    items, mixed = case

    assert wattbot.value(f"[{', '.join(items)}]", f"[{', '.join(mixed)}]")


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        ("{a, a}", "{a}", True),
        ("[a, a]", "[a]", False),
        ("[80,90]", "eighty", False),
        ("[null, 1]", "['', 1]", True),
        ("[a, b]", "[a, b, b]", False),
        ("[1, 2]", "[1, two]", False),
    ],
)
def test_values_by_example(gold: str, answer: str, expected: bool) -> None:
    assert wattbot.value(gold, answer) is expected


@pytest.mark.parametrize("text", ["[" * 20_000, "9" * 400 + "k", "9" * 400 + "-1", "1.2.3-4", "[NaN]", "{}", "[]"])
def test_hostile_answers_are_compared(text: str) -> None:
    assert wattbot.value("[1,2]", text) is False


def test_a_magnitude_keeps_its_fraction() -> None:
    assert wattbot.normalise_value("1.2345k") == "1234.5"


@given(texts, texts)
def test_reference_overlap_is_symmetric_and_in_range(gold: str, answer: str) -> None:
    overlap = wattbot.ref_overlap(gold, answer)

    assert 0 <= overlap <= 1
    assert overlap == wattbot.ref_overlap(answer, gold)


@given(texts)
def test_references_overlap_themselves(text: str) -> None:
    assert wattbot.ref_overlap(text, text) == 1


@given(rows, st.sampled_from(("planned", "present")))
def test_the_overall_score_is_its_parts_weighted(submission: list[Row], over: Over) -> None:
    try:
        found = wattbot.overall(submission, over=over)
    except Unscored:
        assert all(row.value is None for row in submission)
        return

    assert 0 <= found.score <= 1
    assert found.score == pytest.approx(0.75 * found.value + 0.15 * found.ref_overlap + 0.1 * found.na_recall)


@given(rows)
def test_over_the_planned_questions_every_one_counts(submission: list[Row]) -> None:
    found = wattbot.overall(submission)

    assert (found.n, found.missing) == (len(submission), sum(row.value is None for row in submission))


def row(gold: str, value: str | None, refs: str = "[]") -> Row:
    return Row(gold_value=gold, gold_refs="['a']", value=value, refs=None if value is None else refs)


def test_a_missing_submission_is_wrong_over_planned_and_left_out_over_present() -> None:
    submission = [row("1", "1", "['a']"), row("is_blank", None)]

    planned, present = wattbot.overall(submission), wattbot.overall(submission, over="present")

    assert (planned.value, planned.ref_overlap, planned.na_recall, planned.n) == (0.5, 0.5, 0.0, 2)
    assert (present.value, present.ref_overlap, present.na_recall, present.n) == (1.0, 1.0, 1.0, 1)


def test_no_question_has_no_overall() -> None:
    with pytest.raises(Unscored, match="no present question"):
        wattbot.overall([row("1", None)], over="present")


def test_abstention_recall_and_precision() -> None:
    submission = [row("is_blank", "N/A"), row("is_blank", "7"), row("7", "is_blank"), row("7", "7")]

    assert (wattbot.na_recall(submission), wattbot.na_precision(submission)) == (0.5, 0.5)


def test_abstention_recall_is_one_where_nothing_is_blank() -> None:
    assert wattbot.na_recall([row("7", "7")]) == 1


def test_abstention_precision_needs_a_blank_answer() -> None:
    with pytest.raises(Unscored, match="no answer is blank"):
        wattbot.na_precision([row("is_blank", "7")])
