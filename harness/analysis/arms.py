"""The cases as dense arrays: cells (model, condition, repeat) by questions, and the arms that repeats make up."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.analysis.intervals import FloatArray, IntArray
from harness.analysis.model_sizes import ModelSize
from harness.analysis.question_table import CORRECT

Missing = Literal["not right", "left out"]
Role = Literal["none", "retrieved", "gold", "distractor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One model under one condition, all repeats together; `tier` is None for a model without a usable size."""

    size: ModelSize
    condition: str
    context: str
    tier: str | None = None
    quantisation: str | None = None
    adapter: str | None = None

    @property
    def model(self) -> str:
        """The model's name."""
        return self.size.model

    @property
    def label(self) -> str:
        """MODEL:CONDITION, for people; it is never parsed."""
        return f"{self.model}:{self.condition}"

    @property
    def is_base(self) -> bool:
        """Whether the model's own weights answer in the precision of the study."""
        return self.quantisation is None and self.adapter is None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Questions:
    """The questions that every cell was asked, sorted by data set and id; all parts have length n.

    `clusters` are codes from 0 on in the order of the clusters' names; a question without a cluster is one of its own.
    `guess` is the chance in [0, 1) that an answer without knowledge is right. A question without a task has None.
    """

    datasets: tuple[str, ...]
    ids: tuple[str, ...]
    tasks: tuple[str | None, ...]
    clusters: IntArray
    guess: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CaseGrid:
    """A run as arrays: `columns[name]` has shape (cells, n), NaN where a case has no finite value (up to 1e100).

    Cells are sorted by arm and repeat; `arm_of[c]` is the place of a cell's arm. "answered" and "correct" are 0 or 1
    everywhere. `metrics` names the score columns as NAME@VERSION. `answers` are codes, equal for equal answers to a
    question, -1 for none; None where the answers are not known. `sources` names the sources of confidence, whose place
    "source" holds. `left_out` holds cells that cannot stand beside the others, with the reason.
    """

    arms: tuple[Arm, ...]
    arm_of: IntArray
    repeats: IntArray
    questions: Questions
    columns: Mapping[str, FloatArray]
    metrics: tuple[str, ...]
    answers: IntArray | None
    sources: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreTable:
    """One score of every arm, `scores` of shape (n, arms), repeats averaged per question, NaN where there is none.

    `missing` says whether a case without an answer counts as not right, or not at all. `share` says that the score
    lies in [0, 1], `chance` is its floor of guessing. `higher_is_better` is its direction.
    """

    name: str
    missing: Missing
    arms: tuple[Arm, ...]
    scores: FloatArray
    questions: Questions
    share: bool = True
    chance: float = 0.0
    higher_is_better: bool = True

    @property
    def clusters(self) -> IntArray:
        """The code of each question's cluster, shape (n,)."""
        return self.questions.clusters

    def places(self, *, model: str | None = None, context: Role | None = None, tier: str | None = None) -> list[int]:
        """The places of the arms with the model's own weights and precision, in study order."""
        return [
            place
            for place, arm in enumerate(self.arms)
            if arm.is_base
            and model in {None, arm.model}
            and context in {None, arm.context}
            and tier in {None, arm.tier}
        ]


def models_of(arms: tuple[Arm, ...]) -> tuple[ModelSize, ...]:
    """The models of some arms, each once, in their order."""
    return tuple({arm.model: arm.size for arm in arms}.values())


def score_table(grid: CaseGrid, name: str = CORRECT, *, missing: Missing = "not right") -> ScoreTable:
    """The share right, or the mean of a column, per question and arm.

    Args:
        grid: the cases.
        name: "correct" or a column; any column but "correct" has no value where it has none, whatever `missing` says.
        missing: whether a case without an answer is not right, or left out.
    """
    values = grid.columns[name]
    if name == CORRECT and missing == "left out":
        values = np.where(grid.columns["answered"] == 1, values, np.nan)
    chance = float(grid.questions.guess.mean()) if name == CORRECT and len(grid.questions.ids) else 0.0
    return ScoreTable(
        name=name,
        missing=missing if name == CORRECT else "left out",
        arms=grid.arms,
        scores=arm_means(grid, values),
        questions=grid.questions,
        chance=chance,
    )


def arm_means(grid: CaseGrid, values: FloatArray) -> FloatArray:
    """Cell values, shape (cells, n), as means over the repeats that have one, shape (n, arms); NaN where none has."""
    there = np.isfinite(values)
    if len(values) == len(grid.arms):
        return np.ascontiguousarray(np.where(there, values, np.nan).T)
    starts = np.searchsorted(grid.arm_of, np.arange(len(grid.arms)))
    counts = np.add.reduceat(there.astype(np.float64), starts, axis=0)
    sums = np.add.reduceat(np.where(there, values, 0.0), starts, axis=0)
    return np.ascontiguousarray(np.where(counts > 0, sums / np.maximum(counts, 1.0), np.nan).T)
