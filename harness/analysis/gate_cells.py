"""Two runs laid side by side: which cells can be compared, on which questions, and why the others cannot."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.analysis.cells import answered_rows, cluster_names, correct_rows
from harness.analysis.intervals import FloatArray, IntArray
from harness.analysis.yardstick import RunCases, Yardstick

if TYPE_CHECKING:
    from pandas import DataFrame

COVERAGE_APART = 0.05
CELL = ["model", "condition"]
QUESTION = ["dataset", "question_id"]
Name = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A cell that is not compared, and why."""

    model: str
    condition: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellPair:
    """One cell's scores in both runs on the same n questions, shape (n,); `clusters` holds the code of each one's.

    `same_answers` says that every answer has the same key in both runs: everything that can change it is equal.
    """

    model: str
    condition: str
    a: FloatArray
    b: FloatArray
    clusters: IntArray
    same_answers: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """The cases of both runs by number: a case of question q in cell c has the id c * questions + q, shape (rows,).

    `names` holds the cells in the order in which the runs, A first, come to them; questions are sorted. `sizes` counts
    each cell's questions in A, in B and in both, shape (3, cells).
    """

    names: tuple[Name, ...]
    questions: int
    ids: tuple[IntArray, IntArray]
    sizes: IntArray

    def cells(self, ids: IntArray) -> IntArray:
        """The number of the cell of each id."""
        return ids // self.questions


def refusals(a: RunCases, b: RunCases, *, common: bool = False) -> dict[Name, str]:
    """Why cells that either run has cannot be compared, in the order of the runs; `common` allows other questions.

    A data set whose hash differs is refused even where the names of its questions agree.
    """
    return _refusals(a, b, _laid_out(a, b), common=common)


def pairs(a: RunCases, b: RunCases, stick: Yardstick, *, common: bool = False) -> Iterator[CellPair | Refused]:
    """Each cell that either run has: its paired scores, or why it has none.

    Repeats are averaged per question. A case without an answer, or with one that could not be read, gets the worst
    score of a metric with bounds, as in the headline of a report; other unscored answers leave their question out.
    """
    layout = _laid_out(a, b)
    refused = _refusals(a, b, layout, common=common)
    first, second = (_arm(run.cases, ids, stick) for run, ids in zip((a, b), layout.ids, strict=True))
    arms = first.merge(second, left_index=True, right_index=True, suffixes=("_a", "_b"))
    edges = np.searchsorted(arms.index.to_numpy(), np.arange(len(layout.names) + 1) * layout.questions)
    units = _units(a.cases, layout)
    for place, name in enumerate(layout.names):
        part = arms.iloc[edges[place] : edges[place + 1]]
        if name in refused:
            yield Refused(model=name[0], condition=name[1], reason=refused[name])
        else:
            yield _pair(name, part, units[part.index.to_numpy() % layout.questions], stick)


