"""Faithfulness, hallucination and the model-free stand-in, with a planted inference model."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.metrics.grounding import Entailment, Inference, faithfulness, hallucination, hypothesis, token_overlap
from harness.metrics.unscored import Unscored
from tests.strategies import phrases, probabilities, texts

inferences = st.tuples(probabilities, probabilities).map(
    lambda pair: Inference(
        entailment=pair[0], neutral=(1 - pair[0]) * (1 - pair[1]), contradiction=(1 - pair[0]) * pair[1]
    )
)


def planted(found: list[Inference]) -> Entailment:
    """A model that gives each premise the inference of its place."""

    def entailment(pairs: Sequence[tuple[str, str]]) -> list[Inference]:
        assert [premise for premise, _ in pairs] == [str(place) for place in range(len(found))]
        return found

    return entailment


def unasked(pairs: Sequence[tuple[str, str]]) -> list[Inference]:
    raise AssertionError(pairs)


def passages(found: list[Inference]) -> list[str]:
    return [str(place) for place in range(len(found))]


@given(st.lists(inferences, min_size=1, max_size=5))
def test_faithfulness_is_the_strongest_entailment(found: list[Inference]) -> None:
    expected = max(inference.entailment for inference in found)

    assert faithfulness("It is so.", passages(found), planted(found)) == expected


@given(st.lists(inferences, min_size=1, max_size=5))
def test_hallucination_stays_in_range(found: list[Inference]) -> None:
    assert 0 <= hallucination("It is so.", passages(found), planted(found)) <= 1


@given(st.lists(inferences, min_size=1, max_size=5), inferences)
def test_another_passage_never_lowers_faithfulness(found: list[Inference], more: Inference) -> None:
    before = faithfulness("It is so.", passages(found), planted(found))

    assert faithfulness("It is so.", passages([*found, more]), planted([*found, more])) >= before


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([Inference(0.9, 0.05, 0.05)], 0.1),
        ([Inference(0.1, 0.1, 0.8), Inference(0.9, 0.1, 0.0)], 0.8),
        ([Inference(0.3, 0.0, 0.7)], 0.7),
        ([Inference(0.25, 0.05, 0.7), Inference(0.6, 0.4, 0.0)], 0.4),
    ],
)
def test_hallucination_by_example(found: list[Inference], expected: float) -> None:
    assert hallucination("It is so.", passages(found), planted(found)) == pytest.approx(expected)


def test_without_passages_the_published_values_hold_and_no_model_is_asked() -> None:
    found = faithfulness("It is so.", [], unasked), hallucination("It is so.", [], unasked)

    assert found == (0, 1)


@pytest.mark.parametrize("question", ["How long is it?", " How long is it ?  ", "How long is it"])
def test_a_hypothesis_is_a_full_sentence(question: str) -> None:
    assert hypothesis(question, " 42 km. ") == "The answer to How long is it is 42 km."


@given(phrases, st.lists(texts, max_size=3))
def test_an_answer_copied_from_a_passage_overlaps_fully(answer: str, others: list[str]) -> None:
    assert token_overlap(answer, [*others, answer]) == 1


@given(phrases, st.lists(texts, min_size=1, max_size=3))
def test_token_overlap_stays_in_range(answer: str, found: list[str]) -> None:
    assert 0 <= token_overlap(answer, found) <= 1


def test_token_overlap_counts_distinct_words() -> None:
    assert token_overlap("red red fish", ["a red boat"]) == 0.5


@pytest.mark.parametrize(("answer", "found", "reason"), [("the", ["red"], "no words"), ("red", [], "no passage")])
def test_nothing_to_overlap_is_unscored(answer: str, found: list[str], reason: str) -> None:
    with pytest.raises(Unscored, match=reason):
        token_overlap(answer, found)
