"""What was sent and what came back: the prompts of each cell, and answers that must not pass as skill."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.cells import answered_rows, by_cell
from harness.analysis.frame import CaseTables, TemplateMark
from harness.analysis.intervals import Interval, share_interval
from harness.metrics.values import accepts_blank
from harness.metrics.wattbot import is_blank
from harness.records import Answer, CaseResult, Score

if TYPE_CHECKING:
    from pandas import DataFrame, Series

SCORE_TOLERANCE = 0.01
CONSTANT_LEAST = 10  # answers; over fewer, half of them may be one text by chance
CONSTANT_OVER = 0.5
# True/false questions whose gold is even call for one text half of the time: it has to be given to three quarters.
CONSTANT_BEYOND_GOLD = 0.25
DUPLICATE_LEAST = 20  # questions; over fewer, short answers drawn twice are often the same

CellResults = Sequence[CaseResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How many of `share.n` it concerns, and that share with Wilson's interval."""

    count: int
    share: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptAudit:
    """What the prompts of a cell's `answered` cases were like, and how their answers ended.

    `bos` counts prompts by how many BOS tokens lead them, None where that is not known. `templates` names those that
    asked, each once; none where the run does not tell. `truncated_cases` prompts lost `truncated_passages` passages to
    the context window. `cut` is the share of answers that ended at the token limit, None without answers; `unread`
    counts answers with a text that could not be read. `flips` is the share of the prompts asked again by themselves
    that got another text, None where none was.
    """

    cell: str
    model: str
    condition: str
    repeat: int
    answered: int
    bos: tuple[tuple[int | None, int], ...]
    templates: tuple[TemplateMark, ...]
    truncated_cases: int
    truncated_passages: int
    cut: Rate | None
    unread: int
    flips: Rate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """A stored score that differs from the one computed again; None stands for unscored."""

    case: str
    column: str
    stored: float | None
    again: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """One text that is `given` of `answered` answers, and right for `right` of their questions."""

    text: str
    given: int
    right: int
    answered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """A cell that answered all its `answered` questions in the words of an earlier cell."""

    cell: str
    of: str
    answered: int


def audit_prompts(tables: CaseTables) -> tuple[PromptAudit, ...]:
    """One audit per cell, in the order of the tables."""
    return tuple(_audit(cases, details) for cases, details in by_cell(tables))


def flip_rate(details: "DataFrame") -> Rate | None:
    """The share of the prompts asked again by themselves that got another text; None when none was asked again."""
    return _rate(details["flipped"].dropna() == 1)


def unread_rows(cases: "DataFrame", details: "DataFrame") -> "Series":
    """Which answers have a text that could not be read."""
    return (cases["outcome"] == "unparsed").fillna(value=False) & (details["answer_characters"] > 0).fillna(value=False)


def differing_questions(cases: "DataFrame", values: "Series") -> tuple[str, ...]:
    """The ids of the questions that have more than one of the values, sorted by data set; missing values are none.

    Args:
        cases: rows with `dataset` and `question_id`.
        values: one per row of `cases`, in the same order.
    """
    from pandas import factorize

    codes = factorize(values)[0].astype(np.float64)
    rows = cases[["dataset", "question_id"]].assign(code=np.where(codes < 0, np.nan, codes))
    grouped = rows.groupby(["dataset", "question_id"], sort=True)["code"]
    least, most = grouped.min(), grouped.max()
    return tuple(str(question) for _, question in least.index[(least < most).to_numpy()])


def score_mismatches(
    stored: Mapping[str, Sequence[Score]], again: Mapping[str, Sequence[Score]]
) -> tuple[Mismatch, ...]:
    """Where scores computed again from the stored answers differ from the stored ones by more than .01.

    Both map a case's label to its scores. Scores are matched by metric and version; one that only either side has is
    left out, as is a value under a user's own name, which nothing can compute again. A value that is not finite counts
    as unscored, and scored against unscored is a mismatch. Sorted by case and column.
    """
    found = []
    for case in sorted(stored.keys() & again.keys()):
        fresh = {score.column: _finite(score.value) for score in again[case]}
        for column, value in sorted((score.column, _finite(score.value)) for score in stored[case]):
            if column in fresh and _differ(value, fresh[column]):
                found.append(Mismatch(case=case, column=column, stored=value, again=fresh[column]))
    return tuple(found)


def constant_answer(results: Sequence[CaseResult]) -> Constant | None:
    """The one text that makes up most of a cell's answers without the gold answers asking for it, if there is one.

    It is given to more than half of at least 10 answered questions, and is right for fewer of them by over 25 points.
    Texts are compared without case and outer punctuation; one that could not be read counts as it stands, and all
    blanks as one.
    """
    said = [_said(result) for result in results]
    spellings = Counter(text for text in said if text is not None)
    answered = spellings.total()
    if answered < CONSTANT_LEAST:
        return None
    counts: Counter[str] = Counter()
    for text, count in spellings.items():
        counts[_bare(text)] += count
    bare, given = _most_frequent(counts)
    if given <= CONSTANT_OVER * answered:
        return None
    right = sum(_is_right(bare, result, text) for result, text in zip(results, said, strict=True) if text is not None)
    if given - right <= CONSTANT_BEYOND_GOLD * answered:
        return None
    text, _ = _most_frequent({text: count for text, count in spellings.items() if _bare(text) == bare})
    return Constant(text=text, given=given, right=right, answered=answered)


