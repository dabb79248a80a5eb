"""A judge's verdicts as tables: preferences between two answers, and how far its word on single answers holds."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.analysis.cells import answered_rows, cluster_names, correct_rows
from harness.analysis.compatible.pairwise import Preference, preference
from harness.analysis.intervals import Interval, share_interval
from harness.analysis.judges import Agreement, Choice, Orders, agreement, both_orders, prediction_powered_mean
from harness.analysis.preferences import Match, Preferences, Result, preferences
from harness.analysis.refusals import Refused
from harness.errors import DataError

if TYPE_CHECKING:
    from pandas import DataFrame

PAIR_COLUMNS = ("a", "b", "dataset", "question_id", "first", "choice")
CASE_COLUMNS = ("model", "condition", "dataset", "question_id", "verdict")
CASE = ["model", "condition", "dataset", "question_id"]
CHOICES: tuple[Choice, ...] = ("first", "second", "tie", "unparsed")
VERDICTS = ("pass", "fail", "unparsed")
NO_PAIRS = "needs 1 judge's verdict on a pair of answers, has 0: the case table holds none"
NO_CASES = "needs 1 judge's verdict on an answer, has 0: the case table holds none"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdicts:
    """What judges said, None where they said nothing of the kind.

    `pairs` has one row per pair of answers and order of presentation: `a`, `b`, `dataset`, `question_id`, `first` ("a"
    or "b"), `choice` ("first", "second", "tie", "unparsed"), where known also `judge` and `cluster`. `cases` has one
    row per answer: `model`, `condition`, `dataset`, `question_id`, `verdict` ("pass", "fail", "unparsed"), where known
    also `judge`, `score` and `label` (the true score, NaN where there is none).
    """

    pairs: "DataFrame | None" = None
    cases: "DataFrame | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedPair:
    """A against B by one judge: `orders` over the questions that were shown in both orders.

    `preference` counts what both orders agree on, by the published formula; None without a question in both orders.
    `single` counts the questions that were shown in one order only.
    """

    judge: str
    a: str
    b: str
    orders: Orders
    single: int
    preference: Preference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeStrengths:
    """One judge's players by Bradley-Terry with ties, each readable presentation a match; `unparsed` counts the others.

    The errors are clustered by question, or by the questions' cluster where that is known.
    """

    judge: str
    unparsed: int
    strengths: Preferences


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedPairs:
    """Everything that verdicts on pairs say, judge by judge in the order of their names."""

    pairs: tuple[JudgedPair, ...]
    strengths: tuple[JudgeStrengths, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeCheck:
    """One judge on one cell: `passed` is its share of passes over the verdicts that could be read.

    `agreement` is with the deterministic scorer, over the cases that it scored too. `corrected` is the mean of its
    scores, corrected by the labels (prediction-powered). `unparsed` counts the verdicts that could not be read: they
    are neither passes nor failures.
    """

    judge: str
    model: str
    condition: str
    n: int
    unparsed: int
    passed: Interval | Refused
    agreement: Agreement
    corrected: Interval | Refused


def judged_pairs(verdicts: Verdicts) -> JudgedPairs | Refused:
    """Preferences between the answers of two players.

    Raises:
        DataError: a column is missing, a choice is none, or one presentation has two verdicts.
    """
    rows = verdicts.pairs
    if rows is None or not len(rows):
        return Refused(reason=NO_PAIRS)
    _has(rows, PAIR_COLUMNS)
    _known(rows, "choice", CHOICES)
    _known(rows, "first", ("a", "b"))
    rows = _by_judge(rows)
    _once(rows, ["judge", "a", "b", "dataset", "question_id", "first"])
    parts = [(str(judge), part) for judge, part in rows.groupby("judge", sort=True)]
    return JudgedPairs(
        pairs=tuple(pair for judge, part in parts for pair in _pairs(judge, part)),
        strengths=tuple(_strengths(judge, part) for judge, part in parts),
    )


def judge_checks(verdicts: Verdicts, cases: "DataFrame") -> tuple[JudgeCheck, ...] | Refused:
    """Each judge on each cell, against the outcomes of the case table (its first repeat).

    Raises:
        DataError: a column is missing, a verdict is none, or an answer has two verdicts of one judge.
    """
    rows = verdicts.cases
    if rows is None or not len(rows):
        return Refused(reason=NO_CASES)
    _has(rows, CASE_COLUMNS)
    _known(rows, "verdict", VERDICTS)
    rows = _by_judge(rows)
    _once(rows, ["judge", *CASE])
    told = cases.assign(right=correct_rows(cases), there=answered_rows(cases)).sort_values("repeat", kind="stable")
    scored = told.drop_duplicates(CASE)[[*CASE, "right", "there"]].astype(dict.fromkeys(CASE, "object"))
    joined = rows.astype(dict.fromkeys(CASE, "object")).merge(scored, how="left", on=CASE)
    parts = joined.groupby(["judge", "model", "condition"], sort=True)
    return tuple(_check(tuple(str(name) for name in names), part) for names, part in parts)


def _pairs(judge: str, rows: "DataFrame") -> Iterator[JudgedPair]:
    for (a, b), part in rows.groupby(["a", "b"], sort=True):
        shown = [part[part["first"] == side].set_index(["dataset", "question_id"])["choice"] for side in ("a", "b")]
        both = shown[0].index.intersection(shown[1].index)
        orders = both_orders(*(side.loc[both].tolist() for side in shown))
        counted = preference(orders.wins_a, orders.wins_b, orders.ties) if orders.n else None
        single = len(part) - 2 * len(both)
        yield JudgedPair(judge=judge, a=str(a), b=str(b), orders=orders, single=single, preference=counted)


def _strengths(judge: str, rows: "DataFrame") -> JudgeStrengths:
    units = cluster_names(rows)
    columns = (rows[name].astype(str).tolist() for name in ("a", "b", "first", "choice"))
    matches = [
        Match(a=a, b=b, result=_result(first, choice), cluster=unit)
        for a, b, first, choice, unit in zip(*columns, units, strict=True)
        if choice != "unparsed"
    ]
    return JudgeStrengths(judge=judge, unparsed=len(rows) - len(matches), strengths=preferences(matches))


def _result(first: str, choice: str) -> Result:
    if choice == "tie":
        return "tie"
    return "a" if (choice == "first") == (first == "a") else "b"


def _check(names: tuple[str, ...], rows: "DataFrame") -> JudgeCheck:
    verdict = rows["verdict"].astype(str)
    units = cluster_names(rows)
    read = (verdict != "unparsed").to_numpy(dtype=np.bool_)
    scorer = [
        ("pass" if right else "fail") if there is True or there == 1 else None
        for right, there in zip(rows["right"], rows["there"].fillna(value=False), strict=True)
    ]
    return JudgeCheck(
        judge=names[0],
        model=names[1],
        condition=names[2],
        n=len(rows),
        unparsed=int((~read).sum()),
        passed=_passed(verdict.to_numpy(dtype=object)[read] == "pass", [units[k] for k in np.flatnonzero(read)]),
        agreement=agreement([None if word == "unparsed" else word for word in verdict], scorer, units),
        corrected=_corrected(rows, units),
    )


def _passed(passes: NDArray[np.bool_], units: list[str]) -> Interval | Refused:
    return share_interval(passes, units) if len(passes) else Refused(reason="needs 1 verdict that can be read, has 0")


def _corrected(rows: "DataFrame", units: list[str]) -> Interval | Refused:
    if not {"score", "label"} <= set(rows.columns):
        return Refused(reason="needs the columns score and label")
    scores, labels = (rows[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in ("score", "label"))
    there = np.isfinite(scores)
    labels = np.where(np.isfinite(labels), labels, np.nan)[there]
    if not np.isfinite(labels).any():
        return Refused(reason=f"needs 1 label of a scored answer, has 0 of {int(there.sum())}")
    return prediction_powered_mean(scores[there], labels, [units[k] for k in np.flatnonzero(there)])


def _by_judge(rows: "DataFrame") -> "DataFrame":
    """The rows with a judge, a cluster and texts for names."""
    from pandas import Series

    made = rows if "judge" in rows.columns else rows.assign(judge="judge")
    if "cluster" not in rows.columns:
        made = made.assign(cluster=Series([None] * len(rows), index=rows.index, dtype="string"))
    return made.astype(dict.fromkeys(["judge", "cluster", "dataset", "question_id"], "string"))


def _has(rows: "DataFrame", names: tuple[str, ...]) -> None:
    if missing := [name for name in names if name not in rows.columns]:
        raise DataError(f"the table of verdicts lacks the column {missing[0]!r}: it needs {', '.join(names)}")


def _known(rows: "DataFrame", name: str, allowed: tuple[str, ...]) -> None:
    if odd := [value for value in rows[name].tolist() if value not in allowed]:
        raise DataError(f"{len(odd)} verdicts have the {name} {odd[0]!r}: one of {', '.join(allowed)}")


def _once(rows: "DataFrame", names: list[str]) -> None:
    if len(twice := rows[rows.duplicated(names)]):
        question = str(twice["question_id"].iloc[0])
        raise DataError(f"{len(twice)} verdicts stand twice, the first on question {question!r}: keep one of each")
