"""One order of cells and cases, whatever order they arrived in: merged shards give the same report."""

from collections.abc import Iterable, Sequence

from harness.errors import HarnessError
from harness.records import CaseResult, Cell

BASELINE = "direct"
CONTEXTS = ("none", "retrieved", "gold", "distractor")


def in_order(results: Iterable[CaseResult]) -> tuple[CaseResult, ...]:
    """The results without exact repeats, sorted by cell (small models first, direct first), data set and question.

    Raises:
        HarnessError: one case comes with two different results.
    """
    kept: dict[str, CaseResult] = {}
    for result in results:
        label = result.case.label
        if label in kept and kept[label] != result:
            raise HarnessError(
                f"case {label!r} has two different results (keys {kept[label].key} and {result.key}): report one run"
            )
        kept[label] = result
    cells = {result.case.cell.label: _cell_key(result.case.cell) for result in kept.values()}
    return tuple(sorted(kept.values(), key=lambda result: _case_key(result, cells[result.case.cell.label])))


def cells_of(results: Sequence[CaseResult]) -> tuple[Cell, ...]:
    """The cells of sorted results, in order."""
    return tuple({result.case.cell.label: result.case.cell for result in results}.values())


def condition_key(name: str, context: str) -> tuple[object, ...]:
    """Sorts conditions: direct, then without passages, with retrieved, gold and distracting ones, then by name."""
    return (name != BASELINE, CONTEXTS.index(context), name)


def _cell_key(cell: Cell) -> tuple[object, ...]:
    size = cell.model.params_b
    # a model of unknown size comes last
    return (
        size is None,
        size or 0.0,
        cell.model.name,
        condition_key(cell.condition.name, cell.condition.context),
        cell.repeat,
        cell.label,
    )


def _case_key(result: CaseResult, cell_key: tuple[object, ...]) -> tuple[object, ...]:
    question = result.case.question
    return (cell_key, question.dataset, question.id, result.case.label)
