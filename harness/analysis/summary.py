"""All that the first report tells of a run, as one value."""

from dataclasses import dataclass

from harness.analysis.cells import CellSummary, Slice, summarise_cells, summarise_slices
from harness.analysis.comparisons import Comparison, compare_conditions
from harness.analysis.flags import Flag, find_flags
from harness.analysis.frame import CaseTables
from harness.analysis.run import RunInfo
from harness.analysis.verdicts import alone, is_clear, verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """The aggregates of one run, in the order in which they are told."""

    info: RunInfo
    cells: tuple[CellSummary, ...]
    tasks: tuple[Slice, ...]
    datasets: tuple[Slice, ...]
    comparisons: tuple[Comparison, ...]
    flags: tuple[Flag, ...]


def summarise(tables: CaseTables, info: RunInfo) -> RunSummary:
    """Summarise a run: cells, slices by task and data set, comparisons within models, and flags."""
    return RunSummary(
        info=info,
        cells=summarise_cells(tables),
        tasks=summarise_slices(tables, "task"),
        datasets=summarise_slices(tables, "dataset"),
        comparisons=compare_conditions(tables, info),
        flags=find_flags(tables, info),
    )


def verdicts(summary: RunSummary) -> tuple[str, ...]:
    """The sentences that lead the report: over all questions first, then per task, clear ones before unclear ones.

    Cells of a model that has no comparison follow with their share alone.
    """
    compared = {comparison.model for comparison in summary.comparisons}
    ranked = sorted(
        summary.comparisons, key=lambda found: (found.task is not None, found.task is not None and not is_clear(found))
    )
    singles = [alone(cell) for cell in summary.cells if cell.model not in compared]
    return (*(verdict(comparison) for comparison in ranked), *singles)
