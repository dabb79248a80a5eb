"""Questions before they have a number, and the row of the file that each becomes."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.records import AnswerType, Passage, Question
from harness.studies.embedded.facts import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A question and its truth; without facts it holds all that is needed to answer it."""

    text: str
    answers: tuple[str, ...]
    family: str
    answer_type: AnswerType = "text"
    unit: str = ""
    facts: tuple[Fact, ...] = ()


def statement(text: str, *, truth: bool, family: str, facts: tuple[Fact, ...]) -> Draft:
    """A true-or-false question."""
    answer = "true" if truth else "false"
    text = f"True or false: {text}."
    return Draft(text=text, answers=(answer,), family=family, answer_type="boolean", facts=facts)


def numbered(drafts: Iterable[Draft], task: str, passages: Mapping[str, Passage]) -> tuple[Question, ...]:
    """The drafts as questions with ids: the task's first letter and a number from 001.

    The cluster is the document of the first fact, or the family where there is none. Numbers are exact.
    """
    return tuple(_question(draft, f"{task[0]}{n:03d}", task, passages) for n, draft in enumerate(drafts, start=1))


def _question(draft: Draft, name: str, task: str, passages: Mapping[str, Passage]) -> Question:
    gold = tuple(dict.fromkeys(fact.passage for fact in draft.facts))
    return Question(
        id=name,
        text=draft.text,
        answers=draft.answers,
        answer_type=draft.answer_type,
        unit=draft.unit,
        tolerance=0 if draft.answer_type == "number" else None,
        gold_passages=gold,
        cluster=passages[gold[0]].document if gold else draft.family,
        task=task,
        tags=(draft.family,),
    )


def line(question: Question) -> str:
    """The question as one line of JSON, ASCII, without a line break."""
    row: dict[str, object] = {
        "id": question.id,
        "question": question.text,
        "answers": question.answers,
        "answer_type": question.answer_type,
        "unit": question.unit,
    }
    if question.tolerance is not None:
        row["tolerance"] = question.tolerance
    row["gold_passages"] = question.gold_passages
    row["cluster"] = question.cluster
    row["task"] = question.task
    row["answerable"] = question.answerable
    row["tags"] = question.tags
    return json.dumps(row)
