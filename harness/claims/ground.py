"""What claims are judged on: the cases of a run as arrays, its cells by the names that claims give them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite

import numpy as np

from harness.analysis.adapters import case_grid
from harness.analysis.arms import Arm, CaseGrid, Missing
from harness.analysis.frame import gather
from harness.analysis.intervals import FloatArray
from harness.analysis.order import BASELINE
from harness.analysis.run import RunInfo
from harness.analysis.yardstick import CORRECT, Yardstick
from harness.claims.results import Undecided
from harness.errors import HarnessError, UnknownName
from harness.metrics.table import metric as find_metric
from harness.records import CaseResult
from harness.study import Study, cell_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The cases of one cell, repeats together: how many are planned, have no outcome yet, or failed last."""

    planned: int
    unasked: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spot:
    """A cell's place: the grid of all cells that were asked the same data sets, and its arm there."""

    grid: CaseGrid
    place: int

    @property
    def arm(self) -> Arm:
        """The model and the condition."""
        return self.grid.arms[self.place]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """A run as claims see it: `cells` by MODEL:CONDITION, `elsewhere` what its options left out of the study.

    Those of `elsewhere` that are asked none of the run's data sets are `unlike`. `tasks` are those of the data sets,
    whether or not a question of each is asked. Cells that are asked different data sets stand in different `grids`.
    """

    grids: tuple[CaseGrid, ...]
    results: tuple[CaseResult, ...]
    cells: Mapping[str, Asked]
    elsewhere: tuple[str, ...]
    tasks: frozenset[str]
    margin: float
    seed: int
    unlike: frozenset[str] = frozenset()

    @property
    def unfinished(self) -> bool:
        """Whether any planned case has no outcome."""
        return any(asked.unasked for asked in self.cells.values())


def ground_of(study: Study, results: Sequence[CaseResult]) -> Ground:
    """The ground of a study's claims, from one result per planned case.

    Raises:
        MissingExtra: pandas or scipy is not installed.
        HarnessError: there are no results.
    """
    info = RunInfo(
        run=study.name,
        study=study.name,
        primary=study.primary,
        planned=len(study.cases),
        margin=study.margin,
        seed=study.seed,
        gammas={name: data.gamma for name, data in study.datasets.items()},
    )
    return Ground(
        grids=tuple(case_grid(gather(part, run=info)) for part in _asked_alike(results)),
        results=tuple(results),
        cells=_asked(results),
        elsewhere=study.elsewhere,
        # a limit may have left a task without a question
        tasks=frozenset(question.task for data in study.datasets.values() for question in data.questions) - {""},
        margin=study.margin,
        seed=study.seed,
        unlike=study.unlike,
    )


def _asked_alike(results: Sequence[CaseResult]) -> Iterable[list[CaseResult]]:
    """The results apart by the data sets that their cells were asked."""
    asked: dict[str, set[str]] = {}
    for result in results:
        asked.setdefault(cell_name(result.case.cell), set()).add(result.case.question.dataset)
    parts: dict[frozenset[str], list[CaseResult]] = {}
    for result in results:
        parts.setdefault(frozenset(asked[cell_name(result.case.cell)]), []).append(result)
    return parts.values()


def _asked(results: Sequence[CaseResult]) -> dict[str, Asked]:
    outcomes: dict[str, list[str | None]] = {}
    for result in results:
        outcomes.setdefault(cell_name(result.case.cell), []).append(result.outcome)
    return {
        name: Asked(planned=len(found), unasked=found.count(None), failed=found.count("error"))
        for name, found in outcomes.items()
    }


def spot_of(ground: Ground, name: str) -> Spot:
    """Where a cell stands.

    Raises:
        UnknownName: the study has no such cell.
        Undecided: the run was not to ask it, has not asked all of it, or has no answer that can stand.
    """
    asked = ground.cells.get(name)
    if asked is None:
        if name in ground.elsewhere:
            raise Undecided(f"this run leaves out {name}", untested=True)
        raise UnknownName("cell", name, (*ground.cells, *ground.elsewhere))
    if asked.unasked:
        raise Undecided(f"{asked.unasked} of the {asked.planned} cases of {name} have no answer yet")
    for grid in ground.grids:
        for place, arm in enumerate(grid.arms):
            if arm.label == name:
                return Spot(grid=grid, place=place)
    left_out = [each for grid in ground.grids for each in grid.left_out]
    why = next((why for label, why in left_out if label.startswith(name)), "it has no answer")
    raise Undecided(f"nothing can be said of {name}: {why}")


