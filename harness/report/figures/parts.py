"""The parts that an overall score is made of: all answers, their values, their references, and what has no answer."""

from collections.abc import Iterator, Mapping

from harness.analysis.cells import CellSummary
from harness.analysis.intervals import Interval
from harness.analysis.refusals import Refused
from harness.report.figures.case_arrays import CaseArrays, case_arrays
from harness.report.figures.clouds import Reading, reading_of
from harness.report.figures.figure import FigureData
from harness.report.figures.words import cell_name, share_tip

VALUE = ("value_accuracy", "value_accuracy_wattbot")
REFERENCES = ("ref_overlap",)
OVERALL = "Overall: right answers"
Part = list[Reading] | Refused


def score_parts(data: FigureData) -> Mapping[str, Part]:
    """The readings of each part by its heading, or why there are none."""
    return {
        OVERALL: overall(data),
        "Value: right values": metric_readings(data, VALUE),
        "References: overlap with gold": metric_readings(data, REFERENCES),
        "Unanswerable: right abstentions": unanswerable(data, case_arrays(data)),
    }


def overall(data: FigureData) -> list[Reading]:
    """The share right of every cell, a question without an answer counting as not right."""
    return [share_reading(cell, cell.share.intent_to_test) for cell in data.summary.cells]


def metric_readings(data: FigureData, names: tuple[str, ...]) -> Part:
    """The mean of the first of these metrics that any cell has values of, by cell."""
    for name in names:
        found = list(_of_metric(data, name))
        if found:
            return found
    return Refused(reason=f"no answer has a value of {' or '.join(names)}")


def unanswerable(data: FigureData, cases: CaseArrays) -> Part:
    """The share right of each cell among the questions that have no answer."""
    found = [
        share_reading(cell, share)
        for cell, rows in cases.by_cell(data)
        if (share := cases.share(cases.correct, rows & ~cases.answerable)) is not None
    ]
    return found or Refused(reason="no question is unanswerable")


def abstentions(data: FigureData) -> Mapping[str, Part]:
    """How often each cell gave no answer to answerable and to unanswerable questions, of those that it answered."""
    cases = case_arrays(data)
    abstained = cases.blank | (~cases.answerable & cases.correct)
    kinds = {"Answerable questions": cases.answerable, "Unanswerable questions": ~cases.answerable}
    return {
        heading: [
            share_reading(cell, share)
            for cell, rows in cases.by_cell(data)
            if (share := cases.share(abstained, rows & kind & cases.answered)) is not None
        ]
        or Refused(reason="no such question was answered")
        for heading, kind in kinds.items()
    }


def by_kind(data: FigureData) -> Mapping[str, list[Reading]]:
    """The share right of each cell by task type, or by type of answer where there is one task or none."""
    cases = case_arrays(data)
    return {
        kind: [
            share_reading(cell, share)
            for cell, rows in cases.by_cell(data)
            if (share := cases.share(cases.correct, rows & (cases.kind == place))) is not None
        ]
        for place, kind in enumerate(cases.kinds)
    }


def share_reading(cell: CellSummary, found: Interval) -> Reading:
    """A share of a cell, in percent in its tooltip."""
    return reading_of(cell, found, share_tip(cell_name(cell.model, cell.condition, cell.repeat), found))


def _of_metric(data: FigureData, name: str) -> Iterator[Reading]:
    for cell in data.summary.cells:
        for found in cell.metrics:
            if found.metric.rpartition("@")[0] == name and found.mean is not None:
                yield share_reading(cell, found.mean)
