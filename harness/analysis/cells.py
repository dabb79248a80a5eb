"""What each cell did: how many of its planned questions it answered, how many it got right, and what it took."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.analysis.frame import CaseTables, metric_columns
from harness.analysis.intervals import FloatArray, Interval, mean_interval, share_interval
from harness.metrics.table import METRICS

if TYPE_CHECKING:
    from pandas import DataFrame, Series

UNANSWERED = ("error",)
REASONS_MOST = 5
LOSS = "loss_nll"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Where the planned questions of a cell went: planned = answered + errored + missing.

    answered = correct + wrong + blank + unparsed. `truncated` counts answers whose prompt lost passages, `cut` those
    that ended at the token limit, `refused` those the model or its filter refused; all three are among the answered.
    """

    planned: int
    answered: int
    correct: int
    wrong: int
    blank: int
    unparsed: int
    errored: int
    missing: int
    truncated: int
    cut: int
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The share of correct answers, twice: of all planned questions, and of the answered ones.

    `intent_to_test` counts a question without an answer as not correct; `complete_case` leaves it out and is None when
    nothing was answered. An answer that could not be read is an answer, and not correct, in both.
    """

    correct: int
    intent_to_test: Interval
    complete_case: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricMean:
    """One metric over the cases that it scored; `mean` is None when it scored none.

    The interval of a metric in [0, 1] whose values here are all 0 or 1 is a share's (Wilson), else a t interval.
    `unscored` counts the answered cases without a finite value, `reasons` the most frequent reasons with their counts.
    """

    metric: str
    mean: Interval | None
    unscored: int
    reasons: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A measured quantity over the `n` answers that report it."""

    n: int
    total: float
    mean: float
    median: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A part of a cell's questions: one task, or one data set."""

    cell: str
    model: str
    condition: str
    kind: str
    name: str
    coverage: Coverage
    share: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSummary:
    """Everything the first report says of one cell; a quantity that no answer reports is None.

    `params_b` is None unless it is finite and above 0.
    """

    cell: str
    model: str
    params_b: float | None
    tier: str | None
    condition: str
    repeat: int
    coverage: Coverage
    share: Share
    metrics: tuple[MetricMean, ...]
    loss_nll: MetricMean
    prompt_tokens: Quantity | None
    output_tokens: Quantity | None
    latency_s: Quantity | None
    concurrency: Quantity | None
    cost_usd: Quantity | None


def summarise_cells(tables: CaseTables) -> tuple[CellSummary, ...]:
    """One summary per cell, in the order of the tables."""
    return tuple(_cell(tables, cases, details) for cases, details in by_cell(tables))


def summarise_slices(tables: CaseTables, kind: str) -> tuple[Slice, ...]:
    """Each cell by `kind` ("task" or "dataset"); empty when the run has fewer than two of them."""
    if tables.cases[kind].nunique() < 2:  # noqa: PLR2004 - one slice is the whole cell again
        return ()
    return tuple(found for cases, details in by_cell(tables) for found in _slices(cases, details, kind))


def by_cell(tables: CaseTables) -> "Iterator[tuple[DataFrame, DataFrame]]":
    """The case rows and the detail rows of each cell, in order."""
    for _, cases in tables.cases.groupby("cell", sort=False):
        yield cases, tables.details.loc[cases.index]


def coverage(cases: "DataFrame", details: "DataFrame") -> Coverage:
    """The ledger of some cases of one cell."""
    outcomes = cases["outcome"].value_counts()
    finished = details["finish_reason"].value_counts()
    count = {name: int(outcomes.get(name, 0)) for name in ("correct", "wrong", "blank", "unparsed", "error")}
    answered = int(answered_rows(cases).sum())
    return Coverage(
        planned=len(cases),
        answered=answered,
        correct=count["correct"],
        wrong=count["wrong"],
        blank=count["blank"],
        unparsed=count["unparsed"],
        errored=count["error"],
        missing=len(cases) - answered - count["error"],
        truncated=int((details["truncated_passages"] > 0).sum()),
        cut=int(finished.get("length", 0)),
        refused=int(finished.get("refusal", 0) + finished.get("content_filter", 0)),
    )


