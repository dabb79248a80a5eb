"""From an answer to scores and an outcome; pure, so that stored answers can be scored again."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from harness.errors import UnknownName
from harness.metrics.confidence import sequence_confidence
from harness.metrics.table import metric, score
from harness.prompts.read import read_answer
from harness.records import Answer, Evidence, Outcome, Passage, Question, Score, Template
from harness.store import digest

PRIMARY_BY_TYPE = {"text": "exact_match"}
PRIMARY_OTHERWISE = "value_accuracy"
USER_VERSION = 0
GOLD_KEPT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What scoring found for one answer; `primary` is also among `scores`."""

    evidence: Evidence
    scores: tuple[Score, ...]
    primary: Score
    outcome: Outcome


def evidence(question: Question, template: Template, answer: Answer, passages: tuple[Passage, ...]) -> Evidence:
    """The answer read as its template asked for, beside all a metric may look at.

    The passages are those that were shown: the ones lost to the context window are left out.
    """
    shown = passages[: len(passages) - answer.truncated_passages]
    reading = read_answer(answer.text, template, shown)
    return Evidence(question=question, answer=answer, reading=reading, passages=shown)


def primary_metric(question: Question, declared: str) -> str:
    """The metric that decides whether a case is correct.

    `declared` is the study's own, or "auto": exact match for text, symmetric value accuracy for all other types and
    for unanswerable questions, where a blank is right.
    """
    if declared != "auto":
        return declared
    return PRIMARY_BY_TYPE.get(question.answer_type, PRIMARY_OTHERWISE) if question.answerable else PRIMARY_OTHERWISE


def judge(found: Evidence, metrics: Sequence[str], *, declared: str, correct_at: float) -> Judged:
    """Every named metric and the primary one, and the outcome that follows."""
    name = primary_metric(found.question, declared)
    scores = {each: score(each, found) for each in dict.fromkeys((*metrics, name))}
    primary = scores[name]
    return Judged(
        evidence=found,
        scores=tuple(scores.values()),
        primary=primary,
        outcome=outcome(found, primary, correct_at=correct_at),
    )


def outcome(found: Evidence, primary: Score, *, correct_at: float) -> Outcome:
    """What became of a case: a failure is an error, a text that cannot be read is unparsed, a blank is a blank.

    A blank to an unanswerable question is correct when the primary metric says so, or has nothing to say on it. Any
    other case that the primary metric leaves unscored is not correct.
    """
    if found.answer.error is not None:
        return "error"
    if found.reading.problem is not None:
        return "unparsed"
    blank = score("blank", found).value == 1.0
    if is_correct(primary, correct_at) or (blank and _only_blank(found.question, primary)):
        return "correct"
    return "blank" if blank else "wrong"


def is_correct(primary: Score, correct_at: float) -> bool:
    """Whether a primary score reaches `correct_at`, from above where lower is better; an unscored one does not."""
    if primary.value is None:
        return False
    lower_is_better = metric(primary.metric).higher_is_better is False
    return primary.value <= correct_at if lower_is_better else primary.value >= correct_at


def _only_blank(question: Question, primary: Score) -> bool:
    """Whether a blank decides, since the declared metric has no word on a question without an answer."""
    return not question.answerable and primary.value is None


def confidence(found: Evidence) -> tuple[float, str] | None:
    """The stated confidence where the answer has one, else the sequence confidence, with its source; None without."""
    if found.reading.confidence is not None:
        return found.reading.confidence, "stated"
    if found.answer.logprobs:
        return sequence_confidence(found.answer.logprobs), "sequence"
    return None


def gold_hash(question: Question) -> str:
    """The hash of everything about a question that scores depend on and that no prompt shows."""
    return _gold_hash(
        tuple(question.answers),
        question.answer_type,
        question.unit,
        question.tolerance,
        tuple(sorted(question.gold_passages)),
        question.answerable,
        tuple(question.options),
    )


@lru_cache(maxsize=GOLD_KEPT, typed=True)
def _gold_hash(*parts: object) -> str:
    """Kept, since every cell asks for it again."""
    return digest(json.dumps(parts))


def current_version(name: str) -> int:
    """Today's version of a metric; 0 for a name that a test of the user's recorded a value under."""
    try:
        return metric(name).version
    except UnknownName:
        return USER_VERSION
