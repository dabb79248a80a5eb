"""What is wrong in a file, and where."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import DataError

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake; `place` is `file:line:field`, as far as it is known, and `message` is one line."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class BadField(Exception):
    """A field that cannot be read; the message says what is wrong and what is allowed."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class BadRow(Exception):
    """A row with one or more bad fields."""

    def __init__(self, fields: Sequence[BadField]) -> None:
        super().__init__("; ".join(f"{bad.field} {bad}" for bad in fields))
        self.fields = tuple(fields)


def data_error(file: str, problems: Sequence[Problem]) -> DataError:
    """The problems of a data set as one line: the first five with their places, the count, and how to see them all.

    Args:
        file: what `harness check` has to be called with.
        problems: at least one.
    """
    first = "; ".join(map(str, problems[:_SHOWN]))
    more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return DataError(f"{count} in the data: {first}{more}: `harness check {file}` lists all")
