"""Rows made into questions, passages and worked examples."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import partial
from typing import Any, Generic, NoReturn, TypeVar, cast, get_args

from harness.datasets import rows
from harness.datasets.problems import BadField, BadRow, Problem
from harness.datasets.rows import Row
from harness.records import AnswerType, Passage, Question, Shot

T = TypeVar("T")

ANSWER_TYPES = get_args(AnswerType)
_QUESTION = frozenset({*(field.name for field in fields(Question)), "question", "answer"} - {"text", "dataset"})
_PASSAGE = frozenset(field.name for field in fields(Passage))
_SHOT = tuple(field.name for field in fields(Shot))


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed(Generic[T]):
    """A value with the place it was read from."""

    place: str
    value: T


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What one file holds, in its order, and what is wrong in it."""

    questions: tuple[Placed[Question], ...] = ()
    passages: tuple[Placed[Passage], ...] = ()
    shots: tuple[Placed[Shot], ...] = ()
    problems: tuple[Problem, ...] = ()


def parse_rows(found: Iterable[Row], parse: Callable[[Row], T]) -> tuple[tuple[Placed[T], ...], tuple[Problem, ...]]:
    """Every row parsed, or what is wrong with it."""
    good: list[Placed[T]] = []
    problems: list[Problem] = []
    for row in found:
        try:
            good.append(Placed(place=row.place, value=parse(row)))
        except BadRow as row_problems:
            problems += [Problem(place=f"{row.place}:{bad.field}", message=str(bad)) for bad in row_problems.fields]
    return tuple(good), tuple(problems)


def question(row: Row) -> Question:
    """A question from the fields of a row; a field that is not one of a question's goes to its metadata.

    Raises:
        BadRow: fields are missing, wrong or do not agree.
    """
    values = rows.every(
        {
            "id": lambda: rows.name(row, "id"),
            "text": lambda: rows.needed(row, "question"),
            "answers": lambda: _answers(row),
            "answer_type": lambda: _answer_type(row),
            "unit": lambda: rows.optional(row, "unit"),
            "tolerance": lambda: rows.number(row, "tolerance"),
            "gold_passages": lambda: rows.texts(row, "gold_passages"),
            "cluster": lambda: rows.optional(row, "cluster"),
            "task": lambda: rows.optional(row, "task"),
            "tags": lambda: rows.texts(row, "tags"),
            "answerable": lambda: rows.truth(row, "answerable", default=True),
            "options": lambda: rows.texts(row, "options"),
            "metadata": lambda: rows.metadata(row, _QUESTION),
        }
    )
    return _agreeing(Question(**cast(Mapping[str, Any], values)))


def passage(row: Row) -> Passage:
    """A passage from the fields of a row; a field that is not one of a passage's goes to its metadata.

    Raises:
        BadRow: fields are missing or wrong.
    """
    values = rows.every(
        {
            "id": lambda: rows.name(row, "id"),
            "text": lambda: rows.needed(row, "text"),
            "title": lambda: rows.optional(row, "title"),
            "document": lambda: rows.optional(row, "document"),
            "metadata": lambda: rows.metadata(row, _PASSAGE),
        }
    )
    return Passage(**cast(Mapping[str, Any], values))


def shot(row: Row) -> Shot:
    """A worked example from the fields of a row; its refs must be ids of its own passages.

    Raises:
        BadRow: fields are missing, wrong or not known.
    """
    values = rows.every(
        {
            "question": lambda: rows.needed(row, "question"),
            "answer": lambda: rows.needed(row, "answer"),
            "passages": lambda: _shot_passages(row.fields.get("passages")),
            "refs": lambda: rows.texts(row, "refs"),
            "explanation": lambda: rows.optional(row, "explanation"),
            **{field: partial(_not_known, field) for field in row.fields if field not in _SHOT},
        }
    )
    parsed = Shot(**cast(Mapping[str, Any], values))
    if strange := [ref for ref in parsed.refs if ref not in {passage.id for passage in parsed.passages}]:
        raise BadRow([BadField("refs", f"names {strange[0]!r}, which is not one of its passages")])
    return parsed


def _not_known(field: str) -> NoReturn:
    raise BadField(field, f"is not a field of a worked example: {', '.join(_SHOT)}")


def _shot_passages(value: object) -> tuple[Passage, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise BadField("passages", "is not a list of objects with id, text and title")
    try:
        return tuple(passage(Row(place="", fields=item)) for item in value)
    except BadRow as bad:
        raise BadField("passages", str(bad)) from None


def _answers(row: Row) -> tuple[str, ...]:
    if row.has("answers") and row.has("answer"):
        raise BadField("answer", "stands beside answers: keep one of the two")
    field = "answers" if "answers" in row.fields else "answer"
    value = row.fields.get(field)
    if not row.has(field):
        return ()
    if row.cells:
        # A list of numbers is a range or a list answer; only a list of texts is several accepted answers.
        value = rows.json_texts(cast(str, value)) or value
    items = value if isinstance(value, list) else [value]
    found = tuple(rows.text(item, field) for item in items)
    if not all(item.strip() for item in found):
        raise BadField(field, "holds an empty text: a question without an answer has answerable false and no answers")
    return found


def _answer_type(row: Row) -> AnswerType:
    kind = rows.optional(row, "answer_type") or "text"
    if kind not in ANSWER_TYPES:
        near = get_close_matches(kind, ANSWER_TYPES, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise BadField("answer_type", f"is {kind!r}: {hint}one of {', '.join(ANSWER_TYPES)}")
    return cast(AnswerType, kind)


def _agreeing(parsed: Question) -> Question:
    if parsed.answerable and not parsed.answers:
        raise BadRow([BadField("answers", "is empty: give the accepted answers, or answerable false")])
    if not parsed.answerable and parsed.answers:
        message = f"holds {parsed.answers[0]!r} although answerable is false: keep one of the two"
        raise BadRow([BadField("answers", message)])
    if parsed.answer_type == "choice" and not parsed.options:
        raise BadRow([BadField("options", "is empty: a choice question names its options")])
    return parsed


def repeated(placed: Sequence[Placed[T]], name: Callable[[T], str], field: str) -> tuple[Problem, ...]:
    """A problem for each name that an earlier value has already, naming both places."""
    first: dict[str, str] = {}
    problems: list[Problem] = []
    for item in placed:
        known = first.setdefault(name(item.value), item.place)
        if known != item.place:
            message = f"{name(item.value)!r} is already at {known}: every {field} is used once"
            problems.append(Problem(place=f"{item.place}:{field}", message=message))
    return tuple(problems)
