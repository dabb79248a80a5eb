"""Claims over models of several sizes: what retrieval gains, the gap, accuracy or loss grows or shrinks with size."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness.analysis.arms import Missing
from harness.analysis.by_model_size import line_of
from harness.analysis.cells import LOSS
from harness.analysis.distributions import t_quantile, t_two_sided_p
from harness.analysis.intervals import NO_SPREAD, FloatArray, distinct
from harness.analysis.line import Coefficient
from harness.analysis.refusals import Refused
from harness.analysis.uplift_line import UpliftLine
from harness.analysis.yardstick import CORRECT, Yardstick
from harness.claims.ground import (
    Ground,
    Spot,
    direct_name,
    models_under,
    modes,
    over_repeats,
    scores,
    spot_of,
)
from harness.claims.needs import why_not
from harness.claims.results import ALPHA, Finding, Undecided, undecided
from harness.claims.wording import change, distance, level, span
from harness.errors import HarnessError, UnknownName

Quantity = Literal["uplift", "gap", "accuracy", "loss"]
Way = Literal["grows", "shrinks"]
SHOWN_MOST = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A quantity under one condition against the size of the models; the direct condition where none is named.

    "uplift" is the share right minus that of direct answering, "gap" confidence minus competence. `task` is None for
    all questions.
    """

    quantity: Quantity
    way: Way
    condition: str | None = None
    task: str | None = None


def trending(ground: Ground, trend: Trend) -> Finding:
    """Whether the slope over log10 of the size has the claimed sign: t with the errors of Knapp and Hartung.

    The models are those of the run under the condition; fewer than 3 have no interval, and nothing is told.

    Raises:
        HarnessError: an unknown condition or task.
    """
    condition = trend.condition or direct_name(ground)
    if trend.quantity == "uplift" and condition == direct_name(ground):
        raise HarnessError(f"the uplift of {condition} over itself is no claim: name another condition, such as rag")
    claim = _claim(trend, condition)
    try:
        _require_task(ground, trend.task)
        cells, others = _cells(ground, condition)
        lines = [_line(ground, trend, cells, missing) for missing in _modes(ground, trend, cells)]
    except Undecided as why:
        return undecided(claim, why)
    apart = f" {', '.join(others)} {'are' if len(others) > 1 else 'is'} asked other questions." if others else ""
    found = Finding(claim=claim, numbers=_numbers(lines[0], trend) + apart, n=lines[0].n)
    tests = [_tests(line, trend.way) for line in lines]
    told = [test for test in tests if not isinstance(test, str)]
    if len(told) < len(tests):
        return replace(found, why=next(test for test in tests if isinstance(test, str)))
    return replace(
        found,
        support=max(test[0] for test in told),
        against=max(test[1] for test in told),
        why=_why(lines[0], trend.way),
    )


def _claim(trend: Trend, condition: str) -> str:
    task = "" if trend.task is None else f" on {trend.task} questions"
    said = {
        "uplift": f"what {condition} gains over direct answering",
        "gap": f"the gap between confidence and competence ({condition})",
        "accuracy": f"the share right ({condition})",
        "loss": f"the loss of the gold answer ({condition})",
    }[trend.quantity]
    return f"{said}{task} {trend.way} with size"


def _require_task(ground: Ground, task: str | None) -> None:
    if task is None or task in ground.tasks:
        return
    if ground.unlike:
        raise Undecided(f"this run leaves out data sets, and those that it asks have no task {task}", untested=True)
    raise UnknownName("task", task, ground.tasks)


def _cells(ground: Ground, condition: str) -> tuple[dict[str, Spot], list[str]]:
    """The largest set of models that are asked the same questions under the condition, and the other models."""
    apart = sum(name.rpartition(":")[2] == condition for name in ground.elsewhere if name not in ground.unlike)
    if apart:
        raise Undecided(f"this run leaves out {apart} of the models under {condition}", untested=True)
    spots = {model: spot_of(ground, f"{model}:{condition}") for model in models_under(ground, condition)}
    alike = [{model: spot for model, spot in spots.items() if spot.grid is grid} for grid in ground.grids]
    found = max(alike, key=len)
    return found, [model for model in spots if model not in found]


