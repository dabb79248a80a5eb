"""Confidence against competence: loss, accuracy, stated confidence and the gap between them, by size."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis.gap import Confidence
from harness.analysis.intervals import Interval
from harness.analysis.refusals import Refused, needs
from harness.report import wording
from harness.report.figures.axes import Axis, moved, points_axis, share_axis, size_axis, value_axis
from harness.report.figures.clouds import rail, rail_room
from harness.report.figures.figure import ROOMY, Figure, FigureData, Spec
from harness.report.figures.look import Look, look_of
from harness.report.figures.marks import Dot, dot_of, dots, ends
from harness.report.figures.panel import Frame, level, panel
from harness.report.figures.sheet import Entry, grid_width, key_of, sheet
from harness.report.figures.stated import STYLES, first_direct, line_of, whole_cells
from harness.report.figures.theme import light
from harness.report.figures.uplift import uplift_line
from harness.report.figures.words import (
    cell_name,
    interval_words,
    n_words,
    name_words,
    points_tip,
    sentence,
    share_tip,
    unsized_words,
    value_tip,
    whole,
)

HEIGHT = 200
DODGE = 3.0
SIZES_LEAST = 2
Point = tuple[str, float, Interval]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one condition says of each sized model, smallest first: loss, share right, and stated confidence."""

    condition: str
    losses: Sequence[Point]
    right: Sequence[Point]
    stated: Sequence[Confidence]


def loss_accuracy_confidence(data: FigureData, width: int) -> Figure | Refused:
    """Loss, accuracy with confidence, and the gap between them against size, for direct answering."""
    look = look_of(data)
    condition = first_direct(data, look)
    if isinstance(condition, Refused):
        return condition
    told = _told(data, condition)
    sizes = {size for _, size, _ in told.right}
    if len(sizes) < SIZES_LEAST:
        return needs(SIZES_LEAST, "size of models", len(sizes))
    if not told.losses and not told.stated:
        return Refused(reason="no answer has a loss or a confidence")
    gaps = [one.gap.gap for one in told.stated if one.gap.gap is not None]
    intervals = [*(found for _, _, found in (*told.losses, *told.right)), *gaps]
    return Figure(
        stem="loss_accuracy_confidence",
        title="Loss, accuracy and confidence by model size",
        alt=_finding(look, told),
        caption=sentence(
            f"Condition: {look.condition_names[condition]}.",
            n_words((one.n for one in intervals), "answer"),
            interval_words(intervals),
            "Mean confidence has no interval of its own; the gap is paired with it." if told.stated else "",
            "" if told.losses else "Not shown: loss (no answer has one).",
            "" if told.stated else "Not shown: confidence (no answer has one).",
            unsized_words(look, look.models),
            name_words(look, look.models),
        ),
        spec=_spec(data, look, told, width),
        width=width,
    )


def _told(data: FigureData, condition: str) -> Told:
    cells = [cell for cell in data.summary.cells if cell.condition == condition and cell.params_b is not None]
    cells.sort(key=lambda cell: (cell.params_b or 0.0, cell.model, cell.repeat))
    stated = [one for one in whole_cells(data, condition) if one.params_b is not None and one.gap.gap is not None]
    return Told(
        condition=condition,
        losses=[(cell.model, cell.params_b or 0.0, found) for cell in cells if (found := cell.loss_nll.mean)],
        right=[(cell.model, cell.params_b or 0.0, found) for cell in cells if (found := cell.share.complete_case)],
        stated=sorted(stated, key=lambda one: (one.params_b or 0.0, one.cell, one.source or "")),
    )


def _spec(data: FigureData, look: Look, told: Told, width: int) -> Spec:
    number = 1 + bool(told.losses) + bool(told.stated)
    columns = number if width >= ROOMY else 1
    x, plot = size_axis([size for _, size, _ in told.right], most=4), grid_width(width, columns)
    panels = [_loss_panel(data, look, told, (x, plot))] if told.losses else []
    panels.append(_share_panel(data, look, told, (x, plot, columns > 1 or not panels)))
    panels += [_gap_panel(data, look, told, (x, plot, columns > 1))] if told.stated else []
    key = [Entry(text="right", style=STYLES["accuracy"]), Entry(text="mean confidence", style=STYLES["confidence"])]
    head = (rail_room(look, _sizes(told)), 0.0)
    return sheet(panels, columns=columns, key=key_of(key if told.stated else [], width), head=head)


