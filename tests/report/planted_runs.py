"""Runs with a planted truth as results, with their summary and their whole analysis."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from harness.analysis.frame import gather
from harness.analysis.run import RunInfo
from harness.analysis.simulate import METRIC, Truth, simulate
from harness.analysis.summary import RunSummary, summarise
from harness.analysis.whole import Analysis, analyse
from harness.records import Answer, Case, CaseResult, Cell, Condition, ModelSpec, Passage, Question, Reading, Score

CONTEXTS = {
    "direct": "none",
    "rag": "retrieved",
    "rag-2": "retrieved",
    "oracle": "gold",
    "distractor": "distractor",
    "ft": "none",
    "ft+rag": "retrieved",
    "rag-ft": "none",
    "rag-ft+rag": "retrieved",
}
ADAPTERS = {"ft": "plain", "ft+rag": "plain", "rag-ft": "tuned", "rag-ft+rag": "tuned"}
TEXTS = {"blank": "N/A", "unparsed": "{broken"}
SPEC = {"family": "made-up", "context_length": 2048}


@dataclass(frozen=True, kw_only=True)
class Told:
    """A planted run as the report gets it."""

    summary: RunSummary
    analysis: Analysis


def planted_results(truth: Truth, seed: int) -> list[CaseResult]:
    """The results of a planted truth; right answers to a question agree, wrong ones are all different."""
    return [_result(row) for row in simulate(truth, seed).to_dict("records")]


def told(truth: Truth, seed: int = 1, **changes: object) -> Told:
    """The summary and the analysis of a planted truth."""
    results = planted_results(truth, seed)
    fields = {"run": "planted", "study": "ferries", "primary": "planted", "planned": len(results)}
    info = RunInfo(**{**fields, "higher_is_better": {"planted": True}, **changes})
    tables = gather(results, run=info)
    return Told(summary=summarise(tables, info), analysis=analyse(tables, info, info.seed))


def _result(row: Mapping[str, object]) -> CaseResult:
    case = _case(row)
    outcome = row["outcome"]
    if not isinstance(outcome, str) or outcome == "error":
        failed = isinstance(outcome, str)
        return CaseResult(
            case=case, key=case.label, outcome="error" if failed else None, error="timed out" if failed else None
        )
    unread = outcome == "unparsed"
    value = float(row[METRIC])
    score = Score(metric="planted", version=1, value=value if isfinite(value) else None, reason=_reason(value))
    text = TEXTS.get(outcome, "right" if outcome == "correct" else f"wrong of {case.cell.label}")
    context = case.cell.condition.context
    return CaseResult(
        case=case,
        key=case.label,
        outcome=outcome,
        answer=Answer(
            text=text,
            prompt_tokens=40,
            output_tokens=4,
            bos_count=1,
            latency_s=float(row["latency_s"]),
            reference_nll=_known(row["loss_nll"]),
        ),
        reading=Reading(value="" if unread else text, problem="no JSON object" if unread else None),
        passages=() if context == "none" else (Passage(id="p1", text="The line is long."),),
        scores=(score,),
        primary=score,
        confidence=_known(row["confidence"]),
        confidence_source=None if _known(row["confidence"]) is None else "stated",
    )


def _case(row: Mapping[str, object]) -> Case:
    size, condition = _known(row["params_b"]), str(row["condition"])
    model = ModelSpec(name=str(row["model"]), params_b=size, **SPEC)
    cell = Cell(
        model=model,
        condition=Condition(name=condition, context=CONTEXTS[condition], adapter=ADAPTERS.get(condition)),
        repeat=int(row["repeat"]),
        label=str(row["cell"]),
    )
    question = Question(
        id=str(row["question_id"]),
        text=f"How long is ferry line {row['question_id']}?",
        answers=("right",),
        dataset=str(row["dataset"]),
        cluster=row["cluster"] if isinstance(row["cluster"], str) else "",
        task=row["task"] if isinstance(row["task"], str) else "",
    )
    return Case(cell=cell, question=question, label=f"{cell.label}-{question.id}")


def _reason(value: float) -> str | None:
    return None if isfinite(value) else "no JSON object"


def _known(value: object) -> float | None:
    found = float(value)
    return found if isfinite(found) else None
