"""The made-up data set: answerable from its passages, and the same on every machine."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.datasets.planted import HARBOURS, planted_dataset
from harness.records import Dataset, Question

DATA = planted_dataset()
PASSAGES = {passage.id: passage for passage in DATA.passages}
ANSWERABLE = [question for question in DATA.questions if question.answerable]
sizes = st.integers(1, 40).flatmap(lambda clusters: st.tuples(st.integers(clusters, 120), st.just(clusters)))


def _kinds(dataset: Dataset) -> set[tuple[str, str]]:
    return {(question.task, question.answer_type) for question in dataset.questions}


@given(sizes, st.integers(0, 3))
def test_as_many_questions_and_clusters_as_asked(size: tuple[int, int], seed: int) -> None:
    n, n_clusters = size
    made = planted_dataset(n=n, n_clusters=n_clusters, seed=seed)
    counts = Counter(question.cluster for question in made.questions)
    assert (len(made.questions), len(counts)) == size
    assert max(counts.values()) - min(counts.values()) <= 1


@given(sizes, st.integers(0, 3))
def test_ids_and_texts_are_unique(size: tuple[int, int], seed: int) -> None:
    made = planted_dataset(n=size[0], n_clusters=size[1], seed=seed)
    assert len({question.id for question in made.questions}) == size[0]
    assert len({question.text for question in made.questions}) == size[0]
    assert len({passage.id for passage in made.passages}) == size[0]


@given(sizes)
def test_a_larger_set_keeps_the_smaller(size: tuple[int, int]) -> None:
    n, n_clusters = size
    smaller, larger = (planted_dataset(n=count, n_clusters=n_clusters) for count in (n, n + 7))
    assert larger.questions[:n] == smaller.questions


def test_names_of_harbours_come_again_with_a_number() -> None:
    made = planted_dataset(n=HARBOURS + 1, n_clusters=HARBOURS + 1)
    assert made.questions[-1].cluster == f"{made.questions[0].cluster} 2"


def test_every_task_and_type_is_there() -> None:
    assert _kinds(DATA) == {
        ("knowledge", "text"),
        ("knowledge", "number"),
        ("knowledge", "range"),
        ("knowledge", "list"),
        ("knowledge", "boolean"),
        ("knowledge", "choice"),
        ("compositional", "number"),
        ("unanswerable", "number"),
    }


def test_the_truth_is_not_always_the_same() -> None:
    truths = Counter(question.answers for question in DATA.questions if question.answer_type == "boolean")
    assert abs(truths["true",] - truths["false",]) <= 1


@pytest.mark.parametrize("question", ANSWERABLE, ids=lambda question: question.id)
def test_the_answer_follows_from_the_gold_passage(question: Question) -> None:
    text = PASSAGES[question.gold_passages[0]].text
    answer = question.answers[0]
    if question.task == "compositional":
        built, burnt = (int(text.partition(f" {word} ")[2][:4]) for word in ("in", "burnt in"))
        assert int(answer) == burnt - built
    elif question.answer_type == "boolean":
        assert ("is not lit" in text) is (answer == "false")
    else:
        parts = answer.strip("[]").replace(", ", ",").split(",")
        assert all(part in text for part in parts)


def test_an_unanswerable_question_has_nothing() -> None:
    for question in DATA.questions:
        if not question.answerable:
            assert (question.answers, question.gold_passages, question.task) == ((), (), "unanswerable")


def test_no_passage_tells_a_depth() -> None:
    assert not any("deep" in passage.text for passage in DATA.passages)


def test_a_cluster_is_a_document() -> None:
    assert all(PASSAGES[q.gold_passages[0]].document == q.cluster for q in ANSWERABLE)


def test_a_choice_has_its_answer_among_the_options() -> None:
    choices = [question for question in DATA.questions if question.answer_type == "choice"]
    assert choices
    assert all(set(question.answers) <= set(question.options) for question in choices)


def test_the_examples_are_of_another_harbour() -> None:
    assert len(DATA.shots) == 3
    assert not any("Ilvermouth" in question.text for question in DATA.questions)


def test_the_hash_is_the_same_on_every_machine() -> None:
    assert DATA.hash == PINNED


def test_the_name_goes_with_the_questions() -> None:
    assert {question.dataset for question in planted_dataset("mine", n=3, n_clusters=1).questions} == {"mine"}


@pytest.mark.parametrize("change", [{"seed": 1}, {"n": 61}, {"n_clusters": 11}])
def test_other_questions_have_another_hash(change: dict[str, int]) -> None:
    assert planted_dataset(**change).hash != DATA.hash  # type: ignore[arg-type]


@pytest.mark.parametrize(("n", "n_clusters"), [(0, 1), (5, 0), (5, 6)])
def test_clusters_must_have_questions(n: int, n_clusters: int) -> None:
    with pytest.raises(ValueError, match="clusters must be between 1"):
        planted_dataset(n=n, n_clusters=n_clusters)


PINNED = "fed6864002ac6f9885953eb557fab5e9a32e3318cf0a35352aff4cd983be2811"
