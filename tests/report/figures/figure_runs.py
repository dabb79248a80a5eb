"""Made-up runs for figures: several families and sizes, six conditions, every metric that a figure reads."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from math import log10
from random import Random

import numpy as np
import pandas as pd

from harness.analysis.frame import gather
from harness.analysis.run import RunInfo
from harness.analysis.summary import summarise
from harness.analysis.whole import analyse
from harness.records import Answer, Case, CaseResult, Cell, Condition, ModelSpec, Passage, Question, Reading, Score
from harness.report.figures.figure import FigureData

CONTEXTS = {"direct": "none", "rag": "retrieved", "dense": "retrieved", "ft": "none", "ft+rag": "retrieved"}
CONTEXTS |= {
    "<b>&": "retrieved",
    "rag-ft": "none",
    "rag-ft+rag": "retrieved",
    "oracle": "gold",
    "distractor": "distractor",
}
SIX = ("direct", "rag", "ft", "ft+rag", "rag-ft", "rag-ft+rag")
GAIN = {"direct": 0.0, "rag": 0.22, "dense": 0.25, "ft": 0.06, "ft+rag": 0.27, "rag-ft": 0.03, "rag-ft+rag": 0.31}
GAIN |= {"<b>&": 0.1, "oracle": 0.45, "distractor": -0.05}
MODELS: Mapping[str, tuple[str, float | None, str]] = {
    "smollm2-135m": ("smollm", 0.135, "transformers"),
    "smollm2-360m": ("smollm", 0.36, "transformers"),
    "qwen2.5-0.5b": ("qwen", 0.494, "transformers"),
    "qwen2.5-1.5b": ("qwen", 1.54, "transformers"),
    "llama3.2-1b": ("llama", 1.24, "transformers"),
    "llama3.2-3b": ("llama", 3.21, "transformers"),
    "qwen2.5-7b": ("qwen", 7.62, "transformers"),
    "gpt-hosted": ("gpt", 20.0, "openai"),
}
HOSTILE = {
    "<script>alert('x')</script>": ("a&b", 0.5, "transformers"),
    '\x1b[31mred\x1b[0m ]]> &amp; "quoted"': ('"><svg onload=x>', 1.0, "transformers"),
    "meta-organisation/a-very-long-model-name-indeed-instruct-7b" * 3: ("مودل", 2.0, "openai"),
    "مودل عربي": ("مودل", 4.0, "transformers"),
    "z\u0301\u0302\u0303\u0304\u0305\u0306algo \u202eevil": (None, 8.0, "transformers"),
    "#064e9b": ("a&b", None, "transformers"),
}
TASKS = ("lookup", "compositional", "unanswerable")


def many_models(number: int) -> dict[str, tuple[str, float | None, str]]:
    """So many models of four families from 0.1B to 70B."""
    families = ("alpha", "beta", "gamma", "delta")
    return {
        f"{families[place % 4]}-{round(0.1 * 700 ** (place / max(1, number - 1)), 2)}b": (
            families[place % 4],
            round(0.1 * 700 ** (place / max(1, number - 1)), 3),
            "transformers" if place % 5 else "openai",
        )
        for place in range(number)
    }


def run_results(
    models: Mapping[str, tuple[str, float | None, str]] = MODELS,
    conditions: Sequence[str] = ("direct", "rag", "dense", "oracle"),
    *,
    n: int = 200,
    repeats: int = 1,
    rich: bool = True,
    alone: bool = True,
) -> list[CaseResult]:
    """Results of models that get better with size; `rich` adds metrics, confidence and loss."""
    rng = Random(11)  # noqa: S311 - made-up data
    questions = [_question(place) for place in range(n)]
    ease = [rng.random() for _ in questions]
    found = []
    for model, (family, size, provider) in models.items():
        spec = ModelSpec(name=model, family=family, params_b=size, context_length=2048, provider=provider)
        skill = 0.3 + 0.18 * _decades(size) + 0.06 * (rng.random() - 0.5)
        for condition in conditions:
            share = min(0.97, max(0.02, skill + GAIN[condition] * (1 - 0.6 * _decades(size) / 3)))
            for repeat in range(repeats):
                label = f"{model}-{condition}" + (f"-r{repeat}" if repeats > 1 else "")
                cell = Cell(
                    model=spec,
                    condition=Condition(
                        name=condition, context=CONTEXTS[condition], adapter="x" if "ft" in condition else None
                    ),
                    repeat=repeat,
                    label=label,
                )
                found += [
                    _result(cell, question, ease[place], share, rng, rich=rich, alone=alone)
                    for place, question in enumerate(questions)
                ]
    return found


def data_of(results: Sequence[CaseResult], **more: object) -> FigureData:
    fields = {
        "run": "made-up",
        "study": "ferries",
        "primary": "value_accuracy",
        "planned": len(results),
        "higher_is_better": {"value_accuracy": True, "hallucination": False, "f1": True},
    }
    info = RunInfo(**{**fields, **more})
    tables = gather(results, run=info)
    return FigureData(summary=summarise(tables, info), analysis=analyse(tables, info, 7), tables=tables)


@cache
def made_up(
    models: int = 8, conditions: tuple[str, ...] = ("direct", "rag", "dense", "oracle"), n: int = 200
) -> FigureData:
    """A rich run of the first so many models; more than there are named ones are made."""
    chosen = dict(list(MODELS.items())[:models]) if models <= len(MODELS) else many_models(models)
    return data_of(run_results(chosen, conditions, n=n))


@cache
def priced(models: int = 4, conditions: tuple[str, ...] = ("direct", "rag"), n: int = 60) -> FigureData:
    """The same run with costs and energy that grow with size."""
    bare = made_up(models, conditions, n)
    cases = bare.tables.cases.copy()
    size = cases["params_b"].to_numpy(dtype=float)
    answered = cases["outcome"].notna() & (cases["outcome"] != "error")
    cases["cost_usd"] = pd.Series(2e-5 * size).where(answered.to_numpy())
    cases["energy_wh"] = pd.Series(0.02 * size * (1 + np.arange(len(cases)) % 3)).where(answered.to_numpy())
    tables = replace(bare.tables, cases=cases)
    return replace(bare, summary=summarise(tables, bare.summary.info), tables=tables)


def _decades(size: float | None) -> float:
    return log10((size or 30.0) / 0.1)


def _question(place: int) -> Question:
    task = TASKS[place % 3] if place % 9 == 2 else TASKS[place % 2]
    answerable = task != "unanswerable"
    return Question(
        id=f"q{place:04d}",
        text=f"How long is ferry line {place}?",
        answers=(str(place),) if answerable else (),
        answer_type="number",
        dataset="ferries",
        gold_passages=(f"p{place}",) if answerable else (),
        task=task,
        answerable=answerable,
        cluster=f"d{place // 3}",
    )


def _result(
    cell: Cell, question: Question, ease: float, share: float, rng: Random, *, rich: bool, alone: bool
) -> CaseResult:
    case = Case(cell=cell, question=question, label=f"{cell.label}-{question.id}")
    key = f"key of {case.label}"
    drawn = rng.random()
    if drawn < 0.01:
        return CaseResult(case=case, key=key, outcome="error", error="timed out")
    right = 0.55 * ease + 0.45 * rng.random() < share
    refused = not right and drawn < 0.06
    outcome = "correct" if right else "blank" if refused else "wrong"
    text = (question.answers[0] if question.answers else "N/A") if right else "N/A" if refused else f"x{drawn:.0%}"
    primary = Score(metric="value_accuracy", version=1, value=float(right))
    scores = (primary, *(_scores(cell, question, share, rng) if rich else ()))
    confidence = min(1.0, max(0.0, 0.5 * share + 0.35 + 0.3 * (rng.random() - 0.5) + 0.1 * right))
    answer = Answer(
        text=text,
        prompt_tokens=300 if cell.condition.context != "none" else 60,
        output_tokens=9,
        latency_s=(0.2 + (cell.model.params_b or 9.0) / 10) * rng.lognormvariate(0, 0.4),
        concurrency=1 if alone else 8,
        reference_nll=max(0.05, 2.4 - 1.6 * share + 0.3 * rng.gauss(0, 1)) if rich else None,
        finish_reason="refusal" if refused and drawn < 0.04 else "stop",
    )
    return CaseResult(
        case=case,
        key=key,
        outcome=outcome,
        answer=answer,
        reading=Reading(value=text),
        passages=() if cell.condition.context == "none" else (Passage(id="p1", text="The line is long."),),
        scores=scores,
        primary=primary,
        confidence=confidence if rich else None,
        confidence_source="stated" if rich else None,
    )


def _scores(cell: Cell, question: Question, share: float, rng: Random) -> tuple[Score, ...]:
    made = {"f1": min(1.0, share * rng.random() * 1.6), "blank": 0.0}
    if cell.condition.context != "none":
        faithful = min(1.0, max(0.0, 0.4 + 0.5 * share + 0.2 * rng.gauss(0, 1)))
        made |= {"faithfulness": faithful, "hallucination": 1 - faithful}
        made |= {"answer_in_context": float(rng.random() < 0.8), "context_recall": float(rng.random() < 0.7)}
        if question.answerable:
            made["ref_overlap"] = float(rng.random() < share)
    return tuple(Score(metric=name, version=1, value=value) for name, value in made.items())
