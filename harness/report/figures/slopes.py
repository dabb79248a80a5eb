"""Does confidence grow with competence: slopes over size by task, and the published ratio of slopes beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isinf
from typing import TYPE_CHECKING

from harness.analysis.grid_confidence import SizedQuantity
from harness.analysis.line import Coefficient
from harness.analysis.refusals import Refused
from harness.analysis.uplift_line import UpliftLine
from harness.report.figures.axes import Axis, points_axis, value_axis
from harness.report.figures.figure import Figure, FigureData
from harness.report.figures.look import look_of
from harness.report.figures.marks import Dot
from harness.report.figures.names import short_names
from harness.report.figures.rows import AREA, Column, Mark, Table, row_sheet
from harness.report.figures.stated import STYLES, first_direct
from harness.report.figures.words import n_words, sentence, signed

if TYPE_CHECKING:
    from harness.analysis.compatible.ccg_by_task import TaskCcg
    from harness.analysis.published import Published

ALL = "all questions"
HEADINGS = {"accuracy": "Accuracy", "loss": "Loss", "gap": "Confidence gap"}
ROW = 40.0
Slope = tuple[SizedQuantity, UpliftLine, Coefficient]


def ccg_by_task(data: FigureData, width: int) -> Figure | Refused:
    """The slopes of accuracy, loss and gap over tenfold size by task, and the published CCG beside them."""
    look = look_of(data)
    condition = first_direct(data, look)
    if isinstance(condition, Refused):
        return condition
    if isinstance(data.analysis.quantities, Refused):
        return data.analysis.quantities
    mine = [one for one in data.analysis.quantities if one.condition == condition]
    known = _slopes(mine)
    if not known:
        why = [one.line.reason for one in mine if one.line.reason is not None]
        return Refused(reason=why[0] if why else f"condition {condition} has no slope")
    tasks = list(dict.fromkeys(one.task for one in mine))
    notes = _ccg_notes(data.analysis.published, tasks)
    columns = [
        _column(quantity, tasks, known) for quantity in HEADINGS if any(one.quantity == quantity for one, *_ in known)
    ]
    columns[0] = replace(columns[0], notes=notes)
    return Figure(
        stem="ccg_by_task",
        title="Does confidence grow with competence?",
        alt=_finding(known),
        caption=sentence(
            f"Condition: {look.condition_names[condition]}.",
            n_words((line.n for _, line, _ in known), "question", "per slope"),
            "Points: change per tenfold size. Bars: 95 % intervals (generalised least squares, Knapp-Hartung), none "
            "under 3 models.",
            "CCG: the published loss slope over the accuracy slope, compatible and without interval; healthy scaling "
            "is below 0."
            if notes
            else "",
        ),
        spec=row_sheet(Table(names=_names(tasks), row=ROW), columns, width, []),
        width=width,
    )


def _slopes(found: Sequence[SizedQuantity]) -> list[Slope]:
    return [
        (one, one.line, one.line.slope)
        for one in found
        if isinstance(one.line, UpliftLine) and one.line.slope is not None
    ]


def _names(tasks: Sequence[str | None]) -> list[str]:
    short = short_names([task or ALL for task in tasks])
    return [short[task or ALL] for task in tasks]


def _column(quantity: str, tasks: Sequence[str | None], known: Sequence[Slope]) -> Column:
    mine = [slope for slope in known if slope[0].quantity == quantity]
    marks = [
        Mark(
            row=tasks.index(one.task),
            slot=0.3,
            dot=Dot(
                x=slope.estimate,
                y=0.0,
                low=slope.low,
                high=slope.high,
                style=STYLES[quantity],
                tip=f"{one.task or ALL}: {_shown(quantity, slope)} per tenfold size, {_behind(line)}",
                area=AREA,
            ),
        )
        for one, line, slope in mine
    ]
    return Column(heading=HEADINGS[quantity], axis=_axis(quantity, mine), marks=marks, zero=0.0)


def _axis(quantity: str, known: Sequence[Slope]) -> Axis:
    reach = [end for *_, slope in known for end in (slope.estimate, slope.low, slope.high) if end is not None]
    if quantity == "loss":
        return value_axis([0.0, *reach], "nats per tenfold size")
    return points_axis(reach, "points per tenfold size")


def _behind(line: UpliftLine) -> str:
    return f"{len(line.models)} models, n = {line.n}"


def _shown(quantity: str, slope: Coefficient) -> str:
    return f"{slope.estimate:+.3g} nats" if quantity == "loss" else f"{signed(slope.estimate)} points"


def _ccg_notes(found: "Published | Refused", tasks: Sequence[str | None]) -> Mapping[int, str]:
    known = {} if isinstance(found, Refused) else {one.task: one for one in found.ccg}
    return {row: _note(known[task]) for row, task in enumerate(tasks) if task in known}


def _note(one: "TaskCcg") -> str:
    if one.ccg.ccg is None:
        return "no CCG"
    shown = "unbounded" if isinf(one.ccg.ccg) else f"{one.ccg.ccg:.2g}"
    return f"CCG {shown}, {one.ccg.label}"


def _finding(known: Sequence[Slope]) -> str:
    overall = {one.quantity: _shown(one.quantity, slope) for one, _, slope in known if one.task is None}
    told = [f"{HEADINGS[name].lower()} {overall[name]}" for name in HEADINGS if name in overall]
    if not told:
        return f"Slopes over size for {len({one.task for one, *_ in known})} tasks, none over all questions."
    return f"Per tenfold size over all questions: {', '.join(told)}."
