"""The WattBot question table `train_QA.csv`: values with units, cited documents, and questions without an answer."""

import ast
import re
from collections.abc import Sequence

from harness.datasets import parse
from harness.datasets.problems import BadField, BadRow
from harness.datasets.rows import Row, optional
from harness.records import AnswerType, Question

BLANK = "is_blank"
FLAGS = ("Quote", "Table", "Figure", "Math", "is_NA")
_NEEDED = frozenset({"id", "question", "answer_value", "ref_id"})
_USED = frozenset({"id", "question", "answer_value", "answer_unit", "ref_id"})
_ON = frozenset({"1", "1.0", "true"})
_NUMBER = re.compile(r"[-+]?(?:[0-9][0-9,]*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_RANGE = re.compile(r"\[\s*[-+0-9.eE]+\s*,\s*[-+0-9.eE]+\s*\]")
_LIST = re.compile(r"\[.*\]|\{.*\}", re.DOTALL)
_STATEMENT = re.compile(r"\s*true or false\b", re.IGNORECASE)


def is_wattbot(header: Sequence[str]) -> bool:
    """Whether a table's column names are those of WattBot."""
    return set(header) >= _NEEDED


def wattbot_question(row: Row) -> Question:
    """A question of the table.

    `answer_value` is the accepted answer as it is written, and `is_blank` there means that the question cannot be
    answered. The documents of `ref_id` are the gold passages and the first of them the cluster. A flag that is 1
    becomes a tag; every other column is kept as metadata. The kind of answer is read off the value: a number, two
    numbers in brackets (range), other brackets (list), true/false as 1/0 after "True or false" (boolean), else text.

    Raises:
        BadRow: fields are missing or wrong.
    """
    value, unit = optional(row, "answer_value").strip(), optional(row, "answer_unit")
    if not value:
        raise BadRow([BadField("answer_value", f"is empty: the answer, or {BLANK}")])
    blank = value.lower() == BLANK
    refs = references(optional(row, "ref_id"))
    on = [flag for flag in FLAGS if str(row.fields.get(flag, "")).strip().lower() in _ON]
    fields = {
        "id": row.fields["id"],
        "question": row.fields["question"],
        "answers": None if blank else [value],
        "answer_type": _answer_type(value, optional(row, "question")),
        "unit": None if unit.strip().lower() == BLANK else unit,
        "gold_passages": refs,
        "cluster": refs[0] if refs else None,
        "tags": on,
        "answerable": not blank,
        "metadata": {name: cell for name, cell in row.fields.items() if name not in _USED and name not in on},
    }
    return parse.question(Row(place=row.place, fields=fields))


def references(cell: str) -> list[str]:
    """The ids of a `ref_id` cell: a list as Python writes it, or one id; none for "" and `is_blank`."""
    try:
        value = ast.literal_eval(cell.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        value = cell
    items = value if isinstance(value, list | tuple | set) else [cell]
    names = [str(item).strip() for item in items]
    return [name for name in dict.fromkeys(names) if name and name.lower() != BLANK]


def _answer_type(value: str, question: str) -> AnswerType:
    if value.lower() in {"true", "false"} or (value in {"0", "1"} and _STATEMENT.match(question)):
        return "boolean"
    if _NUMBER.fullmatch(value):
        return "number"
    if _RANGE.fullmatch(value):
        return "range"
    return "list" if _LIST.fullmatch(value) else "text"
