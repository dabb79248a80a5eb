"""Laws and examples of the text metrics."""

import string
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.metrics import text
from harness.metrics.unscored import Unscored
from tests.strategies import phrases, texts, word_lists, words

Measure = Callable[[str, list[str]], float]
MEASURES = (text.exact_match, text.f1, text.contains)


@given(texts)
def test_normalising_twice_changes_nothing(raw: str) -> None:
    assert text.normalise(text.normalise(raw)) == text.normalise(raw)


@given(texts)
def test_normalised_text_has_no_capitals_punctuation_or_double_spaces(raw: str) -> None:
    bare = text.normalise(raw)

    assert bare == bare.lower()
    assert not set(bare) & set(string.punctuation)
    assert bare == " ".join(bare.split())


@given(st.lists(st.sampled_from(("a", "an", "the", "ant", "then", "banana")), max_size=6))
def test_only_whole_articles_are_dropped(parts: list[str]) -> None:
    assert text.words(" ".join(parts)) == [part for part in parts if part not in {"a", "an", "the"}]


@pytest.mark.parametrize("measure", MEASURES)
@given(answer=texts, references=st.lists(texts, min_size=1, max_size=3))
def test_text_measures_stay_in_range(measure: Measure, answer: str, references: list[str]) -> None:
    assert 0 <= measure(answer, references) <= 1


@pytest.mark.parametrize("measure", MEASURES)
@given(answer=texts)
def test_a_text_scores_one_against_itself(measure: Measure, answer: str) -> None:
    assert measure(answer, [answer]) == 1


@pytest.mark.parametrize("measure", MEASURES)
@given(answer=texts, references=st.permutations(["red", "blue fish", "42"]))
def test_the_order_of_references_does_not_matter(measure: Measure, answer: str, references: list[str]) -> None:
    assert measure(answer, references) == measure(answer, sorted(references))


@pytest.mark.parametrize("measure", MEASURES)
@given(answer=texts, reference=texts, more=st.lists(texts, max_size=3))
def test_another_reference_never_lowers_the_score(
    measure: Measure, answer: str, reference: str, more: list[str]
) -> None:
    assert measure(answer, [reference, *more]) >= measure(answer, [reference])


@pytest.mark.parametrize("measure", MEASURES)
def test_no_reference_is_unscored(measure: Measure) -> None:
    with pytest.raises(Unscored, match="no reference"):
        measure("anything", [])


@given(texts, texts)
def test_f1_is_symmetric(left: str, right: str) -> None:
    assert text.f1(left, [right]) == text.f1(right, [left])


@given(word_lists.flatmap(lambda parts: st.tuples(st.just(parts), st.permutations(parts))))
def test_f1_ignores_the_order_of_words(case: tuple[list[str], list[str]]) -> None:
    parts, mixed = case

    assert text.f1(" ".join(parts), [" ".join(mixed)]) == 1


@given(word_lists, word_lists)
def test_f1_is_the_harmonic_mean_over_multisets(said: list[str], wanted: list[str]) -> None:
    shared = sum(min(count, Counter(wanted)[word]) for word, count in Counter(said).items())
    precision, recall = shared / len(said), shared / len(wanted)
    expected = 2 * precision * recall / (precision + recall) if shared else 0

    assert text.f1(" ".join(said), [" ".join(wanted)]) == pytest.approx(expected)


def test_f1_counts_a_repeated_word_once_for_each_time_it_is_wanted() -> None:
    assert text.f1("red red", ["red"]) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("answer", "reference", "expected"), [("", "", 1), ("the", "a", 1), ("", "red", 0), ("red", "", 0)]
)
def test_f1_of_empty_texts(answer: str, reference: str, expected: float) -> None:
    assert text.f1(answer, [reference]) == expected


def test_exact_match_ignores_case_articles_and_punctuation() -> None:
    assert text.exact_match("The Tower!", ["tower"]) == 1


@given(phrases, phrases, phrases)
def test_a_phrase_is_contained_in_every_longer_text(before: str, phrase: str, after: str) -> None:
    assert text.contains(f"{before} {phrase} {after}", [phrase]) == 1


@given(phrases, words)
def test_part_of_a_word_is_not_contained(phrase: str, word: str) -> None:
    assert text.contains(f"x{phrase}x", [f"{phrase} {word}"]) == 0


@pytest.mark.parametrize(
    ("answer", "reference", "expected"),
    [
        ("in 2010", "10", 0),
        ("the 10th", "10", 0),
        ("2010 10", "10", 1),
        ("首都是北京市", "北京", 1),
        ("anything", "the", 0),
        ("the", "a", 1),
    ],
)
def test_contains_by_example(answer: str, reference: str, expected: float) -> None:
    assert text.contains(answer, [reference]) == expected


@given(st.lists(words, max_size=8))
def test_answer_words_counts_words(parts: list[str]) -> None:
    assert text.answer_words("  ".join(parts)) == len(parts)


def test_sentences_end_at_stops_and_lines_but_not_inside_numbers() -> None:
    assert text.sentences("It is 3.5 km. Is it?\nYes! ") == ["It is 3.5 km.", "Is it?", "Yes!"]
