"""What is wrong with the data, if anything: each flag with its count, so that its weight can be seen."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.audit import (
    constant_answer,
    differing_questions,
    duplicate_cells,
    score_mismatches,
    unread_rows,
)
from harness.analysis.cells import Coverage, answered_rows, by_cell, coverage, is_size, share_correct
from harness.analysis.frame import CaseTables, metric_columns
from harness.analysis.run import RunInfo
from harness.analysis.verdicts import percent
from harness.records import Score

if TYPE_CHECKING:
    from pandas import DataFrame

ERRORS_OVER = 0.10
UNPARSED_OVER = 0.10
CUT_OVER = 0.10
BROKEN_BELOW = 0.2
LOW_BELOW = 0.4
HIGH_LATENCY_S = 60.0
TEXT_SHOWN = 40
EXPERIMENT = ["model", "condition", "dataset"]

Found = Iterator[tuple[str, str]]
Scores = Mapping[str, Sequence[Score]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One thing to look at; `cell` is None when it concerns the whole run."""

    code: str
    cell: str | None
    message: str


def find_flags(tables: CaseTables, run: RunInfo, again: Scores | None = None) -> tuple[Flag, ...]:
    """Every flag that the stored results give reason for: the run's first, then cell by cell.

    `again` maps case labels to the scores computed again from the stored answers; without it no stored score is
    checked.
    """
    duplicates = {found.cell: found for found in duplicate_cells(tables, _temperature(run))}
    priced = bool(tables.cases["cost_usd"].notna().any())
    flags = [Flag(code=code, cell=None, message=message) for code, message in _of_run(tables, run)]
    for cases, details in by_cell(tables):
        cell = str(cases["cell"].iloc[0])
        found = [*_of_cell(cases, details), *_of_model(cases), *_of_texts(tables, cases, again or {})]
        if cell in duplicates:
            twin = duplicates[cell]
            found.append(("DUPLICATE_RUN", f"all {twin.answered} answers are word for word those of {twin.of}"))
        if priced:
            found.extend(_of_cost(cases))
        flags.extend(Flag(code=code, cell=cell, message=message) for code, message in found)
    return tuple(flags)


def experiment_flags(rows: "DataFrame", metric: str = "primary") -> tuple[Flag, ...]:
    """The flags that aggregates alone give reason for, row by row; `cell` is "MODEL CONDITION DATASET".

    Args:
        rows: one row per experiment with `model`, `params_b`, `condition`, `dataset`, and `cost_usd` where costs are
            known at all.
        metric: the column of the score in [0, 1]; a row without one is not judged by it.
    """
    flags: list[Flag] = []
    seen: Counter[tuple[str, ...]] = Counter()
    for _, row in rows.iterrows():
        name = tuple("" if _is_missing(row[part]) else str(row[part]) for part in EXPERIMENT)
        seen[name] += 1
        found = [*_no_model(name[0], np.nan if _is_missing(row["params_b"]) else float(row["params_b"]))]
        if not _is_missing(row[metric]):
            found.extend(_low_score(float(row[metric]), f"the {metric} score is {float(row[metric]):.3f}"))
        if "cost_usd" in rows.columns and _is_missing(row["cost_usd"]):
            found.append(("NO_COST_DATA", "the cost is not known"))
        elif "cost_usd" in rows.columns and row["cost_usd"] == 0:
            found.append(("ZERO_COST", "the cost is 0"))
        if seen[name] > 1:
            found.append(("DUPLICATE_RUN", f"row {seen[name]} of this model, condition and data set"))
        flags.extend(Flag(code=code, cell=" ".join(filter(None, name)), message=message) for code, message in found)
    return tuple(flags)


def _of_run(tables: CaseTables, run: RunInfo) -> Found:
    if len(tables.cases) < run.planned:
        yield "MISSING_QUESTIONS", f"{run.planned - len(tables.cases)} of {run.planned} planned cases are not reported"
    versions: dict[str, list[str]] = defaultdict(list)
    for column in metric_columns(tables.cases):
        versions[column.rpartition("@")[0]].append(column)
    for columns in versions.values():
        if len(columns) > 1:
            yield "MIXED_SCORERS", f"{' and '.join(columns)} stand side by side: run harness rescore"
    if unlike := differing_questions(tables.cases, tables.details["scorer"]):
        yield "MIXED_SCORERS", f"{len(unlike)} questions are judged by different metrics or versions in different cells"
    asked = {frozenset(zip(cases["dataset"], cases["question_id"], strict=True)) for cases, _ in by_cell(tables)}
    if len(asked) > 1:
        sizes = sorted(len(questions) for questions in asked)
        yield (
            "MIXED_QUESTION_SETS",
            f"cells were asked {len(asked)} different sets of questions ({sizes[0]} to {sizes[-1]} questions)",
        )
    if unlike := differing_questions(tables.cases, tables.details["question_hash"]):
        counts = f"{len(unlike)} questions differ in text or gold answers between cells although their ids agree"
        yield "MIXED_QUESTION_SETS", f"{counts} (first: {unlike[0]!r})"


def _of_cell(cases: "DataFrame", details: "DataFrame") -> Found:
    ledger = coverage(cases, details)
    yield from _of_coverage(ledger)
    yield from _of_answers(cases, details, ledger)
    yield from _of_share(cases, details)


