"""The clustered intervals that other reports give (CR1), beside those of every cell, to compare with theirs."""

from collections.abc import Mapping

from harness.analysis.cells import by_cell, cluster_names, correct_rows
from harness.analysis.compatible import faults
from harness.analysis.compatible.clustered import ClusteredMean, cr1_mean
from harness.analysis.frame import CaseTables
from harness.report.sections_numbers import POINTS, Row
from harness.report.sections_published import Tables, published_table
from harness.report.wording import NOTHING

COLUMNS = ("cell", "n", "clusters", "right %", "SE, points", "95 %")


def clustered_means(tables: CaseTables) -> dict[str, ClusteredMean]:
    """The share of right answers of each cell by that formula, missing ones counted as not right.

    Empty where no two questions share a cluster: the formula then says what is said without it.
    """
    found = {
        str(cases["cell"].iloc[0]): cr1_mean(correct_rows(cases), cluster_names(cases)) for cases, _ in by_cell(tables)
    }
    return found if any(mean.clusters < mean.n for mean in found.values()) else {}


def clustered_tables(found: Mapping[str, ClusteredMean]) -> Tables:
    """One row per cell; no table without cells."""
    rows = (_row(cell, mean) for cell, mean in found.items())
    return published_table("right answers of each cell with CR1 intervals", faults.CR1, COLUMNS, rows)


def _row(cell: str, found: ClusteredMean) -> Row:
    ends = (found.low, found.high)
    shown = [f"{POINTS * end:.1f}" for end in ends if end is not None]
    return (
        *(cell, str(found.n), str(found.clusters), f"{POINTS * found.mean:.1f}"),
        NOTHING if found.se is None else f"{POINTS * found.se:.1f}",
        f"[{', '.join(shown)}]" if shown else (found.reason or NOTHING),
    )
