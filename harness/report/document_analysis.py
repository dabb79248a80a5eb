"""The whole analysis as plain values for JSON: every part in full, a refusal as its reason, and finite numbers."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from math import isfinite, isnan

import numpy as np

from harness.analysis.grid_answers import QuestionViews
from harness.analysis.refusals import Refused
from harness.analysis.whole import Analysis

QUESTIONS_MOST = 5_000
Json = dict[str, object]


def analysis_document(analysis: Analysis) -> Json:
    """Every part of the analysis under its name, in the order of its fields.

    A part without a result is {"refused": reason}. A number that is not finite is null, and FIELD_reason beside it says
    what it was. Above 5,000 questions the rows of single questions are left out, which `left_out` then says.
    """
    found = {field.name: plain_value(getattr(analysis, field.name)) for field in fields(analysis)}
    if isinstance(analysis.questions, QuestionViews):
        found["questions"] = _questions(analysis.questions)
    return found


def plain_value(value: object) -> object:
    """A value as JSON holds it: dataclasses as objects, arrays and tuples as lists, numbers as Python's own.

    Raises:
        TypeError: it is of a kind that JSON cannot hold.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Refused):
        return {"refused": value.reason}
    if is_dataclass(value) and not isinstance(value, type):
        return _members({field.name: getattr(value, field.name) for field in fields(value)})
    if isinstance(value, Mapping):
        return _members({str(name): part for name, part in value.items()})
    return _number_or_list(value)


def _number_or_list(value: object) -> object:
    if isinstance(value, np.ndarray | np.generic):
        return plain_value(value.tolist())
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, tuple | list):
        return [plain_value(part) for part in value]
    raise TypeError(f"{type(value).__name__} cannot stand in summary.json")


def _members(members: Mapping[str, object]) -> Json:
    made: Json = {}
    for name, part in members.items():
        made[name] = plain_value(part)
        if (why := _not_finite(part)) is not None:
            made[f"{name}_reason"] = why
    return made


def _not_finite(value: object) -> str | None:
    """Why a number, or some of an array of numbers, is null; None where all are finite or it is no number."""
    if isinstance(value, tuple | list) and value and all(isinstance(part, float) for part in value):
        value = np.asarray(value)
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        odd = int((~np.isfinite(value)).sum())
        return f"{odd} of {value.size} numbers are not finite" if odd else None
    if not isinstance(value, float) or isfinite(value):
        return None
    return "not a number" if isnan(value) else f"{'below' if value < 0 else 'above'} every number"


def _questions(views: QuestionViews) -> Json:
    if len(views.questions) <= QUESTIONS_MOST:
        return {field.name: plain_value(getattr(views, field.name)) for field in fields(views)}
    told = f"{len(views.questions)} rows, one per question, of which at most {QUESTIONS_MOST} stand here"
    return {
        "questions": {"left_out": f"{told}; results.parquet holds every case"},
        "wins": plain_value(views.wins),
        "agreements": plain_value(views.agreements),
    }