def _of_coverage(ledger: Coverage) -> Found:
    if ledger.missing:
        yield "MISSING_QUESTIONS", f"{ledger.missing} of {ledger.planned} planned questions were not asked yet"
    if ledger.errored > ERRORS_OVER * ledger.planned:
        yield "ERRORS", f"{ledger.errored} of {ledger.planned} calls failed"
    lost = f"{ledger.truncated} of {ledger.answered} prompts lost passages to the context window"
    ended = f"{ledger.cut} of {ledger.answered} answers were cut at the token limit"
    parts = [*([lost] if ledger.truncated else []), *([ended] if ledger.cut > CUT_OVER * ledger.answered else [])]
    if parts:
        yield "TRUNCATED", "; ".join(parts)


def _of_answers(cases: "DataFrame", details: "DataFrame", ledger: Coverage) -> Found:
    spoken = (details["answer_characters"] > 0).fillna(value=False)
    unread = unread_rows(cases, details)
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


def _of_share(cases: "DataFrame", details: "DataFrame") -> Found:
    share = share_correct(cases)
    planned, told = share.intent_to_test, share.complete_case
    if told is None:
        return
    if planned.se is not None and told.estimate - planned.estimate > planned.se:
        shares = f"{percent(planned)} % of {planned.n} planned, {percent(told)} % of {told.n} answered questions"
        yield "MISSING_MATTERS", f"right are {shares}: further apart than the standard error"
    asked = details[answered_rows(cases)]
    floor, name = _floor(asked)
    if told.low is not None and told.low <= floor:
        below = told.high is not None and told.high < floor
        against = f"{'fewer than by' if below else 'cannot be told from'} {name} ({100 * floor:.0f} %)"
        yield "AT_FLOOR", f"{share.correct} of {told.n} answers right: {against if floor else 'nothing to compare'}"
    yield from _low_score(share.correct / told.n, f"{share.correct} of {told.n} answers right")


def _floor(asked: "DataFrame") -> tuple[float, str]:
    """What the best answer without knowledge expects over at least one question, and its name."""
    guess = asked["guess"]
    yes = asked["gold_truth"].dropna().astype(np.float64)
    most = max(yes.mean(), 1 - yes.mean()) if len(yes) else 0.0
    majority = guess.where(asked["gold_truth"].isna(), most)
    blank = (asked["answerable"] == 0).astype(np.float64)
    floors = ((guess, "guessing"), (blank, "always blank"), (majority, "the more frequent truth"))
    return max(((float(values.mean()), name) for values, name in floors), key=lambda floor: floor[0])


def _low_score(score: float, found: str) -> Found:
    """Thresholds on a score in [0, 1]; the run is shown all the same."""
    if score < BROKEN_BELOW:
        yield (
            "BROKEN_RUN",
            f"{found}, below {100 * BROKEN_BELOW:.0f} %: read some prompts and answers before the number",
        )
    elif score < LOW_BELOW:
        yield "LOW_SCORE", f"{found}, below {100 * LOW_BELOW:.0f} %"


def _of_model(cases: "DataFrame") -> Found:
    first = cases.iloc[0]
    return _no_model(str(first["model"]), float(first["params_b"]))


def _no_model(model: str, params_b: float) -> Found:
    if not model:
        yield "NO_MODEL", "no model is named"
    elif np.isnan(params_b):
        yield "NO_MODEL", f"the size of {model} is not known: it stands in no scaling line"
    elif not is_size(params_b):
        yield "NO_MODEL", f"the size of {model} is given as {params_b:g} billion: it stands in no scaling line"


def _of_texts(tables: CaseTables, cases: "DataFrame", again: Scores) -> Found:
    results = [tables.results[int(place)] for place in cases.index]
    if (same := constant_answer(results)) is not None:
        text = same.text if len(same.text) <= TEXT_SHOWN else f"{same.text[:TEXT_SHOWN]}…"
        given = f"{same.given} of {same.answered} answers are {text!r}"
        right = f"right for {same.right} of the {same.answered} questions"
        yield "CONSTANT_ANSWERS", f"{given}, {right}: do not read the share as skill"
    stored = {result.case.label: result.scores for result in results if result.case.label in again}
    if wrong := score_mismatches(stored, again):
        columns = " and ".join(sorted({found.column for found in wrong}))
        counts = f"{len({found.case for found in wrong})} of {len(stored)} answers score otherwise when scored again"
        yield "SCORE_MISMATCH", f"{counts} ({columns}): run harness rescore"


def _of_cost(cases: "DataFrame") -> Found:
    """Only for runs in which some cost is known; a local run has none."""
    there = answered_rows(cases)
    costs = cases["cost_usd"][there]
    used = (cases["prompt_tokens"] + cases["output_tokens"])[there] > 0
    if unknown := int(costs.isna().sum()):
        yield "NO_COST_DATA", f"{unknown} of {len(costs)} answers have no known cost"
    if free := int(((costs == 0) & used.fillna(value=False)).sum()):
        yield "ZERO_COST", f"{free} of {len(costs)} answers used tokens and cost 0"


def _temperature(run: RunInfo) -> float | None:
    """The temperature that the run's manifest tells, or None."""
    value: object = run.manifest
    for part in ("settings", "decoding", "temperature"):
        value = value.get(part) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) else None


def _is_missing(value: object) -> bool:
    from pandas import isna

    return bool(isna(value))  # type: ignore[call-overload]
