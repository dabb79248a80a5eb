"""The passages that a condition shows."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import DataError
from harness.metrics.text import normalise
from harness.records import Passage, Question
from harness.retrieval.select import gold_lookup, pool_size, select_passages

CORPUS = (
    Passage(id="g1", text="The bell weighs 42 tons.", document="bells"),
    Passage(id="g2", text="The bell hangs in Orm.", document="bells"),
    Passage(id="x1", text="The mill has 7 wheels."),
    Passage(id="x2", text="The ferry carries 42 cows."),
    Passage(id="x3", text="The quay is long.", title="Quay 17"),
    Passage(id="x4", text="The year 1742."),
)
GOLD = gold_lookup(CORPUS)
QUESTION = Question(id="q", text="How heavy is the bell?", answers=("42",), gold_passages=("g1",))
UNANSWERABLE = replace(QUESTION, answers=(), gold_passages=(), answerable=False)


def shown(context: str, question: Question = QUESTION, top_k: int = 2) -> list[str]:
    return [passage.id for passage in select_passages(context, question, CORPUS, GOLD, top_k)]  # type: ignore[arg-type]


@given(st.lists(st.sampled_from(CORPUS), unique_by=lambda passage: passage.id), st.integers(1, 6))
def test_a_distractor_is_not_gold_and_holds_no_answer(retrieved: list[Passage], top_k: int) -> None:
    chosen = select_passages("distractor", QUESTION, retrieved, GOLD, top_k)
    assert len(chosen) <= top_k
    assert all(passage.id != "g1" and "42" not in normalise(passage.text) for passage in chosen)


@given(st.lists(st.sampled_from(CORPUS), unique_by=lambda passage: passage.id), st.integers(1, 6))
def test_distractors_keep_the_order_of_retrieval(retrieved: list[Passage], top_k: int) -> None:
    chosen = select_passages("distractor", QUESTION, retrieved, GOLD, top_k)
    assert sorted(chosen, key=retrieved.index) == list(chosen)


def test_none_shows_nothing() -> None:
    assert shown("none") == []


def test_retrieved_shows_the_first() -> None:
    assert shown("retrieved") == ["g1", "g2"]


def test_gold_shows_the_gold_passages_in_the_questions_order() -> None:
    assert shown("gold", replace(QUESTION, gold_passages=("x2", "g1", "x1")), top_k=1) == ["x2", "g1", "x1"]


def test_gold_of_a_document_is_all_of_it_once() -> None:
    assert shown("gold", replace(QUESTION, gold_passages=("bells", "g1"))) == ["g1", "g2"]


def test_a_passages_id_wins_over_a_document_of_that_name() -> None:
    lookup = gold_lookup([Passage(id="a", text="one", document="b"), Passage(id="b", text="two", document="b")])
    assert [passage.text for passage in lookup["b"]] == ["two"]


def test_a_question_that_stands_on_its_own_gets_no_gold() -> None:
    assert shown("gold", replace(QUESTION, gold_passages=())) == []


def test_gold_of_an_unanswerable_question_is_its_distractors() -> None:
    assert shown("gold", UNANSWERABLE) == shown("distractor", UNANSWERABLE) == ["g1", "g2"]


def test_distractors_leave_out_gold_documents() -> None:
    assert shown("distractor", replace(QUESTION, gold_passages=("bells",)), top_k=9) == ["x1", "x3"]


def test_an_answer_of_one_character_is_a_word() -> None:
    assert shown("distractor", replace(QUESTION, answers=("7",)), top_k=9) == ["g2", "x2", "x3", "x4"]


def test_an_answer_in_the_title_counts() -> None:
    assert "x3" not in shown("distractor", replace(QUESTION, answers=("quay 17",)), top_k=9)


def test_an_answer_without_letters_excludes_nothing() -> None:
    assert shown("distractor", replace(QUESTION, answers=("?",)), top_k=9) == ["g2", "x1", "x2", "x3", "x4"]


def test_a_gold_passage_outside_the_corpus_is_told() -> None:
    with pytest.raises(DataError, match=r"question 'q' names gold passages that are not in its corpus: 'zz'"):
        shown("gold", replace(QUESTION, gold_passages=("g1", "zz")))


@pytest.mark.parametrize(("context", "size"), [("none", 0), ("retrieved", 3), ("gold", 28), ("distractor", 28)])
def test_the_pool_is_as_large_as_needed(context: str, size: int) -> None:
    assert pool_size(context, 3) == size  # type: ignore[arg-type]
