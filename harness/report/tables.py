"""results.parquet and results.csv: one row per case, the case columns first, then the factors and the texts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.analysis.frame import CaseTables, storable
from harness.records import CaseResult, Reading
from harness.report.escape import csv_text

if TYPE_CHECKING:
    from pandas import DataFrame, Series

FACTORS = ("context", "quantisation", "adapter")
MARKS = (
    *("answer_type", "answerable", "question_hash", "scorer", "template", "template_hash"),
    *("finish_reason", "truncated_passages", "bos_count", "flipped"),
)
TEXTS: dict[str, Callable[[CaseResult], str | None]] = {
    "question": lambda result: result.case.question.text,
    "gold": lambda result: json.dumps(result.case.question.answers, ensure_ascii=False),
    "answer": lambda result: None if result.answer is None else result.answer.text,
    "value": lambda result: _read(result, lambda reading: reading.value),
    "refs": lambda result: _read(result, lambda reading: json.dumps(reading.refs, ensure_ascii=False)),
    "explanation": lambda result: _read(result, lambda reading: reading.explanation),
    "problem": lambda result: _read(result, lambda reading: reading.problem),
    "passage_ids": lambda result: json.dumps([passage.id for passage in result.passages], ensure_ascii=False),
    "error": lambda result: result.error or (None if result.answer is None else result.answer.error),
}


def result_table(tables: CaseTables) -> "DataFrame":
    """The case columns, the condition's factors, what marks question, prompt and answer, and the texts.

    Missing stays missing.
    """
    import pandas as pd

    texts = {name: pd.Series(_column(tables, text), dtype="string") for name, text in TEXTS.items()}
    return pd.concat([tables.cases, tables.details[[*FACTORS, *MARKS]], pd.DataFrame(texts)], axis=1)


def write_parquet(table: "DataFrame", path: Path) -> None:
    """Write the exact values."""
    table.to_parquet(path, engine="pyarrow", index=False)


def write_csv(table: "DataFrame", path: Path) -> None:
    """Write the table with its texts made safe for spreadsheets; missing values are empty fields."""
    text_columns = [name for name in table.columns if table[name].dtype == "string"]
    safe = table.assign(**{name: _safe(table[name]) for name in text_columns})
    safe.to_csv(
        path, index=False, lineterminator="\n", encoding="utf-8", header=[csv_text(str(name)) for name in table]
    )


def _safe(texts: "Series[str]") -> "Series[str]":
    """Each different text made safe once: most stand in many rows."""
    import pandas as pd

    codes, known = pd.factorize(texts)
    made = pd.array([csv_text(text) for text in known], dtype="string")
    return pd.Series(made.take(codes, allow_fill=True), index=texts.index)


def _column(tables: CaseTables, text: Callable[[CaseResult], str | None]) -> list[str | None]:
    found = [text(result) for result in tables.results]
    return [None if value is None else storable(value) for value in found]


def _read(result: CaseResult, part: Callable[[Reading], str | None]) -> str | None:
    return None if result.reading is None else part(result.reading)
