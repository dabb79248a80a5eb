"""Rows of named fields, and the kinds of value that a field may hold."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite

from harness.datasets.problems import BadField, BadRow

_TRUE = frozenset({"true", "yes", "1"})
_FALSE = frozenset({"false", "no", "0"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row with its place in the file. In a row of `cells` every value is text, as in CSV."""

    place: str
    fields: Mapping[str, object]
    cells: bool = False

    def has(self, field: str) -> bool:
        """Whether the field holds something: it is there, not null, and in a row of cells not empty."""
        value = self.fields.get(field)
        return value is not None and not (self.cells and value == "")


def every(fields: Mapping[str, Callable[[], object]]) -> Mapping[str, object]:
    """The value of each field.

    Raises:
        BadRow: some could not be read; it holds all of them, not only the first.
    """
    values: dict[str, object] = {}
    bad: list[BadField] = []
    for field, read in fields.items():
        try:
            values[field] = read()
        except BadField as problem:
            bad.append(problem)
    if bad:
        raise BadRow(bad)
    return values


def needed(row: Row, field: str) -> str:
    """A text that must be there and say something."""
    if not row.has(field):
        raise BadField(field, "is empty" if row.fields.get(field) == "" else "is missing")
    value = text(row.fields[field], field)
    if not value.strip():
        raise BadField(field, "is empty")
    return value


def name(row: Row, field: str) -> str:
    """An identifier: a text, or a whole number taken as text, without line breaks and outer spaces."""
    value = row.fields.get(field)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    found = needed(row, field)
    if found != found.strip() or not found.isprintable():
        raise BadField(field, f"is {found!r}: an id has no outer spaces, line breaks or control characters")
    return found


def optional(row: Row, field: str) -> str:
    """A text, empty when the field is not there."""
    return text(row.fields[field], field) if row.has(field) else ""


def texts(row: Row, field: str) -> tuple[str, ...]:
    """Several texts, none when the field is not there: a list or one text; in a cell a JSON list or parts after `;`."""
    if not row.has(field):
        return ()
    value = row.fields[field]
    if row.cells and isinstance(value, str):
        listed = json_texts(value)
        value = [part.strip() for part in value.split(";") if part.strip()] if listed is None else listed
    items = value if isinstance(value, list) else [value]
    return tuple(text(str(item) if _is_whole(item) else item, field) for item in items)


def json_texts(cell: str) -> list[str] | None:
    """The texts of a cell that is a JSON list of texts; None for any other cell, also for `[80, 90]`."""
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) and all(isinstance(item, str) for item in value) else None


def number(row: Row, field: str) -> float | None:
    """A number that is finite and not below 0; None when the field is not there."""
    if not row.has(field):
        return None
    value = row.fields[field]
    try:
        found = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else -1.0
    except (ValueError, OverflowError):
        found = -1.0
    if not isfinite(found) or found < 0:
        raise BadField(field, f"is {_shown(value)}: a number of at least 0")
    return found


def truth(row: Row, field: str, default: bool) -> bool:
    """True or false, in a cell also yes, no, 1, 0 in any case; `default` when the field is not there."""
    if not row.has(field):
        return default
    value = row.fields[field]
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if row.cells and isinstance(value, str) else ""
    if word not in _TRUE | _FALSE:
        raise BadField(field, f"is {_shown(value)}: true or false")
    return word in _TRUE


def text(value: object, field: str) -> str:
    """The value, which must be a text that a file can hold."""
    if not isinstance(value, str):
        raise BadField(field, f"is {_shown(value)}, {kind(value)}: a text is needed, in quotes")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadField(field, "holds half of a surrogate pair, which is no character") from None
    return value


def kind(value: object) -> str:
    """What a value of JSON is, in words and with an article."""
    kinds = {bool: "true/false", int: "a number", float: "a number", list: "a list", dict: "an object", str: "a text"}
    return kinds.get(type(value), type(value).__name__)


def metadata(row: Row, known: frozenset[str]) -> Mapping[str, str]:
    """The row's own `metadata` and its fields that are not known, as text: what is no text becomes JSON."""
    own = row.fields.get("metadata")
    if row.cells and isinstance(own, str):
        own = {"metadata": own} if own else None
    if own is not None and not isinstance(own, Mapping):
        raise BadField("metadata", f"is {_shown(own)}: an object of texts")
    extra = {field: value for field, value in row.fields.items() if field not in known}
    return {field: _as_text(value, field) for field, value in {**extra, **(own or {})}.items()}


def _as_text(value: object, field: str) -> str:
    return text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str), field)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _shown(value: object, limit: int = 40) -> str:
    shown = repr(value)
    return shown if len(shown) <= limit else f"{shown[:limit]}..."