def _modes(ground: Ground, trend: Trend, models: Iterable[str]) -> tuple[Missing, ...]:
    """A failed call has neither confidence nor loss, but it may be counted as not right."""
    if trend.quantity in {"gap", "loss"}:
        return ("left out",)
    named = set(models)
    return modes(ground, *(name for name in ground.cells if name.rpartition(":")[0] in named))


def _line(ground: Ground, trend: Trend, cells: Mapping[str, Spot], missing: Missing) -> UpliftLine:
    questions = next(iter(cells.values())).grid.questions
    rows = np.array([trend.task in {None, task} for task in questions.tasks], dtype=np.bool_)
    if not rows.any():
        raise Undecided(f"no question of the task {trend.task} was asked")
    if distinct(questions.clusters[rows]) < 2:  # noqa: PLR2004 - one cluster has no spread between clusters
        raise Undecided("its questions come in one cluster, and at least 2 are needed")
    columns = [_values(ground, trend.quantity, cell, missing) for cell in cells.items()]
    sizes = [spot.arm.size for spot in cells.values()]
    line = line_of(sizes, np.column_stack(columns)[rows], questions.clusters[rows])
    if isinstance(line, Refused):
        raise Undecided(line.reason)
    return line


def _values(ground: Ground, quantity: Quantity, cell: tuple[str, Spot], missing: Missing) -> FloatArray:
    model, spot = cell
    right = scores(spot, Yardstick(name=CORRECT), missing)
    if quantity == "accuracy":
        return right
    if quantity == "uplift":
        direct = spot_of(ground, f"{model}:{direct_name(ground)}")
        if direct.grid is not spot.grid:
            raise Undecided(f"the questions that {model} answers directly are others")
        return right - scores(direct, Yardstick(name=CORRECT), missing)
    columns, rows = spot.grid.columns, spot.grid.arm_of == spot.place
    if quantity == "loss":
        return over_repeats(columns[LOSS][rows])
    stated = columns["confidence"][rows]
    known = (stated >= 0) & (stated <= 1) & (columns["answered"][rows] == 1)
    return over_repeats(np.where(known, stated - columns[CORRECT][rows], np.nan))


def _slope(line: UpliftLine) -> Coefficient:
    if line.slope is None:
        raise Undecided(line.reason or "no line")
    return line.slope


def _tests(line: UpliftLine, way: Way) -> tuple[float, float] | str:
    slope = _slope(line)
    if slope.refused is not None or not slope.se or slope.df is None:
        return slope.refused or "the slope has no error"
    t = slope.estimate / slope.se
    tail = t_two_sided_p(t, slope.df) / 2
    below, above = (tail, 1 - tail) if t < 0 else (1 - tail, tail)
    return (above, below) if way == "grows" else (below, above)


def _numbers(line: UpliftLine, trend: Trend) -> str:
    slope, share = _slope(line), trend.quantity != "loss"
    signed = trend.quantity in {"uplift", "gap"}
    shown = [
        f"{model} {change(value, share=share) if signed else level(value, share=share)}"
        for model, value in zip(line.models, line.uplifts, strict=True)
    ]
    more = f" and {len(shown) - SHOWN_MOST} more" if len(shown) > SHOWN_MOST else ""
    told = f"By size: {', '.join(shown[:SHOWN_MOST])}{more}, over {line.n} questions"
    half = 0.0 if slope.refused or not slope.se or slope.df is None else t_quantile(1 - ALPHA, slope.df) * slope.se
    ends = span(slope.estimate - half, slope.estimate + half, share=share, signed=True) if half else ""
    return f"{told}; per tenfold size {change(slope.estimate, share=share)} {ends}".rstrip() + "."


def _why(line: UpliftLine, way: Way) -> str:
    slope = _slope(line)
    ahead = slope.estimate if way == "grows" else -slope.estimate
    if ahead <= 0:
        return why_not(ahead)
    if line.tau is not None and line.tau > NO_SPREAD:
        by = distance(line.tau, share=True)
        return f"the models scatter around the line by {by} beyond chance: more models would tell, not more questions"
    return "more models, sizes that lie further apart, or more questions would tell"
