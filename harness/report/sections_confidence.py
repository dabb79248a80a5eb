"""Section 7: confidence against competence: loss, accuracy and confidence by size, calibration, and the size advice."""

from collections.abc import Sequence

from harness.analysis.gap import Confidence
from harness.analysis.grid_confidence import SizedQuantity
from harness.analysis.refusals import Refused
from harness.analysis.size_advice import IntervalAdvice
from harness.analysis.uplift_line import UpliftLine
from harness.analysis.whole import Analysis
from harness.report import sections_published as published
from harness.report.sections import Section
from harness.report.sections_numbers import (
    POINTS,
    Row,
    count,
    decimal,
    details,
    listed,
    optional,
    points,
    probability,
    reasons,
    refusals,
    signed,
    table,
)
from harness.report.sections_verdicts import direct_accuracy, margin_points
from harness.report.wording import NOTHING, size

NOTES = (
    (
        "gap: mean confidence minus share right, in points, paired by answer; above 0 is overconfident. Accuracy, gap "
        "and loss are over the answered questions, their slopes per tenfold size (loss in nats per token of the gold "
        "answer)."
    ),
    (
        "ECE: plug-in calibration error in bins of equal mass, in [0, 1], biased upwards; beside it the squared error "
        "without that bias, which may be negative. Brier: reliability - resolution + uncertainty (+ within the "
        "groups). AUROC: the chance that a right answer is more confident than a wrong one. z tests that confidences "
        "are chances of being right. left out: answers whose confidence is missing or unreadable."
    ),
    "The advice reads the interval of what the line of direct accuracy gains from the smallest to the largest size.",
)
CONFIDENCE_COLUMNS = (
    *("cell", "task", "source", "n", "left out", "distinct", "confidence %", "right %", "gap, points", "ECE (bins)"),
    *("squared, unbiased", "Brier (rel - res + unc)", "AUROC", "z, p"),
)
LINE_COLUMNS = ("quantity", "condition", "task", "models", "n", "at the middle size", "slope per tenfold size")
ADVICE_COLUMNS = ("task", "sizes", "models", "n", "gain, points", "advice", "retrieval shown to help", "overconfidence")


def confidence_section(analysis: Analysis) -> Section:
    """7. Confidence against competence, over all questions and per task type."""
    cells = () if isinstance(analysis.confidences, Refused) else analysis.confidences
    lines = () if isinstance(analysis.quantities, Refused) else analysis.quantities
    advice = () if isinstance(analysis.advice, Refused) else analysis.advice
    whole, by_task = ([row for row in cells if (row.task is None) == total] for total in (True, False))
    tables = (
        *table("Size advice by intervals", ADVICE_COLUMNS, (_advice_row(analysis, row) for row in advice)),
        *table("Against size", LINE_COLUMNS, _line_rows(lines), 3),
        *details("Calibration by cell", CONFIDENCE_COLUMNS, map(_confidence_row, _sure(whole)), 3),
        *details("Calibration by cell and task", CONFIDENCE_COLUMNS, map(_confidence_row, _sure(by_task)), 3),
        *(() if isinstance(analysis.published, Refused) else published.ccg_tables(analysis.published)),
    )
    return Section(
        title="Confidence against competence",
        key="confidence",
        lines=(*_gap_lines(analysis), *_advice_lines(advice), *_refused(analysis, cells, lines)),
        tables=tables,
        notes=NOTES,
        figures=("loss_accuracy_confidence", "ccg_by_task", "reliability"),
    )


def _gap_lines(analysis: Analysis) -> Row:
    """What happens to overconfidence with size."""
    gap = direct_accuracy(analysis, "gap")
    if gap is None or gap.slope is None or gap.centre is None:
        return ()
    trend = {
        True: "whether overconfidence changes with size is open",
        None: f"no interval ({gap.slope.refused})",
        False: "overconfidence " + ("grows" if gap.slope.estimate > 0 else "shrinks") + " with size",
    }[gap.spans_zero]
    on = f"{count(len(gap.models), 'model')}, {count(gap.n, 'question')}"
    at = f"{points(gap.at_centre, ' points')} at {size(10**gap.centre)}"
    return (
        f"Direct answers: confidence minus accuracy is {at}; {points(gap.slope)} per tenfold size ({on}): {trend}.",
    )


