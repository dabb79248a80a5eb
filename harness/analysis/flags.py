"""What is wrong with the data, if anything: each flag with its count, so that its weight can be seen."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.cells import Coverage, answered_rows, by_cell, coverage, share_correct
from harness.analysis.frame import CaseTables, metric_columns
from harness.analysis.run import RunInfo
from harness.analysis.verdicts import percent

if TYPE_CHECKING:
    from pandas import DataFrame

ERRORS_OVER = 0.10
UNPARSED_OVER = 0.10
HIGH_LATENCY_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One thing to look at; `cell` is None when it concerns the whole run."""

    code: str
    cell: str | None
    message: str


def find_flags(tables: CaseTables, run: RunInfo) -> tuple[Flag, ...]:
    """Every flag that the stored results give reason for: the run's first, then cell by cell."""
    whole = [Flag(code=code, cell=None, message=message) for code, message in _of_run(tables, run)]
    per_cell = [
        Flag(code=code, cell=str(cases["cell"].iloc[0]), message=message)
        for cases, details in by_cell(tables)
        for code, message in _of_cell(cases, details)
    ]
    return (*whole, *per_cell)


def _of_run(tables: CaseTables, run: RunInfo) -> Iterator[tuple[str, str]]:
    if len(tables.cases) < run.planned:
        yield "MISSING_QUESTIONS", f"{run.planned - len(tables.cases)} of {run.planned} planned cases are not reported"
    versions: dict[str, list[str]] = defaultdict(list)
    for column in metric_columns(tables.cases):
        versions[column.rpartition("@")[0]].append(column)
    for columns in versions.values():
        if len(columns) > 1:
            yield "MIXED_SCORERS", f"{' and '.join(columns)} stand side by side: run harness rescore"
    asked = {frozenset(zip(cases["dataset"], cases["question_id"], strict=True)) for cases, _ in by_cell(tables)}
    if len(asked) > 1:
        sizes = sorted(len(questions) for questions in asked)
        yield (
            "MIXED_QUESTION_SETS",
            f"cells were asked {len(asked)} different sets of questions ({sizes[0]} to {sizes[-1]} questions)",
        )


def _of_cell(cases: "DataFrame", details: "DataFrame") -> Iterator[tuple[str, str]]:
    ledger = coverage(cases, details)
    yield from _of_coverage(ledger)
    yield from _of_answers(cases, details, ledger)
    yield from _of_share(cases, details)


def _of_coverage(ledger: Coverage) -> Iterator[tuple[str, str]]:
    if ledger.missing:
        yield "MISSING_QUESTIONS", f"{ledger.missing} of {ledger.planned} planned questions were not asked yet"
    if ledger.errored > ERRORS_OVER * ledger.planned:
        yield "ERRORS", f"{ledger.errored} of {ledger.planned} calls failed"
    if ledger.truncated:
        yield "TRUNCATED", f"{ledger.truncated} of {ledger.answered} prompts lost passages to the context window"


def _of_answers(cases: "DataFrame", details: "DataFrame", ledger: Coverage) -> Iterator[tuple[str, str]]:
    spoken = (details["answer_characters"] > 0).fillna(value=False)
    unread = spoken & (cases["outcome"] == "unparsed").fillna(value=False)
    if unread.sum() > UNPARSED_OVER * ledger.answered:
        cut = int((unread & (details["finish_reason"] == "length").fillna(value=False)).sum())
        counts = f"{unread.sum()} of {ledger.answered} answers have text that could not be read"
        yield "EXTRACTION", f"{counts}, {cut} of them cut at the token limit: look at the prompt before the model"
    unscored = answered_rows(cases) & (cases["outcome"] != "unparsed") & cases["primary"].isna()
    if unscored.sum():
        yield (
            "UNSCORED",
            f"{unscored.sum()} of {ledger.answered} answers count as not right as they have no primary score",
        )
    if doubled := int((details["bos_count"] > 1).sum()):
        yield "DOUBLE_BOS", f"{doubled} of {ledger.answered} prompts began with more than one BOS token"
    if uncounted := int((spoken & ((cases["output_tokens"] == 0) | (cases["prompt_tokens"] == 0))).sum()):
        yield "NO_TOKENS", f"{uncounted} of {ledger.answered} answers have text but no token counts"
    if slow := int((cases["latency_s"] > HIGH_LATENCY_S).sum()):
        yield "HIGH_LATENCY", f"{slow} of {ledger.answered} answers took over {HIGH_LATENCY_S:.0f} s"
    if instant := int((cases["latency_s"] == 0).sum()):
        yield "ZERO_LATENCY", f"{instant} of {ledger.answered} answers report a latency of 0 s"
    empty = (details["context"] == "retrieved") & (details["passages"] == 0) & answered_rows(cases)
    if empty.sum():
        yield "EMPTY_RETRIEVAL", f"{empty.sum()} of {ledger.answered} prompts had no passage although some were sought"


def _of_share(cases: "DataFrame", details: "DataFrame") -> Iterator[tuple[str, str]]:
    share = share_correct(cases)
    planned, told = share.intent_to_test, share.complete_case
    if told is None:
        return
    if planned.se is not None and told.estimate - planned.estimate > planned.se:
        shares = f"{percent(planned)} % of {planned.n} planned, {percent(told)} % of {told.n} answered questions"
        yield "MISSING_MATTERS", f"right are {shares}: further apart than the standard error"
    asked = details[answered_rows(cases)]
    blanks = float(np.mean(asked["answerable"] == 0))
    floor, name = max((blanks, "always blank"), (float(asked["guess"].mean()), "guessing"))
    if told.low is not None and told.low <= floor:
        below = told.high is not None and told.high < floor
        against = f"{'fewer than by' if below else 'cannot be told from'} {name} ({100 * floor:.0f} %)"
        yield "AT_FLOOR", f"{share.correct} of {told.n} answers right: {against if floor else 'nothing to compare'}"