def _loss_panel(data: FigureData, look: Look, told: Told, place: tuple[Axis, float]) -> Spec:
    y = value_axis(ends(found for *_, found in told.losses), "nats per token of the gold answer")
    frame = Frame(x=place[0], y=y, width=place[1], height=HEIGHT, heading="Loss")
    made = [
        dot_of(size, found, STYLES["loss"], value_tip(cell_name(model, "loss"), found, "nats"))
        for model, size, found in told.losses
    ]
    curve = line_of(data, "loss", told.condition)
    names = rail(frame, look, _sizes(told), named=True)
    return panel(frame, [*names, *uplift_line(frame, curve, STYLES["loss"]), *dots(made)])


def _share_panel(data: FigureData, look: Look, told: Told, place: tuple[Axis, float, bool]) -> Spec:
    claimed = [one.gap.mean_confidence for one in told.stated if one.gap.mean_confidence is not None]
    y = share_axis([*ends(found for *_, found in told.right), *claimed], "% of answers")
    heading = "Accuracy and confidence" if told.stated else "Accuracy"
    frame = Frame(x=place[0], y=y, width=place[1], height=HEIGHT, heading=heading)
    shift = -DODGE if told.stated else 0.0
    made = [
        dot_of(
            moved(frame.x, size, shift, frame.width),
            found,
            STYLES["accuracy"],
            share_tip(cell_name(model, "right"), found),
        )
        for model, size, found in told.right
    ]
    claims = [_claim(frame, one) for one in told.stated]
    curve = line_of(data, "accuracy", told.condition)
    names = rail(frame, look, _sizes(told), named=place[2])
    return panel(frame, [*names, *uplift_line(frame, curve, STYLES["accuracy"]), *dots(made), *dots(claims)])


def _claim(frame: Frame, one: Confidence) -> Dot:
    mean = one.gap.mean_confidence or 0.0
    tip = f"{cell_name(one.model, 'mean confidence')}: {100 * mean:.1f} %, n = {one.gap.n}"
    x = moved(frame.x, one.params_b or 1.0, DODGE, frame.width)
    return Dot(x=x, y=mean, style=STYLES["confidence"], tip=tip)


def _gap_panel(data: FigureData, look: Look, told: Told, place: tuple[Axis, float, bool]) -> Spec:
    gaps = [(one.model, one.params_b or 1.0, one.gap.gap) for one in told.stated if one.gap.gap is not None]
    y = points_axis(ends(found for *_, found in gaps), "confidence less right, points")
    frame = Frame(x=place[0], y=y, width=place[1], height=HEIGHT, heading="Gap")
    made = [
        dot_of(size, found, STYLES["gap"], points_tip(cell_name(model, "gap"), found)) for model, size, found in gaps
    ]
    curve = uplift_line(frame, line_of(data, "gap", told.condition), STYLES["gap"])
    names = rail(frame, look, _sizes(told), named=place[2])
    return panel(frame, [*names, *level(frame, 0.0, light("axis"), ()), *curve, *dots(made)])


def _sizes(told: Told) -> dict[str, float]:
    return {model: size for model, size, _ in told.right}


def _finding(look: Look, told: Told) -> str:
    parts = []
    if told.losses:
        parts.append(f"loss goes from {told.losses[0][2].estimate:.2f} to {told.losses[-1][2].estimate:.2f} nats")
    parts.append(f"right answers from {whole(told.right[0][2].estimate)} to {whole(told.right[-1][2].estimate)}")
    if told.stated:
        claimed = [one.gap.mean_confidence or 0.0 for one in told.stated]
        parts.append(f"mean confidence from {whole(claimed[0])} to {whole(claimed[-1])}")
    span = f"{wording.size(told.right[0][1])} to {wording.size(told.right[-1][1])}"
    return f"From {span} ({look.condition_names[told.condition]}): {', '.join(parts)}."
