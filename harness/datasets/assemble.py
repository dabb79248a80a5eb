"""What files hold, put together into a data set and checked as a whole."""

from collections.abc import Sequence
from dataclasses import replace

from harness.cache import digest
from harness.datasets.parse import Contents, Placed, repeated
from harness.datasets.problems import Problem, data_error
from harness.errors import UnknownName
from harness.records import Dataset, DatasetSpec, Passage, Question, Shot


def dataset_hash(questions: Sequence[Question], passages: Sequence[Passage], shots: Sequence[Shot]) -> str:
    """A hash over every field of all questions, passages and worked examples, and their order.

    The name of the data set that a question carries is left out: the same file under two names is the same data.
    """
    bare = [replace(question, dataset="") for question in questions]
    return digest([bare, list(passages), list(shots)])


def together(*parts: Contents) -> Contents:
    """All that several files hold, in order."""
    return Contents(
        questions=tuple(item for part in parts for item in part.questions),
        passages=tuple(item for part in parts for item in part.passages),
        shots=tuple(item for part in parts for item in part.shots),
        problems=tuple(item for part in parts for item in part.problems),
    )


def all_problems(contents: Contents) -> tuple[Problem, ...]:
    """The problems of single rows, and those of rows that do not go together."""
    return (
        *contents.problems,
        *repeated(contents.questions, lambda question: question.id, "id"),
        *repeated(contents.passages, lambda passage: passage.id, "id"),
        *_gold_problems(contents),
        *_shown_answers(contents),
    )


def assembled(spec: DatasetSpec, contents: Contents, file: str) -> Dataset:
    """The data set of a spec, its questions named after it and clustered as it says.

    Args:
        spec: name, cluster and gamma.
        contents: everything that was read.
        file: what `harness check` has to be called with to see all problems.

    Raises:
        DataError: anything is wrong with the contents, or there is no question.
        UnknownName: no question has the field that spec.cluster names.
    """
    problems = all_problems(contents)
    if not contents.questions and not contents.problems:
        problems = (*problems, Problem(place=file, message="holds no questions"))
    if problems:
        raise data_error(file, problems)
    passages = tuple(item.value for item in contents.passages)
    named = [replace(item.value, dataset=spec.name) for item in contents.questions]
    questions = tuple(clustered(named, passages, spec.cluster) if spec.cluster else named)
    shots = tuple(item.value for item in contents.shots)
    return Dataset(
        name=spec.name,
        questions=questions,
        passages=passages,
        shots=shots,
        gamma=spec.gamma,
        hash=dataset_hash(questions, passages, shots),
    )


def clustered(questions: Sequence[Question], passages: Sequence[Passage], field: str) -> list[Question]:
    """The questions with their cluster taken from another field.

    `field` is cluster, task, answer_type, unit, gold_passages (the first), document (that of the first gold passage) or
    a field of the metadata. A question without it keeps an empty cluster and is one of its own.

    Raises:
        UnknownName: no question has the field.
    """
    documents = {passage.id: passage.document for passage in passages}
    fields = [_fields(question, documents) for question in questions]
    known = {name for one in fields for name in one}
    if field not in known:
        raise UnknownName("field to cluster questions by", field, known)
    return [replace(question, cluster=one.get(field, "")) for question, one in zip(questions, fields, strict=True)]


def _fields(question: Question, documents: dict[str, str]) -> dict[str, str]:
    gold = question.gold_passages[0] if question.gold_passages else ""
    return {
        **question.metadata,
        "cluster": question.cluster,
        "task": question.task,
        "answer_type": question.answer_type,
        "unit": question.unit,
        "gold_passages": gold,
        "document": documents.get(gold, ""),
    }


def _gold_problems(contents: Contents) -> tuple[Problem, ...]:
    if not contents.passages:
        return ()
    passages = [item.value for item in contents.passages]
    known = {passage.id for passage in passages} | {passage.document for passage in passages}
    return tuple(
        Problem(place=f"{item.place}:gold_passages", message=f"{name!r} is no passage or document of the corpus")
        for item in contents.questions
        for name in item.value.gold_passages
        if name not in known
    )


def _shown_answers(contents: Contents) -> tuple[Problem, ...]:
    asked = {_bare(item.value.text): item for item in contents.questions}
    found: list[tuple[Placed[Shot], Placed[Question]]] = [
        (item, asked[_bare(item.value.question)]) for item in contents.shots if _bare(item.value.question) in asked
    ]
    return tuple(
        Problem(place=f"{shot.place}:question", message=f"is also asked at {question.place}: it would show its answer")
        for shot, question in found
    )


def _bare(text: str) -> str:
    return " ".join(text.lower().split())