def _laid_out(a: RunCases, b: RunCases) -> Layout:
    import pandas as pd

    both = pd.concat([run.cases[[*CELL, *QUESTION]] for run in (a, b)], ignore_index=True)
    cells = both.groupby(CELL, sort=False).ngroup().to_numpy(dtype=np.intp)
    questions = both.groupby(QUESTION, sort=True).ngroup().to_numpy(dtype=np.intp)
    count = int(questions.max(initial=0)) + 1
    ids = cells * count + questions
    names = tuple((str(model), str(name)) for model, name in both[CELL].drop_duplicates().itertuples(index=False))
    first, second = ids[: len(a.cases)], ids[len(a.cases) :]
    asked = np.unique(first), np.unique(second)
    common = np.intersect1d(asked[0], asked[1], assume_unique=True)
    sizes = np.stack([np.bincount(found // count, minlength=len(names)) for found in (*asked, common)])
    return Layout(names=names, questions=count, ids=(first, second), sizes=sizes)


def _refusals(a: RunCases, b: RunCases, layout: Layout, *, common: bool) -> dict[Name, str]:
    touched = _changed_data(a, layout, {name for name in a.data if b.data.get(name, a.data[name]) != a.data[name]})
    found: dict[Name, str] = {}
    for name, sizes in zip(layout.names, layout.sizes.T.tolist(), strict=True):
        if not (sizes[0] and sizes[1]):
            found[name] = f"only in {'A' if sizes[0] else 'B'}"
        elif name in touched:
            found[name] = f"data set {touched[name]!r} is not the same in A and B: its hash differs"
        elif reason := _other_questions(sizes, common=common):
            found[name] = reason
    return found


def _changed_data(a: RunCases, layout: Layout, changed: set[str]) -> dict[Name, str]:
    """The cells of A with a data set that changed, each with the first such."""
    cells = layout.cells(layout.ids[0])
    found: dict[Name, str] = {}
    for data in sorted(changed):
        rows = (a.cases["dataset"] == data).fillna(value=False).to_numpy(dtype=np.bool_)
        for place in np.unique(cells[rows]):
            found.setdefault(layout.names[int(place)], data)
    return found


def _other_questions(sizes: list[int], *, common: bool) -> str | None:
    first, second, both = sizes
    if first == second == both or (common and both):
        return None
    counts = f"{first} questions in A, {second} in B, {both} in both"
    return f"{counts}: compare those with --common" if both else counts


def _units(cases: "DataFrame", layout: Layout) -> IntArray:
    """The code of each question's cluster, as A names it; a question that A does not have is never looked up."""
    questions, rows = np.unique(layout.ids[0] % layout.questions, return_index=True)
    units: IntArray = np.zeros(layout.questions, dtype=np.intp)
    units[questions] = np.unique(cluster_names(cases.iloc[rows]), return_inverse=True)[1]
    return units


def _arm(cases: "DataFrame", ids: IntArray, stick: Yardstick) -> "DataFrame":
    """One row per id: the mean score of its repeats, and the shares of them that were asked and answered.

    `known` is 1 where every repeat has an answer and a key, and `keys` sums the hashes of the keys.
    """
    from pandas import DataFrame
    from pandas.util import hash_array

    answered = answered_rows(cases)
    rows = DataFrame(
        {
            "score": _scores(cases, stick),
            "asked": cases["outcome"].notna().to_numpy(dtype=np.float64),
            "answered": answered.astype(np.float64),
            "known": (answered & cases["key"].notna().to_numpy()).astype(np.float64),
            "keys": hash_array(cases["key"].fillna("").to_numpy(dtype=object)),
        }
    )
    grouped = rows.groupby(ids, sort=True)
    return grouped.agg({"score": "mean", "asked": "mean", "answered": "mean", "known": "min", "keys": "sum"})


def _scores(cases: "DataFrame", stick: Yardstick) -> FloatArray:
    if stick.column is None:
        return correct_rows(cases).astype(np.float64)
    values = cases[stick.column].to_numpy(dtype=np.float64, na_value=np.nan)
    values = np.where(np.isfinite(values), values, np.nan)
    unread = ~answered_rows(cases) | (cases["outcome"] == "unparsed").fillna(value=False).to_numpy(dtype=np.bool_)
    worst = stick.worst if isfinite(stick.worst) else np.nan
    return np.where(np.isnan(values) & unread, worst, values)


def _pair(name: Name, arms: "DataFrame", units: IntArray, stick: Yardstick) -> CellPair | Refused:
    scored = (arms["score_a"].notna() & arms["score_b"].notna()).to_numpy()
    reason = _without_pairs(arms, scored, stick)
    if reason is not None:
        return Refused(model=name[0], condition=name[1], reason=reason)
    kept = arms[scored]
    same = (kept["keys_a"] == kept["keys_b"]) & (kept["known_a"] == 1) & (kept["known_b"] == 1)
    return CellPair(
        model=name[0],
        condition=name[1],
        a=kept["score_a"].to_numpy(dtype=np.float64),
        b=kept["score_b"].to_numpy(dtype=np.float64),
        clusters=units[scored],
        same_answers=bool(same.all()),
        notes=_notes(arms, len(kept)),
    )


def _without_pairs(arms: "DataFrame", scored: NDArray[np.bool_], stick: Yardstick) -> str | None:
    if not arms["answered_a"].any():
        return "A holds no answer of it"
    if not arms["asked_b"].any():
        return "none of its questions was asked in B"
    return None if scored.any() else f"no question has a {stick.name} score in both runs"


def _notes(arms: "DataFrame", scored: int) -> tuple[str, ...]:
    told = []
    shares = [float(arms[f"answered_{run}"].mean()) for run in "ab"]
    if abs(shares[0] - shares[1]) > COVERAGE_APART:
        told.append(f"answered {100 * shares[0]:.0f} % in A, {100 * shares[1]:.0f} % in B; the rest counts as wrong")
    if len(arms) > scored:
        one = int((arms["score_a"].isna() != arms["score_b"].isna()).sum())
        told.append(f"{len(arms) - scored} questions left out without a score, {one} of them in one run only")
    return tuple(told)