def _advice_lines(advice: Sequence[IntervalAdvice]) -> Row:
    made = []
    for row in advice:
        if row.task is None:
            enough = row.smallest_enough
            made.append(
                f"Smallest model that with retrieval is shown to hold its own against the largest one's direct answers "
                f"within {margin_points(row.margin)} points: {enough if enough is not None else 'none is shown'}."
            )
    return tuple(made)


def _advice_row(analysis: Analysis, row: IntervalAdvice) -> Row:
    line = direct_accuracy(analysis, task=row.task)
    ends = "" if row.low is None or row.high is None else f" [{POINTS * row.low:.1f}, {POINTS * row.high:.1f}]"
    sure = {True: "shown to grow with size", False: "shown to shrink with size", None: "open"}[row.overconfident]
    return (
        *(row.task or "all", f"{size(row.least_b)} to {size(row.most_b)}"),
        *((NOTHING, NOTHING) if line is None else (str(len(line.models)), str(line.n))),
        *(f"{signed(POINTS * row.gain)}{ends}", row.call, _helped(row), sure),
    )


def _helped(row: IntervalAdvice) -> str:
    """The models that retrieval helps, which is known over all questions only."""
    return NOTHING if row.task is not None else listed(row.hybrid_helps) or "no model"


def _line_rows(lines: Sequence[SizedQuantity]) -> list[Row]:
    return [_line_row(row, row.line) for row in lines if not isinstance(row.line, Refused)]


def _line_row(row: SizedQuantity, line: UpliftLine) -> Row:
    in_points = row.quantity != "loss"
    parts = [
        points(found, " points") if in_points else decimal(found, sign=place > 0)
        for place, found in enumerate((line.at_centre, line.slope))
    ]
    return (row.quantity, row.condition, row.task or "all", str(len(line.models)), str(line.n), *parts)


def _sure(cells: Sequence[Confidence]) -> list[Confidence]:
    return [row for row in cells if row.gap.refused is None]


def _confidence_row(row: Confidence) -> Row:
    gap, error, brier, test = row.gap, row.error, row.brier, row.test
    shares = [
        NOTHING if value is None else f"{POINTS * value:.1f}" for value in (gap.mean_confidence, gap.share_correct)
    ]
    return (
        *(row.cell, row.task or "all", row.source or NOTHING, str(gap.n), str(gap.left_out), str(gap.distinct)),
        *(*shares, points(gap.gap)),
        NOTHING if error is None else f"{error.plug_in:.3f} ({error.bins})",
        NOTHING if error is None else optional(error.debiased_squared, ".4f"),
        NOTHING
        if brier is None
        else f"{brier.score:.3f} ({brier.reliability:.3f} - {brier.resolution:.3f} + {brier.uncertainty:.3f})",
        NOTHING if row.ranking is None else optional(row.ranking.auroc),
        NOTHING if test is None or test.z is None else f"{test.z:+.2f}, {probability(test.p)}",
    )


def _refused(analysis: Analysis, cells: Sequence[Confidence], lines: Sequence[SizedQuantity]) -> Row:
    whole = (("calibration", analysis.confidences), ("lines by size", analysis.quantities), ("advice", analysis.advice))
    named = ((f"{row.quantity} by size, {row.condition}, {row.task or 'all'}", row.line) for row in lines)
    return (
        *refusals([*whole, *named]),
        *reasons((f"the gap of {_cell_name(row)}", row.gap.refused) for row in cells),
    )


def _cell_name(row: Confidence) -> str:
    return row.cell if row.task is None else f"{row.cell} ({row.task})"
