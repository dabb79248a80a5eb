"""Cases as columns of small whole numbers, each of which points into a list of the values that were met."""

from collections.abc import Callable, Iterable, Sequence
from math import isfinite

from harness.records import Answer, CaseResult, Score

MISSING = "missing"
OUTCOMES = ("correct", "wrong", "blank", "unparsed", "error", MISSING)
NOWHERE = -1
SIGNIFICANT = 5
# what a score may stand as: its value, or the reason why it has none
Shown = float | str
# id, title, text, document
PassageKey = tuple[str, str, str, str]


def outcome_column(results: Sequence[CaseResult]) -> list[int]:
    """Each case's outcome as its place in OUTCOMES."""
    at = {name: place for place, name in enumerate(OUTCOMES)}
    return [at[result.outcome or MISSING] for result in results]


def said(results: Sequence[CaseResult], part: Callable[[Answer], object]) -> list[object]:
    """A part of each case's answer; None where there is none."""
    return [None if result.answer is None else part(result.answer) for result in results]


def metric_columns(results: Sequence[CaseResult]) -> list[dict[str, object]]:
    """One column per metric, sorted by name: the values and reasons met, and each case's place among them, or -1."""
    names = sorted({score.column for result in results for score in result.scores})
    known: dict[str, dict[Shown, int]] = {name: {} for name in names}
    at = {name: [NOWHERE] * len(results) for name in names}
    for row, result in enumerate(results):
        for score in result.scores:
            values = known[score.column]
            at[score.column][row] = values.setdefault(_shown(score), len(values))
    return [{"name": name, "values": list(known[name]), "at": at[name]} for name in names]


def primary_column(results: Sequence[CaseResult], metrics: Sequence[str]) -> list[int]:
    """Which of the metrics decided each case, or -1."""
    at = {name: place for place, name in enumerate(metrics)}
    return [NOWHERE if result.primary is None else at.get(result.primary.column, NOWHERE) for result in results]


def passage_columns(
    results: Iterable[CaseResult],
) -> tuple[list[PassageKey], list[tuple[int, ...]], list[int]]:
    """The passages met, the lists of them that were shown together, and each case's list."""
    met: dict[PassageKey, int] = {}
    lists: dict[tuple[int, ...], int] = {}
    at = []
    for result in results:
        keys = [(passage.id, passage.title, passage.text, passage.document) for passage in result.passages]
        shown = tuple(met.setdefault(key, len(met)) for key in keys)
        at.append(lists.setdefault(shown, len(lists)))
    return list(met), list(lists), at


def thousandths(value: float | None) -> int | None:
    """A time in whole milliseconds, or a share in thousandths."""
    return None if value is None or not isfinite(value) else round(1000 * value)


def _shown(score: Score) -> Shown:
    if score.value is None:
        return score.reason or "unscored"
    return float(f"{score.value:.{SIGNIFICANT}g}") if isfinite(score.value) else str(score.value)
