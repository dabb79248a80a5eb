"""Files of questions, passages or worked examples: which format they have, and what they hold."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, cast

from harness.datasets import parse
from harness.datasets.json_text import array_rows, json_document, jsonl_rows
from harness.datasets.parse import Contents
from harness.datasets.problems import Problem
from harness.datasets.rows import Row
from harness.datasets.squad import flat_squad_contents, is_flat_squad, is_squad, squad_contents
from harness.datasets.tables import Rows, csv_header, csv_rows, parquet_rows
from harness.datasets.wattbot import is_wattbot, wattbot_question

Kind = Literal["questions", "passages", "shots"]
Format = Literal["jsonl", "json", "csv", "parquet"]

_BY_ENDING: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_ALLOWED = "JSON lines (.jsonl), CSV (.csv), Parquet (.parquet) or SQuAD JSON (.json)"


def file_contents(file: str, data: bytes, kind: Kind | None = None) -> Contents:
    """What a file holds. It is named by `file` in every place.

    Args:
        file: the name to show; its ending tells the format, or else the first bytes do.
        data: the file's bytes.
        kind: what is expected; None guesses by the fields of the first row.

    Raises:
        MissingExtra: the file is Parquet and pyarrow is not installed.
    """
    if not data.strip():
        return Contents(problems=(Problem(place=file, message="is empty"),))
    found = file_format(file, data)
    if found is None:
        return Contents(problems=(Problem(place=file, message=f"is of no known format: {_ALLOWED}"),))
    if found == "json":
        return _json_contents(file, data, kind)
    if found == "csv":
        return _csv_contents(file, data, kind)
    reader = parquet_rows if found == "parquet" else jsonl_rows
    return rows_contents(reader(file, data), kind)


def file_format(file: str, data: bytes) -> Format | None:
    """The format by the name's ending, else by the first bytes; None when neither tells."""
    for ending, found in _BY_ENDING.items():
        if file.lower().endswith(ending):
            return found
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if data.startswith(b"PAR1"):
        return "parquet"
    if start in {b"{", b"["}:
        return "json"
    return "csv" if {"id", "question", "text"} & set(csv_header(data)) else None


def rows_contents(found: Rows, kind: Kind | None = None) -> Contents:
    """Rows as what they are: questions, passages or worked examples, or SQuAD with one question a row."""
    rows, problems = found
    if is_flat_squad(rows):
        flat = flat_squad_contents(rows)
        return replace(flat, problems=(*problems, *flat.problems))
    match kind or _guessed(rows):
        case "questions":
            questions, wrong = parse.parse_rows(rows, parse.question)
            return Contents(questions=questions, problems=(*problems, *wrong))
        case "passages":
            passages, wrong = parse.parse_rows(rows, parse.passage)
            return Contents(passages=passages, problems=(*problems, *wrong))
        case "shots":
            shots, wrong = parse.parse_rows(rows, parse.shot)
            return Contents(shots=shots, problems=(*problems, *wrong))


def _guessed(rows: Sequence[Row]) -> Kind:
    names = rows[0].fields.keys() if rows else set()
    if "id" not in names and "question" in names and {"passages", "refs", "explanation"} & names:
        return "shots"
    return "passages" if "text" in names and "question" not in names else "questions"


def _json_contents(file: str, data: bytes, kind: Kind | None) -> Contents:
    try:
        document = json_document(data)
    except ValueError as error:
        # JSON lines are often named .json: one object a line, so the first line is a whole one.
        lines = jsonl_rows(file, data)
        if lines[0]:
            return rows_contents(lines, kind)
        return Contents(problems=(Problem(place=file, message=str(error)),))
    if is_squad(document):
        return squad_contents(file, cast(dict[str, object], document))
    if isinstance(document, list):
        return rows_contents(array_rows(file, document), kind)
    return rows_contents(jsonl_rows(file, data), kind)


def _csv_contents(file: str, data: bytes, kind: Kind | None) -> Contents:
    found = csv_rows(file, data)
    rows, problems = found
    if kind in {None, "questions"} and rows and is_wattbot(tuple(rows[0].fields)):
        questions, wrong = parse.parse_rows(rows, wattbot_question)
        return Contents(questions=questions, problems=(*problems, *wrong))
    return rows_contents(found, kind)
