"""Whatever results a run ends with, the analysis and the summary give numbers, reasons or one line, and no warning."""

import warnings
from dataclasses import replace
from itertools import product
from math import inf, nan

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.analysis.frame import gather
from harness.analysis.run import RunInfo
from harness.analysis.summary import RunSummary, summarise, task_verdicts, verdict_key, verdicts
from harness.analysis.whole import Analysis, analyse
from harness.errors import HarnessError
from harness.records import CaseResult, Score
from tests.analysis.leaves import not_numbers
from tests.report.made_up_runs import make_cell, make_info, make_question, make_result

SIZES = {"a": 0.5, "b": 2.0, "c": 7.0}
OUTCOMES = ("correct", "wrong", "blank", "unparsed", "error", None)


def cell(
    outcome, model="a", condition="direct", *, sizes=SIZES, n=12, clusters=3, f1=0.5, repeat=0, **told
) -> list[CaseResult]:
    """One cell; `outcome` and `f1` are values or functions of the question's number."""
    made = make_cell(model, sizes.get(model), condition, repeat)
    results = []
    for turn in range(n):
        said = outcome(turn) if callable(outcome) else outcome
        value = f1(turn) if callable(f1) else f1
        question = make_question(turn, cluster=f"d{turn % clusters}" if clusters else "", task="xy"[turn % 2])
        scores = (Score(metric="f1", version=1, value=value, reason="none" if value is None else None),)
        result = make_result(made, question, said, scores=scores)
        results.append(replace(result, **told) if result.answer is not None else result)
    return results


def grid(outcome, *, conditions=("direct", "rag"), sizes=SIZES, **more) -> list[CaseResult]:
    return [
        one for model, name in product(sizes, conditions) for one in cell(outcome, model, name, sizes=sizes, **more)
    ]


def half(turn: int) -> str:
    return "correct" if turn % 2 else "wrong"


EDGES = {
    "empty": [],
    "one case": cell("correct", n=1),
    "one model": grid(half, sizes={"a": 1.0}),
    "one question": grid(half, n=1),
    "one cluster": grid(half, clusters=1),
    "one condition": grid(half, conditions=("direct",)),
    "no direct": grid(half, conditions=("rag",)),
    "all right": grid("correct"),
    "all wrong": grid("wrong"),
    "all blank": grid("blank"),
    "all unparsed": grid("unparsed"),
    "all failed": grid("error"),
    "all missing": grid(None),
    "half missing": grid(lambda turn: half(turn) if turn % 3 else None),
    "half a metric not a number": grid(half, f1=lambda turn: nan if turn % 2 else 0.5),
    "a metric not scored": grid(half, f1=None),
    "an infinite metric": grid(half, f1=lambda turn: (inf, -inf, 1e300)[turn % 3]),
    "ties everywhere": grid(half, f1=0.5),
    "no size": grid(half, sizes={"a": None, "b": 2.0}),
    "no sizes": grid(half, sizes={"a": None, "b": None}),
    "an infinite size": grid(half, sizes={"a": inf, "b": 2.0, "c": 7.0}),
    "a negative size": grid(half, sizes={"a": -1.0, "b": 2.0, "c": 7.0}),
    "a size of 0": grid(half, sizes={"a": 0.0, "b": 2.0, "c": 7.0}),
    "a size that is not a number": grid(half, sizes={"a": nan, "b": 2.0, "c": 7.0}),
    "one size": grid(half, sizes={"a": 2.0, "b": 2.0}),
    "duplicate cases": grid(half) * 2,
    "other questions": [*cell(half, n=12), *cell(half, condition="rag", n=7)],
    "odd confidence": grid(half, confidence=inf, confidence_source="stated"),
    "sure of everything": grid(half, confidence=1.0, confidence_source="stated"),
    "repeats": [one for repeat in range(2) for one in grid(half, repeat=repeat)],
    "instant and endless": grid(half, f1=0.5),
}


def told(results: list[CaseResult], **more: object) -> tuple[Analysis, RunSummary]:
    info = make_info(len(results), **more)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tables = gather(results, run=info)
        summary = summarise(tables, info)
        assert all("\n" not in line for line in (*verdicts(summary), *task_verdicts(summary), *verdict_key(summary)))
        return analyse(tables, info, 3), summary


@pytest.mark.parametrize("name", EDGES)
def test_odd_runs_give_results_or_reasons(name: str) -> None:
    analysis, summary = told(EDGES[name])
    assert not_numbers(analysis) == []
    assert not_numbers(replace(summary, info=None)) == []
    assert len(summary.cells) == len({one.case.cell.label for one in EDGES[name]})


def test_two_results_of_one_case_are_one_line() -> None:
    results = [*cell("correct", n=2), *cell("wrong", n=2)]
    with pytest.raises(HarnessError, match="has two different results") as raised:
        gather(results, run=make_info(4))
    assert "\n" not in str(raised.value)


sizes_drawn = st.sampled_from([None, 0.1, 1.0, 1.0, 9.0, -1.0, 0.0, inf, nan, 1e308])
values = st.sampled_from([None, nan, inf, 0.0, 0.5, 1.0, 1.0, 7.5])
confidences = st.sampled_from([None, 0.0, 0.5, 1.0, 1.0, nan, -1.0, 2.0])


@st.composite
def runs(draw: st.DrawFn) -> list[CaseResult]:
    """Up to 3 models under up to 3 conditions on up to 5 questions, anything missing, tied, odd or asked elsewhere."""
    models = {name: draw(sizes_drawn) for name in draw(st.sampled_from(["a", "ab", "abc"]))}
    conditions = draw(st.lists(st.sampled_from(["direct", "rag", "oracle"]), min_size=1, max_size=3, unique=True))
    clusters, n = draw(st.integers(0, 3)), draw(st.integers(1, 5))
    results = []
    for model, condition in product(models, conditions):
        outcome = draw(st.lists(st.sampled_from(OUTCOMES), min_size=n, max_size=n))
        scores = draw(st.lists(values, min_size=n, max_size=n))
        results += cell(
            outcome.__getitem__,
            model,
            condition,
            sizes=models,
            n=n if draw(st.integers(0, 5)) else max(1, n - 1),
            clusters=clusters,
            f1=scores.__getitem__,
            confidence=draw(confidences),
            confidence_source=draw(st.sampled_from([None, "stated"])),
        )
    return results


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(runs(), st.sampled_from([0.0, 0.05, 0.5]))
def test_any_run_gives_results_or_reasons(results: list[CaseResult], margin: float) -> None:
    analysis, summary = told(results, margin=margin)
    assert not_numbers(analysis) == []
    assert not_numbers(replace(summary, info=None)) == []


def test_a_run_of_nothing_says_so() -> None:
    analysis, summary = told([])
    assert isinstance(summary.info, RunInfo)
    assert analysis.headline.reason == "needs 1 case, has 0"
    assert (summary.cells, summary.flags, verdicts(summary)) == ((), (), ())