def direct_name(ground: Ground) -> str:
    """The condition that stands for a model by itself: "direct", else one without passages, else the only one.

    Raises:
        HarnessError: several could be meant.
    """
    conditions = dict.fromkeys(name.rpartition(":")[2] for name in ground.cells)
    if BASELINE in conditions or len(conditions) == 1:
        return BASELINE if BASELINE in conditions else next(iter(conditions))
    arms = (arm for grid in ground.grids for arm in grid.arms)
    bare = list(dict.fromkeys(arm.condition for arm in arms if arm.context == "none"))
    if len(bare) == 1:
        return bare[0]
    raise HarnessError(f"which condition is meant? Name one of {', '.join(conditions)}")


def models_under(ground: Ground, condition: str) -> tuple[str, ...]:
    """The models that the run asks under a condition, in study order.

    Raises:
        UnknownName: the study has no such condition.
        Undecided: the run was not to ask it.
    """
    names = [name for name in ground.cells if name.rpartition(":")[2] == condition]
    if names:
        return tuple(name.rpartition(":")[0] for name in names)
    if any(name.rpartition(":")[2] == condition for name in ground.elsewhere):
        raise Undecided(f"this run leaves out the condition {condition}", untested=True)
    known = {name.rpartition(":")[2] for name in (*ground.cells, *ground.elsewhere)}
    raise UnknownName("condition", condition, known)


def stick_of(grid: CaseGrid, metric: str) -> Yardstick:
    """What a metric means here; a user's own has no bounds, and more of it counts as better.

    Raises:
        HarnessError: the run does not hold it, or holds two versions of it.
    """
    if metric == CORRECT:
        return Yardstick(name=CORRECT)
    found = [column for column in grid.metrics if column.rpartition("@")[0] == metric]
    if not found:
        raise UnknownName("metric", metric, (CORRECT, *(name.rpartition("@")[0] for name in grid.metrics)))
    if len(found) > 1:
        raise HarnessError(f"the run holds {' and '.join(found)}: run harness rescore")
    try:
        known = find_metric(metric)
    except UnknownName:
        return Yardstick(name=metric, column=found[0], low=-inf, high=inf)
    low, high = known.range
    return Yardstick(
        name=metric, column=found[0], higher_is_better=known.higher_is_better is not False, low=low, high=high
    )


def modes(ground: Ground, *names: str) -> tuple[Missing, ...]:
    """How cases without an answer may be counted: in both ways where a call failed, and a claim must stand either."""
    failed = any(ground.cells[name].failed for name in names)
    return ("left out", "not right") if failed else ("left out",)


def scores(spot: Spot, stick: Yardstick, missing: Missing = "left out") -> FloatArray:
    """One score per question of an arm, repeats averaged, shape (n,), NaN where there is none.

    An answer that could not be read has the worst score; so has a failed call under "not right".
    """
    grid = spot.grid
    rows = grid.arm_of == spot.place
    answered = grid.columns["answered"][rows] == 1
    if stick.column is None:
        values = np.where(answered, grid.columns[CORRECT][rows], np.nan)
        worst = 0.0
    else:
        values = grid.columns[stick.column][rows]
        worst = stick.worst if isfinite(stick.worst) else np.nan
        unread = answered & ~np.isfinite(grid.columns["primary"][rows])
        values = np.where(unread & ~np.isfinite(values), worst, values)
    if missing == "not right":
        values = np.where(answered, values, worst)
    return over_repeats(values)


def over_repeats(values: FloatArray) -> FloatArray:
    """Values of shape (repeats, n) as means over those that are finite, shape (n,); NaN where none is."""
    there = np.isfinite(values)
    counts = there.sum(axis=0)
    sums = np.where(there, values, 0.0).sum(axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
