"""Every case of a run as data for the page: what was asked, what was answered, and how it was judged.

Texts stand once. Prompts are not among them: the page's script writes them again, as `harness.prompts.render` did,
from a template, a question and the places of its passages.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.order import in_order
from harness.prompts.render import messages
from harness.records import CaseResult, Cell, Passage, Prompt, Question, Template
from harness.report.html import columns
from harness.report.html.columns import said, thousandths
from harness.report.html.pack import packed
from harness.report.wording import size

CASES_MOST = 300_000
CHARACTERS_MOST = 30_000_000
LONGEST = (1_000_000, 200_000, 20_000, 4_000, 1_000, 300)
# pairs of what it is and what it says
Notes = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explorer:
    """The packed cases of a page; `left_out` questions of the run are not among them, since the page would not load.

    `table` holds what is filtered and sorted, `texts` what is shown when a case is opened.
    """

    cases: int
    left_out: int
    table: str
    texts: str


def explorer(
    results: Iterable[CaseResult], templates: Mapping[str, Template], *, cases_most: int = CASES_MOST
) -> Explorer:
    """The cases packed for the page; the bytes do not depend on the order of the results.

    Args:
        results: of one run; none gives an explorer without cases.
        templates: by data set, as a study names them; without one a prompt is not shown.
        cases_most: more cases are cut to whole questions, the first in the order of data set and id.

    Raises:
        HarnessError: one case comes with two different results.
    """
    kept, left_out = _cut(in_order(results), cases_most)
    questions: dict[tuple[str, str], int] = {}
    by_place: list[Question] = []
    at = []
    for result in kept:
        question = result.case.question
        place = questions.setdefault((question.dataset, question.id), len(questions))
        if place == len(by_place):
            by_place.append(question)
        at.append(place)
    return Explorer(
        cases=len(kept),
        left_out=left_out,
        table=packed(_table(kept, at, by_place)),
        texts=packed(_texts(kept, by_place, templates)),
    )


def _cut(results: Sequence[CaseResult], most: int) -> tuple[Sequence[CaseResult], int]:
    """The results of as many whole questions as fit, and how many questions do not."""
    if len(results) <= most:
        return results, 0
    asked = sorted({(result.case.question.dataset, result.case.question.id) for result in results})
    cells = len({result.case.cell.label for result in results})
    chosen = set(asked[: max(1, most // cells)])
    kept = [result for result in results if (result.case.question.dataset, result.case.question.id) in chosen]
    return kept, len(asked) - len(chosen)


def _table(results: Sequence[CaseResult], at: Sequence[int], questions: Sequence[Question]) -> dict[str, object]:
    cells: dict[str, Cell] = {result.case.cell.label: result.case.cell for result in results}
    cell_at = {label: place for place, label in enumerate(cells)}
    answers: dict[str, int] = {}
    metrics = columns.metric_columns(results)
    return {
        "cells": [_cell(cell) for cell in cells.values()],
        "outcomes": columns.OUTCOMES,
        "questions": [[question.id, question.dataset, question.task, question.text] for question in questions],
        "metrics": metrics,
        "cell": [cell_at[result.case.cell.label] for result in results],
        "question": at,
        "outcome": columns.outcome_column(results),
        "primary": columns.primary_column(results, [str(metric["name"]) for metric in metrics]),
        "latency_ms": said(results, lambda answer: thousandths(answer.latency_s)),
        "output_tokens": said(results, lambda answer: answer.output_tokens),
        "answer": [answers.setdefault(_said(result), len(answers)) for result in results],
    }


def _cell(cell: Cell) -> dict[str, object]:
    return {
        "label": cell.label,
        "model": cell.model.name,
        "size": size(cell.model.params_b),
        "condition": cell.condition.name,
        "repeat": cell.repeat,
    }


def _texts(
    results: Sequence[CaseResult], questions: Sequence[Question], templates: Mapping[str, Template]
) -> dict[str, object]:
    answers: dict[str, int] = {}
    for result in results:
        answers.setdefault(_said(result), len(answers))
    shown, lists, list_at = columns.passage_columns(results)
    notes: dict[Notes, int] = {}
    return {
        "answers": _bounded(list(answers)),
        "passages": shown,
        "lists": lists,
        "list": list_at,
        "labels": [result.case.label for result in results],
        "questions": [_question(question) for question in questions],
        "templates": {name: _template(templates[name]) for name in sorted(templates)},
        "prompt_tokens": said(results, lambda answer: answer.prompt_tokens),
        "concurrency": said(results, lambda answer: answer.concurrency),
        "lost_passages": said(results, lambda answer: answer.truncated_passages),
        "confidence": [thousandths(result.confidence) for result in results],
        "loss_nll": said(results, lambda answer: thousandths(answer.reference_nll)),
        "note": [notes.setdefault(_notes(result), len(notes)) for result in results],
        "notes": list(notes),
    }


def _said(result: CaseResult) -> str:
    return "" if result.answer is None else result.answer.text


def _notes(result: CaseResult) -> Notes:
    """What else is known of a case; what is as usual is left out."""
    reading, answer = result.reading, result.answer
    notes: list[tuple[str, str]] = []
    if result.error is not None:
        notes.append(("Error", result.error))
    if reading is not None and reading.problem is not None:
        notes.append(("Could not be read", reading.problem))
    elif reading is not None and reading.value != _said(result):
        notes.append(("Read as", reading.value))
    notes += [] if reading is None else [("Cites", ref) for ref in reading.refs]
    if result.confidence_source is not None:
        notes.append(("Confidence from", result.confidence_source))
    if answer is not None and answer.finish_reason != "stop":
        notes.append(("Ended by", answer.finish_reason))
    if result.flipped is not None:
        notes.append(("Asked alone", "another answer" if result.flipped else "the same answer"))
    return tuple(notes)


def _question(question: Question) -> dict[str, object]:
    return {
        "answers": question.answers,
        "answerable": question.answerable,
        "type": question.answer_type,
        "unit": question.unit,
        "options": question.options,
        "gold": question.gold_passages,
        "cluster": question.cluster,
    }


def _template(template: Template) -> dict[str, object]:
    """What the page writes prompts from: the turns before the question, without and with passages, and its own two."""
    bare, titled = Prompt(template=template, question=""), (Passage(id="", text=""),)
    asked = Prompt(template=template, question="", passages=titled)
    return {
        "name": template.name,
        "hash": template.hash,
        "chat": template.chat,
        "before": [[turn.role, turn.content] for turn in messages(bare)[:-1]],
        "before_with_passages": [[turn.role, turn.content] for turn in messages(asked)[:-1]],
        "user": template.user,
        "user_with_passages": template.user_with_passages,
    }


def _bounded(texts: Sequence[str]) -> list[str]:
    """The texts, each cut to the largest length at which all together can be loaded by a page, saying what was cut."""
    for longest in LONGEST:
        if sum(min(len(text), longest) for text in texts) <= CHARACTERS_MOST:
            break
    return [
        text if len(text) <= longest else f"{text[:longest]} [{len(text) - longest:,} more characters]"
        for text in texts
    ]
