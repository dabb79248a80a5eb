"""Every metric beside the share right: direct answering, retrieval and uplift against size, each on its own scale."""

from dataclasses import dataclass, replace

import numpy as np

from harness.analysis.arms import CaseGrid, ScoreTable, score_table
from harness.analysis.by_model_size import SizeLine, size_line, uplift_lines
from harness.analysis.refusals import Refused
from harness.analysis.run import RunInfo
from harness.analysis.searched import ModelUplift, model_uplifts, search_models
from harness.analysis.uplift_line import UpliftLine
from harness.errors import UnknownName
from harness.metrics.table import metric


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricLines:
    """One metric over the cases that it scored; where lower is better, an uplift above 0 is a fall of the metric.

    `scored` counts the answered cases with a value, of `answered`. `higher_is_better` is None where all is refused.
    """

    metric: str
    higher_is_better: bool | None
    scored: int
    answered: int
    direct: SizeLine | Refused
    retrieval: SizeLine | Refused
    uplifts: tuple[ModelUplift, ...] | Refused
    mean_uplift_by_size: UpliftLine | Refused
    best_uplift_by_size: UpliftLine | Refused


def metric_lines(grid: CaseGrid, run: RunInfo, seed: int) -> tuple[MetricLines, ...] | Refused:
    """One entry per metric column, sorted by name."""
    found = tuple(_lines(grid, run, name, seed) for name in grid.metrics)
    return found or Refused(reason="needs 1 metric, has 0")


def metric_table(grid: CaseGrid, run: RunInfo, name: str) -> ScoreTable | Refused:
    """The scores of a metric with its direction and scale, or why cells cannot be chosen by it.

    A metric of no known range is no share; the run's word on a direction counts before the table of metrics.
    """
    bare = name.rpartition("@")[0]
    try:
        known = metric(bare)
    except UnknownName:
        known = None
    higher = run.higher_is_better.get(bare, None if known is None else known.higher_is_better)
    if higher is None:
        why = "the study does not say which direction is better" if known is None else "neither direction is better"
        return Refused(reason=f"cells cannot be chosen by {bare}: {why}")
    table = score_table(grid, name)
    values = table.scores[np.isfinite(table.scores)]
    share = known is not None and known.range == (0.0, 1.0) and bool(((values >= 0) & (values <= 1)).all())
    return replace(table, share=share, higher_is_better=higher)


def _lines(grid: CaseGrid, run: RunInfo, name: str, seed: int) -> MetricLines:
    table = metric_table(grid, run, name)
    scored, answered = int(np.isfinite(grid.columns[name]).sum()), int(grid.columns["answered"].sum())
    if not scored:
        table = Refused(reason=f"none of {answered} answers has a value of {name}")
    if isinstance(table, Refused):
        return MetricLines(
            metric=name,
            higher_is_better=None,
            scored=scored,
            answered=answered,
            direct=table,
            retrieval=table,
            uplifts=table,
            mean_uplift_by_size=table,
            best_uplift_by_size=table,
        )
    searches = search_models(table, seed)
    mean, best = uplift_lines(table, searches)
    return MetricLines(
        metric=name,
        higher_is_better=table.higher_is_better,
        scored=scored,
        answered=answered,
        direct=size_line(table, searches),
        retrieval=size_line(table, searches, retrieval=True),
        uplifts=model_uplifts(searches, table.clusters),
        mean_uplift_by_size=mean,
        best_uplift_by_size=best,
    )