def share_correct(cases: "DataFrame") -> Share:
    """The share correct of at least one case, over all of them and over the answered ones."""
    correct, answered = correct_rows(cases), answered_rows(cases)
    clusters = cluster_names(cases)
    told = [name for name, there in zip(clusters, answered, strict=True) if there]
    return Share(
        correct=int(correct.sum()),
        intent_to_test=share_interval(correct, clusters),
        complete_case=share_interval(correct[answered], told) if told else None,
    )


def correct_rows(cases: "DataFrame") -> NDArray[np.bool_]:
    """Which cases are correct, shape (n,)."""
    return (cases["outcome"] == "correct").fillna(value=False).to_numpy(dtype=np.bool_)


def answered_rows(cases: "DataFrame") -> NDArray[np.bool_]:
    """Which cases have an answer, readable or not, shape (n,); a failed call is none."""
    outcomes = cases["outcome"]
    return (outcomes.notna() & ~outcomes.isin(UNANSWERED)).to_numpy(dtype=np.bool_)


def is_size(params_b: float) -> bool:
    """Whether a number of parameters can stand on an axis of sizes: finite and above 0."""
    return bool(np.isfinite(params_b)) and params_b > 0


def cluster_names(cases: "DataFrame") -> list[str]:
    """The cluster of each case, apart per data set; a question without a cluster is one of its own."""
    own = "question " + cases["question_id"]
    named = "cluster " + cases["cluster"]
    return (cases["dataset"] + "\x1f" + named.fillna(own)).tolist()


def _cell(tables: CaseTables, cases: "DataFrame", details: "DataFrame") -> CellSummary:
    first = cases.iloc[0]
    size = float(first["params_b"])
    answered = cases[answered_rows(cases)]
    clusters = np.array(cluster_names(answered), dtype=np.object_)
    label = str(first["cell"])
    reasons = {column: tables.reasons.get((label, column), {}) for column in metric_columns(cases)}
    return CellSummary(
        cell=label,
        model=str(first["model"]),
        params_b=size if is_size(size) else None,
        tier=None if cases["tier"].isna().iloc[0] else str(first["tier"]),
        condition=str(first["condition"]),
        repeat=int(first["repeat"]),
        coverage=coverage(cases, details),
        share=share_correct(cases),
        metrics=tuple(_metric_mean(answered, column, found, clusters) for column, found in reasons.items()),
        loss_nll=_metric_mean(answered, LOSS, {}, clusters),
        prompt_tokens=_quantity(answered["prompt_tokens"]),
        output_tokens=_quantity(answered["output_tokens"]),
        latency_s=_quantity(answered["latency_s"]),
        concurrency=_quantity(answered["concurrency"]),
        cost_usd=_quantity(answered["cost_usd"]),
    )


def _slices(cases: "DataFrame", details: "DataFrame", kind: str) -> Iterator[Slice]:
    first = cases.iloc[0]
    for name, part in cases.groupby(kind, sort=True):
        yield Slice(
            cell=str(first["cell"]),
            model=str(first["model"]),
            condition=str(first["condition"]),
            kind=kind,
            name=str(name),
            coverage=coverage(part, details.loc[part.index]),
            share=share_correct(part),
        )


def _metric_mean(
    answered: "DataFrame", column: str, reasons: Mapping[str, int], clusters: NDArray[np.object_]
) -> MetricMean:
    told = answered[column].to_numpy(dtype=np.float64)
    scored = np.isfinite(told)
    values = told[scored]
    interval = share_interval if _is_share(column, values) else mean_interval
    mean = interval(values, clusters[scored].tolist()) if len(values) else None
    frequent = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))[:REASONS_MOST]
    return MetricMean(metric=column, mean=mean, unscored=len(answered) - len(values), reasons=tuple(frequent))


def _is_share(column: str, values: FloatArray) -> bool:
    known = METRICS.get(column.rpartition("@")[0])
    within = column != LOSS and (known is None or known.range == (0.0, 1.0))
    return within and bool(np.isin(values, (0.0, 1.0)).all())


def _quantity(values: "Series") -> Quantity | None:
    known = values.dropna().to_numpy(dtype=np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return None
    return Quantity(
        n=len(known),
        total=float(known.sum()),
        mean=float(known.mean()),
        median=float(np.median(known)),
        most=float(known.max()),
    )
