"""Tables: CSV, read as text and nothing else, and Parquet."""

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

from harness.datasets.problems import Problem
from harness.datasets.rows import Row
from harness.errors import MissingExtra

_Line = tuple[int, list[str]]
Rows = tuple[Sequence[Row], tuple[Problem, ...]]


def csv_rows(file: str, data: bytes) -> Rows:
    """The rows under the header line, every cell as it is written; a row's line is the one it starts at.

    Empty lines are passed over. A header that repeats a name, a row with more or fewer cells, and a quote that does
    not close are problems.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return (), (Problem(place=f"{file}:{line}", message=f"is not UTF-8: byte {data[error.start]:#04x}"),)
    lines, problems = _lines(file, text)
    if not lines:
        return (), problems
    number, header = lines[0]
    if twice := sorted({name for name, other in pairwise(sorted(header)) if name == other}):
        return (), (Problem(place=f"{file}:{number}", message=f"names the column {twice[0]!r} twice"),)
    return _under(file, header, lines[1:], problems)


def csv_header(data: bytes) -> Sequence[str]:
    """The names in the first line, or none when it cannot be read."""
    first = data.split(b"\n", 1)[0].decode("utf-8-sig", "replace")
    return next(csv.reader([first]), [])


def parquet_rows(file: str, data: bytes) -> Rows:
    """The rows of a Parquet file, each with its number, counted from 1, for a line.

    Raises:
        MissingExtra: pyarrow is not installed.
    """
    try:
        from pyarrow import ArrowException, BufferReader
        from pyarrow.parquet import read_table
    except ImportError:
        raise MissingExtra("a Parquet file", "report", ["pyarrow"]) from None
    try:
        items = read_table(BufferReader(data)).to_pylist()
    except (ArrowException, OSError, ValueError) as error:
        return (), (Problem(place=file, message=f"is not Parquet: {' '.join(str(error).split())}"),)
    return [Row(place=f"{file}:{number}", fields=item) for number, item in enumerate(items, 1)], ()


def _under(
    file: str, header: Sequence[str], lines: Sequence[tuple[int, list[str]]], problems: tuple[Problem, ...]
) -> Rows:
    rows: list[Row] = []
    uneven: list[Problem] = []
    for number, cells in lines:
        place = f"{file}:{number}"
        if len(cells) == len(header):
            rows.append(Row(place=place, fields=dict(zip(header, cells, strict=True)), cells=True))
        else:
            uneven.append(Problem(place=place, message=f"has {len(cells)} cells under {len(header)} columns"))
    return rows, (*uneven, *problems)


def _lines(file: str, text: str) -> tuple[list[_Line], tuple[Problem, ...]]:
    lines: list[_Line] = []
    start = 1
    with _no_field_limit():
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            for cells in reader:
                if cells:
                    lines.append((start, cells))
                start = reader.line_num + 1
        except csv.Error as error:
            return lines, (Problem(place=f"{file}:{start}", message=f"is not CSV from here on: {error}"),)
    return lines, ()


@contextmanager
def _no_field_limit() -> Iterator[None]:
    # A document in one cell may be longer than the module's own limit, which is one for the whole process.
    before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)
