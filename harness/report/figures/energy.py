"""What answers took in energy, where a column of the case table holds it."""

from dataclasses import replace

import numpy as np

from harness.analysis.intervals import mean_interval
from harness.analysis.refusals import Refused
from harness.report.figures.case_arrays import case_arrays
from harness.report.figures.clouds import Reading, reading_of, topmost_first
from harness.report.figures.figure import About, Figure, FigureData
from harness.report.figures.ranking import bar_figure
from harness.report.figures.words import cell_name, value_tip

COLUMN = "energy_wh"
UNITS = (("Wh", 1.0), ("mWh", 1e3), ("µWh", 1e6))
SHOWN_LEAST = 0.1  # of the largest mean, in the unit that it is told in


def energy_per_experiment(data: FigureData, width: int) -> Figure | Refused:
    """The mean watt-hours of an answer in every cell, as bars."""
    found = energy_readings(data)
    if isinstance(found, Refused):
        return found
    unit, scale = _unit(max(one.value for one in found))
    ordered = [_scaled(one, scale) for one in topmost_first(found)]
    most, least = ordered[0], ordered[-1]
    about = About(
        stem="energy_per_experiment",
        title="Energy per answer",
        unit=f"mean {unit} per answer",
        alt=(
            f"An answer takes from {least.value:.3g} {unit} ({cell_name(least.model, least.condition)}) to "
            f"{most.value:.3g} {unit} ({cell_name(most.model, most.condition)})."
        ),
    )
    return bar_figure(data, width, ordered, about)


def _unit(most_wh: float) -> tuple[str, float]:
    return next(((name, scale) for name, scale in UNITS if scale * most_wh >= SHOWN_LEAST), UNITS[-1])


def _scaled(one: Reading, scale: float) -> Reading:
    """The reading in another unit; its tip stays in watt-hours."""
    low, high = (None if end is None else scale * end for end in (one.low, one.high))
    return replace(one, value=scale * one.value, low=low, high=high)


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
