"""Votes of models over their answers, and the questions themselves: how hard, and who alone is right."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from harness.analysis.arms import CaseGrid, ScoreTable
from harness.analysis.distributions import generator
from harness.analysis.ensembles import Ensemble, ensemble
from harness.analysis.intervals import FloatArray, IntArray
from harness.analysis.refusals import Refused, needs

MEMBERS_LEAST = 2
CONTEXTS = ("none", "retrieved", "gold", "distractor")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionVote:
    """The vote of the models under one condition (its first repeat), against the best single model chosen alike."""

    condition: str
    members: tuple[str, ...]
    vote: Ensemble


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionRow:
    """One question: `right` is the share of the `arms` arms' answers that were, a missing one counting as not right.

    `alone` names the arm that was the only one to get it right (in any repeat), None where several or none did.
    """

    dataset: str
    question: str
    task: str | None
    arms: int
    right: float
    alone: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UniqueWins:
    """How many questions one model alone got right among the `models` models that ran the condition."""

    condition: str
    model: str
    models: int
    n: int
    wins: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """On how many of the `n` questions two models were right or wrong together under one condition, as a share."""

    condition: str
    a: str
    b: str
    n: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionViews:
    """The questions in order, and the models against each other within each condition."""

    questions: tuple[QuestionRow, ...]
    wins: tuple[UniqueWins, ...]
    agreements: tuple[Agreement, ...]


def condition_votes(grid: CaseGrid, seed: int) -> tuple[ConditionVote, ...] | Refused:
    """A vote for the first condition of each context that several models ran, over their answers as read."""
    if grid.answers is None:
        return Refused(reason="needs the answers as read, which the tables do not hold")
    # the first of each context: read backwards, so that it is the one that stays
    wanted = {arm.context: arm.condition for arm in reversed(grid.arms) if arm.is_base}
    votes = [_vote(grid, wanted[context], seed) for context in CONTEXTS if context in wanted]
    models = len({arm.model for arm in grid.arms})
    return tuple(vote for vote in votes if vote is not None) or needs(MEMBERS_LEAST, "model in one condition", models)


def question_views(table: ScoreTable) -> QuestionViews | Refused:
    """Every question with its share right, and unique wins and agreement of the models within each condition."""
    if not table.arms:
        return needs(1, "cell", 0)
    scores = np.nan_to_num(table.scores, nan=0.0)
    conditions = {
        condition: [place for place, arm in enumerate(table.arms) if arm.condition == condition]
        for condition in dict.fromkeys(arm.condition for arm in table.arms)
    }
    several = {condition: places for condition, places in conditions.items() if len(places) >= MEMBERS_LEAST}
    return QuestionViews(
        questions=_rows(table, scores),
        wins=tuple(win for condition, places in several.items() for win in _wins(table, condition, places)),
        agreements=tuple(one for condition, places in several.items() for one in _agreed(table, condition, places)),
    )


def _vote(grid: CaseGrid, condition: str, seed: int) -> ConditionVote | None:
    cells = _first_cells(grid, condition)
    if len(cells) < MEMBERS_LEAST or grid.answers is None:
        return None
    rng = generator(seed, "ensemble", condition)
    found = ensemble(grid.answers[cells].T, grid.columns["correct"][cells].T, grid.questions.clusters, rng=rng)
    members = tuple(grid.arms[grid.arm_of[cell]].model for cell in cells)
    return ConditionVote(condition=condition, members=members, vote=found)


def _first_cells(grid: CaseGrid, condition: str) -> IntArray:
    """The first repeat of each arm of a condition."""
    first = np.unique(grid.arm_of, return_index=True)[1]
    return np.array([cell for cell in first if grid.arms[grid.arm_of[cell]].condition == condition], dtype=np.intp)


def _rows(table: ScoreTable, scores: FloatArray) -> tuple[QuestionRow, ...]:
    right, lone = scores.mean(axis=1).tolist(), (scores > 0).sum(axis=1) == 1
    who = np.argmax(scores > 0, axis=1)
    names = zip(table.questions.datasets, table.questions.ids, table.questions.tasks, strict=True)
    return tuple(
        QuestionRow(
            dataset=dataset,
            question=question,
            task=task,
            arms=len(table.arms),
            right=right[place],
            alone=table.arms[who[place]].label if lone[place] else None,
        )
        for place, (dataset, question, task) in enumerate(names)
    )


def _wins(table: ScoreTable, condition: str, places: list[int]) -> list[UniqueWins]:
    right = np.nan_to_num(table.scores[:, places], nan=0.0) > 0
    alone = right & (right.sum(axis=1) == 1)[:, None]
    return [
        UniqueWins(
            condition=condition,
            model=table.arms[place].model,
            models=len(places),
            n=len(right),
            wins=int(alone[:, column].sum()),
        )
        for column, place in enumerate(places)
    ]


def _agreed(table: ScoreTable, condition: str, places: list[int]) -> list[Agreement]:
    found = []
    for a, b in combinations(places, 2):
        pair = table.scores[:, [a, b]]
        there = np.isfinite(pair).all(axis=1)
        if n := int(there.sum()):
            share = float(np.mean(pair[there, 0] == pair[there, 1]))
            names = (table.arms[a].model, table.arms[b].model)
            found.append(Agreement(condition=condition, a=names[0], b=names[1], n=n, share=share))
    return found
