"""All that the first report tells of a run, as one value."""

from dataclasses import dataclass

from harness.analysis.audit import PromptAudit, Rate, audit_prompts, flip_rate
from harness.analysis.cells import CellSummary, Slice, answered_rows, summarise_cells, summarise_slices
from harness.analysis.comparisons import Comparison, compare_conditions
from harness.analysis.flags import Flag, Scores, find_flags
from harness.analysis.frame import CaseTables
from harness.analysis.run import RunInfo
from harness.analysis.verdicts import SURE_BELOW, alone, is_clear, is_likely, verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """The aggregates of one run, in the order in which they are told.

    `shared_answers` counts the answers that stand in more than one case, since their prompts are the same. `audits` has
    one entry per cell; `flips` is the flip rate over all cells, None where no prompt was asked again.
    """

    info: RunInfo
    cells: tuple[CellSummary, ...]
    tasks: tuple[Slice, ...]
    datasets: tuple[Slice, ...]
    comparisons: tuple[Comparison, ...]
    flags: tuple[Flag, ...]
    shared_answers: int
    audits: tuple[PromptAudit, ...]
    flips: Rate | None


def summarise(tables: CaseTables, info: RunInfo, again: Scores | None = None) -> RunSummary:
    """Summarise a run: cells, slices by task and data set, comparisons within models, audits and flags.

    Args:
        tables: the results.
        info: what else is known of the run.
        again: the scores of cases, by label, computed again from the stored answers; without them no stored score is
            checked.
    """
    return RunSummary(
        info=info,
        cells=summarise_cells(tables),
        tasks=summarise_slices(tables, "task"),
        datasets=summarise_slices(tables, "dataset"),
        comparisons=compare_conditions(tables, info),
        flags=find_flags(tables, info, again),
        shared_answers=_shared(tables),
        audits=audit_prompts(tables),
        flips=flip_rate(tables.details),
    )


def _shared(tables: CaseTables) -> int:
    keys = tables.cases["key"][answered_rows(tables.cases)]
    return int((keys.value_counts() > 1).sum())


def verdicts(summary: RunSummary) -> tuple[str, ...]:
    """The sentences that lead the report: each comparison over all questions, in the order of the cells.

    Cells of a model that has no comparison follow with their share alone.
    """
    compared = {comparison.model for comparison in summary.comparisons}
    singles = [alone(cell) for cell in summary.cells if cell.model not in compared]
    return (*(told(found) for found in summary.comparisons if found.task is None), *singles)


def told(comparison: Comparison) -> str:
    """The sentence of a comparison: its verdict, or why its conditions are not compared."""
    if comparison.refused is None:
        return verdict(comparison)
    names = f"{comparison.condition} and {comparison.baseline}"
    return f"{comparison.model}: {names} are not compared ({comparison.refused})"


def verdict_key(summary: RunSummary) -> tuple[str, ...]:
    """What "may" means in the verdicts, where one of them says it."""
    whole = [found for found in summary.comparisons if found.task is None]
    if not any(is_likely(found) for found in whole):
        return ()
    tested = sum(found.adjusted is not None for found in whole)
    family = f"{tested} comparison{'' if tested == 1 else 's'}"
    return (f"may: the interval excludes 0, but p adjusted for {family} is not below {SURE_BELOW:g}, or there is no p",)


def task_verdicts(summary: RunSummary) -> tuple[str, ...]:
    """What the comparisons by task say: how many are clear over the whole grid, then a sentence for each of those."""
    by_task = [found for found in summary.comparisons if found.task is not None]
    if not by_task:
        return ()
    clear = [found for found in by_task if is_clear(found)]
    count = f"exploratory: {len(clear)} of {len(by_task)} comparisons by task are clear after Benjamini-Hochberg"
    return (count, *(f"exploratory: {verdict(found)}" for found in clear))
