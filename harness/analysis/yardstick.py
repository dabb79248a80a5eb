"""What two runs are compared by: the same metric in the same version, judged in the same way."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.analysis.frame import metric_columns
from harness.errors import HarnessError, UnknownName
from harness.metrics.table import metric as find_metric
from harness.scoring import PRIMARY_BY_TYPE, PRIMARY_OTHERWISE

if TYPE_CHECKING:
    from pandas import DataFrame

CORRECT = "correct"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunCases:
    """One run as the gate reads it: the case table, and what its scores depend on.

    `primary` and `correct_at` say when a case is correct, `margin` is the declared one. `data` maps a data set to its
    hash and is empty when that is unknown. `parts` holds what may change between the runs and is then told: a kind
    ("prompts", "weights") to names to hashes or values.
    """

    name: str
    cases: "DataFrame"
    primary: str
    correct_at: float
    margin: float
    data: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Yardstick:
    """What is compared: the share correct (no `column`) or a metric's column, with its direction and its bounds."""

    name: str
    column: str | None = None
    higher_is_better: bool = True
    low: float = 0.0
    high: float = 1.0

    @property
    def span(self) -> float:
        """How far two scores can lie apart; infinite without bounds."""
        return self.high - self.low

    @property
    def worst(self) -> float:
        """What a question without an answer scores; infinite without a worst score."""
        return self.low if self.higher_is_better else self.high


def yardstick(a: RunCases, b: RunCases, metric: str) -> Yardstick:
    """What `metric` means in both runs; "correct" is the share of correct answers.

    Raises:
        HarnessError: a run does not hold the metric, the runs hold different versions of it or judge correctness in
            different ways, or neither direction of it is better.
    """
    if metric == CORRECT:
        _same_judgement(a, b)
        return Yardstick(name=CORRECT)
    versions = [_column(run, metric) for run in (a, b)]
    _same_version(metric, (a, b), versions)
    known = _known(metric)
    if known is None:
        raise HarnessError(f"metric {metric!r} has no known direction: compare runs by one of {_names(a, b)}")
    higher, (low, high) = known
    return Yardstick(name=metric, column=versions[0], higher_is_better=higher, low=low, high=high)


def changes(a: RunCases, b: RunCases) -> tuple[str, ...]:
    """What differs between the runs that may be what is tested, one line per kind; also what could not be checked."""
    told = [] if a.data and b.data else ["the runs do not both say which data they asked: hashes were not compared"]
    for kind in (kind for kind in a.parts if kind in b.parts):
        old, new = a.parts[kind], b.parts[kind]
        names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
        if kind == "weights":
            # another choice of models is no change of one
            names = [name for name in names if name in old and name in new]
        if names:
            told.append(f"{kind} changed: {', '.join(names)}")
    return tuple(told)


def metric_names(run: RunCases) -> tuple[str, ...]:
    """The metrics that a run holds, without versions, sorted."""
    return tuple(sorted({column.rpartition("@")[0] for column in metric_columns(run.cases)}))


def _same_judgement(a: RunCases, b: RunCases) -> None:
    rules = [f"{run.primary} at {run.correct_at:g}" for run in (a, b)]
    if rules[0] != rules[1]:
        raise HarnessError(
            f"correct means {rules[0]} in A and {rules[1]} in B: report both runs with one rule, or name a metric"
        )
    decisive = [a.primary] if a.primary in metric_names(a) else [*PRIMARY_BY_TYPE.values(), PRIMARY_OTHERWISE]
    for metric in decisive:
        if metric in metric_names(a) and metric in metric_names(b):
            _same_version(metric, (a, b), [_column(run, metric) for run in (a, b)])


def _same_version(metric: str, runs: tuple[RunCases, RunCases], columns: list[str]) -> None:
    if columns[0] != columns[1]:
        versions = [column.rpartition("@")[2] for column in columns]
        raise HarnessError(
            f"metric {metric!r} has version {versions[0]} in {runs[0].name} and {versions[1]} in {runs[1].name}: "
            "run harness rescore and report again"
        )


def _column(run: RunCases, metric: str) -> str:
    found = [column for column in metric_columns(run.cases) if column.rpartition("@")[0] == metric]
    if not found:
        there = ", ".join((CORRECT, *metric_names(run)))
        raise HarnessError(f"run {run.name} has no metric {metric!r}: it has {there}")
    if len(found) > 1:
        raise HarnessError(f"run {run.name} holds {' and '.join(found)}: run harness rescore and report again")
    return found[0]


def _known(metric: str) -> tuple[bool, tuple[float, float]] | None:
    try:
        found = find_metric(metric)
    except UnknownName:
        return None
    return None if found.higher_is_better is None else (found.higher_is_better, found.range)


def _names(a: RunCases, b: RunCases) -> str:
    both = set(metric_names(a)) & set(metric_names(b))
    return ", ".join((CORRECT, *sorted(name for name in both if _known(name) is not None)))
