"""JSON read without leniency: JSON lines, and whole documents."""

import json
from collections.abc import Sequence
from typing import NoReturn

from harness.datasets.problems import Problem
from harness.datasets.rows import Row, kind

_BOM = b"\xef\xbb\xbf"


def strict_json(text: str) -> object:
    """The value of a JSON text.

    Raises:
        ValueError: it is not JSON, names a field of an object twice, or holds NaN or an infinity; one line says which.
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def jsonl_rows(file: str, data: bytes) -> tuple[Sequence[Row], tuple[Problem, ...]]:
    """The objects of JSON lines, one a line; empty lines are passed over. Lines end with a line feed alone."""
    rows: list[Row] = []
    problems: list[Problem] = []
    for number, line in enumerate(data.removeprefix(_BOM).split(b"\n"), 1):
        if not line.strip():
            continue
        place = f"{file}:{number}"
        try:
            rows.append(_row(place, strict_json(_decoded(line))))
        except ValueError as error:
            problems.append(Problem(place=place, message=str(error)))
    return rows, tuple(problems)


def array_rows(file: str, items: Sequence[object]) -> tuple[Sequence[Row], tuple[Problem, ...]]:
    """The objects of a JSON array, each with its number, counted from 1, for a line."""
    rows: list[Row] = []
    problems: list[Problem] = []
    for number, item in enumerate(items, 1):
        try:
            rows.append(_row(f"{file}:{number}", item))
        except ValueError as error:
            problems.append(Problem(place=f"{file}:{number}", message=str(error)))
    return rows, tuple(problems)


def json_document(data: bytes) -> object:
    """The value of a whole file.

    Raises:
        ValueError: it is not UTF-8 or not strict JSON.
    """
    return strict_json(_decoded(data.removeprefix(_BOM)))


def _row(place: str, value: object) -> Row:
    if not isinstance(value, dict):
        raise ValueError(f"is {kind(value)}, not an object with named fields")  # noqa: TRY004  a row's fault
    return Row(place=place, fields=value)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8: byte {data[error.start]:#04x} at {error.start + 1}") from None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"names the field {twice!r} twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"holds {name}, which is no JSON number")
