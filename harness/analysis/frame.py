"""The case table: one row per planned case, as every analysis reads it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from harness.analysis.extras import require
from harness.analysis.order import in_order
from harness.analysis.run import RunInfo
from harness.metrics.values import is_unanswerable, truth
from harness.providers.prices import cost_usd
from harness.records import Answer, CaseResult, Question
from harness.registry.catalog import tier
from harness.scoring import gold_hash
from harness.store import digest

if TYPE_CHECKING:
    from pandas import DataFrame, Series

Column = tuple[str, Callable[[CaseResult], object]]

LEADING: tuple[Column, ...] = (
    ("cell", lambda result: result.case.cell.label),
    ("model", lambda result: result.case.cell.model.name),
    ("params_b", lambda result: result.case.cell.model.params_b),
    ("tier", lambda result: tier(result.case.cell.model.params_b)),
    ("condition", lambda result: result.case.cell.condition.name),
    ("dataset", lambda result: result.case.question.dataset),
    ("question_id", lambda result: result.case.question.id),
    ("cluster", lambda result: result.case.question.cluster or None),
    ("task", lambda result: result.case.question.task or None),
    ("repeat", lambda result: result.case.cell.repeat),
    ("outcome", lambda result: result.outcome),
)
TRAILING: tuple[Column, ...] = (
    ("confidence", lambda result: result.confidence),
    ("confidence_source", lambda result: result.confidence_source),
    ("loss_nll", lambda result: _said(result, lambda answer: answer.reference_nll)),
    ("prompt_tokens", lambda result: _said(result, lambda answer: answer.prompt_tokens)),
    ("output_tokens", lambda result: _said(result, lambda answer: answer.output_tokens)),
    ("latency_s", lambda result: _said(result, lambda answer: answer.latency_s)),
    ("concurrency", lambda result: _said(result, lambda answer: answer.concurrency)),
    ("cost_usd", lambda result: _said(result, lambda answer: _cost_usd(result, answer))),
    ("key", lambda result: result.key),
    ("primary", lambda result: None if result.primary is None else result.primary.value),
)
DETAILS: tuple[Column, ...] = (
    ("context", lambda result: result.case.cell.condition.context),
    ("quantisation", lambda result: result.case.cell.condition.quantisation),
    ("adapter", lambda result: result.case.cell.condition.adapter),
    ("answer_type", lambda result: result.case.question.answer_type),
    ("answerable", lambda result: int(result.case.question.answerable)),
    ("passages", lambda result: len(result.passages)),
    ("truncated_passages", lambda result: _said(result, lambda answer: answer.truncated_passages)),
    ("bos_count", lambda result: _said(result, lambda answer: answer.bos_count)),
    ("finish_reason", lambda result: _said(result, lambda answer: answer.finish_reason)),
    ("answer_characters", lambda result: _said(result, lambda answer: len(answer.text.strip()))),
    ("flipped", lambda result: None if result.flipped is None else int(result.flipped)),
    ("gold_truth", lambda result: _gold_truth(result.case.question)),
    ("scorer", lambda result: None if result.primary is None else result.primary.column),
)
HASH_DIGITS = 16  # 64 bits: a million questions do not meet by chance
FLOATS = {"params_b", "confidence", "loss_nll", "latency_s", "cost_usd", "primary", "guess"}
INTEGERS = {
    "repeat",
    "prompt_tokens",
    "output_tokens",
    "concurrency",
    "answerable",
    "passages",
    "truncated_passages",
    "bos_count",
    "answer_characters",
    "flipped",
    "gold_truth",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateMark:
    """Which template asked: its name, and the hash that covers every field of it."""

    name: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CaseTables:
    """The sorted results as tables: `cases` and `details` hold the same rows; `reasons` counts unscored ones.

    `reasons` maps (cell, metric column) to why values are missing and how often.
    """

    results: tuple[CaseResult, ...]
    cases: "DataFrame"
    details: "DataFrame"
    reasons: Mapping[tuple[str, str], Mapping[str, int]]


def gather(results: Iterable[CaseResult], *, run: RunInfo, answers: bool = False) -> CaseTables:
    """Sort the results and lay them out; `answers` says whether the details hold the answers as read (see folded).

    Raises:
        MissingExtra: pandas or scipy is not installed.
        HarnessError: there are no results, or one case comes with two different ones.
    """
    ordered = in_order(results)
    return CaseTables(
        results=ordered,
        cases=case_frame(ordered, run=run),
        details=detail_frame(ordered, run=run, answers=answers),
        reasons=unscored_reasons(ordered),
    )


def case_frame(results: Sequence[CaseResult], *, run: RunInfo) -> "DataFrame":
    """The case columns: who was asked what, the outcome, every metric as NAME@VERSION, and what it took.

    What is unknown is missing (NA or NaN), never 0: scores that are unscored, counts of a case without an answer, an
    unnamed cluster. Rows follow `results`; none gives an empty table with all columns but the metrics.

    Raises:
        MissingExtra: pandas is not installed.
    """
    require("pandas", "scipy")
    from pandas import DataFrame

    scores = [{score.column: score.value for score in result.scores} for result in results]
    metrics = sorted({column for row in scores for column in row})
    columns = {"run": _series("run", [run.run] * len(results))}
    columns |= _columns(LEADING, results)
    columns |= {name: _series(name, [row.get(name) for row in scores], floats=True) for name in metrics}
    columns |= _columns(TRAILING, results)
    return DataFrame(columns)


def detail_frame(results: Sequence[CaseResult], *, run: RunInfo, answers: bool = False) -> "DataFrame":
    """What the coverage ledger and the flags look at beside the case columns; rows follow `results`.

    `guess` is the chance that an answer without knowledge is right, in [0, 1]; `flipped` is 1 or 0 where the prompt was
    asked again by itself, `gold_truth` 1 or 0 where the gold answer says yes or no. `scorer` names the primary metric
    as NAME@VERSION. `question_hash` covers what a question asks and accepts: equal ids with different hashes are
    different questions. `template` and `template_hash` are those that the manifest names for the data set. With
    `answers` the column `answer` holds what each answer was read as, which votes and agreement need once the results
    themselves are gone; missing for a blank and where nothing could be read.

    Raises:
        MissingExtra: pandas is not installed.
    """
    require("pandas", "scipy")
    from pandas import DataFrame

    marks = template_marks(run, {result.case.question.dataset for result in results})
    used = [marks.get(result.case.question.dataset) for result in results]
    more: dict[str, Sequence[object]] = {
        "guess": [_guess(result.case.question, run.gammas) for result in results],
        "question_hash": _question_hashes(results),
        "template": [None if mark is None else mark.name for mark in used],
        "template_hash": [None if mark is None else mark.hash for mark in used],
    }
    if answers:
        more["answer"] = [folded(as_read(result)) for result in results]
    return DataFrame(_columns(DETAILS, results) | {name: _series(name, values) for name, values in more.items()})


def as_read(result: CaseResult) -> str | None:
    """What the answer was read as; None where there is none, or it could not be read."""
    reading = result.reading
    return None if reading is None or reading.problem is not None else reading.value


def folded(text: str | None) -> str | None:
    """The text without what does not tell answers apart, case and spaces; None for a blank."""
    return None if text is None else " ".join(text.casefold().split()) or None


def template_marks(run: RunInfo, datasets: Iterable[str]) -> Mapping[str, TemplateMark]:
    """The template of each data set, as the manifest's `prompts` tell it ("DATASET: TEMPLATE" to its hash).

    A data set that they do not name has none.
    """
    prompts = run.manifest.get("prompts")
    known = sorted(datasets, key=len, reverse=True)  # of "a" and "a: b", the longer one owns "a: b: concise"
    marks = {}
    for entry, found in prompts.items() if isinstance(prompts, Mapping) else ():
        owner = next((name for name in known if str(entry).startswith(f"{name}: ")), None)
        if owner is not None:
            marks[owner] = TemplateMark(name=str(entry).removeprefix(f"{owner}: "), hash=str(found))
    return marks


def metric_columns(cases: "DataFrame") -> tuple[str, ...]:
    """The columns that hold metrics, sorted."""
    return tuple(sorted(str(name) for name in cases.columns if "@" in str(name)))


def unscored_reasons(results: Iterable[CaseResult]) -> Mapping[tuple[str, str], Mapping[str, int]]:
    """Why scores are missing and how often, per cell and metric column."""
    reasons: dict[tuple[str, str], Counter[str]] = {}
    for result in results:
        for score in result.scores:
            if score.value is None or not isfinite(score.value):
                key = (result.case.cell.label, score.column)
                reason = score.reason or ("no reason given" if score.value is None else f"the value is {score.value}")
                reasons.setdefault(key, Counter())[reason] += 1
    return reasons


def _columns(columns: Iterable[Column], results: Sequence[CaseResult]) -> dict[str, "Series"]:
    return {name: _series(name, [value(result) for result in results]) for name, value in columns}


def _series(name: str, values: Sequence[object], *, floats: bool = False) -> "Series":
    from pandas import Series

    if floats or name in FLOATS:
        return Series([float("nan") if value is None else value for value in values], dtype="float64")
    # the nullable types keep missing apart from 0 and from ""
    if name in INTEGERS:
        return Series(values, dtype="Int64")
    return Series([None if value is None else storable(str(value)) for value in values], dtype="string")


def storable(text: str) -> str:
    """The text with lone surrogates spelt out, which JSON can smuggle in and no UTF-8 file can hold."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _said(result: CaseResult, part: Callable[[Answer], object]) -> object:
    """A part of the answer; None when there is none, and when a failure left only placeholders in it."""
    return None if result.answer is None or result.answer.error is not None else part(result.answer)


def _cost_usd(result: CaseResult, answer: Answer) -> float | None:
    """Dollars at list prices, from the service's own counts; None where the exact model's price is not known."""
    return cost_usd(result.case.cell.model, answer.prompt_tokens, answer.output_tokens)


def _gold_truth(question: Question) -> int | None:
    if question.answer_type != "boolean" or is_unanswerable(question):
        return None
    said = truth(question.answers[0])
    return None if said is None else int(said)


def _question_hashes(results: Sequence[CaseResult]) -> list[str]:
    """The hash of each result's question; cells share the question objects, so each is hashed once."""
    hashes: dict[int, str] = {}
    for result in results:
        question = result.case.question
        if id(question) not in hashes:
            hashes[id(question)] = digest("question 1", question.text, gold_hash(question))[:HASH_DIGITS]
    return [hashes[id(result.case.question)] for result in results]


def _guess(question: Question, gammas: Mapping[str, float]) -> float:
    if not question.answerable:
        return 0.0
    by_type = {"boolean": 0.5, "choice": 1 / len(question.options) if question.options else 0.0}
    return max(by_type.get(question.answer_type, 0.0), gammas.get(question.dataset, 0.0))
