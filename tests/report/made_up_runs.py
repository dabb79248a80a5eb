"""Made-up runs: results with planted outcomes, without any model."""

from collections.abc import Mapping, Sequence
from random import Random

from harness.analysis.run import RunInfo
from harness.records import Answer, Case, CaseResult, Cell, Condition, ModelSpec, Passage, Question, Reading, Score

CONTEXTS = {"direct": "none", "rag": "retrieved", "oracle": "gold", "distractor": "distractor"}
TEXTS = {"wrong": "none of it", "blank": "N/A", "unparsed": "{broken"}
TINY = {"tiny": 0.135}


def make_question(number: int, **changes: object) -> Question:
    fields = {
        "id": f"q{number:04d}",
        "text": f"How long is ferry line {number}?",
        "answers": (str(number),),
        "answer_type": "number",
        "dataset": "made-up",
        "unit": "km",
        "gold_passages": (f"p{number}",),
        "task": "knowledge",
    }
    return Question(**{**fields, **changes})


def make_unanswerable(number: int, **changes: object) -> Question:
    return make_question(number, **{"answers": (), "gold_passages": (), "answerable": False, **changes})


def make_cell(model: str = "tiny", params_b: float | None = 0.135, condition: str = "direct", repeat: int = 0) -> Cell:
    return Cell(
        model=ModelSpec(name=model, family="made-up", params_b=params_b, context_length=2048),
        condition=Condition(name=condition, context=CONTEXTS[condition]),
        repeat=repeat,
        label=f"{model}-{condition}" + (f"-r{repeat}" if repeat else ""),
    )


def make_result(cell: Cell, question: Question, outcome: str | None, **changes: object) -> CaseResult:
    """One result; `text`, `refs`, `explanation`, `scores` and fields of Answer can be changed."""
    case = Case(cell=cell, question=question, label=f"{cell.label}-{question.id}")
    key = f"key of {case.label}"
    if outcome is None or outcome == "error":
        return CaseResult(case=case, key=key, outcome=outcome, error="timed out" if outcome else None)
    right = question.answers[0] if question.answers else "N/A"
    text = str(changes.pop("text", TEXTS.get(outcome, right)))
    problem = "no JSON object" if outcome == "unparsed" else None
    primary = Score(
        metric="value_accuracy", version=1, value=None if problem else float(outcome == "correct"), reason=problem
    )
    passages = tuple(Passage(id=ref, text="The line is long.") for ref in question.gold_passages or ("p1",))
    return CaseResult(
        case=case,
        key=key,
        outcome=outcome,
        reading=Reading(
            value="" if problem else text,
            problem=problem,
            refs=changes.pop("refs", question.gold_passages if cell.condition.name == "oracle" else ()),
            explanation=changes.pop("explanation", ""),
        ),
        passages=changes.pop("passages", () if cell.condition.context == "none" else passages),
        scores=(primary, *changes.pop("scores", (Score(metric="f1", version=1, value=0.5),))),
        primary=primary,
        answer=Answer(text=text, **{**ANSWER, **changes}),
    )


ANSWER = {
    "prompt_tokens": 40,
    "output_tokens": 4,
    "latency_s": 0.5,
    "concurrency": 8,
    "reference_nll": 1.25,
    "bos_count": 1,
}


def make_cell_results(outcomes: Sequence[str | None], condition: str = "direct", clusters: int = 0) -> list[CaseResult]:
    """One cell of the tiny model with these outcomes, in `clusters` clusters of alternating questions (0: none)."""
    cell = make_cell(condition=condition)
    return [
        make_result(cell, make_question(i, cluster=f"d{i % clusters}" if clusters else ""), outcome)
        for i, outcome in enumerate(outcomes)
    ]


def make_run(
    shares: Mapping[str, float],
    *,
    n: int = 60,
    clusters: int = 0,
    tasks: Sequence[str] = ("knowledge",),
    models: Mapping[str, float | None] = TINY,
) -> list[CaseResult]:
    """One cell per model and condition with about these shares correct, on questions of shared difficulty."""
    asked = [
        make_question(i, cluster=f"d{i % clusters}" if clusters else "", task=tasks[i % len(tasks)]) for i in range(n)
    ]
    rng = Random(7)  # noqa: S311 - made-up data
    ease = [rng.random() for _ in asked]
    return [
        make_result(
            make_cell(model, params_b, condition), question, "correct" if ease[i] < share + size / 10 else "wrong"
        )
        for size, (model, params_b) in enumerate(models.items())
        for condition, share in shares.items()
        for i, question in enumerate(asked)
    ]


def make_info(planned: int, **changes: object) -> RunInfo:
    fields = {
        "run": "made-up",
        "study": "ferries",
        "primary": "value accuracy",
        "planned": planned,
        "higher_is_better": {"f1": True, "value_accuracy": True, "hallucination": False},
    }
    return RunInfo(**{**fields, **changes})
