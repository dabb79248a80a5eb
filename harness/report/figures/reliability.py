"""Whether a stated confidence means what it says, model by model."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.analysis.calibration import BINS, equal_mass_bins
from harness.analysis.gap import Confidence
from harness.analysis.intervals import Interval, share_interval
from harness.analysis.refusals import Refused
from harness.report.figures.axes import Axis
from harness.report.figures.case_arrays import BoolArray, CaseArrays, case_arrays
from harness.report.figures.figure import Figure, FigureData, Spec
from harness.report.figures.look import Look, look_of
from harness.report.figures.marks import dot_of, dots, line
from harness.report.figures.panel import LEFT, Frame, panel
from harness.report.figures.sheet import sheet
from harness.report.figures.stated import STYLES, first_direct, whole_cells
from harness.report.figures.theme import Style, light
from harness.report.figures.words import n_words, name_words, sentence, whole

SIDE_LEAST = 128
SIDE_MOST = 300.0
GAP = 24
AREA = 22.0
PERCENT = Axis(kind="linear", low=0.0, high=1.0, ticks=(0.0, 0.5, 1.0), label="format(100 * datum.value, '~g')")


def reliability(data: FigureData, width: int) -> Figure | Refused:
    """How often answers of a stated confidence are right, a panel per model, for direct answering."""
    if isinstance(data.analysis.confidences, Refused):
        return data.analysis.confidences
    look = look_of(data)
    condition = first_direct(data, look)
    if isinstance(condition, Refused):
        return condition
    found = whole_cells(data, condition)
    if not found:
        return Refused(reason=f"no answer under {condition} has a confidence")
    found.sort(key=lambda one: (look.models.index(one.model), one.cell, one.source or ""))
    return Figure(
        stem="reliability",
        title="Does a confidence mean what it says?",
        alt=_finding(look, found),
        caption=sentence(
            f"Condition: {look.condition_names[condition]}.",
            n_words((one.gap.n for one in found), "answer", "per panel"),
            f"Up to {BINS} bins of equal mass. Bars: 95 % intervals of each bin (Wilson, clustered where questions "
            "share clusters).",
            "Up: right answers in percent. Below the diagonal: more confident than right.",
            "ECE: plug-in, L1, over the same bins.",
            name_words(look, [one.model for one in found]),
        ),
        spec=_spec(data, look, found, width),
        width=width,
    )


def _spec(data: FigureData, look: Look, found: Sequence[Confidence], width: int) -> Spec:
    across = max(1, min(len(found), (width - LEFT) // (SIDE_LEAST + GAP)))
    side = min(SIDE_MOST, (width - LEFT - 12 - GAP * (across - 1)) / across)
    cases = case_arrays(data)
    panels = [
        _panel(look, one, _bins(cases, _rows_of(data, cases, one)), (side, place % across == 0))
        for place, one in enumerate(found)
    ]
    return sheet(panels, columns=across, gap=GAP)


def _panel(look: Look, one: Confidence, bins: Sequence[tuple[float, Interval]], place: tuple[float, bool]) -> Spec:
    side, first = place
    told = [f"ECE {one.error.plug_in:.2f}"] if one.error is not None else []
    title = ", ".join([*told, f"n {one.gap.n}"])
    _, repeat, number = one.cell.rpartition(" repeat ")
    frame = Frame(
        x=replace(PERCENT, title="confidence, %"),
        y=replace(PERCENT, title=title, label=PERCENT.label if first else "''"),
        width=side,
        height=side,
        heading=look.names[one.model] + (f" #{int(number) + 1}" if repeat else ""),
        indent=0,
    )
    made = [dot_of(stated, found, STYLES["accuracy"], _tip(stated, found), area=AREA) for stated, found in bins]
    diagonal = Style(colour=light("axis"), shape="circle", dash=(4, 3))
    return panel(frame, [line([(0.0, 0.0), (1.0, 1.0)], diagonal, width=1.0), *dots(made)])


def _tip(stated: float, found: Interval) -> str:
    return f"confidence {whole(stated)}: {whole(found.estimate)} right, n = {found.n}"


def _bins(cases: CaseArrays, rows: BoolArray) -> list[tuple[float, Interval]]:
    """The mean confidence of each bin of some rows, and the share right in it."""
    stated, right, clusters = cases.confidence[rows], cases.correct[rows].astype(np.float64), cases.clusters[rows]
    codes = equal_mass_bins(stated, BINS)
    return [
        (float(stated[codes == code].mean()), share_interval(right[codes == code], clusters[codes == code]))
        for code in range(int(codes.max()) + 1)
    ]


def _rows_of(data: FigureData, cases: CaseArrays, one: Confidence) -> BoolArray:
    """The answers behind a cell's confidence: those with one in [0, 1], from its source or from none that is named."""
    labels = {
        cell.cell
        for cell in data.summary.cells
        if one.cell in {(name := f"{cell.model}:{cell.condition}"), f"{name} repeat {cell.repeat}"}
    }
    wanted = np.isin(cases.cell, [place for place, label in enumerate(cases.labels) if label in labels])
    known = (cases.confidence >= 0) & (cases.confidence <= 1) & cases.answered
    if one.source is not None:
        known &= (cases.source == cases.sources.index(one.source)) | (cases.source < 0)
    return np.asarray(wanted & known)


def _finding(look: Look, found: Sequence[Confidence]) -> str:
    errors = [(one.error.plug_in, place) for place, one in enumerate(found) if one.error is not None]
    error, place = max(errors)
    worst = found[place]
    return (
        f"{look.names[worst.model]} is the worst calibrated of {len(found)} cells: ECE {error:.2f}, mean confidence "
        f"{whole(worst.gap.mean_confidence or 0.0)} against {whole(worst.gap.share_correct or 0.0)} right."
    )