def duplicate_cells(tables: CaseTables, temperature: float | None) -> tuple[Duplicate, ...]:
    """Cells that answered every question in the words of an earlier one, in order.

    Runs of one model under one condition are told whatever the temperature; other pairs only where answers are drawn,
    at a temperature above 0. An answer kept once for both cells, since their prompts are the same, is no duplicate: at
    least 20 questions must have been answered twice. Cells that give one constant answer are left out.
    """
    alike: dict[tuple[object, ...], list[CellResults]] = defaultdict(list)
    for cases, _ in by_cell(tables):
        results = [tables.results[int(place)] for place in cases.index]
        texts = _texts(results)
        if len(texts) >= DUPLICATE_LEAST:
            alike[tuple(texts.items())].append(results)
    drawn = temperature is not None and temperature > 0
    return tuple(found for group in alike.values() if len(group) > 1 for found in _repeated(group, drawn=drawn))


def _audit(cases: "DataFrame", details: "DataFrame") -> PromptAudit:
    first, there = cases.iloc[0], answered_rows(cases)
    asked = details[there]
    lost = asked["truncated_passages"].fillna(0)
    return PromptAudit(
        cell=str(first["cell"]),
        model=str(first["model"]),
        condition=str(first["condition"]),
        repeat=int(first["repeat"]),
        answered=int(there.sum()),
        bos=_bos(asked["bos_count"]),
        templates=_templates(details),
        truncated_cases=int((lost > 0).sum()),
        truncated_passages=int(lost.sum()),
        cut=_rate((asked["finish_reason"] == "length").fillna(value=False)),
        unread=int(unread_rows(cases, details).sum()),
        flips=flip_rate(details),
    )


def _bos(counts: "Series") -> tuple[tuple[int | None, int], ...]:
    known = Counter(int(count) for count in counts.dropna())
    unknown = int(counts.isna().sum())
    return (*sorted(known.items()), *([(None, unknown)] if unknown else []))


def _templates(details: "DataFrame") -> tuple[TemplateMark, ...]:
    told = details[["template", "template_hash"]].dropna().drop_duplicates()
    marks = sorted(told.itertuples(index=False, name=None))
    return tuple(TemplateMark(name=str(name), hash=str(found)) for name, found in marks)


def _rate(concerned: "Series") -> Rate | None:
    if not len(concerned):
        return None
    values = concerned.to_numpy(dtype=np.float64)
    return Rate(count=int(values.sum()), share=share_interval(values))


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


def _differ(stored: float | None, again: float | None) -> bool:
    if stored is None or again is None:
        return stored is not again
    return abs(stored - again) > SCORE_TOLERANCE


def _said(result: CaseResult) -> str | None:
    """The answer as read, the text of one that cannot be read, or None where there is no answer."""
    answer, reading = _answer(result), result.reading
    if answer is None:
        return None
    return answer.text if reading is None or reading.problem is not None else reading.value


def _answer(result: CaseResult) -> Answer | None:
    """The answer, unless a failure left only placeholders in it."""
    return None if result.answer is None or result.answer.error is not None else result.answer


def _most_frequent(counts: Mapping[str, int]) -> tuple[str, int]:
    """The text with the largest of some counts, the last in alphabetical order among equals."""
    return max(counts.items(), key=lambda item: (item[1], item[0]))


def _bare(text: str) -> str:
    return "" if is_blank(text) else " ".join(text.casefold().split()).strip(" .,;:!\"'")


def _is_right(bare: str, result: CaseResult, said: str) -> bool:
    if _bare(said) == bare and result.outcome == "correct":
        return True
    question = result.case.question
    return bare in map(_bare, question.answers) or (not bare and accepts_blank(question))


def _texts(results: CellResults) -> Mapping[tuple[str, str], str]:
    """The raw answers of a cell by question, in the order of the rows, which is that of data set and id."""
    told = ((result.case.question, answer) for result in results if (answer := _answer(result)) is not None)
    return {(question.dataset, question.id): answer.text for question, answer in told}


def _repeated(group: Sequence[CellResults], *, drawn: bool) -> Iterator[Duplicate]:
    """Each of some cells with the same answers that repeats an earlier one."""
    if constant_answer(group[0]) is not None:
        return
    for place, later in enumerate(group):
        for earlier in group[:place]:
            if (drawn or _is_rerun(earlier, later)) and _answered_twice(earlier, later) >= DUPLICATE_LEAST:
                answered = len(_texts(later))
                yield Duplicate(cell=_label(later), of=_label(earlier), answered=answered)
                break


def _answered_twice(earlier: CellResults, later: CellResults) -> int:
    kept = {result.key for result in earlier}
    return sum(_answer(result) is not None and result.key not in kept for result in later)


def _is_rerun(earlier: CellResults, later: CellResults) -> bool:
    a, b = earlier[0].case, later[0].case
    return (a.model, a.condition) == (b.model, b.condition)


def _label(results: CellResults) -> str:
    return results[0].case.cell.label
