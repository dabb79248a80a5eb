"""What answers took in energy, where a column of the case table holds it."""

import numpy as np

from harness.analysis.intervals import mean_interval
from harness.analysis.refusals import Refused
from harness.report.figures.case_arrays import case_arrays
from harness.report.figures.clouds import Reading, reading_of, topmost_first
from harness.report.figures.figure import About, Figure, FigureData
from harness.report.figures.ranking import bar_figure
from harness.report.figures.words import cell_name, value_tip

COLUMN = "energy_wh"


def energy_per_experiment(data: FigureData, width: int) -> Figure | Refused:
    """The mean watt-hours of an answer in every cell, as bars."""
    found = energy_readings(data)
    if isinstance(found, Refused):
        return found
    ordered = topmost_first(found)
    most, least = ordered[0], ordered[-1]
    about = About(
        stem="energy_per_experiment",
        title="Energy per answer",
        unit="mean Wh per answer",
        alt=(
            f"An answer takes from {least.value:.3g} Wh ({cell_name(least.model, least.condition)}) to "
            f"{most.value:.3g} Wh ({cell_name(most.model, most.condition)})."
        ),
    )
    return bar_figure(data, width, ordered, about)


def energy_readings(data: FigureData) -> list[Reading] | Refused:
    """The mean energy of each cell's answers in watt-hours, or why none is known."""
    if COLUMN not in data.tables.cases.columns:
        return Refused(reason=f"no energy was measured: the case table has no column {COLUMN}")
    spent = data.tables.cases[COLUMN].to_numpy(dtype=np.float64, na_value=np.nan)
    cases = case_arrays(data)
    found = []
    for cell, rows in cases.by_cell(data):
        there = rows & cases.answered & np.isfinite(spent)
        if there.any():
            mean = mean_interval(spent[there], cases.clusters[there])
            name = cell_name(cell.model, cell.condition, cell.repeat)
            found.append(reading_of(cell, mean, value_tip(name, mean, "Wh")))
    return found or Refused(reason="no answer reports its energy")
