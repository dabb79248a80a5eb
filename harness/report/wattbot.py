"""The WattBot files: a submission per cell, the matrix of all answers, and who got what wrong."""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from harness.analysis.order import cells_of
from harness.metrics.table import score
from harness.records import Answer, CaseResult, Cell, Evidence, Passage, Reading
from harness.report.escape import csv_text

BLANK = "is_blank"
SUBMISSION = (
    "id",
    "question",
    "answer",
    "answer_value",
    "answer_unit",
    "ref_id",
    "ref_url",
    "supporting_materials",
    "explanation",
)
PER_CELL = ("Value", "Ref", "ValCorrect", "RefScore", "NACorrect")
Asked = tuple[str, str]


def write_submission(results: Sequence[CaseResult], path: Path) -> None:
    """One cell's answers in the nine columns, every value quoted.

    A question without an answer has no row: a failed call is not an abstention. An answer that could not be read stands
    in answer_value as it came.
    """
    named = question_names(results)
    rows = [
        (named[asked(result)], *_submission_row(result, result.reading))
        for result in results
        if result.reading is not None
    ]
    _write(path, [SUBMISSION, *rows], quoting=csv.QUOTE_ALL)


def write_matrix(results: Sequence[CaseResult], path: Path) -> None:
    """One row per question: its gold side, then five columns per cell, empty where the cell gave no answer."""
    cells = cells_of(results)
    found: dict[Asked, dict[str, CaseResult]] = {}
    for result in results:
        found.setdefault(asked(result), {})[result.case.cell.label] = result
    header = ("id", "question", "gold_value", "gold_refs", *(f"{c.label}_{name}" for c in cells for name in PER_CELL))
    named = question_names(results)
    rows = [(named[key], *_matrix_row(by_cell, cells)) for key, by_cell in sorted(found.items())]
    _write(path, [header, *rows])


def write_errors(results: Sequence[CaseResult], path: Path) -> None:
    """Per cell: how many of its answered questions were right, and the ids of those that were not."""
    header = ("model", "correct", "wrong", "total", "accuracy", "wrong_ids")
    rows = []
    named = question_names(results)
    by_cell: dict[str, list[CaseResult]] = {cell.label: [] for cell in cells_of(results)}
    for result in results:
        if result.reading is not None:
            by_cell[result.case.cell.label].append(result)
    for label, told in by_cell.items():
        wrong = [named[asked(result)] for result in told if result.outcome != "correct"]
        right = len(told) - len(wrong)
        accuracy = str(right / len(told)) if told else ""
        rows.append((label, str(right), str(len(wrong)), str(len(told)), accuracy, ";".join(wrong)))
    _write(path, [header, *rows])


def asked(result: CaseResult) -> Asked:
    """The data set and the id of a result's question."""
    return (result.case.question.dataset, result.case.question.id)


def question_names(results: Iterable[CaseResult]) -> dict[Asked, str]:
    """What each question is called: its id, or DATASET/ID where several data sets have a question of that id."""
    keys = {asked(result) for result in results}
    shared = Counter(number for _, number in keys)
    return {(dataset, number): f"{dataset}/{number}" if shared[number] > 1 else number for dataset, number in keys}


def _submission_row(result: CaseResult, reading: Reading) -> tuple[str, ...]:
    question, answer = result.case.question, "" if result.answer is None else result.answer.text
    if is_blank(result):
        return (question.text, answer, *([BLANK] * 5), reading.explanation or BLANK)
    cited = [passage for passage in result.passages if passage.id in reading.refs]
    return (
        question.text,
        answer,
        reading.value or " ".join(answer.split()) or BLANK,
        question.unit or BLANK,
        ref_list(reading.refs),
        _list(passage.metadata.get("url", "") for passage in cited),
        _materials(cited),
        reading.explanation or BLANK,
    )


def _matrix_row(by_cell: Mapping[str, CaseResult], cells: Sequence[Cell]) -> tuple[str, ...]:
    question = next(iter(by_cell.values())).case.question
    gold = " | ".join(question.answers) or BLANK
    found = [field for cell in cells for field in _matrix_fields(by_cell.get(cell.label))]
    return (question.text, gold, ref_list(question.gold_passages), *found)


def _matrix_fields(result: CaseResult | None) -> tuple[str, ...]:
    if result is None or result.reading is None:
        return ("",) * len(PER_CELL)
    blank, answerable = is_blank(result), result.case.question.answerable
    return (
        BLANK if blank else result.reading.value,
        ref_list(result.reading.refs),
        str(int(result.outcome == "correct")),
        _ref_score(result),
        str(int(answerable or blank)),
    )


def is_blank(result: CaseResult) -> bool:
    """Whether the answer as read abstains; an answer that could not be read does not."""
    if result.answer is None or result.reading is None or result.reading.problem is not None:
        return False
    return score("blank", _evidence(result, result.answer, result.reading)).value == 1.0


def ref_list(refs: Iterable[str]) -> str:
    """Passage ids as the Python-style list that WattBot files hold; is_blank for none."""
    return _list(refs)


def _list(values: Iterable[str]) -> str:
    kept = [value for value in values if value]
    return repr(kept) if kept else BLANK


def _materials(passages: Sequence[Passage]) -> str:
    return " | ".join(" ".join(passage.text.split()) for passage in passages) or BLANK


def _ref_score(result: CaseResult) -> str:
    found = next((found for found in result.scores if found.metric == "ref_overlap"), None)
    if found is None and result.answer is not None and result.reading is not None:
        found = score("ref_overlap", _evidence(result, result.answer, result.reading))
    return "" if found is None or found.value is None else str(found.value)


def _evidence(result: CaseResult, answer: Answer, reading: Reading) -> Evidence:
    return Evidence(question=result.case.question, answer=answer, reading=reading, passages=result.passages)


def _write(path: Path, rows: Iterable[Sequence[str]], *, quoting: int = csv.QUOTE_MINIMAL) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n", quoting=quoting)  # type: ignore[arg-type]
        writer.writerows([csv_text(field) for field in row] for row in rows)
