"""Which cells may stand beside each other: the same questions, asked and judged alike."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.analysis.intervals import IntArray

BoolArray = NDArray[np.bool_]
Marks = Mapping[str, IntArray]
TOLD = {
    "question_hash": "have another text or gold answer than in most cells",
    "scorer": "are judged by another metric or version than in most cells",
    "rubric": "are judged by another rubric than in most cells",
    "dataset_hash": "come from a data set of another hash than in most cells",
    "cluster": "are in another cluster than in most cells",
    "task": "have another task than in most cells",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparable:
    """The places of the cells and questions that stand together, and why the other cells do not."""

    kept: IntArray
    questions: IntArray
    reasons: tuple[tuple[int, str], ...]


def left_out_cells(asked: BoolArray, answered: BoolArray, marks: Marks) -> Comparable:
    """Keep the cells that were asked the commonest question set, with the same marks on every question.

    Among sets asked equally often the larger one counts, then that of the first cell. A mark of a question is the one
    of most kept cells, the lowest code among equals; a code below 0 is no mark and disagrees with none.

    Args:
        asked: which questions a cell was asked, shape (cells, n).
        answered: which of them it answered, shape (cells, n).
        marks: codes by name, each of shape (cells, n).
    """
    reasons: dict[int, str] = {}
    for cell in np.flatnonzero(~answered.any(axis=1)):
        reasons[int(cell)] = f"none of its {int(asked[cell].sum())} cases has an answer"
    kept = np.flatnonzero(answered.any(axis=1))
    if not len(kept):
        return Comparable(kept=kept, questions=np.zeros(0, dtype=np.intp), reasons=tuple(sorted(reasons.items())))
    reference = _commonest(asked[kept])
    for cell in kept[(asked[kept] != reference).any(axis=1)]:
        shared, own = int((asked[cell] & reference).sum()), int((asked[cell] & ~reference).sum())
        others = f" and {own} others" if own else ""
        total = int(reference.sum())
        reasons[int(cell)] = f"it was asked {shared} of the {total} questions of most cells{others}"
    questions = np.flatnonzero(reference)
    kept = np.array([cell for cell in kept if int(cell) not in reasons], dtype=np.intp)
    for name, codes in marks.items():
        unlike = _unlike(codes[kept][:, questions])
        for cell in np.flatnonzero(unlike):
            reasons[int(kept[cell])] = f"{int(unlike[cell])} of its {len(questions)} questions {TOLD[name]}"
        kept = kept[unlike == 0]
    return Comparable(kept=kept, questions=questions, reasons=tuple(sorted(reasons.items())))


def _commonest(asked: BoolArray) -> BoolArray:
    packed = [row.tobytes() for row in np.packbits(asked, axis=1)]
    counts = {row: packed.count(row) for row in dict.fromkeys(packed)}
    best = max(counts, key=lambda row: (counts[row], int(asked[packed.index(row)].sum()), -packed.index(row)))
    reference: BoolArray = asked[packed.index(best)]
    return reference


def _unlike(codes: IntArray) -> IntArray:
    """How many questions of each cell have another mark than most cells, shape (cells,)."""
    counts = np.zeros(len(codes), dtype=np.intp)
    if not codes.size:
        return counts
    known = np.where(codes < 0, codes.max(axis=0), codes)
    for question in np.flatnonzero((known != known.max(axis=0)).any(axis=0)):
        found, times = np.unique(codes[:, question][codes[:, question] >= 0], return_counts=True)
        counts += (codes[:, question] >= 0) & (codes[:, question] != found[times.argmax()])
    return counts
