"""Questions by arms: each question's mean score over its repeats, as the comparisons across conditions read it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.cells import answered_rows, cluster_names, correct_rows
from harness.analysis.intervals import FloatArray

if TYPE_CHECKING:
    from pandas import DataFrame

CORRECT = "correct"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuestionTable:
    """`scores[i, j]`: question i in arm j, shape (n, arms), NaN where there is none; `clusters` names each question's.

    Questions are sorted by data set and id, arms keep the order of the rows.
    """

    arms: tuple[str, ...]
    clusters: tuple[str, ...]
    scores: FloatArray

    def arm(self, name: str) -> FloatArray:
        """One arm's scores, shape (n,).

        Raises:
            ValueError: there is no such arm.
        """
        if name not in self.arms:
            raise ValueError(f"there is no arm {name!r} among {', '.join(self.arms)}")
        return self.scores[:, self.arms.index(name)]


def question_table(cases: "DataFrame", arm: str, column: str = CORRECT) -> QuestionTable:
    """Case rows as questions by arms; "correct" scores answered cases 0 or 1, any other column is taken as it is.

    Args:
        cases: columns of the case table; none gives an empty table.
        arm: the column whose values are the arms, such as "condition" or "model".
        column: what is averaged over the rows of a question in an arm, without those that are not finite.
    """
    values = case_scores(cases, column)
    rows = cases[["dataset", "question_id"]].assign(arm=cases[arm].astype(str), score=values, unit=cluster_names(cases))
    arms = tuple(str(name) for name in rows["arm"].unique())
    keys = ["dataset", "question_id"]
    units = rows.groupby(keys, sort=True)["unit"].first()
    wide = rows.pivot_table(index=keys, columns="arm", values="score", aggfunc="mean", observed=True, sort=True)
    scores = wide.reindex(index=units.index, columns=list(arms)).to_numpy(dtype=np.float64)
    return QuestionTable(arms=arms, clusters=tuple(units.astype(str)), scores=scores)


def case_scores(cases: "DataFrame", column: str = CORRECT) -> FloatArray:
    """One score per row, shape (n,), NaN where there is none: unanswered, unscored or not finite."""
    if column == CORRECT:
        return np.where(answered_rows(cases), correct_rows(cases).astype(np.float64), np.nan)
    values = cases[column].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isfinite(values), values, np.nan)
