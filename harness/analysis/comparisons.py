"""Each condition against direct answering, within each model, on the questions that both answered."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.audit import differing_questions
from harness.analysis.cells import answered_rows, cluster_names, correct_rows
from harness.analysis.distributions import generator
from harness.analysis.frame import CaseTables
from harness.analysis.multiplicity import Adjusted, adjust
from harness.analysis.order import BASELINE
from harness.analysis.paired import Paired, paired_means, paired_shares
from harness.analysis.run import RunInfo

if TYPE_CHECKING:
    from pandas import DataFrame

MARKS = ("scorer", "question_hash", "rubric", "dataset_hash")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One condition minus the baseline, in shares of correct answers, for one model.

    `task` is None for all questions. `answered` holds the questions that both cells answered and is None when there are
    none; `dropped` counts the other planned ones. `missing_wrong` counts every missing answer as wrong, and is None
    when none is missing or no question was planned in both. Repeats are averaged per question first. `adjusted` is the
    p-value of `answered` over its family: all comparisons over all questions, or all those by task; None without p.
    `refused` says why the two conditions are no pair; nothing is then compared, and no task either.
    """

    model: str
    condition: str
    baseline: str
    task: str | None
    dropped: int
    answered: Paired | None
    missing_wrong: Paired | None
    adjusted: Adjusted | None = None
    refused: str | None = None


def compare_conditions(tables: CaseTables, run: RunInfo) -> tuple[Comparison, ...]:
    """Every other condition against direct, per model: over all questions first, then per task if there are several.

    Cells are paired by data set and question id, never by row; see `pair_refusal` for the pairs that are not compared.
    """
    marked = tables.cases.assign(**{name: tables.details[name] for name in MARKS if name in tables.details.columns})
    made = [found for _, cases in marked.groupby("model", sort=False) for found in _of_model(cases, run)]
    families = {by_task: iter(_family(made, by_task=by_task)) for by_task in (False, True)}
    return tuple(replace(found, adjusted=next(families[found.task is not None])) for found in made)


def pair_refusal(cases: "DataFrame") -> str | None:
    """Why cells cannot be paired question by question, or None when they can.

    They can when every cell was asked the same questions (data set, id, text and gold answers), each judged by one
    metric of one version; a case without an answer was asked all the same. Equal numbers of rows, or equal ids, are not
    enough.

    Args:
        cases: the rows of at least one cell, with the case columns, `scorer` and `question_hash`, where known also
            `rubric` and `dataset_hash`.
    """
    asked = cases.groupby(["dataset", "question_id"], sort=True)["cell"].nunique()
    reasons = []
    if partly := int((asked < cases["cell"].nunique()).sum()):
        reasons.append(f"questions not asked in every cell: {partly} of {len(asked)}")
    if unlike := differing_questions(cases, cases["question_hash"]):
        reasons.append(f"text or gold answers differ under one id: {len(unlike)} of {len(asked)}, first {unlike[0]!r}")
    if judged := differing_questions(cases, cases["scorer"]):
        scorers = ", ".join(sorted(cases["scorer"][cases["question_id"].isin(judged)].dropna().unique()))
        reasons.append(f"questions judged by different metrics or versions: {len(judged)} of {len(asked)} ({scorers})")
    for name, told in (("rubric", "judged by different rubrics"), ("dataset_hash", "from data sets of different hash")):
        if name in cases.columns and (unlike := differing_questions(cases, cases[name])):
            reasons.append(f"questions {told}: {len(unlike)} of {len(asked)}")
    return "; ".join(reasons) or None


def _family(made: list[Comparison], *, by_task: bool) -> list[Adjusted | None]:
    pairs = [found.answered for found in made if (found.task is not None) == by_task]
    return adjust([None if pair is None else pair.p for pair in pairs], exploratory=by_task)


def _of_model(cases: "DataFrame", run: RunInfo) -> Iterator[Comparison]:
    arms = {str(name): _arm(part) for name, part in cases.groupby("condition", sort=False)}
    if BASELINE not in arms:
        return
    model = str(cases["model"].iloc[0])
    tasks = sorted(cases["task"].dropna().unique())
    for condition, arm in arms.items():
        if condition == BASELINE:
            continue
        if refused := pair_refusal(cases[cases["condition"].isin([condition, BASELINE])]):
            yield _refused((model, condition), len(arm.index.union(arms[BASELINE].index)), refused)
        else:
            both = arm.merge(arms[BASELINE], how="outer", left_index=True, right_index=True, suffixes=("_a", "_b"))
            yield _compare(both, (model, condition, None), run)
            for task in tasks if len(tasks) > 1 else ():
                part = both[both["task_a"].fillna(both["task_b"]) == task]
                if len(part):
                    yield _compare(part, (model, condition, str(task)), run)


def _refused(names: tuple[str, str], questions: int, reason: str) -> Comparison:
    model, condition = names
    return Comparison(
        model=model,
        condition=condition,
        baseline=BASELINE,
        task=None,
        dropped=questions,
        answered=None,
        missing_wrong=None,
        refused=reason,
    )


def _arm(cases: "DataFrame") -> "DataFrame":
    """One row per question: `score` over the answered repeats (NaN without any), `missing_wrong` over all of them.

    `missing` counts its repeats without an answer.
    """
    correct, answered = correct_rows(cases).astype(np.float64), answered_rows(cases)
    rows = cases.assign(
        score=np.where(answered, correct, np.nan),
        missing_wrong=correct,
        missing=~answered,
        unit=cluster_names(cases),
    )
    grouped = rows.groupby(["dataset", "question_id"], sort=True)
    return grouped.agg({"score": "mean", "missing_wrong": "mean", "missing": "sum", "unit": "first", "task": "first"})


def _compare(both: "DataFrame", names: tuple[str, str, str | None], run: RunInfo) -> Comparison:
    model, condition, task = names
    answered = both[both["score_a"].notna() & both["score_b"].notna()]
    planned = both[both["missing_wrong_a"].notna() & both["missing_wrong_b"].notna()]
    dropped = len(both) - len(answered)
    # a question answered in some of its repeats only is compared, and still misses answers
    incomplete = dropped or bool(both[["missing_a", "missing_b"]].sum().sum())
    return Comparison(
        model=model,
        condition=condition,
        baseline=BASELINE,
        task=task,
        dropped=dropped,
        answered=_paired(answered, "score", names, run),
        missing_wrong=_paired(planned, "missing_wrong", names, run) if incomplete else None,
    )


def _paired(rows: "DataFrame", column: str, names: tuple[str, str, str | None], run: RunInfo) -> Paired | None:
    if not len(rows):
        return None
    model, condition, task = names
    a, b = (rows[f"{column}_{arm}"].to_numpy(dtype=np.float64) for arm in "ab")
    rng = generator(run.seed, "sign flips", column, model, condition, BASELINE, task or "")
    binary = np.isin(np.concatenate([a, b]), (0.0, 1.0)).all()
    compare = paired_shares if binary else paired_means
    return compare(a, b, rows["unit_a"].tolist(), rng=rng)
